package agentapi

import "time"

// The methods about the network.
var (
	NetListeners = Define[NetListenersArgs, NetListenersResult](Spec{
		Name: "net.listeners", Permission: "net.read", Class: Read, Timeout: 10 * time.Second, Built: true,
		Privilege: "the same user, or root, to name the process behind a port",
		Help:      "Lists what listens on the network, and who.",
		Words: []string{"listeners", "open ports", "listening ports", "ports", "who is listening", "what is listening",
			"listening", "netstat", "ss", "sockets"},
	})
	NetDNS = Define[NetDNSArgs, NetDNSResult](Spec{
		Name: "net.dns", Permission: "net.probe", Class: Read, Timeout: 15 * time.Second,
		Help:  "Asks the DNS from the host's point of view.",
		Words: []string{"dns", "resolve", "lookup", "dig", "nslookup", "look up", "dns lookup"},
	})
	NetConnect = Define[NetConnectArgs, NetConnectResult](Spec{
		Name: "net.connect", Permission: "net.probe", Class: Read, Timeout: 15 * time.Second,
		Help:  "Tries a connection from the host and times each stage.",
		Words: []string{"connect to", "can it reach", "test connection", "try connecting to", "curl", "probe", "check connection to", "can it connect to"},
	})
)

func netMethods() []Spec { return []Spec{NetListeners.Spec, NetDNS.Spec, NetConnect.Spec} }

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

type NetDNSArgs struct {
	Name   string `rpc:"name" validate:"required,host" words:"name,of,for"`
	Type   string `rpc:"type,omitempty" validate:"oneof=A AAAA MX TXT SRV PTR NS" default:"A" words:"type,record" values:"MX=mx|mail exchanger;AAAA=aaaa|ipv6;A=a|ipv4;PTR=ptr|reverse;NS=ns|name server;TXT=txt;SRV=srv"`
	Server string `rpc:"server,omitempty" validate:"omitempty,host" words:"at,from,using" help:"one that the host allows"`
}

type NetDNSResult struct {
	Common
	Answers []string `rpc:"answers"`
	RCode   string   `rpc:"rcode" words:"rcode" help:"NOERROR, NXDOMAIN, …"`
	Server  string   `rpc:"server,omitempty"`
}

type NetConnectArgs struct {
	Target    string `rpc:"target" validate:"required,target" words:"to,target" help:"host:port or a URL, among those that the host allows"`
	TimeoutMS int32  `rpc:"timeout_ms,omitempty" validate:"min=50,max=10000" default:"3000" words:"within,timeout"`
}

type NetConnectResult struct {
	Common
	OK            bool      `rpc:"ok" words:"ok,reachable"`
	Stage         string    `rpc:"stage" words:"stage" help:"the last one tried: dns, tcp, tls, http"`
	Error         string    `rpc:"error,omitempty" words:"error"`
	DNSMS         *float64  `rpc:"dns_ms,omitempty"`
	TCPMS         *float64  `rpc:"tcp_ms,omitempty" words:"latency" most:"slowest" least:"fastest" agg:"avg,max"`
	TLSMS         *float64  `rpc:"tls_ms,omitempty"`
	TTFBMS        *float64  `rpc:"ttfb_ms,omitempty" words:"time to first byte" agg:"avg,max"`
	Status        *int32    `rpc:"status,omitempty" words:"status"`
	TLSVersion    string    `rpc:"tls_version,omitempty"`
	CertExpiresAt time.Time `rpc:"cert_expires_at,omitempty" words:"certificate expiry"`
	CertSubject   string    `rpc:"cert_subject,omitempty"`
}
