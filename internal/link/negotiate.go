package link

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"adminbot/internal/xmpp/element"
	"mellium.im/xmpp"
	"mellium.im/xmpp/component"
	"mellium.im/xmpp/jid"
)

// Namespaces of the negotiation.
const (
	nsStartTLS = "urn:ietf:params:xml:ns:xmpp-tls"
	nsSASL     = "urn:ietf:params:xml:ns:xmpp-sasl"
	nsBind     = "urn:ietf:params:xml:ns:xmpp-bind"
	nsBinding  = "urn:xmpp:sasl-cb:0" // XEP-0440
	nsStanzas  = "urn:ietf:params:xml:ns:xmpp-stanzas"
)

// A negotiation is the login on one connection.
type negotiation struct {
	s     *Session
	wire  *wire // the topmost one: TLS puts a new one on the first
	bound jid.JID

	mechanism string // of SASL

	held       *stream // to be resumed, if there is one
	manageable bool    // the server offers stream management, and we want it
	resumed    bool    // it resumed held
	certain    bool    // it could not, but
	handled    uint32  // so many stanzas of held arrived
}

// negotiate logs in on w. On success the connection to use from then on is
// that of the negotiation.
func (s *Session) negotiate(ctx context.Context, w *wire, secured bool) (*negotiation, error) {
	n := &negotiation{s: s, wire: w, held: s.held}
	stop := context.AfterFunc(ctx, func() { w.Conn.Close() })
	defer stop()
	var err error
	if s.cfg.Component != nil {
		err = n.component(ctx)
	} else {
		err = n.client(ctx, secured)
	}
	if ctx.Err() != nil && err != nil {
		err = fmt.Errorf("%w: no login in time: %w", ErrUnreachable, context.Cause(ctx))
	}
	if err != nil {
		w.Conn.Close()
		return nil, err
	}
	n.wire.settle()
	return n, nil
}

func (n *negotiation) component(ctx context.Context) error {
	secret, err := n.s.cfg.Component.Secret()
	if err != nil {
		return fmt.Errorf("%w: the secret of the component: %w", ErrConfig, err)
	}
	n.bound = n.s.cfg.JID.Domain()
	_, err = component.NewSession(ctx, n.bound, []byte(secret), n.wire)
	return n.explain(err)
}

func (n *negotiation) client(ctx context.Context, secured bool) error {
	cfg := &n.s.cfg
	if cfg.Password == nil || cfg.JID.Localpart() == "" {
		return fmt.Errorf("%w: an account needs a name and a password", ErrConfig)
	}
	password, err := cfg.Password()
	if err != nil {
		return fmt.Errorf("%w: the password of %s: %w", ErrConfig, cfg.JID.Bare(), err)
	}
	var state xmpp.SessionState
	if secured {
		state = xmpp.Secure
	}
	var needed xmpp.SessionState // before a password may be used
	features := []xmpp.StreamFeature{n.bind(), channelBinding()}
	if !cfg.Plaintext {
		features = append(features, n.startTLS())
		needed = xmpp.Secure
	}
	features = append(features, n.sasl(password, needed))
	if !cfg.Once && !cfg.NoResume {
		features = append(features, n.management())
	}
	session, err := xmpp.NewSession(ctx, cfg.JID.Domain(), cfg.JID.Bare(), n.wire, state, xmpp.NewNegotiator(
		func(*xmpp.Session, *xmpp.StreamConfig) xmpp.StreamConfig {
			return xmpp.StreamConfig{Features: features}
		}))
	if err != nil && session.State()&xmpp.Authn == 0 && strings.Contains(err.Error(), "features advertised out of order") {
		err = nil // mellium's words for a list that has none of ours
	}
	if err != nil {
		return n.explain(err)
	}
	// Mellium also takes a list of features that has none of ours for the end of the
	// negotiation.
	switch {
	case session.State()&needed != needed || session.State()&xmpp.Authn == 0:
		return fmt.Errorf("%w: it offers no login that this program may use%s", ErrAuth, plainHint(cfg.Plaintext))
	case n.bound.Equal(jid.JID{}):
		return fmt.Errorf("%w: it offers no binding of a resource", ErrUnreachable)
	}
	return nil
}

