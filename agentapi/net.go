package agentapi

import "time"

// The methods about the network.
var (
	NetListeners = method[NetListenersArgs, NetListenersResult](Spec{
		Name: "net.listeners", Permission: "net.read", Class: Read, Timeout: 10 * time.Second, Built: true,
		Privilege: "the same user, or root, to name the process behind a port",
		Help:      "Lists what listens on the network, and who.",
		Words: []string{"listeners", "open ports", "listening ports", "ports", "who is listening", "what is listening",
			"listening", "netstat", "ss", "sockets"},
	})
)

func netMethods() []Spec { return []Spec{NetListeners.Spec} }

type NetListenersArgs struct {
	Proto string `rpc:"proto,omitempty" validate:"oneof=tcp udp all" default:"all" words:"protocol,proto"`
	Port  *int32 `rpc:"port,omitempty" validate:"omitempty,min=1,max=65535" words:"port,on port"`
}

type NetListenersResult struct {
	Common
	Page
	Listeners []Listener `rpc:"listeners"`
}

type Listener struct {
	Proto   string `rpc:"proto" words:"protocol,proto" help:"tcp, tcp6, udp, udp6"`
	Address string `rpc:"address" words:"address"`
	Port    int32  `rpc:"port" words:"port"`
	PID     *int32 `rpc:"pid,omitempty" words:"pid" help:"absent where the host agent may not see it"`
	Process string `rpc:"process,omitempty" words:"process,program"`
	Unit    string `rpc:"unit,omitempty" words:"unit,service"`
}
