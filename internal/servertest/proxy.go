package servertest

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
)

// A Proxy stands between a session and its server, and breaks what goes through
// it.
type Proxy struct {
	Addr    string      // where to dial
	Closed  atomic.Bool // nobody gets through
	Swallow atomic.Bool // what is sent does not arrive, and nobody is told

	server string

	mu    sync.Mutex
	conns []net.Conn
	wg    sync.WaitGroup
}

// NewProxy starts a proxy to the address of a server. It ends with the test.
func NewProxy(t testing.TB, server string) *Proxy {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{Addr: l.Addr().String(), server: server}
	p.wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			p.wg.Go(func() { p.forward(conn) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		p.Cut()
		p.wg.Wait()
	})
	return p
}

func (p *Proxy) forward(conn net.Conn) {
	if p.Closed.Load() {
		conn.Close()
		return
	}
	server, err := net.Dial("tcp", p.server)
	if err != nil {
		conn.Close()
		return
	}
	p.mu.Lock()
	p.conns = append(p.conns, conn, server)
	p.mu.Unlock()
	p.wg.Go(func() { p.copy(server, conn) })
	p.copy(conn, server)
}

func (p *Proxy) copy(to io.Writer, from net.Conn) {
	buf := make([]byte, 4096)
	for {
		n, err := from.Read(buf)
		if err != nil {
			return // neither end is told: that is what Cut is for
		}
		if !p.Swallow.Load() {
			to.Write(buf[:n])
		}
	}
}

// Cut ends all connections without a word to either end but a reset.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.conns {
		c.(*net.TCPConn).SetLinger(0)
		c.Close()
	}
	p.conns = nil
}
