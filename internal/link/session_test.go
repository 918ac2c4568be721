package link

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"adminbot/internal/xmpp/element"
	"adminbot/internal/xmpp/roster"
	"adminbot/internal/xmpp/turn"
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
		if pings < 59 || pings > 66 {
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
		p.next2(t) // the time query
		for range 100 {
			fakeTime(45 * time.Second)
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
		if took := time.Since(began); took < 70*time.Second || took > 90*time.Second {
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
		d := s.backoff(8, false)
		if d < 0 || d > 256*time.Second {
			t.Fatalf("wait %v", d)
		}
		seen[d.Truncate(10*time.Second)] = true
	}
	if len(seen) < 15 {
		t.Errorf("waits fall into %d of 26 parts only", len(seen))
	}
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

// call is RoundTripIQ in the background.
func callIQ(ctx context.Context, s *Session, to, id string) <-chan answer {
	done := make(chan answer, 1)
	iq := stanza.IQ{Type: stanza.GetIQ, ID: id}
	if to != "" {
		iq.To = jid.MustParse(to)
	}
	go func() {
		iq, r, err := s.RoundTripIQ(ctx, iq, element.New("urn:q", "q").TokenReader())
		a := answer{iq: iq, err: err}
		if err == nil {
			_, err := element.ReadAll(r)
			a.err = err
		}
		done <- a
	}()
	return done
}

func TestForgedAnswers(t *testing.T) {
	tests := []struct {
		to     string
		forged []string // from whom an answer must not be taken
		right  []string // from whom it must
	}{
		{"host@example.net/agent", []string{"", "example.net", "bot@example.net", "host@example.net", "host@example.net/other", "evil@example.org/agent", me}, []string{"host@example.net/agent", "HOST@Example.net/agent"}},
		{"", []string{"evil@example.org", "example.org", "bot@example.org", "bot@example.net/evil"}, []string{"", "example.net", "bot@example.net"}},
		{"example.net", []string{"evil@example.org", "conference.example.net"}, []string{"", "example.net", "bot@example.net"}},
		{"bot@example.net", []string{"evil@example.org", "alice@example.net"}, []string{"", "example.net", "bot@example.net"}},
		{"pubsub.example.net", []string{"", "example.net", "bot@example.net"}, []string{"pubsub.example.net"}},
	}
	for _, tt := range tests {
		for _, right := range tt.right {
			t.Run(fmt.Sprintf("to %q from %q", tt.to, right), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					cfg, peers := script(t)
					s := New(cfg)
					p, stop := online(t, s, peers)
					done := callIQ(t.Context(), s, tt.to, "known")
					p.next()
					from := func(f string) string {
						if f == "" {
							return ""
						}
						return " from='" + f + "'"
					}
					for _, f := range tt.forged {
						p.send("<iq type='result' id='known'" + from(f) + "/>")
						p.send("<iq type='error' id='known'" + from(f) + "/>")
					}
					p.alive()
					select {
					case a := <-done:
						t.Fatalf("took a forged answer from %s: %v", a.iq.From, a.err)
					default:
					}
					p.send("<iq type='result' id='known'" + from(right) + "><r xmlns='urn:q'/></iq>")
					if a := <-done; a.err != nil {
						t.Errorf("answer: %v", a.err)
					}
					if n := s.Stats().Unexpected; n != uint64(2*len(tt.forged)) {
						t.Errorf("%d unexpected, want %d", n, 2*len(tt.forged))
					}
					stop()
				})
			})
		}
	}
}

func TestDuplicateIDs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg, peers := script(t)
		s := New(cfg)
		p, stop := online(t, s, peers)
		a := callIQ(t.Context(), s, "a@example.net/x", "same")
		p.next()
		b := callIQ(t.Context(), s, "b@example.net/x", "same") // somebody else: no matter
		p.next()
		again := <-callIQ(t.Context(), s, "a@example.net/x", "same")
		var e *Error
		if !errors.Is(again.err, ErrDuplicateID) || !errors.As(again.err, &e) || e.Sent() {
			t.Errorf("second call with one id: %v", again.err)
		}
		p.send(`<iq type='result' id='same' from='b@example.net/x'/>`, `<iq type='result' id='same' from='b@example.net/x'/>`)
		if got := <-b; got.err != nil || got.iq.From.String() != "b@example.net/x" {
			t.Errorf("b: %+v", got)
		}
		p.send(`<iq type='result' id='same' from='a@example.net/x'/>`)
		if got := <-a; got.err != nil {
			t.Errorf("a: %+v", got)
		}
		p.alive()
		if n := s.Stats().Unexpected; n != 1 {
			t.Errorf("%d unexpected", n)
		}
		stop()
	})
}

func TestErrorAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg, peers := script(t)
		s := New(cfg)
		p, stop := online(t, s, peers)
		for _, tt := range []struct {
			inner string
			want  stanza.Error
			says  string
		}{
			{`<q xmlns='urn:q'/><error type='wait'><resource-constraint xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/><text xml:lang='en' xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>full &amp; busy</text><x xmlns='urn:x'/></error>`,
				stanza.Error{Type: stanza.Wait, Condition: stanza.ResourceConstraint}, "full & busy"},
			{``, stanza.Error{Condition: stanza.UndefinedCondition}, ""},
			{`text only`, stanza.Error{Condition: stanza.UndefinedCondition}, ""},
		} {
			done := callIQ(t.Context(), s, "a@example.net/x", "")
			id := p.id(p.next())
			p.send(`<iq type='error' from='a@example.net/x' id='`, id, `'>`, tt.inner, `</iq>`)
			got := <-done
			var sent interface{ Sent() bool }
			if !errors.Is(got.err, tt.want) || !strings.Contains(got.err.Error(), tt.says) || errors.As(got.err, &sent) {
				t.Errorf("%q: %v", tt.inner, got.err)
			}
		}
		stop()
	})
}

func TestCancelledCallsHarmNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg, peers := script(t)
		s := New(cfg)
		p, stop := online(t, s, peers)
		go func() { // the server reads everything and answers every other call
			for n := 0; ; n++ {
				raw, err := p.raw()
				if err != nil {
					return
				}
				if n%2 == 0 {
					io.WriteString(p.conn, `<iq type='result' from='a@example.net/x' id='`+p.id(raw)+`'/>`)
				}
			}
		}()
		var wg sync.WaitGroup
		for i := range 500 {
			wg.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i%7)*time.Millisecond)
				defer cancel()
				a := <-callIQ(ctx, s, "a@example.net/x", "")
				var e *Error
				if a.err != nil && (!errors.Is(a.err, context.DeadlineExceeded) || !errors.As(a.err, &e)) {
					t.Errorf("call: %v", a.err)
				}
			})
		}
		wg.Wait()
		if !s.Up() || s.Stats().Reconnects != 0 {
			t.Error("the session did not survive")
		}
		st := s.current.Load()
		st.mu.Lock()
		left := len(st.pending)
		st.mu.Unlock()
		if left > 1 { // the query for the time
			t.Errorf("%d calls left behind", left)
		}
		p.conn.Close()
		synctest.Wait()
		stop()
	})
}

func TestCancelledBeforeItsTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg, peers := script(t)
		s := New(cfg)
		p, stop := online(t, s, peers)
		synctest.Wait() // nobody reads: the writer is stuck with the query for the time
		ctx, cancel := context.WithCancel(t.Context())
		read := false
		done := make(chan error, 1)
		go func() {
			_, _, err := s.RoundTripIQ(ctx, stanza.IQ{Type: stanza.GetIQ}, readerFunc(func() (xml.Token, error) {
				read = true
				return nil, io.EOF
			}))
			done <- err
		}()
		synctest.Wait()
		cancel()
		var e *Error
		if err := <-done; !errors.As(err, &e) || e.Sent() || !errors.Is(err, context.Canceled) {
			t.Errorf("RoundTripIQ: %v", err)
		}
		p.next2(t)
		p.alive()
		if read {
			t.Error("the payload of a withdrawn call was read")
		}
		stop()
	})
}

type readerFunc func() (xml.Token, error)

func (f readerFunc) Token() (xml.Token, error) { return f() }

func TestStuckWriteEndsTheSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg, peers := script(t)
		s := New(cfg)
		end := run(t, s)
		p := <-peers
		p.login()
		<-s.Ready()
		began := time.Now()
		done := callIQ(t.Context(), s, "a@example.net/x", "") // behind the query for the time, or with it
		a := <-done
		var e *Error
		if !errors.As(a.err, &e) || time.Since(began) > 31*time.Second {
			t.Errorf("after %v: %v", time.Since(began), a.err)
		}
		p2 := <-peers
		p2.login()
		<-s.Ready()
		p2.alive()
		go p2.end()
		end()
	})
}

func TestPendingCallsFailWithTheSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg, peers := script(t)
		s := New(cfg)
		p, stop := online(t, s, peers)
		sent := callIQ(t.Context(), s, "a@example.net/x", "")
		p.next()
		unsent := callIQ(t.Context(), s, "a@example.net/x", "")
		later := callIQ(t.Context(), s, "a@example.net/x", "")
		synctest.Wait()
		p.conn.Close()
		var e *Error
		if a := <-sent; !errors.As(a.err, &e) || !e.Sent() || !errors.Is(a.err, ErrClosed) {
			t.Errorf("written call: %v", a.err)
		}
		for _, c := range []<-chan answer{unsent, later} {
			if a := <-c; !errors.As(a.err, &e) {
				t.Errorf("call: %v", a.err)
			}
		}
		if a := <-callIQ(t.Context(), s, "a@example.net/x", ""); !errors.As(a.err, &e) || e.Sent() || !errors.Is(a.err, ErrClosed) {
			t.Errorf("call without a session: %v", a.err)
		}
		if err := s.Send(t.Context(), stanza.Message{}.Wrap(nil)); !errors.As(err, &e) || e.Sent() {
			t.Errorf("Send without a session: %v", err)
		}
		stop()
	})
}

func TestHandlersOfDifferentSenders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg, peers := script(t)
		s := New(cfg)
		gate := make(chan struct{})
		s.HandleIQ(xml.Name{Space: "urn:slow"}, func(context.Context, stanza.IQ, xml.TokenReader) (xml.TokenReader, error) {
			<-gate
			return nil, nil
		})
		s.HandleIQ(xml.Name{Space: "urn:fast"}, func(context.Context, stanza.IQ, xml.TokenReader) (xml.TokenReader, error) {
			return nil, nil
		})
		p, stop := online(t, s, peers)
		p.next2(t)
		p.send(`<iq type='set' id='1' from='a@example.net/x'><q xmlns='urn:slow'/></iq>`)
		p.send(`<iq type='set' id='2' from='a@example.net/x'><q xmlns='urn:fast'/></iq>`)
		p.send(`<iq type='get' id='3' from='a@example.net/x'><ping xmlns='urn:xmpp:ping'/></iq>`)
		p.expect(`<iq type='result' to='a@example.net/x' id='3'/>`) // pings wait for nobody
		p.send(`<iq type='set' id='4' from='b@example.net/x'><q xmlns='urn:fast'/></iq>`)
		p.expect(`<iq type='result' to='b@example.net/x' id='4'/>`)
		close(gate)
		p.expect(`<iq type='result' to='a@example.net/x' id='1'/>`)
		p.expect(`<iq type='result' to='a@example.net/x' id='2'/>`) // in order
		stop()
	})
}

func TestYield(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg, peers := script(t)
		s := New(cfg)
		gate := make(chan struct{})
		var order []string // of the places taken
		s.HandleIQ(xml.Name{Space: "urn:q"}, func(ctx context.Context, iq stanza.IQ, _ xml.TokenReader) (xml.TokenReader, error) {
			order = append(order, iq.ID) // safe: one turn at a time
			turn.Yield(ctx)
			turn.Yield(ctx)
			if iq.ID < "5" {
				<-gate
			}
			return nil, nil
		})
		p, stop := online(t, s, peers)
		p.next2(t)
		for i := range 9 {
			p.send(fmt.Sprintf(`<iq type='set' id='%d' from='a@example.net/x'><q xmlns='urn:q'/></iq>`, i+1))
		}
		ids := make(map[string]bool)
		for range 5 {
			ids[p.id(p.next())] = true
		}
		close(gate)
		for range 4 {
			ids[p.id(p.next())] = true
		}
		if len(ids) != 9 || strings.Join(order, "") != "123456789" {
			t.Errorf("answered %v, taken in order %v", ids, order)
		}
		stop()
	})
}

