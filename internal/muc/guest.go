package muc

import (
	"time"

	"mellium.im/xmpp/jid"
)

// A guest is an account, or a component, that uses rooms.
type guest struct {
	joined int     // rooms, times its clients
	spent  float64 // of the burst it may send
	at     time.Time
}

// guestsKept is how many guests are known that are in no room.
const guestsKept = 10000

// account is by which somebody is known as a guest.
func (s *Service) account(who jid.JID) (key string, component bool) {
	if s.opt.Component(who.Domainpart()) {
		return who.Domainpart(), true
	}
	return who.Bare().String(), false
}

// guest returns what is known of an account. The caller holds mu.
func (s *Service) guest(key string) *guest {
	g := s.guests[key]
	if g == nil {
		if len(s.guests) >= guestsKept {
			s.forgetGuests()
		}
		g = &guest{at: time.Now()}
		s.guests[key] = g
	}
	return g
}

// forgetGuests makes room: those who have nothing to answer for go.
func (s *Service) forgetGuests() {
	now := time.Now()
	for key, g := range s.guests {
		if g.joined == 0 && now.Sub(g.at) > time.Duration(g.spent)*s.lim.Every {
			delete(s.guests, key)
		}
	}
}

// affords reports whether somebody may send what costs so much, and counts it.
func (s *Service) affords(who jid.JID, cost int) bool {
	key, component := s.account(who)
	burst, every := float64(s.lim.Burst), s.lim.Every
	if component {
		burst, every = 10*burst, every/10
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	g := s.guest(key)
	now := time.Now()
	g.spent = max(0, g.spent-float64(now.Sub(g.at))/float64(every))
	g.at = now
	if g.spent+float64(cost) > burst {
		return false
	}
	g.spent += float64(cost)
	return true
}

// cost is what a message or presence counts as: one, and one more for each KiB.
func (st *Stanza) cost() int { return 1 + st.size()>>10 }

// size is how long a stanza is, about.
func (st *Stanza) size() int {
	n := len(st.Attrs) + len(st.ID)
	for i := range st.Kids {
		n += len(st.Kids[i].XML)
	}
	return n
}

// arrives counts one address more of a peer in a room, if there may be more.
// The caller holds the room's lock.
func (s *Service) arrives(p Peer, who jid.JID, r *room) bool {
	key, component := s.account(who)
	s.mu.Lock()
	defer s.mu.Unlock()
	g := s.guest(key)
	if !component && g.joined >= s.lim.Joined {
		return false
	}
	g.joined++
	if s.visits[p] == nil {
		s.visits[p] = make(map[*room]int)
	}
	s.visits[p][r]++
	return true
}

// departs counts one address less. The caller holds the room's lock.
func (s *Service) departs(p Peer, who jid.JID, r *room) {
	key, _ := s.account(who)
	s.mu.Lock()
	defer s.mu.Unlock()
	if g := s.guests[key]; g != nil {
		g.joined--
	}
	in := s.visits[p]
	if in[r]--; in[r] <= 0 {
		delete(in, r)
	}
	if len(in) == 0 {
		delete(s.visits, p)
	}
}
