package xmppd

import (
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"adminbot/internal/account"
)

const enableResume = "<enable xmlns='urn:xmpp:sm:3' resume='true'/>"

// manage has a peer enable stream management and returns the id.
func (p *peer) manage(t testing.TB) string {
	t.Helper()
	p.send(t, enableResume)
	names := map[string]string{}
	if got := p.next(t); !learns(names, "<enabled xmlns='urn:xmpp:sm:3' id='{id}' resume='true' max='{}'/>", got) {
		t.Fatalf("got %s", got)
	}
	return names["id"]
}

// resume logs an account in and has it resume a session; it returns the
// answer.
func (st *stage) resume(t testing.TB, name, id string, h int) (*peer, string) {
	t.Helper()
	p := st.connect(t)
	p.auth(t, name)
	p.send(t, fmt.Sprintf("<resume xmlns='urn:xmpp:sm:3' h='%d' previd='%s'/>", h, id))
	return p, p.next(t)
}

// lose ends a peer's connection as a broken network does, and waits until the
// server has noticed. In a bubble.
func (p *peer) lose(t testing.TB) {
	t.Helper()
	p.c.Close()
	for p.next(t) != "" {
	}
	synctest.Wait()
}

// TestHibernationEnds lets clients not come back: everybody who had something
// to do with them is told what is true.
func TestHibernationEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newStage(t, nil)
		for name, role := range map[string]account.Role{"web01": account.Host, "bot": account.Bot, "alice": account.User, "bob": account.User} {
			st.store.add(t, name, role)
		}
		bot := st.login(t, "bot", "bot")
		bot.send(t, "<presence/>")
		bot.settle(t)
		host := st.login(t, "web01", "agent")
		host.manage(t)
		host.send(t, "<presence/>")
		host.settle(t)
		bot.expect(t, "<presence to='bot@example.org' from='web01@example.org/agent'/>")
		ask := func(id string) {
			bot.send(t, "<iq type='set' to='web01@example.org/agent' id='"+id+"'><query xmlns='jabber:iq:rpc'/></iq>")
			bot.settle(t)
		}
		// One call reaches the host, whose answer does not come; one goes
		// to a host that is lost.
		ask("got")
		host.next(t)
		host.lose(t)
		begin := time.Now()
		ask("not")
		bot.send(t, "<message to='web01@example.org/agent' type='error'/>")
		if got := bot.later(t); got != "<presence to='bot@example.org' from='web01@example.org/agent' type='unavailable'/>" {
			t.Errorf("got %s", got)
		}
		if d := time.Since(begin); d != 15*time.Second {
			t.Errorf("the host seemed alive for %v", d)
		}
		for _, want := range [][2]string{{"got", "recipient-unavailable"}, {"not", "service-unavailable"}} {
			if got := bot.next(t); !strings.HasPrefix(got, "<iq type='error' id='"+want[0]+"' from='web01@example.org/agent' to='bot@example.org/bot'>") || !strings.Contains(got, "<"+want[1]+" ") {
				t.Errorf("got %s, want %s", got, want)
			}
		}

		// A person with two devices: what both got is not told again, what
		// only the lost one got goes to the other.
		desk := st.login(t, "alice", "desk")
		desk.send(t, "<presence/>")
		desk.settle(t)
		time.Sleep(2 * onTheWay)
		phone := st.login(t, "alice", "phone")
		phone.manage(t)
		phone.send(t, "<presence/>")
		phone.settle(t)
		bob := st.login(t, "bob", "x")
		phone.lose(t)
		bob.send(t, "<message to='alice@example.org' type='chat'><body>both</body></message>")
		bob.send(t, "<message to='alice@example.org/phone' type='chat'><body>one</body></message>")
		bob.settle(t)
		begin = time.Now()
		var came []string
		for {
			s := desk.later(t)
			came = append(came, s)
			if strings.Contains(s, "<body>one") {
				break
			}
		}
		if d := time.Since(begin); d != time.Minute {
			t.Errorf("the phone was waited for for %v", d)
		}
		if n := strings.Count(strings.Join(came, ""), "<body>both"); n != 1 {
			t.Errorf("%d of %q", n, came)
		}
		if s := desk.settle(t); len(s) > 0 {
			t.Errorf("also got %q", s)
		}

		// The clean end of a stream is the end of the session.
		tablet := st.login(t, "alice", "tablet")
		id := tablet.manage(t)
		tablet.send(t, "</stream:stream>")
		tablet.expect(t, "</stream:stream>")
		if _, got := st.resume(t, "alice", id, 0); !strings.HasPrefix(got, "<failed ") {
			t.Errorf("got %s", got)
		}
	})
}