func TestFlood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg, peers := script(t)
		cfg.Limits.PerSender = 4
		cfg.Limits.Workers = 2
		s := New(cfg)
		gate := make(chan struct{})
		var got []string
		var mu sync.Mutex
		s.HandleIQ(xml.Name{Space: "urn:q"}, func(_ context.Context, iq stanza.IQ, _ xml.TokenReader) (xml.TokenReader, error) {
			if iq.From.Localpart() == "flood" {
				<-gate
			}
			return nil, nil
		})
		s.HandleMessage(func(_ context.Context, m stanza.Message, _ xml.TokenReader) {
			mu.Lock()
			defer mu.Unlock()
			got = append(got, m.ID)
		})
		p, stop := online(t, s, peers)
		p.next2(t)
		for i := range 10 { // one has the turn, four wait, five are too many
			p.send(fmt.Sprintf(`<iq type='set' id='f%d' from='flood@example.net/x'><q xmlns='urn:q'/></iq>`, i))
			synctest.Wait()
			if i >= 5 {
				p.expect(fmt.Sprintf(`<iq type='error' to='flood@example.net/x' id='f%d'><error type='wait'><resource-constraint xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>`, i))
			}
		}
		p.send(`<message from='flood@example.net/y' id='lost'/>`)
		p.send(`<iq type='set' id='b' from='b@example.net/x'><q xmlns='urn:q'/></iq>`)
		p.expect(`<iq type='result' to='b@example.net/x' id='b'/>`)
		p.send(`<message from='b@example.net/x' id='kept'/>`)
		p.alive()
		close(gate)
		for i := range 5 {
			if id := p.id(p.next()); id != fmt.Sprintf("f%d", i) {
				t.Errorf("answer %d is %s", i, id)
			}
		}
		synctest.Wait()
		mu.Lock()
		if strings.Join(got, " ") != "kept" {
			t.Errorf("messages %v", got)
		}
		mu.Unlock()
		if n := s.Stats().Refused; n != 6 {
			t.Errorf("%d refused", n)
		}
		stop()
	})
}

func TestMailboxesAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg, peers := script(t)
		s := New(cfg)
		s.HandlePresence(func(context.Context, stanza.Presence, xml.TokenReader) {})
		p, stop := online(t, s, peers)
		p.next2(t)
		for i := range 1000 {
			p.send(fmt.Sprintf(`<presence from='h%d@example.net/agent'/>`, i))
		}
		synctest.Wait()
		s.work.mu.Lock()
		if n := len(s.work.boxes); n != 0 || s.work.waiting != 0 || s.work.active != 0 {
			t.Errorf("%d boxes, %d waiting, %d active", n, s.work.waiting, s.work.active)
		}
		s.work.mu.Unlock()
		stop()
	})
}

func TestFailingHandlers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg, peers := script(t)
		s := New(cfg)
		s.HandleIQ(xml.Name{Space: "urn:h"}, func(_ context.Context, iq stanza.IQ, r xml.TokenReader) (xml.TokenReader, error) {
			switch iq.ID {
			case "panic":
				panic("oh no")
			case "error":
				return nil, errors.New("disk on fire")
			case "stanza":
				return nil, fmt.Errorf("wrapped: %w", stanza.Error{Type: stanza.Auth, Condition: stanza.Forbidden})
			case "unsafe":
				return (&element.Element{Name: xml.Name{Space: "urn:h", Local: "r"}, Text: "\x00"}).TokenReader(), nil
			case "large":
				return (&element.Element{Name: xml.Name{Space: "urn:h", Local: "r"}, Text: strings.Repeat("x", 70<<10)}).TokenReader(), nil
			case "reader":
				return readerFunc(func() (xml.Token, error) { panic("late") }), nil
			}
			return element.New("urn:h", "r").TokenReader(), nil
		})
		s.HandleMessage(func(context.Context, stanza.Message, xml.TokenReader) { panic("message") })
		p, stop := online(t, s, peers)
		p.next2(t)
		internal := `<error type='wait'><internal-server-error xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>`
		for _, tt := range []struct{ id, want string }{
			{"panic", internal}, {"error", internal}, {"unsafe", internal}, {"reader", internal},
			{"stanza", `<error type='auth'><forbidden xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>`},
			{"large", `<error type='modify'><policy-violation xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/><text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>the answer would be too large</text></error>`},
		} {
			p.send(`<message from='a@example.net/x'/>`)
			p.send(`<iq type='set' id='` + tt.id + `' from='a@example.net/x'><q xmlns='urn:h'/></iq>`)
			p.expect(`<iq type='error' to='a@example.net/x' id='` + tt.id + `'>` + tt.want + `</iq>`)
		}
		p.send(`<iq type='set' id='good' from='a@example.net/x'><q xmlns='urn:h'/></iq>`)
		p.expect(`<iq type='result' to='a@example.net/x' id='good'><r xmlns='urn:h'/></iq>`)
		stop()
	})
}

