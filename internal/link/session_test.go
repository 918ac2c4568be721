package link

import (
	"context"
	"encoding/xml"
	"errors"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"adminbot/internal/xmpp/element"
	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/stanza"
)

func TestIdleForAnHour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg, peers := script(t)
		s := New(cfg)
		p, stop := online(t, s, peers)
		began := time.Now()
		pings := 0
		for time.Since(began) < 59*time.Minute {
			raw := p.next()
			if !strings.Contains(raw, "urn:xmpp:ping") {
				t.Fatalf("in silence: %s", raw)
			}
			pings++
			p.send(`<iq type='result' from='example.net' id='` + p.id(raw) + `'/>`)
		}
		if pings < 88 || pings > 99 {
			t.Errorf("%d pings in 59 minutes", pings)
		}
		p.alive()
		stop()
	})
}

func TestServerTalksSoNoPings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg, peers := script(t)
		s := New(cfg)
		p, stop := online(t, s, peers)
		p.next2(t)     // the time query
		for range 90 { // less than what is between two looks at the clock
			fakeTime(30 * time.Second)
			p.send(" ")
		}
		p.alive() // and nothing came before that
		stop()
	})
}

// next2 answers the query for the time that follows a login.
func (p *peer) next2(t *testing.T) {
	raw, err := p.raw()
	if err != nil || !strings.Contains(raw, "urn:xmpp:time") {
		t.Fatalf("after the login: %s, %v", raw, err)
	}
	p.refuse(raw)
}

func TestDeadServerIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg, peers := script(t)
		var states []State
		cfg.OnState = func(st State) { states = append(states, st) }
		var down []error
		s := New(cfg)
		s.OnDown(func(err error) { down = append(down, err) })
		end := run(t, s)
		p := <-peers
		p.login()
		began := time.Now()
		p.next2(t)
		if raw := p.next(); !strings.Contains(raw, "urn:xmpp:ping") {
			t.Fatalf("got %s", raw)
		}
		// No answer: a new connection comes.
		p2 := <-peers
		if took := time.Since(began); took < 50*time.Second || took >= 60*time.Second {
			t.Errorf("left after %v", took)
		}
		if len(down) != 1 || !errors.Is(down[0], ErrUnreachable) {
			t.Errorf("down: %v", down)
		}
		p2.login()
		<-s.Ready()
		p2.alive()
		go p2.end()
		end()
		if n := s.Stats().Reconnects; n != 1 {
			t.Errorf("%d reconnects", n)
		}
		ups := 0
		for _, st := range states {
			if st.Up {
				ups++
			}
		}
		if ups != 2 {
			t.Errorf("states %+v", states)
		}
	})
}

func TestBackoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg, _ := script(t)
		var tries []time.Time
		cfg.Dial = func(context.Context, string, string) (net.Conn, error) {
			tries = append(tries, time.Now())
			return nil, errors.New("refused")
		}
		end := run(t, New(cfg))
		fakeTime(time.Hour)
		end()
		want := []time.Duration{1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300}
		for i, w := range want {
			if got := tries[i+1].Sub(tries[i]).Round(time.Second); got != w*time.Second {
				t.Errorf("wait %d: %v, want %ds", i, got, w)
			}
		}
	})
}

func TestBackoffIsSpread(t *testing.T) {
	s := New(Config{JID: jid.MustParse(me)})
	seen := make(map[time.Duration]bool)
	for range 200 {
		d := s.backoff(255*time.Second, ErrUnreachable)
		if d < 0 || d > 256*time.Second {
			t.Fatalf("wait %v", d)
		}
		seen[d.Truncate(10*time.Second)] = true
	}
	if len(seen) < 15 {
		t.Errorf("waits fall into %d of 26 parts only", len(seen))
	}
}

// TestHerd is a server that was away for a while, and thousands of sessions that
// want it back: they come spread out, and the later, the wider.
func TestHerd(t *testing.T) {
	const agents = 10_000
	for _, tt := range []struct {
		name   string
		away   time.Duration
		first  error         // what ended the session
		then   error         // of attempts while it is away
		within time.Duration // all are back, counted from its return
		most   int           // in one second
	}{
		{"a restart that was announced", 0, &StreamError{Condition: "system-shutdown"}, ErrUnreachable, 8 * time.Second, agents / 7},
		{"announced and slow", 10 * time.Second, &StreamError{Condition: "system-shutdown"}, ErrUnreachable, 11 * time.Second, agents / 4},
		{"a crash", 10 * time.Second, ErrUnreachable, ErrUnreachable, 11 * time.Second, agents / 4},
		{"five minutes", 5 * time.Minute, ErrUnreachable, ErrUnreachable, 5 * time.Minute, agents / 50},
		{"a crowded server", 0, &StreamError{Condition: "resource-constraint"}, nil, 8 * time.Second, agents / 7},
		{"accounts that cannot be looked up", 0, &LoginError{Condition: "temporary-auth-failure"}, nil, 8 * time.Second, agents / 7},
		{"elsewhere", 0, &StreamError{Condition: "see-other-host"}, nil, 8 * time.Second, agents / 7},
		{"a wrong password for all", 0, &LoginError{Condition: "not-authorized"}, nil, 450 * time.Second, agents / 100},
	} {
		t.Run(tt.name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(1, 2))
			s := New(Config{JID: jid.MustParse(me), Jitter: rng.Float64})
			inSecond := make(map[time.Duration]int)
			var last time.Duration
			for range agents {
				at := s.backoff(0, tt.first)
				for at < tt.away {
					at += s.backoff(at, tt.then)
				}
				last = max(last, at-tt.away)
				inSecond[at.Truncate(time.Second)]++
			}
			most := slices.Max(slices.Collect(maps.Values(inSecond)))
			if last > tt.within || most > tt.most {
				t.Errorf("all back after %v, up to %d in one second", last, most)
			}
			t.Logf("all back after %v, up to %d in one second", last.Round(time.Second), most)
		})
	}
}

