package link

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"mellium.im/xmpp/jid"
)

// A peer is the server's side of a session, played by a test over a pipe. It
// reads only when the test asks it to.
type peer struct {
	t    testing.TB
	conn net.Conn
	f    *framer
}

const (
	peerHeader = `<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' id='1' version='1.0' from='example.net'>`
	me         = "bot@example.net/bot"
)

// script is a configuration whose connections come out of the channel.
func script(t testing.TB) (Config, <-chan *peer) {
	peers := make(chan *peer)
	return Config{
		JID:       jid.MustParse(me),
		Password:  func() (string, error) { return "secret", nil },
		Addr:      "server:5222",
		Plaintext: true,
		Log:       slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug})),
		Jitter:    func() float64 { return 0.999999 },
		Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
			ours, theirs := net.Pipe()
			select {
			case peers <- &peer{t, theirs, newFramer(theirs)}:
				t.Cleanup(func() { theirs.Close() })
				return ours, nil
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		},
	}, peers
}

// run runs s in the background; stop ends it and waits.
func run(t testing.TB, s *Session) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	t.Cleanup(stop)
	return stop
}

func (p *peer) send(stanzas ...string) {
	p.t.Helper()
	if _, err := io.WriteString(p.conn, strings.Join(stanzas, "")); err != nil {
		p.t.Fatalf("peer: %v", err)
	}
}

// header reads the header of a stream.
func (p *peer) header() {
	p.t.Helper()
	p.f.frame, p.f.limit, p.f.over = p.f.frame[:0], 1<<16, false
	for !bytes.Contains(p.f.frame, []byte("<stream:stream")) || !bytes.HasSuffix(p.f.frame, []byte(">")) {
		if err := p.f.until('>'); err != nil {
			p.t.Fatalf("peer: reading the header: %v", err)
		}
	}
}

// raw returns the next element as it was written.
func (p *peer) raw() (string, error) {
	kind, err := p.f.tag(1 << 20)
	if err != nil {
		return "", err
	}
	if kind == closeTag {
		return "", errStreamEnd
	}
	if kind == openTag {
		if err := p.f.body(1<<20, 1000); err != nil {
			return "", err
		}
	}
	return string(p.f.frame), nil
}

// next returns the next element that is not part of what every session does
// after its login.
func (p *peer) next() string {
	p.t.Helper()
	for {
		raw, err := p.raw()
		if err != nil {
			p.t.Fatalf("peer: %v", err)
		}
		if !strings.Contains(raw, "urn:xmpp:time") || !strings.Contains(raw, "type='get'") {
			return raw
		}
		p.refuse(raw)
	}
}

// parse returns the start tag of an element.
func (p *peer) parse(raw string) xml.StartElement {
	p.t.Helper()
	e, err := parseElement([]byte(raw), streamScope(), new(nameCache))
	if err != nil {
		p.t.Fatalf("peer: %q: %v", raw, err)
	}
	return e.start
}

// id returns the id of a stanza.
func (p *peer) id(raw string) string {
	p.t.Helper()
	start := p.parse(raw)
	return attr(&start, "id")
}

// refuse answers a request with service-unavailable.
func (p *peer) refuse(raw string) {
	p.t.Helper()
	p.send(`<iq type='error' from='example.net' id='`, p.id(raw), `'><error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>`)
}

// login plays a login by PLAIN.
func (p *peer) login() {
	p.t.Helper()
	p.authenticate(`<ver xmlns='urn:xmpp:features:rosterver'/>`)
	p.bind()
}

// authenticate plays it up to the features of the account.
func (p *peer) authenticate(features string) {
	p.t.Helper()
	p.header()
	p.send(peerHeader, `<stream:features><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>PLAIN</mechanism></mechanisms></stream:features>`)
	if raw := p.next(); !strings.Contains(raw, "AGJvdABzZWNyZXQ=") {
		p.t.Fatalf("peer: login with %s", raw)
	}
	p.send(`<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>`)
	p.header()
	p.send(peerHeader, `<stream:features>`, features, `<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></stream:features>`)
}

// bind plays the rest of it.
func (p *peer) bind() {
	p.t.Helper()
	if raw := p.next(); !strings.Contains(raw, "<resource>bot</resource>") {
		p.t.Fatalf("peer: bind with %s", raw)
	}
	p.send(`<iq type='result' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>` + me + `</jid></bind></iq>`)
}

// expect fails the test if the next element is not want.
func (p *peer) expect(want string) {
	p.t.Helper()
	if got := p.next(); got != want {
		p.t.Fatalf("got  %s\nwant %s", got, want)
	}
}

// alive checks that the session still answers.
func (p *peer) alive() {
	p.t.Helper()
	p.send(`<iq type='get' id='alive' from='example.net' to='` + me + `'><ping xmlns='urn:xmpp:ping'/></iq>`)
	p.expect(`<iq type='result' from='` + me + `' to='example.net' id='alive'/>`)
}

// end reads until the session closes the stream, and closes it too.
func (p *peer) end() {
	for {
		_, err := p.raw()
		if errors.Is(err, errStreamEnd) {
			io.WriteString(p.conn, "</stream:stream>")
		}
		if err != nil {
			p.conn.Close()
			return
		}
	}
}

// fakeTime waits for d in a bubble of synctest, where it takes no time.
func fakeTime(d time.Duration) { time.Sleep(d) }

// online runs s and returns its peer after the login.
func online(t testing.TB, s *Session, peers <-chan *peer) (p *peer, stop func()) {
	end := run(t, s)
	p = <-peers
	p.login()
	<-s.Ready()
	return p, func() {
		done := make(chan struct{})
		go func() { p.end(); close(done) }()
		end()
		<-done
	}
}