// TestHibernationAndShutdown ends the server while a person is lost, and one
// has not acknowledged: what they did not get is kept.
func TestHibernationAndShutdown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newStage(t, nil)
		st.store.quick(t, "alice", account.User)
		st.store.quick(t, "bob", account.User)
		bob := st.login(t, "bob", "x")
		bob.manage(t)
		alice := st.login(t, "alice", "x")
		alice.manage(t)
		alice.lose(t)
		for _, to := range []string{"alice", "bob"} {
			bob.send(t, "<message to='"+to+"@example.org/x' type='chat'><body>hello</body></message>")
		}
		bob.settle(t)
		st.stop()
		if a, b := len(st.store.messages["alice"]), len(st.store.messages["bob"]); a != 1 || b != 1 {
			t.Errorf("%d and %d messages are kept", a, b)
		}
	})
}

// TestNeverAcknowledged floods clients that do not acknowledge, or are lost:
// the session ends at the bound, and nothing is lost without a word.
func TestNeverAcknowledged(t *testing.T) {
	const most = 300
	for _, lost := range []bool{false, true} {
		for _, bound := range []string{"bytes", "stanzas", "all"} {
			t.Run(fmt.Sprint(bound, " lost ", lost), func(t *testing.T) {
				if bound == "all" && !lost {
					return // the bound of all is for the lost
				}
				synctest.Test(t, func(t *testing.T) {
					st := newStage(t, func(c *Config) {
						c.Limits.Queue, c.Limits.Unacked = 32<<10, 32<<10
						c.Limits.Messages, c.Limits.SenderShare = 10*most, 1
						switch bound {
						case "stanzas":
							c.Limits.UnackedStanzas = 100
						case "all":
							c.Limits.Hibernating = 16 << 10
						}
					})
					for _, name := range []string{"alice", "bob"} {
						st.store.add(t, name, account.User)
					}
					alice := st.login(t, "alice", "x")
					id := alice.manage(t)
					if lost {
						alice.lose(t)
					}
					bob := st.login(t, "bob", "x")
					for i := range most {
						bob.send(t, fmt.Sprintf("<message to='alice@example.org/x' type='chat'><body>%d %s</body></message>", i, strings.Repeat("x", 200)))
					}
					bob.settle(t)
					synctest.Wait()
					if n := len(st.store.messages["alice"]); n != most {
						t.Errorf("%d of %d messages are kept", n, most)
					}
					if _, got := st.resume(t, "alice", id, 0); !strings.HasPrefix(got, "<failed ") {
						t.Errorf("got %s", got)
					}
					if n := st.srv.asleep.Load(); n != 0 {
						t.Errorf("%d bytes are still counted", n)
					}
				})
			})
		}
	}
}

