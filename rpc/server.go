package rpc

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/stanza"
)

// A Request is one call as a [Handler] sees it. A handler does not change it;
// a [Middleware] that wants to passes on a copy.
type Request struct {
	From     jid.JID // as the server stamped it: the only thing to decide by
	To       jid.JID
	ID       string // of the stanza
	Method   string
	Params   []Value
	Envelope Envelope
	Received time.Time // on the mux's clock
	Batch    bool      // a member of a system.multicall
}

// Bind decodes the one struct of named arguments into out, by [Value.Decode];
// no parameters at all are taken for a struct without members. The error is a
// [*BindError] with a path that begins with "args", which, if a handler
// returns it, is sent as fault -32602.
func (r *Request) Bind(out any) error {
	switch len(r.Params) {
	case 0:
		return (binder{}).decode(Struct(nil), "args", out)
	case 1:
		return (binder{}).decode(r.Params[0], "args", out)
	}
	return &BindError{Path: "args", Reason: fmt.Sprintf("want one struct of named arguments, got %d parameters", len(r.Params))}
}

// A Handler carries out calls of a method.
//
// A [*Fault] as error (also wrapped) is sent as it is; a [*BindError] becomes
// -32602, [context.DeadlineExceeded] 408, [context.Canceled] 499. Any other
// error is logged and sent as -32603 without its text. The zero Value is sent
// as an empty struct. ServeRPC is called from many goroutines at once.
type Handler interface {
	ServeRPC(ctx context.Context, r *Request) (Value, error)
}

// A HandlerFunc is a function that is a [Handler].
type HandlerFunc func(ctx context.Context, r *Request) (Value, error)

// ServeRPC calls f.
func (f HandlerFunc) ServeRPC(ctx context.Context, r *Request) (Value, error) { return f(ctx, r) }

// A Middleware wraps a handler in another.
type Middleware = func(Handler) Handler

// A Descriptor is what introspection tells of a method, and what
// system.multicall may do with it.
type Descriptor struct {
	Help       string     // answer of system.methodHelp
	Signatures [][]string // of system.methodSignature: result type first; none means unknown
	Multicall  bool       // may be a member of system.multicall: set for reads only
}

// Options configure a [ServeMux].
type Options struct {
	// Allow tells whether the entity with that bare address may call anything
	// at all. Nil allows nobody.
	Allow func(bare jid.JID) bool

	// Middleware wraps every handler, those of system.* too, when it is
	// registered. The first is outermost.
	Middleware []Middleware

	Limits     Limits           // on requests; zero fields mean DefaultLimits
	ReplyBytes int              // encoded reply that is still sent; zero means DefaultReplyBytes
	Now        func() time.Time // clock, corrected by the server's; nil means time.Now
	Log        *slog.Logger     // nil discards
}

// DefaultReplyBytes leaves room below the 64 KiB a stanza may have.
const DefaultReplyBytes = 48 << 10

// A ServeMux answers Jabber-RPC IQs. Its methods are safe for concurrent use.
type ServeMux struct {
	allow      func(jid.JID) bool
	middleware []Middleware
	limits     Limits
	replyBytes int
	now        func() time.Time
	log        *slog.Logger

	mu      sync.RWMutex
	methods map[string]method

	refused refusals
}

type method struct {
	Descriptor
	handler Handler
}

// NewServeMux returns a mux that knows the system.* methods and no other.
func NewServeMux(o Options) *ServeMux {
	m := &ServeMux{
		allow:      o.Allow,
		middleware: slices.Clone(o.Middleware),
		limits:     o.Limits.or(DefaultLimits),
		replyBytes: o.ReplyBytes,
		now:        o.Now,
		log:        o.Log,
		methods:    make(map[string]method),
	}
	if m.allow == nil {
		m.allow = func(jid.JID) bool { return false }
	}
	if m.replyBytes == 0 {
		m.replyBytes = DefaultReplyBytes
	}
	if m.now == nil {
		m.now = time.Now
	}
	if m.log == nil {
		m.log = slog.New(slog.DiscardHandler)
	}
	m.introspection()
	return m
}

