package link

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"adminbot/internal/xmpp/element"
	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/stanza"
)

const smFeature = `<sm xmlns='urn:xmpp:sm:3'><optional/></sm>`

// A managing peer offers XEP-0198 and counts.
type managing struct {
	*peer
	handled uint32 // stanzas read
}

// managed plays a login and the agreement on stream management.
func managed(p *peer, enabled string) *managing {
	p.t.Helper()
	p.authenticate(smFeature)
	p.bind()
	m := &managing{peer: p}
	if raw := m.next(); raw != `<enable xmlns='urn:xmpp:sm:3' resume='true' max='60'/>` {
		p.t.Fatalf("peer: enabling with %s", raw)
	}
	p.send(enabled)
	return m
}

const enabledText = `<enabled xmlns='urn:xmpp:sm:3' id='sm1' resume='true' max='300'/>`

// next returns the next element and counts it. The query for the time is
// answered.
func (m *managing) next() string {
	m.t.Helper()
	for {
		raw, err := m.raw()
		if err != nil {
			m.t.Fatalf("peer: %v", err)
		}
		if !strings.Contains(raw, nsManagement) {
			m.handled++
		}
		if !strings.Contains(raw, "urn:xmpp:time") || !strings.Contains(raw, "type='get'") {
			return raw
		}
		m.refuse(raw)
	}
}

func (m *managing) expect(want string) {
	m.t.Helper()
	if got := m.next(); got != want {
		m.t.Fatalf("got  %s\nwant %s", got, want)
	}
}

// settled reads the query for the time that follows a login, acknowledges
// everything, and waits.
func (m *managing) settled() {
	m.t.Helper()
	raw, err := m.raw()
	if err != nil || !strings.Contains(raw, "urn:xmpp:time") {
		m.t.Fatalf("peer: %s, %v", raw, err)
	}
	m.handled++
	m.refuse(raw)
	m.ack()
	synctest.Wait()
}

func (m *managing) ack() {
	m.t.Helper()
	m.send(fmt.Sprintf(`<a xmlns='urn:xmpp:sm:3' h='%d'/>`, m.handled))
}

// resuming plays a login up to the request to resume, which must be this one.
func resuming(p *peer, previd string, h uint32) {
	p.t.Helper()
	p.authenticate(smFeature)
	want := fmt.Sprintf(`<resume xmlns='urn:xmpp:sm:3' previd='%s' h='%d'/>`, previd, h)
	if raw, err := p.raw(); raw != want {
		p.t.Fatalf("peer: got %s, %v, want %s", raw, err, want)
	}
}

// resumed plays a login that resumes, with nothing left to ask for.
func (m *managing) resumed(p *peer, h uint32) {
	m.t.Helper()
	resuming(p, "sm1", h)
	m.peer = p
	p.send(fmt.Sprintf(`<resumed xmlns='urn:xmpp:sm:3' previd='sm1' h='%d'/>`, m.handled))
}

// say sends a message in the background.
func say(s *Session, text string) <-chan error {
	done := make(chan error, 1)
	go func() {
		done <- s.Send(context.Background(), stanza.Message{To: jid.MustParse("a@example.net")}.Wrap(element.New("", "body").AddText("t", text).TokenReader()))
	}()
	return done
}

func message(text string) string {
	return `<message to='a@example.net'><body><t>` + text + `</t></body></message>`
}

// calling makes a call in the background.
func calling(s *Session, id string) <-chan error {
	done := make(chan error, 1)
	go func() {
		_, _, err := s.RoundTripIQ(context.Background(), stanza.IQ{Type: stanza.SetIQ, ID: id, To: jid.MustParse("a@example.net/x")}, element.New("urn:q", "q").TokenReader())
		done <- err
	}()
	return done
}

func request(id string) string {
	return `<iq type='set' to='a@example.net/x' id='` + id + `'><q xmlns='urn:q'/></iq>`
}

func result(id string) string { return `<iq type='result' from='a@example.net/x' id='` + id + `'/>` }

