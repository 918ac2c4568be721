//go:build !unit

package link_test

import (
	"context"
	"crypto/tls"
	"encoding/xml"
	"fmt"
	"sync"
	"testing"

	"adminbot/internal/account"
	"adminbot/internal/link"
	"adminbot/internal/servertest"
	"adminbot/internal/xmpp/element"
	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/stanza"
)

// TestChannelBinding logs in by SCRAM-SHA-256-PLUS: the server refuses anything
// weaker from who could do better.
func TestChannelBinding(t *testing.T) {
	p := servertest.StartEmbedded(t, servertest.Options{
		Accounts:       []servertest.Account{{Name: "bot", Password: botPassword, Role: account.Bot}},
		ChannelBinding: true,
	})
	s := link.New(config(t, p, "bot@localhost/plus", botPassword))
	start(t, s)
	if got := link.Mechanism(s); got != "SCRAM-SHA-256-PLUS" {
		t.Errorf("logged in by %s", got)
	}
	old := config(t, p, "bot@localhost/old", botPassword)
	old.TLS = p.TLS()
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
	p := servertest.StartEmbedded(b, servertest.Options{
		Accounts: []servertest.Account{
			{Name: "bot", Password: botPassword, Role: account.Bot},
			{Name: "host", Password: hostPassword, Role: account.Host},
		},
		Limits: servertest.Unlimited,
	})
	session := func(address, password string) *link.Session {
		return link.New(link.Config{
			JID: jid.MustParse(address), Password: func() (string, error) { return password, nil },
			Addr: p.Addr, TLS: p.TLS(),
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
