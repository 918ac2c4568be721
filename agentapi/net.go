package agentapi

import "time"

// The methods about the network.
var (
	NetListeners = Define[NetListenersArgs, NetListenersResult](Spec{
		Name: "net.listeners", Permission: "net.read", Class: Read, Timeout: 10 * time.Second, Built: true,
		Privilege: "the same user, or root, to name the process behind a port",
		Help:      "Lists what listens on the network, and who.",
	})
	NetDNS = Define[NetDNSArgs, NetDNSResult](Spec{
		Name: "net.dns", Permission: "net.probe", Class: Read, Timeout: 15 * time.Second,
		Help: "Asks the DNS from the host's point of view.",
	})
	NetConnect = Define[NetConnectArgs, NetConnectResult](Spec{
		Name: "net.connect", Permission: "net.probe", Class: Read, Timeout: 15 * time.Second,
		Help: "Tries a connection from the host and times each stage.",
	})
)

func netMethods() []Spec { return []Spec{Spec(NetListeners), Spec(NetDNS), Spec(NetConnect)} }

type NetListenersArgs struct {
	Proto string `rpc:"proto,omitempty" validate:"oneof=tcp udp all" default:"all"`
	Port  *int32 `rpc:"port,omitempty" validate:"omitempty,min=1,max=65535"`
	Next  string `rpc:"next,omitempty" validate:"max=128"`
}

type NetListenersResult struct {
	Common
	Page
	Listeners []Listener `rpc:"listeners"`
}

type Listener struct {
	Proto   string `rpc:"proto" help:"tcp, tcp6, udp, udp6"`
	Address string `rpc:"address"`
	Port    int32  `rpc:"port"`
	PID     *int32 `rpc:"pid,omitempty" help:"absent where the host agent may not see it"`
	Process string `rpc:"process,omitempty"`
	Unit    string `rpc:"unit,omitempty"`
}

type NetDNSArgs struct {
	Name   string `rpc:"name" validate:"required,host"`
	Type   string `rpc:"type,omitempty" validate:"oneof=A AAAA MX TXT SRV PTR NS" default:"A"`
	Server string `rpc:"server,omitempty" validate:"omitempty,host" help:"one that the host allows"`
}

type NetDNSResult struct {
	Common
	Answers []string `rpc:"answers"`
	RCode   string   `rpc:"rcode" help:"NOERROR, NXDOMAIN, …"`
	Server  string   `rpc:"server,omitempty"`
}

type NetConnectArgs struct {
	Target    string `rpc:"target" validate:"required,target" help:"host:port or a URL, among those that the host allows"`
	TimeoutMS int32  `rpc:"timeout_ms,omitempty" validate:"min=50,max=10000" default:"3000"`
}

type NetConnectResult struct {
	Common
	OK            bool      `rpc:"ok"`
	Stage         string    `rpc:"stage" help:"the last one tried: dns, tcp, tls, http"`
	Error         string    `rpc:"error,omitempty"`
	DNSMS         *float64  `rpc:"dns_ms,omitempty"`
	TCPMS         *float64  `rpc:"tcp_ms,omitempty" agg:"avg,max"`
	TLSMS         *float64  `rpc:"tls_ms,omitempty"`
	TTFBMS        *float64  `rpc:"ttfb_ms,omitempty" agg:"avg,max"`
	Status        *int32    `rpc:"status,omitempty"`
	TLSVersion    string    `rpc:"tls_version,omitempty"`
	CertExpiresAt time.Time `rpc:"cert_expires_at,omitempty"`
	CertSubject   string    `rpc:"cert_subject,omitempty"`
}
