//go:build !unit

package link_test

import (
	"context"
	"crypto/tls"
	"encoding/xml"
	"errors"
	"io"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"adminbot/internal/account"
	"adminbot/internal/link"
	"adminbot/internal/servertest"
	"adminbot/internal/xmpp/element"
	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/stanza"
)

const (
	botPassword  = "b0t pass"
	hostPassword = "w3b=pass,&<"
)

// config returns a configuration for an account of p.
func config(t testing.TB, p *servertest.Server, address, password string) link.Config {
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

func once(t testing.TB, cfg link.Config) error {
	cfg.Once = true
	return link.New(cfg).Run(within(t, 20*time.Second))
}

// everyServer is what works the same on all of them.
func everyServer(t *testing.T, p *servertest.Server) {
	t.Parallel()
	t.Run("round trips between two sessions", func(t *testing.T) {
		host := link.New(config(t, p, "web01@localhost/agent", hostPassword))
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
		bot := link.New(config(t, p, "bot@localhost/bot", botPassword))
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
		err := once(t, config(t, p, "bot@localhost/x", "wrong"))
		if !errors.Is(err, link.ErrAuth) || !strings.Contains(err.Error(), "not-authorized") {
			t.Errorf("Run: %v", err)
		}
	})
	t.Run("direct TLS", func(t *testing.T) {
		cfg := config(t, p, "bot@localhost/direct", botPassword)
		cfg.Addr, cfg.DirectTLS = p.DirectTLS, true
		s := link.New(cfg)
		start(t, s)
		if err := s.Barrier(within(t, 10*time.Second)); err != nil {
			t.Error(err)
		}
	})
	t.Run("certificate of an unknown authority", func(t *testing.T) {
		cfg := config(t, p, "bot@localhost/x", botPassword)
		cfg.TLS = nil
		cfg.Password = func() (string, error) { return botPassword, nil }
		err := once(t, cfg)
		if !errors.Is(err, link.ErrCertificate) || !strings.Contains(err.Error(), "authority that this machine does not know") || !strings.Contains(err.Error(), `issued by "AdminBot test authority"`) || !strings.Contains(err.Error(), "hint: ") {
			t.Errorf("Run: %v", err)
		}
	})
	t.Run("verification cannot be switched off", func(t *testing.T) {
		cfg := config(t, p, "bot@localhost/x", botPassword)
		cfg.TLS = &tls.Config{InsecureSkipVerify: true}
		if err := once(t, cfg); !errors.Is(err, link.ErrConfig) {
			t.Errorf("Run: %v", err)
		}
	})
	t.Run("no TLS where it is required", func(t *testing.T) {
		cfg := config(t, p, "bot@localhost/x", botPassword)
		cfg.Plaintext = true
		if err := once(t, cfg); !errors.Is(err, link.ErrAuth) || !strings.Contains(err.Error(), "hint: it may want TLS first") {
			t.Errorf("Run: %v", err)
		}
	})
	t.Run("nobody listens", func(t *testing.T) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		l.Close()
		cfg := config(t, p, "bot@localhost/x", botPassword)
		cfg.Addr = l.Addr().String()
		if err := once(t, cfg); !errors.Is(err, link.ErrUnreachable) || !strings.Contains(err.Error(), l.Addr().String()) {
			t.Errorf("Run: %v", err)
		}
	})
	t.Run("two with one address", func(t *testing.T) {
		states := make(chan link.State, 10)
		cfg := config(t, p, "bot@localhost/twin", botPassword)
		cfg.OnState = func(st link.State) { states <- st }
		first := link.New(cfg)
		start(t, first)
		start(t, link.New(config(t, p, "bot@localhost/twin", botPassword)))
		for st := range states {
			if st.Retry == 0 {
				continue
			}
			if !st.Fatal || st.Retry < 5*time.Minute || !errors.Is(st.Err, link.ErrConflict) {
				t.Errorf("state %+v", st)
			}
			break
		}
	})
	t.Run("component", func(t *testing.T) {
		cfg := link.Config{
			JID:       jid.MustParse(p.Name),
			Addr:      p.Component,
			Component: &link.Component{Secret: func() (string, error) { return p.Secret, nil }},
		}
		wrong := cfg
		wrong.Component = &link.Component{Secret: func() (string, error) { return "wrong", nil }}
		if err := once(t, wrong); !errors.Is(err, link.ErrAuth) {
			t.Errorf("wrong secret: %v", err)
		}
		comp := link.New(cfg)
		comp.HandleIQ(xml.Name{Space: "urn:test"}, func(_ context.Context, iq stanza.IQ, _ xml.TokenReader) (xml.TokenReader, error) {
			e := element.New("urn:test", "r")
			e.Text = iq.To.String()
			return e.TokenReader(), nil
		})
		start(t, comp)
		ctx := within(t, 10*time.Second)
		if err := comp.Barrier(ctx); err != nil {
			t.Errorf("Barrier: %v", err)
		}
		if p.Kind != "ejabberd" { // which shares the stanzas out among all connections
			if err := once(t, cfg); !errors.Is(err, link.ErrConflict) {
				t.Errorf("second connection: %v", err)
			}
		}
		bot := link.New(config(t, p, "bot@localhost/c", botPassword))
		start(t, bot)
		to := jid.MustParse("queue@" + p.Name + "/q")
		_, r, err := bot.RoundTripIQ(ctx, stanza.IQ{Type: stanza.GetIQ, To: to}, element.New("urn:test", "q").TokenReader())
		if err != nil {
			t.Fatal(err)
		}
		if e, err := element.Read(r); err != nil || e.Text != to.String() {
			t.Errorf("%v, %v", e, err)
		}
		// And the other way round: the bot answers, the server in its own name does.
		if _, _, err := comp.RoundTripIQ(ctx, stanza.IQ{Type: stanza.GetIQ, To: bot.LocalAddr()}, element.New("urn:xmpp:ping", "ping").TokenReader()); err != nil {
			t.Errorf("component to bot: %v", err)
		}
		if _, _, err := comp.RoundTripIQ(ctx, stanza.IQ{Type: stanza.GetIQ, To: jid.MustParse("localhost")}, element.New("urn:xmpp:ping", "ping").TokenReader()); err != nil {
			t.Errorf("component to server: %v", err)
		}
	})
	t.Run("nobody there", func(t *testing.T) {
		bot := link.New(config(t, p, "bot@localhost/n", botPassword))
		start(t, bot)
		_, _, err := bot.RoundTripIQ(within(t, 10*time.Second), stanza.IQ{Type: stanza.SetIQ, To: jid.MustParse("web01@localhost/nowhere")}, element.New("urn:test", "q").TokenReader())
		if !errors.Is(err, stanza.Error{Condition: stanza.ServiceUnavailable}) {
			t.Errorf("%v", err)
		}
	})
	t.Run("clock", func(t *testing.T) {
		if p.Kind == "ejabberd" && p.Limits == servertest.Shipped {
			return // it does not tell the time (XEP-0202) unless mod_time is added
		}
		bot := link.New(config(t, p, "bot@localhost/clock", botPassword))
		start(t, bot)
		if err := bot.Barrier(within(t, 10*time.Second)); err != nil {
			t.Fatal(err)
		}
		deadline := time.Now().Add(10 * time.Second)
		for {
			if d, ok := bot.ClockOffset(); ok {
				if d.Abs() > 2*time.Second {
					t.Errorf("offset %v", d)
				}
				return
			}
			if time.Now().After(deadline) {
				t.Fatal("not measured")
			}
			bot.Barrier(within(t, 10*time.Second))
		}
	})
	t.Run("a connection that is cut", func(t *testing.T) { breaking(t, p) })
	t.Run("a connection that goes nowhere", func(t *testing.T) { halfOpen(t, p) })
	// What mellium's own session does not survive (mellium.im/xmpp v0.22.0).
	t.Run("odd stanzas of a stranger", func(t *testing.T) {
		victim := link.New(config(t, p, "bot@localhost/victim", botPassword))
		start(t, victim)
		stranger := link.New(config(t, p, "web01@localhost/stranger", hostPassword))
		start(t, stranger)
		ctx := within(t, 20*time.Second)
		to := victim.LocalAddr()
		odd := element.New("urn:x", "x")
		odd.Text = "x"
		for _, iq := range []xml.TokenReader{
			&list{[]xml.Token{iqStart(to, "result", "1"), xml.CharData("x"), iqStart(to, "result", "1").End()}},
			&list{[]xml.Token{iqStart(to, "error", "1"), xml.CharData("x"), iqStart(to, "error", "1").End()}},
			&list{[]xml.Token{iqStart(to, "result", "2"), iqStart(to, "result", "2").End()}},
			stanza.IQ{Type: stanza.ResultIQ, ID: "3", To: to}.Wrap(element.TokenReader(odd, odd, odd)),
			stanza.Message{To: to, Type: stanza.ErrorMessage}.Wrap(odd.TokenReader()),
			stanza.Presence{To: to, Type: "error"}.Wrap(odd.TokenReader()),
		} {
			if err := stranger.Send(ctx, iq); err != nil {
				t.Fatal(err)
			}
		}
		if err := stranger.Barrier(ctx); err != nil {
			t.Fatal(err)
		}
		if _, _, err := stranger.RoundTripIQ(ctx, stanza.IQ{Type: stanza.GetIQ, To: to}, element.New("urn:xmpp:ping", "ping").TokenReader()); err != nil {
			t.Errorf("the victim does not answer: %v", err)
		}
		if n := victim.Stats().Reconnects; n != 0 || !victim.Up() {
			t.Errorf("%d reconnects", n)
		}
	})
	t.Run("service records lead to a server of another name", func(t *testing.T) {
		want, says := link.ErrCertificate, "is for localhost, not for chat.example"
		if p.Kind == "prosody" { // ends the handshake
			want, says = link.ErrUnreachable, "it does not serve chat.example"
		}
		cfg := config(t, p, "bot@chat.example/srv", botPassword)
		cfg.Addr = ""
		cfg.Lookup = func(_ context.Context, service, _, _ string) (string, []*net.SRV, error) {
			if service != "xmpps-client" {
				return "", nil, &net.DNSError{IsNotFound: true}
			}
			host, port, _ := net.SplitHostPort(p.DirectTLS)
			n, _ := strconv.Atoi(port)
			return "", []*net.SRV{{Target: host, Port: uint16(n)}}, nil
		}
		if err := once(t, cfg); !errors.Is(err, want) || !strings.Contains(err.Error(), says) {
			t.Errorf("Run: %v", err)
		}
	})
	t.Run("restart of the server", func(t *testing.T) { restart(t, p) })
}

