package intake

import (
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
)

// far is a listener whose peers seem to come from elsewhere: 127.0.0.N from
// 192.0.2.N.
type far struct{ net.Listener }

func (l far) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return farConn{conn.(*net.TCPConn)}, nil
}

type farConn struct{ *net.TCPConn }

func (c farConn) RemoteAddr() net.Addr {
	a := *c.TCPConn.RemoteAddr().(*net.TCPAddr)
	a.IP = net.IPv4(192, 0, 2, a.IP[len(a.IP)-1])
	return &a
}

// from dials from 127.0.0.N.
func (s *site) from(n byte) net.Conn {
	s.t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, n)}}
	conn, err := d.Dial("tcp4", s.server.HTTPAddr())
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { conn.Close() })
	return conn
}

const oneAlert = "POST /generic HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer " + testToken + "\r\nContent-Type: application/json\r\nContent-Length: 15\r\n"

// answered sends a whole request and returns its answer.
func (s *site) answered(conn net.Conn, header string) string {
	s.t.Helper()
	io.WriteString(conn, oneAlert+header+"\r\n"+`{"summary":"x"}`) // it may be turned away already
	answer, err := io.ReadAll(conn)
	if err != nil {
		s.t.Error(err)
	}
	return string(answer)
}

func (s *site) wants(got, status, text string) {
	s.t.Helper()
	if !strings.HasPrefix(got, "HTTP/1.1 "+status+" ") || !strings.Contains(got, text) {
		s.t.Errorf("got %q, want %s %s", got, status, text)
	}
}

// TestCrowd: an address with too many connections is turned away, and told why; all
// others are not.
func TestCrowd(t *testing.T) {
	s := open(t, func(c *Config) { c.HTTP = far{c.HTTP} })
	var slow []net.Conn
	for range maxEach {
		conn := s.from(7)
		io.WriteString(conn, "POST /generic HTTP/1.1\r\nHost: x\r\nContent-Le")
		slow = append(slow, conn)
	}
	got := s.answered(s.from(7), "")
	s.wants(got, "429", "192.0.2.7 has 64 connections at once")
	s.wants(got, "429", "Retry-After: 1\r\n")
	s.wants(s.answered(s.from(8), ""), "200", "raised")
	slow[0].Close()
	for { // it is seen a little later
		if got = s.answered(s.from(7), ""); !strings.HasPrefix(got, "HTTP/1.1 429 ") {
			break
		}
	}
	s.wants(got, "200", "repeated")
}

// TestCrowdBehindProxy: a proxy may have many connections; whoever it passes on is one
// address each, and cannot pretend to be another.
func TestCrowdBehindProxy(t *testing.T) {
	s := open(t, func(c *Config) {
		c.HTTP, c.Proxies = far{c.HTTP}, []netip.Prefix{netip.MustParsePrefix("192.0.2.9/32")}
	})
	for range maxEach {
		conn := s.from(9)
		io.WriteString(conn, strings.Replace(oneAlert, "Length: 15", "Length: 16", 1)+"X-Forwarded-For: 198.51.100.2, 203.0.113.5\r\nExpect: 100-continue\r\n\r\n")
		if _, err := io.ReadFull(conn, make([]byte, len("HTTP/1.1 100 Continue\r\n\r\n"))); err != nil { // it is being served
			t.Fatal(err)
		}
	}
	s.wants(s.answered(s.from(9), "X-Forwarded-For: 198.51.100.3, 203.0.113.5\r\n"), "429", "203.0.113.5 has 64 requests at once")
	s.wants(s.answered(s.from(9), "X-Forwarded-For: 203.0.113.5\r\nX-Forwarded-For: 198.51.100.2\r\n"), "200", "raised")
	s.wants(s.answered(s.from(8), "X-Forwarded-For: 203.0.113.5\r\n"), "200", "repeated") // of no proxy
}

func TestCrowdClient(t *testing.T) {
	c := newCrowd([]netip.Prefix{netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("2001:db8::1/128")})
	for _, tt := range []struct{ remote, header, want string }{
		{"203.0.113.9:1", "198.51.100.1", "invalid IP"}, // not a proxy
		{"127.0.0.1:1", "", "invalid IP"},
		{"127.0.0.1:1", "198.51.100.1", "198.51.100.1"},
		{"[::1]:1", "198.51.100.1", "198.51.100.1"},
		{"192.0.2.7:1", "198.51.100.1, 203.0.113.4 , 192.0.2.8", "203.0.113.4"},
		{"[::ffff:192.0.2.7]:1", "::ffff:198.51.100.1", "198.51.100.1"},
		{"[2001:db8::1]:1", "2001:db8::2", "2001:db8::2"},
		{"192.0.2.7:1", "198.51.100.1, unknown", "invalid IP"},
		{"192.0.2.7:1", "127.0.0.1, 192.0.2.1", "invalid IP"},
	} {
		r := &http.Request{RemoteAddr: tt.remote, Header: http.Header{"X-Forwarded-For": {tt.header}}}
		if got := c.client(r).String(); got != tt.want {
			t.Errorf("%s passes on %q: %s, want %s", tt.remote, tt.header, got, tt.want)
		}
	}
}

// All addresses of a /64 are one, and so are all of this machine; what is given back
// can be had again.
func TestCrowdAddresses(t *testing.T) {
	for _, tt := range []struct {
		one, same, other string
		most             int
	}{
		{"192.0.2.1", "192.0.2.1", "192.0.2.2", maxEach},
		{"2001:db8::1", "2001:db8::2", "2001:db8:0:1::1", maxEach},
		{"127.0.0.1", "::1", "192.0.2.1", maxMany},
		{"198.51.100.1", "198.51.100.1", "198.51.100.2", maxMany},
	} {
		c := newCrowd([]netip.Prefix{netip.MustParsePrefix("198.51.100.0/24")})
		one, same, other := netip.MustParseAddr(tt.one), netip.MustParseAddr(tt.same), netip.MustParseAddr(tt.other)
		var leave func()
		for range tt.most {
			if leave = c.enter(one); leave == nil {
				t.Fatalf("%s may not have %d", one, tt.most)
			}
		}
		if c.enter(same) != nil || c.enter(other) == nil {
			t.Errorf("%s has all, and %s or not %s may have more", one, same, other)
		}
		leave()
		leave()
		if c.enter(same) == nil || c.enter(one) != nil {
			t.Errorf("%s gave one back", one)
		}
	}
}
