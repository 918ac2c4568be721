package xmppd

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"adminbot/internal/account"
)

// occupy takes all turns of a server until the returned function is called.
func (st *stage) occupy() (free func()) {
	n := st.srv.cfg.Limits.Logins
	for range n {
		st.srv.gate.enter(&login{addr: "occupied"})
	}
	return func() {
		for range n {
			st.srv.gate.leave()
		}
	}
}

// TestGate checks who gets the next turn: addresses one after the other, of
// each who came first.
func TestGate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := gate{free: 1}
		g.enter(new(login))
		var mu sync.Mutex
		var got []string
		var wg sync.WaitGroup
		for _, l := range []struct {
			addr string
			n    uint64
		}{{"a", 5}, {"a", 2}, {"a", 3}, {"b", 4}, {"a", 1}, {"c", 9}} {
			wg.Go(func() {
				g.enter(&login{addr: l.addr, n: l.n})
				mu.Lock()
				got = append(got, fmt.Sprint(l.addr, l.n))
				mu.Unlock()
				g.leave()
			})
			synctest.Wait()
		}
		g.leave()
		wg.Wait()
		if want := []string{"a1", "b4", "c9", "a2", "a3", "a5"}; !slices.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
		if g.free != 1 || len(g.lines) != 0 {
			t.Errorf("%d are free, lines %v", g.free, g.lines)
		}
	})
}

// TestWaitingInLine lets a login wait for its turn longer than it may take: it
// is not sent away, and the time it has begins then. Nobody who is logged in
// waits for any of that.
func TestWaitingInLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newStage(t, nil)
		st.store.quick(t, "alice", account.User)
		bob := st.login(t, "alice", "old")
		free := st.occupy()
		p := st.connect(t)
		p.send(t, streamOpen)
		time.Sleep(25 * time.Second)
		synctest.Wait()
		bob.settle(t)
		time.Sleep(25 * time.Second)
		free()
		p.next(t) // header
		p.next(t) // features
		begin := time.Now()
		if got := p.later(t); got != "<stream:error><connection-timeout xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>" {
			t.Errorf("got %s", got)
		}
		if d := time.Since(begin); d != 2*time.Minute {
			t.Errorf("sent away after %v", d)
		}
	})
}

// TestRefused fills the lobby with logins that are under way: the next is told
// to come later, and those that have begun get done.
func TestRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newStage(t, func(c *Config) { c.Limits.Unauthed, c.Limits.UnauthedShare = 3, 3 })
		st.store.quick(t, "alice", account.User)
		st.login(t, "alice", "x") // the accounts are read
		free := st.occupy()
		var peers []*peer
		for range 3 {
			p := st.connect(t)
			p.send(t, streamOpen)
			peers = append(peers, p)
		}
		synctest.Wait()
		late := st.connect(t)
		late.expect(t, "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' id='{}' from='example.org' version='1.0' xml:lang='en'>")
		late.expect(t, "<stream:error><resource-constraint xmlns='urn:ietf:params:xml:ns:xmpp-streams'/><text xmlns='urn:ietf:params:xml:ns:xmpp-streams' xml:lang='en'>too many logins at once: try again later</text></stream:error>")
		late.expect(t, "</stream:stream>")
		late.expect(t, "")
		free()
		for _, p := range peers {
			p.next(t)
			p.next(t)
		}
		// Now they wait for their clients, and the first has to go.
		synctest.Wait()
		st.login(t, "alice", "y")
		if got := peers[0].next(t); got != "" {
			t.Errorf("got %s", got)
		}
	})
}

// TestBotQueue has a fleet talk to a bot that is slow: it is not cut, where
// anybody else would be.
func TestBotQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newStage(t, func(c *Config) { c.Limits.Queue, c.Limits.BotQueue = 16<<10, 256<<10 })
		for name, role := range map[string]account.Role{"bot": account.Bot, "alice": account.User, "web01": account.Host} {
			st.store.quick(t, name, role)
		}
		host := st.login(t, "web01", "agent")
		for _, name := range []string{"bot", "alice"} {
			_, s := st.deaf(t, name)
			for range 100 {
				host.send(t, "<message to='"+name+"@example.org/x'><body>"+fmt.Sprintf("%01000d", 1)+"</body></message>")
			}
			host.settle(t)
			if alive := s.waiting() > 0; alive != (name == "bot") {
				t.Errorf("%s lives: %v", name, alive)
			}
		}
	})
}

// TestResumingHoldsNoTurn: a session that is in somebody's hands for long keeps
// those who want it, too, waiting, and nobody else.
func TestResumingHoldsNoTurn(t *testing.T) {
	st := newStage(t, func(c *Config) { c.Limits.Logins = 2 })
	st.store.quick(t, "evil", account.User)
	st.store.quick(t, "alice", account.User)
	evil := st.login(t, "evil", "x")
	id := evil.manage(t)
	evil.settle(t)
	old := st.srv.session([]byte("evil@example.org/x"))
	old.sm.takeover.Lock()
	defer old.sm.takeover.Unlock()
	for range 4 {
		p := st.connect(t)
		p.auth(t, "evil")
		p.send(t, "<resume xmlns='urn:xmpp:sm:3' h='0' previd='"+id+"'/>")
	}
	alice := st.login(t, "alice", "y")
	alice.settle(t)
}