// TestSlowReaderComesBack cuts a client that does not read. With stream
// management it comes back and has missed nothing.
func TestSlowReaderComesBack(t *testing.T) {
	const many = 200
	synctest.Test(t, func(t *testing.T) {
		st := newStage(t, func(c *Config) { c.Limits.Queue = 16 << 10 })
		st.store.quick(t, "alice", account.User)
		st.store.quick(t, "bob", account.User)
		slow, _ := st.deaf(t, "alice")
		slow.send(t, enableResume)
		names := map[string]string{}
		b := make([]byte, 1000)
		n, _ := slow.Read(b)
		if !learns(names, "<enabled xmlns='urn:xmpp:sm:3' id='{id}' resume='true' max='60'/>", string(b[:n])) {
			t.Fatalf("got %s", b[:n])
		}
		bob := st.login(t, "bob", "x")
		for i := range many {
			bob.send(t, fmt.Sprintf("<message to='alice@example.org/x' type='chat'><body>%d %s</body></message>", i, strings.Repeat("x", 500)))
		}
		bob.settle(t)
		if st.srv.Stats().Cut != 1 {
			t.Error("alice was not cut")
		}
		alice, got := st.resume(t, "alice", names["id"], 0)
		if !strings.HasPrefix(got, "<resumed ") {
			t.Fatalf("got %s", got)
		}
		for i := range many {
			if got := alice.next(t); !strings.Contains(got, fmt.Sprintf("<body>%d x", i)) {
				t.Fatalf("instead of message %d came %s", i, got)
			}
		}
	})
}

// TestManyEnable asks for stream management, and acknowledgements, again and
// again without reading the answers.
func TestManyEnable(t *testing.T) {
	for _, ask := range []string{enableResume, "<r xmlns='urn:xmpp:sm:3'/>"} {
		synctest.Test(t, func(t *testing.T) {
			st := newStage(t, func(c *Config) { c.Limits.Queue = 32 << 10 })
			st.store.quick(t, "alice", account.User)
			alice, s := st.deaf(t, "alice")
			sent := make(chan struct{})
			go func() {
				defer close(sent)
				io.WriteString(alice, enableResume+strings.Repeat(ask, 20000)) // the server may not take all of it
			}()
			synctest.Wait()
			if n := s.waiting(); n > 32<<10 {
				t.Errorf("%d bytes wait", n)
			}
			if n := st.srv.Stats().Cut; n != 1 {
				t.Errorf("%d were cut", n)
			}
			alice.Close()
			<-sent
		})
	}
}

// TestLostMakeWay logs an account in more often than it may: those it has lost
// give way, the one lost first before the others.
func TestLostMakeWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newStage(t, func(c *Config) { c.Limits.Sessions = 3 })
		st.store.quick(t, "alice", account.User)
		var ids []string
		for i := range 3 {
			p := st.login(t, "alice", fmt.Sprint("lost", i))
			ids = append(ids, p.manage(t))
			p.lose(t)
			time.Sleep(time.Second)
		}
		st.login(t, "alice", "new")
		for i, want := range []string{"<failed ", "<resumed ", "<resumed "} {
			if _, got := st.resume(t, "alice", ids[i], 0); !strings.HasPrefix(got, want) {
				t.Errorf("resuming %d: %s", i, got)
			}
		}
	})
}

// TestPasswordEndsLostSessions changes a password while a session waits.
func TestPasswordEndsLostSessions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newStage(t, nil)
		st.store.quick(t, "alice", account.User)
		p := st.login(t, "alice", "x")
		id := p.manage(t)
		p.lose(t)
		st.store.quick(t, "alice", account.User)
		if _, got := st.resume(t, "alice", id, 0); !strings.HasPrefix(got, "<failed ") {
			t.Errorf("got %s", got)
		}
		if n := st.srv.Stats().Sessions; n != 0 {
			t.Errorf("%d sessions", n)
		}
	})
}

// A wanderer is a client whose network breaks all the time.
type wanderer struct {
	st     *stage
	id     string
	p      *peer
	seen   uint32   // stanzas it has
	bodies []string // of the messages

	sent  uint32   // stanzas the server has
	queue []string // that it may not have
}

