package xmppd

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"net"
	"os"
	"runtime/debug"
	"sync/atomic"
	"time"

	"adminbot/internal/account"
	"adminbot/internal/xmpp/element"
)

type connKind uint8

const (
	clientConn connKind = iota
	directConn
	componentConn
)

// A session is one connection and, after login, one resource or component.
// Its reading goroutine owns the fields that say so.
type session struct {
	conn
	kind connKind

	// Of the reading goroutine.
	sc       Scanner
	authed   bool
	scram    *scram
	plain    bool // a PLAIN message is awaited
	wantTLS  bool // <starttls/> was read
	restart  bool // login succeeded: the client begins anew
	failures int
	pinged   bool
	mail     bool     // there may be more kept messages, once these are acknowledged
	id       string   // of the stream
	heir     *session // that has the connection now
	login    *login   // nil when it is complete

	// Set before the session can be found by others.
	local, resource, bare, full string
	role                        account.Role
	generation                  int64
	user                        *user
	domain                      string  // of a component
	wanted                      string  // the same before the handshake
	sender                      *sender // of the component's last stanza; of the reading goroutine
	fromFull, fromBare          []byte  // attributes, with a space before

	opened     atomic.Bool // our stream header is out
	interested atomic.Bool // asked for its contact list
	carbons    since       // XEP-0280

	available atomic.Bool // changes with presMu held
	takes     since       // messages to the bare address; likewise

	// Guarded by Server.presMu.
	presence      []byte              // the last available presence: all behind "<presence", with from
	directed      map[string]struct{} // addresses that were sent presence directly
	directedBytes int                 // of them
}

func newSession(srv *Server, c net.Conn, kind connKind) *session {
	s := &session{kind: kind}
	s.login = &login{srv: srv, raw: c}
	s.login.conn = &turnConn{c, s.login}
	s.srv, s.raw, s.c = srv, c, s.login.conn
	if c != nil {
		s.addr = c.RemoteAddr()
	}
	s.room = srv.cfg.Limits.Queue
	if kind != componentConn {
		s.room = min(s.room, loginQueue)
	}
	s.sc.Limits.Bytes = srv.cfg.Limits.LoginStanza
	return s
}

// loginQueue is how many bytes may wait for a client that has no resource yet.
const loginQueue = 64 << 10

// A streamError ends a stream (RFC 6120 4.9).
type streamError struct{ condition, text, extra string }

func (e *streamError) Error() string { return "xmppd: stream error " + e.condition + ": " + e.text }

var (
	errClosed  = errors.New("xmppd: the peer closed the stream")
	errCut     = errors.New("xmppd: the connection was cut")
	errBound   = errors.New("xmppd: the login is complete")
	errResumed = errors.New("xmppd: the connection belongs to an older session")
)

// run serves the connection until it ends.
func (s *session) run(ctx context.Context) {
	err := s.survive(ctx)
	switch err {
	case errBound:
		s.loggedIn()
		// Login needs a deep stack, and it would stay that large.
		s.srv.wg.Go(func() { s.run(ctx) })
		return
	case errResumed:
		s.loggedIn()
		heir := s.heir
		s.srv.wg.Go(func() { heir.run(ctx) })
		return
	}
	s.leave(err)
}

// loggedIn ends what is only for logins.
func (s *session) loggedIn() {
	s.login.yield()
	s.login.conn.login = nil
	s.login = nil
}

// leave ends the connection after an error, and the session with it if its
// client cannot come back.
func (s *session) leave(err error) {
	if s.login != nil {
		s.login.yield()
	}
	lost := false
	var se *streamError
	var sc *ScanError
	switch {
	case errors.As(err, &se):
		s.open("")
		s.end(se)
	case errors.As(err, &sc):
		s.srv.log.Info("xmppd: a stream was refused", "addr", s.addr, "jid", s.full, "err", err)
		s.open("")
		s.end(&streamError{condition: sc.Condition, text: sc.Reason})
	case errors.Is(err, errClosed):
		if s.opened.Load() {
			s.finish([]byte("</stream:stream>"))
		}
	default:
		lost = true
	}
	s.srv.lobby.leave(s)
	if lost && s.hibernate() {
		return
	}
	s.srv.detach(s)
	s.linger()
	s.in.rest()
	s.srv.mu.Lock()
	delete(s.srv.conns, s)
	s.srv.mu.Unlock()
}

// survive is serve, but a mistake of ours costs only this connection.
func (s *session) survive(ctx context.Context) (err error) {
	defer func() {
		if r := recover(); r != nil {
			s.srv.log.Error("xmppd: a connection ended by a panic", "jid", s.full, "err", r, "stack", string(debug.Stack()))
			err = &streamError{condition: "internal-server-error"}
		}
	}()
	return s.serve(ctx)
}

