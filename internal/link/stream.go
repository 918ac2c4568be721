package link

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"mellium.im/xmpp/jid"
)

// A stream is what one binding of a resource began: on one connection, or on
// several after each other if the server resumes it (XEP-0198). Its queues
// outlive connections: what was not written goes to the next.
type stream struct {
	s      *Session
	local  jid.JID
	full   string // local as text
	bare   string
	domain string

	mechanism string // of the last login
	sm        *management
	carried   [][]byte // stanzas that an earlier stream could not deliver, to be written first

	conn   atomic.Pointer[connection] // nil while broken
	out    chan *outgoing             // from callers, who wait for room
	urgent chan *outgoing             // from the reader, who never waits

	mu       sync.Mutex
	pending  map[callKey]*call
	closed   bool         // nothing is taken any more: broken for too long, or ended
	breaks   int          // counts connections that broke and that resumed; written by Run
	rosters  atomic.Int32 // pending calls whose answer is streamed
	lastID   atomic.Uint64
	idPrefix string
	present  atomic.Bool // an available presence was sent

	stop     context.CancelFunc // of what runs beside the connections
	beside   sync.WaitGroup
	patience *time.Timer // while broken: closes it

	endOnce sync.Once
	done    chan struct{} // closed when the stream has ended for good
	err     error         // why the last connection ended; set by Run
	jids    jidCache      // of the reader
	names   nameCache     // likewise
}

func newStream(s *Session, n *negotiation) *stream {
	local := n.bound
	st := &stream{
		s:        s,
		local:    local,
		full:     local.String(),
		bare:     local.Bare().String(),
		domain:   local.Domainpart(),
		sm:       newManagement(&s.cfg.Limits),
		out:      make(chan *outgoing, s.cfg.Limits.Outgoing),
		urgent:   make(chan *outgoing, s.cfg.Limits.Outgoing),
		pending:  make(map[callKey]*call),
		idPrefix: randomPrefix(),
		done:     make(chan struct{}),
	}
	if !n.manageable {
		st.sm.refused()
	}
	return st
}

func (st *stream) isComponent() bool { return st.s.cfg.Component != nil }

// begin starts what runs beside the connections.
func (st *stream) begin(ctx context.Context) {
	ctx, st.stop = context.WithCancel(ctx)
	st.beside.Go(func() { st.measureClock(ctx) })
	st.beside.Go(func() { st.up(ctx) })
}

// up does what is to be done after a login.
func (st *stream) up(ctx context.Context) {
	defer st.s.guard("after login")
	if st.s.cfg.Presence != nil {
		p, payload := st.s.cfg.Presence()
		if err := st.s.SendPresence(ctx, p, payload); err != nil && ctx.Err() == nil {
			st.s.log.Warn("sending the first presence failed", "err", err)
		}
	}
	for _, f := range st.s.onUp {
		if ctx.Err() != nil {
			return
		}
		f(ctx)
	}
}

// resumable reports whether the stream, whose connection has ended with err, may
// go on on another. Only a connection that broke can be replaced: what either
// side has closed, or could not read, is over.
func (st *stream) resumable(err error) bool {
	id, _ := st.sm.resumable()
	var closed *StreamError
	return id != "" && errors.Is(err, ErrUnreachable) && !errors.As(err, &closed)
}

// wait lets the stream be, for another connection to resume it. Calls and
// stanzas that wait for that do so for as long as the server keeps the stream,
// but not longer than the configuration says.
func (st *stream) wait(err error) {
	st.err = err
	st.sm.broken()
	patience := st.s.cfg.Timing.Resume
	if _, max := st.sm.resumable(); max > 0 {
		patience = min(patience, max)
	}
	breaks := st.turned(false)
	st.patience = time.AfterFunc(patience, func() { st.giveUp(err, breaks) })
}

// turned counts that a connection broke or resumed.
func (st *stream) turned(open bool) int {
	st.mu.Lock()
	defer st.mu.Unlock()
	if open {
		st.closed = false
	}
	st.breaks++
	return st.breaks
}

// goOn is called when another connection has resumed the stream.
func (st *stream) goOn() {
	st.patience.Stop()
	st.turned(true)
}

// end ends the stream for good: all who wait are told. Only the first call
// counts.
func (st *stream) end(err error) {
	st.endOnce.Do(func() {
		st.err = err
		st.sm.forget()
		st.s.current.CompareAndSwap(st, nil)
		if st.patience != nil {
			st.patience.Stop()
		}
		st.giveUp(err, st.breaks)
		close(st.done)
		st.stop()
		st.beside.Wait()
	})
}

// giveUp tells all who wait that nothing will come of it: what was written may
// have been carried out, what was not was not. It does nothing if the stream has
// gone on since.
func (st *stream) giveUp(err error, breaks int) {
	err = fmt.Errorf("%w: %w", ErrClosed, err)
	st.mu.Lock()
	if st.breaks != breaks {
		st.mu.Unlock()
		return
	}
	st.closed = true
	pending := st.pending
	st.pending = make(map[callKey]*call)
	st.mu.Unlock()
	for _, c := range pending {
		c.done <- answer{err: &Error{Err: err, sent: c.out.withdraw()}}
	}
	for o := st.poll(); o != nil; o = st.poll() { // nobody writes now
		if !o.withdraw() {
			o.finish(&Error{Err: err})
		}
	}
}

// refuses reports whether nothing is taken any more.
func (st *stream) refuses() bool {
	st.mu.Lock()
	defer st.mu.Unlock()
	return st.closed
}

// undelivered takes the count up to which the server has surely handled what was
// sent, and no further. Requests beyond it were surely not seen; their callers
// are told so. It returns the other stanzas, but for presence, which belongs to
// the stream that ends.
func (st *stream) undelivered(h uint32) [][]byte {
	if st.sm.ack(h) != nil {
		return nil // it makes no sense, so nothing is certain
	}
	var rest [][]byte
	for _, u := range st.sm.rest() {
		switch {
		case u.call != nil:
			u.call.fail(&Error{Err: fmt.Errorf("%w: %w", ErrClosed, st.err)})
		case !isPresence(u.raw):
			rest = append(rest, u.raw)
		}
	}
	return rest
}
