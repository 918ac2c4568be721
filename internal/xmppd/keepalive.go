package xmppd

import (
	"net"
	"time"
)

// keepAlive has TCP close a connection whose peer has not answered for a time:
// a machine that lost its power or its network says nothing. The last third of
// the time is for asking again.
func keepAlive(c *net.TCPConn, within time.Duration) {
	every := max(within/12, time.Second)
	// An error means that the connection has gone already.
	c.SetKeepAliveConfig(net.KeepAliveConfig{Enable: true, Idle: within * 2 / 3, Interval: every, Count: max(1, int(within/3/every))})
	setUserTimeout(c, within-every/2)
}
