package rpc

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/stanza"
)

// untouchable is a payload that must not be read.
type untouchable struct{ t *testing.T }

func (u untouchable) Token() (xml.Token, error) {
	u.t.Error("the payload was read")
	return nil, errors.New("not to be read")
}

func TestForbiddenBeforeParsing(t *testing.T) {
	allow := func(j jid.JID) bool { return j.Equal(botJID.Bare()) }
	for name, tt := range map[string]struct {
		allow func(jid.JID) bool
		from  jid.JID
	}{
		"stranger":   {allow, jid.MustParse("eve@hosts.example/bot")},
		"nobody":     {allow, jid.JID{}},
		"by default": {nil, botJID},
	} {
		t.Run(name, func(t *testing.T) {
			var log bytes.Buffer
			mux := NewServeMux(Options{Allow: tt.allow, Log: slog.New(slog.NewTextHandler(&log, nil))})
			for _, typ := range []stanza.IQType{stanza.SetIQ, stanza.GetIQ} {
				r, err := mux.HandleIQ(t.Context(), stanza.IQ{ID: "1", From: tt.from, Type: typ}, untouchable{t})
				if se, ok := err.(stanza.Error); r != nil || !ok || se.Condition != stanza.Forbidden || se.Type != stanza.Auth {
					t.Errorf("%s: got %v, %v", typ, r, err)
				}
			}
			if !strings.Contains(log.String(), "err=forbidden") {
				t.Errorf("log: %s", log.String())
			}
		})
	}
	mux := NewServeMux(Options{Allow: allow})
	if _, err := mux.HandleIQ(t.Context(), stanza.IQ{From: botJID, Type: stanza.SetIQ}, parse(call(""))); err != nil {
		t.Errorf("known caller: %v", err)
	}
	for _, typ := range []stanza.IQType{stanza.ResultIQ, stanza.ErrorIQ, "x"} {
		if r, err := mux.HandleIQ(t.Context(), stanza.IQ{From: botJID, Type: typ}, untouchable{t}); r != nil || err != nil {
			t.Errorf("an iq of type %s is answered: %v, %v", typ, r, err)
		}
	}
}

