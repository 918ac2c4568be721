package xmppd

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"adminbot/internal/account"
	"adminbot/internal/store"
)

// When the test program is started with this variable set, it does to that
// store what `adminbot user add web09 --role host` would, and what undoes it.
const addTo = "XMPPD_TEST_ADD"

func addAccount(path string) error {
	ctx := context.Background()
	s, err := store.Open(ctx, path)
	if err != nil {
		return err
	}
	defer s.Close()
	if _, err := s.Account(ctx, "web09"); err == nil {
		return s.RemoveAccount(ctx, "web09")
	}
	a, err := account.New("web09", account.Host, "secret of web09")
	if err != nil {
		return err
	}
	return s.AddAccount(ctx, a)
}

// TestOtherProcess runs the server on a file, to which another process adds an
// account, and takes it away again; and starts it anew on what is there.
func TestOtherProcess(t *testing.T) {
	ctx := t.Context()
	path := filepath.Join(t.TempDir(), "accounts.db")
	s, err := store.Open(ctx, path)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for name, role := range map[string]account.Role{"bot": account.Bot, "alice": account.User} {
		a, err := account.New(name, role, "secret of "+name)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.AddAccount(ctx, a); err != nil {
			t.Fatal(err)
		}
	}
	other := func() {
		t.Helper()
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), addTo+"="+path)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	config := func(c *Config) {
		c.Accounts, c.Rosters, c.Offline, c.Private = s, s, s, s
		c.Poll = 20 * time.Millisecond
		if c.Secret, err = s.Secret(ctx); err != nil {
			t.Fatal(err)
		}
	}
	st := newStage(t, config)
	bot := st.login(t, "bot", "bot")
	bot.send(t, "<iq type='get' id='1'><query xmlns='jabber:iq:roster'/></iq><presence/>")
	bot.next(t)
	bot.next(t)
	other()
	if got := bot.next(t); !strings.Contains(got, "<item jid='web09@example.org' name='web09' subscription='both'><group>Hosts</group></item>") {
		t.Fatalf("got %s", got)
	}
	host := st.login(t, "web09", "agent")
	host.send(t, "<presence/>")
	bot.expect(t, "<presence to='bot@example.org' from='web09@example.org/agent'/>")
	other()
	bot.expect(t, "<presence to='bot@example.org' from='web09@example.org/agent' type='unavailable'/>")
	if got := bot.next(t); !strings.Contains(got, "<item jid='web09@example.org' subscription='remove'/>") {
		t.Fatalf("got %s", got)
	}

	// What is kept for alice, and her list, are there after a restart.
	bot.send(t, "<message to='alice@example.org'><body>while you were away</body></message>")
	bot.settle(t)
	alice := st.login(t, "alice", "x")
	alice.send(t, "<iq type='set' id='1'><query xmlns='jabber:iq:roster'><item jid='ops@comp.example.org' name='Ops'/></query></iq>")
	alice.next(t)
	st = newStage(t, config)
	alice = st.login(t, "alice", "x")
	alice.send(t, "<iq type='get' id='1'><query xmlns='jabber:iq:roster'/></iq>")
	if got := alice.next(t); !strings.Contains(got, "<item jid='ops@comp.example.org' name='Ops' subscription='none'/>") {
		t.Errorf("got %s", got)
	}
	alice.send(t, "<presence/>")
	alice.next(t)
	if got := alice.next(t); !strings.Contains(got, "<body>while you were away</body><delay ") {
		t.Errorf("got %s", got)
	}
}
