package xmppd

import (
	"context"
	"crypto/sha1"
	"crypto/tls"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"net"
	"net/netip"
	"strings"

	"adminbot/internal/account"
)

// Namespaces of stream negotiation.
const (
	NSTLS     = "urn:ietf:params:xml:ns:xmpp-tls"
	NSSASL    = "urn:ietf:params:xml:ns:xmpp-sasl"
	NSBind    = "urn:ietf:params:xml:ns:xmpp-bind"
	NSSession = "urn:ietf:params:xml:ns:xmpp-session"
	NSBinding = "urn:xmpp:sasl-cb:0" // XEP-0440
)

// mechanisms returns those offered on this connection, best first.
func (s *session) mechanisms() []string {
	if !s.secure && !s.plainAllowed() {
		return nil
	}
	m := []string{"SCRAM-SHA-256", "SCRAM-SHA-1", "PLAIN"}
	if s.plusOffered() {
		m = append([]string{"SCRAM-SHA-256-PLUS", "SCRAM-SHA-1-PLUS"}, m...)
	}
	return m
}

// plusOffered reports whether channel binding is offered: only where the
// setting says so, and with TLS 1.3, whose tls-exporter is the one binding
// that is safe and defined (RFC 9266).
func (s *session) plusOffered() bool {
	t, ok := s.c.(*tls.Conn)
	return ok && s.srv.cfg.ChannelBinding && t.ConnectionState().Version >= tls.VersionTLS13
}

