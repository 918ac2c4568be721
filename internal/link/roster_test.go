package link

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"adminbot/internal/xmpp/roster"
	"mellium.im/xmpp/stanza"
)

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
