package link

import (
	"context"
	"encoding/xml"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"mellium.im/xmpp/stanza"
)

// TestSettle sends presences before the answer to a ping: after Settle their
// slow handlers have run.
func TestSettle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg, peers := script(t)
		s := New(cfg)
		var handled atomic.Int32
		s.HandlePresence(func(context.Context, stanza.Presence, xml.TokenReader) {
			<-time.After(time.Second)
			handled.Add(1)
		})
		p, stop := online(t, s, peers)
		for range 3 {
			p.send("<presence from='web01@example.net/agent'/><presence from='web02@example.net/agent'/>")
		}
		p.alive()
		if got := handled.Load(); got == 6 {
			t.Fatal("the handlers were not slow")
		}
		if err := s.Settle(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := handled.Load(); got != 6 {
			t.Errorf("%d of 6 presences were handled", got)
		}
		if err := s.Settle(t.Context()); err != nil { // with nothing to wait for
			t.Error(err)
		}
		stop()
	})
}
