package bot

import (
	"context"
	"encoding/xml"
	"log/slog"
	"sync"
	"time"

	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/stanza"

	"adminbot/internal/alertrpc"
	"adminbot/internal/xmpp/element"
	"adminbot/internal/xmpp/muc"
	handling "adminbot/internal/xmpp/turn"
)

// Bounds of rooms.
const (
	maxRooms     = 4096 // that the bot is in; more are not entered
	maxOccupants = 1024 // whose address is remembered, of each
	roomsFirst   = 2 * time.Second
	roomsAtLast  = time.Minute // between two questions for the rooms that there are
)

// RoomsConfig is what rooms are made of. All are needed but Log.
type RoomsConfig struct {
	JID     jid.JID // the bot's own address
	Nick    string  // what it is called in rooms
	Service jid.JID // the alert service
	Alerts  Alerts  // the same, to be asked
	Send    func(context.Context, xml.TokenReader) error
	Log     *slog.Logger
}

// Rooms are the rooms of alerts that the bot is in. It enters those that the alert
// service tells of, and no others: anybody can invite it anywhere. Its methods
// are safe for concurrent use.
type Rooms struct {
	cfg   RoomsConfig
	asked chan struct{} // one token for each invitation that is looked into

	mu sync.Mutex
	in map[string]*alertRoom // by address
}

// An alertRoom is one of them.
type alertRoom struct {
	AlertRoom
	nick      string             // the bot's own
	occupants map[string]jid.JID // real addresses by nickname
}

// NewRooms makes rooms that the bot is not in yet.
func NewRooms(cfg RoomsConfig) *Rooms {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Rooms{cfg: cfg, asked: make(chan struct{}, 4), in: map[string]*alertRoom{}}
}

// Occupant is the real bare address behind a nickname. It is false for who is not
// there.
func (r *Rooms) Occupant(room jid.JID, nick string) (jid.JID, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	rm := r.in[room.Bare().String()]
	if rm == nil {
		return jid.JID{}, false
	}
	real, ok := rm.occupants[nick]
	return real, ok
}

// Alert is what a room is for; false: the bot is not in it.
func (r *Rooms) Alert(room jid.JID) (AlertRoom, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	rm := r.in[room.Bare().String()]
	if rm == nil {
		return AlertRoom{}, false
	}
	return rm.AlertRoom, true
}

// Connected enters all rooms of alerts that are open. It returns when the alert
// service has told them, or ctx is done; it is called for each new session, which
// is in none.
func (r *Rooms) Connected(ctx context.Context) {
	r.mu.Lock()
	clear(r.in)
	r.mu.Unlock()
	for wait := roomsFirst; ; wait = min(2*wait, roomsAtLast) {
		all, err := r.ask(ctx, "")
		if err == nil {
			for _, room := range all {
				r.enter(ctx, room)
			}
			return
		}
		r.cfg.Log.DebugContext(ctx, "which rooms alerts have is not known yet", "err", err, "retry", wait)
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return
		}
	}
}

// ask asks the alert service for the rooms of open alerts: of all, or whether one
// is such a room.
func (r *Rooms) ask(ctx context.Context, room string) ([]alertrpc.Room, error) {
	args := map[string]any{}
	if room != "" {
		args["room"] = room
	}
	value, err := r.cfg.Alerts.Ask(ctx, r.cfg.JID, alertrpc.Rooms.Name, args)
	if err != nil {
		return nil, err
	}
	var out alertrpc.RoomsResult
	err = value.DecodeKnown(&out)
	return out.Rooms, err
}

// Invited looks into an invitation (XEP-0045#invite-mediated). It may take as long as
// the alert service.
func (r *Rooms) Invited(ctx context.Context, room, by jid.JID) {
	if !by.Domain().Equal(r.cfg.Service.Domain()) {
		r.cfg.Log.InfoContext(ctx, "not entering a room: the invitation is not the alert service's", "room", room, "by", by)
		return
	}
	handling.Yield(ctx)
	select {
	case r.asked <- struct{}{}:
		defer func() { <-r.asked }()
	case <-ctx.Done():
		return
	}
	all, err := r.ask(ctx, room.Bare().String())
	switch {
	case err != nil:
		r.cfg.Log.WarnContext(ctx, "not entering a room: the alert service does not say what it is", "room", room, "err", err)
	case len(all) == 0:
		r.cfg.Log.WarnContext(ctx, "not entering a room: the alert service does not know it", "room", room)
	default:
		r.enter(ctx, all[0])
	}
}

