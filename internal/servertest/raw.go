package servertest

import (
	"crypto/tls"
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"adminbot/internal/xmpp/element"
)

// A Raw is a client that sends the XML it is given, as it is given: for tests of
// how what is on the wire looks. Its methods are for the goroutine of the test,
// and fail the test.
type Raw struct {
	Full string // its address

	t    testing.TB
	conn net.Conn
	dec  *xml.Decoder
	kept []*element.Element // read, and not asked for yet
}

// rawPatience bounds every wait. It is reached only by what hangs.
const rawPatience = 60 * time.Second

// Raw logs in to an account by PLAIN under TLS. It sends no presence. The
// connection ends with the test.
func (s *Server) Raw(t testing.TB, name, password, resource string) *Raw {
	t.Helper()
	conn, err := net.Dial("tcp", s.Addr)
	if err != nil {
		t.Fatal(err)
	}
	r := &Raw{t: t, conn: conn}
	t.Cleanup(r.Close)
	r.open(s.Domain)
	r.expect("features")
	r.Send("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
	r.expect("proceed")
	cfg := s.TLS()
	cfg.ServerName = s.Domain
	r.conn = tls.Client(conn, cfg)
	r.open(s.Domain)
	r.expect("features")
	r.Send("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>%s</auth>",
		base64.StdEncoding.EncodeToString([]byte("\x00"+name+"\x00"+password)))
	r.expect("success")
	r.open(s.Domain)
	r.expect("features")
	r.Send("<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>%s</resource></bind></iq>", resource)
	bound := r.expect("iq").Child("urn:ietf:params:xml:ns:xmpp-bind", "bind")
	if bound == nil {
		t.Fatalf("servertest: %s is bound to nothing", name)
	}
	r.Full = bound.ChildText("jid")
	return r
}

// Close ends the connection without a word.
func (r *Raw) Close() { r.conn.Close() }

func (r *Raw) open(domain string) {
	r.t.Helper()
	r.dec = xml.NewDecoder(r.conn)
	r.Send("<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0' to='%s'>", domain)
	for {
		tok, err := r.dec.Token()
		if err != nil {
			r.t.Fatalf("servertest: no stream: %v", err)
		}
		if _, ok := tok.(xml.StartElement); ok {
			return
		}
	}
}

func (r *Raw) expect(name string) *element.Element {
	r.t.Helper()
	e, err := element.Read(r.dec)
	if err != nil || e.Name.Local != name {
		r.t.Fatalf("servertest: login: got %+v (%v), want %s", e, err, name)
	}
	return e
}

// Send writes text.
func (r *Raw) Send(format string, args ...any) {
	r.t.Helper()
	if _, err := io.WriteString(r.conn, fmt.Sprintf(format, args...)); err != nil {
		r.t.Fatalf("servertest: %s: %v", r.Full, err)
	}
}

// Next returns the first stanza not returned yet that matches, and waits for it.
// Those before it are kept.
func (r *Raw) Next(what string, match func(*element.Element) bool) *element.Element {
	r.t.Helper()
	for i, e := range r.kept {
		if match(e) {
			r.kept = append(r.kept[:i], r.kept[i+1:]...)
			return e
		}
	}
	r.conn.SetReadDeadline(time.Now().Add(rawPatience))
	for {
		e, err := element.Read(r.dec)
		if err != nil {
			r.t.Fatalf("servertest: %s: waiting for %s: %v\ngot %s", r.Full, what, err, r.text())
		}
		if match(e) {
			return e
		}
		r.kept = append(r.kept, e)
	}
}

// Kept are the stanzas that have come and were not asked for.
func (r *Raw) Kept() []*element.Element { return r.kept }

func (r *Raw) text() (all []string) {
	for _, e := range r.kept {
		all = append(all, e.String())
	}
	return all
}

// Child returns the next stanza that has a child of that name.
func (r *Raw) Child(space, local string) (stanza, child *element.Element) {
	r.t.Helper()
	stanza = r.Next("<"+local+">", func(e *element.Element) bool { return e.Child(space, local) != nil })
	return stanza, stanza.Child(space, local)
}

// Answer returns the answer to the request of that id.
func (r *Raw) Answer(id string) *element.Element {
	r.t.Helper()
	return r.Next("the answer to "+id, func(e *element.Element) bool {
		return e.Name.Local == "iq" && e.Get("id") == id && (e.Get("type") == "result" || e.Get("type") == "error")
	})
}
