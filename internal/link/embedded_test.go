//go:build !unit

package link_test

import (
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/tls"
	"encoding/xml"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"testing"
	"time"

	"adminbot/internal/account"
	"adminbot/internal/link"
	"adminbot/internal/servertest"
	"adminbot/internal/xmpp/element"
	"adminbot/internal/xmppd"
	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/stanza"
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

// fleet starts the embedded server over TLS with n hosts that answer, and
// returns the bot's session.
func fleet(b *testing.B, n int) (bot *link.Session, hosts []jid.JID) {
	store := accounts{}
	store.add(b, "bot", account.Bot, botPassword)
	store.add(b, "host", account.Host, hostPassword)
	authority := servertest.NewAuthority(b)
	l := listen(b, "127.0.0.1:0")
	stop := startEmbedded(b, xmppd.Config{
		Domain:   "localhost",
		TLS:      &tls.Config{Certificates: []tls.Certificate{authority.Certificate(b, time.Hour, "localhost")}},
		Accounts: store,
		Limits:   xmppd.Limits{Sessions: n + 1},
	}, xmppd.Listeners{C2S: l})
	b.Cleanup(stop)
	session := func(address, password string) *link.Session {
		return link.New(link.Config{
			JID: jid.MustParse(address), Password: func() (string, error) { return password, nil },
			Addr: l.Addr().String(), TLS: &tls.Config{RootCAs: authority.Pool()},
		})
	}
	for i := range n {
		address := fmt.Sprintf("host@localhost/agent%d", i)
		s := session(address, hostPassword)
		s.HandleIQ(xml.Name{Space: "urn:test"}, func(context.Context, stanza.IQ, xml.TokenReader) (xml.TokenReader, error) {
			return element.New("urn:test", "r").AddText("value", "42").TokenReader(), nil
		})
		start(b, s)
		hosts = append(hosts, jid.MustParse(address))
	}
	bot = session("bot@localhost/bot", botPassword)
	start(b, bot)
	return bot, hosts
}

func ask(b *testing.B, bot *link.Session, host jid.JID) {
	_, _, err := bot.RoundTripIQ(context.Background(), stanza.IQ{Type: stanza.SetIQ, To: host}, element.New("urn:test", "q").AddText("name", "disk.usage").TokenReader())
	if err != nil {
		b.Error(err)
	}
}

// BenchmarkCall is one call after the other: bot, server, host, and back.
func BenchmarkCall(b *testing.B) {
	bot, hosts := fleet(b, 1)
	for b.Loop() {
		ask(b, bot, hosts[0])
	}
}

// BenchmarkFleet is 9,500 calls at once over one session of the bot.
func BenchmarkFleet(b *testing.B) {
	bot, hosts := fleet(b, 100)
	for b.Loop() {
		var wg sync.WaitGroup
		for i := range 9500 {
			wg.Go(func() { ask(b, bot, hosts[i%len(hosts)]) })
		}
		wg.Wait()
	}
}