// bound reports whether the login is complete.
func (s *session) bound() bool { return s.full != "" || s.domain != "" }

func (s *session) serve(ctx context.Context) error {
	begins := !s.bound()
	if !begins {
		s.moreMail(ctx) // a client that resumes says what it has
	}
	if begins {
		s.login.until = time.Now().Add(s.srv.cfg.Limits.LoginTime)
		s.raw.SetReadDeadline(s.login.until)
	}
	if begins && s.kind == directConn {
		if err := s.startTLS(ctx, s.srv.direct); err != nil {
			return err
		}
	}
	for {
		tok, n, err := s.sc.Next(s.in.pending())
		if err != nil {
			return err
		}
		switch tok {
		case More:
			s.sc.shrink()
			if err := s.fill(); err != nil {
				return err
			}
			continue
		case Opened:
			// Taken before the answer, which may wait for a handshake.
			s.in.take(n)
			if err := s.header(s.sc.Header()); err != nil {
				return err
			}
			continue
		case Element:
			err = s.element(ctx, s.sc.Stanza())
		case Closed:
			err = errClosed
		}
		if err != nil {
			return err
		}
		s.in.take(n)
		if begins && s.bound() {
			return errBound
		}
		if s.restart {
			s.anew()
		}
		if s.wantTLS {
			if err := s.upgrade(ctx); err != nil {
				return err
			}
		}
	}
}

// anew expects a new stream, as after login. Not part of serve, whose place on
// the stack every session has.
//
//go:noinline
func (s *session) anew() {
	s.restart = false
	s.opened.Store(false)
	s.sc.Reset()
	s.sc.Limits.Bytes = s.srv.cfg.Limits.Stanza
}

// fill reads more. A silent client is pinged once, then cut.
func (s *session) fill() error {
	for {
		if s.domain != "" {
			s.raw.SetReadDeadline(time.Time{}) // components may be silent
		} else if s.bound() {
			s.raw.SetReadDeadline(time.Now().Add(s.patience()))
		}
		if s.over.Load() {
			return errCut
		}
		err := s.in.read(s.c)
		if err == nil {
			s.pinged = false
			return nil
		}
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return err
		}
		switch {
		case s.pinged && s.sm != nil:
			return errCut // it may come back
		case !s.bound() || s.pinged:
			return &streamError{condition: "connection-timeout"}
		case s.sm != nil:
			s.ask()
		default:
			s.ping()
		}
		s.pinged = true
	}
}

// patience is how long the client may be silent. Hosts and bots ping anyway,
// and who talks to them must learn soon that they are gone; a phone sleeps, and
// is not to be woken but by what TCP does for [Limits.Vanished].
func (s *session) patience() time.Duration {
	l := &s.srv.cfg.Limits
	switch {
	case s.role.Person() && s.pinged:
		return l.IdleCut
	case s.role.Person():
		return l.IdlePing
	case s.pinged:
		return l.MachineCut
	}
	return l.MachinePing
}

// upgrade starts TLS after <starttls/> was answered. What the client sent
// behind it in clear must not count as said under TLS: only white space may.
func (s *session) upgrade(ctx context.Context) error {
	s.wantTLS = false
	for _, c := range s.in.pending() {
		if !isSpace(c) {
			return &streamError{condition: "policy-violation", text: "data between <starttls/> and TLS"}
		}
	}
	s.in.take(len(s.in.pending()))
	s.send([]byte("<proceed xmlns='" + NSTLS + "'/>"))
	s.login.yield()
	if !s.drain() {
		return net.ErrClosed
	}
	s.opened.Store(false)
	s.sc.Reset()
	return s.startTLS(ctx, s.srv.tls)
}

func (s *session) startTLS(ctx context.Context, cfg *tls.Config) error {
	s.raw.SetWriteDeadline(s.login.until)
	t := tls.Server(s.c, cfg)
	if err := t.HandshakeContext(ctx); err != nil {
		s.srv.log.Info("xmppd: TLS failed", "addr", s.addr, "err", err)
		s.cut()
		return err
	}
	s.mu.Lock()
	s.c = t
	s.mu.Unlock()
	s.secure = true
	s.login.stage.Store(secured)
	return nil
}

