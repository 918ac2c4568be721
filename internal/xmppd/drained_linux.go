package xmppd

import (
	"net"

	"golang.org/x/sys/unix"
)

// drained reports whether the peer has acknowledged all that was written to c,
// so that a little more does not have to wait.
func drained(c net.Conn) bool {
	t, ok := c.(*net.TCPConn)
	if !ok {
		return false
	}
	raw, err := t.SyscallConn()
	if err != nil {
		return false
	}
	left := -1
	err = raw.Control(func(fd uintptr) {
		if n, err := unix.IoctlGetInt(int(fd), unix.SIOCOUTQ); err == nil {
			left = n
		}
	})
	return err == nil && left == 0
}
