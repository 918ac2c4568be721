package workgroups

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/stanza"

	"adminbot/internal/xmpp/disco"
	"adminbot/internal/xmpp/element"
	"adminbot/internal/xmpp/muc"
)

// A room is one that the service is in, or is about to enter. Its workgroup is
// the occupant, with its bare address: an invitation then comes from that
// (XEP-0142#proto-agent-invite).
type room struct {
	addr  jid.JID
	from  jid.JID // the workgroup
	nick  string
	alert int64
	owner bool
	fresh bool // it was made just now, and nobody was asked in yet
	bot   bool // was asked in since the service is in it

	self chan selfPresence // holds one: what came of entering
	done chan struct{}     // closed when it is entered

	// Under rooms.mu.
	seen   map[string]bool // who has come in before
	voices map[string]bool // nicknames of participants: those who can be silenced
	sealed bool
}

// selfPresence is a room's answer to who enters.
type selfPresence struct {
	user muc.User
	err  error
}

func (rm *room) entered() {
	if !rm.isEntered() {
		close(rm.done)
	}
}

func (rm *room) isEntered() bool {
	select {
	case <-rm.done:
		return true
	default:
		return false
	}
}

// inside returns a room that the service is in, or nil.
func (r *rooms) inside(addr jid.JID) *room {
	r.mu.Lock()
	defer r.mu.Unlock()
	if rm := r.in[addr.String()]; rm != nil && rm.isEntered() {
		return rm
	}
	return nil
}

// find returns the service that has the rooms.
func (r *rooms) find(ctx context.Context) (jid.JID, error) {
	r.finding.Lock()
	defer r.finding.Unlock()
	switch {
	case r.none:
		return jid.JID{}, errNoRooms
	case !r.service.Equal(jid.JID{}):
		return r.service, nil
	}
	_, parent, _ := strings.Cut(r.s.cfg.Domain.Domainpart(), ".")
	server, err := jid.New("", parent, "")
	if err != nil {
		return jid.JID{}, errNoRooms
	}
	query, err := r.request(ctx, r.s.cfg.Domain, server, stanza.GetIQ, element.New(disco.NSItems, "query"))
	if err != nil {
		return jid.JID{}, fmt.Errorf("items of %s: %w", server, err)
	}
	items, err := disco.ParseItems(query)
	if err != nil {
		return jid.JID{}, err
	}
	var silent error
	for _, item := range items {
		if item.JID.Localpart() != "" || item.JID.Equal(r.s.cfg.Domain) {
			continue
		}
		infoCtx, cancel := context.WithTimeout(ctx, infoTime) // one that is silent does not hide the others
		query, err := r.request(infoCtx, r.s.cfg.Domain, item.JID, stanza.GetIQ, disco.Query(""))
		cancel()
		if _, refused := answer(err); err != nil {
			if !refused {
				silent = err
			}
			continue
		}
		if info, err := disco.Parse(query); err == nil && info.Has(muc.NS) {
			r.service = item.JID
			return r.service, nil
		}
	}
	if silent != nil {
		return jid.JID{}, silent
	}
	r.none = true
	r.log.InfoContext(ctx, "alerts have no rooms: the server names no service for them", "server", server)
	return jid.JID{}, errNoRooms
}

// forget has the service of rooms looked for anew.
func (r *rooms) forget() {
	r.finding.Lock()
	defer r.finding.Unlock()
	r.service, r.none = jid.JID{}, false
}

// request makes a request and returns the payload of its answer.
func (r *rooms) request(ctx context.Context, from, to jid.JID, typ stanza.IQType, payload *element.Element) (*element.Element, error) {
	_, answer, err := r.s.cfg.Wire.RoundTripIQ(ctx, stanza.IQ{Type: typ, From: from, To: to}, payload.TokenReader())
	if err != nil {
		return nil, err
	}
	all, err := element.ReadAll(answer)
	if err != nil || len(all) == 0 {
		return element.New("", ""), err
	}
	return all[0], nil
}

