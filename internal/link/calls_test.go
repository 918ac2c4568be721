package link

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"adminbot/internal/xmpp/element"
	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/stanza"
)

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