func TestHandleIQ(t *testing.T) {
	now := time.Date(2026, 11, 20, 16, 0, 0, 0, time.UTC)
	var log bytes.Buffer
	mux := NewServeMux(Options{
		Allow: everybody,
		Now:   func() time.Time { return now },
		Log:   slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	handle := func(name string, f HandlerFunc) { mux.Handle(name, f) }
	handle("a.b", func(context.Context, *Request) (Value, error) { return Value{}, nil })
	handle("panic", func(context.Context, *Request) (Value, error) { panic("ouch") })
	handle("nan", func(context.Context, *Request) (Value, error) { return Double(math.NaN()), nil })
	handle("control", func(context.Context, *Request) (Value, error) { return Array(String("\x00")), nil })
	handle("secret", func(context.Context, *Request) (Value, error) { return Value{}, errors.New("password is 1234") })
	handle("denied", func(context.Context, *Request) (Value, error) {
		return Value{}, fmt.Errorf("wrapped: %w", Faultf(FaultDenied, "needs %s", "x.y"))
	})
	handle("late", func(context.Context, *Request) (Value, error) { return Value{}, context.DeadlineExceeded })
	handle("cancelled", func(context.Context, *Request) (Value, error) { return Value{}, context.Canceled })
	handle("bind", func(_ context.Context, r *Request) (Value, error) {
		return Value{}, r.Bind(&struct {
			Unit string `rpc:"unit"`
		}{})
	})
	handle("large", func(context.Context, *Request) (Value, error) { return String(strings.Repeat("<", 13<<10)), nil })
	handle("fits", func(context.Context, *Request) (Value, error) { return String(strings.Repeat("<", 12000)), nil })
	named := func(name string) string {
		return query(`<methodCall><methodName>` + name + `</methodName></methodCall>`)
	}
	value := func(inner string) string {
		return `<query xmlns="jabber:iq:rpc"><methodResponse><params><param><value>` + inner + `</value></param></params></methodResponse></query>`
	}
	const (
		badRequest  = "error modify bad-request"
		unavailable = "error cancel service-unavailable"
	)
	tests := map[string]struct {
		typ  stanza.IQType
		in   string
		want string // stanza error, fault or text
		log  string
	}{
		"no result":        {in: call(""), want: value("<struct></struct>")},
		"get":              {typ: stanza.GetIQ, in: call(""), want: badRequest, log: "type get"},
		"no child":         {in: "", want: badRequest},
		"two children":     {in: call("") + call(""), want: badRequest},
		"white space":      {in: " \n" + call("") + "\n", want: value("<struct></struct>")},
		"other child":      {in: `<query xmlns="urn:x"/>`, want: unavailable},
		"other name":       {in: `<methodCall/>`, want: unavailable},
		"not well formed":  {in: `<query><methodCall></query>`, want: "-32700 not well formed: XML syntax error on line 1: element <methodCall> closed by </query>"},
		"not XML-RPC":      {in: query(`<methodCall/>`), want: "-32600 no <methodName/>"},
		"response":         {in: query(`<methodResponse/>`), want: "-32600 <methodResponse/> inside <query/>"},
		"bad parameter":    {in: query(`<methodCall><methodName>a.b</methodName><params><param><value><int/></value></param></params></methodCall>`), want: "-32602 params[0]: int: not a decimal number"},
		"too large":        {in: query(`<methodCall><methodName>a.b</methodName><params><param><value>` + strings.Repeat("x", 64<<10) + `</value></param></params></methodCall>`), want: "413 params[0]: more than 65536 bytes"},
		"unknown":          {in: named("nothing"), want: "-32601 no method nothing here", log: "method=nothing"},
		"panic":            {in: named("panic"), want: "-32603 internal error", log: "server_test.go"},
		"NaN":              {in: named("nan"), want: "-32603 internal error", log: "result of nan: rpc: double is not a finite number"},
		"control":          {in: named("control"), want: "-32603 internal error", log: "rpc: [0]: string holds"},
		"secret":           {in: named("secret"), want: "-32603 internal error", log: "level=ERROR msg=\"call failed\" from=bot@hosts.example/bot id=1 method=secret code=-32603 err=\"password is 1234\""},
		"fault":            {in: named("denied"), want: "403 needs x.y", log: "level=INFO msg=\"call failed\" from=bot@hosts.example/bot id=1 method=denied code=403"},
		"late":             {in: named("late"), want: "408 did not finish in time"},
		"cancelled":        {in: named("cancelled"), want: "499 cancelled"},
		"bind":             {in: named("bind"), want: "-32602 args.unit: is missing"},
		"large reply":      {in: named("large"), want: "413 the reply has 53382 bytes, the limit is 49152: ask for less"},
		"reply that fits":  {in: named("fits"), want: value("<string>" + strings.Repeat("&lt;", 12000) + "</string>")},
		"created in 60 s":  {in: header("Created", "2026-11-20T16:01:00Z"), want: value("<struct></struct>")},
		"created in 61 s":  {in: header("Created", "2026-11-20T16:01:01Z"), want: "-32602 header Created: 61 seconds ahead of the clock here"},
		"created long ago": {in: header("Created", "2020-11-20T16:01:01Z"), want: value("<struct></struct>")},
		"bad header":       {in: header("TTL", "0"), want: "-32602 header TTL: not a number of seconds from 1 to 86400"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			log.Reset()
			if tt.typ == "" {
				tt.typ = stanza.SetIQ
			}
			r, err := mux.HandleIQ(t.Context(), stanza.IQ{ID: "1", From: botJID, To: hostJID, Type: tt.typ}, parse(tt.in))
			var got string
			if err != nil {
				se, ok := err.(stanza.Error)
				if !ok {
					t.Fatalf("error is a %T: %v", err, err)
				}
				got = "error " + string(se.Type) + " " + string(se.Condition)
			} else {
				got = write(t, r)
				m, err := ReadResponse(parse(got), Limits{})
				if err != nil {
					t.Fatalf("%v in %s", err, got)
				}
				if m.Fault != nil {
					got = fmt.Sprint(m.Fault.Code, " ", m.Fault.Message)
				}
			}
			if got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
			if !strings.Contains(log.String(), tt.log) {
				t.Errorf("log lacks %s:\n%s", tt.log, log.String())
			}
			if strings.HasPrefix(tt.want, "<") != (log.Len() == 0) {
				t.Errorf("log: %s", log.String())
			}
		})
	}
}

func TestRequest(t *testing.T) {
	var got *Request
	mux := NewServeMux(Options{Allow: everybody})
	mux.Handle("m", HandlerFunc(func(_ context.Context, r *Request) (Value, error) {
		got = r
		return Array(r.Params...), nil
	}))
	w := &wire{tb: t, mux: mux, from: botJID}
	before := time.Now()
	env := Envelope{Key: "k", Reason: "because", Actor: jid.MustParse("ann@example.org")}
	var out []any
	if err := (&Client{Transport: w}).Call(t.Context(), hostJID, "m", env, Params{1, "two", nested{[]int{3}}}, &out); err != nil {
		t.Fatal(err)
	}
	if len(got.Params) != 3 || len(out) != 3 || out[1] != "two" {
		t.Errorf("params %v, result %v", got.Params, out)
	}
	if !got.From.Equal(botJID) || !got.To.Equal(hostJID) || got.ID == "" || got.Method != "m" || got.Batch ||
		got.Envelope.Key != "k" || got.Envelope.Reason != "because" || got.Envelope.TTL != DefaultTTL ||
		!got.Envelope.Actor.Equal(env.Actor) || got.Received.Before(before) {
		t.Errorf("request %+v", got)
	}
	if d := got.Received.Sub(got.Envelope.Created); d < 0 || d > time.Minute {
		t.Errorf("created %v before it was received", d)
	}
	if strings.Contains(w.request, ":rpc:") || strings.Count(w.request, "xmlns") != 2 || strings.Count(w.response, "xmlns") != 1 {
		t.Errorf("namespaces:\n%s\n%s", w.request, w.response)
	}
}

type nested struct {
	List []int `rpc:"list"`
}

func TestMiddleware(t *testing.T) {
	var order []string
	mark := func(name string) Middleware {
		return func(next Handler) Handler {
			return HandlerFunc(func(ctx context.Context, r *Request) (Value, error) {
				order = append(order, name+":"+r.Method)
				if name == "inner" && r.Method == "stop" {
					return Value{}, Faultf(FaultDenied, "stopped")
				}
				return next.ServeRPC(ctx, r)
			})
		}
	}
	mux := NewServeMux(Options{Allow: everybody, Middleware: []Middleware{mark("outer"), mark("inner")}})
	ran := false
	mux.Handle("stop", HandlerFunc(func(context.Context, *Request) (Value, error) { ran = true; return Value{}, nil }))
	client := &Client{Transport: Loopback{Mux: mux, From: botJID}}
	if err := client.Call(t.Context(), hostJID, "stop", Envelope{}, nil, nil); FaultCode(err) != FaultDenied || ran {
		t.Errorf("got %v, ran %v", err, ran)
	}
	if err := client.Call(t.Context(), hostJID, "system.listMethods", Envelope{}, nil, nil); err != nil {
		t.Error(err)
	}
	if got := strings.Join(order, " "); got != "outer:stop inner:stop outer:system.listMethods inner:system.listMethods" {
		t.Errorf("order: %s", got)
	}
}

func TestExpireCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		wait := func(next Handler) Handler { // in a lane
			return HandlerFunc(func(ctx context.Context, r *Request) (Value, error) {
				<-time.After(20 * time.Second)
				return next.ServeRPC(ctx, r)
			})
		}
		mux := NewServeMux(Options{Allow: everybody, Middleware: []Middleware{wait, ExpireCalls(time.Now)}})
		ran := 0
		mux.Handle("m", HandlerFunc(func(context.Context, *Request) (Value, error) {
			ran++
			<-time.After(time.Minute)
			return Value{}, nil
		}))
		client := &Client{Transport: Loopback{Mux: mux, From: botJID}}
		tests := []struct {
			env  Envelope
			code int
		}{
			{Envelope{TTL: 21 * time.Second}, 0},
			{Envelope{TTL: 20 * time.Second}, FaultExpired},
			{Envelope{Created: time.Now().Add(-10 * time.Minute), TTL: 10 * time.Minute}, FaultExpired},
			{Envelope{}, 0},
		}
		want := 0
		for i, tt := range tests {
			if tt.code == 0 {
				want++
			}
			if err := client.Call(t.Context(), hostJID, "m", tt.env, nil, nil); FaultCode(err) != tt.code || ran != want {
				t.Errorf("%d: %v, ran %d times, want %d", i, err, ran, want)
			}
		}
	})
}

