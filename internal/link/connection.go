package link

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"
)

// A connection carries a stream, or a part of one: a stream that is managed
// (XEP-0198) may go on on the next.
type connection struct {
	st      *stream
	wire    *wire
	resumed bool
	closer  chan struct{}  // closed: write what is queued, then say goodbye
	last    chan *lastWord // holds one: what the reader wants said before the connection is cut

	failOnce sync.Once
	done     chan struct{} // closed when the connection has ended
	err      error         // why; set before done is closed
}

type lastWord struct {
	text string
	err  error
}

func newConnection(st *stream, n *negotiation) *connection {
	return &connection{
		st: st, wire: n.wire, resumed: n.resumed,
		closer: make(chan struct{}), last: make(chan *lastWord, 1), done: make(chan struct{}),
	}
}

// serve runs the connection until it ends and returns why. When ctx ends, it
// says goodbye first.
func (c *connection) serve(ctx context.Context) error {
	s := c.st.s
	upCtx, upDone := context.WithCancel(ctx)
	var wg sync.WaitGroup
	s.connected(c) // before anything can fail
	s.state(State{Up: true, Resumed: c.resumed, Addr: c.st.local})
	wg.Go(c.write)
	wg.Go(c.read)
	wg.Go(func() { c.keepAlive(upCtx) })
	if !c.resumed {
		c.st.begin(ctx)
	}
	select {
	case <-c.done:
	case <-ctx.Done():
		close(c.closer)
		timer := time.NewTimer(s.cfg.Timing.Close)
		select {
		case <-c.done:
		case <-timer.C:
		}
		timer.Stop()
	}
	c.fail(ErrClosed)
	upDone()
	wg.Wait()
	return c.err
}

// fail ends the connection. Only the first reason counts.
func (c *connection) fail(err error) {
	c.failOnce.Do(func() {
		switch {
		case errors.Is(err, io.ErrUnexpectedEOF):
			err = fmt.Errorf("%w: the connection was lost", ErrUnreachable)
		case errors.Is(err, errStreamEnd):
			err = fmt.Errorf("%w: the server closed the stream", ErrClosed)
		}
		c.err = err
		c.st.s.disconnected(c)
		close(c.done)
		c.wire.Close()
	})
}

// say has the writer say something before the connection ends with err, and
// waits for that.
func (c *connection) say(text string, err error) {
	c.last <- &lastWord{text, err} // the reader says one thing only
	<-c.done
}
