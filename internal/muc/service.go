// Package muc is a service of chat rooms (XEP-0045) without a server around it:
// stanzas go in by [Service.Handle], and come out at the [Peer] of whoever is
// in a room.
//
// Make a service with [New], read the rooms that were kept with [Service.Load],
// hand it all stanzas for its domain, and tell it with [Service.Gone] when a
// connection has ended, and with [Service.End] when all are about to. Each room has a lock, held while one stanza is handled:
// so all who are in a room see everything in one order. Nothing waits for those
// who read slowly, but a room whose archive (XEP-0313) is on waits for the
// store before anybody sees a message.
//
// What is inside messages is passed on as the bytes it came in.
package muc

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"mellium.im/xmpp/jid"

	"adminbot/internal/xmpp/muc"
)

// Namespaces.
const (
	nsConfig  = muc.NS + "#roomconfig"
	nsInfo    = muc.NS + "#roominfo"
	nsRequest = muc.NS + "#request"
	nsDirect  = "jabber:x:conference" // XEP-0249
	nsDelay   = "urn:xmpp:delay"
	nsHints   = "urn:xmpp:hints"
	nsForward = "urn:xmpp:forward:0"
	nsPing    = "urn:xmpp:ping"

	nsStanzaID   = "urn:xmpp:sid:0"
	nsOccupantID = "urn:xmpp:occupant-id:0" // XEP-0421
)

// A Peer is a connection by which addresses are in rooms: that of a client, or
// of a component, which may have many. Peers are compared with ==.
type Peer interface {
	// Send queues one stanza, in parts, and never waits. What it is given is
	// not kept.
	Send(parts ...[]byte) bool
	// SendAll queues several stanzas that answer a question of the peer's.
	SendAll(stanzas ...[]byte) bool
}

// Options of a service.
type Options struct {
	Domain string // of the service
	Store  Store  // where rooms and archives are kept; nil: no room outlives those who are in it
	// MayCreate reports whether somebody, by his bare address, may make
	// rooms; nil: everybody.
	MayCreate func(jid.JID) bool
	// Exists reports whether there is somebody to be invited; nil: yes.
	Exists func(jid.JID) bool
	// Route sends a stanza of a client's stream to whoever it is for. It is
	// called with no locks held. Nil: invitations are lost.
	Route func(ctx context.Context, from jid.JID, stanza []byte)
	// Component reports whether a domain is that of a component, which may
	// send more and own more rooms; nil: none is.
	Component func(domain string) bool
	Limits    Limits
	Log       *slog.Logger // nil is silent
}

// A Service has rooms. Its methods are safe for concurrent use.
type Service struct {
	opt  Options
	host jid.JID
	lim  Limits
	log  *slog.Logger

	// Taken while a room's lock is held, never the other way round.
	mu     sync.Mutex
	rooms  map[string]*room       // by localpart
	owned  map[string]int         // rooms by who made them
	visits map[Peer]map[*room]int // how many addresses of a peer are in a room
	guests map[string]*guest      // by account, or domain of a component
}

// New makes a service without rooms.
func New(opt Options) (*Service, error) {
	host, err := jid.Parse(opt.Domain)
	if err != nil || host.String() != host.Domainpart() {
		return nil, fmt.Errorf("muc: %q is not a domain", opt.Domain)
	}
	if opt.Log == nil {
		opt.Log = slog.New(slog.DiscardHandler)
	}
	if opt.MayCreate == nil {
		opt.MayCreate = func(jid.JID) bool { return true }
	}
	if opt.Exists == nil {
		opt.Exists = func(jid.JID) bool { return true }
	}
	if opt.Route == nil {
		opt.Route = func(context.Context, jid.JID, []byte) {}
	}
	if opt.Component == nil {
		opt.Component = func(string) bool { return false }
	}
	return &Service{
		opt: opt, host: host, lim: opt.Limits.WithDefaults(), log: opt.Log,
		rooms: make(map[string]*room), owned: make(map[string]int),
		visits: make(map[Peer]map[*room]int), guests: make(map[string]*guest),
	}, nil
}

// Handle takes a stanza for the service, for a room or for somebody in it.
func (s *Service) Handle(ctx context.Context, p Peer, st *Stanza) {
	switch {
	case st.To.Localpart() == "":
		s.toService(p, st)
	case st.Kind == Presence:
		s.presence(ctx, p, st)
	case st.Kind == Message:
		s.message(ctx, p, st)
	case st.Type == "get" || st.Type == "set":
		s.request(ctx, p, st)
	default:
		s.passAnswer(st)
	}
}

