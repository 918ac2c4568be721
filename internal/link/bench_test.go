package link

import (
	"context"
	"encoding/xml"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"

	"adminbot/internal/xmpp/element"
	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/stanza"
)

// benchStanza is a typical answer to a call.
const benchStanza = `<iq xmlns='jabber:client' type='result' from='web01@hosts.example/agent' to='bot@hosts.example/bot' id='3f1c9c1e-7a50-4f0e-9d1b-7b3f3d5c8a11'><query xmlns='jabber:iq:rpc'><methodResponse><params><param><value><struct><member><name>free_bytes</name><value><double>123456789</double></value></member><member><name>mount</name><value><string>/var/log &amp; more</string></value></member><member><name>used_percent</name><value><int>42</int></value></member></struct></value></param></params></methodResponse></query></iq>`

// repeat reads text over and over.
type repeat struct {
	text string
	pos  int
}

func (r *repeat) Read(p []byte) (int, error) {
	n := 0
	for n < len(p) {
		c := copy(p[n:], r.text[r.pos:])
		n += c
		r.pos = (r.pos + c) % len(r.text)
	}
	return n, nil
}

func BenchmarkRead(b *testing.B) {
	f := newFramer(&repeat{text: benchStanza})
	var known nameCache
	scope := streamScope()
	b.SetBytes(int64(len(benchStanza)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := f.tag(1 << 16); err != nil {
			b.Fatal(err)
		}
		if err := f.body(1<<16, 64); err != nil {
			b.Fatal(err)
		}
		if _, err := parseElement(f.frame, scope, &known); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkReadStandard is the same with encoding/xml, to compare.
func BenchmarkReadStandard(b *testing.B) {
	b.SetBytes(int64(len(benchStanza)))
	b.ReportAllocs()
	d := xml.NewDecoder(io.MultiReader(strings.NewReader("<stream>"), &repeat{text: benchStanza}))
	d.Token()
	for b.Loop() {
		for depth := 0; ; {
			tok, err := d.Token()
			if err != nil {
				b.Fatal(err)
			}
			tok = xml.CopyToken(tok)
			if _, ok := tok.(xml.StartElement); ok {
				depth++
			}
			if _, ok := tok.(xml.EndElement); ok {
				if depth--; depth == 0 {
					break
				}
			}
		}
	}
}

func BenchmarkSerialise(b *testing.B) {
	e, err := parseElement([]byte(benchStanza), streamScope(), new(nameCache))
	if err != nil {
		b.Fatal(err)
	}
	all := append([]xml.Token{e.start}, append(e.inner, xml.EndElement{Name: e.start.Name})...)
	var s serialiser
	b.SetBytes(int64(len(benchStanza)))
	b.ReportAllocs()
	for b.Loop() {
		s.buf = s.buf[:0]
		s.begin()
		if err := s.copy(&tokens{list: all}, 1<<16); err != nil {
			b.Fatal(err)
		}
	}
}

// echo answers every request on conn as a server does, without reading it.
func echo(b *testing.B, conn net.Conn, features string) {
	p := &peer{b, conn, newFramer(conn)}
	p.authenticate(features)
	p.bind()
	var out []byte
	handled := 0
	for {
		raw, err := p.raw()
		if err != nil {
			return
		}
		switch {
		case raw == askText:
			out = fmt.Appendf(out[:0], "<a xmlns='urn:xmpp:sm:3' h='%d'/>", handled)
			conn.Write(out)
			continue
		case strings.HasPrefix(raw, "<enable"):
			io.WriteString(conn, enabledText)
			continue
		}
		handled++
		start := p.parse(raw)
		out = append(out[:0], "<iq type='result' from='"...)
		out = append(out, attr(&start, "to")...)
		out = append(out, "' id='"...)
		out = append(out, attr(&start, "id")...)
		out = append(out, "'><query xmlns='jabber:iq:rpc'><methodResponse><params><param><value><int>1</int></value></param></params></methodResponse></query></iq>"...)
		if _, err := conn.Write(out); err != nil {
			return
		}
	}
}

// benchSession logs in over loopback TCP, to a server with these features.
func benchSession(b *testing.B, features string) *Session {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	go func() {
		conn, err := l.Accept()
		if err == nil {
			echo(b, conn, features)
		}
	}()
	s := New(Config{
		JID: jid.MustParse(me), Password: func() (string, error) { return "secret", nil },
		Addr: l.Addr().String(), Plaintext: true,
	})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { s.Run(ctx); close(done) }()
	b.Cleanup(func() { cancel(); <-done; l.Close() })
	<-s.Ready()
	return s
}

func roundTrip(b *testing.B, s *Session, to jid.JID) {
	payload := element.New("jabber:iq:rpc", "query").Add(element.New("jabber:iq:rpc", "methodCall").AddText("methodName", "system.listMethods"))
	_, _, err := s.RoundTripIQ(context.Background(), stanza.IQ{Type: stanza.SetIQ, To: to}, payload.TokenReader())
	if err != nil {
		b.Error(err)
	}
}

// BenchmarkRoundTrip is one call after the other.
func BenchmarkRoundTrip(b *testing.B) {
	to := jid.MustParse("web01@hosts.example/agent")
	managedOrNot(b, func(b *testing.B, s *Session) {
		for b.Loop() {
			roundTrip(b, s, to)
		}
	})
}

// managedOrNot compares sessions with and without XEP-0198.
func managedOrNot(b *testing.B, f func(*testing.B, *Session)) {
	for _, bb := range []struct{ name, features string }{{"plain", ""}, {"managed", smFeature}} {
		b.Run(bb.name, func(b *testing.B) {
			s := benchSession(b, bb.features)
			b.ReportAllocs()
			f(b, s)
		})
	}
}

// BenchmarkFanOut is 9,500 calls to as many hosts at once.
func BenchmarkFanOut(b *testing.B) {
	hosts := make([]jid.JID, 9500)
	for i := range hosts {
		hosts[i] = jid.MustParse("h" + strings.Repeat("x", i%7) + "@hosts.example/agent")
	}
	managedOrNot(b, func(b *testing.B, s *Session) {
		for b.Loop() {
			var wg sync.WaitGroup
			for _, h := range hosts {
				wg.Go(func() { roundTrip(b, s, h) })
			}
			wg.Wait()
		}
	})
}
