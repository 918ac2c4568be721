//go:build !unit

package link_test

import (
	"context"
	"encoding/xml"
	"sync/atomic"
	"testing"
	"time"

	"adminbot/internal/link"
	"adminbot/internal/servertest"
	"adminbot/internal/xmpp/element"
	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/stanza"
)

func isUp(st link.State) bool   { return st.Up }
func isDown(st link.State) bool { return st.Err != nil }

// await returns the next state that is one of these.
func await(states <-chan link.State, is func(link.State) bool) link.State {
	for st := range states {
		if is(st) {
			return st
		}
	}
	return link.State{}
}

// breaking cuts a host off in the middle of a conversation with the bot.
func breaking(t *testing.T, p *servertest.Server) {
	through := servertest.NewProxy(t, p.Addr)
	cfg := config(t, p, "web01@localhost/broken", hostPassword)
	cfg.Addr = through.Addr
	cfg.Timing.RetryMin, cfg.Timing.RetryMax = 20*time.Millisecond, 100*time.Millisecond
	states := make(chan link.State, 1000)
	cfg.OnState = func(st link.State) { states <- st }
	host := link.New(cfg)
	var downs atomic.Int32
	ups := make(chan struct{}, 10)
	host.OnUp(func(context.Context) { ups <- struct{}{} })
	host.OnDown(func(error) { downs.Add(1) })
	began, gate := make(chan string, 10), make(chan struct{})
	host.HandleIQ(xml.Name{Space: "urn:test", Local: "hold"}, func(_ context.Context, iq stanza.IQ, _ xml.TokenReader) (xml.TokenReader, error) {
		began <- iq.ID
		<-gate
		return element.New("urn:test", "done").TokenReader(), nil
	})
	messages := make(chan string, 10)
	host.HandleMessage(func(_ context.Context, m stanza.Message, _ xml.TokenReader) { messages <- m.ID })
	start(t, host)
	await(states, isUp)
	<-ups
	bot := link.New(config(t, p, "bot@localhost/breaker", botPassword))
	start(t, bot)
	ctx := within(t, 20*time.Second)
	to := jid.MustParse("web01@localhost/broken")
	hold := func(id string) <-chan error {
		done := make(chan error, 1)
		go func() {
			_, _, err := bot.RoundTripIQ(ctx, stanza.IQ{ID: id, Type: stanza.SetIQ, To: to}, element.New("urn:test", "hold").TokenReader())
			done <- err
		}()
		return done
	}
	if err := host.Barrier(ctx); err != nil { // the server has answered to what came before
		t.Fatal(err)
	}

	early := hold("early")
	if id := <-began; id != "early" {
		t.Fatalf("began %s", id)
	}
	through.Closed.Store(true)
	through.Cut()
	late := hold("late")
	if err := bot.Send(ctx, stanza.Message{ID: "m1", To: to, Type: stanza.NormalMessage}.Wrap(element.New("", "body").TokenReader())); err != nil {
		t.Fatal(err)
	}
	if err := bot.Barrier(ctx); err != nil {
		t.Fatal(err)
	}
	await(states, isDown)
	close(gate) // the answer is ready while there is no connection
	through.Closed.Store(false)
	if st := await(states, isUp); !st.Resumed {
		t.Errorf("after a cut: %+v", st)
	}
	if err := <-early; err != nil {
		t.Errorf("a call that was being carried out: %v", err)
	}
	if err := <-late; err != nil {
		t.Errorf("a call while the host was away: %v", err)
	}
	if id := <-messages; id != "m1" {
		t.Errorf("message %s", id)
	}
	if n := downs.Load(); n != 0 || len(ups) > 0 {
		t.Errorf("down %d times, up once more: %t", n, len(ups) > 0)
	}
}

// halfOpen: what is sent to a peer behind a router that has forgotten the
// connection vanishes; the session notices by itself.
func halfOpen(t *testing.T, p *servertest.Server) {
	through := servertest.NewProxy(t, p.Addr)
	cfg := config(t, p, "web01@localhost/halfopen", hostPassword)
	cfg.Addr = through.Addr
	cfg.Timing.RetryMin, cfg.Timing.RetryMax = 20*time.Millisecond, 100*time.Millisecond
	cfg.Timing.Idle, cfg.Timing.Pong = 300*time.Millisecond, 500*time.Millisecond
	states := make(chan link.State, 1000)
	cfg.OnState = func(st link.State) { states <- st }
	host := link.New(cfg)
	start(t, host)
	await(states, isUp)
	if err := host.Barrier(within(t, 10*time.Second)); err != nil {
		t.Fatal(err)
	}
	through.Swallow.Store(true)
	await(states, isDown)
	through.Swallow.Store(false)
	if st := await(states, isUp); !st.Resumed {
		t.Errorf("afterwards: %+v", st)
	}
	if err := host.Barrier(within(t, 10*time.Second)); err != nil {
		t.Error(err)
	}
}
