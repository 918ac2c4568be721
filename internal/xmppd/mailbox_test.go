package xmppd

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"adminbot/internal/account"
)

// TestMailbox has one person write to another who is away, as much as there is
// room for: there is room left for others, and most for the bot. Then all of
// it arrives, in order, though it is longer than the queue.
func TestMailbox(t *testing.T) {
	const most = 400 << 10
	st := newStage(t, func(c *Config) { c.Limits.MessageBytes, c.Limits.Queue, c.Limits.Messages = most, 64<<10, 50 })
	for name, role := range map[string]account.Role{"alice": account.User, "bob": account.User, "carol": account.Admin, "bot": account.Bot} {
		st.store.add(t, name, role)
	}
	var want []string
	send := func(p *peer, body string) (kept bool) {
		t.Helper()
		p.send(t, "<message to='alice@example.org' id='m'><body>"+body+"</body></message>")
		came := p.settle(t)
		if len(came) == 0 {
			want = append(want, "<body>"+body+"</body>")
			return true
		}
		if !strings.Contains(came[0], "<service-unavailable") {
			t.Errorf("got %s", came)
		}
		return false
	}
	fill := func(p *peer, size int) (n int) {
		t.Helper()
		for n < 100 && send(p, fmt.Sprint(n, strings.Repeat("x", size))) {
			n++
		}
		return n
	}
	bob, carol, bot := st.login(t, "bob", "x"), st.login(t, "carol", "x"), st.login(t, "bot", "x")
	if n := fill(bob, 10<<10); n != 7 {
		t.Errorf("one sender has room for %d long messages", n)
	}
	if n := fill(carol, 10); n != 10 {
		t.Errorf("one sender has room for %d short messages", n)
	}
	if n := fill(bot, 10<<10); n != 32 {
		t.Errorf("a bot has room for %d long messages besides", n)
	}
	alice := st.login(t, "alice", "x")
	alice.send(t, "<presence/>")
	came := alice.settle(t)
	for i, w := range want {
		found := len(came) > 0 && strings.Contains(came[0], w)
		for ; len(came) > 0 && !found; came = came[1:] {
			found = strings.Contains(came[0], w)
		}
		if !found {
			t.Fatalf("message %d of %d is missing", i, len(want))
		}
	}
	if left := len(st.store.messages["alice"]); left != 0 {
		t.Errorf("%d stay in the mailbox", left)
	}
}

// slowStore takes its time to keep a message.
type slowStore struct {
	*memory
	begun, goOn chan struct{}
}

func (s *slowStore) PutMessage(ctx context.Context, owner, sender string, stanza []byte, all, each account.Quota) error {
	close(s.begun)
	<-s.goOn
	return s.memory.PutMessage(ctx, owner, sender, stanza, all, each)
}

// TestMailboxWhileComing has somebody come while a message for them is being
// kept: it arrives now, not the next time.
func TestMailboxWhileComing(t *testing.T) {
	slow := &slowStore{begun: make(chan struct{}), goOn: make(chan struct{})}
	st := newStage(t, func(c *Config) {
		slow.memory = c.Offline.(*memory)
		c.Offline = slow
	})
	st.store.add(t, "alice", account.User)
	st.store.add(t, "bob", account.User)
	bob, alice := st.login(t, "bob", "x"), st.login(t, "alice", "x")
	bob.send(t, "<message to='alice@example.org' id='m'><body>are you there?</body></message>")
	<-slow.begun
	alice.send(t, "<presence/>")
	for !st.srv.resources("alice")[0].isAvailable() {
		runtime.Gosched()
	}
	close(slow.goOn)
	bob.settle(t)
	if came := strings.Join(alice.settle(t), ""); strings.Count(came, "are you there?") != 1 {
		t.Errorf("alice got %s", came)
	}
}