// Handle registers a handler of which introspection knows nothing more.
func (m *ServeMux) Handle(name string, h Handler) { m.HandleMethod(name, Descriptor{}, h) }

// HandleMethod registers a handler with what introspection is to tell. It
// panics if the name is not [ValidMethodName], begins with "system.", or is
// taken: these are mistakes of the program.
func (m *ServeMux) HandleMethod(name string, d Descriptor, h Handler) {
	if strings.HasPrefix(name, "system.") {
		panic("rpc: " + name + ": system.* belongs to the mux")
	}
	m.register(name, d, h)
}

func (m *ServeMux) register(name string, d Descriptor, h Handler) {
	if !ValidMethodName(name) {
		panic(fmt.Sprintf("rpc: %q is no method name", name))
	}
	if h == nil {
		panic("rpc: " + name + ": no handler")
	}
	for _, mw := range slices.Backward(m.middleware) {
		h = mw(h)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, taken := m.methods[name]; taken {
		panic("rpc: " + name + " is registered twice")
	}
	m.methods[name] = method{Descriptor: d, handler: h}
}

// Remove takes a method away again and reports whether it was there. Calls
// that run go on.
func (m *ServeMux) Remove(name string) bool {
	if strings.HasPrefix(name, "system.") {
		return false
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	_, ok := m.methods[name]
	delete(m.methods, name)
	return ok
}

// Methods returns the names of all methods, sorted.
func (m *ServeMux) Methods() []string {
	m.mu.RLock()
	defer m.mu.RUnlock()
	names := make([]string, 0, len(m.methods))
	for name := range m.methods {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func (m *ServeMux) lookup(name string) (method, bool) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	me, ok := m.methods[name]
	return me, ok
}

// HandleIQ answers one IQ of type get or set whose children r yields. The
// returned reader is the child of the result to send; an error is always a
// [stanza.Error], to be sent as an error IQ. For IQs of other types, which
// must not be answered, both are nil.
//
// Who is not allowed to call is answered before anything is read from r.
// HandleIQ runs the handler on its own goroutine and passes ctx to it; a panic
// of the handler becomes fault -32603.
func (m *ServeMux) HandleIQ(ctx context.Context, iq stanza.IQ, r xml.TokenReader) (xml.TokenReader, error) {
	if iq.Type != stanza.SetIQ && iq.Type != stanza.GetIQ {
		return nil, nil // RFC 6120 8.2.3: never answer an answer
	}
	log := m.log.With("from", iq.From.String(), "id", iq.ID)
	if !m.allow(iq.From.Bare()) { // XEP-0009#security
		m.refused.log(ctx, log, m.now(), iq.From, "forbidden")
		return nil, stanza.Error{Type: stanza.Auth, Condition: stanza.Forbidden}
	}
	if iq.Type == stanza.GetIQ { // calls are of type set: XEP-0009 example 1
		m.refused.log(ctx, log, m.now(), iq.From, "iq of type get")
		return nil, stanza.Error{Type: stanza.Modify, Condition: stanza.BadRequest}
	}
	received := m.now()
	d := newDecoder(r, m.limits)
	defer d.close()
	call, err := m.read(d)
	var se stanza.Error
	switch {
	case errors.As(err, &se):
		m.refused.log(ctx, log, received, iq.From, err)
		return nil, se
	case err == nil:
		err = m.checkCreated(&call.Envelope, received)
	}
	if err != nil {
		return m.fault(ctx, log, err), nil
	}
	log = log.With("method", call.Method)
	v, err := m.dispatch(ctx, log, &Request{
		From: iq.From, To: iq.To, ID: iq.ID,
		Method: call.Method, Params: call.Params, Envelope: call.Envelope,
		Received: received,
	})
	if err != nil {
		return m.fault(ctx, log, err), nil
	}
	response := (&MethodResponse{Value: v}).AppendXML(make([]byte, 0, 512))
	if n := len(response); n > m.replyBytes {
		return m.fault(ctx, log, tooLarge(n, m.replyBytes)), nil
	}
	return &element{xml: response}, nil
}

func tooLarge(n, limit int) *Fault {
	return Faultf(FaultTooLarge, "the reply has %d bytes, the limit is %d: ask for less", n, limit)
}

// read reads the only child of the IQ. A stanza.Error is for what is wrong
// with the IQ, a SyntaxError for what is wrong with the call.
func (m *ServeMux) read(d *decoder) (*MethodCall, error) {
	badRequest := stanza.Error{Type: stanza.Modify, Condition: stanza.BadRequest}
	start, ok, err := d.top()
	switch {
	case err != nil:
		return nil, err
	case !ok: // RFC 6120 8.2.3: exactly one child
		return nil, badRequest
	case start.Name.Local != "query" || start.Name.Space != NS:
		return nil, stanza.Error{Type: stanza.Cancel, Condition: stanza.ServiceUnavailable}
	}
	call, err := d.call()
	if err != nil {
		return nil, err
	}
	if _, ok, err := d.top(); err != nil {
		return nil, err
	} else if ok {
		return nil, badRequest
	}
	return call, nil
}

func (m *ServeMux) checkCreated(e *Envelope, now time.Time) error {
	if ahead := e.Created.Sub(now); ahead > MaxAhead {
		return badParam("header Created: %d seconds ahead of the clock here", int(ahead/time.Second))
	}
	return nil
}

// dispatch runs the handler of one call and makes what it returns fit to send.
func (m *ServeMux) dispatch(ctx context.Context, log *slog.Logger, r *Request) (v Value, err error) {
	me, ok := m.lookup(r.Method)
	if !ok {
		return Value{}, Faultf(FaultMethodNotFound, "no method %s here", r.Method)
	}
	defer func() {
		if p := recover(); p != nil {
			log.ErrorContext(ctx, "handler panicked", "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			v, err = Value{}, Faultf(FaultInternal, "internal error")
		}
	}()
	v, err = me.handler.ServeRPC(ctx, r)
	if err != nil {
		return Value{}, err
	}
	if v.kind == KindNil {
		return Struct(nil), nil
	}
	if err := v.Valid(); err != nil {
		return Value{}, fmt.Errorf("rpc: result of %s: %w", r.Method, err)
	}
	return v, nil
}

// faultFor returns the fault to send for an error.
func faultFor(err error) *Fault {
	var (
		f  *Fault
		se *SyntaxError
		be *BindError
	)
	switch {
	case errors.As(err, &f):
		return f
	case errors.As(err, &se):
		return &Fault{Code: se.Code, Message: se.message()}
	case errors.As(err, &be):
		return &Fault{Code: FaultParams, Message: be.Error()}
	case errors.Is(err, context.DeadlineExceeded):
		return Faultf(FaultTimeout, "did not finish in time")
	case errors.Is(err, context.Canceled):
		return Faultf(FaultCancelled, "cancelled")
	}
	return Faultf(FaultInternal, "internal error")
}

// fault logs err and returns the answer to it.
func (m *ServeMux) fault(ctx context.Context, log *slog.Logger, err error) xml.TokenReader {
	return (&MethodResponse{Fault: m.logged(ctx, log, err)}).TokenReader()
}

func (m *ServeMux) logged(ctx context.Context, log *slog.Logger, err error) *Fault {
	f := faultFor(err)
	level := slog.LevelInfo
	if f.Code == FaultInternal {
		level = slog.LevelError
	}
	log.Log(ctx, level, "call failed", "code", f.Code, "err", err)
	return f
}

// ExpireCalls returns a middleware that answers 410 to a call that is past its
// [Envelope.Deadline] when the handler would start. Put it behind whatever
// makes calls wait. Once started, a call is not cut off by its TTL. now is the
// clock in [Options.Now].
func ExpireCalls(now func() time.Time) Middleware {
	return func(next Handler) Handler {
		return HandlerFunc(func(ctx context.Context, r *Request) (Value, error) {
			if late := now().Sub(r.Envelope.Deadline(r.Received, 0)); late >= 0 {
				return Value{}, Faultf(FaultExpired, "expired %.1f seconds ago, nothing was done", late.Seconds())
			}
			return next.ServeRPC(ctx, r)
		})
	}
}
