package xmppd

import "sync/atomic"

// A holding is what the sessions of one account take of the server's memory,
// so that an account cannot have for each of them what one may have. Those that
// have ended count until their buffers are free. Safe for concurrent use.
type holding struct {
	live atomic.Int64 // bytes of large buffers, of all sessions
	lost atomic.Int64 // bytes kept for those that are lost, see Server.asleep
}

// held is how much the sessions of one account may hold: as much as two, whose
// queues have room for so many bytes. Where one has taken it all, each of the
// others may still have its share of as much again.
func (l *Limits) held(room int) int { return 2 * (2*room + l.Unacked) }

// heldLost is the same for what is kept for lost clients: enough for all that
// one may not have acknowledged.
func (l *Limits) heldLost(room int) int { return max(l.Hibernating/8, 5*(room+l.Unacked)/4) }

// holding returns what an account holds. The caller holds mu.
func (srv *Server) holding(name string) *holding {
	h := srv.holdings[name]
	if h == nil {
		h = new(holding)
		srv.holdings[name] = h
	}
	return h
}

// affords reports whether the account may hold n bytes more for this session. An
// answer in bulk may exceed the bound by itself. The caller holds mu.
func (c *conn) affords(n int, bulk bool) bool {
	if c.account == nil {
		return true
	}
	l := &c.srv.cfg.Limits
	most := l.held(c.room)
	held := int(c.account.live.Load())
	if bulk {
		return held <= most
	}
	beyond := c.bulk
	if c.sm != nil {
		beyond += c.sm.sent.bulk
	}
	return held+n <= most+beyond || c.charged+n <= most/l.Sessions && held+n <= 2*most
}

// recount notes what the buffers take now. The caller holds mu.
func (c *conn) recount() {
	if c.account == nil {
		return
	}
	n := large(c.out) + c.writes + c.leaves
	if c.sm != nil {
		n += large(c.sm.sent.buf)
	}
	if n != c.charged {
		c.account.live.Add(int64(n - c.charged))
		c.charged = n
	}
}

// large returns what a buffer takes, if it is larger than those that are used
// again and that every session may have.
func large(b []byte) int {
	if cap(b) <= keptOutput {
		return 0
	}
	return cap(b)
}

// hold counts bytes that are kept for a lost client, unless they are too many:
// for its account or for all together.
func (c *conn) hold(n int) bool {
	if n == 0 {
		return true
	}
	l := &c.srv.cfg.Limits
	mine, all := c.account.lost.Add(int64(n)), c.srv.asleep.Add(int64(n))
	if n > 0 && (mine > int64(l.heldLost(c.room)) || all > int64(l.Hibernating)) {
		c.account.lost.Add(int64(-n))
		c.srv.asleep.Add(int64(-n))
		return false
	}
	return true
}
