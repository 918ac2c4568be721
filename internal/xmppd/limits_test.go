package xmppd

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"adminbot/internal/account"
)

// TestSlowReaderIsCut lets one client flood another that does not read: it is
// cut when its queue is full, and everybody else is served as if nothing were.
func TestSlowReaderIsCut(t *testing.T) {
	m := newMemory()
	for _, n := range []string{"alice", "bob", "carol"} {
		m.add(t, n, account.User)
	}
	r := start(t, m, func(c *Config) { c.Limits.Queue = 256 << 10 })
	alice := dialTCP(t, r.c2s, nil, "alice", "x", "secret of alice")
	bob := dialTCP(t, r.c2s, nil, "bob", "x", "secret of bob")
	carol := newPeerWithin(t, dialTCP(t, r.c2s, nil, "carol", "x", "secret of carol"))
	defer alice.Close()
	defer bob.Close()
	defer carol.c.Close()

	flood := []byte(strings.Repeat("<message to='bob@example.org/x' type='headline'><body>"+strings.Repeat("x", 4000)+"</body></message>", 16))
	flooded := make(chan struct{})
	go func() {
		defer close(flooded)
		// Never waits long: the server takes it all, whatever bob does.
		for r.counters.slow.Load() == 0 {
			if _, err := alice.Write(flood); err != nil {
				t.Error(err)
				return
			}
		}
	}()
	slowest := time.Duration(0)
	for i := 0; r.counters.slow.Load() == 0; i++ {
		begin := time.Now()
		carol.settle(t)
		slowest = max(slowest, time.Since(begin))
	}
	<-flooded
	t.Logf("the slowest of the pings took %v", slowest)
	if slowest > 2*time.Second {
		t.Errorf("a ping took %v during the flood", slowest)
	}
	// What was on its way may still arrive, then the connection ends.
	bob.SetReadDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.Copy(io.Discard, bob); isTimeout(err) {
		t.Error("bob was not cut")
	}
	if got := r.Stats(); got.Cut != 1 || got.Components != 0 || got.Stanzas < 16 {
		t.Errorf("%+v", got)
	}
	// Gone for good: nobody answers to the address.
	carol.send(t, "<iq type='get' to='bob@example.org/x' id='1'><q xmlns='u'/></iq>")
	if got := carol.next(t); !strings.Contains(got, "<service-unavailable") {
		t.Error(got)
	}
}

func isTimeout(err error) bool {
	t, ok := err.(interface{ Timeout() bool })
	return ok && t.Timeout()
}

// TestBigList lets a bot with 10,000 hosts, all there, log in: the list and
// the presence of all may be longer than its queue, which bounds only what
// others send.
func TestBigList(t *testing.T) {
	const hosts = 10000
	st := newStage(t, func(c *Config) { c.Limits.Queue = 64 << 10 })
	st.store.add(t, "bot", account.Bot)
	st.store.add(t, "host", account.Host)
	proto := st.store.accounts["host"]
	st.store.remove("host")
	st.store.mu.Lock()
	for i := range hosts {
		name := fmt.Sprintf("web%05d", i)
		proto.Name = name
		st.store.revision++
		st.store.accounts[name] = proto
		st.store.entries[name] = account.Entry{Name: name, Role: account.Host, Generation: st.store.revision}
	}
	st.store.mu.Unlock()
	if err := st.srv.reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	// Hosts without connections, as far as the server's tables go.
	st.srv.mu.Lock()
	for i := range hosts {
		s := newSession(st.srv, nil, clientConn)
		s.local, s.role = fmt.Sprintf("web%05d", i), account.Host
		s.bare = s.local + "@example.org"
		s.full = s.bare + "/agent"
		s.fromFull, s.fromBare = attribute("from", s.full), attribute("from", s.bare)
		s.presence = append(append([]byte(nil), s.fromFull...), "><status>Happy</status><x xmlns='urn:adminbot:mood:0' cpu='1'/></presence>"...)
		s.user = &user{name: s.local, sessions: []*session{s}, contacts: &contacts{}}
		s.conn.dead = true
		s.available.Store(true)
		st.srv.full[s.full], st.srv.hosts[s], st.srv.users[s.local] = s, struct{}{}, s.user
	}
	st.srv.mu.Unlock()

	bot := st.login(t, "bot", "bot")
	begin := time.Now()
	bot.send(t, "<iq type='get' id='r'><query xmlns='jabber:iq:roster'/></iq><presence/>")
	list := bot.next(t)
	if n := strings.Count(list, "<group>Hosts</group>"); n != hosts {
		t.Errorf("%d hosts on the list", n)
	}
	for seen := 0; seen < hosts+1; seen++ {
		if s := bot.next(t); !strings.HasPrefix(s, "<presence to='bot@example.org' from='") {
			t.Fatalf("got %s", s)
		}
	}
	bot.settle(t)
	t.Logf("a list of %d bytes and %d presences in %v", len(list), hosts, time.Since(begin))
	st.srv.mu.Lock()
	for s := range st.srv.hosts {
		delete(st.srv.full, s.full)
		delete(st.srv.hosts, s)
	}
	st.srv.mu.Unlock()
}

