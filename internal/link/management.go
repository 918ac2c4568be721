package link

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// nsManagement is the namespace of XEP-0198.
const nsManagement = "urn:xmpp:sm:3"

// How the server is asked what it has taken.
const (
	askEvery = 50               // stanzas
	askAfter = 20 * time.Second // when fewer wait for an acknowledgement
	askText  = "<r xmlns='" + nsManagement + "'/>"
)

// management is XEP-0198 on one stream: what was sent and is not acknowledged,
// how much was received, and by what name the stream can be resumed on another
// connection. It is shared by the reader and the writer of the connection that
// there is.
//
// Counts are of iq, message and presence, modulo 2^32 (XEP-0198#acking).
type management struct {
	limits *Limits
	wake   chan struct{} // holds one: the writer is to look at what is due

	handled atomic.Uint32 // stanzas that were received; counted by the reader
	ackDue  atomic.Bool   // the server asked
	askDue  atomic.Bool   // it is to be asked

	mu       sync.Mutex
	on       bool          // the server has agreed
	off      bool          // it has not, or was not asked
	id       string        // for resuming; empty: not possible
	max      time.Duration // how long the server keeps a broken stream; 0: it did not say
	acked    uint32
	unacked  []unacked // what came after that, oldest first
	bytes    int       // of unacked
	unasked  int       // stanzas since the server was last asked
	askedAt  time.Time // when the oldest question without an answer was asked, or the last answer came; zero: none
	askedFor uint32    // the count that answers the youngest question
}

// An unacked stanza was handed to a connection; whether it arrived is not known.
type unacked struct {
	raw  []byte
	call *call // if it is a request
}

func newManagement(limits *Limits) *management {
	return &management{limits: limits, wake: make(chan struct{}, 1)}
}

// poke makes the writer look.
func (m *management) poke() {
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

const unlimited = 1 << 30

// space returns how many more stanzas and bytes may wait for an
// acknowledgement. Without room for either nothing is to be written.
func (m *management) space() (stanzas, size int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.off {
		return unlimited, unlimited
	}
	return m.limits.Unacked - len(m.unacked), m.limits.UnackedBytes - m.bytes
}

// push adds the stanzas of batch, which are about to be written: ends says where
// in raw each ends. It reports whether to ask for an acknowledgement behind
// them.
func (m *management) push(raw []byte, ends []int, batch []*outgoing) (ask bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.off {
		return false
	}
	raw = bytes.Clone(raw)
	from := 0
	for i, o := range batch {
		m.unacked = append(m.unacked, unacked{raw[from:ends[i]:ends[i]], o.call})
		from = ends[i]
	}
	m.bytes += len(raw)
	m.unasked += len(batch)
	return m.due()
}

// due reports whether so much waits for an acknowledgement that the server is to
// be asked at once. With m.mu held.
func (m *management) due() bool {
	return m.on && (m.unasked >= askEvery || m.full())
}

func (m *management) full() bool {
	return len(m.unacked) >= m.limits.Unacked || m.bytes >= m.limits.UnackedBytes
}

// ask notes that the server is asked now, and returns the question, or nothing
// if there is no use in asking.
func (m *management) ask() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.on {
		return ""
	}
	m.unasked = 0
	m.askedFor = m.acked + uint32(len(m.unacked))
	if m.askedAt.IsZero() {
		m.askedAt = time.Now()
	}
	return askText
}

// waiting reports whether there are stanzas that the server was not asked about,
// or whose acknowledgement is urgent.
func (m *management) waiting() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.on && (m.unasked > 0 || m.full())
}

// silent returns for how long the server has owed an answer.
func (m *management) silent() time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.askedAt.IsZero() {
		return 0
	}
	return time.Since(m.askedAt)
}

// enabling reports whether the server is to be asked for its agreement.
func (m *management) enabling() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return !m.on && !m.off
}

// active reports whether the server has agreed.
func (m *management) active() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.on
}

// count notes that a stanza was received and given to whom it concerns.
func (m *management) count() {
	if m.on { // only the reader changes it
		m.handled.Add(1)
	}
}

