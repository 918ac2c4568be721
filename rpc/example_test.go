package rpc_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"adminbot/rpc"

	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/stanza"
)

type FreeArgs struct {
	Mount string `rpc:"mount"`
	All   bool   `rpc:"all,omitempty"`
}

type FreeResult struct {
	FreeBytes int64     `rpc:"free_bytes"`
	At        time.Time `rpc:"at"`
}

// diskFree is a handler: it takes its named arguments out of the request and
// returns a value or a fault.
func diskFree(_ context.Context, r *rpc.Request) (rpc.Value, error) {
	var args FreeArgs
	if err := r.Bind(&args); err != nil {
		return rpc.Value{}, err
	}
	if args.Mount != "/" {
		return rpc.Value{}, rpc.Faultf(rpc.FaultNotFound, "nothing is mounted at %s", args.Mount)
	}
	return rpc.Marshal(FreeResult{
		FreeBytes: 107_374_182_400,
		At:        time.Date(2026, 11, 20, 16, 0, 0, 0, time.UTC),
	})
}

var (
	host = jid.MustParse("web01@hosts.example/agent")
	bot  = jid.MustParse("bot@hosts.example/bot")
)

// newMux is what runs on the host: only the bot may call.
func newMux() *rpc.ServeMux {
	mux := rpc.NewServeMux(rpc.Options{
		Allow:      func(bare jid.JID) bool { return bare.Equal(bot.Bare()) },
		Middleware: []rpc.Middleware{rpc.ExpireCalls(time.Now)},
	})
	mux.HandleMethod("disk.free", rpc.Descriptor{
		Help:       "Tells how much space is left on a file system.",
		Signatures: [][]string{{"struct", "struct"}},
		Multicall:  true,
	}, rpc.HandlerFunc(diskFree))
	return mux
}

// A real program has an XMPP session as the transport.
func newClient(caller jid.JID) *rpc.Client {
	return &rpc.Client{Transport: rpc.Loopback{Mux: newMux(), From: caller}}
}

func ExampleClient_Call() {
	client := newClient(bot)
	env := rpc.Envelope{Actor: jid.MustParse("ann@example.org"), Reason: "disk alarm"}
	var out FreeResult
	if err := client.Call(context.Background(), host, "disk.free", env, FreeArgs{Mount: "/"}, &out); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(out.FreeBytes, "bytes at", out.At)
	// Output: 107374182400 bytes at 2026-11-20 16:00:00 +0000 UTC
}

// Faults, stanza errors and troubles on the way are told apart by type.
func ExampleClient_Call_errors() {
	explain := func(err error) {
		var fault *rpc.Fault
		var refused stanza.Error
		switch {
		case errors.As(err, &fault):
			fmt.Printf("fault %d: %s\n", fault.Code, fault.Message)
		case errors.As(err, &refused):
			fmt.Printf("stanza error: %s\n", refused.Condition)
		case !rpc.Sent(err):
			fmt.Println("not sent, nothing was done:", err)
		default:
			fmt.Println("outcome unknown:", err)
		}
	}
	ctx := context.Background()
	explain(newClient(bot).Call(ctx, host, "disk.free", rpc.Envelope{}, FreeArgs{Mount: "/mnt"}, nil))
	explain(newClient(bot).Call(ctx, host, "disk.free", rpc.Envelope{}, map[string]any{"mount": 7}, nil))
	explain(newClient(bot).Call(ctx, host, "disk.format", rpc.Envelope{}, nil, nil))
	stranger := jid.MustParse("eve@elsewhere.example/x")
	explain(newClient(stranger).Call(ctx, host, "disk.free", rpc.Envelope{}, FreeArgs{Mount: "/"}, nil))
	explain(newClient(bot).Call(ctx, host, "disk.free", rpc.Envelope{}, time.Second, nil))
	// Output:
	// fault 404: nothing is mounted at /mnt
	// fault -32602: args.mount: want string, got int
	// fault -32601: no method disk.format here
	// stanza error: forbidden
	// not sent, nothing was done: rpc: call disk.free at web01@hosts.example/agent: rpc: marshal: time.Duration has no unit on the wire: use a number with a unit in its name
}

func ExampleClient_Multicall() {
	var root FreeResult
	var methods []string
	errs, err := newClient(bot).Multicall(context.Background(), host, rpc.Envelope{}, []rpc.Subcall{
		{Method: "disk.free", In: FreeArgs{Mount: "/"}, Out: &root},
		{Method: "disk.free", In: FreeArgs{Mount: "/mnt"}},
		{Method: "system.listMethods", Out: &methods},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(root.FreeBytes, errs[0])
	fmt.Println(errs[1])
	fmt.Println(methods[0], errs[2])
	// Output:
	// 107374182400 <nil>
	// rpc: fault 404 (not found): nothing is mounted at /mnt
	// disk.free <nil>
}

// Equal values have equal bytes, whatever they were made from.
func ExampleDigest() {
	a, _ := rpc.Marshal(FreeArgs{Mount: "/", All: true})
	b := rpc.Struct(map[string]rpc.Value{"all": rpc.Bool(true), "mount": rpc.String("/")})
	fmt.Println(a.Equal(b))
	fmt.Println(rpc.Digest("disk.free", []rpc.Value{a}) == rpc.Digest("disk.free", []rpc.Value{b}))
	fmt.Println(rpc.DigestHex("disk.free", []rpc.Value{a})[:16])
	fmt.Println(string(b.AppendXML(nil)))
	// Output:
	// true
	// true
	// 8eb3c837c045d77f
	// <value><struct><member><name>all</name><value><boolean>1</boolean></value></member><member><name>mount</name><value><string>/</string></value></member></struct></value>
}

func ExampleValue_Decode() {
	v := rpc.Struct(map[string]rpc.Value{
		"ports": rpc.Array(rpc.Int(80), rpc.Int(443), rpc.String("https")),
	})
	var args struct {
		Ports []uint16 `rpc:"ports"`
	}
	fmt.Println(v.Decode(&args))
	// Output: ports[2]: want int, got string
}
