// Package xmppd is a small XMPP server for one domain (RFC 6120, RFC 6121):
// the one inside `adminbot up`, for tests and for small sites.
//
// Fill in a [Config] with the stores, make a [Server] with [New], and let
// [Server.Serve] run on listeners of any kind. Clients connect by STARTTLS or
// direct TLS and log in by SCRAM; components connect by XEP-0114. There are no
// connections to other servers. Clients whose connection breaks may come back
// to their session (XEP-0198).
//
// Stanzas are forwarded as the bytes they arrived in. A [Scanner] finds where
// they begin and end and refuses what could end the stream of whoever gets
// them; only the sender's address is written anew. What a client is too slow
// to read is queued up to a bound, and then the client is cut: nobody waits
// for anybody else.
//
// Chat rooms are those of package muc, in this process.
//
// Accounts have roles, and contact lists follow from them: bots see every host
// (group "Hosts") and every person ("People"), people see hosts and bots
// ("AdminBot"), hosts see only bots.
package xmppd

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"mellium.im/xmpp/jid"

	"adminbot/internal/account"
	"adminbot/internal/muc"
)

// Accounts is where the server finds who may log in. Its methods are safe for
// concurrent use, and other processes may change what they return.
type Accounts interface {
	// Account returns one account, or account.ErrNotFound.
	Account(ctx context.Context, name string) (account.Account, error)
	// Entries returns all accounts in short, and the revision they have.
	Entries(ctx context.Context) ([]account.Entry, int64, error)
	// Revision grows with every change of any account.
	Revision(ctx context.Context) (int64, error)
}

// Rosters keeps the contacts that accounts added themselves.
type Rosters interface {
	// Contacts returns an owner's contacts and a revision that grows with
	// every change of them.
	Contacts(ctx context.Context, owner string) ([]account.Contact, int64, error)
	PutContact(ctx context.Context, owner string, c account.Contact) (int64, error)
	DeleteContact(ctx context.Context, owner, jid string) (int64, error)
}

// Offline keeps messages for people who are not connected.
type Offline interface {
	// PutMessage keeps a message, or returns account.ErrFull if there would
	// be more for the owner than all, or more by this sender than each, allows.
	PutMessage(ctx context.Context, owner, sender string, stanza []byte, all, each account.Quota) error
	// Messages returns the oldest messages: the first, and as many as there
	// are until they have that many bytes.
	Messages(ctx context.Context, owner string, bytes int) ([]account.Message, error)
	// DeleteMessages forgets an owner's messages up to and including an ID.
	DeleteMessages(ctx context.Context, owner string, upTo int64) error
}

// Private keeps small pieces of XML for clients (XEP-0049).
type Private interface {
	// PrivateXML returns what was kept, nil if nothing was.
	PrivateXML(ctx context.Context, owner, namespace, name string) ([]byte, error)
	// PutPrivateXML keeps a piece, or returns account.ErrFull if limit many
	// others are kept for the owner already.
	PutPrivateXML(ctx context.Context, owner, namespace, name string, xml []byte, limit int) error
}

// Limits of a server. Zero fields take the values given.
type Limits struct {
	Stanza        int           // bytes of one stanza; 256 KiB
	LoginStanza   int           // the same before login; 10,000
	Queue         int           // bytes that wait for a slow reader; 4 MiB
	BotQueue      int           // the same for a bot, to which a whole fleet may talk at once; 16 MiB, or Queue if that is set
	LoginTime     time.Duration // from connecting to having a resource, with a person who compares a fingerprint; 2 min
	LoginTries    int           // failed logins on one connection; 5
	Unauthed      int           // connections that have not logged in; 4,000
	UnauthedShare int           // of these, from one address; half of them
	Logins        int           // that are worked on at once; as many as there are processors
	Sessions      int           // resources of one account; 20
	WriteTimeout  time.Duration // for 64 KiB to leave; 20 s
	IdlePing      time.Duration // silence of a person before the server pings; 5 min
	IdleCut       time.Duration // silence after the ping; 1 min
	MachinePing   time.Duration // silence of a host or bot before the server pings; 30 s
	MachineCut    time.Duration // silence after the ping; 15 s
	Vanished      time.Duration // for TCP to find out that a machine is gone; 1 min

	// Of stream management (XEP-0198).
	Unacked        int           // bytes beyond Queue that a client may not have acknowledged; 1 MiB
	UnackedStanzas int           // stanzas that it may not have; 20,000
	Hibernate      time.Duration // that a lost client may come back in; 1 min
	HibernateHost  time.Duration // the same for a host, which looks alive meanwhile; 15 s
	Hibernating    int           // bytes kept for all the lost clients; 64 MiB

	Contacts      int // that one account may add; 1,000
	ContactBytes  int // of their addresses, names and groups; 256 KiB
	Messages      int // kept for one offline person; 500
	MessageBytes  int // of them; 4 MiB
	SenderShare   int // of both, from one sender but bots: one in so many; 5
	PresenceBytes int // of one presence stanza; 8 KiB
	Directed      int // addresses one client sent presence to directly; 1,000
}

