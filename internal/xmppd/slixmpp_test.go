//go:build !unit

package xmppd

import (
	"fmt"
	"net"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"adminbot/internal/account"
)

// needSlixmpp fails the test where slixmpp is missing.
func needSlixmpp(t testing.TB) {
	t.Helper()
	if out, err := exec.Command(python, "-c", "import slixmpp").CombinedOutput(); err != nil {
		t.Fatalf("slixmpp is missing (apt-get install python3-slixmpp): %v\n%s", err, out)
	}
}

func TestSlixmpp(t *testing.T) {
	needSlixmpp(t)
	for _, mode := range []string{"starttls", "direct"} {
		for _, mech := range []string{"any", "SCRAM-SHA-1", "SCRAM-SHA-256", "PLAIN"} {
			t.Run(mode+" "+mech, func(t *testing.T) {
				m := newMemory()
				m.add(t, "alice", account.User)
				m.add(t, "bot", account.Bot)
				m.add(t, "web01", account.Host)
				r := start(t, m, func(c *Config) { c.PlainLoopback = false })
				addr := r.c2s
				if mode == "direct" {
					addr = r.direct
				}
				host, port, _ := net.SplitHostPort(addr)
				args := []string{"testdata/slix.py", host, port, mode, r.ca, mech}
				out, err := exec.Command(python, args...).Output()
				want := `up alice@example.org/desk
roster bot@example.org both AdminBot; web01@example.org both Hosts
up bot@example.org/bot
roster alice@example.org both People; web01@example.org both Hosts
alice sees bot@example.org/bot here
bot got show disk on web01 & "co" <all> from alice@example.org/desk
alice got web01: 42% é€😀 from bot@example.org/bot
pings ok
version AdminBot
error service-unavailable
disco server/im
carbons ok
alice sees bot@example.org/bot leave
`
				if err != nil {
					t.Errorf("%v", err)
				}
				if d := cmp.Diff(strings.Split(want, "\n"), strings.Split(string(out), "\n")); d != "" {
					t.Errorf("-want +got\n%s", d)
				}
			})
		}
	}
}

func TestSlixmppComponent(t *testing.T) {
	needSlixmpp(t)
	m := newMemory()
	m.add(t, "alice", account.User)
	r := start(t, m, nil)
	host, port, _ := net.SplitHostPort(r.c2s)
	_, compPort, _ := net.SplitHostPort(r.comp)
	out, err := exec.Command(python, "testdata/slixcomp.py", host, port, compPort, r.ca).Output()
	want := `component up
you said: é & <b> from ops@comp.example.org
pings ok
`
	if d := cmp.Diff(want, string(out)); d != "" || err != nil {
		t.Errorf("%v: -want +got\n%s", err, d)
	}
}

// TestWrongCertificate checks that slixmpp, as we start it elsewhere, does
// look at the certificate.
func TestWrongCertificate(t *testing.T) {
	needSlixmpp(t)
	_, _, otherCA := testCertificate(t)
	r := loginStage(t, nil)
	host, port, _ := net.SplitHostPort(r.direct)
	out, err := exec.Command(python, "testdata/slix.py", host, port, "direct", otherCA, "any").CombinedOutput()
	if err == nil || !strings.Contains(string(out), "FAILED") || strings.Contains(string(out), "up alice") {
		t.Errorf("%v: %s", err, out)
	}
}

// TestSlixmppResumes cuts slixmpp's connection: with its stream management it
// comes back and has missed nothing.
func TestSlixmppResumes(t *testing.T) {
	needSlixmpp(t)
	m := newMemory()
	m.add(t, "alice", account.User)
	m.add(t, "bob", account.User)
	r := start(t, m, func(c *Config) { c.PlainLoopback = false })
	host, port, _ := net.SplitHostPort(r.c2s)
	out, err := exec.Command(python, "testdata/slixsm.py", host, port, r.ca).Output()
	want := "up\nsm_enabled\none\n"
	for i := range 3 {
		want += fmt.Sprintf("disconnected\nsession_resumed\nwhile away %d\nback %d\n", i, i)
	}
	want += "more 0\n"
	if d := cmp.Diff(strings.Split(want, "\n"), strings.Split(string(out), "\n")); d != "" || err != nil {
		t.Errorf("%v: -want +got\n%s", err, d)
	}
}

// TestSlixmppRooms has a component and two people meet in a room.
func TestSlixmppRooms(t *testing.T) {
	needSlixmpp(t)
	m := newMemory()
	m.add(t, "alice", account.User)
	m.add(t, "bob", account.User)
	r := start(t, m, nil)
	host, port, _ := net.SplitHostPort(r.c2s)
	_, compPort, _ := net.SplitHostPort(r.comp)
	cmd := exec.Command(python, "testdata/slixrooms.py", host, port, compPort, r.ca)
	var trace strings.Builder
	cmd.Stderr = &trace
	out, err := cmd.Output()
	want := `items comp.example.org conference.example.org
created 100 110 201
form TYPE allowinvites changesubject enablearchiving maxusers membersonly moderatedroom passwordprotectedroom persistentroom publicroom roomdesc roomname roomsecret whois
alice may not enter: registration-required
invited to alert-17@conference.example.org by alert-17@comp.example.org/queue
invited to alert-17@conference.example.org by alert-17@comp.example.org/queue
alice hears alice: how full is it?
alice hears bot: 91%
bob is in, status 100 110 170, with alice bob bot
history 91%
alice may not ban: forbidden
alice knows that she is in
archive how full is it?, 91%
bob may not read: forbidden
no more: item-not-found
`
	if d := cmp.Diff(strings.Split(want, "\n"), strings.Split(string(out), "\n")); d != "" || err != nil {
		t.Errorf("%v: -want +got\n%s\n%s", err, d, trace.String())
	}
}
