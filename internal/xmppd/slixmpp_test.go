package xmppd

import (
	"net"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"adminbot/internal/account"
)

// python is Debian's interpreter, which sees Debian's packages.
const python = "/usr/bin/python3"

// needSlixmpp fails the test where slixmpp is missing. It reports whether the
// test is to go on: with -short everything is done with Go alone.
func needSlixmpp(t testing.TB) bool {
	t.Helper()
	if testing.Short() {
		return false
	}
	if out, err := exec.Command(python, "-c", "import slixmpp").CombinedOutput(); err != nil {
		t.Fatalf("slixmpp is missing (apt-get install python3-slixmpp): %v\n%s", err, out)
	}
	return true
}

func TestSlixmpp(t *testing.T) {
	if !needSlixmpp(t) {
		return
	}
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
	if !needSlixmpp(t) {
		return
	}
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
