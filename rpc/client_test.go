package rpc

import (
	"context"
	"crypto/ed25519"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"mellium.im/xmpp/stanza"
)

func drain(r xml.TokenReader) error {
	for {
		if _, err := r.Token(); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// left is an error of a transport that knows.
type left bool

func (l left) Error() string { return "connection lost" }
func (l left) Sent() bool    { return bool(l) }

func TestSent(t *testing.T) {
	answer := func(text string) transportFunc {
		return func(_ context.Context, iq stanza.IQ, p xml.TokenReader) (stanza.IQ, xml.TokenReader, error) {
			iq.Type = stanza.ResultIQ
			return iq, parse(text), drain(p)
		}
	}
	fails := func(err error, read bool) transportFunc {
		return func(_ context.Context, iq stanza.IQ, p xml.TokenReader) (stanza.IQ, xml.TokenReader, error) {
			if read {
				if e := drain(p); e != nil {
					return iq, nil, e
				}
			}
			return iq, nil, err
		}
	}
	done, cancel := context.WithCancel(t.Context())
	cancel()
	value := query(`<methodResponse><params><param><value><int>1</int></value></param></params></methodResponse>`)
	fault := query(`<methodResponse><fault><value><struct><member><name>faultCode</name><value><int>403</int></value></member><member><name>faultString</name><value>no</value></member></struct></value></fault></methodResponse>`)
	var number int
	var text string
	tests := map[string]struct {
		ctx       context.Context
		transport Transport
		method    string
		env       Envelope
		in, out   any
		sent      bool
		want      string // error, "" for none
	}{
		"success":       {transport: answer(value), out: &number, sent: true},
		"fault":         {transport: answer(fault), sent: true, want: "rpc: fault 403 (denied): no"},
		"result type":   {transport: answer(value), out: &text, sent: true, want: "rpc: call m at web01@hosts.example/agent: result: want string, got int"},
		"nonsense":      {transport: answer("<query/>"), sent: true, want: "rpc: call m at web01@hosts.example/agent: rpc: response: rpc: no <methodResponse/>"},
		"empty":         {transport: answer(""), sent: true, want: "rpc: call m at web01@hosts.example/agent: rpc: response: rpc: no <query xmlns='jabber:iq:rpc'/>"},
		"says not":      {transport: fails(left(false), true), want: "rpc: call m at web01@hosts.example/agent: connection lost"},
		"says sent":     {transport: fails(left(true), false), sent: true, want: "rpc: call m at web01@hosts.example/agent: connection lost"},
		"not read":      {transport: fails(io.ErrClosedPipe, false), want: "rpc: call m at web01@hosts.example/agent: io: read/write on closed pipe"},
		"read":          {transport: fails(io.ErrClosedPipe, true), sent: true, want: "rpc: call m at web01@hosts.example/agent: io: read/write on closed pipe"},
		"stanza error":  {transport: fails(stanza.Error{Condition: stanza.ServiceUnavailable}, true), sent: true, want: "rpc: call m at web01@hosts.example/agent: service-unavailable"},
		"context":       {ctx: done, transport: answer(value), want: "rpc: call m at web01@hosts.example/agent: context canceled"},
		"no transport":  {want: "rpc: call m at web01@hosts.example/agent: rpc: client has no transport"},
		"method":        {transport: answer(value), method: "a b", want: `rpc: call a b at web01@hosts.example/agent: rpc: "a b" is no method name`},
		"argument":      {transport: answer(value), in: make(chan int), want: "rpc: call m at web01@hosts.example/agent: rpc: marshal: no XML-RPC type for chan int"},
		"param":         {transport: answer(value), in: Params{1, nil}, want: "rpc: call m at web01@hosts.example/agent: rpc: params[1]: rpc: marshal: <nil> is nil, which is never sent"},
		"key":           {transport: answer(value), env: Envelope{Key: "a b"}, want: "rpc: call m at web01@hosts.example/agent: rpc: idempotency key is not 1 to 128 printable ASCII characters without space"},
		"ttl":           {transport: answer(value), env: Envelope{TTL: time.Millisecond}, want: "rpc: call m at web01@hosts.example/agent: rpc: TTL 1ms is not within 1s and 24h0m0s"},
		"reason":        {transport: answer(value), env: Envelope{Reason: "\x00"}, want: "rpc: call m at web01@hosts.example/agent: rpc: reason holds bytes that XML cannot carry"},
		"long reason":   {transport: answer(value), env: Envelope{Reason: strings.Repeat("a", 1025)}, want: "rpc: call m at web01@hosts.example/agent: rpc: reason is longer than 1024 bytes"},
		"big signature": {transport: answer(value), env: Envelope{Signature: make([]byte, 513)}, want: "rpc: call m at web01@hosts.example/agent: rpc: signature is longer than 512 bytes"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if tt.ctx == nil {
				tt.ctx = t.Context()
			}
			if tt.method == "" {
				tt.method = "m"
			}
			err := (&Client{Transport: tt.transport}).Call(tt.ctx, hostJID, tt.method, tt.env, tt.in, tt.out)
			switch {
			case err == nil && tt.want != "", err != nil && err.Error() != tt.want:
				t.Errorf("got  %v\nwant %s", err, tt.want)
			case Sent(err) != tt.sent:
				t.Errorf("%v: sent %v, want %v", err, Sent(err), tt.sent)
			}
		})
	}
	if !Sent(errors.New("of somebody else")) {
		t.Error("not sent must be certain")
	}
}

func TestStanzaErrorAnswers(t *testing.T) {
	tests := map[string]struct {
		children string
		want     stanza.Error
	}{
		"plain": {`<error xmlns="jabber:client" type="cancel"><service-unavailable xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/></error>`,
			stanza.Error{Type: stanza.Cancel, Condition: stanza.ServiceUnavailable}},
		"echo": {call("") + "\n" + `<error xmlns="jabber:client" type="wait"><x xmlns="urn:x"><y/></x><resource-constraint xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/>` +
			`<text xmlns="urn:ietf:params:xml:ns:xmpp-stanzas" xml:lang="en">slow down</text></error>`,
			stanza.Error{Type: stanza.Wait, Condition: stanza.ResourceConstraint, Text: map[string]string{"": "slow down"}}},
		"strange": {`<error/>`, stanza.Error{Condition: stanza.UndefinedCondition}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			client := &Client{Transport: transportFunc(func(_ context.Context, iq stanza.IQ, p xml.TokenReader) (stanza.IQ, xml.TokenReader, error) {
				iq.Type = stanza.ErrorIQ
				return iq, parse(tt.children), drain(p)
			})}
			err := client.Call(t.Context(), hostJID, "m", Envelope{}, nil, nil)
			var se stanza.Error
			if !errors.As(err, &se) || se.Type != tt.want.Type || se.Condition != tt.want.Condition || se.Text[""] != tt.want.Text[""] {
				t.Errorf("got %#v of %v", se, err)
			}
		})
	}
	client := &Client{Transport: transportFunc(func(_ context.Context, iq stanza.IQ, p xml.TokenReader) (stanza.IQ, xml.TokenReader, error) {
		iq.Type = stanza.ErrorIQ
		return iq, nil, drain(p)
	})}
	if err := client.Call(t.Context(), hostJID, "m", Envelope{}, nil, nil); err == nil || !strings.Contains(err.Error(), "no <error/>") {
		t.Errorf("error without <error/>: %v", err)
	}
}

