package xmppd

import (
	"fmt"
	"net"
	"strings"
	"testing"

	"adminbot/internal/account"
)

// A fromConn is a connection from an address of choice.
type fromConn struct {
	net.Conn
	addr string
}

func (c fromConn) RemoteAddr() net.Addr {
	a, _ := net.ResolveTCPAddr("tcp", c.addr)
	return a
}

// TestLobby checks who has to go for whom.
func TestLobby(t *testing.T) {
	const all, share = 6, 4
	srv, err := New(Config{Domain: "example.org", Accounts: newMemory()})
	if err != nil {
		t.Fatal(err)
	}
	var l lobby
	names := map[*session]string{nil: ""}
	byName := map[string]*session{}
	enter := func(name, addr, want string) {
		t.Helper()
		s := newSession(srv, fromConn{addr: addr}, clientConn)
		names[s], byName[name] = name, s
		out, ok := l.enter(s, all, share)
		got := names[out]
		if !ok {
			got = "refused"
		}
		if got != want {
			t.Errorf("for %s %q had to go, want %q", name, got, want)
		}
	}
	enter("a1", "192.0.2.1:1", "")
	enter("a2", "192.0.2.1:2", "")
	enter("a3", "192.0.2.1:3", "")
	enter("b1", "[2001:db8::1]:1", "")
	enter("a4", "192.0.2.1:4", "")
	byName["a1"].login.stage.Store(proving)
	enter("a5", "192.0.2.1:5", "a2") // its address has its share
	enter("b2", "[2001:db8::2]:1", "")
	enter("c1", "192.0.2.3:1", "a3") // all are there
	enter("b3", "[2001:db8::3]:1", "a4")
	l.leave(byName["b2"])
	l.leave(byName["b2"])
	enter("c2", "192.0.2.3:2", "")
	enter("c3", "192.0.2.3:3", "b1") // a, b and c have as many
	// Who is being worked on stays: others go, or nobody comes.
	for name, s := range byName {
		s.login.busy.Store(name != "c2")
	}
	enter("d1", "192.0.2.4:1", "c2")
	byName["d1"].login.busy.Store(true)
	enter("d2", "192.0.2.4:2", "refused")
	for _, s := range byName {
		l.leave(s)
	}
	if len(l.in) != 0 || len(l.from) != 0 {
		t.Errorf("left are %v, %v", l.in, l.from)
	}
}

// TestIdleFlood fills the server with connections that say nothing, or only
// hello: logins go on.
func TestIdleFlood(t *testing.T) {
	for _, hello := range []string{"", streamOpen} {
		t.Run(fmt.Sprint(len(hello)), func(t *testing.T) {
			m := newMemory()
			m.add(t, "alice", account.User)
			r := start(t, m, func(c *Config) { c.Limits.Unauthed = 20 })
			for range 30 {
				c, err := net.Dial("tcp", r.c2s)
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close()
				l := &lineConn{c}
				if l.send(t, hello); hello != "" {
					l.until(t, "</stream:features>")
				}
			}
			alice := dialTCP(t, r.c2s, nil, "alice", "x", "secret of alice")
			defer alice.Close()
			p := newPeerWithin(t, alice)
			p.send(t, "<presence/>")
			if got := p.next(t); !strings.HasPrefix(got, "<presence ") {
				t.Error(got)
			}
		})
	}
}