func (l Limits) withDefaults() Limits {
	n := func(p *int, v int) {
		if *p <= 0 {
			*p = v
		}
	}
	d := func(p *time.Duration, v time.Duration) {
		if *p <= 0 {
			*p = v
		}
	}
	n(&l.Stanza, 256<<10)
	n(&l.LoginStanza, 10000)
	if l.BotQueue <= 0 && l.Queue > 0 {
		l.BotQueue = l.Queue // whoever sets one means all
	}
	n(&l.Queue, 4<<20)
	n(&l.BotQueue, 16<<20)
	d(&l.LoginTime, 2*time.Minute)
	n(&l.LoginTries, 5)
	n(&l.Unauthed, 4000)
	n(&l.UnauthedShare, (l.Unauthed+1)/2)
	n(&l.Logins, runtime.GOMAXPROCS(0))
	n(&l.Sessions, 20)
	d(&l.WriteTimeout, 20*time.Second)
	d(&l.IdlePing, 5*time.Minute)
	d(&l.IdleCut, time.Minute)
	d(&l.MachinePing, 30*time.Second)
	d(&l.MachineCut, 15*time.Second)
	d(&l.Vanished, time.Minute)
	n(&l.Unacked, 1<<20)
	n(&l.UnackedStanzas, 20000)
	d(&l.Hibernate, time.Minute)
	d(&l.HibernateHost, 15*time.Second)
	n(&l.Hibernating, 64<<20)
	n(&l.Contacts, 1000)
	n(&l.ContactBytes, 256<<10)
	n(&l.Messages, 500)
	n(&l.MessageBytes, 4<<20)
	n(&l.SenderShare, 5)
	n(&l.PresenceBytes, 8<<10)
	n(&l.Directed, 1000)
	return l
}

// A Config says what a server serves.
type Config struct {
	Domain string
	// TLS holds the certificate for Domain. Without it only connections
	// that PlainLoopback admits can log in.
	TLS *tls.Config
	// PlainLoopback admits logins without TLS from this machine.
	PlainLoopback bool
	// ChannelBinding offers the -PLUS mechanisms on TLS 1.3. Off by default:
	// slixmpp 1.8.3 picks them and then cannot use them.
	ChannelBinding bool

	Accounts Accounts
	Rosters  Rosters // without it nobody can add contacts
	Offline  Offline // without it messages to absent people are refused
	Private  Private // without it XEP-0049 is refused
	Rooms    Rooms

	// Components maps the domains of components to their secrets.
	Components map[string]string
	// Secret hides which accounts exist; the same over restarts. Random if empty.
	Secret []byte
	// Poll is how often Accounts is asked for its revision; 1 s if zero.
	Poll time.Duration

	Version string // told by XEP-0092
	Limits  Limits
	Log     *slog.Logger // nil is silent
}

