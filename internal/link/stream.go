package link

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"mellium.im/xmpp/jid"
)

// A stream is the session on one connection, from login to its end.
type stream struct {
	s      *Session
	wire   *wire
	local  jid.JID
	full   string // local as text
	bare   string
	domain string

	mechanism string // of the login

	out    chan *outgoing // from callers, who wait for room
	urgent chan *outgoing // from the reader, who never waits
	closer chan struct{}  // closed: write what is queued, then say goodbye

	mu       sync.Mutex
	pending  map[callKey]*call
	ended    bool
	rosters  atomic.Int32 // pending calls whose answer is streamed
	lastID   atomic.Uint64
	idPrefix string
	present  atomic.Bool // an available presence was sent

	failOnce sync.Once
	done     chan struct{} // closed when the stream has ended
	err      error         // why; set before done is closed
	jids     jidCache      // of the reader
	names    nameCache     // likewise
}

func newStream(s *Session, n *negotiation) *stream {
	local := n.bound
	return &stream{
		s:         s,
		wire:      n.wire,
		mechanism: n.mechanism,
		local:     local,
		full:      local.String(),
		bare:      local.Bare().String(),
		domain:    local.Domainpart(),
		out:       make(chan *outgoing, s.cfg.Limits.Outgoing),
		urgent:    make(chan *outgoing, s.cfg.Limits.Outgoing),
		closer:    make(chan struct{}),
		pending:   make(map[callKey]*call),
		idPrefix:  randomPrefix(),
		done:      make(chan struct{}),
	}
}

func (st *stream) isComponent() bool { return st.s.cfg.Component != nil }

// serve runs the stream until it ends and returns why. When ctx ends, it says
// goodbye first.
func (st *stream) serve(ctx context.Context) error {
	s := st.s
	upCtx, upDone := context.WithCancel(ctx)
	var wg sync.WaitGroup
	s.setUp(st) // before anything can fail
	s.state(State{Up: true, Addr: st.local})
	wg.Go(st.write)
	wg.Go(st.read)
	wg.Go(func() { st.keepAlive(upCtx) })
	wg.Go(func() { st.measureClock(upCtx) })
	wg.Go(func() { st.up(upCtx) })
	select {
	case <-st.done:
	case <-ctx.Done():
		close(st.closer)
		timer := time.NewTimer(s.cfg.Timing.Close)
		select {
		case <-st.done:
		case <-timer.C:
		}
		timer.Stop()
	}
	st.fail(ErrClosed)
	upDone()
	wg.Wait()
	for _, f := range s.onDown {
		f(st.err)
	}
	return st.err
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

// fail ends the stream: the connection is closed, all waiting calls are told.
// Only the first reason counts.
func (st *stream) fail(err error) {
	st.failOnce.Do(func() {
		switch {
		case errors.Is(err, io.ErrUnexpectedEOF):
			err = fmt.Errorf("%w: the connection was lost", ErrUnreachable)
		case errors.Is(err, errStreamEnd):
			err = fmt.Errorf("%w: the server closed the stream", ErrClosed)
		}
		st.err = err
		st.s.setUp(nil)
		st.mu.Lock()
		st.ended = true
		pending := st.pending
		st.pending = nil
		st.mu.Unlock()
		close(st.done)
		st.wire.Close()
		for _, c := range pending {
			c.done <- answer{err: &Error{Err: fmt.Errorf("%w: %w", ErrClosed, err), sent: c.out.withdraw()}}
		}
	})
}