// fate says what became of a call or of something sent.
func fate(done <-chan error) string {
	synctest.Wait()
	select {
	case err := <-done:
		var e *Error
		switch {
		case err == nil:
			return "answered"
		case !errors.As(err, &e):
			return err.Error()
		case e.Sent():
			return "sent, no answer"
		}
		return "not sent"
	default:
		return "waiting"
	}
}

func (s *Session) unacked() int { return len(s.current.Load().sm.rest()) }

func TestAcknowledged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg, peers := script(t)
		s := New(cfg)
		end := run(t, s)
		m := managed(<-peers, enabledText)
		m.settled()
		if n := s.unacked(); n != 0 {
			t.Errorf("%d stanzas unacknowledged", n)
		}
		m.send(`<r xmlns='urn:xmpp:sm:3'/>`)
		m.expect(`<a xmlns='urn:xmpp:sm:3' h='1'/>`) // the refused query for the time
		for i := range 3 {
			say(s, fmt.Sprint(i))
			m.expect(message(fmt.Sprint(i)))
		}
		if n := s.unacked(); n != 3 {
			t.Errorf("%d stanzas unacknowledged", n)
		}
		began := time.Now()
		m.expect(askText)
		if waited := time.Since(began); waited != askAfter {
			t.Errorf("asked after %v", waited)
		}
		m.send(fmt.Sprintf(`<a xmlns='urn:xmpp:sm:3' h='%d'/>`, m.handled-1))
		synctest.Wait()
		if n := s.unacked(); n != 1 {
			t.Errorf("%d stanzas unacknowledged", n)
		}
		m.ack()
		// Everything the server sends counts as it counts it, what is dropped as well.
		m.send(`<message from='b@example.net/x' id='`, strings.Repeat("x", 70<<10), `'/>`,
			`<message from='b@example.net/x'><body>`, strings.Repeat("x", 70<<10), `</body></message>`,
			`<message from='b@example.net/x' a='1' a='2'/>`, `<presence from='b@example.net/x'/>`, `<unknown xmlns='urn:x'/>`,
			`<iq type='odd' id='1' from='b@example.net/x'/>`, `<r xmlns='urn:xmpp:sm:3'/>`)
		if a, b := m.next(), m.next(); a != `<a xmlns='urn:xmpp:sm:3' h='6'/>` && b != `<a xmlns='urn:xmpp:sm:3' h='6'/>` {
			t.Errorf("got %s and %s", a, b) // one of them is bad-request
		}
		// A clean end: the server hears what has arrived, and nothing is resumed.
		done := make(chan struct{})
		go func() { end(); close(done) }()
		m.expect(`<a xmlns='urn:xmpp:sm:3' h='6'/>`)
		if _, err := m.raw(); !errors.Is(err, errStreamEnd) {
			t.Errorf("at the end: %v", err)
		}
		m.send("</stream:stream>")
		<-done
	})
}

// TestAskedForInTheMidst: many stanzas are not asked for one by one.
func TestAskedForInTheMidst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg, peers := script(t)
		s := New(cfg)
		end := run(t, s)
		m := managed(<-peers, enabledText)
		m.settled()
		asked := 0
		for i := range 1000 {
			say(s, fmt.Sprint(i))
			if m.next() == askText {
				asked++
				m.next()
			}
		}
		if asked < 10 || asked > 1000/askEvery {
			t.Errorf("asked %d times", asked)
		}
		go m.end()
		end()
	})
}

func TestManagementIsLeftOut(t *testing.T) {
	for _, off := range []func(*Config){func(c *Config) { c.Once = true }, func(c *Config) { c.NoResume = true }} {
		synctest.Test(t, func(t *testing.T) {
			cfg, peers := script(t)
			off(&cfg)
			s := New(cfg)
			end := run(t, s)
			p := <-peers
			p.authenticate(smFeature)
			p.bind()
			p.next2(t)
			p.send(`<r xmlns='urn:xmpp:sm:3'/>`) // it was not agreed on
			p.alive()
			go p.end()
			end()
		})
	}
}

