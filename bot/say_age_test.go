package bot

import (
	"context"
	"errors"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/stanza"

	"adminbot/internal/policy"
	turns "adminbot/internal/xmpp/turn"
	"adminbot/rpc"
)

// TestSayAges: a call of bot.say is as old as its envelope says, and one key is
// one change, as on a host.
func TestSayAges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, smallFleet()...)
		client := &rpc.Client{Transport: rpc.Loopback{Mux: w.bot.Mux(), From: jid.MustParse("alice@example.net/ci")}}
		restart := func(env rpc.Envelope) error {
			_, err := client.Do(context.Background(), botJID, rpc.MethodCall{
				Method: "bot.say", Envelope: env,
				Params: []rpc.Value{mustMarshal(map[string]any{"line": "restart nginx on web01", "yes": true})},
			})
			return err
		}
		var fault *rpc.Fault
		err := restart(rpc.Envelope{Created: time.Now().Add(-time.Hour), TTL: 30 * time.Second})
		if done := w.done(); !errors.As(err, &fault) || fault.Code != rpc.FaultExpired || len(done) != 0 {
			t.Errorf("a call of an hour ago that could wait for 30 s: %v, done %v", err, done)
		}
		before := len(w.done())
		for range 2 {
			if err := restart(rpc.Envelope{TTL: 30 * time.Second, Key: "one"}); err != nil {
				t.Errorf("with a key: %v", err)
			}
		}
		if done := w.done()[before:]; len(done) != 1 {
			t.Errorf("one key, said twice: done %v", done)
		}
	})
}

// TestHostsDoNotSay: a host is no person, whichever way it speaks to the bot.
func TestHostsDoNotSay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, smallFleet()...)
		pol, err := policy.Parse([]byte("[[rule]]\nwho = [\"*@*\"]\nmay = [\"R\"]\n"))
		if err != nil {
			t.Fatal(err)
		}
		w.mu.Lock()
		w.pol = pol
		w.mu.Unlock()
		for _, method := range []string{"bot.say", "fleet.hosts"} {
			client := &rpc.Client{Transport: rpc.Loopback{Mux: w.bot.Mux(), From: jid.MustParse("web02@hosts.example/agent")}}
			params := []rpc.Value{mustMarshal(map[string]any{"line": "disk on web01"})}
			if method == "fleet.hosts" {
				params = nil
			}
			_, err := client.Do(context.Background(), botJID, rpc.MethodCall{Method: method, Params: params})
			var se stanza.Error
			if !errors.As(err, &se) || se.Condition != stanza.Forbidden {
				t.Errorf("%s by a host: %v, want forbidden", method, err)
			}
		}
	})
}

// TestSayYields: while hosts are asked for one bot.say, the same account is
// served: its chat, and its next call.
func TestSayYields(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fleet := smallFleet()
		fleet[0].slow = 20 * time.Second
		w := newWorld(t, fleet...)
		yielded := make(chan time.Duration, 1)
		begin := time.Now()
		ctx := turns.With(context.Background(), func() {
			select {
			case yielded <- time.Since(begin):
			default:
			}
		})
		call := rpc.MethodCall{Method: "bot.say", Params: []rpc.Value{mustMarshal(map[string]any{"line": "disk on " + fleet[0].name})}}
		_, err := w.bot.Mux().HandleIQ(ctx, stanza.IQ{Type: stanza.SetIQ, ID: "1", From: jid.MustParse("alice@example.net/ci"), To: botJID}, call.TokenReader())
		if err != nil {
			t.Fatal(err)
		}
		select {
		case after := <-yielded:
			if after > time.Second {
				t.Errorf("the turn was given up after %v", after)
			}
		default:
			t.Errorf("the turn was kept for %v: chat of the same account waits", time.Since(begin))
		}
	})
}

// TestSayIsBounded: one account has few lines running at once, and a key is
// remembered by how it was used; what is forgotten is refused by the host.
func TestSayIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fleet := smallFleet()
		fleet[0].slow = 10 * time.Second
		w := newWorld(t, fleet...)
		client := &rpc.Client{Transport: rpc.Loopback{Mux: w.bot.Mux(), From: jid.MustParse("alice@example.net/ci")}}
		say := func(line, key string) error {
			_, err := client.Do(context.Background(), botJID, rpc.MethodCall{
				Method: "bot.say", Envelope: rpc.Envelope{Key: key}, Params: []rpc.Value{mustMarshal(map[string]any{"line": line, "yes": true})},
			})
			return err
		}
		errs := make(chan error, maxSaying+3)
		for range maxSaying + 3 {
			go func() { errs <- say("disk on web01", "") }()
		}
		limited := 0
		for range maxSaying + 3 {
			if rpc.FaultCode(<-errs) == rpc.FaultRateLimit {
				limited++
			}
		}
		if limited != 3 {
			t.Errorf("%d of %d refused, want 3", limited, maxSaying+3)
		}
		if err := say("restart nginx on web02", "one"); err != nil {
			t.Error(err)
		}
		for i := range maxSaidEach + 2 {
			if err := say("ping web02", "key"+strconv.Itoa(i)); err != nil {
				t.Fatal(err)
			}
		}
		if n := len(w.bot.said.order); n > maxSaidEach {
			t.Errorf("%d keys are kept", n)
		}
		if err := say("restart nginx on web02", "one"); err != nil {
			t.Error(err)
		}
		if done := w.done(); len(done) != 1 {
			t.Errorf("a forgotten key: %v", done)
		}
	})
}