// A Server is one domain. Its methods are safe for concurrent use.
type Server struct {
	cfg      Config
	log      *slog.Logger
	secret   []byte
	throttle throttle
	tls      *tls.Config // without ALPN, for STARTTLS
	direct   *tls.Config // with ALPN (XEP-0368)
	started  time.Time

	rooms       *muc.Service // nil: there are none
	roomsDomain string

	wg       sync.WaitGroup // goroutines of connections
	lobby    lobby
	gate     gate
	refusing atomic.Int32 // connections that are told to come again
	keeping  keeping
	asleep   atomic.Int64 // bytes kept for lost clients
	ended    obituary
	counters struct{ slow, stanzas atomic.Int64 }

	dir      atomic.Pointer[directory]
	reloadMu sync.Mutex // held while the directory is replaced

	// Locks are taken in the order rosterMu, presMu, mu, conn.mu.
	rosterMu sync.Mutex // contacts change
	presMu   sync.Mutex // presence changes and is sent, in one order for all

	mu       sync.RWMutex
	full     map[string]*session   // by full address
	users    map[string]*user      // connected accounts by name
	comps    map[string]*session   // connected components by domain
	holdings map[string]*holding   // by account
	hosts    map[*session]struct{} // those in full whose role is Host
	others   map[*session]struct{} // the rest of those in full
	conns    map[*session]struct{}
	ending   bool
	endBy    time.Time     // while ending: what was not acknowledged is seen to until then
	changed  chan struct{} // Reload was called
}

