//go:build !unit

package main

import (
	"testing"
	"time"

	"mellium.im/xmpp/jid"

	"adminbot/internal/link"
	"adminbot/internal/servertest"
	"adminbot/internal/xmpp/disco"
)

// TestClients asks real sessions whether they show corrections: one that does, one
// that does not, and one that is not there.
func TestClients(t *testing.T) {
	server := servertest.StartEmbedded(t, talkAccounts(nil))
	s := &talkSite{t: t, root: t, dir: t.TempDir(), server: server}
	s.ca = s.write("ca.pem", string(server.Authority.PEM))
	online := func(name, resource string, features ...string) *link.Session {
		lc := s.login(name, resource)
		lc.Disco = disco.Info{Identities: []disco.Identity{{Category: "client", Type: "phone"}}, Features: features}
		session := link.New(lc)
		background(t, session.Run)
		<-session.Ready()
		return session
	}
	c := &clients{session: online("adminbot", "adminbot"), now: time.Now}
	online("alice", "phone", nsCorrect)
	online("alice", "old")
	for at, want := range map[string]bool{"alice@localhost/phone": true, "alice@localhost/old": false, "alice@localhost/gone": false} {
		for range 2 { // the second time it is remembered
			if got := c.correct(t.Context(), jid.MustParse(at)); got != want {
				t.Errorf("%s corrects: %v", at, got)
			}
		}
	}
	if len(c.known) != 3 {
		t.Errorf("%d clients are remembered, want 3", len(c.known))
	}
}