// plainAllowed reports whether this connection may log in without TLS.
func (s *session) plainAllowed() bool {
	if !s.srv.cfg.PlainLoopback {
		return false
	}
	host, _, err := net.SplitHostPort(s.addr.String())
	if err != nil {
		return s.addr.Network() == "pipe" || s.addr.Network() == "unix"
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// sasl handles an element of the SASL namespace.
func (s *session) sasl(ctx context.Context, st *Stanza) error {
	var el struct {
		XMLName   xml.Name
		Mechanism string `xml:"mechanism,attr"`
		Text      string `xml:",chardata"`
	}
	if err := xml.Unmarshal(st.raw, &el); err != nil {
		return &streamError{condition: "not-well-formed", text: err.Error()}
	}
	data, err := base64.StdEncoding.DecodeString(strings.TrimSpace(el.Text))
	if err != nil && el.Text != "=" {
		return s.saslFailure("incorrect-encoding")
	}
	switch el.XMLName.Local {
	case "auth":
		return s.saslAuth(ctx, el.Mechanism, data, strings.TrimSpace(el.Text) != "")
	case "response":
		if s.plain {
			s.plain = false
			return s.saslPlain(ctx, data)
		}
		if s.scram == nil {
			return s.saslFailure("malformed-request")
		}
		return s.saslStep(data)
	case "abort":
		s.scram, s.plain = nil, false
		return s.saslFailure("aborted")
	}
	return &streamError{condition: "unsupported-stanza-type", text: "no such element in SASL"}
}

func (s *session) saslAuth(ctx context.Context, mechanism string, data []byte, initial bool) error {
	s.scram, s.plain = nil, false
	offered := false
	for _, m := range s.mechanisms() {
		offered = offered || m == mechanism
	}
	if !offered {
		return s.saslFailure("invalid-mechanism")
	}
	if mechanism == "PLAIN" {
		if !initial {
			s.plain = true
			s.send([]byte("<challenge xmlns='" + NSSASL + "'/>"))
			return nil
		}
		return s.saslPlain(ctx, data)
	}
	h, _ := hashOf(mechanism)
	x := &scram{hash: h, plus: strings.HasSuffix(mechanism, "-PLUS"), offered: s.plusOffered()}
	if x.plus {
		state := s.c.(*tls.Conn).ConnectionState()
		b, err := state.ExportKeyingMaterial("EXPORTER-Channel-Binding", nil, 32)
		if err != nil {
			return s.saslFailure("temporary-auth-failure")
		}
		x.binding = b
	}
	x.credential = func(user string) (account.Credential, bool) {
		switch a, err := s.claim(ctx, user); {
		case err == nil && h().Size() == sha1.Size:
			return a.SHA1, true
		case err == nil:
			return a.SHA256, true
		}
		return invented(s.srv.secret, h, normal(user)), false
	}
	s.scram = x
	if !initial {
		s.send([]byte("<challenge xmlns='" + NSSASL + "'/>"))
		return nil
	}
	return s.saslStep(data)
}

// normal returns the name of the account that a client means by user: it may
// write it in several ways, which must count, and look, like one.
func normal(user string) string {
	if name, err := account.Name(user); err == nil {
		return name
	}
	return user // nobody has it
}

// claim finds the account that a client wants to log in to.
func (s *session) claim(ctx context.Context, user string) (account.Account, error) {
	name, err := account.Name(user)
	if err != nil {
		return account.Account{}, account.ErrNotFound
	}
	// First the entry, then the credentials: if they change in between, the
	// entry is not the present one when the resource is bound.
	entry, missing := s.srv.entry(ctx, name)
	a, err := s.srv.cfg.Accounts.Account(ctx, name)
	if err == nil {
		err = missing
	}
	if err != nil && !errors.Is(err, account.ErrNotFound) {
		s.srv.log.Error("xmppd: the account store failed", "err", err)
	}
	s.local, s.role, s.generation = name, entry.Role, entry.Generation
	return a, err
}

func (s *session) saslStep(data []byte) error {
	x := s.scram
	// Counted only now that the proof is here: of thousands who come back at
	// once from one address, many are between the two steps.
	if x.answers == 1 && !s.srv.throttle.allow(s.ip(), normal(x.user)) {
		s.scram = nil
		return s.saslFailure("temporary-auth-failure")
	}
	out, done, err := x.step(data)
	if err != nil {
		s.scram = nil
		return s.saslFailure(err.Error())
	}
	encoded := base64.StdEncoding.EncodeToString(out)
	if !done {
		s.login.stage.Store(proving)
		s.send([]byte("<challenge xmlns='" + NSSASL + "'>" + encoded + "</challenge>"))
		return nil
	}
	s.scram = nil
	return s.saslSuccess(normal(x.user), encoded)
}

// saslPlain checks a PLAIN message (RFC 4616): authzid NUL user NUL password.
func (s *session) saslPlain(ctx context.Context, data []byte) error {
	parts := strings.Split(string(data), "\x00")
	if len(parts) != 3 || parts[1] == "" {
		return s.saslFailure("malformed-request")
	}
	user := parts[1]
	if local, _, _ := strings.Cut(parts[0], "@"); parts[0] != "" && local != user {
		return s.saslFailure("invalid-authzid")
	}
	name := normal(user)
	if !s.srv.throttle.allow(s.ip(), name) {
		return s.saslFailure("temporary-auth-failure")
	}
	a, err := s.claim(ctx, user)
	if err != nil {
		// As much work as for an account that exists.
		h, _ := hashOf("SCRAM-SHA-256")
		a = account.Account{SHA256: invented(s.srv.secret, h, name)}
	}
	if !a.CheckPassword(parts[2]) || err != nil {
		return s.saslFailure("not-authorized")
	}
	return s.saslSuccess(name, "")
}

func (s *session) saslSuccess(name, data string) error {
	s.login.stage.Store(proven)
	s.srv.throttle.succeeded(s.ip(), name)
	s.authed = true
	s.send([]byte("<success xmlns='" + NSSASL + "'>" + data + "</success>"))
	s.restart, s.failures = true, 0
	return nil
}

func (s *session) saslFailure(condition string) error {
	s.send([]byte("<failure xmlns='" + NSSASL + "'><" + condition + "/></failure>"))
	return s.tried()
}

// tried counts what a client did in vain before its login is complete: there is
// an end to that.
func (s *session) tried() error {
	s.failures++
	if s.failures >= s.srv.cfg.Limits.LoginTries {
		return &streamError{condition: "policy-violation", text: "too many failed logins"}
	}
	return nil
}

// ip returns the address of the peer as far as one customer of a provider
// usually has it: all of IPv4, the first half of IPv6.
func (s *session) ip() string {
	ap, err := netip.ParseAddrPort(s.addr.String())
	if err != nil {
		return s.addr.String()
	}
	ip := ap.Addr().Unmap()
	if ip.Is6() && !ip.IsLoopback() {
		if p, err := ip.Prefix(64); err == nil {
			return p.String()
		}
	}
	return ip.String()
}