// TestSilence plays with time: who does not log in is sent away, who is
// silent is asked once and then sent away, who answers may stay.
func TestSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newStage(t, nil)
		st.store.add(t, "alice", account.User)
		if err := st.srv.reload(t.Context()); err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		mute := st.connect(t)
		header := "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' id='{}' from='example.org' version='1.0' xml:lang='en'>"
		end := "<stream:error><connection-timeout xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>"
		for _, want := range []string{header, end, "</stream:stream>", ""} {
			if got := mute.later(t); !matches(want, got) {
				t.Fatalf("got %s, want %s", got, want)
			}
		}
		if d := time.Since(begin); d != 2*time.Minute {
			t.Errorf("sent away after %v", d)
		}
		alice := st.login(t, "alice", "x")
		begin = time.Now()
		ping := "<iq type='get' id='{}' from='example.org' to='alice@example.org/x'><ping xmlns='urn:xmpp:ping'/></iq>"
		if got := alice.later(t); !matches(ping, got) {
			t.Fatalf("got %s", got)
		}
		alice.send(t, "<iq type='result' id='p' to='example.org'/>")
		if got := alice.later(t); !matches(ping, got) {
			t.Fatalf("got %s", got)
		}
		alice.send(t, " ") // white space will do
		if got := alice.later(t); !matches(ping, got) {
			t.Fatalf("got %s", got)
		}
		for _, want := range []string{end, "</stream:stream>", ""} {
			if got := alice.later(t); got != want {
				t.Fatalf("got %s, want %s", got, want)
			}
		}
		if d := time.Since(begin); d != 16*time.Minute {
			t.Errorf("sent away after %v", d)
		}
	})
}

// TestTooMany checks the bounds on connections and resources.
func TestTooMany(t *testing.T) {
	st := newStage(t, func(c *Config) { c.Limits.Unauthed, c.Limits.UnauthedShare, c.Limits.Sessions = 3, 3, 2 })
	st.store.add(t, "alice", account.User)
	if err := st.srv.reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	a := st.login(t, "alice", "1")
	st.login(t, "alice", "2")
	p := st.connect(t)
	p.send(t, streamOpen)
	p.next(t)
	p.next(t)
	p.send(t, "<auth xmlns='"+NSSASL+"' mechanism='PLAIN'>AGFsaWNlAHNlY3JldCBvZiBhbGljZQ==</auth>")
	p.next(t)
	p.send(t, streamOpen)
	p.next(t)
	p.next(t)
	p.send(t, "<iq type='set' id='b'><bind xmlns='"+NSBind+"'/></iq>")
	p.expect(t, "<iq type='error' id='b'><error type='wait'><resource-constraint xmlns='"+nsStanzas+"'/></error></iq>")
	// Two more that only connect: for the next the older of them has to go,
	// and not the one that has logged in and lacks a resource.
	q := st.connect(t)
	st.connect(t)
	st.connect(t).send(t, streamOpen)
	if got := q.next(t); got != "" {
		t.Errorf("the oldest got %s", got)
	}
	p.send(t, "<iq type='set' id='b'><bind xmlns='"+NSBind+"'/></iq>")
	p.next(t)
	a.settle(t)
}

