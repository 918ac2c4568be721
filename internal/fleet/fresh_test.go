package fleet

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"

	"mellium.im/xmpp/stanza"

	"adminbot/agentapi"
)

// TestFresh: whoever asks right after a host came gets a picture with what it
// has; whoever has no time for that gets the one there is.
func TestFresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		y := newYard(t, Config{})
		hurried, cancel := context.WithCancel(t.Context())
		cancel()
		if got := y.Fresh(hurried); got != y.Snapshot() {
			t.Error("before anything is known: another snapshot")
		}
		y.SetRoster([]Contact{contact("web01"), contact("web02")})
		y.Back()
		knows := func(s *Snapshot, name string) bool {
			h, _ := s.Host(name)
			return slices.Contains(h.Facts.Services, "nginx")
		}
		for _, name := range []string{"web01", "web02"} {
			y.presence(name+"@hosts.example/agent", stanza.AvailablePresence, &agentapi.Mood{Mood: agentapi.Happy})
			if knows(y.Fresh(hurried), name) {
				t.Fatalf("%s was asked at once", name)
			}
			if !knows(y.Fresh(t.Context()), name) {
				t.Errorf("the services of %s are not known", name)
			}
		}
		latest := y.Snapshot()
		if y.Fresh(t.Context()) != latest {
			t.Error("nothing is new, and there is another snapshot")
		}

		// A host that does not answer holds up nobody.
		y.mu.Lock()
		y.fail = true
		y.mu.Unlock()
		y.presence("web02@hosts.example/agent", stanza.UnavailablePresence, nil)
		y.presence("web02@hosts.example/agent", stanza.AvailablePresence, &agentapi.Mood{Mood: agentapi.Happy})
		y.Fresh(t.Context())
	})
}
