package link

import (
	"context"
	"fmt"
	"time"

	"adminbot/internal/xmpp/element"
	"adminbot/internal/xmpp/entitytime"
	"mellium.im/xmpp/stanza"
)

// keepAlive asks the own server whether it is there when nothing has come from
// it for a while, and ends the connection when it does not answer, or owes the
// answer to an <r/> for too long. A connection can be dead for many minutes
// before TCP notices.
func (c *connection) keepAlive(ctx context.Context) {
	t := &c.st.s.cfg.Timing
	timer := time.NewTimer(c.st.jittered(t.Idle))
	defer timer.Stop()
	for ; ; timer.Reset(c.st.jittered(t.Idle) - c.wire.quiet()) {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		if silent := c.st.sm.silent(); silent > t.Idle+t.Pong {
			c.fail(fmt.Errorf("%w: the server has not acknowledged anything for %v", ErrUnreachable, silent.Round(time.Second)))
			return
		}
		if c.wire.quiet() < t.Idle*9/10 {
			continue
		}
		seen := c.wire.lastRead.Load()
		c.probe(ctx)
		if ctx.Err() != nil {
			return
		}
		if c.wire.lastRead.Load() == seen {
			c.fail(fmt.Errorf("%w: nothing from the server for %v, not even an answer when asked", ErrUnreachable,
				c.wire.quiet().Round(time.Second)))
			return
		}
	}
}

// probe makes the server say something, and gives it the time to do so.
func (c *connection) probe(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, c.st.s.cfg.Timing.Pong)
	defer cancel()
	if !c.st.sm.active() {
		c.st.ping(ctx) // any answer will do
		return
	}
	c.st.sm.askDue.Store(true)
	c.st.sm.poke()
	<-ctx.Done()
}

// jittered returns d less up to a tenth, so that the sessions of many machines
// do not stay in step.
func (st *stream) jittered(d time.Duration) time.Duration {
	return d - time.Duration(st.s.cfg.Jitter()*float64(d)/10)
}

// measureClock asks the server for its time after the login, and again every
// now and then, because clocks drift and are set.
func (st *stream) measureClock(ctx context.Context) {
	if st.isComponent() {
		return // which address its server has, a component is not told
	}
	for {
		st.askTime(ctx)
		timer := time.NewTimer(st.jittered(st.s.cfg.Timing.Clock))
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
	}
}

// askTime compares the clocks once, XEP-0202.
func (st *stream) askTime(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, st.s.cfg.Timing.Pong)
	defer cancel()
	asked := time.Now()
	a := st.s.roundTrip(ctx, &stanza.IQ{Type: stanza.GetIQ, To: st.local.Domain()}, entitytime.Query().TokenReader(), nil)
	took := time.Since(asked)
	if a.err != nil {
		return
	}
	e, err := element.Read(a.e.reader())
	if err != nil {
		return
	}
	server, precise, err := entitytime.Parse(e)
	if err != nil {
		st.s.log.Debug("the server told no time", "err", err)
		return
	}
	if !precise {
		server = server.Add(500 * time.Millisecond) // in the middle of the second it told
	}
	offset := server.Sub(asked.Add(took / 2).Round(0))
	st.s.clockOffset.Store(&offset)
	if offset.Abs() > 30*time.Second {
		st.s.log.Warn("the clock differs from the server's", "offset", offset.Round(time.Second))
	}
}
