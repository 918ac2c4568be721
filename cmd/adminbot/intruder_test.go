//go:build !unit

package main

import (
	"bytes"
	"crypto/rand"
	"crypto/sha1"
	"crypto/tls"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// An intruder is an XMPP client or component that writes whatever bytes a test
// gives it once it is logged in, and keeps what it is sent.
type intruder struct {
	conn   net.Conn
	domain string // of the server
	full   string // its own address
	ended  chan struct{}

	mu     sync.Mutex
	got    []string      // elements nobody has looked at, as written
	lost   int           // elements there was no room for
	more   chan struct{} // holds one: something has come
	answer func(element string) (reply string)
	err    error // why reading ended
}

// maxGot bounds the elements an intruder keeps.
const maxGot = 20000

// patience bounds every wait of these tests. It is reached only by what hangs.
const patience = 60 * time.Second

// asClient logs in as an account by PLAIN under TLS. scope are attributes for
// the header of its stream.
func (at *ground) asClient(t testing.TB, account, resource, scope string) *intruder {
	t.Helper()
	conn := dial(t, at.Addr)
	in := &intruder{domain: at.Domain, ended: make(chan struct{}), more: make(chan struct{}, 1)}
	header := fmt.Sprintf("<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='%s' version='1.0' %s>", at.Domain, scope)
	r := newCutter(conn)
	write := func(s string) {
		t.Helper()
		if _, err := io.WriteString(conn, s); err != nil {
			t.Fatal(err)
		}
	}
	expect := func(want string) string {
		t.Helper()
		got, err := r.next()
		if err != nil || !strings.Contains(got, want) {
			t.Fatalf("login of %s: got %s (%v), want %s", account, got, err, want)
		}
		return got
	}
	write(header)
	expect("starttls")
	write("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
	expect("<proceed")
	secure := tls.Client(conn, &tls.Config{RootCAs: at.Authority.Pool(), ServerName: at.Domain})
	conn = secure
	r = newCutter(conn)
	write(header)
	expect("PLAIN")
	write("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>" +
		base64.StdEncoding.EncodeToString([]byte("\x00"+account+"\x00"+passwordOf(account))) + "</auth>")
	expect("<success")
	r = newCutter(conn)
	write(header)
	expect("bind")
	write("<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>" + resource + "</resource></bind></iq>")
	in.full = jidIn.FindStringSubmatch(expect("<jid>"))[1]
	in.start(t, conn, r)
	return in
}

var jidIn = regexp.MustCompile(`<jid>([^<]*)</jid>`)

// asComponent logs in as the component of the site (XEP-0114).
func (at *ground) asComponent(t testing.TB) *intruder {
	t.Helper()
	conn := dial(t, at.Component)
	fmt.Fprintf(conn, "<stream:stream xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams' to='%s'>", at.Name)
	r := newCutter(conn)
	id, err := r.header()
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(conn, "<handshake>%x</handshake>", sha1.Sum([]byte(id+at.Secret)))
	if got, err := r.next(); err != nil || !strings.HasPrefix(got, "<handshake") {
		t.Fatalf("handshake: %s (%v)", got, err)
	}
	in := &intruder{domain: at.Domain, full: at.Name, ended: make(chan struct{}), more: make(chan struct{}, 1)}
	in.start(t, conn, r)
	return in
}

func dial(t testing.TB, addr string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// start reads until the stream ends or the test does.
func (in *intruder) start(t testing.TB, conn net.Conn, r *cutter) {
	in.conn = conn
	go func() {
		defer close(in.ended)
		for {
			element, err := r.next()
			if err != nil {
				in.mu.Lock()
				in.err = err
				in.mu.Unlock()
				return
			}
			in.take(element)
		}
	}()
	t.Cleanup(in.leave)
}

func (in *intruder) take(element string) {
	in.mu.Lock()
	answer := in.answer
	in.mu.Unlock()
	if answer != nil {
		if reply := answer(element); reply != "" {
			in.send(reply) // a closed stream shows elsewhere
			return
		}
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	if len(in.got) >= maxGot {
		in.lost++
		return
	}
	in.got = append(in.got, element)
	select {
	case in.more <- struct{}{}:
	default:
	}
}

// leave ends the connection and waits for the reader.
func (in *intruder) leave() {
	in.conn.Close()
	<-in.ended
}

// answers sets who is shown each element first, on the goroutine that reads.
// What it returns is sent; elements it has no answer to are kept.
func (in *intruder) answers(f func(element string) (reply string)) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.answer = f
}

// send writes bytes as they are. It fails when the server has ended the stream.
func (in *intruder) send(parts ...string) error {
	in.conn.SetWriteDeadline(time.Now().Add(patience))
	_, err := io.WriteString(in.conn, strings.Join(parts, ""))
	return err
}

// over reports whether the stream has ended.
func (in *intruder) over() bool {
	select {
	case <-in.ended:
		return true
	default:
		return false
	}
}

// errOver is returned by wait when the stream ends first.
var errOver = errors.New("the stream has ended")

// wait returns the first element that fits, and drops those before it.
func (in *intruder) wait(fits func(string) bool) (string, error) {
	all, err := in.until(fits)
	if err != nil {
		return "", err
	}
	return all[len(all)-1], nil
}

// until returns everything up to the first element that fits. When the stream
// ends before that, it is what came, and errOver.
func (in *intruder) until(fits func(string) bool) ([]string, error) {
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	for ended := false; ; {
		in.mu.Lock()
		if i := slices.IndexFunc(in.got, fits); i >= 0 {
			all := in.got[: i+1 : i+1]
			in.got = in.got[i+1:]
			in.mu.Unlock()
			return all, nil
		}
		in.mu.Unlock()
		if ended {
			return in.drain(), errOver
		}
		select {
		case <-in.more:
		case <-in.ended:
			ended = true // what came before is looked at once more
		case <-deadline.C:
			return nil, fmt.Errorf("%s waited for %s", in.full, patience)
		}
	}
}

// drain returns what has come and forgets it.
func (in *intruder) drain() []string {
	in.mu.Lock()
	defer in.mu.Unlock()
	got := in.got
	in.got = nil
	return got
}

// settle waits until the server has taken all that was sent, and the sessions of
// those addresses have handled it. It returns what came until then. The error is
// errOver if the server ended the stream.
func (in *intruder) settle(victims ...string) (came []string, err error) {
	own := ""
	if !strings.Contains(in.full, "@") { // a component says who speaks, and asks itself
		own = " from='" + in.full + "'"
		victims = append([]string{in.full}, victims...)
	} else {
		victims = append([]string{in.domain}, victims...)
	}
	for i, to := range victims {
		id := "settle-" + rand.Text()
		ask := "<ping xmlns='urn:xmpp:ping'/>"
		if i > 0 { // a ping would overtake what waits for a handler; a call of type get is refused behind it
			ask = "<query xmlns='jabber:iq:rpc'/>"
		}
		in.send("<iq type='get' id='", id, "' to='", to, "'", own, ">", ask, "</iq>")
		more, err := in.until(func(element string) bool { return strings.Contains(element, id) })
		if err != nil {
			return append(came, more...), err
		}
		came = append(came, more[:len(more)-1]...)
	}
	return came, nil
}

// A cutter cuts a stream into its top-level elements, as they are written.
type cutter struct {
	raw bytes.Buffer // read, from offset base on
	d   *xml.Decoder
	at  int64 // offset of the first byte of raw
}

func newCutter(r io.Reader) *cutter {
	c := &cutter{}
	c.d = xml.NewDecoder(io.TeeReader(r, &c.raw))
	return c
}

// header reads the header of the stream and returns its id.
func (c *cutter) header() (id string, err error) {
	for {
		tok, err := c.d.RawToken()
		if err != nil {
			return "", err
		}
		if start, ok := tok.(xml.StartElement); ok {
			for _, a := range start.Attr {
				if a.Name.Local == "id" {
					id = a.Value
				}
			}
			c.forget(c.d.InputOffset())
			return id, nil
		}
	}
}

// next returns the next element. A stream error comes as an element, the end of
// the stream as io.EOF.
func (c *cutter) next() (string, error) {
	begin := c.d.InputOffset()
	for depth := 0; ; {
		tok, err := c.d.RawToken()
		if err != nil {
			return "", err
		}
		switch t := tok.(type) {
		case xml.StartElement:
			if t.Name.Space == "stream" && t.Name.Local == "stream" {
				begin = c.d.InputOffset()
				continue
			}
			depth++
		case xml.EndElement:
			if depth--; depth < 0 {
				return "", io.EOF
			}
			if depth == 0 {
				c.forget(begin)
				end := c.d.InputOffset()
				element := string(c.raw.Next(int(end - begin)))
				c.at = end
				return element, nil
			}
		default:
			if depth == 0 {
				begin = c.d.InputOffset()
			}
		}
	}
}

// forget drops what was read before an offset.
func (c *cutter) forget(offset int64) {
	c.raw.Next(int(offset - c.at))
	c.at = offset
}
