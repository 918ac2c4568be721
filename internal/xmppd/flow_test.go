package xmppd

import (
	"context"
	"crypto/sha1"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"adminbot/internal/account"
	"adminbot/internal/muc/muctest"
)

// TestFlows plays the transcripts in testdata/flows: raw XML over pipes. A line
// that begins with white space goes on with the line before. The others are
//
//	account NAME ROLE     adds an account; its password is "secret of NAME"
//	remove NAME           removes it
//	passwd NAME           gives it a new password
//	reload                has the server look at the accounts
//	login X NAME/RESOURCE logs in a client that the transcript calls X
//	connect X             only connects one
//	auth X NAME           connects one and logs it in, without a resource
//	component X           connects to the port of components
//	close X               ends a connection without a word
//	wait DURATION         lets time pass
//	X> XML                X sends XML
//	X< XML                X gets XML next; {} stands for anything in a value,
//	                      {name} too the first time, and then for the same
//	X<? XML               the same, in any order with the lines of this sort
//	                      for X around it
//	X-                    X has got all that came so far
//	X!                    the server closes the connection
//	X handshake           the component X logs in with the right secret
func TestFlows(t *testing.T) {
	files, err := filepath.Glob("testdata/flows/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no flows: %v", err)
	}
	for _, f := range files {
		t.Run(strings.TrimSuffix(filepath.Base(f), ".txt"), func(t *testing.T) {
			b, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			synctest.Test(t, func(t *testing.T) { play(t, f, string(b)) })
		})
	}
}

