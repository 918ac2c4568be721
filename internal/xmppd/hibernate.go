package xmppd

import (
	"context"
	"crypto/subtle"
	"time"
)

// hibernate lets the lost connection of a session go and keeps the session, if
// its client may come back for it. If so, the session is no longer the
// caller's. For the reading goroutine, as the last thing.
func (s *session) hibernate() bool {
	m := s.sm
	if m == nil || m.id == "" {
		return false
	}
	s.halt()
	s.in.rest()
	s.in, s.sc = input{}, Scanner{}
	s.srv.mu.Lock()
	defer s.srv.mu.Unlock()
	s.conn.mu.Lock()
	defer s.conn.mu.Unlock()
	if s.srv.ending || s.srv.full[s.full] != s || m.over || s.closing {
		return false
	}
	m.sent.clip()
	if !s.hold(cap(m.sent.buf)) {
		s.srv.log.Warn("xmppd: there is no room for one more lost session: it ends", "jid", s.full)
		return false
	}
	m.held = cap(m.sent.buf)
	s.c, s.out = s.raw, nil
	s.recount()
	delete(s.srv.conns, s)
	m.asleep, m.fell = true, time.Now()
	m.nap++
	nap := m.nap
	m.timer = time.AfterFunc(m.time, func() { s.expire(nap) })
	m.wake()
	s.srv.log.Debug("xmppd: a client was lost; its session waits", "jid", s.full, "stanzas", m.sent.count, "time", m.time)
	return true
}

// wake tells who waits for the session to hibernate or end. The caller holds
// conn.mu.
func (m *management) wake() {
	if m.slept != nil {
		close(m.slept)
		m.slept = nil
	}
}

// rise ends hibernation. The caller holds mu.
func (c *conn) rise() {
	if m := c.sm; m.asleep {
		m.asleep = false
		m.timer.Stop()
		c.hold(-m.held)
		m.held = 0
	}
}

// expire ends a session whose client did not come back in time.
func (s *session) expire(nap int) {
	s.srv.mu.Lock()
	if s.srv.ending {
		s.srv.mu.Unlock()
		return // it is seen to
	}
	s.srv.wg.Add(1)
	s.srv.mu.Unlock()
	defer s.srv.wg.Done()
	s.conn.mu.Lock()
	mine := s.sm.asleep && s.sm.nap == nap
	if mine {
		s.sm.over = true
	}
	s.conn.mu.Unlock()
	if mine {
		s.srv.detach(s)
	}
}

// sleeping reports whether the session hibernates. Safe for concurrent use.
func (s *session) sleeping() bool {
	s.conn.mu.Lock()
	defer s.conn.mu.Unlock()
	return s.sm != nil && s.sm.asleep
}

// resume gives this connection to the session that the client had before
// (XEP-0198#resumption): it goes on where it was, and what the client does not
// have is sent again. If the connection of that session is not lost as far as
// anybody noticed, it is closed.
func (s *session) resume(ctx context.Context, st *Stanza) error {
	id := string(s.sc.attribute(st, "previd"))
	h, ok := s.count(st, "h")
	if !ok || id == "" {
		return s.failed("bad-request", nil)
	}
	old := s.srv.resumable(s, id)
	if old == nil {
		return s.failed("item-not-found", s.srv.ended.handled(s.local, id))
	}
	m := old.sm
	s.login.yield() // others may have the session in their hands for long
	m.takeover.Lock()
	defer m.takeover.Unlock()

	old.conn.mu.Lock()
	over := m.over || old.closing
	sent, late := m.sent.acked+uint32(m.sent.count), int32(h-m.sent.acked) < 0
	high := int32(h-sent) > 0
	var slept chan struct{}
	if !over && !high && !late && !m.asleep {
		slept = make(chan struct{})
		m.slept = slept
		old.lose()
	}
	old.conn.mu.Unlock()
	switch {
	case over || late: // what it would need again is gone
		return s.failed("item-not-found", s.srv.ended.handled(s.local, id))
	case high:
		return tooHigh(h, sent)
	}
	if slept != nil {
		select {
		case <-slept:
		case <-time.After(s.srv.cfg.Limits.LoginTime):
		case <-ctx.Done():
		}
	}
	if !s.drain() {
		return errCut
	}
	if err := s.handOver(old, h, len(st.raw)); err != errGone {
		return err
	}
	return s.failed("item-not-found", s.srv.ended.handled(s.local, id))
}

// resumable returns the session of the same account that has an id.
func (srv *Server) resumable(s *session, id string) *session {
	for _, o := range srv.resources(s.local) {
		o.conn.mu.Lock()
		m := o.sm
		o.conn.mu.Unlock()
		if m != nil && m.id != "" && o.generation == s.generation && subtle.ConstantTimeCompare([]byte(m.id), []byte(id)) == 1 {
			return o
		}
	}
	return nil
}

// handOver gives the connection of s, and what it has read but for the first
// bytes, to a session that hibernates and of which the client has h stanzas.
// It returns errResumed, or errGone if the session has ended.
func (s *session) handOver(old *session, h uint32, taken int) error {
	srv := s.srv
	srv.mu.Lock()
	defer srv.mu.Unlock()
	old.conn.mu.Lock()
	defer old.conn.mu.Unlock()
	m := old.sm
	if srv.ending || m.over || !m.asleep || !m.sent.ack(h) {
		return errGone
	}
	s.conn.mu.Lock()
	defer s.conn.mu.Unlock()
	if s.dead || s.closing {
		return errCut
	}
	s.dead, s.moved = true, true
	old.rise()
	s.in.take(taken)
	old.in, old.sc = s.in, s.sc
	s.in = input{}
	old.raw, old.c, old.addr, old.secure = s.raw, s.c, s.addr, s.secure
	old.dead, old.pinged = false, false
	old.over.Store(false)
	delete(srv.conns, s)
	srv.conns[old] = struct{}{}
	srv.lobby.leave(s)
	s.heir = old

	b := []byte("<resumed xmlns='" + NSManagement + "' previd='" + m.id + "' h='")
	old.append([][]byte{appendCount(b, m.handled.Load(), "'/>")})
	m.sent.all(func(stanza []byte, _ time.Time, _ bool) { old.append([][]byte{stanza}) })
	m.sent.handed = m.sent.count
	if m.asked, m.due = m.sent.count > 0, false; m.asked {
		old.append([][]byte{askForAck})
	}
	old.bulk, old.bulkEnd = len(old.out), old.written+int64(len(old.out))
	old.recount()
	srv.log.Debug("xmppd: a session was resumed", "jid", old.full, "stanzas", m.sent.count)
	return errResumed
}