// A call ages from when it is written and not from when it is queued; the
// client gives up by itself after TTL, timeout and grace.
func TestTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var iqs []stanza.IQ
		var calls []*MethodCall
		client := &Client{
			TTL:     30 * time.Second,
			Timeout: func(method string) time.Duration { return map[string]time.Duration{"slow": time.Minute}[method] },
			Now:     func() time.Time { return time.Now().Add(time.Hour) },
			Transport: transportFunc(func(ctx context.Context, iq stanza.IQ, p xml.TokenReader) (stanza.IQ, xml.TokenReader, error) {
				<-time.After(10 * time.Second) // in the queue
				c, err := ReadCall(p, Limits{})
				if err != nil {
					return iq, nil, err
				}
				iqs, calls = append(iqs, iq), append(calls, c)
				<-ctx.Done()
				return iq, nil, ctx.Err()
			}),
		}
		err := client.Call(t.Context(), hostJID, "quick", Envelope{}, nil, nil)
		if !errors.Is(err, ErrNoAnswer) || !Sent(err) {
			t.Errorf("got %v", err)
		}
		if got := time.Since(start); got != 45*time.Second {
			t.Errorf("gave up after %v", got)
		}
		env := calls[0].Envelope
		if want := start.Add(time.Hour + 10*time.Second); !env.Created.Equal(want) || env.TTL != 30*time.Second || env.Key == "" {
			t.Errorf("envelope %+v, want Created %v", env, want)
		}

		start = time.Now()
		err = client.Call(t.Context(), hostJID, "slow", Envelope{TTL: time.Second, Created: start, Key: "mine"}, nil, nil)
		if got := time.Since(start); !errors.Is(err, ErrNoAnswer) || got != 76*time.Second {
			t.Errorf("gave up after %v: %v", got, err)
		}
		if env := calls[1].Envelope; !env.Created.Equal(start) || env.Key != "mine" {
			t.Errorf("envelope %+v", env)
		}
		if iqs[0].ID == iqs[1].ID || iqs[0].ID == "" || iqs[0].Type != stanza.SetIQ || !iqs[0].To.Equal(hostJID) {
			t.Errorf("iqs %+v", iqs)
		}
	})
}