// come takes what the server sends, up to a pattern.
func (w *wanderer) come(t *testing.T, until string) bool {
	for s := range w.p.got {
		switch {
		case strings.HasPrefix(s, "<r "):
			fmt.Fprintf(w.p.c, "<a xmlns='urn:xmpp:sm:3' h='%d'/>", w.seen) // it may be gone
			continue
		case strings.HasPrefix(s, "<a "):
			names := map[string]string{}
			learns(names, "<a xmlns='urn:xmpp:sm:3' h='{h}'/>", s)
			w.acked(t, names["h"])
		case strings.HasPrefix(s, "<message "):
			w.seen++
			_, body, _ := strings.Cut(s, "<body>")
			body, _, _ = strings.Cut(body, "</body>")
			w.bodies = append(w.bodies, body)
		case strings.HasPrefix(s, "<presence "), strings.HasPrefix(s, "<iq "):
			w.seen++
		}
		if strings.HasPrefix(s, until) {
			return true
		}
	}
	return false
}

func (w *wanderer) acked(t *testing.T, h string) {
	var n uint32
	fmt.Sscan(h, &n)
	if int(n-w.sent) > len(w.queue) {
		t.Errorf("the server has %s of %d", h, int(w.sent)+len(w.queue))
		return
	}
	w.queue = w.queue[n-w.sent:]
	w.sent = n
}

// say sends a stanza, again if need be.
func (w *wanderer) say(s string) {
	w.queue = append(w.queue, s)
	io.WriteString(w.p.c, s) // it may be gone
}

// back gets the session back.
func (w *wanderer) back(t *testing.T) {
	w.p = w.st.connect(t)
	w.p.auth(t, "alice")
	w.p.send(t, fmt.Sprintf("<resume xmlns='urn:xmpp:sm:3' h='%d' previd='%s'/>", w.seen, w.id))
	names := map[string]string{}
	if got := w.p.next(t); !learns(names, "<resumed xmlns='urn:xmpp:sm:3' previd='{}' h='{h}'/>", got) {
		t.Fatalf("got %s", got)
	}
	w.acked(t, names["h"])
	for _, s := range w.queue {
		io.WriteString(w.p.c, s)
	}
}

// TestWandering cuts a client's connection all the time, at random moments and
// from both ends, while it talks with another: in the end each has got
// everything, once and in order.
func TestWandering(t *testing.T) {
	const messages = 300
	st := newStage(t, nil)
	st.store.quick(t, "alice", account.User)
	st.store.quick(t, "bob", account.User)
	bob := st.login(t, "bob", "x")
	w := &wanderer{st: st, p: st.login(t, "alice", "x")}
	w.id = w.p.manage(t)

	rnd := rand.New(rand.NewPCG(1, 2))
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := range messages {
			bob.send(t, fmt.Sprintf("<message to='alice@example.org/x' type='chat'><body>b%d</body></message>", i))
		}
	})
	var heard []string
	wg.Go(func() {
		for len(heard) < messages {
			s := bob.next(t)
			_, body, _ := strings.Cut(s, "<body>")
			body, _, _ = strings.Cut(body, "</body>")
			heard = append(heard, body)
		}
	})
	for i := range messages {
		w.say(fmt.Sprintf("<message to='bob@example.org/x' type='chat'><body>a%d</body></message>", i))
		switch rnd.IntN(6) {
		case 0: // the network breaks, and the server notices or not
			w.p.c.Close()
			w.back(t)
		case 1: // it breaks for the server
			st.srv.session([]byte("alice@example.org/x")).cut()
			w.back(t)
		case 2: // it does not break at all, and the client goes elsewhere
			w.back(t)
		case 3:
			io.WriteString(w.p.c, "<r xmlns='urn:xmpp:sm:3'/>")
			if !w.come(t, "<a ") {
				w.back(t)
			}
		}
	}
	wg.Wait()
	for len(w.bodies) < messages {
		if !w.come(t, "<message ") {
			w.back(t)
		}
	}
	want := func(who string) (all []string) {
		for i := range messages {
			all = append(all, fmt.Sprint(who, i))
		}
		return all
	}
	if !slices.Equal(w.bodies, want("b")) {
		t.Errorf("alice got %q", w.bodies)
	}
	if !slices.Equal(heard, want("a")) {
		t.Errorf("bob got %q", heard)
	}
}