// Gone takes a connection that has ended out of all rooms.
func (s *Service) Gone(ctx context.Context, p Peer) {
	s.mu.Lock()
	rooms := make([]*room, 0, len(s.visits[p]))
	for r := range s.visits[p] {
		rooms = append(rooms, r)
	}
	s.mu.Unlock()
	slices.SortFunc(rooms, func(a, b *room) int { return cmp.Compare(a.name(), b.name()) })
	for _, r := range rooms {
		s.in(ctx, r, func() {
			for _, v := range r.visitsOf(p) {
				r.leave(v, gone{})
			}
		})
	}
}

// End tells everybody who is in a room that the service shuts down
// (XEP-0045#service-shutdown-kick). Nobody is in one after it, unless they come again.
func (s *Service) End(ctx context.Context) {
	s.mu.Lock()
	rooms := slices.Collect(maps.Values(s.rooms))
	s.mu.Unlock()
	for _, r := range rooms {
		s.in(ctx, r, func() {
			for _, o := range slices.Clone(r.occupants) {
				for len(o.visits) > 0 {
					r.part(o.visits[0], gone{change: change{status: []int{statusShutdown}}})
				}
			}
		})
	}
}

// room returns the room of a name, nil if there is none.
func (s *Service) room(name string) *room {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rooms[name]
}

// with runs f with the lock of a room that there is, and reports whether there
// is one.
func (s *Service) with(ctx context.Context, name string, f func(*room)) bool {
	for {
		r := s.room(name)
		if r == nil {
			return false
		}
		if s.in(ctx, r, func() { f(r) }) {
			return true
		}
	}
}

// in runs f with the lock of a room, unless the room has ended.
func (s *Service) in(ctx context.Context, r *room, f func()) bool {
	r.mu.Lock()
	if r.ended {
		r.mu.Unlock()
		return false
	}
	func() {
		defer r.mu.Unlock()
		f()
		r.endIfUnused(ctx)
	}()
	r.sendLetters(ctx)
	return true
}

// create makes a room that nobody is in yet, or returns the one of that name.
func (s *Service) create(st *Stanza) (*room, *stanzaError) {
	owner := st.From.Bare()
	if len(st.To.Localpart()) > s.lim.NameBytes {
		return nil, errBadName
	}
	may, component := s.opt.MayCreate(owner), s.opt.Component(owner.Domainpart())
	most := s.lim.Rooms
	if component {
		most *= 2 // nobody else can take all
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	name := st.To.Localpart()
	switch r := s.rooms[name]; {
	case r != nil:
		return r, nil
	case !may:
		return nil, errNotAllowed
	case len(s.rooms) >= most, !component && s.owned[owner.String()] >= s.lim.RoomsEach:
		return nil, errTooManyRooms
	}
	r := s.newRoom(st.To.Bare(), owner.String())
	r.locked = true
	r.affiliations[r.maker] = Owner
	s.rooms[name] = r
	s.owned[r.maker]++
	return r, nil
}

func (s *Service) newRoom(address jid.JID, maker string) *room {
	return &room{
		s: s, jid: address, maker: maker, cfg: defaultConfig,
		affiliations: make(map[string]Affiliation), byNick: make(map[string]*occupant), byAddress: make(map[string]*visit),
	}
}

// remove forgets a room. The caller holds its lock.
func (s *Service) remove(r *room) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.rooms, r.name())
	if s.owned[r.maker]--; s.owned[r.maker] <= 0 {
		delete(s.owned, r.maker)
	}
}

// Load reads the rooms that were kept. One that is damaged is left out. Call it
// before Handle.
func (s *Service) Load(ctx context.Context) error {
	if s.opt.Store == nil {
		return nil
	}
	all, err := s.opt.Store.Rooms(ctx)
	if err != nil {
		return fmt.Errorf("muc: %w", err)
	}
	for _, saved := range all {
		if err := s.restore(ctx, saved); err != nil {
			s.log.Error("muc: a room could not be restored", "room", saved.Name, "err", err)
		}
	}
	return nil
}

// Stats are counts of a service.
type Stats struct{ Rooms, Peers int }

// Stats returns the counts of this moment.
func (s *Service) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return Stats{len(s.rooms), len(s.visits)}
}

// keepTime bounds how long a room waits for the store.
const keepTime = 10 * time.Second