// enter enters a room, and makes it if it is not there. Whoever goes by the name of the
// workgroup there does not keep it out.
func (r *rooms) enter(ctx context.Context, addr jid.JID, j *roomJob) (rm *room, created bool, err error) {
	rm, created, err = r.enterAs(ctx, addr, j, j.Workgroup)
	if errors.Is(err, stanza.Error{Condition: stanza.Conflict}) {
		return r.enterAs(ctx, addr, j, j.Workgroup+"_")
	}
	return rm, created, err
}

func (r *rooms) enterAs(ctx context.Context, addr jid.JID, j *roomJob, nick string) (rm *room, created bool, err error) {
	_, entries, err := r.s.Alert(ctx, j.Alert)
	if err != nil {
		return nil, false, err
	}
	rm = &room{
		addr: addr, from: r.s.Address(j.Workgroup), nick: nick, alert: j.Alert,
		self: make(chan selfPresence, 1), done: make(chan struct{}), seen: map[string]bool{}, voices: map[string]bool{},
	}
	for _, e := range entries {
		if e.What == "joined" {
			rm.seen[e.Who] = true
		}
	}
	at, err := addr.WithResource(rm.nick)
	if err != nil {
		return nil, false, err
	}
	r.mu.Lock()
	r.in[addr.String()] = rm
	r.mu.Unlock()
	if err := r.presence(ctx, rm.from, at, "", muc.Join()); err != nil {
		return nil, false, err
	}
	select {
	case self := <-rm.self:
		if self.err != nil {
			return nil, false, fmt.Errorf("%s: %w", addr, self.err)
		}
		rm.owner = self.user.Affiliation == "owner"
		rm.fresh = self.user.Is(muc.StatusCreated)
		return rm, rm.fresh, nil
	case <-ctx.Done():
		return nil, false, fmt.Errorf("%s does not answer: %w", addr, ctx.Err())
	}
}

func (r *rooms) presence(ctx context.Context, from, to jid.JID, typ string, payload ...*element.Element) error {
	e := element.New("", "presence", "from", from.String(), "to", to.String(), "type", typ).Add(payload...)
	return r.s.cfg.Wire.Send(ctx, e.TokenReader())
}

// hear takes presence of rooms. It is false for what is none.
func (r *rooms) hear(ctx context.Context, p stanza.Presence, children []*element.Element) bool {
	if r == nil {
		return false
	}
	user, ok := muc.ParseUser(children)
	r.mu.Lock()
	rm := r.in[p.From.Bare().String()]
	mine := rm != nil && rm.nick == p.From.Resourcepart()
	comes := rm != nil && ok && !mine && p.Type == stanza.AvailablePresence && !user.JID.Equal(jid.JID{}) && !rm.seen[user.JID.Bare().String()]
	if comes {
		rm.seen[user.JID.Bare().String()] = true
	}
	speaks := rm != nil && !mine && rm.speaks(p, user)
	if mine && p.Type == stanza.UnavailablePresence && rm.isEntered() { // else it was in it before, and that is over
		delete(r.in, p.From.Bare().String())
	}
	r.mu.Unlock()
	if speaks {
		r.hush(ctx, rm, p.From.Resourcepart())
	}
	switch {
	case rm == nil:
		return ok // of a room that it has left
	case p.Type == stanza.ErrorPresence:
		rm.answer(selfPresence{err: errorOf(children)})
	case mine && p.Type == stanza.AvailablePresence:
		rm.answer(selfPresence{user: user})
	case comes:
		err := r.s.do(ctx, func(m *machine, now time.Time) error {
			m.joined(rm.alert, user.JID, now)
			return nil
		})
		if err != nil {
			r.log.WarnContext(ctx, "who came into a room was not noted", "room", rm.addr, "err", err)
			r.mu.Lock()
			delete(rm.seen, user.JID.Bare().String())
			r.mu.Unlock()
		}
	}
	return true
}

// lacks reports whether the bot is to be asked in, and takes it for asked: it was not,
// as far as is known. A room that is found again may have been made by a process that
// did not get further.
func (r *rooms) lacks(rm *room, bot jid.JID) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	lacks := rm.fresh || !rm.bot && !rm.seen[bot.Bare().String()]
	rm.bot = rm.bot || lacks
	return lacks
}

