package rpc

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"
	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/stanza"
)

// Grace is how long a [Client] waits for an answer beyond the time within which
// the call must have started and finished.
const Grace = 5 * time.Second

// ErrNoAnswer is the cause when a call was sent and nothing came back within
// its TTL, [Client.Timeout] and [Grace]: the outcome is unknown.
var ErrNoAnswer = errors.New("rpc: no answer in time, outcome unknown")

var errCallOver = errors.New("rpc: the call is over, it must not be sent any more")

// A Client calls methods of other entities. Its fields are not changed after
// first use; its methods are safe for concurrent use.
type Client struct {
	Transport Transport
	TTL       time.Duration    // of calls that do not say; zero means DefaultTTL
	Now       func() time.Time // clock that Created is read from, corrected by the server's; nil means time.Now
	Limits    Limits           // on responses; zero fields mean DefaultResponseLimits

	// Timeout, if set, tells how long a method may take once it has started,
	// which the TTL does not count. The client waits for TTL + Timeout + Grace
	// from the moment the stanza is written, or until the context is done.
	Timeout func(method string) time.Duration

	// Sign, if set, signs the bytes of [SigningBytes]. It is called while the
	// stanza is being written, so it must be quick.
	Sign func(message []byte) ([]byte, error)
}

// Params are positional parameters for [Client.Call], each marshalled by
// itself.
type Params []any

// A CallError says why a call has no answer that could be used. It wraps what
// went wrong: a [stanza.Error] of the peer or a server, an error of the
// transport, a [*SyntaxError] about the response, [ErrNoAnswer].
type CallError struct {
	To     jid.JID
	Method string
	Err    error
	sent   bool
}

// Error returns method, address and cause.
func (e *CallError) Error() string {
	return fmt.Sprintf("rpc: call %s at %s: %v", e.Method, e.To, e.Err)
}

// Unwrap returns the cause.
func (e *CallError) Unwrap() error { return e.Err }

// Sent reports whether the stanza may have left this machine.
func (e *CallError) Sent() bool { return e.sent }

// Sent reports whether the call that ended in err may have reached the peer.
// False is certain: nothing was sent, so nothing was done. True covers faults,
// stanza errors, calls without an answer, and success (a nil err).
func Sent(err error) bool {
	if err == nil {
		return true
	}
	var s interface{ Sent() bool }
	if errors.As(err, &s) {
		return s.Sent()
	}
	return true
}

// Call calls method at the full address to and stores the result in what out
// points to, by [Value.DecodeKnown]; out may be nil. The parameters are made
// of in: none if it is nil, one for each of [Params], otherwise the one value
// [Marshal] makes of it.
//
// The zero fields of env are filled in: Created when the transport reads the
// first token, so that waiting in a queue does not age the call; TTL from the
// client; Key with a new UUID.
//
// The error is a [*Fault] if the peer answered with one, and a [*CallError] in
// all other cases; [Sent] tells whether the call may have been carried out,
// and errors.As finds a [stanza.Error]. After ctx is done the stanza is not
// written any more.
func (c *Client) Call(ctx context.Context, to jid.JID, method string, env Envelope, in, out any) error {
	params, err := marshalParams(in)
	if err != nil {
		return &CallError{To: to, Method: method, Err: err}
	}
	v, err := c.Do(ctx, to, MethodCall{Method: method, Params: params, Envelope: env})
	if err != nil || out == nil {
		return err
	}
	if err := (binder{loose: true}).decode(v, "result", out); err != nil {
		return &CallError{To: to, Method: method, Err: err, sent: true}
	}
	return nil
}

func marshalParams(in any) ([]Value, error) {
	switch in := in.(type) {
	case nil:
		return nil, nil
	case Params:
		out := make([]Value, len(in))
		for i, p := range in {
			v, err := Marshal(p)
			if err != nil {
				return nil, fmt.Errorf("rpc: params[%d]: %w", i, err)
			}
			out[i] = v
		}
		return out, nil
	}
	v, err := Marshal(in)
	if err != nil {
		return nil, err
	}
	return []Value{v}, nil
}

// Do is [Client.Call] with values instead of Go types.
func (c *Client) Do(ctx context.Context, to jid.JID, call MethodCall) (Value, error) {
	fail := func(err error, sent bool) (Value, error) {
		return Value{}, &CallError{To: to, Method: call.Method, Err: err, sent: sent}
	}
	if c.Transport == nil {
		return fail(errors.New("rpc: client has no transport"), false)
	}
	if call.Envelope.TTL == 0 {
		if call.Envelope.TTL = c.TTL; c.TTL == 0 {
			call.Envelope.TTL = DefaultTTL
		}
	}
	if call.Envelope.Key == "" {
		key, err := uuid.NewRandom()
		if err != nil {
			return fail(err, false)
		}
		call.Envelope.Key = key.String()
	}
	if err := call.Valid(); err != nil {
		return fail(err, false)
	}
	if err := context.Cause(ctx); err != nil {
		return fail(err, false)
	}
	id, err := uuid.NewRandom()
	if err != nil {
		return fail(err, false)
	}

	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	p := &payload{client: c, to: to, call: call, cancel: cancel}
	defer p.close()
	iq := stanza.IQ{ID: id.String(), To: to, Type: stanza.SetIQ}
	reply, children, err := c.Transport.RoundTripIQ(ctx, iq, p)
	if err != nil {
		sent := p.started()
		var s interface{ Sent() bool }
		if errors.As(err, &s) {
			sent = s.Sent()
		} else if errors.As(err, new(stanza.Error)) {
			sent = true
		}
		if context.Cause(ctx) == ErrNoAnswer && !errors.Is(err, ErrNoAnswer) {
			err = fmt.Errorf("%w (%w)", ErrNoAnswer, err)
		}
		return fail(err, sent)
	}
	if children == nil {
		children = &element{}
	}
	if reply.Type == stanza.ErrorIQ {
		d := newDecoder(children, c.Limits.or(DefaultResponseLimits))
		defer d.close()
		se, err := d.stanzaError()
		if err != nil {
			return fail(fmt.Errorf("rpc: error answer: %w", err), true)
		}
		return fail(se, true)
	}
	resp, err := ReadResponse(children, c.Limits)
	if err != nil {
		return fail(fmt.Errorf("rpc: response: %w", err), true)
	}
	if resp.Fault != nil {
		return Value{}, resp.Fault
	}
	return resp.Value, nil
}

