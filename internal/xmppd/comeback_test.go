package xmppd

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"adminbot/internal/account"
)

// TestComebackOfAMessage loses a phone with a message that only it was sent: a
// device that began to take messages later is not one that got it.
func TestComebackOfAMessage(t *testing.T) {
	for _, tt := range []struct {
		name   string
		before string // what the other device says before the message
		after  string // and after it
	}{
		{"the desk was not available", "", "<presence/>"},
		{"the desk took no messages", "<presence><priority>-1</priority></presence>", "<presence/>"},
		{"the desk asked for no copies", "<presence><priority>-1</priority></presence>", "<iq type='set' id='c'><enable xmlns='urn:xmpp:carbons:2'/></iq><presence><priority>5</priority></presence>"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				st := newStage(t, nil)
				st.store.quick(t, "alice", account.User)
				st.store.quick(t, "bob", account.User)
				desk := st.login(t, "alice", "desk")
				desk.send(t, tt.before)
				desk.settle(t)
				time.Sleep(time.Minute)
				phone := st.login(t, "alice", "phone")
				phone.manage(t)
				phone.send(t, "<presence/>")
				phone.settle(t)
				bob := st.login(t, "bob", "x")
				phone.lose(t)
				bob.send(t, "<message to='alice@example.org' type='chat'><body>only you</body></message>")
				bob.settle(t)
				time.Sleep(time.Second)
				desk.send(t, tt.after)
				got := desk.settle(t)
				time.Sleep(2 * time.Minute)
				got = append(got, desk.settle(t)...)
				n := 0
				for _, s := range got {
					n += strings.Count(s, "<body>only you</body>")
				}
				if n != 1 {
					t.Errorf("the desk got it %d times: %q", n, got)
				}
			})
		})
	}
}

// TestKeptMessagesGoOnAfterResume has a client take the first of what was kept
// and say so by resuming: the rest comes.
func TestKeptMessagesGoOnAfterResume(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const messages = 40
		st := newStage(t, nil)
		st.store.quick(t, "alice", account.User)
		st.store.quick(t, "bot", account.Bot)
		bot := st.login(t, "bot", "x")
		for i := range messages {
			bot.send(t, fmt.Sprintf("<message to='alice@example.org' type='chat'><body>m%d %s</body></message>", i, strings.Repeat("x", 4000)))
		}
		bot.settle(t)
		phone := st.login(t, "alice", "phone")
		id := phone.manage(t)
		phone.send(t, "<presence/>")
		stanzas, bodies := 0, 0
		for {
			s := phone.next(t)
			if strings.HasPrefix(s, "<r ") {
				break
			}
			stanzas++
			bodies += strings.Count(s, "<body>")
		}
		if bodies == 0 || bodies == messages {
			t.Fatalf("%d of %d messages in the first piece", bodies, messages)
		}
		phone.lose(t)
		p, got := st.resume(t, "alice", id, stanzas)
		if !strings.HasPrefix(got, "<resumed ") {
			t.Fatalf("got %s", got)
		}
		// It has said that it has all: the next piece need not wait for anything.
		if more := strings.Count(strings.Join(p.settle(t), ""), "<body>"); more == 0 {
			t.Errorf("after %d of %d messages no more come", bodies, messages)
		}
	})
}

// TestOldPasswordTakesNothing has somebody who logged in before the password
// was changed ask for the address of who logged in with the new one.
func TestOldPasswordTakesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newStage(t, nil)
		st.store.quick(t, "web01", account.Host)
		st.store.quick(t, "bot", account.Bot)
		bot := st.login(t, "bot", "bot")
		bot.send(t, "<presence/>")
		bot.settle(t)
		thief := st.connect(t)
		thief.auth(t, "web01")
		st.store.quick(t, "web01", account.Host) // another generation
		time.Sleep(3 * time.Second)              // the server looks
		host := st.login(t, "web01", "agent")
		host.send(t, "<presence/>")
		host.settle(t)
		if got := bot.settle(t); !slices.ContainsFunc(got, func(s string) bool { return strings.Contains(s, "from='web01@example.org/agent'") }) {
			t.Fatalf("the bot sees %q", got)
		}
		thief.send(t, "<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>agent</resource></bind></iq>")
		if got := thief.next(t); !strings.Contains(got, "type='error'") {
			t.Errorf("the old password gets %s", got)
		}
		if got := bot.settle(t); len(got) > 0 {
			t.Errorf("the bot sees %q", got)
		}
		bot.send(t, "<iq type='get' id='q' to='web01@example.org/agent'><query xmlns='jabber:iq:rpc'/></iq>")
		bot.settle(t)
		if got := host.next(t); !strings.Contains(got, "id='q'") {
			t.Errorf("the host gets %s", got)
		}
	})
}

// A tardyStore takes its time to keep a message.
type tardyStore struct{ *memory }

func (s tardyStore) PutMessage(ctx context.Context, owner, sender string, stanza []byte, all, each account.Quota) error {
	select {
	case <-time.After(20 * time.Millisecond):
	case <-ctx.Done():
		return ctx.Err()
	}
	return s.memory.PutMessage(ctx, owner, sender, stanza, all, each)
}