// forgot notes that a room may not have asked the bot in. It is false for what is no
// room.
func (r *rooms) forgot(addr jid.JID) bool {
	if r == nil {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	rm := r.in[addr.String()]
	if rm != nil {
		rm.bot = false
	}
	return rm != nil
}

func (rm *room) answer(s selfPresence) {
	select {
	case rm.self <- s:
	default:
	}
}

// errorOf is the error of a stanza that holds these.
func errorOf(children []*element.Element) error {
	for _, c := range children {
		if c.Name.Local == "error" {
			var se stanza.Error
			if xml.NewTokenDecoder(c.TokenReader()).Decode(&se) == nil {
				return se
			}
		}
	}
	return errors.New("refused")
}

// isOf reports whether a room that is there is of this alert: then it was made by a
// process that was killed before it had noted that.
func (r *rooms) isOf(ctx context.Context, rm *room, a *Alert) bool {
	if rm.addr.Localpart() == a.roomNames()[1] {
		return true
	}
	query, err := r.request(ctx, rm.from, rm.addr, stanza.GetIQ, disco.Query(""))
	if err != nil {
		return false
	}
	info, err := disco.Parse(query)
	return err == nil && slices.ContainsFunc(info.Forms, func(f disco.Form) bool {
		return slices.ContainsFunc(f.Fields, func(d disco.Field) bool {
			return d.Var == "muc#roominfo_description" && slices.Contains(d.Values, a.roomMark())
		})
	})
}

// furnish makes a new room what it is to be, and says what it is for.
func (r *rooms) furnish(ctx context.Context, rm *room, j *roomJob) error {
	title := fmt.Sprintf("Alert %d · %s", j.Alert, j.alert.title())
	form, err := r.request(ctx, rm.from, rm.addr, stanza.GetIQ, muc.AskConfig())
	if err != nil {
		return fmt.Errorf("%s: its configuration: %w", rm.addr, err)
	}
	// What a server calls otherwise, or does not have, is left out.
	config := muc.Configure(form, map[string]string{
		"muc#roomconfig_roomname":        cut(title, 200),
		"muc#roomconfig_roomdesc":        j.alert.roomMark(),
		"muc#roomconfig_membersonly":     "1",
		"muc#roomconfig_whois":           "anyone",
		"muc#roomconfig_persistentroom":  "1",
		"muc#roomconfig_publicroom":      "0",
		"muc#roomconfig_moderatedroom":   "0",
		"muc#roomconfig_allowinvites":    "1",
		"muc#roomconfig_changesubject":   "0",
		"muc#roomconfig_enablearchiving": "1", // Prosody
		"mam":                            "1", // ejabberd
	})
	if _, err := r.request(ctx, rm.from, rm.addr, stanza.SetIQ, config); err != nil {
		return fmt.Errorf("%s: its configuration: %w", rm.addr, err)
	}
	if err := r.say(ctx, rm, "subject", title); err != nil {
		return err
	}
	return r.say(ctx, rm, "body", j.alert.greeting())
}

// greeting is the first thing that is said in the room of an alert.
func (a *Alert) greeting() string {
	text := fmt.Sprintf("Alert %d · %s", a.ID, a.title())
	if d := strings.TrimSpace(a.Details); d != "" {
		text += "\n" + cut(d, 1000)
	}
	text += fmt.Sprintf("\n%s has it. When it is over: resolve %d and what was done.", a.Owner.Bare(), a.ID)
	return text
}

// say says something to everybody in a room: a body, or a subject.
func (r *rooms) say(ctx context.Context, rm *room, what, text string) error {
	e := element.New("", "message", "from", rm.from.String(), "to", rm.addr.String(), "type", "groupchat").AddText(what, text)
	return r.s.cfg.Wire.Send(ctx, e.TokenReader())
}

// ask asks somebody in, through the room (XEP-0142#proto-agent-invite). Not every
// server passes on what stands beside the invitation.
func (r *rooms) ask(ctx context.Context, rm *room, j *roomJob, who jid.JID, reason string) error {
	e := element.New("", "message", "from", rm.from.String(), "to", rm.addr.String(), "id", j.stanzaID()).
		Add(muc.Invitation{To: who, Reason: reason}.Element()).
		Add(element.New(NS, "offer", "jid", j.User.String()), sessionElement(sessionID(j.Alert), rm.from, j.Grant))
	return r.s.cfg.Wire.Send(ctx, e.TokenReader())
}
