//go:build !unit

package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"adminbot/internal/account"
	"adminbot/internal/servertest"
)

// TestProfanityCommands takes and resolves an alert by ad-hoc commands in
// Profanity, on the embedded server and on Prosody.
func TestProfanityCommands(t *testing.T) {
	accounts := []servertest.Account{
		{Name: "admin", Password: "pw-admin", Role: account.Admin},
		{Name: "adminbot", Password: "pw-adminbot", Role: account.Bot},
	}
	for _, kind := range servertest.Kinds[:2] {
		t.Run(kind.Name, func(t *testing.T) {
			srv := kind.Start(t, servertest.Options{Accounts: accounts})
			dir := siteOn(t, srv, accounts)
			write := func(name, text string) string {
				path := filepath.Join(dir, name)
				if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
				return path
			}
			write("component.secret", srv.Secret)
			write("policy.toml", "callers = [\"*@localhost\"]\n[[rule]]\nwho = [\"*@localhost\"]\nmay = [\"R\", \"W\"]\n")
			conf := write("workgroups.toml", fmt.Sprintf("state = %q\n[account]\njid = \"admin@localhost\"\npassword_file = \"admin\"\naddress = %q\nca_file = \"ca.pem\"\n"+
				"[workgroups]\ndomain = %q\ncomponent = %q\nsecret_file = \"component.secret\"\npolicy = \"policy.toml\"\n"+
				"[[workgroups.group]]\nname = \"alerts\"\nmembers = [{ jid = \"admin@localhost\" }]\n", filepath.Join(dir, "state"), srv.Addr, srv.Name, srv.Component))
			serve(t, "serving workgroup.localhost", "workgroups", "--config", conf)
			adminbot := func(args ...string) string {
				t.Helper()
				out, err := exec.Command("adminbot", args...).CombinedOutput()
				if err != nil {
					t.Fatalf("adminbot %v: %v\n%s", args, err, out)
				}
				return string(out)
			}
			adminbot("alert", "send", "--config", conf, "--summary", "disk full", "--host", "web01")

			ctx, cancel := context.WithTimeoutCause(t.Context(), profanityWithin, fmt.Errorf("not within %s", profanityWithin))
			defer cancel()
			s := openProfanity(ctx, t, dir)
			s.see("OMEMO: cannot publish") // it has heard what everybody on the server can do
			const wg = "alerts@workgroup.localhost"
			s.enter("/cmd list " + wg)
			s.see(`(?s)Ad hoc commands:.* ack\n.* resolve\n.* takeover\n`)
			// What comes of a command is written into the chat, if there is one.
			s.enter("/msg " + wg)
			s.enter("/cmd exec list " + wg)
			s.see(`1 · warning · web01 · disk full · nobody has it`)
			s.enter("/cmd exec take " + wg)
			s.see(`Form title: Take an alert`)
			s.enter("/form submit")
			s.enter("/win 2")
			s.see(`take completed(?s:.*)Alert 1 is yours\.`)
			s.enter("/cmd exec resolve " + wg)
			s.see(`Form title: Resolve an alert`)
			s.enter("/form submit")
			s.see(`What was done`)
			s.enter("/field1 add disk cleaned")
			s.enter("/form submit")
			s.enter("/win 2")
			s.see(`resolve completed(?s:.*)Alert 1 is resolved\.`)
			if got := adminbot("alert", "show", "--config", conf, "1"); !strings.Contains(got, "resolved admin@localhost: disk cleaned") {
				t.Errorf("the alert:\n%s", got)
			}
			s.quit()
		})
	}
}