// TestCountersWrap: counts are modulo 2^32 in either direction.
func TestCountersWrap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg, peers := script(t)
		s := New(cfg)
		end := run(t, s)
		m := managed(<-peers, enabledText)
		m.settled()
		sm := s.current.Load().sm
		sm.acked, m.handled = 1<<32-2, 1<<32-2
		sm.handled.Store(1<<32 - 1)
		for i := range 4 {
			say(s, fmt.Sprint(i))
			m.expect(message(fmt.Sprint(i)))
		}
		m.send(`<a xmlns='urn:xmpp:sm:3' h='4294967295'/>`)
		m.send(`<presence from='b@example.net/x'/>`, `<r xmlns='urn:xmpp:sm:3'/>`)
		m.expect(`<a xmlns='urn:xmpp:sm:3' h='0'/>`)
		m.conn.Close()
		m.handled = 1 // it got three
		m.resumed(<-peers, 0)
		m.expect(message("3"))
		m.expect(askText)
		m.ack()
		synctest.Wait()
		if n := s.unacked(); n != 0 || sm.acked != 2 {
			t.Errorf("%d stanzas unacknowledged, %d acknowledged", n, sm.acked)
		}
		go m.end()
		end()
	})
}

// TestUnackedIsBounded: a server that acknowledges nothing is sent no more, and
// left after a while; one that does so slowly is not.
func TestUnackedIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg, peers := script(t)
		cfg.Limits.Unacked = 4
		s := New(cfg)
		end := run(t, s)
		m := managed(<-peers, enabledText)
		m.settled()
		var sent []<-chan error
		for i := range 6 {
			sent = append(sent, say(s, fmt.Sprint(i)))
			if i < 4 {
				m.expect(message(fmt.Sprint(i)))
			}
		}
		m.expect(askText)
		if a, b := fate(sent[3]), fate(sent[4]); a != "answered" || b != "waiting" {
			t.Errorf("the fourth %s, the fifth %s", a, b)
		}
		m.send(`<iq type='get' id='p' from='b@example.net/x'><ping xmlns='urn:xmpp:ping'/></iq>`, `<r xmlns='urn:xmpp:sm:3'/>`)
		m.expect(`<a xmlns='urn:xmpp:sm:3' h='2'/>`) // what is no stanza is not held up
		m.handled -= 2
		m.ack()
		m.expect(`<iq type='result' to='b@example.net/x' id='p'/>`)
		if raw := m.next(); raw != message("4") && raw != message("5") {
			t.Errorf("got %s", raw)
		}
		m.handled += 2
		m.expect(askText)
		// It talks all the time, but does not acknowledge.
		began := time.Now()
		go func() {
			for {
				fakeTime(time.Second)
				if _, err := io.WriteString(m.conn, `<a xmlns='urn:xmpp:sm:3' h='3'/>`); err != nil {
					return
				}
			}
		}()
		go func() {
			for {
				if _, err := m.raw(); err != nil {
					return
				}
			}
		}()
		p := <-peers
		if waited := time.Since(began); waited < 55*time.Second || waited > 2*time.Minute {
			t.Errorf("left after %v", waited)
		}
		go func() { p.end() }()
		end()
	})
}

