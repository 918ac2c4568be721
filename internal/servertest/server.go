// Package servertest starts real XMPP servers for tests and benchmarks: the
// embedded one, Prosody 0.12 and ejabberd 23.01, from files in a directory of
// the test, on free loopback ports, in the foreground, with a certificate of an
// authority made for the test.
//
// Say in [Options] which accounts there are, and let [Each] run a test on every
// server, in subtests embedded, prosody and ejabberd:
//
//	servertest.Each(t, servertest.Options{Accounts: []servertest.Account{
//		{Name: "adminbot", Password: "b", Role: account.Bot},
//		{Name: "web01", Password: "w", Role: account.Host},
//	}}, func(t *testing.T, s *servertest.Server) {
//		… dial s.Addr with s.TLS() …
//	})
//
// [StartEmbedded], [StartProsody] and [StartEjabberd] start one; benchmarks
// range over [Kinds]. A server ends with its test, and what it logged is shown
// when the test failed. A server that is not installed fails the test; it does
// not skip it.
//
// Who sees whom follows from the roles, as on the embedded server: the bot has
// the hosts in its contact group "Hosts" and the people in "People"; people
// have hosts and bot ("AdminBot"); hosts have the bot, and on Prosody and
// ejabberd the people too. On Prosody with up to a hundred accounts, everybody
// sees everybody: that is what its groups file can do.
//
// Prosody and ejabberd are configured as Debian ships them, but for addresses
// and paths, and with the blocks of docs/prosody.md and docs/ejabberd.md.
package servertest

import (
	"crypto/tls"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"adminbot/docs"
	"adminbot/internal/account"
)

// Options say what a server is like. The zero value is a server without
// accounts.
type Options struct {
	Domain   string // "localhost" by default
	Accounts []Account
	Limits   Limits
	NoTLS    bool          // admit logins without encryption; for measurements
	CertFor  string        // the name in the certificate; Domain by default
	Resume   time.Duration // how long a broken session can be resumed (XEP-0198); the server's own value by default

	// ChannelBinding makes the embedded server offer SCRAM-SHA-256-PLUS on TLS 1.3.
	ChannelBinding bool
}

// An Account is one login, with the role that its contacts follow from.
type Account struct {
	Name, Password string
	Role           account.Role // account.Host if empty
}

// Hosts returns n accounts of hosts, host00001 and so on, with one password:
// thousands of them are made in a few seconds.
func Hosts(n int, password string) []Account {
	var all []Account
	for i := range n {
		all = append(all, Account{fmt.Sprintf("host%05d", i+1), password, account.Host})
	}
	return all
}

// Limits are how much a client of Prosody or ejabberd may send, and how many
// sessions an account may have. The embedded server has its own.
type Limits int

// The limits.
const (
	Recommended Limits = iota // what docs/ tells administrators to set
	Shipped                   // as Debian ships them; passwords are kept as SCRAM-SHA-1 then, contacts are as in docs/
	Unlimited                 // none; for measurements
)

// A Server is a running server of any kind. Its methods are for the goroutine
// of the test.
type Server struct {
	Kind      string // "embedded", "prosody" or "ejabberd"
	Limits    Limits // as they were asked for
	Domain    string
	Addr      string // of clients, host:port
	DirectTLS string // of clients that speak TLS from the first byte
	Component string // of components, host:port
	Name      string // of the one component it knows
	Secret    string // of that component
	Rooms     string // service of rooms (XEP-0045)
	Dir       string // of configuration and data
	Authority *Authority

	engine engine
}

// An engine is what differs between the kinds. Its server may be started again
// after it was stopped or killed.
type engine interface {
	start(t testing.TB) error     // returns when clients can log in
	stop(t testing.TB, kill bool) // returns when it has ended; does nothing if it has
	add(t testing.TB, all []Account) error
	log() string
	pid() int
}

// Kinds are the servers, the quickest to start first.
var Kinds = []struct {
	Name  string
	Start func(testing.TB, Options) *Server
}{
	{"embedded", StartEmbedded},
	{"prosody", StartProsody},
	{"ejabberd", StartEjabberd},
}

// Each runs a test on every server, one after the other. The test may call
// t.Parallel first: then the servers are started one after the other and used
// at the same time, after the calling test has returned.
func Each(t *testing.T, o Options, test func(t *testing.T, s *Server)) {
	for _, kind := range Kinds {
		t.Run(kind.Name, func(t *testing.T) { test(t, kind.Start(t, o)) })
	}
}

