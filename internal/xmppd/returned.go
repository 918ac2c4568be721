package xmppd

import (
	"bytes"
	"context"
	"time"
)

// A device is another resource of an account, at the moment at which one ended.
type device struct{ takes, carbons moment }

// giveBack sees to what a session that has ended was sent and did not
// acknowledge, as if it were sent to somebody who is not there.
func (srv *Server) giveBack(s *session, others []device) {
	s.conn.mu.Lock()
	m := s.sm
	if m == nil {
		s.conn.mu.Unlock()
		return
	}
	m.over = true
	s.rise()
	m.wake()
	kept := m.sent
	m.sent, s.leaves = unacked{}, large(kept.buf)
	s.conn.mu.Unlock()
	defer s.left()
	if m.id != "" {
		srv.ended.add(s.local, m)
	}
	if kept.count == 0 {
		return
	}
	sc := forwarded()
	ctx, cancel := context.WithDeadline(context.Background(), srv.giveBackBy())
	defer cancel()
	late := 0
	kept.all(func(stanza []byte, at time.Time, handed bool) {
		if ctx.Err() != nil {
			late++
			return
		}
		if tok, n, err := sc.Next(stanza); tok != Element || n != len(stanza) || err != nil {
			srv.log.Error("xmppd: what was sent to a client is no stanza", "jid", s.full, "err", err)
			sc = forwarded()
			return
		}
		srv.returned(ctx, s, sc.Stanza(), at, handed, others)
	})
	kept.free()
	if late > 0 {
		srv.log.Error("xmppd: no time was left for what a client did not acknowledge", "jid", s.full, "stanzas", late)
	}
}

// left notes that nothing is left of a session.
func (s *session) left() {
	s.conn.mu.Lock()
	defer s.conn.mu.Unlock()
	s.leaves = 0
	s.recount()
}

// giveBackBy is until when what a client did not acknowledge is seen to. While
// the server ends there is one time for all.
func (srv *Server) giveBackBy() time.Time {
	srv.mu.RLock()
	defer srv.mu.RUnlock()
	if srv.ending {
		return srv.endBy
	}
	return time.Now().Add(giveBackTime)
}

// forwarded returns a scanner for what the server has sent to clients, which
// may be a little larger than what it takes from them.
func forwarded() *Scanner {
	sc := &Scanner{Limits: ScanLimits{Bytes: 1 << 30, Depth: 128, Attrs: 128, Binds: 128}}
	if tok, _, err := sc.Next([]byte("<s:stream xmlns='" + NSClient + "' xmlns:s='" + NSStream + "'>")); tok != Opened || err != nil {
		panic("xmppd: a stream header is not one")
	}
	return sc
}

const giveBackTime = 8 * time.Second

// returned handles a stanza that came back from a session of an account.
// Presence, answers and what the server itself had to say are of no use any
// more.
func (srv *Server) returned(ctx context.Context, s *session, st *Stanza, at time.Time, handed bool, others []device) {
	if st.Kind == Presence || st.isA("error") || st.isA("result") {
		return
	}
	from, ok := parseAddress(st.from.of(st.raw))
	if !ok || from.local == "" && from.domain == srv.cfg.Domain {
		return
	}
	to, ok := parseAddress(st.to.of(st.raw))
	if !ok {
		to = address{local: s.local, domain: srv.cfg.Domain}
	}
	in := &inbound{
		s: srv.author(from), st: st, full: from.String(), bare: from.bare(), from: attribute("from", from.String()),
		back: &comeback{at, handed},
	}
	if from.domain == srv.cfg.Domain {
		in.local = from.local
	}
	if st.Kind == Message {
		if in.bare == s.bare {
			if copy := received(st, from); copy != nil {
				srv.returned(ctx, s, copy, at, handed, others)
				return
			}
			if st.find(NSCarbons, "sent") != nil || st.find(NSCarbons, "received") != nil {
				return // somebody else got the message
			}
		}
		if in.elsewhere(to, others) {
			return
		}
	}
	if to.resource != "" {
		srv.toAbsent(ctx, in, to)
	} else {
		srv.messageToBare(ctx, in, to)
	}
}

// author returns the session that sent a stanza, or if it has gone one that
// nothing reaches.
func (srv *Server) author(from address) *session {
	if from.domain != srv.cfg.Domain {
		if c := srv.component(from.domain); c != nil {
			return c
		}
	} else if s := srv.session([]byte(from.String())); s != nil {
		return s
	}
	s := newSession(srv, nil, clientConn)
	s.dead = true
	if from.domain == srv.cfg.Domain {
		s.local, s.role = from.local, srv.role(from.local)
	} else {
		s.domain = from.domain
	}
	return s
}

// onTheWay is how long a message may be on its way to all resources. Of one
// that came to take messages within that time, nobody knows: twice is better
// than never.
const onTheWay = time.Second

// elsewhere reports whether another resource of the addressee was sent a
// message too, at the time: as one of all, or as a copy. If that ends without
// having acknowledged it, the message comes back from there.
func (in *inbound) elsewhere(to address, others []device) bool {
	then := in.back.at.Add(-onTheWay)
	for _, d := range others {
		if to.resource == "" && d.takes.by(then) || d.carbons.by(then) && copied(in.st) {
			return true
		}
	}
	return false
}

// received returns the message of which a client was sent a copy, because
// another resource of its account was sent it (XEP-0280#inbound), or nil. Those
// copies are from the bare address, which no client can write.
func received(st *Stanza, from address) *Stanza {
	k := st.find(NSCarbons, "received")
	if k == nil || from.resource != "" {
		return nil
	}
	_, b, _ := bytes.Cut(st.bytes(k), []byte("<forwarded xmlns='urn:xmpp:forward:0'>"))
	sc := forwarded()
	if tok, _, err := sc.Next(b); tok != Element || err != nil {
		return nil
	}
	return sc.Stanza()
}