func TestUnsendable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg, peers := script(t)
		s := New(cfg)
		p, stop := online(t, s, peers)
		p.next2(t)
		el := func(name, text string, attrs ...string) xml.TokenReader {
			e := element.New("urn:x", name, attrs...)
			e.Text = text
			return e.TokenReader()
		}
		for name, payload := range map[string]xml.TokenReader{
			"control character":  el("a", "\x01"),
			"invalid UTF-8":      el("a", "\xff"),
			"noncharacter":       el("a", "\uffff"),
			"attribute":          el("a", "", "b", "\x02"),
			"element name":       el("a b", ""),
			"prefix":             el("a:b", ""),
			"empty name":         el("", ""),
			"attribute name":     el("a", "", "x='1' y", "2"),
			"comment":            &tokens{list: []xml.Token{xml.Comment("--><evil/>")}},
			"instruction":        &tokens{list: []xml.Token{xml.ProcInst{Target: "xml"}}},
			"not closed":         &tokens{list: []xml.Token{xml.StartElement{Name: xml.Name{Local: "a"}}}},
			"closed twice":       &tokens{list: []xml.Token{xml.EndElement{Name: xml.Name{Local: "iq"}}}},
			"wrong end":          &tokens{list: []xml.Token{xml.StartElement{Name: xml.Name{Local: "a"}}, xml.EndElement{Name: xml.Name{Local: "b"}}}},
			"too large":          el("a", strings.Repeat("&", 20<<10)),
			"error":              readerFunc(func() (xml.Token, error) { return nil, errors.New("gone") }),
			"panic":              readerFunc(func() (xml.Token, error) { panic("gone") }),
			"no child":           &tokens{},
			"two children":       element.TokenReader(element.New("urn:x", "a"), element.New("urn:x", "b")),
			"attribute twice":    el("a", "", "b", "1", "b", "2"),
			"error in the midst": &chain{&tokens{list: []xml.Token{xml.StartElement{Name: xml.Name{Local: "a"}}}}, readerFunc(func() (xml.Token, error) { return nil, io.ErrUnexpectedEOF })},
		} {
			_, _, err := s.RoundTripIQ(t.Context(), stanza.IQ{Type: stanza.SetIQ}, payload)
			var e *Error
			if !errors.As(err, &e) || e.Sent() {
				t.Errorf("%s: %v", name, err)
			}
		}
		for name, r := range map[string]xml.TokenReader{
			"two stanzas":   &chain{stanza.Message{}.Wrap(nil), stanza.Message{}.Wrap(nil)},
			"no stanza":     el("a", ""),
			"nothing":       &tokens{},
			"stream end":    &tokens{list: []xml.Token{xml.EndElement{Name: xml.Name{Local: "stream"}}}},
			"text":          &tokens{list: []xml.Token{xml.CharData("x")}},
			"foreign space": &tokens{list: []xml.Token{xml.StartElement{Name: xml.Name{Space: "urn:x", Local: "iq"}}, xml.EndElement{Name: xml.Name{Space: "urn:x", Local: "iq"}}}},
		} {
			var e *Error
			if err := s.Send(t.Context(), r); !errors.As(err, &e) || e.Sent() {
				t.Errorf("Send %s: %v", name, err)
			}
		}
		p.alive() // and nothing of all that came before it
		stop()
	})
}

func TestPayloadIsReadWhenWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg, peers := script(t)
		s := New(cfg)
		p, stop := online(t, s, peers)
		synctest.Wait() // nobody reads for a while: the queue stands still
		var at time.Time
		began := time.Now()
		done := make(chan error, 1)
		go func() {
			inner := element.New("urn:q", "q").TokenReader()
			_, _, err := s.RoundTripIQ(t.Context(), stanza.IQ{Type: stanza.GetIQ, ID: "x", To: jid.MustParse("a@example.net/x")}, readerFunc(func() (xml.Token, error) {
				if at.IsZero() {
					at = time.Now()
				}
				return inner.Token()
			}))
			done <- err
		}()
		fakeTime(10 * time.Second)
		p.expect(`<iq type='get' to='a@example.net/x' id='x'><q xmlns='urn:q'/></iq>`)
		if waited := at.Sub(began); waited < 10*time.Second {
			t.Errorf("read after %v", waited)
		}
		p.send(`<iq type='result' from='a@example.net/x' id='x'/>`)
		if err := <-done; err != nil {
			t.Error(err)
		}
		stop()
	})
}