// EachLimits is like [Each], and then runs the test on Prosody and ejabberd with
// the limits as they are shipped (prosody-shipped, ejabberd-shipped).
func EachLimits(t *testing.T, o Options, test func(t *testing.T, s *Server)) {
	Each(t, o, test)
	o.Limits = Shipped
	for _, kind := range Kinds[1:] {
		t.Run(kind.Name+"-shipped", func(t *testing.T) { test(t, kind.Start(t, o)) })
	}
}

// prepare makes the directory, the certificate (cert.pem, key.pem) and what
// all servers have in common.
func prepare(t testing.TB, kind string, o *Options) *Server {
	t.Helper()
	if o.Domain == "" {
		o.Domain = "localhost"
	}
	if o.CertFor == "" {
		o.CertFor = o.Domain
	}
	s := &Server{
		Kind:      kind,
		Limits:    o.Limits,
		Domain:    o.Domain,
		Name:      "workgroup." + o.Domain,
		Secret:    "compsecret",
		Rooms:     "conference." + o.Domain,
		Dir:       t.TempDir(),
		Authority: NewAuthority(t),
	}
	cert, key := s.Authority.Issue(t, 24*time.Hour, o.CertFor)
	s.write(t, "cert.pem", cert)
	s.write(t, "key.pem", key)
	return s
}

// launch starts the server on ports of its own. set is called with free ports
// before each attempt: one that is free now may be taken a moment later.
func (s *Server) launch(t testing.TB, e engine, ports int, set func(ports []int)) *Server {
	t.Helper()
	s.engine = e
	t.Cleanup(func() {
		s.Stop(t)
		if t.Failed() {
			t.Logf("%s said:\n%s", s.Kind, s.Log())
		}
	})
	for attempt := 1; ; attempt++ {
		set(freePorts(t, ports))
		err := e.start(t)
		if err == nil {
			return s
		}
		if attempt == 3 {
			t.Fatalf("servertest: %v\n%s", err, s.Log())
		}
	}
}

// TLS returns a configuration that trusts the server.
func (s *Server) TLS() *tls.Config { return &tls.Config{RootCAs: s.Authority.Pool()} }

// Log returns what the server has said so far.
func (s *Server) Log() string { return s.engine.log() }

// PID is the server's process: this one for the embedded server.
func (s *Server) PID() int { return s.engine.pid() }

// Stop ends the server as its administrator would and waits for its end. It
// may be called more than once.
func (s *Server) Stop(t testing.TB) {
	t.Helper()
	s.engine.stop(t, false)
}

// Kill ends the server without warning: its process is killed; the embedded one
// loses its connections.
func (s *Server) Kill(t testing.TB) {
	t.Helper()
	s.engine.stop(t, true)
}

// Start starts the server again after [Server.Stop] or [Server.Kill], on the
// same ports and with the same data, and waits until clients can log in.
func (s *Server) Start(t testing.TB) {
	t.Helper()
	if err := s.engine.start(t); err != nil {
		t.Fatalf("servertest: %v\n%s", err, s.Log())
	}
}

// AddAccounts makes accounts on the running server. Who is connected already
// may not see them before the next login, and on Prosody the new ones are on
// nobody's contact list.
func (s *Server) AddAccounts(t testing.TB, all ...Account) {
	t.Helper()
	if err := s.engine.add(t, withRoles(all)); err != nil {
		t.Fatalf("servertest: accounts: %v\n%s", err, s.Log())
	}
}

func withRoles(all []Account) []Account {
	var out []Account
	for _, a := range all {
		if a.Role == "" {
			a.Role = account.Host
		}
		out = append(out, a)
	}
	return out
}

// block is a block of a page; without it the page has changed and this package
// has not.
func block(t testing.TB, page, title string) string {
	t.Helper()
	text := docs.Block(page, title)
	if text == "" {
		t.Fatalf("servertest: no block %q in the page", title)
	}
	return text
}

// botOf is the name of the account of the bot.
func botOf(all []Account) string {
	for _, a := range all {
		if a.Role == account.Bot {
			return a.Name
		}
	}
	return "adminbot"
}

// write writes a file of the server's directory.
func (s *Server) write(t testing.TB, name string, content []byte) {
	t.Helper()
	path := filepath.Join(s.Dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

func loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// freePorts returns n ports of 127.0.0.1 that nobody listens on.
func freePorts(t testing.TB, n int) []int {
	t.Helper()
	var ports []int
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close() // all are held until all are known, so that they differ
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports
}
