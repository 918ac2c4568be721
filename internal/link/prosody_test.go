package link_test

import (
	"context"
	"encoding/xml"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"adminbot/internal/link"
	"adminbot/internal/servertest"
	"adminbot/internal/xmpp/element"
	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/stanza"
)

// config returns a configuration for an account of p.
func config(t testing.TB, p *servertest.Prosody, address, password string) link.Config {
	return link.Config{
		JID:      jid.MustParse(address),
		Password: func() (string, error) { return password, nil },
		Addr:     p.Addr,
		TLS:      p.TLS(),
		Log:      slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
}

// start runs s until the test ends.
func start(t testing.TB, s *link.Session) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	select {
	case <-s.Ready():
	case <-time.After(20 * time.Second):
		t.Fatal("no session after 20 s")
	}
}

func within(t testing.TB, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	t.Cleanup(cancel)
	return ctx
}

func TestProsody(t *testing.T) {
	p := servertest.StartProsody(t, servertest.Options{
		Accounts: map[string]string{"bot": "b0t pass", "web01": "w3b=pass,&<"},
		Groups:   "[Hosts]\nbot@localhost=AdminBot\nweb01@localhost=web01\n",
	})
	t.Run("round trips between two sessions", func(t *testing.T) {
		host := link.New(config(t, p, "web01@localhost/agent", "w3b=pass,&<"))
		host.HandleIQ(xml.Name{Space: "urn:test", Local: "echo"}, func(_ context.Context, iq stanza.IQ, r xml.TokenReader) (xml.TokenReader, error) {
			e, err := element.Read(r)
			if err != nil {
				return nil, err
			}
			if e.Text == "refuse" {
				return nil, stanza.Error{Type: stanza.Auth, Condition: stanza.Forbidden}
			}
			e.Text = iq.From.String() + ": " + e.Text
			return e.TokenReader(), nil
		})
		start(t, host)
		bot := link.New(config(t, p, "bot@localhost/bot", "b0t pass"))
		start(t, bot)
		if got := bot.LocalAddr().String(); got != "bot@localhost/bot" {
			t.Errorf("bound %s", got)
		}
		ctx := within(t, 10*time.Second)
		to := jid.MustParse("web01@localhost/agent")
		echo := func(text string) (string, error) {
			e := element.New("urn:test", "echo")
			e.Text = text
			_, r, err := bot.RoundTripIQ(ctx, stanza.IQ{Type: stanza.SetIQ, To: to}, e.TokenReader())
			if err != nil {
				return "", err
			}
			e, err = element.Read(r)
			if err != nil {
				return "", err
			}
			return e.Text, nil
		}
		const text = "<a> & 'b' \"c\" \t\r\n ]]> ünï 🤖"
		got, err := echo(text)
		if want := "bot@localhost/bot: " + text; err != nil || got != want {
			t.Errorf("echo: %q, %v, want %q", got, err, want)
		}
		if _, err := echo("refuse"); !errors.Is(err, stanza.Error{Condition: stanza.Forbidden}) {
			t.Errorf("refused: %v", err)
		}
		if err := bot.Barrier(ctx); err != nil {
			t.Errorf("Barrier: %v", err)
		}
		items, err := bot.Roster(ctx)
		if err != nil || len(items) != 1 || items[0].JID.String() != "web01@localhost" || items[0].Groups[0] != "Hosts" || items[0].Subscription != "both" {
			t.Errorf("Roster: %+v, %v", items, err)
		}
	})
	t.Run("wrong password", func(t *testing.T) {
		cfg := config(t, p, "bot@localhost/x", "wrong")
		cfg.Once = true
		err := link.New(cfg).Run(within(t, 20*time.Second))
		if !errors.Is(err, link.ErrAuth) || !strings.Contains(err.Error(), "not-authorized") {
			t.Errorf("Run: %v", err)
		}
	})
}