// A pipeListener accepts the other ends of pipes.
type pipeListener struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func newPipeListener() *pipeListener {
	return &pipeListener{conns: make(chan net.Conn), done: make(chan struct{})}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error   { l.once.Do(func() { close(l.done) }); return nil }
func (l *pipeListener) Addr() net.Addr { return pipeAddr{} }

func (l *pipeListener) dial(t testing.TB) net.Conn {
	t.Helper()
	mine, theirs := net.Pipe()
	select {
	case l.conns <- theirs:
	case <-l.done:
		t.Fatal("the server is gone")
	}
	return mine
}

type pipeAddr struct{}

func (pipeAddr) Network() string { return "pipe" }
func (pipeAddr) String() string  { return "pipe" }

// A peer is one connection of a transcript.
type peer struct {
	c    net.Conn
	got  chan string // elements and stream tags; closed at the end
	full string
}

// newPeer reads what the server sends on a connection that begins, by our own
// scanner: what that does not take is an error of the server.
func newPeer(t testing.TB, c net.Conn) *peer { return listen(c, new(Scanner)) }

// newPeerWithin is the same for a connection whose stream is open.
func newPeerWithin(t testing.TB, c net.Conn) *peer { return listen(c, opened(t)) }

func listen(c net.Conn, sc *Scanner) *peer {
	p := &peer{c: c, got: make(chan string, 1000)}
	go func() {
		defer close(p.got)
		sc.Limits.Bytes = 64 << 20
		var b []byte
		buf := make([]byte, 1<<16)
		for {
			tok, n, err := sc.Next(b)
			if err != nil {
				// A new stream begins where the old one was.
				if strings.HasPrefix(string(b), "<?xml") {
					sc.Reset()
					continue
				}
				p.got <- fmt.Sprintf("BROKEN %v: %q", err, b)
				return
			}
			if tok == More {
				n, err := c.Read(buf)
				if err != nil {
					return
				}
				b = append(b, buf[:n]...)
				continue
			}
			if tok != Space {
				p.got <- string(b[:n])
			}
			b = b[n:]
		}
	}()
	return p
}

func (p *peer) send(t testing.TB, s string) {
	t.Helper()
	p.c.SetWriteDeadline(time.Now().Add(10 * time.Second))
	if _, err := p.c.Write([]byte(s)); err != nil {
		t.Fatalf("sending %s: %v", s, err)
	}
}

// next returns what the server sends next, "" at the end of the connection.
func (p *peer) next(t testing.TB) string {
	t.Helper()
	select {
	case s := <-p.got:
		return s
	case <-time.After(10 * time.Second):
		t.Fatalf("%s: nothing comes", p.full)
		return ""
	}
}

// later is next for what takes up to an hour. In a bubble.
func (p *peer) later(t testing.TB) string {
	t.Helper()
	select {
	case s := <-p.got:
		return s
	case <-time.After(time.Hour):
		t.Fatalf("%s: nothing comes for an hour", p.full)
		return ""
	}
}

func (p *peer) expect(t testing.TB, pattern string) {
	t.Helper()
	got := p.next(t)
	if !matches(pattern, got) {
		t.Fatalf("%s\n got %s\nwant %s", p.full, got, pattern)
	}
}

func matches(pattern, got string) bool { return learns(map[string]string{}, pattern, got) }

var hole = regexp.MustCompile(`\{([a-z]*)\}`)

// learns is like matches and notes what the names in a pattern stand for.
func learns(names map[string]string, pattern, got string) bool {
	var b strings.Builder
	var found []string
	b.WriteString("^")
	last := 0
	for _, m := range hole.FindAllStringSubmatchIndex(pattern, -1) {
		b.WriteString(regexp.QuoteMeta(pattern[last:m[0]]) + "([^'\"<>]*)")
		found = append(found, pattern[m[2]:m[3]])
		last = m[1]
	}
	m := regexp.MustCompile(b.String() + regexp.QuoteMeta(pattern[last:]) + "$").FindStringSubmatch(got)
	if m == nil {
		return false
	}
	for i, name := range found {
		if name != "" {
			names[name] = m[i+1]
		}
	}
	return true
}

// auth logs a peer in by PLAIN, up to the features of the stream.
func (p *peer) auth(t testing.TB, name string) {
	t.Helper()
	p.send(t, streamOpen)
	p.next(t) // header
	p.next(t) // features
	p.send(t, "<auth xmlns='"+NSSASL+"' mechanism='PLAIN'>"+base64.StdEncoding.EncodeToString([]byte("\x00"+name+"\x00secret of "+name))+"</auth>")
	p.expect(t, "<success xmlns='"+NSSASL+"'></success>")
	p.send(t, streamOpen)
	p.next(t)
	p.next(t)
}

const streamOpen = "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='example.org' version='1.0'>"

// login logs a peer in and gives it a resource.
func (p *peer) login(t testing.TB, name, resource string) {
	t.Helper()
	p.full = name + "@example.org/" + resource
	p.auth(t, name)
	p.send(t, "<iq type='set' id='b'><bind xmlns='"+NSBind+"'><resource>"+resource+"</resource></bind></iq>")
	p.expect(t, "<iq type='result' id='b'><bind xmlns='"+NSBind+"'><jid>"+p.full+"</jid></bind></iq>")
}

// settle waits until the server has dealt with all that p sent, and returns
// what came in the meantime.
func (p *peer) settle(t testing.TB) (came []string) {
	t.Helper()
	p.send(t, "<iq type='get' id='settle' to='example.org'><ping xmlns='urn:xmpp:ping'/></iq>")
	for {
		s := p.next(t)
		if strings.HasPrefix(s, "<iq type='result' id='settle'") {
			return came
		}
		if s == "" {
			t.Fatalf("%s: the connection ended", p.full)
		}
		came = append(came, s)
	}
}

// A stage is a server with pipes.
type stage struct {
	srv   *Server
	store *memory
	c2s   *pipeListener
	comp  *pipeListener
	stop  func() // ends the server
}

func newStage(t testing.TB, change func(*Config)) *stage {
	t.Helper()
	st := &stage{store: newMemory(), c2s: newPipeListener(), comp: newPipeListener()}
	cfg := Config{
		Domain: "example.org", PlainLoopback: true,
		Accounts: st.store, Rosters: st.store, Offline: st.store, Private: st.store,
		Components: map[string]string{"comp.example.org": "swordfish", "off.example.org": "x"},
		Rooms:      Rooms{Domain: "conference.example.org", Store: new(muctest.Memory)},
		Version:    "test",
		Poll:       time.Hour,
		Log:        slog.New(slog.NewTextHandler(testWriter{t}, nil)),
	}
	if change != nil {
		change(&cfg)
	}
	var err error
	if st.srv, err = New(cfg); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- st.srv.Serve(ctx, Listeners{C2S: st.c2s, Component: st.comp}) }()
	st.stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Error(err)
			}
		case <-time.After(10 * time.Second):
			t.Error("the server does not end")
		}
	})
	t.Cleanup(st.stop)
	return st
}

func (st *stage) connect(t testing.TB) *peer {
	t.Helper()
	p := newPeer(t, st.c2s.dial(t))
	t.Cleanup(func() { p.c.Close() })
	return p
}

