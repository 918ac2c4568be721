package intake

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"
)

// Bounds of what one address may hold at once, of connections as of requests: what is
// slow, or means no good, leaves room for others.
const (
	maxEach   = 64  // of one address, or of one /64 of IPv6
	maxMany   = 384 // of this machine, and of each proxy: they speak for many
	maxTurned = 64  // connections that are told so; more are closed at once
	turnWait  = time.Second
)

var loopback = netip.AddrFrom4([4]byte{127, 0, 0, 1})

// A crowd counts what addresses hold. Its methods are safe for concurrent use.
type crowd struct {
	proxies []netip.Prefix

	mu   sync.Mutex
	held map[netip.Prefix]int
}

func newCrowd(proxies []netip.Prefix) *crowd {
	return &crowd{proxies: proxies, held: map[netip.Prefix]int{}}
}

// trusts reports whether an address speaks for others: it is of this machine, or of a
// proxy.
func (c *crowd) trusts(a netip.Addr) bool {
	return a.IsLoopback() || slices.ContainsFunc(c.proxies, func(p netip.Prefix) bool { return p.Contains(a) })
}

// enter has an address hold one more until leave is called; nil: it has too many.
func (c *crowd) enter(a netip.Addr) (leave func()) {
	bits, most := a.BitLen(), maxEach
	switch {
	case a.IsLoopback():
		a, bits, most = loopback, loopback.BitLen(), maxMany // all of them are one
	case c.trusts(a):
		most = maxMany
	case a.Is6():
		bits = 64 // whoever has one address has all of these
	}
	key, err := a.Prefix(bits)
	if err != nil { // not an address: no bound
		return func() {}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.held[key] >= most {
		return nil
	}
	c.held[key]++
	return sync.OnceFunc(func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.held[key]--; c.held[key] == 0 {
			delete(c.held, key)
		}
	})
}

// addressOf is the address in HOST:PORT.
func addressOf(hostport string) netip.Addr {
	ap, _ := netip.ParseAddrPort(hostport)
	return ap.Addr().Unmap().WithZone("")
}

// client is who made a request, as the proxy that passed it on says: of the addresses
// in X-Forwarded-For the last that is none of a proxy. It is zero where there is none.
func (c *crowd) client(r *http.Request) netip.Addr {
	header := r.Header.Values("X-Forwarded-For")
	if len(header) == 0 || !c.trusts(addressOf(r.RemoteAddr)) {
		return netip.Addr{}
	}
	hops := strings.Split(strings.Join(header, ","), ",")
	for _, hop := range slices.Backward(hops) {
		a, err := netip.ParseAddr(strings.TrimSpace(hop))
		if err != nil {
			return netip.Addr{}
		}
		if a = a.Unmap(); !c.trusts(a) {
			return a
		}
	}
	return netip.Addr{}
}

// behindProxies bounds the requests of those who come by a proxy, of which each is who
// the proxy says it is.
func (s *Server) behindProxies(next http.Handler) http.Handler {
	requests := newCrowd(s.cfg.Proxies)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if a := requests.client(r); a.IsValid() {
			leave := requests.enter(a)
			if leave == nil {
				s.tooMany(a.String(), "requests")
				w.Header().Set("Retry-After", "1")
				refuse(w, http.StatusTooManyRequests, crowded(a.String(), "requests"))
				return
			}
			defer leave()
			r.RemoteAddr = a.String()
		}
		next.ServeHTTP(w, r)
	})
}

// crowded is what is said to an address that has too many of something.
func crowded(who, what string) string {
	return fmt.Sprintf("%s has %d %s at once, which is as many as one address may\nhint: keep connections, and send several alerts in one request", who, maxEach, what)
}

func (s *Server) tooMany(who, what string) {
	s.refused(nil, "http", who, http.StatusTooManyRequests, "too many "+what+" at once")
}

// A doorman is a listener that turns connections away of addresses that have too many.
type doorman struct {
	net.Listener
	crowd  *crowd
	told   func(who string)
	turned chan struct{} // a token for each that is being told
	wg     sync.WaitGroup
}

func (s *Server) newDoorman(l net.Listener) *doorman {
	return &doorman{
		Listener: l, crowd: newCrowd(s.cfg.Proxies), turned: make(chan struct{}, maxTurned),
		told: func(who string) { s.tooMany(who, "connections") },
	}
}

// Accept returns the next connection of an address that does not have too many.
func (d *doorman) Accept() (net.Conn, error) {
	for {
		conn, err := d.Listener.Accept()
		if err != nil {
			return nil, err
		}
		who := addressOf(conn.RemoteAddr().String())
		if leave := d.crowd.enter(who); leave != nil {
			return &guest{conn, leave}, nil
		}
		d.told(who.String())
		select {
		case d.turned <- struct{}{}:
			d.wg.Go(func() {
				defer func() { <-d.turned }()
				turnAway(conn, who.String())
			})
		default:
			conn.Close()
		}
	}
}

// turnAway says why a connection is closed. What the client has sent is read, so that
// it gets to read that.
func turnAway(conn net.Conn, who string) {
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(turnWait))
	text := crowded(who, "connections") + "\n"
	_, err := fmt.Fprintf(conn, "HTTP/1.1 429 Too Many Requests\r\nConnection: close\r\nRetry-After: 1\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: %d\r\n\r\n%s", len(text), text)
	if half, ok := conn.(interface{ CloseWrite() error }); ok && err == nil && half.CloseWrite() == nil {
		io.CopyN(io.Discard, conn, MaxBody)
	}
}

// A guest is a connection that counts until it is closed.
type guest struct {
	net.Conn
	leave func()
}

// Close closes the connection.
func (g *guest) Close() error {
	defer g.leave()
	return g.Conn.Close()
}