func plainHint(plaintext bool) string {
	if plaintext {
		return "\nhint: it may want TLS first"
	}
	return ""
}

// explain looks at what the server sent last: mellium cannot decode a stream
// error that has a child of an application in it, and reports others by
// condition only.
func (n *negotiation) explain(err error) error {
	if err == nil {
		return nil
	}
	if i := bytes.LastIndex(n.wire.tail, []byte("<stream:error")); i >= 0 {
		f := newFramer(bytes.NewReader(n.wire.tail[i:]))
		if kind, ferr := f.tag(wireTail); ferr == nil && kind == openTag && f.body(wireTail, 8) == nil {
			if e, perr := parseElement(f.frame, streamScope(), new(nameCache)); perr == nil {
				return streamError(e)
			}
		}
	}
	var login *LoginError
	switch {
	case errors.Is(err, ErrAuth), errors.Is(err, ErrCertificate), errors.Is(err, ErrConflict), errors.Is(err, ErrConfig), errors.As(err, &login):
		return err
	case errors.Is(err, io.EOF):
		err = errors.New("the connection was closed during the login")
	}
	return fmt.Errorf("%w of %s: %w", ErrUnreachable, n.s.cfg.JID.Domainpart(), err)
}

// startTLS is the feature of RFC 6120 5. Unlike mellium's it does the handshake
// at once, so that what is wrong with a certificate is told as such. It is
// asked for even if it is not advertised (RFC 7590 3.1).
func (n *negotiation) startTLS() xmpp.StreamFeature {
	return xmpp.StreamFeature{
		Name:       xml.Name{Space: nsStartTLS, Local: "starttls"},
		Prohibited: xmpp.Secure,
		Parse: func(_ context.Context, d *xml.Decoder, _ *xml.StartElement) (bool, any, error) {
			return true, nil, d.Skip()
		},
		Negotiate: func(ctx context.Context, session *xmpp.Session, _ any) (xmpp.SessionState, io.ReadWriter, error) {
			if _, err := io.WriteString(n.wire, "<starttls xmlns='"+nsStartTLS+"'/>"); err != nil {
				return 0, nil, err
			}
			answer, err := readNegotiation(session)
			if err != nil {
				return 0, nil, err
			}
			if answer.Name != (xml.Name{Space: nsStartTLS, Local: "proceed"}) {
				return 0, nil, fmt.Errorf("%w: it has no TLS\nhint: this program does not send passwords in the clear", ErrConfig)
			}
			secured, err := n.s.handshake(ctx, n.wire, false)
			if err != nil {
				return 0, nil, err
			}
			n.wire = newWire(secured, n.s.cfg.Timing.Write)
			return xmpp.Secure, n.wire, nil
		},
	}
}

// bind is the feature of RFC 6120 7. Mellium's never asks for the resource that
// is wanted.
func (n *negotiation) bind() xmpp.StreamFeature {
	return xmpp.StreamFeature{
		Name:       xml.Name{Space: nsBind, Local: "bind"},
		Necessary:  xmpp.Authn,
		Prohibited: xmpp.Ready,
		Parse: func(_ context.Context, d *xml.Decoder, _ *xml.StartElement) (bool, any, error) {
			return true, nil, d.Skip()
		},
		Negotiate: func(_ context.Context, session *xmpp.Session, _ any) (xmpp.SessionState, io.ReadWriter, error) {
			if n.resumed {
				return xmpp.Ready, nil, nil
			}
			request := element.New("", "iq", "type", "set", "id", "bind").Add(
				element.New(nsBind, "bind").AddText("resource", n.s.cfg.JID.Resourcepart()))
			var out serialiser
			if err := out.copy(request.TokenReader(), 1<<16); err != nil {
				return 0, nil, err
			}
			if _, err := n.wire.Write(out.buf); err != nil {
				return 0, nil, err
			}
			answer, err := readNegotiation(session)
			if err != nil {
				return 0, nil, err
			}
			if answer.Name.Local != "iq" || answer.Get("id") != "bind" {
				return 0, nil, fmt.Errorf("link: <%s> instead of the answer to bind", answer.Name.Local)
			}
			if e := answer.Child("", "error"); e != nil || answer.Get("type") != "result" {
				if e != nil && e.Child(nsStanzas, "conflict") != nil {
					return 0, nil, fmt.Errorf("%w: %s is in use", ErrConflict, n.s.cfg.JID)
				}
				return 0, nil, fmt.Errorf("link: the server refused the resource %q: %s", n.s.cfg.JID.Resourcepart(), conditionOf(e, nsStanzas))
			}
			if b := answer.Child(nsBind, "bind"); b != nil {
				n.bound, err = jid.Parse(strings.TrimSpace(b.ChildText("jid")))
			}
			if err != nil || n.bound.Resourcepart() == "" {
				return 0, nil, errors.New("link: the server bound no address")
			}
			session.UpdateAddr(n.bound)
			return xmpp.Ready, nil, nil
		},
	}
}

