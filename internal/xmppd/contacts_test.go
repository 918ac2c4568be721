package xmppd

import (
	"fmt"
	"strings"
	"testing"

	"adminbot/internal/account"
)

// TestContactBytes has a client add contacts with many and long groups: what
// all of them take is bounded, and may be made shorter at the bound.
func TestContactBytes(t *testing.T) {
	st := newStage(t, func(c *Config) { c.Limits.ContactBytes = 100 << 10 })
	st.store.add(t, "alice", account.User)
	alice := st.login(t, "alice", "x")
	groups := strings.Repeat("<group>"+strings.Repeat("g", 1000)+"</group>", 20)
	set := func(n int, item string) string {
		t.Helper()
		alice.send(t, fmt.Sprintf("<iq type='set' id='s'><query xmlns='jabber:iq:roster'><item jid='c%d@comp.example.org'%s</item></query></iq>", n, item))
		return alice.next(t)
	}
	const full = "<resource-constraint "
	for i := range 8 {
		if got := set(i, ">"+groups); strings.Contains(got, full) != (i >= 5) {
			t.Errorf("contact %d: %s", i, got)
		}
	}
	if got := set(0, " name='"+strings.Repeat("n", 1000)+"'>"+groups); strings.Contains(got, full) {
		t.Errorf("a little more: %s", got)
	}
	if got := set(1, " name='"+strings.Repeat("n", 1000)+"'>"+groups); strings.Contains(got, full) {
		t.Errorf("a little more: %s", got)
	}
	if got := set(2, " name='"+strings.Repeat("n", 1000)+"'>"+groups); !strings.Contains(got, full) {
		t.Errorf("too much: %s", got)
	}
	if got := set(0, ">"); strings.Contains(got, full) {
		t.Errorf("less: %s", got)
	}
	// Requests to others count too, by their addresses.
	alice.settle(t)
	long := strings.Repeat("a", 1000)
	for i := range 40 {
		alice.send(t, fmt.Sprintf("<presence type='subscribe' to='%s%d@comp.example.org'/>", long, i))
	}
	if came := alice.settle(t); !strings.Contains(strings.Join(came, ""), full) {
		t.Errorf("got %d answers to 40 long requests, all went out", len(came))
	}
	n := 0
	for _, c := range st.store.contacts["alice"] {
		n += contactBytes(c)
	}
	if n > 100<<10 || n < 98<<10 {
		t.Errorf("%d bytes of contacts are kept", n)
	}
}

// TestDirectedBytes has a client send presence to many long addresses, which
// are remembered: not without end, and no longer than needed.
func TestDirectedBytes(t *testing.T) {
	st := newStage(t, nil)
	st.store.add(t, "alice", account.User)
	alice := st.login(t, "alice", "x")
	presence := func(typ string) (refused int) {
		t.Helper()
		for i := range 200 {
			alice.send(t, fmt.Sprintf("<presence%s to='bob@example.org/%d%s'/>", typ, i, strings.Repeat("r", 1000)))
		}
		return strings.Count(strings.Join(alice.settle(t), ""), "<resource-constraint ")
	}
	room := directedBytes / 1024
	if n := presence(""); n < 200-room || n > 200-room+10 {
		t.Errorf("%d of 200 are refused", n)
	}
	presence(" type='unavailable'")
	s := st.srv.session([]byte("alice@example.org/x"))
	st.srv.presMu.Lock()
	if len(s.directed) > 0 || s.directedBytes != 0 {
		t.Errorf("%d bytes of %d addresses are still remembered", s.directedBytes, len(s.directed))
	}
	st.srv.presMu.Unlock()
}
