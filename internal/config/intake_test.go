package config

import (
	"strings"
	"testing"
)

func TestIntakeRefuses(t *testing.T) {
	one := []Source{{Name: "a", TokenFile: "a"}}
	tests := []struct {
		name string
		c    Intake
		want string // empty: it is good
	}{
		{"none", Intake{}, ""},
		{"on loopback", Intake{Listen: "127.0.0.1:8642", Mail: "[::1]:2525", Source: one}, ""},
		{"in the clear", Intake{Listen: "0.0.0.0:8642", Source: one}, "tokens would be sent in the clear"},
		{"on all addresses", Intake{Listen: ":8642", Source: one}, "tokens would be sent in the clear"},
		{"by intent", Intake{Listen: "0.0.0.0:8642", Plain: true, Source: one}, ""},
		{"with TLS", Intake{Listen: "0.0.0.0:8642", Certificate: "c", Key: "k", Source: one}, ""},
		{"half of TLS", Intake{Listen: "127.0.0.1:8642", Certificate: "c", Source: one}, "go together"},
		{"mail from anywhere", Intake{Mail: "0.0.0.0:25", Source: one}, "anybody could raise alerts"},
		{"nobody", Intake{Listen: "127.0.0.1:8642"}, "nobody may raise alerts"},
		{"no secret", Intake{Source: []Source{{Name: "a"}}}, "no token_file"},
		{"no name", Intake{Source: []Source{{TokenFile: "a"}}}, "no name"},
		{"a proxy by name", Intake{Proxies: []string{"192.0.2.0/24", "2001:db8::1", "proxy.example.net"}, Source: one}, `"proxy.example.net" is neither an address`},
		{"a key with a plus", Intake{Source: []Source{{Name: "a", MailKey: "a+b"}}}, "mail_key"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := tt.c.check()
			if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}
