package link

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"slices"
	"testing"

	"mellium.im/xmpp/jid"
)

func TestTargets(t *testing.T) {
	notFound := &net.DNSError{IsNotFound: true}
	srv := func(target string, port uint16) *net.SRV { return &net.SRV{Target: target, Port: port} }
	tests := []struct {
		name              string
		jid, addr         string
		direct, component bool
		xmpps, xmpp       []*net.SRV
		err               error // of both lookups
		want              []target
		fail              error
	}{
		{"records, direct TLS first", "a@chat.example", "", false, false,
			[]*net.SRV{srv("s1.example.", 443), srv("s2.example.", 5223)}, []*net.SRV{srv("s3.example.", 5222)}, nil,
			[]target{{"s1.example:443", true}, {"s2.example:5223", true}, {"s3.example:5222", false}}, nil},
		{"no records", "a@chat.example", "", false, false, nil, nil, notFound, []target{{"chat.example:5222", false}}, nil},
		{"resolver broken", "a@chat.example", "", false, false, nil, nil, errors.New("timeout"), []target{{"chat.example:5222", false}}, nil},
		{"decidedly no service", "a@chat.example", "", false, false, []*net.SRV{srv(".", 0)}, []*net.SRV{srv(".", 0)}, nil, nil, ErrUnreachable},
		{"international", "a@bücher.example", "", false, false, nil, nil, notFound, []target{{"xn--bcher-kva.example:5222", false}}, nil},
		{"address", "a@chat.example", "10.0.0.1:99", false, false, nil, nil, nil, []target{{"10.0.0.1:99", false}}, nil},
		{"address without port", "a@chat.example", "server", false, false, nil, nil, nil, []target{{"server:5222", false}}, nil},
		{"address without port, direct TLS", "a@chat.example", "server", true, false, nil, nil, nil, []target{{"server:5223", true}}, nil},
		{"IPv6", "a@chat.example", "::1", false, false, nil, nil, nil, []target{{"[::1]:5222", false}}, nil},
		{"IPv6 in brackets", "a@chat.example", "[::1]", false, false, nil, nil, nil, []target{{"[::1]:5222", false}}, nil},
		{"nonsense", "a@chat.example", "a:b:c", false, false, nil, nil, nil, []target{{"", false}}, ErrConfig},
		{"localhost", "a@localhost", "", false, false, []*net.SRV{srv("evil.example.", 1)}, nil, nil, []target{{"localhost:5222", false}}, nil},
		{"domain is an address", "a@127.0.0.1", "", false, false, nil, nil, nil, []target{{"127.0.0.1:5222", false}}, nil},
		{"component", "w.chat.example", "localhost", true, true, nil, nil, nil, []target{{"localhost:5347", false}}, nil},
		{"component without address", "w.chat.example", "", false, true, nil, nil, nil, nil, ErrConfig},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg := Config{JID: jid.MustParse(tt.jid), Addr: tt.addr, DirectTLS: tt.direct}
			if tt.component {
				cfg.Component = &Component{}
			}
			cfg.Lookup = func(_ context.Context, service, proto, _ string) (string, []*net.SRV, error) {
				if proto != "tcp" {
					t.Errorf("asked for %s", proto)
				}
				if service == "xmpps-client" {
					return "", tt.xmpps, tt.err
				}
				return "", tt.xmpp, tt.err
			}
			got, err := New(cfg).targets(t.Context())
			if !errors.Is(err, tt.fail) || !slices.Equal(got, tt.want) {
				t.Errorf("%v, %v, want %v, %v", got, err, tt.want, tt.fail)
			}
		})
	}
}

func TestChooseMechanism(t *testing.T) {
	tls13, tls12 := tls.ConnectionState{Version: tls.VersionTLS13}, tls.ConnectionState{Version: tls.VersionTLS12}
	all := []string{"PLAIN", "SCRAM-SHA-1", "SCRAM-SHA-1-PLUS", "SCRAM-SHA-256", "SCRAM-SHA-256-PLUS", "X-OTHER"}
	exporter := []string{"tls-server-end-point", "tls-exporter"}
	for _, tt := range []struct {
		name              string
		offered, bindings []string
		state             tls.ConnectionState
		want              string
	}{
		{"all", all, exporter, tls13, "SCRAM-SHA-256-PLUS"},
		{"no list of bindings", all, nil, tls13, "SCRAM-SHA-256"},
		{"other bindings", all, []string{"tls-unique"}, tls13, "SCRAM-SHA-256"},
		{"TLS 1.2", all, exporter, tls12, "SCRAM-SHA-256"},
		{"no TLS", all, exporter, tls.ConnectionState{}, "SCRAM-SHA-256"},
		{"old", []string{"PLAIN", "SCRAM-SHA-1"}, nil, tls13, "SCRAM-SHA-1"},
		{"old with binding", []string{"PLAIN", "SCRAM-SHA-1", "SCRAM-SHA-1-PLUS"}, exporter, tls13, "SCRAM-SHA-1-PLUS"},
		{"plain", []string{"PLAIN"}, nil, tls13, "PLAIN"},
		{"unknown", []string{"EXTERNAL", "ANONYMOUS"}, nil, tls13, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m, ok := chooseMechanism(tt.offered, tt.bindings, tt.state)
			if m.Name != tt.want || ok != (tt.want != "") {
				t.Errorf("%q, want %q", m.Name, tt.want)
			}
		})
	}
}
