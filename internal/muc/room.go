package muc

import (
	"context"
	"slices"
	"sync"
	"time"

	"mellium.im/xmpp/jid"
)

// A room's fields are guarded by its lock, but for those that never change.
type room struct {
	s     *Service
	jid   jid.JID // bare
	maker string  // bare

	mu           sync.Mutex
	ended        bool // it is no longer to be found
	locked       bool // its owner has not said how it is to be (XEP-0045#createroom)
	kept         bool // the store knows it
	cfg          Config
	affiliations map[string]Affiliation // of bare addresses and domains, but for None
	subject      subject
	byNick       map[string]*occupant
	occupants    []*occupant // the same, in the order in which they came
	byAddress    map[string]*visit
	history      history
	visitors     int      // that there have been
	letters      [][]byte // stanzas to anybody, for when the lock is free
}

// An occupant is in a room by one nickname, with one client or more.
type occupant struct {
	nick string
	bare string // address of the account
	role role
	// The last one is the one that others see.
	visits []*visit
}

// A visit is one address in a room.
type visit struct {
	who      jid.JID
	number   int    // of all visits to the room
	to       []byte // attribute
	peer     Peer
	occupant *occupant
	attrs    []byte // of the last presence
	kids     []byte // in it
}

func (r *room) name() string { return r.jid.Localpart() }

// address is that of who is in the room by a nickname.
func (r *room) address(nick string) jid.JID {
	j, err := r.jid.WithResource(nick)
	if err != nil {
		return r.jid // it was the resource of an address
	}
	return j
}

// affiliation is what an address is to the room: by its account, or else by its
// domain.
func (r *room) affiliation(who jid.JID) Affiliation {
	if a, ok := r.affiliations[who.Bare().String()]; ok {
		return a
	}
	return r.affiliations[who.Domainpart()]
}

func (o *occupant) affiliation(r *room) Affiliation { return r.affiliation(o.who()) }

// who is the address that others see.
func (o *occupant) who() jid.JID { return o.seen().who }

func (o *occupant) seen() *visit { return o.visits[len(o.visits)-1] }

// visitsOf returns the addresses of a peer that are in the room.
func (r *room) visitsOf(p Peer) []*visit {
	var all []*visit
	for _, o := range r.occupants {
		for _, v := range o.visits {
			if v.peer == p {
				all = append(all, v)
			}
		}
	}
	return all
}

// send sends a stanza to one address in the room.
func (v *visit) send(kind Kind, tail []byte) { v.peer.Send(starts[kind], v.to, tail) }

// broadcast sends one to all.
func (r *room) broadcast(kind Kind, tail []byte) {
	for _, o := range r.occupants {
		o.send(kind, tail)
	}
}

func (o *occupant) send(kind Kind, tail []byte) {
	for _, v := range o.visits {
		v.send(kind, tail)
	}
}

// write has a stanza sent to anybody when the lock is free.
func (r *room) write(kind Kind, to string, tail []byte) {
	r.letters = append(r.letters, whole(kind, to, tail))
}

func (r *room) sendLetters(ctx context.Context) {
	r.mu.Lock()
	letters := r.letters
	r.letters = nil
	r.mu.Unlock()
	for _, l := range letters {
		r.s.opt.Route(ctx, r.jid, l)
	}
}

// add puts somebody into the room.
func (r *room) add(v *visit, nick string) *occupant {
	o := r.byNick[nick]
	if o == nil {
		o = &occupant{nick: nick, bare: v.who.Bare().String(), role: r.cfg.roleOf(r.affiliation(v.who))}
		r.byNick[nick] = o
		r.occupants = append(r.occupants, o)
	}
	r.visitors++
	v.number, v.occupant = r.visitors, o
	o.visits = append(o.visits, v)
	r.byAddress[v.who.String()] = v
	return o
}

// drop takes an address out of the room.
func (r *room) drop(v *visit) {
	o := v.occupant
	o.visits = slices.DeleteFunc(o.visits, func(x *visit) bool { return x == v })
	if len(o.visits) == 0 {
		delete(r.byNick, o.nick)
		r.occupants = slices.DeleteFunc(r.occupants, func(x *occupant) bool { return x == o })
	}
	delete(r.byAddress, v.who.String())
	r.s.departs(v.peer, v.who, r)
}

// endIfUnused ends a room that nobody is in and that is not to outlive that.
func (r *room) endIfUnused(ctx context.Context) {
	if len(r.occupants) == 0 && !r.ended && (r.locked || !r.cfg.Persistent) {
		r.end(ctx)
	}
}

// end forgets the room, which nobody is in.
func (r *room) end(ctx context.Context) {
	r.ended = true
	r.forget(ctx)
	r.s.remove(r)
}

// A subject of a room, as all are told who come.
type subject struct {
	Text string    `json:"text,omitempty"`
	Nick string    `json:"nick,omitempty"`
	At   time.Time `json:"at,omitzero"`
}
