//go:build !linux

package xmppd

import (
	"net"
	"time"
)

// setUserTimeout does nothing: what is not answered is left to TCP, which gives
// up after minutes.
func setUserTimeout(*net.TCPConn, time.Duration) {}