// TestTooLong checks the bounds on stanzas before and after login.
func TestTooLong(t *testing.T) {
	st := newStage(t, func(c *Config) { c.Limits.Stanza = 20000 })
	st.store.add(t, "alice", account.User)
	p := st.connect(t)
	p.send(t, streamOpen)
	p.next(t)
	p.next(t)
	go io.WriteString(p.c, "<auth xmlns='"+NSSASL+"' mechanism='PLAIN'>"+strings.Repeat("A", 12000)) // the server may not take all of it
	tooLong := "<stream:error><policy-violation xmlns='urn:ietf:params:xml:ns:xmpp-streams'/><text xmlns='urn:ietf:params:xml:ns:xmpp-streams' xml:lang='en'>the element is too long</text></stream:error>"
	p.expect(t, tooLong)

	a := st.login(t, "alice", "x")
	a.send(t, "<message to='alice@example.org/x'><body>"+strings.Repeat("x", 19000)+"</body></message>")
	if got := a.next(t); len(got) < 19000 {
		t.Errorf("got %s", got)
	}
	a.send(t, "<presence><status>"+strings.Repeat("x", 10000)+"</status></presence>")
	a.expect(t, "<presence type='error' to='alice@example.org/x'><error type='modify'><policy-violation xmlns='"+nsStanzas+"'/><text xmlns='"+nsStanzas+"' xml:lang='en'>too long</text></error></presence>")
	go io.WriteString(a.c, "<message to='alice@example.org/x'><body>"+strings.Repeat("x", 30000))
	a.expect(t, tooLong)
}

// TestTrickle sends a large stanza a byte at a time: the work must not grow
// with the square of its length.
func TestTrickle(t *testing.T) {
	s := opened(t)
	b := []byte("<message to='a' x='" + strings.Repeat("> ' <&amp;"[0:2], 100000) + "'/>")
	begin := time.Now()
	for n := 1; n < len(b); n++ {
		if tok, _, err := s.Next(b[:n]); tok != More || err != nil {
			t.Fatal(tok, err)
		}
	}
	if tok, _, err := s.Next(b); tok != Element || err != nil {
		t.Fatal(tok, err)
	}
	if d := time.Since(begin); d > 5*time.Second {
		t.Errorf("it took %v", d)
	}
}

// A brittle store breaks on a certain name.
type brittle struct{ *memory }

func (b brittle) PrivateXML(ctx context.Context, owner, ns, name string) ([]byte, error) {
	panic("brittle")
}

// TestPanic checks that a mistake costs one connection and not the server.
func TestPanic(t *testing.T) {
	st := newStage(t, func(c *Config) { c.Private = brittle{} })
	st.store.add(t, "alice", account.User)
	a, b := st.login(t, "alice", "a"), st.login(t, "alice", "b")
	a.send(t, "<iq type='get' id='1'><query xmlns='jabber:iq:private'><x xmlns='u'/></query></iq>")
	a.expect(t, "<stream:error><internal-server-error xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>")
	b.settle(t)
}

// TestDeadHost has a host fall silent: the bot learns of it within a minute,
// with stream management and without.
func TestDeadHost(t *testing.T) {
	for _, managed := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			st := newStage(t, nil)
			st.store.add(t, "web01", account.Host)
			st.store.add(t, "bot", account.Bot)
			host := st.login(t, "web01", "agent")
			ask := "<iq type='get' id='{}' from='example.org' to='web01@example.org/agent'><ping xmlns='urn:xmpp:ping'/></iq>"
			after := 45 * time.Second
			if managed {
				host.manage(t)
				ask, after = string(askForAck), time.Minute
			}
			bot := st.login(t, "bot", "bot")
			ctx, cancel := context.WithCancel(t.Context())
			var wg sync.WaitGroup
			wg.Go(func() { // lives
				for {
					select {
					case <-ctx.Done():
						return
					case <-time.After(20 * time.Second):
					}
					bot.c.SetWriteDeadline(time.Time{}) // of the last send
					io.WriteString(bot.c, " ")
				}
			})
			bot.send(t, "<presence/>")
			bot.settle(t)
			host.send(t, "<presence/>")
			host.settle(t)
			bot.expect(t, "<presence to='bot@example.org' from='web01@example.org/agent'/>")
			begin := time.Now()
			if got := host.later(t); !matches(ask, got) {
				t.Errorf("got %s", got)
			}
			if got := bot.later(t); got != "<presence to='bot@example.org' from='web01@example.org/agent' type='unavailable'/>" {
				t.Errorf("got %s", got)
			}
			if d := time.Since(begin); d != after {
				t.Errorf("the host was dead for %v", d)
			}
			cancel()
			wg.Wait()
		})
	}
}
