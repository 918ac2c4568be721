package redact

import (
	"strings"
	"testing"
)

func TestLine(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"nothing", "GET /index.html 200", "GET /index.html 200"},
		{"password=", "login user=bob password=hunter2 ok", "login user=bob password=[cut] ok"},
		{"colon", "DB_PASSWORD: hunter2", "DB_PASSWORD: [cut]"},
		{"quoted", `db_password = "two words" x`, `db_password = [cut] x`},
		{"json", `{"user":"bob","apiKey":"abc","n":1}`, `{"user":"bob","apiKey":[cut],"n":1}`},
		{"json with escapes", `{"secret":"a\"b","n":1}`, `{"secret":[cut],"n":1}`},
		{"url", "fetch https://bob:hunter2@db.example/x", "fetch https://bob:[cut]@db.example/x"},
		{"url without", "fetch https://db.example:8080/x@y", "fetch https://db.example:8080/x@y"},
		{"query", "GET /cb?access_token=abcdef&x=1", "GET /cb?access_token=[cut]&x=1"},
		{"bearer", "Authorization: Bearer abc.def-ghi", "Authorization: Bearer [cut]"},
		{"basic", `-H "Authorization: Basic Ym9iOng="`, `-H "Authorization: Basic [cut]"`},
		{"bare bearer", "sent bearer abcdefghijkl", "sent bearer [cut]"},
		{"aws", "key AKIAIOSFODNN7EXAMPLE used", "key [cut] used"},
		{"github", "with ghp_abcdefghijklmnopqrstuvwxyz0123", "with [cut]"},
		{"jwt", "got eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.abc", "got [cut]"},
		{"private key", "-----BEGIN RSA PRIVATE KEY-----MIIE-----END RSA PRIVATE KEY----- x", "[cut] x"},
		{"cut off private key", "-----BEGIN PRIVATE KEY-----MIIE", "[cut]"},
		{"words that are none", "passed 3 checks, no key found: monkey=1", "passed 3 checks, no key found: monkey=1"},
		{"cookie", "Set-Cookie: sid=abc; Path=/", "Set-Cookie: [cut]; Path=/"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := Line(tt.in); got != tt.want {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
}

// Whatever stands around it, a secret with a name does not come through.
func FuzzLine(f *testing.F) {
	f.Add("user=bob ", " done")
	f.Add(`{"a":1,`, "}")
	f.Fuzz(func(t *testing.T, before, after string) {
		const secret = "Zq9hunter2xyzzy"
		if strings.Contains(before, secret) || strings.Contains(after, secret) || strings.ContainsAny(before[max(0, len(before)-1):], `"'\`) {
			return
		}
		in := before + " password=" + secret + " " + after
		if got := Line(in); strings.Contains(got, secret) {
			t.Errorf("%q became %q", in, got)
		}
	})
}

func TestArgs(t *testing.T) {
	tests := []struct {
		name string
		argv []string
		want string
	}{
		{"plain", []string{"nginx", "-g", "daemon off;"}, "nginx -g daemon off;"},
		{"flag and value", []string{"curl", "--token", "abc", "-v"}, "curl --token [cut] -v"},
		{"flag=value", []string{"app", "--db-password=abc"}, "app --db-password=[cut]"},
		{"flag alone", []string{"app", "--password", "--user", "bob"}, "app --password --user bob"},
		{"mysql", []string{"/usr/bin/mysqldump", "-ubob", "-phunter2", "db"}, "/usr/bin/mysqldump -ubob -p[cut] db"},
		{"-p of others", []string{"ssh", "-p2222", "host"}, "ssh -p2222 host"},
		{"environment", []string{"env", "PGPASSWORD=abc", "psql"}, "env PGPASSWORD=[cut] psql"},
		{"none", nil, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := Args(tt.argv, 1000); got != tt.want {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
	if got := Args([]string{"x", strings.Repeat("y", 100)}, 50); len(got) > 50 {
		t.Errorf("%d bytes, want at most 50", len(got))
	}
}

func BenchmarkLine(b *testing.B) {
	const line = "Nov 20 13:00:02 web01 nginx[7]: 192.0.2.7 GET /index.html 200 in 12 ms"
	b.SetBytes(int64(len(line)))
	for b.Loop() {
		Line(Clean(line, 2048))
	}
}
