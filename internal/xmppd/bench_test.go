package xmppd

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"adminbot/internal/account"
)

// TestMain lets the test program be a server with many accounts, whose memory
// can be looked at apart from that of its clients.
func TestMain(m *testing.M) {
	if n := os.Getenv("XMPPD_TEST_ACCOUNTS"); n != "" {
		count, _ := strconv.Atoi(n)
		beServer(count)
		return
	}
	if path := os.Getenv(addTo); path != "" {
		if err := addAccount(path); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// beServer prints its addresses and CA file, then answers each line it reads
// with its memory in use: heap, stacks and resident after a collection, and
// resident before it, in bytes.
func beServer(count int) {
	t := &fakeTB{}
	store := newMemory()
	h, _ := hashOf("SCRAM-SHA-256")
	c, err := account.NewCredential(h, "x", []byte("salt"), 1) // no work for the login
	if err != nil {
		panic(err)
	}
	for i := range count {
		name := fmt.Sprint("host", i)
		store.revision++
		store.accounts[name] = account.Account{Name: name, Role: account.Host, SHA1: c, SHA256: c}
		store.entries[name] = account.Entry{Name: name, Role: account.Host, Generation: store.revision}
	}
	r := start(t, store, func(c *Config) {
		c.Limits.Unauthed = 1 << 20
		c.Log = nil
	})
	fmt.Println(r.c2s, r.direct, r.ca)
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		before := resident()
		debug.FreeOSMemory()
		debug.FreeOSMemory()
		var ms runtime.MemStats
		runtime.ReadMemStats(&ms)
		fmt.Println(ms.HeapInuse, ms.StackInuse, resident(), before)
	}
	t.run()
}

func resident() int {
	b, _ := os.ReadFile("/proc/self/statm")
	pages, _ := strconv.Atoi(strings.Fields(string(b))[1])
	return pages * os.Getpagesize()
}

// A fakeTB is enough of a test for start.
type fakeTB struct {
	testing.TB
	cleanups []func()
}

func (t *fakeTB) Helper()          {}
func (t *fakeTB) Cleanup(f func()) { t.cleanups = append(t.cleanups, f) }
func (t *fakeTB) Fatal(a ...any)   { panic(fmt.Sprint(a...)) }
func (t *fakeTB) Error(a ...any)   { fmt.Fprintln(os.Stderr, a...) }
func (t *fakeTB) TempDir() string {
	d, _ := os.MkdirTemp("", "xmppd")
	t.Cleanup(func() { os.RemoveAll(d) })
	return d
}
func (t *fakeTB) run() {
	for i := len(t.cleanups) - 1; i >= 0; i-- {
		t.cleanups[i]()
	}
}

// dialTCP logs a plain or direct TLS client in without much ado.
func dialTCP(t testing.TB, addr string, cfg *tls.Config, name, resource, password string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	if cfg != nil {
		c = tls.Client(c, cfg)
	}
	until := func(want string) {
		t.Helper()
		var got []byte
		one := make([]byte, 4096)
		for !bytes.Contains(got, []byte(want)) {
			n, err := c.Read(one)
			if err != nil {
				t.Fatalf("%v after %s", err, got)
			}
			got = append(got, one[:n]...)
		}
	}
	io.WriteString(c, streamOpen)
	until("</stream:features>")
	io.WriteString(c, "<auth xmlns='"+NSSASL+"' mechanism='PLAIN'>"+base64.StdEncoding.EncodeToString([]byte("\x00"+name+"\x00"+password))+"</auth>")
	until("</success>")
	io.WriteString(c, streamOpen)
	until("</stream:features>")
	io.WriteString(c, "<iq type='set' id='b'><bind xmlns='"+NSBind+"'><resource>"+resource+"</resource></bind></iq>")
	until("</iq>")
	return c
}

// BenchmarkIdle measures what an idle session costs in the server's process:
// available, after login, over real TCP.
func BenchmarkIdle(b *testing.B) {
	const sessions = 5000
	for _, mode := range []string{"plain", "tls", "plain-managed", "tls-managed"} {
		b.Run(mode, func(b *testing.B) {
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(os.Environ(), fmt.Sprint("XMPPD_TEST_ACCOUNTS=", sessions))
			cmd.Stderr = os.Stderr
			in, _ := cmd.StdinPipe()
			out, _ := cmd.StdoutPipe()
			if err := cmd.Start(); err != nil {
				b.Fatal(err)
			}
			defer cmd.Wait()
			defer in.Close()
			lines := bufio.NewReader(out)
			var plain, direct, ca string
			if _, err := fmt.Fscanln(lines, &plain, &direct, &ca); err != nil {
				b.Fatal(err)
			}
			addr, cfg := plain, (*tls.Config)(nil)
			if strings.HasPrefix(mode, "tls") {
				pem, err := os.ReadFile(ca)
				if err != nil {
					b.Fatal(err)
				}
				pool := x509.NewCertPool()
				pool.AppendCertsFromPEM(pem)
				addr, cfg = direct, &tls.Config{RootCAs: pool, ServerName: "example.org", NextProtos: []string{"xmpp-client"}}
			}
			measure := func() (heap, stack, rss, uncollected int64) {
				fmt.Fprintln(in)
				if _, err := fmt.Fscanln(lines, &heap, &stack, &rss, &uncollected); err != nil {
					b.Fatal(err)
				}
				return
			}
			var conns []net.Conn
			defer func() {
				for _, c := range conns {
					c.Close()
				}
			}()
			for b.Loop() {
				b.StopTimer()
				for _, c := range conns {
					c.Close()
				}
				conns = conns[:0]
				h0, s0, r0, _ := measure()
				b.StartTimer()
				for i := range sessions {
					name := fmt.Sprint("host", i)
					c := dialTCP(b, addr, cfg, name, "agent", "x")
					if strings.HasSuffix(mode, "managed") {
						io.WriteString(c, enableResume)
						c.Read(make([]byte, 4096))
					}
					io.WriteString(c, "<presence><status>Happy: nothing to do</status><priority>-1</priority></presence>")
					c.Read(make([]byte, 4096))
					conns = append(conns, c)
				}
				b.StopTimer()
				h1, s1, r1, u1 := measure()
				b.ReportMetric(float64(h1-h0)/sessions, "heap-B/conn")
				b.ReportMetric(float64(s1-s0)/sessions, "stack-B/conn")
				b.ReportMetric(float64(r1-r0)/sessions, "rss-B/conn")
				b.ReportMetric(float64(u1-r0)/sessions, "rss-uncollected-B/conn")
				b.ReportMetric(0, "ns/op")
				b.StartTimer()
			}
		})
	}
}

// BenchmarkRouter measures how many stanzas a second go from one client to
// another over real TCP without TLS, everything in one process.
func BenchmarkRouter(b *testing.B) {
	const oneChat = "<message to='bob@example.org/desk' type='chat' id='12345678'><body>show disk usage on all web servers</body></message>"
	for _, bench := range []struct {
		name   string
		batch  int // stanzas in one write of the sender
		stanza string
	}{
		{"one-by-one", 1, oneChat},
		{"chat", 64, oneChat},
		{"chat-managed", 64, oneChat}, // both ends acknowledge (XEP-0198)
		{"iq", 64, "<iq to='bob@example.org/desk' type='set' id='12345678'><query xmlns='jabber:iq:rpc'><methodCall><methodName>disk.usage</methodName><params><param><value><struct><member><name>path</name><value><string>/var</string></value></member></struct></value></param></params></methodCall></query></iq>"},
		{"bare", 64, "<message to='bob@example.org' type='chat' id='12345678'><body>show disk usage on all web servers</body></message>"},
	} {
		b.Run(bench.name, func(b *testing.B) {
			m := newMemory()
			m.add(b, "alice", account.User)
			m.add(b, "bob", account.User)
			r := start(b, m, func(c *Config) { c.Log = nil })
			alice := dialTCP(b, r.c2s, nil, "alice", "desk", "secret of alice")
			bob := dialTCP(b, r.c2s, nil, "bob", "desk", "secret of bob")
			defer alice.Close()
			defer bob.Close()
			io.WriteString(bob, "<presence/>")
			bob.Read(make([]byte, 4096))
			managed := strings.HasSuffix(bench.name, "managed")
			if managed {
				for _, c := range []net.Conn{alice, bob} {
					io.WriteString(c, enableResume)
					c.Read(make([]byte, 4096))
				}
				bench.stanza += string(askForAck)
				go io.Copy(io.Discard, alice)
			}

			batch := int64(bench.batch)
			stanzas := []byte(strings.Repeat(bench.stanza, bench.batch))
			var received atomic.Int64
			room := make(chan struct{}, 1)
			total := (int64(b.N) + batch - 1) / batch * batch
			done := make(chan struct{})
			b.ResetTimer()
			go func() {
				defer close(done)
				buf := make([]byte, 256<<10)
				end := []byte(bench.stanza[strings.LastIndex(bench.stanza, "</"):])
				end = end[:bytes.IndexByte(end, '>')+1]
				half := 0 // of an end tag, left from the last read
				for received.Load() < total {
					n, err := bob.Read(buf[half:])
					if err != nil {
						b.Error(err)
						return
					}
					got := buf[:half+n]
					n = bytes.Count(got, end)
					received.Add(int64(n))
					if managed && n > 0 {
						fmt.Fprintf(bob, "<a xmlns='urn:xmpp:sm:3' h='%d'/>", received.Load())
					}
					last := bytes.LastIndexByte(got, '<')
					if last < 0 || bytes.HasPrefix(got[last:], end) {
						last = len(got)
					}
					half = copy(buf, got[max(last, len(got)-len(end)):])
					select {
					case room <- struct{}{}:
					default:
					}
				}
			}()
			for sent := int64(0); sent < total; sent += batch {
				for sent-received.Load() > 8000 {
					<-room
				}
				if _, err := alice.Write(stanzas); err != nil {
					b.Fatal(err)
				}
			}
			<-done
			b.ReportMetric(float64(total)/b.Elapsed().Seconds(), "stanzas/s")
		})
	}
}