// TestFlapping: sessions that end as soon as they have begun are not taken for
// stable ones, however many there are.
func TestFlapping(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg, peers := script(t)
		end := run(t, New(cfg))
		began := time.Now()
		for i, want := range []time.Duration{0, 1, 2, 4, 8, 16, 1, 2} {
			p := <-peers
			if got := time.Since(began).Round(time.Second); got != want*time.Second {
				t.Errorf("wait %d: %v, want %ds", i, got, want)
			}
			p.login()
			p.next2(t)
			if i == 5 {
				fakeTime(30 * time.Second)
				p.send(" ")
				fakeTime(30 * time.Second) // so long is stable
			}
			p.conn.Close()
			began = time.Now()
		}
		end()
	})
}

func TestConflictBacksOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg, peers := script(t)
		states := make(chan State, 10)
		cfg.OnState = func(st State) { states <- st }
		end := run(t, New(cfg))
		p := <-peers
		p.login()
		p.next2(t)
		began := time.Now()
		// With a child of an application, which mellium cannot decode.
		p.send(`<stream:error><conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/><text xmlns='urn:ietf:params:xml:ns:xmpp-streams'>Replaced by new connection</text><why xmlns='urn:x'>so</why></stream:error></stream:stream>`)
		synctest.Wait()
		var last State
		for len(states) > 0 {
			last = <-states
		}
		if !last.Fatal || !errors.Is(last.Err, ErrConflict) || !strings.Contains(last.Err.Error(), "Replaced by new connection") {
			t.Errorf("state %+v", last)
		}
		<-peers
		if waited := time.Since(began); waited < 5*time.Minute {
			t.Errorf("back after %v", waited)
		}
		end()
	})
}

func TestLoginRefused(t *testing.T) {
	tests := []struct {
		name, answer string
		fatal        bool
		is           error
		says         string
	}{
		{"wrong password", `<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><not-authorized/><text>no</text></failure>`, true, ErrAuth, "not-authorized (no)"},
		{"for now", `<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><temporary-auth-failure/></failure>`, false, nil, "temporary-auth-failure"},
		{"stream error", `<stream:error><host-unknown xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>`, true, ErrConfig, "host-unknown"},
		{"stream error with more in it", `<stream:error><policy-violation xmlns='urn:ietf:params:xml:ns:xmpp-streams'/><x xmlns='urn:x'><y/></x></stream:error></stream:stream>`, false, nil, "policy-violation"},
		{"taken", `<stream:error><conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/><text xmlns='urn:ietf:params:xml:ns:xmpp-streams'>connected already</text></stream:error></stream:stream>`, false, ErrConflict, "connected already"},
		{"nonsense", `<ok/>`, false, nil, "in the middle of the login"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cfg, peers := script(t)
				cfg.Once = true
				done := make(chan error, 1)
				go func() { done <- New(cfg).Run(context.Background()) }()
				p := <-peers
				p.header()
				p.send(peerHeader, `<stream:features><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>PLAIN</mechanism></mechanisms></stream:features>`)
				p.next()
				p.send(tt.answer)
				defer p.conn.Close()
				err := <-done
				if isFatal(err) != tt.fatal || tt.is != nil && !errors.Is(err, tt.is) || !strings.Contains(err.Error(), tt.says) {
					t.Errorf("fatal %t: %v", isFatal(err), err)
				}
			})
		})
	}
}

func TestNoFeatures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg, peers := script(t)
		cfg.Once = true
		done := make(chan error, 1)
		go func() { done <- New(cfg).Run(context.Background()) }()
		p := <-peers
		p.header()
		p.send(peerHeader, `<stream:features/>`)
		if err := <-done; !errors.Is(err, ErrAuth) {
			t.Errorf("Run: %v", err)
		}
	})
}

func TestSilentServerDuringLogin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg, peers := script(t)
		cfg.Once = true
		began := time.Now()
		done := make(chan error, 1)
		go func() { done <- New(cfg).Run(context.Background()) }()
		p := <-peers
		p.header()
		if err := <-done; !errors.Is(err, ErrUnreachable) || time.Since(began) != 30*time.Second {
			t.Errorf("Run: %v after %v", err, time.Since(began))
		}
	})
}

