package xmppd

import (
	"context"
	"crypto/rand"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"adminbot/internal/account"
)

// NSManagement is the namespace of stream management (XEP-0198).
const NSManagement = "urn:xmpp:sm:3"

// The server asks what the client has behind every message, which a person
// waits for, and otherwise behind so much.
const (
	askStanzas = 50
	askBytes   = 64 << 10
)

var askForAck = []byte("<r xmlns='" + NSManagement + "'/>")

// A management is what stream management keeps of a session. While the session
// has no connection it hibernates: it stays in its place, and what is sent to
// it waits for the client to come back.
type management struct {
	id   string        // to resume by; "" if it cannot be
	time time.Duration // for how long

	handled  atomic.Uint32 // stanzas of the client, modulo 2^32
	takeover sync.Mutex    // held by the connection that resumes

	// Guarded by conn.mu.
	sent   unacked
	asked  bool          // an <r/> is on its way
	due    bool          // a message is behind it
	over   bool          // the session has ended: nothing more is kept
	asleep bool          // it hibernates: nobody reads or writes
	slept  chan struct{} // closed at the next of both, if somebody waits
	nap    int           // which hibernation it is
	fell   time.Time     // when it began
	timer  *time.Timer   // that ends it
	held   int           // bytes counted in Server.asleep
}

// wantsAck reports whether to ask now, behind a stanza that is a message or not.
func (m *management) wantsAck(message bool) bool {
	m.due = m.due || message
	if m.asked || !m.due && m.sent.count < askStanzas && m.sent.bytes() < askBytes {
		return false
	}
	m.asked, m.due = true, false
	return true
}

// keep notes stanzas until the client acknowledges them. If there is no room
// the session ends: nothing is lost without a word. The caller holds mu.
func (c *conn) keep(m *management, parts [][]byte, bulk bool) bool {
	if m.over {
		return false
	}
	l := &c.srv.cfg.Limits
	n, _ := sizeOf(parts, bulk)
	grown := 0
	if m.asleep {
		m.sent.makeRoom(n)
		grown = cap(m.sent.buf) - m.held
	}
	if c.affords(n, bulk) && c.hold(grown) {
		m.held += grown
		if m.sent.add(parts, bulk, c.room+l.Unacked, l.UnackedStanzas) {
			c.recount()
			return true
		}
	}
	c.srv.log.Warn("xmppd: a client does not acknowledge what it gets: its session ends", "addr", c.addr, "stanzas", m.sent.count, "bytes", m.sent.bytes())
	m.over = true
	if m.asleep {
		m.timer.Reset(0)
	} else {
		c.lose()
	}
	return false
}

// manage handles an element of stream management.
func (s *session) manage(ctx context.Context, st *Stanza) error {
	switch name := string(st.name.of(st.raw)); {
	case name == "resume" && s.authed && !s.bound():
		return s.resume(ctx, st)
	case name == "enable" && s.bound() && s.sm == nil:
		s.enable(st)
		return nil
	case name == "r" && s.sm != nil:
		s.tell(appendCount([]byte("<a xmlns='"+NSManagement+"' h='"), s.sm.handled.Load(), "'/>"))
		return nil
	case name == "a" && s.sm != nil:
		h, ok := s.count(st, "h")
		if !ok {
			return &streamError{condition: "bad-format"}
		}
		return s.acknowledged(ctx, h)
	case name == "resume" || name == "enable" || name == "r" || name == "a":
		return s.failed("unexpected-request", nil)
	}
	return &streamError{condition: "unsupported-stanza-type"}
}

func appendCount(b []byte, n uint32, end string) []byte {
	return append(strconv.AppendUint(b, uint64(n), 10), end...)
}

// count returns a number modulo 2^32 from an attribute.
func (s *session) count(st *Stanza, name string) (uint32, bool) {
	n, err := strconv.ParseUint(string(s.sc.attribute(st, name)), 10, 32)
	return uint32(n), err == nil
}

// ask asks for an acknowledgement, and so whether the client is there.
func (s *session) ask() {
	s.conn.mu.Lock()
	defer s.conn.mu.Unlock()
	if !s.dead && !s.closing {
		s.sm.asked = true
		s.append([][]byte{askForAck})
	}
}

// failed says that stream management does not do what was asked for. Before
// login is complete the number of tries is bounded.
func (s *session) failed(condition string, handled *uint32) error {
	b := []byte("<failed xmlns='" + NSManagement + "'")
	if handled != nil {
		b = appendCount(append(b, " h='"...), *handled, "'")
	}
	s.tell(append(b, "><"+condition+" xmlns='"+nsStanzas+"'/></failed>"...))
	if s.bound() {
		return nil
	}
	return s.tried()
}

// enable begins to count (XEP-0198#enable).
func (s *session) enable(st *Stanza) {
	m := &management{time: s.srv.cfg.Limits.Hibernate}
	if s.role == account.Host {
		m.time = s.srv.cfg.Limits.HibernateHost
	}
	b := []byte("<enabled xmlns='" + NSManagement + "'")
	if r := string(s.sc.attribute(st, "resume")); r == "true" || r == "1" {
		if most, ok := s.count(st, "max"); ok && most > 0 {
			m.time = min(m.time, time.Duration(most)*time.Second)
		}
		m.id = rand.Text()
		b = append(b, " id='"+m.id+"' resume='true' max='"...)
		b = appendCount(b, uint32(m.time/time.Second), "'")
	}
	b = append(b, "/>"...)
	s.conn.mu.Lock()
	defer s.conn.mu.Unlock()
	if s.dead || s.closing {
		return
	}
	s.append([][]byte{b})
	s.sm = m
}

// acknowledged forgets what the client has.
func (s *session) acknowledged(ctx context.Context, h uint32) error {
	s.conn.mu.Lock()
	m := s.sm
	if !m.sent.ack(h) {
		sent := m.sent.acked + uint32(m.sent.count)
		s.conn.mu.Unlock()
		return tooHigh(h, sent)
	}
	m.asked = false
	s.recount()
	if m.sent.count > 0 && !s.dead && !s.closing && m.wantsAck(false) {
		s.append([][]byte{askForAck})
	}
	s.conn.mu.Unlock()
	s.moreMail(ctx)
	return nil
}

// moreMail sends the next of what was kept, if there is more and the client has
// everything so far. For the reading goroutine.
func (s *session) moreMail(ctx context.Context) {
	if !s.mail {
		return
	}
	s.conn.mu.Lock()
	none := s.sm.sent.count == 0
	s.conn.mu.Unlock()
	if none {
		s.mail = false
		s.srv.sendKept(ctx, s)
	}
}

// tooHigh is for who has more than was sent (XEP-0198#acking).
func tooHigh(h, sent uint32) *streamError {
	b := appendCount([]byte("<handled-count-too-high xmlns='"+NSManagement+"' h='"), h, "' send-count='")
	return &streamError{condition: "undefined-condition", extra: string(appendCount(b, sent, "'/>"))}
}
