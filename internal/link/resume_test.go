package link

import (
	"context"
	"encoding/xml"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"mellium.im/xmpp/stanza"
)

func TestResume(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg, peers := script(t)
		var states []State
		ups, downs := 0, 0
		cfg.OnState = func(st State) { states = append(states, st) }
		s := New(cfg)
		var upCtx context.Context
		s.OnUp(func(ctx context.Context) { ups++; upCtx = ctx })
		s.OnDown(func(error) { downs++ })
		s.HandleIQ(xml.Name{Space: "urn:slow"}, func(context.Context, stanza.IQ, xml.TokenReader) (xml.TokenReader, error) {
			fakeTime(500 * time.Millisecond)
			return nil, nil
		})
		end := run(t, s)
		m := managed(<-peers, enabledText)
		m.settled()
		early, late := calling(s, "early"), calling(s, "late")
		got := map[string]bool{m.next(): true, m.next(): true}
		if !got[request("early")] || !got[request("late")] {
			t.Fatalf("got %v", got)
		}
		m.ack()
		say(s, "one")
		m.expect(message("one"))
		m.send(`<iq type='get' id='slow' from='b@example.net/x'><q xmlns='urn:slow'/></iq>`)
		say(s, "two")
		m.expect(message("two"))
		m.handled-- // it gets lost
		synctest.Wait()
		m.conn.Close()
		synctest.Wait()

		// While the connection is away.
		if s.Up() || fate(early) != "waiting" {
			t.Error("a call is over though the session may be resumed")
		}
		if got := fate(calling(s, "meanwhile")); got != "not sent" {
			t.Errorf("a call without a connection: %s", got)
		}
		three := say(s, "three")
		if got := fate(three); got != "waiting" {
			t.Errorf("a message without a connection: %s", got)
		}
		select {
		case <-s.Ready():
			t.Error("ready without a connection")
		default:
		}

		// The time query's refusal and the slow request were received.
		m.resumed(<-peers, 2)
		m.expect(message("two"))
		m.expect(askText)
		m.send(result("early"), result("late"))
		rest := map[string]bool{m.next(): true, m.next(): true}
		if !rest[message("three")] || !rest[`<iq type='result' to='b@example.net/x' id='slow'/>`] {
			t.Errorf("after what was lost: %v", rest)
		}
		if a, b, c := fate(early), fate(late), fate(three); a != "answered" || b != "answered" || c != "answered" {
			t.Errorf("early %s, late %s, three %s", a, b, c)
		}
		m.ack()
		synctest.Wait()
		if n := s.unacked(); n != 0 {
			t.Errorf("%d stanzas unacknowledged", n)
		}
		m.send(`<r xmlns='urn:xmpp:sm:3'/>`)
		m.expect(`<a xmlns='urn:xmpp:sm:3' h='4'/>`)
		if ups != 1 || downs != 0 || upCtx.Err() != nil {
			t.Errorf("up %d times, down %d times, %v", ups, downs, upCtx.Err())
		}
		if last := states[len(states)-1]; !last.Up || !last.Resumed || s.Stats().Resumed != 1 || s.LocalAddr().String() != me {
			t.Errorf("state %+v, stats %+v", last, s.Stats())
		}

		// Again, and nothing was lost.
		m.conn.Close()
		m.resumed(<-peers, 4)
		m.expect(askText)
		go m.end()
		end()
		if downs != 1 || upCtx.Err() == nil {
			t.Errorf("down %d times at the end", downs)
		}
	})
}

