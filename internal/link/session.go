package link

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"adminbot/internal/xmpp/disco"
	"adminbot/internal/xmpp/roster"
	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/stanza"
)

// An IQHandler answers an IQ request. The reader yields its one payload
// element; it and what is read from it belong to the handler. The returned
// reader is the payload of the result; nil is an empty result. An error that
// wraps a [stanza.Error] is sent as such, any other as internal-server-error.
//
// The context ends with [Session.Run], not with the connection.
type IQHandler = func(context.Context, stanza.IQ, xml.TokenReader) (xml.TokenReader, error)

// A Session is one XMPP session that reconnects. Its methods are safe for
// concurrent use, except that handlers are set before Run.
type Session struct {
	cfg        Config
	log        *slog.Logger
	complaints *complaints // about what others send
	info       disco.Info
	caps       disco.Caps
	stats      counters

	iqHandlers  map[xml.Name]IQHandler
	onMessage   func(context.Context, stanza.Message, xml.TokenReader)
	onPresence  func(context.Context, stanza.Presence, xml.TokenReader)
	onRoster    func(context.Context, roster.Item)
	onUp        []func(context.Context)
	onDown      []func(error)
	builtin     map[xml.Name]builtin
	work        *dispatcher
	running     atomic.Bool
	current     atomic.Pointer[stream] // nil before a login, and after the end of what it began
	held        *stream                // of Run: broken, and to be resumed
	clockOffset atomic.Pointer[time.Duration]

	mu    sync.Mutex
	ready chan struct{} // closed while logged in
}

// New returns a session that does nothing until [Session.Run] is called.
func New(cfg Config) *Session {
	cfg.setDefaults()
	s := &Session{
		cfg:        cfg,
		log:        cfg.Log,
		iqHandlers: make(map[xml.Name]IQHandler),
		ready:      make(chan struct{}),
	}
	s.complaints = newComplaints(s.log)
	s.builtin = s.builtins()
	s.info = s.describe()
	s.caps = s.info.Caps(cfg.DiscoNode)
	s.work = newDispatcher(cfg.Limits)
	return s
}

// HandleIQ sets who answers requests with that payload; an empty name.Local
// stands for every payload of the namespace that has no handler of its own.
// Handlers come before what the session answers by itself.
func (s *Session) HandleIQ(name xml.Name, h IQHandler) { s.iqHandlers[name] = h }

// HandleMessage sets who is given messages, errors included. The reader yields
// the children.
func (s *Session) HandleMessage(h func(context.Context, stanza.Message, xml.TokenReader)) {
	s.onMessage = h
}

// HandlePresence sets who is given presences of every type.
func (s *Session) HandlePresence(h func(context.Context, stanza.Presence, xml.TokenReader)) {
	s.onPresence = h
}

// HandleRoster sets who is told of changes of the roster. Only those that the
// own server sent get here (RFC 6121 2.1.6).
func (s *Session) HandleRoster(h func(context.Context, roster.Item)) { s.onRoster = h }

// OnUp adds a function that runs after every login, on a goroutine of its own,
// after those added before it. When a broken connection is replaced by one that
// resumes the session (XEP-0198), there is nothing to do, and it does not run:
// roster, presence and all that the server knows of the session are as they
// were. Its context ends with the session on the server.
func (s *Session) OnUp(f func(context.Context)) { s.onUp = append(s.onUp, f) }

// OnDown adds a function that is told when the session of the last login is gone,
// and why its connection had ended, on the goroutine of Run. It must not block. A
// connection that broke is told to Config.OnState at once; the session is gone
// only when it could not be resumed.
func (s *Session) OnDown(f func(error)) { s.onDown = append(s.onDown, f) }

// Up reports whether the session is logged in and has a connection.
func (s *Session) Up() bool {
	st := s.current.Load()
	return st != nil && st.conn.Load() != nil
}

// Ready returns a channel that is closed while the session is logged in. After
// a connection has ended, there is a new one.
func (s *Session) Ready() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ready
}

// LocalAddr returns the address that the server gave at the last login, before
// that the one of the configuration.
func (s *Session) LocalAddr() jid.JID {
	if st := s.current.Load(); st != nil {
		return st.local
	}
	return s.cfg.JID
}