func TestHostileManagement(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg, peers := script(t)
		s := New(cfg)
		end := run(t, s)
		m := managed(<-peers, enabledText)
		m.settled()
		m.send(enabledText, `<failed xmlns='urn:xmpp:sm:3'/>`, `<resumed xmlns='urn:xmpp:sm:3' previd='sm1' h='9'/>`, `<enable xmlns='urn:xmpp:sm:3'/>`,
			`<a xmlns='urn:xmpp:sm:3' h='4294967296'/>`, `<a xmlns='urn:xmpp:sm:3' h='-1'/>`, `<a xmlns='urn:xmpp:sm:3' h='one'/>`, `<a xmlns='urn:xmpp:sm:3'/>`,
			`<a xmlns='urn:xmpp:sm:3' h='`, strings.Repeat("0", 100<<10), `'/>`, `<a xmlns='urn:xmpp:sm:3' h='1'>`, strings.Repeat("<x/>", 100<<10), `</a>`)
		for range 100 { // nobody reads the answers
			m.send(strings.Repeat(`<r xmlns='urn:xmpp:sm:3'/>`, 1000))
		}
		answers := 0
		m.send(`<iq type='get' id='alive' from='example.net'><ping xmlns='urn:xmpp:ping'/></iq>`)
		for m.next() == `<a xmlns='urn:xmpp:sm:3' h='1'/>` {
			answers++
		}
		if answers > 3 {
			t.Errorf("%d answers", answers)
		}
		m.send(`<r xmlns='urn:xmpp:sm:3'/>`)
		for raw := ""; raw != `<a xmlns='urn:xmpp:sm:3' h='2'/>`; {
			raw = m.next()
		}
		if n := s.Stats().Reconnects; n != 0 {
			t.Errorf("%d reconnects", n)
		}
		go m.end()
		end()
	})
}

// TestHalfOpen: a connection whose other end has gone is left within a minute,
// whatever the jitter, and whether the server knows XEP-0198 or not.
func TestHalfOpen(t *testing.T) {
	for _, features := range []string{smFeature, ""} {
		for _, jitter := range []float64{0, 0.5, 0.999} {
			synctest.Test(t, func(t *testing.T) {
				cfg, peers := script(t)
				cfg.Jitter = func() float64 { return jitter }
				downs := make(chan State, 10)
				cfg.OnState = func(st State) {
					if st.Err != nil {
						downs <- st
					}
				}
				end := run(t, New(cfg))
				p := <-peers
				if features == "" {
					p.login()
					p.next2(t)
				} else {
					managed(p, enabledText).settled()
				}
				go func() {
					for err := error(nil); err == nil; {
						_, err = p.raw()
					}
				}()
				var last time.Time
				for range 5 { // signs of life, each in the middle of a probe
					fakeTime(45 * time.Second)
					if features == "" {
						p.send(" ")
					} else {
						p.send(`<a xmlns='urn:xmpp:sm:3' h='1'/>`)
					}
					last = time.Now()
				}
				st := <-downs
				if took := time.Since(last); took >= time.Minute || !errors.Is(st.Err, ErrUnreachable) {
					t.Errorf("features %q, jitter %v: left after %v: %v", features, jitter, took, st.Err)
				}
				again := <-peers
				again.conn.Close()
				end()
			})
		}
	}
}

// TestExamplesOfXEP0198 reads what servers say there, testdata/xep-0198.
func TestExamplesOfXEP0198(t *testing.T) {
	example := func(number string) *received {
		files, err := filepath.Glob("testdata/xep-0198/" + number + "-*.xml")
		if err != nil || len(files) != 1 {
			t.Fatal(files, err)
		}
		text, err := os.ReadFile(files[0])
		if err != nil {
			t.Fatal(err)
		}
		e, err := parseElement(bytes.TrimSpace(text), streamScope(), new(nameCache))
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	for _, tt := range []struct {
		number, id string
	}{
		{"002", ""}, {"003", "some-long-sm-id"}, {"012", "some-long-sm-id"}, {"013", ""}, {"014", "some-long-sm-id"},
	} {
		m := newManagement(&Limits{})
		m.enabled(example(tt.number))
		if id, _ := m.resumable(); id != tt.id || !m.active() {
			t.Errorf("example %s: id %q, active %t", tt.number, id, m.active())
		}
	}
	for number, name := range map[string]string{"015": "resume", "016": "resumed", "017": "failed", "018": "failed"} {
		if e := example(number); e.start.Name != (xml.Name{Space: nsManagement, Local: name}) {
			t.Errorf("example %s: %v", number, e.start.Name)
		}
	}
}