// enter enters a room.
func (r *Rooms) enter(ctx context.Context, room alertrpc.Room) {
	addr, err := jid.Parse(room.JID)
	if err != nil {
		r.cfg.Log.WarnContext(ctx, "not entering a room: it has no address", "room", room.JID)
		return
	}
	r.mu.Lock()
	old := r.in[addr.String()]
	full := len(r.in) >= maxRooms
	if old == nil && !full {
		r.in[addr.String()] = &alertRoom{AlertRoom: AlertRoom{Alert: int64(room.Alert), Host: room.Host}, nick: r.cfg.Nick, occupants: map[string]jid.JID{}}
	}
	r.mu.Unlock()
	switch {
	case full:
		r.cfg.Log.WarnContext(ctx, "not entering a room: the bot is in too many", "room", room.JID)
	case old == nil:
		r.join(ctx, addr, r.cfg.Nick)
	}
}

func (r *Rooms) join(ctx context.Context, room jid.JID, nick string) {
	r.present(ctx, room, nick, stanza.AvailablePresence, muc.Join())
}

func (r *Rooms) present(ctx context.Context, room jid.JID, nick string, typ stanza.PresenceType, payload ...*element.Element) {
	at, err := room.WithResource(nick)
	if err == nil {
		err = r.cfg.Send(ctx, stanza.Presence{To: at, Type: typ}.Wrap(element.TokenReader(payload...)))
	}
	if err != nil {
		r.cfg.Log.WarnContext(ctx, "presence was not sent to a room", "room", room, "err", err)
	}
}

// HandlePresence takes presence of rooms that the bot is in; t yields its children.
// It is false for any other, of which nothing was read.
func (r *Rooms) HandlePresence(ctx context.Context, p stanza.Presence, t xml.TokenReader) bool {
	room, nick := p.From.Bare(), p.From.Resourcepart()
	if _, known := r.Alert(room); !known {
		return false
	}
	children, err := element.ReadAll(t)
	if err != nil {
		return true
	}
	user, _ := muc.ParseUser(children)
	again, over := r.note(room, nick, p.Type, user)
	switch {
	case again != "":
		r.join(ctx, room, again)
	case over:
		handling.Yield(ctx)
		if all, err := r.ask(ctx, room.String()); err == nil && len(all) == 0 {
			r.leave(ctx, room)
		}
	}
	return true
}

// note notes who is in a room. It returns a nickname to try, if that of the bot is
// taken, and whether there may be nothing to be done there any more: the alert service
// has left, which may come back, or the bot may not speak.
func (r *Rooms) note(room jid.JID, nick string, typ stanza.PresenceType, user muc.User) (again string, over bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	rm := r.in[room.String()]
	switch {
	case rm == nil:
	case typ == stanza.ErrorPresence && nick == rm.nick:
		if rm.nick == r.cfg.Nick { // perhaps somebody else is called that
			rm.nick += "_"
			return rm.nick, false
		}
		delete(r.in, room.String())
	case typ == stanza.UnavailablePresence:
		over = rm.occupants[nick].Domain().Equal(r.cfg.Service.Domain())
		delete(rm.occupants, nick)
		if nick == rm.nick && user.Is(muc.StatusSelf) || user.Destroyed { // put out
			delete(r.in, room.String())
		}
	case typ == stanza.AvailablePresence && user.JID.String() != "" && len(rm.occupants) < maxOccupants:
		rm.occupants[nick] = user.JID
		over = nick == rm.nick && user.Role == "visitor"
	}
	return "", over
}

// leave leaves a room.
func (r *Rooms) leave(ctx context.Context, room jid.JID) {
	r.mu.Lock()
	rm := r.in[room.String()]
	delete(r.in, room.String())
	r.mu.Unlock()
	if rm != nil {
		r.present(ctx, room, rm.nick, stanza.UnavailablePresence)
	}
}