func TestRegistering(t *testing.T) {
	mux := NewServeMux(Options{Allow: everybody})
	h := HandlerFunc(func(context.Context, *Request) (Value, error) { return Value{}, nil })
	mux.Handle("a", h)
	for name, f := range map[string]func(){
		"rpc: a is registered twice":                 func() { mux.Handle("a", h) },
		`rpc: "a b" is no method name`:               func() { mux.Handle("a b", h) },
		"rpc: system.x: system.* belongs to the mux": func() { mux.Handle("system.x", h) },
		"rpc: b: no handler":                         func() { mux.Handle("b", nil) },
		`rpc: "" is no method name`:                  func() { mux.Handle("", h) },
		"rpc: Index of int":                          func() { Int(1).Index(0) },
	} {
		func() {
			defer func() {
				if p := recover(); p != name {
					t.Errorf("panic %v, want %s", p, name)
				}
			}()
			f()
		}()
	}
	if !mux.Remove("a") || mux.Remove("a") || mux.Remove("system.multicall") {
		t.Error("Remove")
	}
	mux.Handle("a", h)
}

func TestConcurrentUse(t *testing.T) {
	mux := NewServeMux(Options{Allow: everybody})
	echo := HandlerFunc(func(_ context.Context, r *Request) (Value, error) { return r.Params[0], nil })
	mux.Handle("echo", echo)
	client := &Client{Transport: Loopback{Mux: mux, From: botJID}}
	shared := Array(sample, sample)
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			for j := range 20 {
				name := fmt.Sprintf("plugin%d", i)
				mux.Handle(name, echo)
				var got Value
				if err := client.Call(t.Context(), hostJID, "echo", Envelope{}, shared, &got); err != nil || !got.Equal(shared) {
					t.Errorf("%d %d: %v", i, j, err)
				}
				if err := client.Call(t.Context(), hostJID, "system.listMethods", Envelope{}, nil, nil); err != nil {
					t.Error(err)
				}
				mux.Remove(name)
			}
		})
	}
	wg.Wait()
}
