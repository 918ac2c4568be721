package link_test

import (
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/tls"
	"log/slog"
	"net"
	"testing"
	"time"

	"adminbot/internal/account"
	"adminbot/internal/link"
	"adminbot/internal/servertest"
	"adminbot/internal/xmppd"
)

// accounts is a store of the embedded server that never changes.
type accounts map[string]account.Account

func (a accounts) add(t testing.TB, name string, role account.Role, password string) {
	t.Helper()
	acct := account.Account{Name: name, Role: role}
	var err1, err2 error
	acct.SHA1, err1 = account.NewCredential(sha1.New, password, []byte("sixteen bytes of"), 4096)
	acct.SHA256, err2 = account.NewCredential(sha256.New, password, []byte("sixteen bytes of"), 4096)
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	a[name] = acct
}

func (a accounts) Account(_ context.Context, name string) (account.Account, error) {
	if acct, ok := a[name]; ok {
		return acct, nil
	}
	return account.Account{}, account.ErrNotFound
}

func (a accounts) Entries(context.Context) (all []account.Entry, revision int64, err error) {
	for _, acct := range a {
		all = append(all, account.Entry{Name: acct.Name, Role: acct.Role, Generation: 1})
	}
	return all, 1, nil
}

func (a accounts) Revision(context.Context) (int64, error) { return 1, nil }

// startEmbedded serves cfg on l until the returned function is called.
func startEmbedded(t testing.TB, cfg xmppd.Config, l xmppd.Listeners) (stop func()) {
	t.Helper()
	server, err := xmppd.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- server.Serve(ctx, l) }()
	return func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Serve: %v", err)
		}
	}
}

func listen(t testing.TB, addr string) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestEmbeddedServer(t *testing.T) {
	store := accounts{}
	store.add(t, "bot", account.Bot, botPassword)
	store.add(t, "web01", account.Host, hostPassword)
	authority := servertest.NewAuthority(t)
	cfg := xmppd.Config{
		Domain:     "localhost",
		TLS:        &tls.Config{Certificates: []tls.Certificate{authority.Certificate(t, time.Hour, "localhost")}},
		Accounts:   store,
		Components: map[string]string{"workgroup.localhost": "compsecret"},
		Log:        slog.New(slog.NewTextHandler(t.Output(), nil)),
	}
	l := xmppd.Listeners{C2S: listen(t, "127.0.0.1:0"), DirectTLS: listen(t, "127.0.0.1:0"), Component: listen(t, "127.0.0.1:0")}
	p := &site{
		addr: l.C2S.Addr().String(), direct: l.DirectTLS.Addr().String(), component: l.Component.Addr().String(),
		name: "workgroup.localhost", secret: "compsecret", tls: &tls.Config{RootCAs: authority.Pool()},
	}
	stop := startEmbedded(t, cfg, l)
	everyServer(t, p)
	t.Run("restart of the server", func(t *testing.T) {
		var again func()
		restart(t, p, stop, func() {
			again = startEmbedded(t, cfg, xmppd.Listeners{C2S: listen(t, p.addr)})
			t.Cleanup(again)
		})
	})
}

// TestChannelBinding logs in by SCRAM-SHA-256-PLUS: the server refuses anything
// weaker from who could do better.
func TestChannelBinding(t *testing.T) {
	store := accounts{}
	store.add(t, "bot", account.Bot, botPassword)
	authority := servertest.NewAuthority(t)
	l := listen(t, "127.0.0.1:0")
	stop := startEmbedded(t, xmppd.Config{
		Domain:         "localhost",
		TLS:            &tls.Config{Certificates: []tls.Certificate{authority.Certificate(t, time.Hour, "localhost")}},
		ChannelBinding: true,
		Accounts:       store,
	}, xmppd.Listeners{C2S: l})
	p := &site{addr: l.Addr().String(), tls: &tls.Config{RootCAs: authority.Pool()}}
	s := link.New(config(t, p, "bot@localhost/plus", botPassword))
	t.Cleanup(stop)
	start(t, s)
	if got := link.Mechanism(s); got != "SCRAM-SHA-256-PLUS" {
		t.Errorf("logged in by %s", got)
	}
	old := config(t, p, "bot@localhost/old", botPassword)
	old.TLS = p.tls.Clone()
	old.TLS.MaxVersion = tls.VersionTLS12
	s = link.New(old)
	start(t, s)
	if got := link.Mechanism(s); got != "SCRAM-SHA-256" {
		t.Errorf("on TLS 1.2 logged in by %s", got)
	}
}
