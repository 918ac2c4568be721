package link

import (
	"context"
	"crypto/tls"
	"encoding/xml"
	"log/slog"
	"math/rand/v2"
	"net"
	"time"

	"adminbot/internal/xmpp/disco"
	"adminbot/internal/xmpp/version"
	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/stanza"
)

// Config says who logs in where. Only JID and Password (or Component) are
// needed; every other zero value stands for a good default.
type Config struct {
	JID       jid.JID                // the account, with the wanted resource; or the component's domain
	Password  func() (string, error) // asked at every login, so that a changed password is seen
	Component *Component             // log in as a component instead of an account

	Addr      string      // host or host:port instead of what DNS says (SRV records)
	DirectTLS bool        // Addr speaks TLS from the first byte (XEP-0368)
	TLS       *tls.Config // RootCAs, client certificates; names and verification are set by the session
	Plaintext bool        // no TLS at all; only to a loopback address

	Disco     disco.Info   // what the session tells of itself, beside what it supports itself
	DiscoNode string       // a URI naming the software, for XEP-0115
	Version   version.Info // empty: version queries are refused

	// Presence, if set, is asked for the presence to send right after each
	// login. Caps are added to it.
	Presence func() (stanza.Presence, xml.TokenReader)

	Once     bool        // Run ends with the first error instead of trying again; nothing is resumed
	NoResume bool        // do not use stream management (XEP-0198), though the server offers it
	OnState  func(State) // told of every change, on the goroutine of Run; must not block
	Log      *slog.Logger

	Dial   func(ctx context.Context, network, addr string) (net.Conn, error) // net.Dialer by default
	Lookup func(ctx context.Context, service, proto, name string) (string, []*net.SRV, error)
	Timing Timing
	Limits Limits
	Jitter func() float64   // in [0,1); random by default
	NowUTC func() time.Time // the clock that time queries are answered from
}

// Component says how to log in as a component, XEP-0114. Config.Addr must be
// set and, as the protocol has no encryption, be a loopback address; use a
// tunnel for anything else.
type Component struct {
	Secret func() (string, error)
}

// Timing holds the waits of a session.
type Timing struct {
	Dial       time.Duration // 30 s: to be logged in
	Write      time.Duration // 30 s: for one write to be taken
	Idle       time.Duration // 40 s without a byte from the server: ask whether it is there
	Pong       time.Duration // 15 s without an answer to that: reconnect; a dead connection is left within the sum
	RetryMin   time.Duration // 1 s: upper limit of the first random wait before reconnecting; it grows with the time away
	RetryBusy  time.Duration // 8 s: the same after the server said that it is busy or going away
	RetryMax   time.Duration // 5 min: upper limit of all random waits
	RetryFatal time.Duration // 5 min: wait after an error that will not go away by itself, and up to half as much again
	Resume     time.Duration // 60 s: for a broken connection to be resumed, until calls and stanzas that wait for that fail
	Stable     time.Duration // 60 s: a session that lasted so long is a stable one
	Close      time.Duration // 3 s: for the server to close its side
	Clock      time.Duration // 1 h: between two looks at the server's clock
}

// Limits bound what a session takes and holds. Every full queue is an explicit
// refusal, see [Stats].
type Limits struct {
	Stanza       int // 64 KiB: of one stanza, in either direction
	Depth        int // 64: of elements in a stanza
	Roster       int // 8 MiB: of the answer with the own roster; its items obey Stanza
	Unacked      int // 2048: stanzas that the server has not acknowledged (XEP-0198); nothing is written beyond
	UnackedBytes int // 1 MiB: of these
	Outgoing     int // 1024: stanzas waiting to be written; callers wait for room
	PerSender    int // 512: stanzas of one bare JID waiting for a handler; 8 times as many presences
	SenderBytes  int // 8 MiB: of memory for these
	Waiting      int // 32768: stanzas of all senders waiting for a handler
	WaitingBytes int // 64 MiB: of memory for these
	Workers      int // 128: handlers in their turn at a time
	Yielded      int // 1024: handlers running on after their turn
}

func orElse[T int | time.Duration](v *T, def T) {
	if *v <= 0 {
		*v = def
	}
}

func (c *Config) setDefaults() {
	t, l := &c.Timing, &c.Limits
	orElse(&t.Dial, 30*time.Second)
	orElse(&t.Write, 30*time.Second)
	orElse(&t.Idle, 40*time.Second)
	orElse(&t.Pong, 15*time.Second)
	orElse(&t.RetryMin, time.Second)
	orElse(&t.RetryBusy, 8*time.Second)
	orElse(&t.RetryMax, 5*time.Minute)
	orElse(&t.RetryFatal, 5*time.Minute)
	orElse(&t.Resume, time.Minute)
	orElse(&t.Stable, time.Minute)
	orElse(&t.Close, 3*time.Second)
	orElse(&t.Clock, time.Hour)
	orElse(&l.Stanza, 64<<10)
	orElse(&l.Depth, 64)
	orElse(&l.Roster, 8<<20)
	orElse(&l.Unacked, 2048)
	orElse(&l.UnackedBytes, 1<<20)
	orElse(&l.Outgoing, 1024)
	orElse(&l.PerSender, 512)
	orElse(&l.SenderBytes, 8<<20)
	orElse(&l.Waiting, 32768)
	orElse(&l.WaitingBytes, 64<<20)
	orElse(&l.Workers, 128)
	orElse(&l.Yielded, 1024)
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Dial == nil {
		c.Dial = (&net.Dialer{Timeout: 10 * time.Second}).DialContext
	}
	if c.Lookup == nil {
		c.Lookup = net.DefaultResolver.LookupSRV
	}
	if c.Jitter == nil {
		c.Jitter = rand.Float64
	}
	if c.NowUTC == nil {
		c.NowUTC = time.Now
	}
	if c.DiscoNode == "" {
		c.DiscoNode = "urn:adminbot"
	}
}

// State is what a session says of its connection.
type State struct {
	Up      bool
	Resumed bool          // while up: with the session of the connection before, see [Session.OnUp]
	Addr    jid.JID       // while up: the address the server gave
	Err     error         // while down: why
	Retry   time.Duration // while down: wait until the next attempt; 0: attempting now or done
	Fatal   bool          // the error needs somebody to change something
}
