//go:build !unit

package servertest_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"mellium.im/xmpp/jid"

	"adminbot/internal/account"
	"adminbot/internal/link"
	"adminbot/internal/servertest"
)

func session(s *servertest.Server, address, password string) *link.Session {
	return link.New(link.Config{
		JID: jid.MustParse(address), Password: func() (string, error) { return password, nil }, Addr: s.Addr, TLS: s.TLS(),
	})
}

// run keeps a session up until the test ends.
func run(t *testing.T, session *link.Session) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- session.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	select {
	case <-session.Ready():
	case <-time.After(time.Minute):
		t.Fatal("not logged in after a minute")
	}
}

// connect is an account's session, until the test ends.
func connect(t *testing.T, s *servertest.Server, address, password string) *link.Session {
	t.Helper()
	one := session(s, address, password)
	run(t, one)
	return one
}

// groups are the contacts of a session by group.
func groups(t *testing.T, s *link.Session) map[string][]string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	items, err := s.Roster(ctx)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string][]string{}
	for _, item := range items {
		for _, group := range item.Groups {
			got[group] = append(got[group], fmt.Sprintf("%s (%s)", item.JID.Localpart(), item.Subscription))
		}
	}
	for _, names := range got {
		slices.Sort(names)
	}
	return got
}

// contacts are who sees whom, in words.
type contacts []struct{ name, password, want string }

// check logs everybody in and compares their contact lists.
func (all contacts) check(t *testing.T, s *servertest.Server) {
	t.Helper()
	for _, a := range all {
		t.Run(a.name, func(t *testing.T) {
			got := groups(t, connect(t, s, a.name+"@"+s.Domain+"/test", a.password))
			for want := range strings.SplitSeq(a.want, "; ") {
				group, names, _ := strings.Cut(want, ": ")
				if has := strings.Join(got[group], ", "); has != names {
					t.Errorf("has in %s %s, want %s", group, has, names)
				}
			}
		})
	}
}

// TestContacts looks at who is on whose contact list, on every server, before
// and after it was restarted and killed.
func TestContacts(t *testing.T) {
	servertest.Each(t, servertest.Options{Accounts: []servertest.Account{
		{Name: "adminbot", Password: "pw b", Role: account.Bot},
		{Name: "alice", Password: "pw a", Role: account.Admin},
		{Name: "web01", Password: "pw 1"},
		{Name: "web02", Password: "pw 2", Role: account.Host},
	}}, func(t *testing.T, s *servertest.Server) {
		t.Parallel()
		all := contacts{
			{"adminbot", "pw b", "Hosts: web01 (both), web02 (both); People: alice (both)"},
			{"alice", "pw a", "AdminBot: adminbot (both); Hosts: web01 (both), web02 (both)"},
			{"web01", "pw 1", "AdminBot: adminbot (both)"},
		}
		t.Run("started", func(t *testing.T) { all.check(t, s) })
		t.Run("stopped and started", func(t *testing.T) { s.Stop(t); s.Start(t); all.check(t, s) })
		t.Run("killed and started", func(t *testing.T) { s.Kill(t); s.Start(t); all.check(t, s) })
		t.Run("another account", func(t *testing.T) {
			s.AddAccounts(t, servertest.Account{Name: "web03", Password: "pw 3"})
			connect(t, s, "web03@localhost/agent", "pw 3")
		})
	})
}

// TestMeasured starts what measurements use: no TLS, no limits.
func TestMeasured(t *testing.T) {
	servertest.Each(t, servertest.Options{
		Accounts: servertest.Hosts(2, "pw"), Limits: servertest.Unlimited, NoTLS: true, Resume: 20 * time.Second,
	}, func(t *testing.T, s *servertest.Server) {
		for i := range 12 { // more sessions than ejabberd has for an account as shipped
			one := link.New(link.Config{
				JID:      jid.MustParse(fmt.Sprintf("host00001@localhost/%d", i)),
				Password: func() (string, error) { return "pw", nil }, Addr: s.Addr, Plaintext: true,
			})
			run(t, one)
			if err := one.Barrier(t.Context()); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if n := one.Stats().Reconnects; n != 0 {
					t.Errorf("session %d was ended", i)
				}
			})
		}
	})
}

// TestManyContacts has more hosts than a groups file is good for.
func TestManyContacts(t *testing.T) {
	const hosts = 1000
	servertest.Each(t, servertest.Options{Accounts: append(servertest.Hosts(hosts, "pw h"),
		servertest.Account{Name: "adminbot", Password: "pw b", Role: account.Bot},
		servertest.Account{Name: "alice", Password: "pw a", Role: account.User},
	)}, func(t *testing.T, s *servertest.Server) {
		t.Parallel()
		host := groups(t, connect(t, s, "host00500@localhost/agent", "pw h"))
		bot := groups(t, connect(t, s, "adminbot@localhost/bot", "pw b"))
		alice := groups(t, connect(t, s, "alice@localhost/phone", "pw a"))
		if len(host["Hosts"]) != 0 || len(host["AdminBot"]) != 1 {
			t.Errorf("a host has %d hosts and %d bots", len(host["Hosts"]), len(host["AdminBot"]))
		}
		if len(bot["Hosts"]) != hosts || bot["Hosts"][499] != "host00500 (both)" || len(bot["People"]) != 1 {
			t.Errorf("the bot has %d hosts and %d people", len(bot["Hosts"]), len(bot["People"]))
		}
		if len(alice["Hosts"]) != hosts || len(alice["AdminBot"]) != 1 {
			t.Errorf("alice has %d hosts and %d bots", len(alice["Hosts"]), len(alice["AdminBot"]))
		}
	})
}