// New makes a server. It starts nothing.
func New(cfg Config) (*Server, error) {
	j, err := jid.Parse(cfg.Domain)
	if err != nil || j.String() != j.Domainpart() {
		return nil, fmt.Errorf("xmppd: %q is not a domain", cfg.Domain)
	}
	cfg.Domain = j.Domainpart()
	if cfg.Accounts == nil {
		return nil, errors.New("xmppd: there is no account store")
	}
	cfg.Limits = cfg.Limits.withDefaults()
	if cfg.Poll <= 0 {
		cfg.Poll = time.Second
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	comps := make(map[string]string, len(cfg.Components))
	for d, secret := range cfg.Components {
		j, err := jid.Parse(d)
		if err != nil || j.String() != j.Domainpart() || j.Domainpart() == cfg.Domain {
			return nil, fmt.Errorf("xmppd: %q cannot be the domain of a component", d)
		}
		if secret == "" {
			return nil, fmt.Errorf("xmppd: the component %s has no secret", d)
		}
		comps[j.Domainpart()] = secret
	}
	cfg.Components = comps
	s := &Server{
		cfg:      cfg,
		log:      cfg.Log,
		secret:   cfg.Secret,
		started:  time.Now(),
		full:     make(map[string]*session),
		users:    make(map[string]*user),
		comps:    make(map[string]*session),
		holdings: make(map[string]*holding),
		hosts:    make(map[*session]struct{}),
		others:   make(map[*session]struct{}),
		conns:    make(map[*session]struct{}),
		changed:  make(chan struct{}, 1),
	}
	s.gate.free = cfg.Limits.Logins
	if len(s.secret) == 0 {
		s.secret = make([]byte, 32)
		rand.Read(s.secret)
	}
	if cfg.TLS != nil {
		s.tls = cfg.TLS.Clone()
		s.tls.NextProtos = nil
		s.direct = cfg.TLS.Clone()
		s.direct.NextProtos = []string{"xmpp-client"}
	}
	if err := s.newRooms(cfg.Rooms); err != nil {
		return nil, err
	}
	return s, nil
}

// Listeners are what a server serves on. Nil ones are left out.
type Listeners struct {
	C2S       net.Listener // clients, STARTTLS
	DirectTLS net.Listener // clients, TLS from the first byte (XEP-0368)
	Component net.Listener // XEP-0114, in clear: for the own machine
}

// Serve accepts connections until ctx is done or a listener fails, then says
// goodbye to everybody and returns when all connections are closed. It closes
// the listeners. Call it once.
func (s *Server) Serve(ctx context.Context, l Listeners) error {
	closeAll := func() {
		for _, ln := range []net.Listener{l.C2S, l.DirectTLS, l.Component} {
			if ln != nil {
				ln.Close()
			}
		}
	}
	defer closeAll()
	if l.DirectTLS != nil && s.cfg.TLS == nil {
		return errors.New("xmppd: a listener for direct TLS needs a certificate")
	}
	if err := s.reload(ctx); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return fmt.Errorf("xmppd: accounts: %w", err)
	}
	if s.rooms != nil {
		if err := s.rooms.Load(ctx); err != nil {
			return fmt.Errorf("xmppd: %w", err)
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var loops sync.WaitGroup
	failed := make(chan error, 4)
	accept := func(ln net.Listener, kind connKind) {
		if ln == nil {
			return
		}
		loops.Go(func() {
			if err := s.accept(ctx, ln, kind); err != nil {
				failed <- err
			}
		})
	}
	accept(l.C2S, clientConn)
	accept(l.DirectTLS, directConn)
	accept(l.Component, componentConn)
	loops.Go(func() { s.poll(ctx) })

	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	cancel()
	closeAll()
	loops.Wait()
	s.shutdown()
	return err
}

func (s *Server) accept(ctx context.Context, ln net.Listener, kind connKind) error {
	pause := time.Duration(0)
	for {
		c, err := ln.Accept()
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			var ne net.Error
			if errors.As(err, &ne) && !errors.Is(err, net.ErrClosed) {
				// Out of file descriptors, say: connections that end help.
				pause = min(max(2*pause, 5*time.Millisecond), time.Second)
				s.log.Warn("xmppd: accepting a connection failed", "err", err)
				select {
				case <-time.After(pause):
					continue
				case <-ctx.Done():
					return nil
				}
			}
			return fmt.Errorf("xmppd: accept: %w", err)
		}
		pause = 0
		if t, ok := c.(*net.TCPConn); ok {
			keepAlive(t, s.cfg.Limits.Vanished)
		}
		se := newSession(s, c, kind)
		s.mu.Lock()
		if s.ending {
			s.mu.Unlock()
			c.Close()
			return nil
		}
		s.conns[se] = struct{}{}
		s.wg.Add(1)
		s.mu.Unlock()
		out, ok := s.lobby.enter(se, s.cfg.Limits.Unauthed, s.cfg.Limits.UnauthedShare)
		if out != nil {
			s.log.Debug("xmppd: a connection that had not logged in gives way to a new one", "addr", out.addr)
			out.cut()
		}
		go func() {
			defer s.wg.Done()
			if ok {
				se.run(ctx)
			} else {
				se.refuse()
			}
		}()
	}
}

// Stats are counts of a server.
type Stats struct {
	Sessions    int   // resources that are connected, or lost and waited for
	Components  int   // that are connected
	Connections int   // of all sorts, logged in or not
	Stanzas     int64 // that came in since the start
	Cut         int64 // connections that were cut because they read too slowly
}

// Stats returns the counts of this moment.
func (s *Server) Stats() Stats {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return Stats{len(s.full), len(s.comps), len(s.conns), s.counters.stanzas.Load(), s.counters.slow.Load()}
}

// shutdown ends every stream and waits for the connections.
func (s *Server) shutdown() {
	s.mu.Lock()
	s.ending, s.endBy = true, time.Now().Add(giveBackTime)
	all := make([]*session, 0, len(s.conns))
	hosts := make([]*session, 0, len(s.hosts))
	for c := range s.conns {
		if _, host := s.hosts[c]; host {
			hosts = append(hosts, c)
		} else {
			all = append(all, c)
		}
	}
	all = append(all, hosts...)         // last: nobody is told that they are gone
	lost := make(map[string][]*session) // by account
	for _, c := range s.full {
		if c.sleeping() {
			lost[c.local] = append(lost[c.local], c)
		}
	}
	s.mu.Unlock()
	if s.rooms != nil {
		s.rooms.End(context.Background())
	}
	for _, c := range all {
		c.end(&streamError{condition: "system-shutdown"})
	}
	// Beside each other: what one account left behind holds up no other.
	for _, sessions := range lost {
		s.wg.Go(func() {
			for _, c := range sessions {
				s.detach(c)
			}
		})
	}
	late := time.AfterFunc(2*time.Second, func() {
		for _, c := range all {
			c.cut()
		}
	})
	defer late.Stop()
	s.wg.Wait()
}