// TestResumeTogether resumes a session from many connections at the same
// moment: one has it in the end, with all that was sent.
func TestResumeTogether(t *testing.T) {
	const many = 8
	for round := range 20 {
		st := newStage(t, nil)
		st.store.quick(t, "alice", account.User)
		st.store.quick(t, "bob", account.User)
		alice := st.login(t, "alice", "x")
		id := alice.manage(t)
		bob := st.login(t, "bob", "x")
		if round%2 == 0 {
			alice.c.Close()
		}
		peers := make([]*peer, many)
		for i := range peers {
			peers[i] = st.connect(t)
			peers[i].auth(t, "alice")
		}
		bob.send(t, "<message to='alice@example.org/x' type='chat'><body>one</body></message>")
		var wg sync.WaitGroup
		for _, p := range peers {
			wg.Go(func() { fmt.Fprintf(p.c, "<resume xmlns='urn:xmpp:sm:3' h='0' previd='%s'/>", id) })
		}
		wg.Wait()
		bob.send(t, "<message to='alice@example.org/x' type='chat'><body>two</body></message>")
		// All but one end; that one has both messages.
		for _, p := range peers {
			wg.Go(func() {
				resumed := false
				for s := range p.got {
					resumed = resumed || strings.HasPrefix(s, "<resumed ")
					if strings.HasPrefix(s, "<failed ") {
						return
					}
					if strings.Contains(s, "<body>two") && resumed {
						io.WriteString(p.c, "<a xmlns='urn:xmpp:sm:3' h='2'/>") // it may be gone
					}
				}
			})
		}
		s := st.srv.session([]byte("alice@example.org/x"))
		for deadline := time.Now().Add(10 * time.Second); ; {
			s.conn.mu.Lock()
			done := s.sm.sent.count == 0 && s.sm.sent.acked == 2
			s.conn.mu.Unlock()
			if done {
				break
			}
			if time.Now().After(deadline) {
				t.Fatal("nobody has both messages")
			}
			bob.settle(t)
		}
		for _, p := range peers {
			p.c.Close()
		}
		wg.Wait()
	}
}

// TestResumeAtTheEnd resumes sessions at the moment at which they end.
func TestResumeAtTheEnd(t *testing.T) {
	st := newStage(t, func(c *Config) { c.Limits.Hibernate, c.Limits.Sessions = 2*time.Millisecond, 1000 })
	st.store.quick(t, "alice", account.User)
	st.store.quick(t, "bob", account.User)
	bob := st.login(t, "bob", "x")
	resumed, failed := 0, 0
	for i := range 100 {
		resource := fmt.Sprint("x", i)
		alice := st.login(t, "alice", resource)
		id := alice.manage(t)
		next := st.connect(t)
		next.auth(t, "alice")
		alice.c.Close()
		bob.send(t, "<message to='alice@example.org/"+resource+"' type='chat'><body>"+resource+"</body></message>")
		bob.settle(t)
		next.send(t, fmt.Sprintf("<resume xmlns='urn:xmpp:sm:3' h='0' previd='%s'/>", id))
		if strings.HasPrefix(next.next(t), "<resumed ") {
			resumed++
			if got := next.next(t); !strings.Contains(got, "<body>"+resource) {
				t.Fatalf("got %s", got)
			}
			next.send(t, "<a xmlns='urn:xmpp:sm:3' h='1'/></stream:stream>")
		} else {
			failed++
		}
	}
	alice := st.login(t, "alice", "last")
	alice.send(t, "<presence/>")
	kept := 0
	for _, s := range alice.settle(t) {
		if strings.HasPrefix(s, "<message ") {
			kept++
		}
	}
	t.Logf("%d were resumed, %d too late", resumed, failed)
	if kept != failed {
		t.Errorf("%d were too late, but %d messages were kept", failed, kept)
	}
	if n := st.srv.asleep.Load(); n != 0 {
		t.Errorf("%d bytes are still counted", n)
	}
}