// management is the feature of XEP-0198. It is optional, hence negotiated before
// the resource is bound: a stream that broke is resumed instead
// (XEP-0198#resumption). A new one is put under management after the login, see
// [writer.open].
func (n *negotiation) management() xmpp.StreamFeature {
	return xmpp.StreamFeature{
		Name:       xml.Name{Space: nsManagement, Local: "sm"},
		Necessary:  xmpp.Authn,
		Prohibited: xmpp.Ready,
		Parse: func(_ context.Context, d *xml.Decoder, _ *xml.StartElement) (bool, any, error) {
			return false, nil, d.Skip()
		},
		Negotiate: func(_ context.Context, session *xmpp.Session, _ any) (xmpp.SessionState, io.ReadWriter, error) {
			n.manageable = true
			if n.held == nil {
				return 0, nil, nil
			}
			if err := n.resume(session); err != nil {
				return 0, nil, err
			}
			if !n.resumed {
				return 0, nil, nil
			}
			n.bound = n.held.local
			session.UpdateAddr(n.bound)
			return xmpp.Ready, nil, nil
		},
	}
}

// resume asks the server to go on with the stream that broke.
func (n *negotiation) resume(session *xmpp.Session) error {
	sm := n.held.sm
	id, _ := sm.resumable()
	if id == "" {
		return nil
	}
	request := element.New(nsManagement, "resume", "previd", id, "h", strconv.FormatUint(uint64(sm.handled.Load()), 10))
	var out serialiser
	if err := out.copy(request.TokenReader(), 1<<16); err != nil {
		return err
	}
	if _, err := n.wire.Write(out.buf); err != nil {
		return err
	}
	answer, err := readNegotiation(session)
	if err != nil {
		return err
	}
	h, known := parseCount(answer.Get("h"))
	switch {
	case answer.Name == xml.Name{Space: nsManagement, Local: "failed"}:
		n.certain, n.handled = known, h
		return nil
	case answer.Name != xml.Name{Space: nsManagement, Local: "resumed"}:
		err = fmt.Errorf("link: <%s> instead of the answer to resume", answer.Name.Local)
	case answer.Get("previd") != id || !known:
		err = errors.New("link: the server resumed another session")
	default:
		err = sm.ack(h)
	}
	if err != nil {
		sm.forget() // the next login begins afresh
		return err
	}
	n.resumed = true
	return nil
}

// conditionOf returns the name of the first child of e in the namespace of
// conditions.
func conditionOf(e *element.Element, space string) string {
	if e != nil {
		for _, c := range e.Children {
			if c.Name.Space == space && c.Name.Local != "text" {
				return c.Name.Local
			}
		}
	}
	return "undefined-condition"
}

// readNegotiation reads one element during the negotiation.
func readNegotiation(session *xmpp.Session) (*element.Element, error) {
	r := session.TokenReader()
	defer r.Close()
	e, err := element.Read(r)
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return e, err
}
