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