// TestNotResumed: what the person hears about each call is true.
func TestNotResumed(t *testing.T) {
	for _, tt := range []struct {
		name, failed         string
		first, second, third string // call in time, call that got lost, message that got lost
		after                string // what the new stream begins with
	}{
		{"the server knows what it had", `<failed xmlns='urn:xmpp:sm:3' h='2'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></failed>`,
			"sent, no answer", "not sent", "answered", message("m")},
		{"it does not", `<failed xmlns='urn:xmpp:sm:3'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></failed>`,
			"sent, no answer", "sent, no answer", "answered", ""},
		{"it makes no sense", `<failed xmlns='urn:xmpp:sm:3' h='99'/>`, "sent, no answer", "sent, no answer", "answered", ""},
		{"nor is it a number", `<failed xmlns='urn:xmpp:sm:3' h='-1'/>`, "sent, no answer", "sent, no answer", "answered", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cfg, peers := script(t)
				s := New(cfg)
				var events []string
				s.OnUp(func(context.Context) { events = append(events, "up") })
				s.OnDown(func(err error) {
					if errors.Is(err, errNotResumed) && errors.Is(err, ErrUnreachable) {
						events = append(events, "down")
					}
				})
				end := run(t, s)
				m := managed(<-peers, enabledText)
				m.settled()
				first := calling(s, "first")
				m.expect(request("first"))
				second := calling(s, "second")
				m.expect(request("second"))
				third := say(s, "m")
				m.expect(message("m"))
				s.SendPresence(context.Background(), stanza.Presence{Type: stanza.UnavailablePresence}, nil)
				m.conn.Close()

				p := <-peers
				resuming(p, "sm1", 1)
				p.send(tt.failed)
				p.bind()
				m = &managing{peer: p}
				m.expect(`<enable xmlns='urn:xmpp:sm:3' resume='true' max='60'/>`)
				p.send(strings.Replace(enabledText, "sm1", "sm2", 1))
				if tt.after != "" {
					m.expect(tt.after)
				}
				if a, b, c := fate(first), fate(second), fate(third); a != tt.first || b != tt.second || c != tt.third {
					t.Errorf("first %s, second %s, message %s", a, b, c)
				}
				m.settled() // and nothing else is sent again
				if got := strings.Join(events, " "); got != "up down up" {
					t.Errorf("events %s", got)
				}
				// The new stream is resumed by its own name.
				m.conn.Close()
				p = <-peers
				resuming(p, "sm2", 1)
				go p.end()
				end()
			})
		})
	}
}

// TestResumeInterrupted: an attempt to resume that is cut off is not the last.
func TestResumeInterrupted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg, peers := script(t)
		s := New(cfg)
		end := run(t, s)
		m := managed(<-peers, enabledText)
		m.settled()
		done := calling(s, "1")
		m.expect(request("1"))
		m.conn.Close()
		p := <-peers
		resuming(p, "sm1", 1)
		p.conn.Close()
		m.resumed(<-peers, 1)
		m.send(result("1"))
		m.expect(askText)
		if got := fate(done); got != "answered" {
			t.Error(got)
		}
		go m.end()
		end()
	})
}

// TestBrokenForTooLong: nothing waits for ever.
func TestBrokenForTooLong(t *testing.T) {
	for _, tt := range []struct {
		name, enabled string
		want          time.Duration
	}{
		{"as long as we wait", enabledText, time.Minute},
		{"as long as the server waits", `<enabled xmlns='urn:xmpp:sm:3' id='sm1' resume='1' max='10'/>`, 10 * time.Second},
		{"as the server does not say", `<enabled xmlns='urn:xmpp:sm:3' id='sm1' resume='true' max='many'/>`, time.Minute},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cfg, peers := script(t)
				s := New(cfg)
				s.HandleIQ(xml.Name{Space: "urn:slow"}, func(context.Context, stanza.IQ, xml.TokenReader) (xml.TokenReader, error) {
					fakeTime(time.Second)
					return nil, nil
				})
				end := run(t, s)
				m := managed(<-peers, tt.enabled)
				m.settled()
				sent := calling(s, "1")
				m.expect(request("1"))
				m.send(`<iq type='get' id='slow' from='b@example.net/x'><q xmlns='urn:slow'/></iq>`)
				synctest.Wait()
				m.conn.Close()
				synctest.Wait()
				queued := say(s, "one")
				fakeTime(tt.want - time.Second)
				if a, b := fate(sent), fate(queued); a != "waiting" || b != "waiting" {
					t.Errorf("too early: call %s, message %s", a, b)
				}
				fakeTime(2 * time.Second)
				if a, b := fate(sent), fate(queued); a != "sent, no answer" || b != "not sent" {
					t.Errorf("call %s, message %s", a, b)
				}
				if got := fate(say(s, "two")); got != "not sent" {
					t.Errorf("message after that: %s", got)
				}
				fakeTime(time.Minute)
				if n := s.Stats().Unanswered; n != 1 {
					t.Errorf("%d answers given up", n)
				}
				// The server may have waited longer; the session goes on.
				m.resumed(<-peers, 2)
				m.send(result("1")) // too late, and no harm
				m.expect(askText)
				again := calling(s, "2")
				m.expect(request("2"))
				m.send(result("2"))
				if got := fate(again); got != "answered" {
					t.Errorf("call after that: %s", got)
				}
				go m.end()
				end()
			})
		})
	}
}

