package swarm_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/stanza"

	"adminbot/agentapi"
	"adminbot/internal/account"
	"adminbot/internal/hostagent"
	"adminbot/internal/link"
	"adminbot/internal/policy"
	"adminbot/internal/store"
	"adminbot/internal/swarm"
	"adminbot/internal/xmppd"
	"adminbot/rpc"
)

const password = "correct horse"

// startServer runs an embedded server with a bot and hosts, without TLS.
func startServer(t *testing.T, hosts []string) (addr string) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	db, err := store.Open(ctx, filepath.Join(t.TempDir(), "accounts.db"))
	if err != nil {
		t.Fatal(err)
	}
	host, err := account.New("adminbot", account.Bot, password)
	if err != nil {
		t.Fatal(err)
	}
	all := []account.Account{host}
	for _, name := range hosts {
		host.Name, host.Role = name, account.Host
		all = append(all, host)
	}
	if err := db.AddAccounts(ctx, all); err != nil {
		t.Fatal(err)
	}
	srv, err := xmppd.New(xmppd.Config{Domain: "localhost", PlainLoopback: true, Accounts: db})
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- srv.Serve(ctx, xmppd.Listeners{C2S: l}) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		db.Close()
	})
	return l.Addr().String()
}

func linkTo(addr string) func(name string) link.Config {
	return func(name string) link.Config {
		return link.Config{
			JID: jid.MustParse(name + "@localhost/" + agentapi.Resource), Addr: addr, Plaintext: true,
			Password: func() (string, error) { return password, nil },
		}
	}
}

// rules let the bot read for those of this domain.
func rules(t testing.TB) *policy.Policy {
	t.Helper()
	p, err := policy.Parse([]byte(`
bots = ["adminbot@localhost"]

[[rule]]
who = ["*@localhost"]
via = ["adminbot@localhost"]
may = ["R"]
`))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// run serves s until the test ends.
func run(t testing.TB, f func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- f(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func within(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// TestSwarm calls every host of a swarm as the bot does.
func TestSwarm(t *testing.T) {
	var hosts []string
	for i := range 20 {
		hosts = append(hosts, fmt.Sprintf("host%02d", i))
	}
	addr := startServer(t, hosts)
	s, err := swarm.New(swarm.Config{
		Names: hosts, Link: linkTo(addr), Logins: 3,
		Agent:  hostagent.Config{Name: "behind", StateDir: t.TempDir(), Policy: rules(t)},
		Silent: func(name string) bool { return name == "host07" },
	})
	if err != nil {
		t.Fatal(err)
	}
	run(t, s.Run)
	ctx := within(t)
	if err := s.Ready(ctx); err != nil {
		t.Fatal(err)
	}
	if s.Up() != len(hosts) {
		t.Errorf("%d of %d are up", s.Up(), len(hosts))
	}

	cfg := linkTo(addr)("adminbot")
	session := link.New(cfg)
	run(t, session.Run)
	select {
	case <-session.Ready():
	case <-ctx.Done():
		t.Fatal("the bot did not log in")
	}
	client := &rpc.Client{Transport: session}
	at := func(name string) jid.JID { return jid.MustParse(name + "@localhost/" + agentapi.Resource) }

	var first, second agentapi.HostInfoResult
	for name, out := range map[string]*agentapi.HostInfoResult{"host00": &first, "host19": &second} {
		if err := client.Call(ctx, at(name), "host.info", rpc.Envelope{}, map[string]any{}, out); err != nil {
			t.Fatal(err)
		}
	}
	if first.Kernel == "" || first.Kernel != second.Kernel {
		t.Errorf("kernels %q and %q of one machine", first.Kernel, second.Kernel)
	}

	faults := []struct {
		name, method string
		env          rpc.Envelope
		args         map[string]any
		code         int
	}{
		{"expired", "rpc.ping", rpc.Envelope{Created: time.Now().Add(-time.Minute), TTL: 10 * time.Second}, nil, rpc.FaultExpired},
		{"for somebody who may not", "rpc.ping", rpc.Envelope{Actor: jid.MustParse("mallory@elsewhere.example")}, nil, rpc.FaultDenied},
		{"bad arguments", "disk.usage", rpc.Envelope{}, map[string]any{"min_used_percent": "much"}, rpc.FaultParams},
		{"a change", "service.restart", rpc.Envelope{}, map[string]any{"unit": "nginx.service"}, rpc.FaultMethodNotFound},
	}
	for _, tt := range faults {
		t.Run(tt.name, func(t *testing.T) {
			args := tt.args
			if args == nil {
				args = map[string]any{}
			}
			err := client.Call(ctx, at("host03"), tt.method, tt.env, args, nil)
			if code := rpc.FaultCode(err); code != tt.code {
				t.Errorf("fault %d (%v), want %d", code, err, tt.code)
			}
		})
	}

	t.Run("silent", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
		defer cancel()
		err := client.Call(ctx, at("host07"), "rpc.ping", rpc.Envelope{}, map[string]any{}, nil)
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a silent host answered: %v", err)
		}
	})
	t.Run("a stranger", func(t *testing.T) {
		other := linkTo(addr)("host01")
		other.JID = jid.MustParse("host01@localhost/other")
		session := link.New(other)
		run(t, session.Run)
		<-session.Ready()
		err := (&rpc.Client{Transport: session}).Call(ctx, at("host02"), "rpc.ping", rpc.Envelope{}, map[string]any{}, nil)
		var se stanza.Error
		if !errors.As(err, &se) || se.Condition != stanza.Forbidden {
			t.Errorf("a host that calls another is told %v", err)
		}
	})
}

// TestNotReady says how many are missing and why.
func TestNotReady(t *testing.T) {
	addr := startServer(t, nil)
	ctx, cancel := context.WithCancel(within(t))
	defer cancel()
	s, err := swarm.New(swarm.Config{
		Names: []string{"nobody"}, Link: func(name string) link.Config {
			cfg := linkTo(addr)(name)
			cfg.OnState = func(st link.State) {
				if st.Err != nil {
					cancel()
				}
			}
			return cfg
		},
		Agent: hostagent.Config{StateDir: t.TempDir(), Policy: rules(t)},
	})
	if err != nil {
		t.Fatal(err)
	}
	run(t, s.Run)
	err = s.Ready(ctx)
	if err == nil || !strings.Contains(err.Error(), "0 of 1 hosts are logged in") {
		t.Errorf("Ready = %v", err)
	}
}
