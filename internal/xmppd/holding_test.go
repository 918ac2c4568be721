package xmppd

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"adminbot/internal/account"
)

// memory returns the bytes of the buffers that a session has.
func (s *session) memory() int {
	s.conn.mu.Lock()
	defer s.conn.mu.Unlock()
	n := cap(s.out) + s.inflight
	if s.sm != nil {
		n += cap(s.sm.sent.buf)
	}
	return n
}

// TestSilentSessionsOfOneAccount has an account log in as often as it may, with
// clients that read nothing, and send to all of them what each may be sent: the
// account has a bound of its own, and another client of it, which reads, is
// served all the same.
func TestSilentSessionsOfOneAccount(t *testing.T) {
	const queue, unacked, most, size = 256 << 10, 128 << 10, 20, 8 << 10
	for _, managed := range []bool{false, true} {
		t.Run(fmt.Sprint("managed ", managed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				st := newStage(t, func(c *Config) {
					c.Limits.Queue, c.Limits.Unacked, c.Limits.Sessions = queue, unacked, most
				})
				st.store.quick(t, "web01", account.Host)
				st.store.quick(t, "mallory", account.User)
				var deaf []*session
				for i := range most - 1 {
					c, s := st.deafAs(t, "web01", fmt.Sprint("x", i))
					if managed {
						c.send(t, enableResume)
						c.until(t, "/>")
					}
					deaf = append(deaf, s)
				}
				mallory := st.login(t, "mallory", "x")
				good := st.login(t, "web01", "good")
				bound := st.srv.cfg.Limits.held(queue)
				account, counted := st.srv.holdings["web01"], 0
				for range queue * 3 / 4 / size {
					for i := range deaf {
						mallory.send(t, fmt.Sprintf("<message to='web01@example.org/x%d' type='headline'><body>%s</body></message>", i, strings.Repeat("x", size)))
					}
					counted = max(counted, int(account.live.Load()))
				}
				mallory.settle(t)
				synctest.Wait()
				held := 0
				for _, s := range deaf {
					held += s.memory()
				}
				t.Logf("%d KiB are held, at most %d were counted, the bound is %d", held>>10, counted>>10, bound>>10)
				if max(held, counted) > 2*bound {
					t.Errorf("%d bytes are held for one account, at most %d may be", held, 2*bound)
				}
				if counted < bound/2 {
					t.Errorf("only %d bytes were counted: the test proves nothing", counted)
				}
				for i := range 20 {
					mallory.send(t, fmt.Sprintf("<message to='web01@example.org/good' type='headline'><body>%d</body></message>", i))
					if got := good.next(t); !strings.Contains(got, fmt.Sprintf("<body>%d<", i)) {
						t.Fatalf("who reads gets %s", got)
					}
				}
				st.stop()
				if n := account.live.Load(); n != 0 {
					t.Errorf("%d bytes are still counted", n)
				}
			})
		})
	}
}

// TestLostSessionsOfOneAccount has an account lose many sessions and send to
// them: what it may take is its own, and the lost session of somebody else
// still has room.
func TestLostSessionsOfOneAccount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const size = 4 << 10
		st := newStage(t, func(c *Config) {
			c.Limits.Hibernating, c.Limits.Queue, c.Limits.Unacked = 256<<10, 16<<10, 16<<10
		})
		for _, name := range []string{"evil", "alice", "bob"} {
			st.store.quick(t, name, account.User)
		}
		evil := st.login(t, "evil", "y")
		for i := range 18 {
			p := st.login(t, "evil", fmt.Sprint("lost", i))
			p.manage(t)
			p.lose(t)
			for range 6 {
				evil.send(t, fmt.Sprintf("<message to='evil@example.org/lost%d' type='headline'><body>%s</body></message>", i, strings.Repeat("x", size)))
			}
		}
		evil.settle(t)
		alice := st.login(t, "alice", "x")
		id := alice.manage(t)
		alice.lose(t)
		bob := st.login(t, "bob", "x")
		bob.send(t, "<message to='alice@example.org/x' type='chat'><body>"+strings.Repeat("y", 6*size)+"</body></message>")
		bob.settle(t)
		if n := st.srv.asleep.Load(); n > 256<<10 {
			t.Errorf("%d bytes are kept", n)
		}
		p, got := st.resume(t, "alice", id, 0)
		if !strings.HasPrefix(got, "<resumed ") {
			t.Fatalf("got %s", got)
		}
		if got := p.next(t); !strings.Contains(got, "yyy") {
			t.Errorf("got %s", got)
		}
	})
}

// TestLostAreSmall counts for lost sessions what they hold, which is no more
// than what they were sent.
func TestLostAreSmall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const many, size = 30, 20 << 10
		st := newStage(t, nil)
		st.store.quick(t, "alice", account.User)
		st.store.quick(t, "bob", account.User)
		bob := st.login(t, "bob", "x")
		alice := st.login(t, "alice", "x")
		alice.manage(t)
		for i := range many {
			bob.send(t, "<message to='alice@example.org/x' type='chat'><body>"+strings.Repeat("x", size)+"</body></message>")
			alice.next(t)
			if i == many-2 {
				alice.send(t, fmt.Sprintf("<a xmlns='urn:xmpp:sm:3' h='%d'/>", i))
			}
		}
		bob.settle(t)
		alice.lose(t)
		s := st.srv.session([]byte("alice@example.org/x"))
		check := func(sent int) {
			t.Helper()
			if n := int(st.srv.asleep.Load()); n != s.memory() || n > sent+sent/2 {
				t.Errorf("%d bytes are counted, %d are held, %d were sent", n, s.memory(), sent)
			}
		}
		check(3 * size)
		for range 10 {
			bob.send(t, "<message to='alice@example.org/x' type='chat'><body>"+strings.Repeat("x", size)+"</body></message>")
		}
		bob.settle(t)
		check(13 * size)
		time.Sleep(2 * time.Minute)
		if n := st.srv.asleep.Load(); n != 0 {
			t.Errorf("%d bytes are still counted", n)
		}
	})
}

// TestWithoutResource has somebody who has logged in send IQs instead of asking
// for a resource, and not read what they are answered.
func TestWithoutResource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newStage(t, nil)
		st.store.quick(t, "web01", account.Host)
		p := st.connect(t)
		p.auth(t, "web01")
		go io.WriteString(p.c, strings.Repeat("<iq type='get' id='1'><query xmlns='jabber:iq:roster'/></iq>", 1000)) // the server does not take all of it
		var got []string
		for s := p.next(t); s != ""; s = p.next(t) {
			got = append(got, s)
		}
		errors := strings.Count(strings.Join(got, ""), "<iq type='error'")
		if errors == 0 || errors > 10 || !strings.Contains(strings.Join(got, ""), "<policy-violation ") {
			t.Errorf("%d errors, in the end %q", errors, got[max(0, len(got)-2):])
		}
	})
}
