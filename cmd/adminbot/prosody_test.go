//go:build !unit

package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"adminbot/internal/servertest"
	"adminbot/internal/site"
)

// TestProsody runs the bot and host agents as daemons on a real Prosody, which
// knows nothing of AdminBot but accounts and a groups file: testdata/prosody.
func TestProsody(t *testing.T) {
	accounts := map[string]string{"admin": "pw-admin", "adminbot": "pw-adminbot", "web01": "pw-web01", "web02": "pw-web02"}
	srv := servertest.StartProsody(t, servertest.Options{
		Accounts: accounts,
		Groups: "[+Hosts]\nweb01@localhost=web01\nweb02@localhost=web02\n" +
			"[+AdminBot]\nadminbot@localhost=AdminBot\n[+People]\nadmin@localhost=Admin\n",
	})
	dir := t.TempDir()
	write := func(name string, data []byte) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("ca.pem", srv.Authority.PEM)
	for name, password := range accounts {
		write(name, []byte(password))
	}
	access, err := json.Marshal(site.Access{
		Domain: "localhost", C2S: srv.Addr, CAFile: "ca.pem", Bot: "adminbot@localhost",
		Accounts: []site.Account{{JID: "admin@localhost", Role: "admin", PasswordFile: "admin"}},
		Hosts:    []site.Host{{Name: "web01", JID: "web01@localhost/agent"}, {Name: "web02", JID: "web02@localhost/agent"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	write("access.json", access)
	runScripts(t, "testdata/prosody", dir)
}