func (st *stage) login(t testing.TB, name, resource string) *peer {
	t.Helper()
	p := st.connect(t)
	p.login(t, name, resource)
	return p
}

func play(t *testing.T, file, script string) {
	st := newStage(t, nil)
	peers := map[string]*peer{}
	var lines []string
	numbers := map[int]int{}
	for i, l := range strings.Split(script, "\n") {
		switch {
		case strings.TrimSpace(l) == "" || l[0] == '#':
		case l[0] == ' ' || l[0] == '\t':
			lines[len(lines)-1] += strings.TrimSpace(l)
		default:
			numbers[len(lines)] = i + 1
			lines = append(lines, l)
		}
	}
	names := map[string]string{}
	for i := 0; i < len(lines); i++ {
		line := lines[i]
		for name, value := range names {
			line = strings.ReplaceAll(line, "{"+name+"}", value)
		}
		t.Logf("%s:%d %s", file, numbers[i], line)
		word, rest, _ := strings.Cut(line, " ")
		switch word {
		case "account":
			name, role, _ := strings.Cut(rest, " ")
			st.store.add(t, name, account.Role(role))
			continue
		case "remove":
			st.store.remove(rest)
			continue
		case "passwd":
			st.store.put(t, rest, st.store.entries[rest].Role, "new secret")
			continue
		case "reload":
			if err := st.srv.reload(t.Context()); err != nil {
				t.Fatal(err)
			}
			continue
		case "login":
			x, who, _ := strings.Cut(rest, " ")
			name, resource, _ := strings.Cut(who, "/")
			peers[x] = st.login(t, name, resource)
			continue
		case "auth":
			x, name, _ := strings.Cut(rest, " ")
			peers[x] = st.connect(t)
			peers[x].auth(t, name)
			continue
		case "wait":
			d, err := time.ParseDuration(rest)
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(d) // in a bubble
			continue
		case "connect":
			peers[rest] = st.connect(t)
			continue
		case "component":
			peers[rest] = newPeer(t, st.comp.dial(t))
			p := peers[rest]
			t.Cleanup(func() { p.c.Close() })
			continue
		case "close":
			peers[rest].c.Close()
			for peers[rest].next(t) != "" {
			}
			synctest.Wait()
			continue
		}
		if p := peers[word]; p != nil && rest == "handshake" {
			p.send(t, "<stream:stream xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams' to='comp.example.org'>")
			head := p.next(t)
			id := regexp.MustCompile(" id='([^']*)'").FindStringSubmatch(head)
			if id == nil {
				t.Fatalf("no id in %s", head)
			}
			sum := sha1.Sum([]byte(id[1] + "swordfish"))
			p.send(t, "<handshake>"+hex.EncodeToString(sum[:])+"</handshake>")
			p.expect(t, "<handshake/>")
			continue
		}
		op := strings.TrimLeft(word, "abcdefghijklmnopqrstuvwxyz0123456789")
		p := peers[strings.TrimSuffix(word, op)]
		if p == nil {
			t.Fatalf("%s:%d: who is that?", file, numbers[i])
		}
		switch op {
		case ">":
			p.send(t, rest)
		case "<":
			if got := p.next(t); !learns(names, rest, got) {
				t.Fatalf("%s:%d\n got %s\nwant %s", file, numbers[i], got, rest)
			}
		case "<?":
			var want []string
			for ; i < len(lines); i++ {
				w, r, _ := strings.Cut(lines[i], " ")
				if w != word {
					break
				}
				want = append(want, r)
			}
			i--
			for len(want) > 0 {
				got := p.next(t)
				k := slices.IndexFunc(want, func(w string) bool { return matches(w, got) })
				if k < 0 {
					t.Fatalf("%s:%d\n got %s\nwant one of\n\t%s", file, numbers[i], got, strings.Join(want, "\n\t"))
				}
				want = slices.Delete(want, k, k+1)
			}
		case "-":
			if came := p.settle(t); len(came) > 0 {
				t.Fatalf("%s:%d: %s also got\n\t%s", file, numbers[i], p.full, strings.Join(came, "\n\t"))
			}
		case "!":
			for {
				got := p.next(t)
				if got == "" {
					break
				}
				t.Fatalf("%s:%d: instead of the end came %s", file, numbers[i], got)
			}
			synctest.Wait()
		default:
			t.Fatalf("%s:%d: what is that?", file, numbers[i])
		}
	}
}
