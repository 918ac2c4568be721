package hostagent

import (
	"context"
	"path"
	"strings"
	"time"

	"adminbot/agentapi"
	"adminbot/internal/policy"
	"adminbot/rpc"
)

// system guards the mux's own methods, which no typed function stands behind.
func (g *guard) system(next rpc.Handler) rpc.Handler {
	return rpc.HandlerFunc(func(ctx context.Context, r *rpc.Request) (rpc.Value, error) {
		if !strings.HasPrefix(r.Method, "system.") {
			return next.ServeRPC(ctx, r)
		}
		spec, ok := agentapi.Lookup(r.Method)
		if !ok {
			spec = agentapi.Spec{Name: r.Method, Permission: "rpc.introspect", Class: agentapi.Read, Timeout: 5 * time.Second}
		}
		spec.Built = true
		return g.serve(ctx, spec, r, work{run: func(ctx context.Context, _ any) (rpc.Value, error) { return next.ServeRPC(ctx, r) }})
	})
}

// introspection answers rpc.*.
type introspection struct {
	guard   *guard
	version string
	started time.Time
	// would says for a method with checked arguments what a call would do.
	would map[string]func(ctx context.Context, args any) string
	built map[string]bool
}

func (i *introspection) describe(_ context.Context, args agentapi.RPCDescribeArgs) (agentapi.RPCDescribeResult, error) {
	res := agentapi.RPCDescribeResult{Ver: agentapi.Ver()}
	for _, s := range agentapi.All() {
		if s.Local || !named(args.Names, s.Name) {
			continue
		}
		s.Built = i.built[s.Name] || strings.HasPrefix(s.Name, "system.")
		res.Methods = append(res.Methods, s.Describe())
	}
	res.Total = int32(len(res.Methods))
	if len(res.Methods) == 0 {
		return res, rpc.Faultf(rpc.FaultNotFound, "no method is named %s", strings.Join(args.Names, " or "))
	}
	return res, nil
}

func named(globs []string, name string) bool {
	if len(globs) == 0 {
		return true
	}
	for _, g := range globs {
		if ok, _ := path.Match(g, name); ok {
			return true
		}
	}
	return false
}

// check answers what a call would meet, with the caller and actor of this
// call. It runs nothing.
func (i *introspection) check(ctx context.Context, args agentapi.RPCCheckArgs) (agentapi.RPCCheckResult, error) {
	res := agentapi.RPCCheckResult{Valid: "ok"}
	spec, ok := agentapi.Lookup(args.Method)
	if !ok || spec.Local || spec.Bot {
		return res, rpc.Faultf(rpc.FaultMethodNotFound, "no method %q here", short(args.Method, 80))
	}
	c := callFrom(ctx)
	if c == nil {
		return res, rpc.Faultf(rpc.FaultInternal, "no call")
	}
	value, err := rpc.Marshal(args.Args)
	if err != nil {
		return res, rpc.Faultf(rpc.FaultParams, "%v", err)
	}
	if spec.Positional {
		res.Valid = "positional parameters are not checked"
	}
	req := &rpc.Request{From: c.req.From, To: c.req.To, Method: spec.Name, Params: []rpc.Value{value}, Envelope: c.req.Envelope, Received: c.req.Received}
	var bargs bound
	class, perm := spec.Class, spec.Permission
	if !spec.Positional {
		bargs.value, err = bind(spec, req)
		if err != nil {
			bargs.fault = paramsFault(err)
			res.Valid = bargs.fault.Message
		}
		class, perm = spec.For(bargs.value)
	}
	d := policy.Decision{Allow: true, Rule: "its members decide"}
	if perm != "" {
		d = i.guard.Policy().Decide(policy.Ask{
			Who: c.actor, Via: c.req.From.Bare(), Method: spec.Name, Permission: perm,
			Class: class.String(), Args: askedArgs(req, bargs), At: i.guard.now(),
		})
	}
	res.Allowed, res.Rule = d.Allow, d.Rule
	if !d.Allow {
		res.Rule = d.Reason()
	}
	if _, trusted := i.guard.clock(); class.Changes() && !trusted {
		res.Allowed, res.Rule = false, "the clock of this host cannot be compared with the server's"
	}
	switch would := i.would[spec.Name]; {
	case !i.built[spec.Name] && !strings.HasPrefix(spec.Name, "system."):
		res.Would = "nothing: it is not built yet (fault 501)"
	case !res.Allowed:
		res.Would = "nothing: it would be refused (fault 403)"
	case bargs.fault != nil:
		res.Would = "nothing: the arguments are wrong (fault -32602)"
	case would != nil:
		res.Would = would(ctx, bargs.value)
		if why, fails := strings.CutPrefix(res.Would, wouldFail); fails {
			res.Valid = why
		}
	default:
		res.Would = strings.TrimSuffix(spec.Help, ".")
	}
	return res, nil
}

func (i *introspection) ping(_ context.Context, args agentapi.RPCPingArgs) (agentapi.RPCPingResult, error) {
	return agentapi.RPCPingResult{
		Pong: true, Nonce: args.Nonce, Version: i.version,
		UptimeSeconds: int64(i.guard.now().Sub(i.started).Seconds()),
	}, nil
}