// A transport that comes to writing after the caller has given up is told not
// to: the caller was told that nothing was sent.
func TestLateWriter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		late := make(chan error)
		client := &Client{Transport: transportFunc(func(ctx context.Context, iq stanza.IQ, p xml.TokenReader) (stanza.IQ, xml.TokenReader, error) {
			go func() {
				<-time.After(time.Second)
				_, err := p.Token()
				late <- err
			}()
			<-ctx.Done()
			return iq, nil, ctx.Err()
		})}
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		err := client.Call(ctx, hostJID, "m", Envelope{}, nil, nil)
		if !errors.Is(err, context.DeadlineExceeded) || Sent(err) {
			t.Errorf("got %v, sent %v", err, Sent(err))
		}
		if err := <-late; err != errCallOver {
			t.Errorf("late writer got %v", err)
		}
	})
}

func TestSign(t *testing.T) {
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	verify := func(next Handler) Handler {
		return HandlerFunc(func(ctx context.Context, r *Request) (Value, error) {
			if !ed25519.Verify(public, SigningBytes(r.To, r.Method, r.Params, r.Envelope), r.Envelope.Signature) {
				return Value{}, Faultf(FaultDenied, "not signed")
			}
			return next.ServeRPC(ctx, r)
		})
	}
	mux := NewServeMux(Options{Allow: everybody, Middleware: []Middleware{verify}})
	mux.Handle("echo", HandlerFunc(func(_ context.Context, r *Request) (Value, error) { return r.Params[0], nil }))
	client := &Client{Transport: &wire{tb: t, mux: mux, from: botJID}}
	if err := client.Call(t.Context(), hostJID, "echo", Envelope{}, 1, nil); FaultCode(err) != FaultDenied {
		t.Errorf("unsigned: %v", err)
	}
	client.Sign = func(message []byte) ([]byte, error) { return ed25519.Sign(private, message), nil }
	var got string
	if err := client.Call(t.Context(), hostJID, "echo", Envelope{Actor: botJID, TTL: 90 * time.Second}, "x", &got); err != nil || got != "x" {
		t.Errorf("signed: %q, %v", got, err)
	}
	broken := errors.New("no key")
	client.Sign = func([]byte) ([]byte, error) { return nil, broken }
	client.Transport = transportFunc(func(_ context.Context, iq stanza.IQ, p xml.TokenReader) (stanza.IQ, xml.TokenReader, error) {
		return iq, nil, drain(p)
	})
	if err := client.Call(t.Context(), hostJID, "echo", Envelope{}, "x", nil); !errors.Is(err, broken) || Sent(err) {
		t.Errorf("no key: %v, sent %v", err, Sent(err))
	}
}
