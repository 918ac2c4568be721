package xmppd

import (
	"fmt"
	"strings"
	"testing"

	"adminbot/internal/account"
)

// TestShutdown: a server that ends tells its bot so, and not that one host after
// the other is gone.
func TestShutdown(t *testing.T) {
	st := newStage(t, nil)
	st.store.quick(t, "bot", account.Bot)
	const hosts = 50
	for i := range hosts {
		name := fmt.Sprintf("web%02d", i)
		st.store.quick(t, name, account.Host)
		host := st.login(t, name, "agent")
		host.send(t, "<presence/>")
		host.settle(t)
		go func() { // it leaves as soon as it is told to
			for s := range host.got {
				if strings.Contains(s, "system-shutdown") {
					host.c.Close()
				}
			}
		}()
	}
	bot := st.login(t, "bot", "x")
	bot.send(t, "<presence/>")
	for seen := 0; seen < hosts; {
		if strings.Contains(bot.next(t), "from='web") {
			seen++
		}
	}
	go st.stop()
	for {
		got := bot.next(t)
		if strings.Contains(got, "unavailable") {
			t.Errorf("told: %s", got)
		}
		if strings.Contains(got, "system-shutdown") {
			return
		}
	}
}

// TestShutdownRooms: who is in a room is told that it is over because the server ends
// (XEP-0045#service-shutdown-kick), and of nobody else.
func TestShutdownRooms(t *testing.T) {
	st := newStage(t, nil)
	var all []*peer
	for _, name := range []string{"ann", "ben"} {
		st.store.quick(t, name, account.User)
		c := st.login(t, name, "x")
		c.send(t, "<presence to='ops@conference.example.org/"+name+"'><x xmlns='http://jabber.org/protocol/muc'/></presence>")
		if name == "ann" {
			c.send(t, "<iq type='set' id='c' to='ops@conference.example.org'><query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'/></query></iq>")
		}
		c.settle(t)
		all = append(all, c)
	}
	go st.stop()
	for i, c := range all {
		told := 0
		for s := c.next(t); !strings.Contains(s, "system-shutdown"); s = c.next(t) {
			if strings.Contains(s, "unavailable") {
				if told++; !strings.Contains(s, "code='332'") || !strings.Contains(s, "code='110'") || !strings.Contains(s, "ops@conference.example.org/"+[]string{"ann", "ben"}[i]) {
					t.Errorf("told: %s", s)
				}
			}
		}
		if told != 1 {
			t.Errorf("told %d times", told)
		}
	}
}
