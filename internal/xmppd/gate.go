package xmppd

import (
	"container/heap"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// A gate lets only so many logins be worked on at a time, so that of thousands
// that come at once the first are done while the last have not begun, instead
// of all being late. Work begins with bytes of the client and ends when the
// next ones are waited for: who is silent holds up nobody. Addresses take
// turns, and of each the connection that came first is served first. Safe for
// concurrent use.
type gate struct {
	mu    sync.Mutex
	free  int
	lines map[string]*line
	turns []string // addresses with somebody in line, next one first
}

// A line is who waits from one address, by arrival.
type line []*login

func (l line) Len() int           { return len(l) }
func (l line) Less(i, k int) bool { return l[i].n < l[k].n }
func (l line) Swap(i, k int)      { l[i], l[k] = l[k], l[i] }
func (l *line) Push(x any)        { *l = append(*l, x.(*login)) }
func (l *line) Pop() any {
	last := len(*l) - 1
	x := (*l)[last]
	(*l)[last] = nil
	*l = (*l)[:last]
	return x
}

// enter waits for a turn.
func (g *gate) enter(l *login) {
	g.mu.Lock()
	if g.free > 0 {
		g.free--
		g.mu.Unlock()
		return
	}
	if g.lines == nil {
		g.lines = make(map[string]*line)
	}
	in := g.lines[l.addr]
	if in == nil {
		in = new(line)
		g.lines[l.addr] = in
		g.turns = append(g.turns, l.addr)
	}
	called := make(chan struct{})
	l.called = called
	heap.Push(in, l)
	g.mu.Unlock()
	<-called
}

// leave gives the turn to the next.
func (g *gate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.turns) == 0 {
		g.free++
		return
	}
	addr := g.turns[0]
	g.turns = g.turns[1:]
	in := g.lines[addr]
	next := heap.Pop(in).(*login)
	if in.Len() > 0 {
		g.turns = append(g.turns, addr)
	} else {
		delete(g.lines, addr)
	}
	close(next.called)
}

// A login is what a connection needs until it is logged in. It belongs to the
// reading goroutine.
type login struct {
	srv    *Server
	raw    net.Conn
	conn   *turnConn
	addr   string        // of the peer, see session.ip
	n      uint64        // in the order in which connections came
	until  time.Time     // when it is to be done
	turn   bool          // it has one
	called chan struct{} // of the gate

	busy  atomic.Bool  // it does not wait for its client
	stage atomic.Int32 // how far it is
}

// take waits for a turn. Time in line does not count.
func (l *login) take() {
	begin := time.Now()
	l.srv.gate.enter(l)
	l.turn = true
	if waited := time.Since(begin); waited > time.Millisecond {
		l.until = l.until.Add(waited)
		l.raw.SetDeadline(l.until)
	}
}

// yield ends the turn, if there is one.
func (l *login) yield() {
	if l.turn {
		l.turn = false
		l.srv.gate.leave()
	}
}

// A turnConn is a connection that is read in turn with others until its login
// is complete.
type turnConn struct {
	net.Conn
	login *login // nil afterwards
}

func (c *turnConn) Read(b []byte) (int, error) {
	l := c.login
	if l == nil {
		return c.Conn.Read(b)
	}
	l.yield()
	l.busy.Store(false)
	n, err := c.Conn.Read(b)
	if n > 0 {
		l.busy.Store(true)
		l.take()
	}
	return n, err
}

// CloseWrite tells the peer that nothing more comes.
func (c *turnConn) CloseWrite() error {
	if w, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return w.CloseWrite()
	}
	return c.Close()
}
