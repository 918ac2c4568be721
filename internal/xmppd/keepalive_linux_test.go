package xmppd

import (
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"adminbot/internal/account"
)

// vanish makes this end of a connection what a machine without power is: it
// drops all that arrives before TCP sees it, and answers nothing.
func vanish(t *testing.T, c net.Conn) {
	t.Helper()
	raw, err := c.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	raw.Control(func(fd uintptr) {
		nothing := unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K}
		err = unix.SetsockoptSockFprog(int(fd), unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: 1, Filter: &nothing})
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestVanished has machines of people vanish: TCP finds out, whether it had
// something to send or not.
func TestVanished(t *testing.T) {
	m := newMemory()
	m.add(t, "bot", account.Bot)
	for _, busy := range []bool{false, true} {
		t.Run(fmt.Sprint("busy ", busy), func(t *testing.T) {
			m.add(t, "alice", account.User)
			r := start(t, m, func(c *Config) { c.Limits.Vanished = 2 * time.Second })
			bot := newPeerWithin(t, dialTCP(t, r.c2s, nil, "bot", "bot", "secret of bot"))
			defer bot.c.Close()
			bot.send(t, "<presence/>")
			bot.settle(t)
			alice := dialTCP(t, r.c2s, nil, "alice", "phone", "secret of alice")
			defer alice.Close()
			io.WriteString(alice, "<presence/>")
			if got := bot.next(t); !strings.HasPrefix(got, "<presence to='bot@example.org' from='alice@example.org/phone'") {
				t.Fatalf("got %s", got)
			}
			alice.Read(make([]byte, 4096))
			vanish(t, alice)
			if busy {
				bot.send(t, "<message to='alice@example.org/phone'><body>are you there?</body></message>")
			}
			begin := time.Now()
			for {
				select {
				case got := <-bot.got:
					if !strings.Contains(got, "type='unavailable'") {
						t.Fatalf("got %s", got)
					}
					t.Logf("found out after %v", time.Since(begin))
					return
				case <-time.After(30 * time.Second):
					t.Fatal("nobody finds out")
				}
			}
		})
	}
}
