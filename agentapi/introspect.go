package agentapi

import "time"

// The methods about methods: the de facto system.* ones, with their positional
// signatures, and the richer rpc.* ones.
var (
	SystemListMethods = Define[NoArgs, []string](Spec{
		Name: "system.listMethods", Permission: "rpc.introspect", Class: Read, Timeout: 5 * time.Second,
		Positional: true, Built: true,
		Help: "Names every method that this host answers.",
	})
	SystemMethodSignature = Define[MethodNameArgs, [][]string](Spec{
		Name: "system.methodSignature", Permission: "rpc.introspect", Class: Read, Timeout: 5 * time.Second,
		Positional: true, Built: true,
		Help: "Gives the result type and parameter types of a method.",
	})
	SystemMethodHelp = Define[MethodNameArgs, string](Spec{
		Name: "system.methodHelp", Permission: "rpc.introspect", Class: Read, Timeout: 5 * time.Second,
		Positional: true, Built: true,
		Help: "Says in a sentence what a method does.",
	})
	SystemMulticall = Define[MulticallArgs, []any](Spec{
		Name: "system.multicall", Permission: "", Class: Read, Timeout: 2 * time.Minute,
		Positional: true, Built: true,
		Help: "Makes up to 32 reads in one call; each answers for itself, as a one-item list or a fault.",
	})
	RPCDescribe = Define[RPCDescribeArgs, RPCDescribeResult](Spec{
		Name: "rpc.describe", Permission: "rpc.introspect", Class: Read, Timeout: 5 * time.Second, Built: true,
		Help: "Describes methods: arguments, results, units, bounds, class and permission.",
	})
	RPCCheck = Define[RPCCheckArgs, RPCCheckResult](Spec{
		Name: "rpc.check", Permission: "rpc.introspect", Class: Read, Timeout: 10 * time.Second, Built: true,
		Help: "Says whether the host would accept a call and what it would do, without doing it.",
	})
	RPCPing = Define[RPCPingArgs, RPCPingResult](Spec{
		Name: "rpc.ping", Permission: "rpc.ping", Class: Read, Timeout: 5 * time.Second, Built: true,
		Help: "Answers, and says how long the host agent has been up.",
	})
)

func introspectionMethods() []Spec {
	return []Spec{Spec(SystemListMethods), Spec(SystemMethodSignature), Spec(SystemMethodHelp), Spec(SystemMulticall),
		Spec(RPCDescribe), Spec(RPCCheck), Spec(RPCPing)}
}

// NoArgs is the argument struct of methods that take none.
type NoArgs struct{}

type MethodNameArgs struct {
	Name string `rpc:"name" validate:"required,max=256" help:"a method's name"`
}

type MulticallArgs struct {
	Calls []MulticallCall `rpc:"calls" validate:"max=32,dive" help:"reads only, and no multicall among them"`
}

type MulticallCall struct {
	MethodName string `rpc:"methodName" validate:"required,max=256"`
	Params     []any  `rpc:"params,omitempty"`
}

type RPCDescribeArgs struct {
	Names []string `rpc:"names,omitempty" validate:"max=64,dive,glob" help:"names or globs of methods; all without it"`
}

type RPCDescribeResult struct {
	Common
	Page
	Ver     string        `rpc:"ver" help:"hash of all descriptions, also in the caps of presence"`
	Methods []Description `rpc:"methods"`
}

type RPCCheckArgs struct {
	Method string         `rpc:"method" validate:"required,max=256" help:"the method that would be called"`
	Args   map[string]any `rpc:"args,omitempty" help:"its arguments"`
}

type RPCCheckResult struct {
	Common
	Allowed bool   `rpc:"allowed" help:"the host's policy lets this caller and actor do it"`
	Rule    string `rpc:"rule" help:"the rule that decided, or the missing permission"`
	Valid   string `rpc:"valid" help:"ok, or why these arguments cannot work here"`
	Would   string `rpc:"would" help:"what the call would do now, in a sentence"`
}

type RPCPingArgs struct {
	Nonce string `rpc:"nonce,omitempty" validate:"max=64" help:"comes back in the answer"`
}

type RPCPingResult struct {
	Common
	Pong          bool   `rpc:"pong"`
	Nonce         string `rpc:"nonce,omitempty"`
	Version       string `rpc:"version" help:"the host agent's version"`
	UptimeSeconds int64  `rpc:"uptime_seconds" help:"how long the host agent has run"`
}
