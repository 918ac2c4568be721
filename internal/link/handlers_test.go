package link

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"adminbot/internal/xmpp/element"
	"adminbot/internal/xmpp/turn"
	"mellium.im/xmpp/stanza"
)

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

// TestFloodOfBytes: few stanzas may be much, too.
func TestFloodOfBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg, peers := script(t)
		cfg.Limits.SenderBytes = 100_000
		s := New(cfg)
		gate := make(chan struct{})
		var got atomic.Int64
		s.HandleMessage(func(context.Context, stanza.Message, xml.TokenReader) {
			<-gate
			got.Add(1)
		})
		p, stop := online(t, s, peers)
		p.next2(t)
		plain := strings.Repeat("x", 30_000)
		dense := strings.Repeat("<x/>", 300) // 1,200 bytes on the wire, many more in memory
		for range 5 {                        // one has the turn, three wait
			p.send(`<message from='flood@example.net/y'><body>` + plain + `</body></message>`)
		}
		for range 3 {
			p.send(`<message from='dense@example.net/y'>` + dense + `</message>`)
		}
		p.send(`<message from='other@example.net/y'><body>` + plain + `</body></message>`)
		p.alive()
		if n := s.Stats().Refused; n != 2 {
			t.Errorf("%d refused", n)
		}
		close(gate)
		synctest.Wait()
		s.work.mu.Lock()
		if got.Load() != 7 || s.work.bytes != 0 || len(s.work.boxes) != 0 {
			t.Errorf("%d taken, %d bytes and %d boxes left", got.Load(), s.work.bytes, len(s.work.boxes))
		}
		s.work.mu.Unlock()
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