// TestServers holds on every server, with the limits that it ships with and
// with those that its page in docs recommends.
func TestServers(t *testing.T) {
	servertest.EachLimits(t, servertest.Options{Accounts: []servertest.Account{
		{Name: "bot", Password: botPassword, Role: account.Bot},
		{Name: "web01", Password: hostPassword, Role: account.Host},
	}}, everyServer)
}

// restart throws out all sessions and sees that they come back.
func restart(t *testing.T, p *servertest.Server) {
	cfg := config(t, p, "bot@localhost/phoenix", botPassword)
	cfg.Timing.RetryMin, cfg.Timing.RetryMax = 50*time.Millisecond, 200*time.Millisecond
	downs := make(chan error, 10)
	ups := make(chan struct{}, 10)
	states := make(chan link.State, 1000)
	cfg.OnState = func(st link.State) { states <- st }
	s := link.New(cfg)
	s.OnDown(func(err error) { downs <- err })
	s.OnUp(func(context.Context) { ups <- struct{}{} })
	start(t, s)
	<-ups
	p.Stop(t)
	await(states, isDown)
	_, _, err := s.RoundTripIQ(t.Context(), stanza.IQ{Type: stanza.GetIQ}, element.New("urn:x", "x").TokenReader())
	var e *link.Error
	if !errors.As(err, &e) || e.Sent() {
		t.Errorf("call without a server: %v", err)
	}
	p.Start(t)
	select {
	case <-ups:
	case <-time.After(20 * time.Second):
		t.Fatal("not back after 20 s")
	}
	if err := <-downs; err == nil {
		t.Error("down without a reason")
	}
	if err := s.Barrier(within(t, 10*time.Second)); err != nil {
		t.Error(err)
	}
}

