package link

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/net/idna"
)

// A target is an address that may lead to the server.
type target struct {
	addr   string // host:port
	direct bool   // TLS from the first byte
}

// dial connects to the server and returns the connection, and whether TLS is
// done on it already.
func (s *Session) dial(ctx context.Context) (*wire, bool, error) {
	targets, err := s.targets(ctx)
	if err != nil {
		return nil, false, err
	}
	var errs []error
	for _, t := range targets {
		conn, err := s.cfg.Dial(ctx, "tcp", t.addr)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if s.plain() && !loopback(conn.RemoteAddr()) {
			conn.Close()
			return nil, false, fmt.Errorf("%w: %s is not a loopback address, and the connection would not be encrypted\nhint: use TLS, or a tunnel that ends on this machine", ErrConfig, conn.RemoteAddr())
		}
		if !t.direct {
			return newWire(conn, s.cfg.Timing.Write), false, nil
		}
		secured, err := s.handshake(ctx, conn, true)
		if err == nil {
			return newWire(secured, s.cfg.Timing.Write), true, nil
		}
		conn.Close()
		errs = append(errs, err)
	}
	err = errors.Join(errs...)
	if errors.Is(err, ErrCertificate) {
		return nil, false, err
	}
	var names []string
	for _, t := range targets {
		names = append(names, t.addr)
	}
	return nil, false, fmt.Errorf("%w of %s at %s: %w", ErrUnreachable, s.cfg.JID.Domainpart(), strings.Join(names, ", "), err)
}

// plain reports whether the connection is not to be encrypted.
func (s *Session) plain() bool { return s.cfg.Plaintext || s.cfg.Component != nil }

func loopback(addr net.Addr) bool {
	if addr == nil || addr.Network() != "tcp" {
		return true // a pipe or a socket file: it does not leave the machine
	}
	host, _, err := net.SplitHostPort(addr.String())
	ip := net.ParseIP(host)
	return err == nil && ip != nil && ip.IsLoopback()
}

// targets lists where to try, best first: the address of the configuration, or
// the SRV records of RFC 6120 3.2.1 with those of XEP-0368 before them, or the
// domain itself.
func (s *Session) targets(ctx context.Context) ([]target, error) {
	domain, err := asciiDomain(s.cfg.JID.Domainpart())
	if err != nil {
		return nil, err
	}
	if s.cfg.Addr != "" {
		addr, err := withPort(s.cfg.Addr, s.defaultPort())
		return []target{{addr, s.cfg.DirectTLS && !s.plain()}}, err
	}
	if s.cfg.Component != nil {
		return nil, fmt.Errorf("%w: a component needs the address of its server", ErrConfig)
	}
	fallback := []target{{net.JoinHostPort(domain, s.defaultPort()), s.cfg.DirectTLS && !s.plain()}}
	if net.ParseIP(strings.Trim(domain, "[]")) != nil || domain == "localhost" {
		return fallback, nil
	}
	var direct, starttls []target
	var directErr, startErr error
	var wg sync.WaitGroup
	wg.Go(func() { direct, directErr = s.lookup(ctx, "xmpps-client", domain, true) })
	wg.Go(func() { starttls, startErr = s.lookup(ctx, "xmpp-client", domain, false) })
	wg.Wait()
	for _, err := range []error{directErr, startErr} {
		var dns *net.DNSError
		if err != nil && !(errors.As(err, &dns) && dns.IsNotFound) {
			s.log.Warn("looking for SRV records failed", "domain", domain, "err", err)
		}
	}
	var targets []target
	if !s.plain() {
		targets = append(targets, direct...)
	}
	targets = append(targets, starttls...)
	if len(targets) > 0 {
		return targets, nil
	}
	if directErr == nil && startErr == nil { // records that say: no service here
		return nil, fmt.Errorf("%w of %s: its DNS says that it offers no XMPP service to clients", ErrUnreachable, domain)
	}
	return fallback, nil
}

func (s *Session) lookup(ctx context.Context, service, domain string, direct bool) ([]target, error) {
	_, records, err := s.cfg.Lookup(ctx, service, "tcp", domain)
	var targets []target
	for _, r := range records {
		if r.Target == "." || r.Target == "" {
			continue // RFC 2782: decidedly not available
		}
		port := strconv.Itoa(int(r.Port))
		targets = append(targets, target{net.JoinHostPort(strings.TrimSuffix(r.Target, "."), port), direct})
	}
	if len(targets) > 0 {
		err = nil // some records may be unusable, others not
	}
	return targets, err
}

func (s *Session) defaultPort() string {
	switch {
	case s.cfg.Component != nil:
		return "5347"
	case s.cfg.DirectTLS:
		return "5223"
	}
	return "5222"
}

func withPort(addr, port string) (string, error) {
	if _, _, err := net.SplitHostPort(addr); err == nil {
		return addr, nil
	}
	host := strings.TrimSuffix(strings.TrimPrefix(addr, "["), "]")
	if strings.Contains(host, ":") && net.ParseIP(host) == nil {
		return "", fmt.Errorf("%w: %q is not an address", ErrConfig, addr)
	}
	return net.JoinHostPort(host, port), nil
}

// asciiDomain returns a domain as DNS and certificates write it.
func asciiDomain(domain string) (string, error) {
	if net.ParseIP(strings.Trim(domain, "[]")) != nil {
		return strings.Trim(domain, "[]"), nil
	}
	ascii, err := idna.Lookup.ToASCII(domain)
	if err != nil {
		if strings.Contains(domain, "_") { // not for the internet, but for many a test network
			return domain, nil
		}
		return "", fmt.Errorf("%w: domain %q: %w", ErrConfig, domain, err)
	}
	return ascii, nil
}

// handshake does TLS on conn.
func (s *Session) handshake(ctx context.Context, conn net.Conn, alpn bool) (*tls.Conn, error) {
	domain, err := asciiDomain(s.cfg.JID.Domainpart())
	if err != nil {
		return nil, err
	}
	var cfg *tls.Config
	if s.cfg.TLS != nil {
		cfg = s.cfg.TLS.Clone()
	} else {
		cfg = &tls.Config{}
	}
	cfg.ServerName = domain // RFC 6120 13.7.2.1: the name of the account's domain, not of the host dialled
	cfg.InsecureSkipVerify = false
	cfg.MinVersion = max(cfg.MinVersion, tls.VersionTLS12)
	cfg.NextProtos = nil
	if alpn {
		cfg.NextProtos = []string{"xmpp-client"} // XEP-0368
	}
	secured := tls.Client(conn, cfg)
	if err := secured.HandshakeContext(ctx); err != nil {
		return nil, certificateError(err, domain, conn.RemoteAddr())
	}
	return secured, nil
}