// ClockOffset returns how far the server's clock is ahead of this machine's,
// as measured after the last login (XEP-0202). Few servers tell fractions of a
// second: take it for right to a second or so. It is false if not known.
func (s *Session) ClockOffset() (time.Duration, bool) {
	if d := s.clockOffset.Load(); d != nil {
		return *d, true
	}
	return 0, false
}

// Run logs in and keeps the session up until ctx ends; it then says goodbye,
// waits for all handlers and returns nil. With Config.Once it returns the
// first error instead of trying again. Run can be called once.
func (s *Session) Run(ctx context.Context) error {
	if s.running.Swap(true) {
		return errors.New("link: Run was called twice")
	}
	if err := s.cfg.check(); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer s.complaints.end()
	s.work.run(ctx)
	defer s.work.wait()
	defer func() { s.retire(s.held, ErrClosed) }()
	defer cancel()
	var away time.Duration // spent without a session since the last stable one
	for {
		began := time.Now()
		lasted, err := s.connectAndServe(ctx)
		if ctx.Err() != nil {
			s.state(State{Err: context.Cause(ctx)})
			return nil
		}
		fatal := isFatal(err)
		if s.cfg.Once {
			s.state(State{Err: err, Fatal: fatal})
			return fmt.Errorf("link: %w", err)
		}
		if lasted >= s.cfg.Timing.Stable {
			away = 0
		} else {
			away += time.Since(began) - lasted
		}
		wait := s.backoff(away, err)
		away += wait
		level := slog.LevelWarn
		if fatal {
			level = slog.LevelError
		}
		s.log.Log(ctx, level, "no session", "err", err, "retry", wait.Round(time.Millisecond), "fatal", fatal)
		s.state(State{Err: err, Retry: wait, Fatal: fatal})
		s.stats.Reconnects.Add(1)
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
		}
	}
}

func (c *Config) check() error {
	switch {
	case c.JID.Domainpart() == "":
		return fmt.Errorf("link: %w: no address to log in as", ErrConfig)
	case c.TLS != nil && c.TLS.InsecureSkipVerify:
		return fmt.Errorf("link: %w: certificates are always verified", ErrConfig)
	case c.Component != nil && c.Component.Secret == nil:
		return fmt.Errorf("link: %w: a component needs a secret", ErrConfig)
	case c.Component == nil && (c.Password == nil || c.JID.Localpart() == ""):
		return fmt.Errorf("link: %w: an account needs a name and a password", ErrConfig)
	}
	return nil
}

// errTaken is why a login failed that the server refused in favour of the session
// that is there: often our own before, whose end it has not noticed yet.
var errTaken = errors.New("link: the server has a session with this address")

// isFatal reports whether trying again soon cannot help: two sessions with one
// address would throw each other out for ever, and a wrong password stays
// wrong.
func isFatal(err error) bool {
	return errors.Is(err, ErrConflict) && !errors.Is(err, errTaken) || errors.Is(err, ErrAuth) || errors.Is(err, ErrConfig)
}

// isBusy reports whether the server has asked, in its way, not to be bothered
// for a while: all its clients have heard the same at the same time.
func isBusy(err error) bool {
	var stream *StreamError
	var login *LoginError
	switch {
	case errors.As(err, &stream):
		switch stream.Condition {
		case "system-shutdown", "see-other-host", "resource-constraint", "policy-violation", "internal-server-error":
			return true
		}
	case errors.As(err, &login):
		return login.Condition == "temporary-auth-failure"
	}
	return false
}

// backoff returns a random wait after err: anything from nothing to a limit that
// grows with the time spent without a session. So those that were thrown out
// together come back spread out, and all of them within as long as the server
// was away.
func (s *Session) backoff(away time.Duration, err error) time.Duration {
	t := &s.cfg.Timing
	first := t.RetryMin
	switch {
	case isFatal(err):
		return t.RetryFatal + time.Duration(s.cfg.Jitter()*float64(t.RetryFatal)/2)
	case isBusy(err):
		first = t.RetryBusy
	}
	return time.Duration(s.cfg.Jitter() * float64(min(first+away, t.RetryMax)))
}

func (s *Session) state(st State) {
	if s.cfg.OnState != nil {
		s.cfg.OnState(st)
	}
}