func TestLargeRoster(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg, peers := script(t)
		s := New(cfg)
		p, stop := online(t, s, peers)
		type result struct {
			items []roster.Item
			err   error
		}
		ask := func() <-chan result {
			done := make(chan result, 1)
			go func() {
				items, err := s.Roster(t.Context())
				done <- result{items, err}
			}()
			return done
		}
		reply := func(id string, n int, name string) {
			p.send(`<iq type='result' to='`+me+`' id='`, id, `'><query xmlns='jabber:iq:roster' ver='1'>`)
			var b strings.Builder
			for i := range n {
				fmt.Fprintf(&b, `<item jid='h%d@example.net' name='%s' subscription='both'><group>Hosts</group></item>`, i, name)
			}
			p.send(b.String(), ` </query></iq>`)
		}
		done := ask()
		reply(p.id(p.next()), 10000, "host")
		if r := <-done; r.err != nil || len(r.items) != 10000 || r.items[9999].JID.String() != "h9999@example.net" || r.items[0].Groups[0] != "Hosts" {
			t.Errorf("%d items, %v", len(r.items), r.err)
		}
		done = ask()
		p.send(`<iq type='result' id='`, p.id(p.next()), `'><query xmlns='jabber:iq:roster'><item jid='a@example.net'/><item jid='bad jid@@'/><item jid='big@example.net' name='`, strings.Repeat("x", 70<<10), `'/><item jid='b@example.net'><group/></item></query></iq>`)
		if r := <-done; r.err != nil || len(r.items) != 2 {
			t.Errorf("%v, %v", r.items, r.err)
		}
		done = ask()
		reply(p.id(p.next()), 300, strings.Repeat("x", 30<<10))
		if r := <-done; !errors.Is(r.err, ErrTooLarge) {
			t.Errorf("%d items, %v", len(r.items), r.err)
		}
		done = ask()
		p.send(`<iq type='result' id='`, p.id(p.next()), `'><query xmlns='jabber:iq:roster'/></iq>`)
		if r := <-done; r.err != nil || len(r.items) != 0 {
			t.Errorf("empty: %v, %v", r.items, r.err)
		}
		done = ask()
		p.refuse(p.next())
		if r := <-done; !errors.Is(r.err, stanza.Error{Condition: stanza.ServiceUnavailable}) {
			t.Errorf("refused: %v", r.err)
		}
		p.alive()
		stop()
	})
}

func TestRosterPush(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg, peers := script(t)
		s := New(cfg)
		got := make(chan roster.Item, 10)
		s.HandleRoster(func(_ context.Context, i roster.Item) { got <- i })
		p, stop := online(t, s, peers)
		p.next2(t)
		push := `<query xmlns='jabber:iq:roster'><item jid='new@example.net' subscription='both'/></query></iq>`
		for _, from := range []string{"evil@example.org", "example.net", me, "alice@example.net"} {
			p.send(`<iq type='set' id='1' from='`+from+`'>`, push)
			if raw := p.next(); !strings.Contains(raw, "type='error'") {
				t.Errorf("push from %s: %s", from, raw)
			}
		}
		p.send(`<iq type='set' id='2' from='bot@example.net'>`, push, `<iq type='set' id='3'>`, push)
		p.expect(`<iq type='result' to='bot@example.net' id='2'/>`)
		p.expect(`<iq type='result' id='3'/>`)
		synctest.Wait()
		if len(got) != 2 {
			t.Errorf("%d changes", len(got))
		}
		stop()
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
		go p.end()
		end()
	})
}

func TestUnansweredIsAnsweredAfterReconnect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg, peers := script(t)
		s := New(cfg)
		gate := make(chan struct{})
		s.HandleIQ(xml.Name{Space: "urn:q"}, func(ctx context.Context, _ stanza.IQ, _ xml.TokenReader) (xml.TokenReader, error) {
			<-gate
			return nil, ctx.Err()
		})
		end := run(t, s)
		p := <-peers
		p.login()
		p.next2(t)
		p.send(`<iq type='set' id='1' from='a@example.net/x'><q xmlns='urn:q'/></iq>`)
		synctest.Wait()
		p.conn.Close()
		p2 := <-peers
		p2.login()
		p2.next2(t)
		close(gate)
		p2.expect(`<iq type='result' to='a@example.net/x' id='1'/>`)
		go p2.end()
		end()
	})
}
