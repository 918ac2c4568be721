package link

import (
	"context"
	"fmt"
	"time"

	"adminbot/internal/xmpp/element"
	"adminbot/internal/xmpp/entitytime"
	"mellium.im/xmpp/stanza"
)

// keepAlive pings the own server when nothing has come from it for a while, and
// ends the stream when it does not answer. A connection can be dead for many
// minutes before TCP notices.
func (st *stream) keepAlive(ctx context.Context) {
	t := &st.s.cfg.Timing
	timer := time.NewTimer(st.jittered(t.Idle))
	defer timer.Stop()
	for ; ; timer.Reset(st.jittered(t.Idle) - st.wire.quiet()) {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		if st.wire.quiet() < t.Idle*9/10 {
			continue
		}
		seen := st.wire.lastRead.Load()
		pingCtx, cancel := context.WithTimeout(ctx, t.Pong)
		err := st.ping(pingCtx)
		cancel()
		if ctx.Err() != nil {
			return
		}
		if err != nil && st.wire.lastRead.Load() == seen {
			st.fail(fmt.Errorf("%w: nothing from the server for %v, not even an answer to a ping", ErrUnreachable,
				st.wire.quiet().Round(time.Second)))
			return
		}
	}
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