// connectAndServe logs in once and returns how long the session lasted, and why
// it ended.
func (s *Session) connectAndServe(ctx context.Context) (lasted time.Duration, err error) {
	s.state(State{})
	dialCtx, cancel := context.WithTimeout(ctx, s.cfg.Timing.Dial)
	defer cancel()
	w, secured, err := s.dial(dialCtx)
	if err != nil {
		return 0, err
	}
	n, err := s.negotiate(dialCtx, w, secured)
	cancel()
	if errors.Is(err, ErrConflict) {
		err = fmt.Errorf("%w: %w", errTaken, err)
	}
	if err != nil {
		return 0, err
	}
	if s.cfg.Component == nil && !n.bound.Bare().Equal(s.cfg.JID.Bare()) {
		s.log.Warn("the server changed the address", "want", s.cfg.JID, "have", n.bound)
	}
	st := s.streamOf(n)
	s.log.Info("logged in", "jid", n.bound, "server", n.wire.RemoteAddr(),
		"tls", n.wire.ConnectionState().Version != 0, "mechanism", n.mechanism, "resumed", n.resumed)
	began := time.Now()
	err = newConnection(st, n).serve(ctx)
	if ctx.Err() == nil && st.resumable(err) {
		s.held = st
		st.wait(err)
	} else {
		s.retire(st, err)
	}
	return time.Since(began), err
}

// streamOf returns the stream that n has resumed, or a new one; then what was
// held is over.
func (s *Session) streamOf(n *negotiation) *stream {
	held := s.held
	s.held = nil
	if n.resumed {
		s.stats.Resumed.Add(1)
		held.mechanism = n.mechanism
		held.goOn()
		return held
	}
	st := newStream(s, n)
	st.mechanism = n.mechanism
	if held != nil {
		if n.certain {
			if rest := held.undelivered(n.handled); held.full == st.full {
				st.carried = rest
			}
		}
		s.retire(held, fmt.Errorf("%w: %w", errNotResumed, held.err))
	}
	return st
}

// retire ends st, which may be nil, and tells of it.
func (s *Session) retire(st *stream, err error) {
	if st == nil {
		return
	}
	st.end(err)
	for _, f := range s.onDown {
		f(err)
	}
}

// connected publishes that c carries its stream.
func (s *Session) connected(c *connection) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c.st.conn.Store(c)
	s.current.Store(c.st)
	close(s.ready)
}

// disconnected publishes that c does not any more.
func (s *Session) disconnected(c *connection) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.st.conn.CompareAndSwap(c, nil) {
		s.ready = make(chan struct{})
	}
}

// Stats counts what a session has done since it was made.
type Stats struct {
	Received   uint64 // stanzas
	Written    uint64 // stanzas
	Refused    uint64 // stanzas that met a full queue; of requests the sender was told
	Oversized  uint64 // stanzas beyond the limits, dropped
	Malformed  uint64 // stanzas that are none, dropped
	Unexpected uint64 // answers that nobody waits for: late, doubled or forged
	Unanswered uint64 // answers that could not be sent
	Failed     uint64 // handlers that panicked or broke their promise
	Reconnects uint64 // waits after a connection ended or could not be made
	Resumed    uint64 // connections that went on with the session of the one before
}

type counters struct {
	Received, Written, Refused, Oversized, Malformed, Unexpected, Unanswered, Failed, Reconnects, Resumed atomic.Uint64
}

// Stats returns the counts so far.
func (s *Session) Stats() Stats {
	c := &s.stats
	return Stats{
		c.Received.Load(), c.Written.Load(), c.Refused.Load(), c.Oversized.Load(), c.Malformed.Load(),
		c.Unexpected.Load(), c.Unanswered.Load(), c.Failed.Load(), c.Reconnects.Load(), c.Resumed.Load(),
	}
}

// guard recovers from a panic of foreign code and logs it.
func (s *Session) guard(where string) {
	if p := recover(); p != nil {
		s.logPanic(where, p)
	}
}

func (s *Session) logPanic(where string, p any) {
	s.stats.Failed.Add(1)
	s.complaints.add(slog.LevelError, "a panic was caught", "in", where, "err", fmt.Sprint(p), "stack", string(debug.Stack()))
}