func TestPresenceCarriesCaps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg, peers := script(t)
		cfg.DiscoNode = "urn:test"
		cfg.Disco.Features = []string{"urn:test:feature"}
		cfg.Presence = func() (stanza.Presence, xml.TokenReader) {
			e := element.New("jabber:client", "show")
			e.Text = "away"
			return stanza.Presence{}, e.TokenReader()
		}
		up := make(chan context.Context, 1)
		s := New(cfg)
		s.OnUp(func(ctx context.Context) { up <- ctx })
		p, stop := online(t, s, peers)
		p.expect(`<presence><show>away</show><c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='urn:test' ver='` + s.Info().Hash() + `'/></presence>`)
		ctx := <-up
		for _, tt := range []struct{ node, want string }{
			{"", ">"},
			{" node='urn:test#" + s.Info().Hash() + "'", " node='urn:test#" + s.Info().Hash() + "'>"},
		} {
			p.send(`<iq type='get' id='d' from='a@example.net/x'><query xmlns='http://jabber.org/protocol/disco#info'` + tt.node + `/></iq>`)
			raw := p.next()
			if !strings.Contains(raw, "<query xmlns='http://jabber.org/protocol/disco#info'"+tt.want) || !strings.Contains(raw, "urn:test:feature") || !strings.Contains(raw, "urn:xmpp:ping") {
				t.Errorf("disco#info%s: %s", tt.node, raw)
			}
		}
		// Goodbye.
		done := make(chan struct{})
		go func() { stop(); close(done) }()
		<-ctx.Done()
		<-done
	})
}

func TestGoodbye(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, polite := range []bool{true, false} {
			cfg, peers := script(t)
			cfg.Presence = func() (stanza.Presence, xml.TokenReader) { return stanza.Presence{}, nil }
			s := New(cfg)
			end := run(t, s)
			p := <-peers
			p.login()
			<-s.Ready()
			for range 2 { // presence and query for the time
				if _, err := p.raw(); err != nil {
					t.Fatal(err)
				}
			}
			began := time.Now()
			done := make(chan struct{})
			go func() { end(); close(done) }()
			p.expect(`<presence type='unavailable'/>`)
			if _, err := p.raw(); !errors.Is(err, errStreamEnd) {
				t.Errorf("then %v", err)
			}
			if polite {
				p.send("</stream:stream>")
			}
			<-done
			if took := time.Since(began); polite && took != 0 || took > 3*time.Second {
				t.Errorf("polite %t: took %v", polite, took)
			}
		}
	})
}

func TestClockOffset(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg, peers := script(t)
		s := New(cfg)
		end := run(t, s)
		p := <-peers
		p.login()
		raw, _ := p.raw()
		fakeTime(2 * time.Second)
		p.send(`<iq type='result' from='example.net' id='`, p.id(raw), `'><time xmlns='urn:xmpp:time'><tzo>+02:00</tzo><utc>`,
			time.Now().Add(90*time.Second).UTC().Format("2006-01-02T15:04:05.000Z"), `</utc></time></iq>`)
		synctest.Wait()
		if d, ok := s.ClockOffset(); !ok || d != 91*time.Second { // half of the two seconds are on the way back
			t.Errorf("offset %v, %t", d, ok)
		}
		for { // the clock is looked at again
			raw, err := p.raw()
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(raw, "urn:xmpp:time") {
				p.send(`<iq type='result' from='example.net' id='`, p.id(raw), `'/>`)
				continue
			}
			p.send(`<iq type='result' from='example.net' id='`, p.id(raw), `'><time xmlns='urn:xmpp:time'><tzo>Z</tzo><utc>`,
				time.Now().Add(-10*time.Second).UTC().Format("2006-01-02T15:04:05Z"), `</utc></time></iq>`)
			break
		}
		synctest.Wait()
		if d, ok := s.ClockOffset(); !ok || d < -11*time.Second || d > -9*time.Second {
			t.Errorf("offset %v, %t", d, ok)
		}
		go p.end()
		end()
	})
}

// TestWireIgnoresDeadlines: whoever sets one in the past does so for a call that
// was cancelled, and must not harm the others.
func TestWireIgnoresDeadlines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		defer theirs.Close()
		w := newWire(ours, time.Second)
		for _, set := range []func(time.Time) error{w.SetDeadline, w.SetReadDeadline, w.SetWriteDeadline} {
			if err := set(time.Unix(1, 0)); err != nil {
				t.Error(err)
			}
		}
		go theirs.Write([]byte("abcd"))
		if c, err := w.ReadByte(); c != 'a' || err != nil {
			t.Errorf("%c, %v", c, err)
		}
		rest := make([]byte, 10)
		if n, err := w.Read(rest); string(rest[:n]) != "bcd" || err != nil {
			t.Errorf("%q, %v", rest[:n], err)
		}
		go io.ReadFull(theirs, make([]byte, 1))
		if _, err := w.Write([]byte("x")); err != nil {
			t.Error(err)
		}
		began := time.Now()
		if _, err := w.Write([]byte("y")); err == nil || time.Since(began) != time.Second {
			t.Errorf("a write that nobody reads: %v after %v", err, time.Since(began))
		}
	})
}
