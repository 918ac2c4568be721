package rpc

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"
)

func introspected(t *testing.T, o Options) (*ServeMux, *Client) {
	t.Helper()
	o.Allow = everybody
	mux := NewServeMux(o)
	mux.HandleMethod("echo", Descriptor{
		Help: "Says it again.", Signatures: [][]string{{"string", "string"}, {"string"}}, Multicall: true,
	}, HandlerFunc(func(_ context.Context, r *Request) (Value, error) {
		if len(r.Params) != 1 {
			return Value{}, Faultf(FaultParams, "want one")
		}
		return r.Params[0], nil
	}))
	mux.Handle("write", HandlerFunc(func(context.Context, *Request) (Value, error) {
		t.Error("a write ran")
		return Value{}, nil
	}))
	mux.HandleMethod("panic", Descriptor{Multicall: true}, HandlerFunc(func(context.Context, *Request) (Value, error) { panic("ouch") }))
	return mux, &Client{Transport: &wire{tb: t, mux: mux, from: botJID}}
}

func TestIntrospection(t *testing.T) {
	_, client := introspected(t, Options{})
	tests := map[string]struct {
		method string
		in     any
		want   string // JSON or error
	}{
		"list":              {"system.listMethods", nil, `["echo","panic","system.getCapabilities","system.listMethods","system.methodHelp","system.methodSignature","system.multicall","write"]`},
		"list with":         {"system.listMethods", 1, "rpc: fault -32602 (bad parameters): want no parameters, got 1"},
		"signature":         {"system.methodSignature", "echo", `[["string","string"],["string"]]`},
		"signature unknown": {"system.methodSignature", "write", `"undef"`},
		"signature own":     {"system.methodSignature", "system.methodSignature", `[["array","string"]]`},
		"signature of none": {"system.methodSignature", "nothing", `rpc: fault -32601 (no such method): no method "nothing" here`},
		"signature what":    {"system.methodSignature", nil, "rpc: fault -32602 (bad parameters): want one string, the name of a method"},
		"signature number":  {"system.methodSignature", 1, "rpc: fault -32602 (bad parameters): want one string, the name of a method"},
		"help":              {"system.methodHelp", "echo", `"Says it again."`},
		"help empty":        {"system.methodHelp", "write", `""`},
		"help of none":      {"system.methodHelp", "nothing", `rpc: fault -32601 (no such method): no method "nothing" here`},
		"multicall of what": {"system.multicall", "echo", "rpc: fault -32602 (bad parameters): want one array of structs"},
		"multicall nothing": {"system.multicall", []string{}, "[]"},
		"multicall 33":      {"system.multicall", make([]int, 33), "rpc: fault 413 (too large): 33 calls, the limit is 32"},
		"multicall numbers": {"system.multicall", []int{1}, `[{"faultCode":-32602,"faultString":"want a struct of methodName and params"}]`},
		"multicall half":    {"system.multicall", []any{map[string]any{"methodName": "echo"}}, `[{"faultCode":-32602,"faultString":"want a struct of methodName and params"}]`},
		"multicall more":    {"system.multicall", []any{map[string]any{"methodName": "echo", "params": []int{1}, "x": 1}}, `[{"faultCode":-32602,"faultString":"want a struct of methodName and params"}]`},
		"multicall nested":  {"system.multicall", []any{map[string]any{"methodName": "system.multicall", "params": []int{}}}, `[{"faultCode":-32602,"faultString":"system.multicall inside system.multicall"}]`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var v Value
			err := client.Call(t.Context(), hostJID, tt.method, Envelope{}, tt.in, &v)
			got := v.String()
			if err != nil {
				got = err.Error()
			}
			if got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
	var caps map[string]struct {
		URL     string `rpc:"specUrl"`
		Version int    `rpc:"specVersion"`
	}
	if err := client.Call(t.Context(), hostJID, "system.getCapabilities", Envelope{}, nil, &caps); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"nil", "i8", "introspect", "faults_interop", "x-ttl"} {
		if caps[name].URL == "" || caps[name].Version == 0 {
			t.Errorf("capability %s: %+v", name, caps[name])
		}
	}
}

func TestMulticall(t *testing.T) {
	var seen []*Request
	watch := func(next Handler) Handler {
		return HandlerFunc(func(ctx context.Context, r *Request) (Value, error) {
			seen = append(seen, r)
			if len(r.Params) == 1 {
				if s, _ := r.Params[0].AsString(); s == "denied" {
					return Value{}, Faultf(FaultDenied, "by the chain")
				}
			}
			return next.ServeRPC(ctx, r)
		})
	}
	_, client := introspected(t, Options{Middleware: []Middleware{watch}})
	client.Sign = func([]byte) ([]byte, error) { return []byte("signature"), nil }
	var one string
	var number int
	errs, err := client.Multicall(t.Context(), hostJID, Envelope{Key: "k", TTL: time.Minute}, []Subcall{
		{Method: "echo", In: "a", Out: &one},
		{Method: "echo", In: "denied", Out: &one},
		{Method: "write"},
		{Method: "nothing"},
		{Method: "panic"},
		{Method: "echo", In: "text", Out: &number},
		{Method: "echo", In: Params{1, 2}},
		{Method: "echo", In: 7},
		{Method: "echo", In: 8, Out: &number},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"", "rpc: fault 403 (denied): by the chain",
		"rpc: fault 403 (denied): write changes things, so it is not for system.multicall: call it by itself",
		`rpc: fault -32601 (no such method): no method "nothing" here`,
		"rpc: fault -32603 (internal error): internal error",
		"rpc: call echo at web01@hosts.example/agent: result: want int, got string",
		"rpc: fault -32602 (bad parameters): want one", "", "",
	}
	for i, err := range errs {
		got := ""
		if err != nil {
			got = err.Error()
		}
		if got != want[i] {
			t.Errorf("%d: got  %s\n   want %s", i, got, want[i])
		}
	}
	if one != "a" || number != 8 {
		t.Errorf("results %q, %d", one, number)
	}
	if len(seen) != 8 || seen[0].Method != "system.multicall" || seen[0].Batch || string(seen[0].Envelope.Signature) != "signature" {
		t.Fatalf("the chain saw %d calls, first %+v", len(seen), seen[0])
	}
	for _, r := range seen[1:] {
		if !r.Batch || r.Envelope.Key != "k" || r.Envelope.Signature != nil || !r.From.Equal(botJID) {
			t.Errorf("member %+v", r)
		}
	}
}

func TestMulticallClientRefuses(t *testing.T) {
	_, client := introspected(t, Options{})
	for name, calls := range map[string][]Subcall{
		"33":       make([]Subcall, 33),
		"nested":   {{Method: "system.multicall"}},
		"argument": {{Method: "echo", In: make(chan int)}},
	} {
		errs, err := client.Multicall(t.Context(), hostJID, Envelope{}, calls)
		if err == nil || errs != nil || Sent(err) {
			t.Errorf("%s: %v, %v", name, errs, err)
		}
	}
	for name, result := range map[string]Value{
		"no array":  String("x"),
		"too few":   Array(),
		"no result": Array(String("x")),
		"two":       Array(Array(Int(1), Int(2))),
	} {
		client.Transport = &wire{tb: t, mux: answering(result), from: botJID}
		errs, err := client.Multicall(t.Context(), hostJID, Envelope{}, []Subcall{{Method: "echo"}})
		var ce *CallError
		if errs != nil || !errors.As(err, &ce) || !Sent(err) {
			t.Errorf("%s: %v, %v", name, errs, err)
		}
	}
}

// answering is a mux that gives the same answer to every system.multicall.
func answering(v Value) *ServeMux {
	return NewServeMux(Options{Allow: everybody, Middleware: []Middleware{func(Handler) Handler {
		return HandlerFunc(func(context.Context, *Request) (Value, error) { return v, nil })
	}}})
}

func TestMulticallShares48KiB(t *testing.T) {
	_, client := introspected(t, Options{})
	calls := make([]Subcall, 32)
	outs := make([]string, len(calls))
	for i := range calls {
		calls[i] = Subcall{Method: "echo", In: strings.Repeat("x", 1800), Out: &outs[i]}
	}
	errs, err := client.Multicall(t.Context(), hostJID, Envelope{}, calls)
	if err != nil {
		t.Fatal(err)
	}
	whole, large := 0, 0
	for i, err := range errs {
		switch {
		case err == nil && len(outs[i]) == 1800:
			whole++
		case FaultCode(err) == FaultTooLarge:
			large++
		default:
			t.Errorf("%d: %v", i, err)
		}
	}
	if whole < 20 || large == 0 || whole+large != 32 {
		t.Errorf("%d whole, %d too large", whole, large)
	}
	if n := len(client.Transport.(*wire).response); n > DefaultReplyBytes {
		t.Errorf("reply of %d bytes", n)
	}
}