// header answers the client's stream header.
func (s *session) header(h *Header) error {
	if s.kind == componentConn {
		return s.componentHeader(h)
	}
	s.open("")
	switch {
	case h.NS != NSClient:
		return &streamError{condition: "invalid-namespace"}
	case h.To != "" && !s.srv.isDomain(h.To):
		return &streamError{condition: "host-unknown"}
	case h.Version != "" && h.Version[0] == '0':
		return &streamError{condition: "unsupported-version"}
	}
	if s.login.stage.Load() == connected {
		s.login.stage.Store(greeted)
	}
	s.send(s.features())
	return nil
}

// open sends our stream header, unless it is out. For the reading goroutine.
func (s *session) open(from string) {
	if s.opened.Swap(true) {
		return
	}
	ns, version := NSClient, " version='1.0' xml:lang='en'"
	if s.kind == componentConn {
		ns, version = NSComponent, ""
	}
	if from == "" {
		from = s.srv.cfg.Domain
	}
	s.id = rand.Text()
	b := make([]byte, 0, 256)
	b = append(b, "<?xml version='1.0'?><stream:stream xmlns='"...)
	b = append(b, ns...)
	b = append(b, "' xmlns:stream='"+NSStream+"' id='"...)
	b = append(b, s.id...)
	b = append(b, "' from='"...)
	b = element.AppendEscaped(b, from)
	b = append(b, '\'')
	b = append(b, version...)
	b = append(b, '>')
	s.send(b)
}

func (s *session) features() []byte {
	b := []byte("<stream:features>")
	switch {
	case s.authed:
		b = append(b, "<bind xmlns='"+NSBind+"'/><session xmlns='"+NSSession+"'><optional/></session><ver xmlns='urn:xmpp:features:rosterver'/><sm xmlns='"+NSManagement+"'/>"...)
	default:
		mechanisms := s.mechanisms()
		if !s.secure && s.srv.tls != nil {
			b = append(b, "<starttls xmlns='"+NSTLS+"'>"...)
			if len(mechanisms) == 0 {
				b = append(b, "<required/>"...)
			}
			b = append(b, "</starttls>"...)
		}
		if len(mechanisms) > 0 {
			b = append(b, "<mechanisms xmlns='"+NSSASL+"'>"...)
			for _, m := range mechanisms {
				b = append(b, "<mechanism>"+m+"</mechanism>"...)
			}
			b = append(b, "</mechanisms>"...)
			if s.plusOffered() {
				b = append(b, "<sasl-channel-binding xmlns='"+NSBinding+"'><channel-binding type='tls-exporter'/></sasl-channel-binding>"...)
			}
		}
	}
	return append(b, "</stream:features>"...)
}

// end closes the stream with an error. Safe for concurrent use; a stream that
// is not open yet is cut.
func (s *session) end(e *streamError) {
	if !s.opened.Load() {
		s.cut()
		return
	}
	var b []byte
	b = append(b, "<stream:error><"+e.condition+" xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>"...)
	if e.text != "" {
		b = append(b, "<text xmlns='urn:ietf:params:xml:ns:xmpp-streams' xml:lang='en'>"...)
		b = element.AppendEscaped(b, e.text)
		b = append(b, "</text>"...)
	}
	b = append(b, e.extra...)
	b = append(b, "</stream:error></stream:stream>"...)
	s.finish(b)
}

// element handles a top-level element.
func (s *session) element(ctx context.Context, st *Stanza) error {
	if s.over.Load() {
		return errCut
	}
	switch st.Kind {
	case Stream:
		return errClosed // RFC 6120 4.9.1.1: an error of the peer ends the stream
	case Prefixed:
		return &streamError{condition: "bad-namespace-prefix"}
	}
	if s.kind == componentConn {
		return s.componentElement(ctx, st)
	}
	if st.Kind == Foreign && string(unescape(st.ns.of(st.raw))) == NSManagement {
		return s.manage(ctx, st)
	}
	if s.bound() {
		if st.Kind == Foreign {
			return &streamError{condition: "unsupported-stanza-type"}
		}
		s.srv.counters.stanzas.Add(1)
		err := s.srv.fromClient(ctx, s, st)
		if s.sm != nil {
			s.sm.handled.Add(1)
		}
		return err
	}
	if s.authed {
		if st.Kind != IQ {
			return &streamError{condition: "not-authorized", text: "there is no resource yet"}
		}
		return s.bind(ctx, st)
	}
	switch ns := string(unescape(st.ns.of(st.raw))); {
	case ns == NSTLS && string(st.name.of(st.raw)) == "starttls":
		if s.secure || s.srv.tls == nil {
			s.send([]byte("<failure xmlns='" + NSTLS + "'/>"))
			return errClosed
		}
		s.wantTLS = true
		return nil
	case ns == NSSASL:
		return s.sasl(ctx, st)
	}
	return &streamError{condition: "not-authorized"}
}
