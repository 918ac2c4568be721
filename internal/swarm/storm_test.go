//go:build !unit

package swarm_test

import (
	"context"
	"encoding/xml"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/stanza"

	"adminbot/agentapi"
	"adminbot/internal/account"
	"adminbot/internal/hostagent"
	"adminbot/internal/link"
	"adminbot/internal/servertest"
	"adminbot/internal/swarm"
)

// A storm is an embedded server with TLS and the limits it has by default, the
// sessions of hosts with the timing they have by default, and a bot that
// watches.
type storm struct {
	server *servertest.Server
	swarm  *swarm.Swarm
	hosts  int

	mu   sync.Mutex
	back []time.Time         // logins of hosts
	seen map[string]struct{} // hosts that the bot believes to be there
	news chan struct{}       // holds one: the above changed
}

func newStorm(t testing.TB, hosts int) *storm {
	t.Helper()
	accounts := servertest.Hosts(hosts, password)
	w := &storm{hosts: hosts, seen: map[string]struct{}{}, news: make(chan struct{}, 1)}
	w.server = servertest.StartEmbedded(t, servertest.Options{
		Accounts: append(accounts, servertest.Account{Name: "adminbot", Password: password, Role: account.Bot}),
	})
	trust := w.server.TLS()
	config := func(name string) link.Config {
		return link.Config{
			JID: jid.MustParse(name + "@localhost/" + agentapi.Resource), Addr: w.server.Addr, TLS: trust,
			Password: func() (string, error) { return password, nil },
		}
	}
	var names []string
	for _, a := range accounts {
		names = append(names, a.Name)
	}
	var err error
	w.swarm, err = swarm.New(swarm.Config{
		Names: names,
		Link: func(name string) link.Config {
			cfg := config(name)
			cfg.OnState = func(s link.State) {
				if s.Up {
					w.change(func() { w.back = append(w.back, time.Now()) })
				}
			}
			return cfg
		},
		Agent: hostagent.Config{Name: "behind", StateDir: t.TempDir(), Policy: rules(t)},
	})
	if err != nil {
		t.Fatal(err)
	}
	cfg := config("adminbot")
	cfg.Presence = func() (stanza.Presence, xml.TokenReader) { return stanza.Presence{}, nil }
	bot := link.New(cfg)
	bot.HandlePresence(func(_ context.Context, p stanza.Presence, _ xml.TokenReader) {
		w.change(func() {
			switch name := p.From.Localpart(); {
			case name == "adminbot":
			case p.Type == stanza.AvailablePresence:
				w.seen[name] = struct{}{}
			case p.Type == stanza.UnavailablePresence:
				delete(w.seen, name)
			}
		})
	})
	bot.OnDown(func(error) { w.change(func() { clear(w.seen) }) }) // it knows nothing of anybody
	for _, f := range []func(context.Context) error{w.swarm.Run, bot.Run} {
		run(t, f)
	}
	w.wait(t, "the first logins", func() bool { return len(w.back) >= hosts && len(w.seen) == hosts })
	return w
}

func (w *storm) change(f func()) {
	w.mu.Lock()
	f()
	w.mu.Unlock()
	select {
	case w.news <- struct{}{}:
	default:
	}
}

// wait waits until done, which is called with mu held.
func (w *storm) wait(t testing.TB, what string, done func() bool) {
	t.Helper()
	late := time.After(3 * time.Minute)
	for {
		w.mu.Lock()
		ok, back, seen := done(), len(w.back), len(w.seen)
		w.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-w.news:
		case <-late:
			t.Fatalf("%s: %d logins and %d hosts seen, of %d", what, back, seen, w.hosts)
		}
	}
}

// restart ends the server by end, starts it again, and returns how long it took
// from then until each host was logged in, sorted, and until the bot had seen
// all of them.
func (w *storm) restart(t testing.TB, end func(*servertest.Server, testing.TB)) (back []time.Duration, seen time.Duration) {
	t.Helper()
	begin := time.Now()
	end(w.server, t)
	away := time.Since(begin)
	w.mu.Lock()
	w.back = nil
	w.mu.Unlock()
	w.server.Start(t)
	begin = time.Now()
	w.wait(t, "the restart", func() bool { return len(w.back) >= w.hosts && len(w.seen) == w.hosts })
	seen = time.Since(begin)
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, at := range w.back {
		back = append(back, at.Sub(begin))
	}
	slices.Sort(back)
	t.Logf("the server was away for %v; half were back in %v, the last in %v, the bot had seen them in %v", away, back[len(back)/2], back[len(back)-1], seen)
	return back, seen
}

// endings are how a server ends: it is killed, and its clients come back at
// once; or it says goodbye, and they take their time.
var endings = []struct {
	name string
	end  func(*servertest.Server, testing.TB)
}{
	{"killed", (*servertest.Server).Kill},
	{"goodbye", (*servertest.Server).Stop},
}

// TestStorm restarts the server of some hosts: each comes back by one login,
// and the bot sees all of them.
func TestStorm(t *testing.T) {
	w := newStorm(t, 100)
	for _, e := range endings {
		t.Run(e.name, func(t *testing.T) {
			if back, _ := w.restart(t, e.end); len(back) != w.hosts {
				t.Errorf("%d logins of %d hosts", len(back), w.hosts)
			}
		})
	}
}

// BenchmarkStorm reports how long it takes from a restart of the server until
// 2,000 hosts are back, with TLS and SCRAM, everything in one process.
func BenchmarkStorm(b *testing.B) {
	for _, e := range endings {
		b.Run(e.name, func(b *testing.B) {
			for b.Loop() {
				// Anew each time: who has just come back waits longer.
				w := newStorm(b, 2000)
				back, seen := w.restart(b, e.end)
				for _, p := range []int{50, 95, 100} {
					b.ReportMetric(back[len(back)*p/100-1].Seconds(), fmt.Sprintf("p%d-s", p))
				}
				b.ReportMetric(seen.Seconds(), "seen-s")
				b.ReportMetric(0, "ns/op")
			}
		})
	}
}