// TestShutdownIsNotHeldUp ends a server while one account has left much behind,
// in several lost sessions: that takes its time once, and what somebody else
// was sent is kept.
func TestShutdownIsNotHeldUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var store *memory
		st := newStage(t, func(c *Config) {
			store = c.Offline.(*memory)
			c.Offline = tardyStore{store}
		})
		for _, name := range []string{"evil", "alice", "bob"} {
			st.store.quick(t, name, account.User)
		}
		var lost []*peer
		for i := range 4 {
			p := st.login(t, "evil", fmt.Sprint("lost", i))
			p.manage(t)
			p.settle(t)
			lost = append(lost, p)
		}
		phone := st.login(t, "alice", "phone")
		phone.manage(t)
		phone.send(t, "<presence/>")
		phone.settle(t)
		bob := st.login(t, "bob", "x")
		evil := st.login(t, "evil", "y")
		for _, p := range append(lost, phone) {
			p.lose(t)
		}
		for i := range lost {
			for range 1000 {
				evil.send(t, fmt.Sprintf("<message to='evil@example.org/lost%d' type='chat'><body>x</body></message>", i))
			}
		}
		evil.settle(t)
		bob.send(t, "<message to='alice@example.org' type='chat'><body>keep me</body></message>")
		bob.settle(t)
		begin := time.Now()
		st.stop()
		if took := time.Since(begin); took > giveBackTime {
			t.Errorf("the server took %v to end", took)
		}
		if n := len(store.messages["alice"]); n != 1 {
			t.Errorf("%d messages are kept for alice", n)
		}
	})
}

// TestLostTogether loses two devices that were sent the same message, one of
// them with so much beside it that the other ends meanwhile: it is kept once.
func TestLostTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newStage(t, nil)
		st.store.quick(t, "alice", account.User)
		st.store.quick(t, "bob", account.User)
		bob := st.login(t, "bob", "x")
		var devices []*peer
		for _, name := range []string{"desk", "phone"} {
			p := st.login(t, "alice", name)
			p.manage(t)
			p.send(t, "<presence/>")
			p.settle(t)
			devices = append(devices, p)
		}
		time.Sleep(2 * onTheWay)
		for _, p := range devices {
			p.c.Close()
		}
		synctest.Wait()
		bob.send(t, strings.Repeat("<iq type='result' id='x' to='alice@example.org/desk'/>", 15000))
		bob.send(t, "<message to='alice@example.org' type='chat'><body>both</body></message>")
		bob.settle(t)
		time.Sleep(2 * time.Minute)
		st.stop()
		if n := len(st.store.messages["alice"]); n != 1 {
			t.Errorf("the message is kept %d times", n)
		}
	})
}

// TestLostCopies loses a device that was sent a message and another one that
// was sent a copy of it: the message is not lost with them.
func TestLostCopies(t *testing.T) {
	for _, first := range []string{"desk", "phone"} {
		synctest.Test(t, func(t *testing.T) {
			st := newStage(t, nil)
			st.store.quick(t, "alice", account.User)
			st.store.quick(t, "bob", account.User)
			bob := st.login(t, "bob", "x")
			devices := map[string]*peer{}
			for name, says := range map[string]string{"desk": "<presence/>", "phone": "<iq type='set' id='c'><enable xmlns='urn:xmpp:carbons:2'/></iq><presence><priority>-1</priority></presence>"} {
				p := st.login(t, "alice", name)
				p.manage(t)
				p.send(t, says)
				p.settle(t)
				devices[name] = p
			}
			time.Sleep(2 * onTheWay)
			bob.send(t, "<message to='alice@example.org' type='chat'><body>both</body></message>")
			bob.settle(t)
			devices[first].lose(t)
			time.Sleep(time.Second)
			for name, p := range devices {
				if name != first {
					p.lose(t)
				}
			}
			time.Sleep(2 * time.Minute)
			alice := st.login(t, "alice", "new")
			alice.send(t, "<presence/>")
			var got []string
			for _, s := range alice.settle(t) {
				if strings.HasPrefix(s, "<message") {
					got = append(got, s)
				}
			}
			if len(got) != 1 || !strings.HasPrefix(got[0], "<message from='bob@example.org/x' ") || !strings.Contains(got[0], "<body>both</body>") || strings.Contains(got[0], "forwarded") {
				t.Errorf("%s lost first: kept are %q", first, got)
			}
		})
	}
}

// TestObituaryOfOthers ends very many sessions of one account: what is known of
// the sessions of others stays known.
func TestObituaryOfOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newStage(t, nil)
		st.store.quick(t, "alice", account.User)
		phone := st.login(t, "alice", "phone")
		id := phone.manage(t)
		phone.send(t, "<presence/>")
		phone.settle(t)
		phone.lose(t)
		time.Sleep(2 * time.Minute)
		for i := range 5000 {
			m := &management{id: fmt.Sprint("evil", i)}
			m.handled.Store(uint32(i))
			st.srv.ended.add("evil", m)
		}
		if h := st.srv.ended.handled("evil", "evil4999"); h == nil || *h != 4999 {
			t.Errorf("of the last session is known %v", h)
		}
		if _, got := st.resume(t, "alice", id, 0); !strings.HasPrefix(got, "<failed xmlns='urn:xmpp:sm:3' h='2'>") {
			t.Errorf("got %s", got)
		}
	})
}