// acknowledge returns the answer to a question of the server.
func (m *management) acknowledge() string {
	return fmt.Sprintf("<a xmlns='%s' h='%d'/>", nsManagement, m.handled.Load())
}

// tooHigh is returned when the server acknowledges what was never sent, or takes
// back what it had acknowledged.
type tooHigh struct{ h, sent uint32 }

func (e *tooHigh) Error() string {
	return fmt.Sprintf("the server acknowledged %d stanzas, but %d were sent", e.h, e.sent)
}

// farewell is what the server is told, XEP-0198#acking.
func (e *tooHigh) farewell() string {
	return fmt.Sprintf("<stream:error><undefined-condition xmlns='%s'/><handled-count-too-high xmlns='%s' h='%d' send-count='%d'/></stream:error></stream:stream>",
		nsStreamErr, nsManagement, e.h, e.sent)
}

// ack drops what the server has taken: everything up to the count h.
func (m *management) ack(h uint32) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := h - m.acked // of a count that has wrapped, too
	if uint64(n) > uint64(len(m.unacked)) {
		m.id = ""
		return &tooHigh{h, m.acked + uint32(len(m.unacked))}
	}
	for i := range m.unacked[:n] {
		m.bytes -= len(m.unacked[i].raw)
		m.unacked[i] = unacked{}
	}
	m.acked = h
	if m.unacked = m.unacked[n:]; len(m.unacked) == 0 {
		m.unacked = nil
	}
	switch {
	case m.askedAt.IsZero():
	case h == m.askedFor:
		m.askedAt = time.Time{}
	case n > 0: // it goes on
		m.askedAt = time.Now()
	}
	if n > 0 {
		m.poke() // there is room
	}
	return nil
}

// enabled takes the server's agreement.
func (m *management) enabled(e *received) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.on || m.off {
		return
	}
	m.on = true
	// The attribute location is not followed: it saves a resumption in a cluster
	// where only one machine knows the stream, and would let a server send all of
	// its clients elsewhere. A server that does not know the stream says so.
	if r := attr(&e.start, "resume"); r == "true" || r == "1" {
		m.id = attr(&e.start, "id")
	}
	if s, err := strconv.ParseUint(attr(&e.start, "max"), 10, 31); err == nil {
		m.max = time.Duration(s) * time.Second
	}
	m.askDue.Store(m.due())
	m.poke()
}

// refused is called when there will be no management on this stream.
func (m *management) refused() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.on, m.off, m.id, m.unacked, m.bytes = false, true, "", nil, 0
	m.poke()
}

// broken is called when a connection has ended: what was asked on it will not be
// answered.
func (m *management) broken() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.unasked, m.askedAt = 0, time.Time{}
}

// resumable reports whether the stream can go on on another connection, and how
// long the server keeps it at least.
func (m *management) resumable() (id string, max time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.id, m.max
}

// forget is called when the stream cannot be resumed any more.
func (m *management) forget() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.id = ""
}

// rest returns what was sent and is not acknowledged.
func (m *management) rest() []unacked {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.unacked)
}

// parseCount reads the attribute h.
func parseCount(text string) (uint32, bool) {
	h, err := strconv.ParseUint(text, 10, 32)
	return uint32(h), err == nil
}

// managed takes an element of XEP-0198. An error ends the connection.
func (st *stream) managed(e *received) error {
	m := st.sm
	switch e.start.Name.Local {
	case "r":
		if m.active() { // many questions at once need one answer
			m.ackDue.Store(true)
			m.poke()
		}
	case "a":
		h, ok := parseCount(attr(&e.start, "h"))
		if !ok || !m.active() {
			st.s.stats.Malformed.Add(1)
			return nil
		}
		return m.ack(h)
	case "enabled":
		m.enabled(e)
	case "failed":
		if m.enabling() {
			m.refused()
			st.s.log.Info("the server refuses stream management")
		}
	default:
		st.s.stats.Malformed.Add(1)
	}
	return nil
}

// errNotResumed is why a stream has ended that another connection could not
// resume.
var errNotResumed = errors.New("the server could not resume the session")