// TestNeverResumed lists the ends after which a session begins afresh.
func TestNeverResumed(t *testing.T) {
	for _, tt := range []struct{ name, enabled, last string }{
		{"closed by the server", enabledText, `</stream:stream>`},
		{"conflict", enabledText, `<stream:error><conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>`},
		{"shutdown", enabledText, `<stream:error><system-shutdown xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>`},
		{"what cannot be read", enabledText, `<?xml version='1.0'?>`},
		{"only acknowledged", `<enabled xmlns='urn:xmpp:sm:3'/>`, ``},
		{"not wanted by the server", `<enabled xmlns='urn:xmpp:sm:3' id='sm1' resume='false'/>`, ``},
		{"refused", `<failed xmlns='urn:xmpp:sm:3'><unexpected-request xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></failed>`, ``},
		{"acknowledged too much", enabledText, `<a xmlns='urn:xmpp:sm:3' h='5'/>`},
		{"acknowledged less than before", enabledText, `<a xmlns='urn:xmpp:sm:3' h='0'/>`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cfg, peers := script(t)
				s := New(cfg)
				downs := 0
				s.OnDown(func(error) { downs++ })
				end := run(t, s)
				m := managed(<-peers, tt.enabled)
				m.settled()
				done := calling(s, "1")
				m.expect(request("1"))
				m.send(tt.last)
				if strings.HasPrefix(tt.last, "<a ") {
					h := attr(new(m.parse(tt.last)), "h")
					if raw, err := m.raw(); err != nil || raw != `<stream:error><undefined-condition xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>`+
						`<handled-count-too-high xmlns='urn:xmpp:sm:3' h='`+h+`' send-count='2'/></stream:error>` {
						t.Errorf("the server is told: %s, %v", raw, err)
					}
				}
				m.conn.Close()
				if got := fate(done); got != "sent, no answer" || downs != 1 {
					t.Errorf("the call: %s, down %d times", got, downs)
				}
				p := <-peers
				p.authenticate(smFeature)
				p.bind() // no resume before
				go p.end()
				end()
			})
		})
	}
}

func TestResumedWrongly(t *testing.T) {
	for _, answer := range []string{
		`<resumed xmlns='urn:xmpp:sm:3' previd='another' h='1'/>`,
		`<resumed xmlns='urn:xmpp:sm:3' previd='sm1' h='7'/>`,
		`<resumed xmlns='urn:xmpp:sm:3' previd='sm1'/>`,
		`<resumed xmlns='urn:xmpp:sm:3' previd='sm1' h='99999999999999999999'/>`,
		`<enabled xmlns='urn:xmpp:sm:3' id='sm1'/>`,
		`<message/>`,
	} {
		synctest.Test(t, func(t *testing.T) {
			cfg, peers := script(t)
			s := New(cfg)
			end := run(t, s)
			m := managed(<-peers, enabledText)
			m.settled()
			done := calling(s, "1")
			m.expect(request("1"))
			m.conn.Close()
			p := <-peers
			resuming(p, "sm1", 1)
			p.send(answer)
			p = <-peers
			p.authenticate(smFeature)
			p.bind()
			if got := fate(done); got != "sent, no answer" {
				t.Errorf("%s: the call %s", answer, got)
			}
			go p.end()
			end()
		})
	}
}