// stanzaError finds <error/> among the children of an IQ. The request may be
// in front of it or not: XEP-0009 example 3.
func (d *decoder) stanzaError() (stanza.Error, error) {
	for {
		start, ok, err := d.top()
		if err != nil {
			return stanza.Error{}, err
		}
		if !ok {
			return stanza.Error{}, invalid("no <error/>")
		}
		if start.Name.Local == "error" {
			return d.condition(start)
		}
		if err := d.skip(); err != nil {
			return stanza.Error{}, err
		}
	}
}

// condition reads the inside of <error> and its end (RFC 6120 8.3.2).
func (d *decoder) condition(start xml.StartElement) (stanza.Error, error) {
	se := stanza.Error{Condition: stanza.UndefinedCondition}
	for _, a := range start.Attr {
		if a.Name.Local == "type" && a.Name.Space == "" {
			se.Type = stanza.ErrorType(a.Value)
		}
	}
	for {
		start, ok, err := d.child()
		if err != nil || !ok {
			return se, err
		}
		switch {
		case start.Name.Space != stanza.NSError:
			err = d.skip()
		case start.Name.Local == "text":
			var text string
			text, err = d.text()
			if se.Text == nil && text != "" {
				se.Text = map[string]string{"": text}
			}
		default:
			se.Condition = stanza.Condition(start.Name.Local)
			err = d.skip()
		}
		if err != nil {
			return se, err
		}
	}
}

// payload is the call as the transport reads it: made when it is read first,
// which is when the stanza is written.
type payload struct {
	client *Client
	to     jid.JID
	call   MethodCall
	cancel context.CancelCauseFunc

	mu     sync.Mutex // a writer may read late, after Do has returned
	begun  bool       // it has been read: it is stamped, and its time runs
	tokens xml.TokenReader
	timer  *time.Timer
	over   bool
}

// AppendXML implements [Appender].
func (p *payload) AppendXML(dst []byte) ([]byte, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.begin(); err != nil {
		return dst, err
	}
	return p.call.AppendXML(dst), nil
}

// Token implements [xml.TokenReader].
func (p *payload) Token() (xml.Token, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.begin(); err != nil {
		return nil, err
	}
	if p.tokens == nil {
		p.tokens = p.call.TokenReader()
	}
	return p.tokens.Token()
}

// begin stamps the call when it is read for the first time.
func (p *payload) begin() error {
	if p.begun {
		return nil
	}
	if p.over {
		return errCallOver
	}
	if err := p.stamp(); err != nil {
		return err
	}
	p.begun = true
	return nil
}

func (p *payload) stamp() error {
	env := &p.call.Envelope
	if env.Created.IsZero() {
		now := time.Now
		if p.client.Now != nil {
			now = p.client.Now
		}
		env.Created = now()
	}
	if p.client.Sign != nil && len(env.Signature) == 0 {
		sig, err := p.client.Sign(SigningBytes(p.to, p.call.Method, p.call.Params, *env))
		if err != nil {
			return fmt.Errorf("rpc: sign: %w", err)
		}
		env.Signature = sig
		if err := env.Valid(); err != nil {
			return err
		}
	}
	wait := env.TTL + Grace
	if p.client.Timeout != nil {
		wait += p.client.Timeout(p.call.Method)
	}
	p.timer = time.AfterFunc(wait, func() { p.cancel(ErrNoAnswer) })
	return nil
}

// started reports whether the transport has begun to write the call.
func (p *payload) started() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.begun
}

func (p *payload) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.over = true
	if p.timer != nil {
		p.timer.Stop()
	}
}

// A Loopback is a [Transport] to a mux in the same process: for tests, and for
// an entity that calls itself.
type Loopback struct {
	Mux  *ServeMux
	From jid.JID // who calls
}

// RoundTripIQ hands payload to the mux and its answer back.
func (l Loopback) RoundTripIQ(ctx context.Context, iq stanza.IQ, payload xml.TokenReader) (stanza.IQ, xml.TokenReader, error) {
	iq.From = l.From
	reply, err := l.Mux.HandleIQ(ctx, iq, payload)
	answer := stanza.IQ{ID: iq.ID, From: iq.To, To: iq.From, Type: stanza.ResultIQ}
	if err != nil {
		answer.Type = stanza.ErrorIQ
		return answer, nil, err
	}
	return answer, reply, nil
}