func TestRefusedCertificates(t *testing.T) {
	authority := servertest.NewAuthority(t)
	for _, tt := range []struct {
		name     string
		validity time.Duration
		says     string
	}{
		{"chat.example", -time.Minute, "expired on 20"},
		{"other.example", time.Hour, "is for other.example, not for chat.example"},
		{"127.0.0.1", time.Hour, "is for 127.0.0.1, not for chat.example"}, // the address dialled does not count
	} {
		t.Run(tt.says, func(t *testing.T) {
			l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{authority.Certificate(t, tt.validity, tt.name)}})
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			go func() {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				conn.(*tls.Conn).Handshake()
				conn.Close()
			}()
			err = link.New(link.Config{
				JID: jid.MustParse("bot@chat.example"), Password: func() (string, error) { return "x", nil },
				Addr: l.Addr().String(), DirectTLS: true, TLS: &tls.Config{RootCAs: authority.Pool()}, Once: true,
			}).Run(within(t, 10*time.Second))
			if !errors.Is(err, link.ErrCertificate) || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("Run: %v", err)
			}
		})
	}
}

func TestPlaintextStaysOnThisMachine(t *testing.T) {
	cfg := link.Config{
		JID: jid.MustParse("bot@chat.example"), Password: func() (string, error) { return "x", nil },
		Addr: "server", Plaintext: true, Once: true,
		Dial: func(context.Context, string, string) (net.Conn, error) {
			ours, theirs := net.Pipe()
			t.Cleanup(func() { theirs.Close() })
			return elsewhere{ours}, nil
		},
	}
	if err := link.New(cfg).Run(within(t, 10*time.Second)); !errors.Is(err, link.ErrConfig) || !strings.Contains(err.Error(), "not a loopback address") {
		t.Errorf("Run: %v", err)
	}
}

type elsewhere struct{ net.Conn }

func (elsewhere) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 5222} }

func iqStart(to jid.JID, typ, id string) xml.StartElement {
	return stanza.IQ{Type: stanza.IQType(typ), ID: id, To: to}.StartElement()
}

type list struct{ tokens []xml.Token }

func (l *list) Token() (xml.Token, error) {
	if len(l.tokens) == 0 {
		return nil, io.EOF
	}
	tok := l.tokens[0]
	l.tokens = l.tokens[1:]
	return tok, nil
}
