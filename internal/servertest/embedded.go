package servertest

import (
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"adminbot/internal/account"
	"adminbot/internal/store"
	"adminbot/internal/xmppd"
)

// An embedded server runs in this process, with its accounts in a file.
type embedded struct {
	s         *Server
	cfg       xmppd.Config
	server    *xmppd.Server // nil before the first start
	store     *store.Store
	text      lockedBuffer
	listeners []*cutListener // while it runs
	cancel    context.CancelFunc
	done      chan error
}

// StartEmbedded starts an embedded server.
func StartEmbedded(t testing.TB, o Options) *Server {
	t.Helper()
	s := prepare(t, "embedded", &o)
	e := &embedded{s: s}
	var err error
	if e.store, err = store.Open(t.Context(), filepath.Join(s.Dir, "accounts.db")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.store.Close() }) // after the server has ended: cleanups run last first
	pair, err := tls.LoadX509KeyPair(filepath.Join(s.Dir, "cert.pem"), filepath.Join(s.Dir, "key.pem"))
	if err != nil {
		t.Fatal(err)
	}
	e.cfg = xmppd.Config{
		Domain:         o.Domain,
		TLS:            &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12},
		PlainLoopback:  o.NoTLS,
		ChannelBinding: o.ChannelBinding,
		Accounts:       e.store, Rosters: e.store, Offline: e.store, Private: e.store,
		Rooms:      xmppd.Rooms{Domain: s.Rooms, Store: e.store},
		Components: map[string]string{s.Name: s.Secret},
		Log:        slog.New(slog.NewTextHandler(&e.text, nil)),
	}
	if o.Limits == Unlimited {
		e.cfg.Limits = xmppd.Limits{Sessions: 1 << 20, Unauthed: 1 << 20, UnauthedShare: 1 << 20}
	}
	e.cfg.Limits.Hibernate, e.cfg.Limits.HibernateHost = o.Resume, o.Resume
	if err := e.add(t, withRoles(o.Accounts)); err != nil {
		t.Fatal(err)
	}
	return s.launch(t, e, 3, func(ports []int) {
		s.Addr, s.DirectTLS, s.Component = loopback(ports[0]), loopback(ports[1]), loopback(ports[2])
	})
}

func (e *embedded) start(testing.TB) error {
	server, err := xmppd.New(e.cfg)
	if err != nil {
		return err
	}
	e.listeners = nil
	for _, addr := range []string{e.s.Addr, e.s.DirectTLS, e.s.Component} {
		l, err := net.Listen("tcp", addr)
		if err != nil {
			for _, l := range e.listeners {
				l.Close()
			}
			return err
		}
		e.listeners = append(e.listeners, &cutListener{Listener: l})
	}
	e.server = server
	ctx, cancel := context.WithCancel(context.Background())
	e.cancel, e.done = cancel, make(chan error, 1)
	l := xmppd.Listeners{C2S: e.listeners[0], DirectTLS: e.listeners[1], Component: e.listeners[2]}
	go func() { e.done <- server.Serve(ctx, l) }()
	return nil
}

func (e *embedded) stop(t testing.TB, kill bool) {
	if e.cancel == nil {
		return
	}
	if kill {
		for _, l := range e.listeners {
			l.cut()
		}
	}
	e.cancel()
	if err := <-e.done; err != nil && !kill {
		t.Errorf("servertest: embedded server: %v", err)
	}
	e.cancel = nil
}

func (e *embedded) add(t testing.TB, all []Account) error {
	made := map[string]account.Account{} // by password: deriving takes some milliseconds
	var accounts []account.Account
	for _, a := range all {
		acct, ok := made[a.Password]
		if !ok {
			var err1, err2 error
			acct.SHA1, err1 = account.NewCredential(sha1.New, a.Password, []byte("sixteen bytes of"), account.Iterations)
			acct.SHA256, err2 = account.NewCredential(sha256.New, a.Password, []byte("sixteen bytes of"), account.Iterations)
			if err1 != nil || err2 != nil {
				return fmt.Errorf("%v, %v", err1, err2)
			}
			made[a.Password] = acct
		}
		acct.Name, acct.Role = a.Name, a.Role
		accounts = append(accounts, acct)
	}
	if err := e.store.AddAccounts(t.Context(), accounts); err != nil {
		return err
	}
	if e.server != nil {
		e.server.Reload()
	}
	return nil
}

func (e *embedded) log() string { return e.text.String() }

func (e *embedded) pid() int { return os.Getpid() }

// A cutListener can end all connections it accepted, without a word.
type cutListener struct {
	net.Listener
	mu    sync.Mutex
	conns []net.Conn
	gone  bool
}

func (l *cutListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err == nil {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.conns = append(l.conns, c)
		if l.gone {
			c.Close()
		}
	}
	return c, err
}

// cut closes all connections, and the listener last: a server that misses its
// listener says goodbye to those that are left.
func (l *cutListener) cut() {
	defer l.Close()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.gone = true
	for _, c := range l.conns {
		if tcp, ok := c.(*net.TCPConn); ok {
			tcp.SetLinger(0) // a reset, as from a process that is gone
		}
		c.Close()
	}
}

// A lockedBuffer is what the server logged.
type lockedBuffer struct {
	mu   sync.Mutex
	text []byte
}

var _ io.Writer = (*lockedBuffer)(nil)

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.text = append(b.text, p...)
	return len(p), nil
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return string(b.text)
}
