package adminbot_test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// TestImports keeps the directions of the house: which room may reach which.
// It looks at what is linked (go list -deps), so a forbidden package is found
// however many steps away it is.
func TestImports(t *testing.T) {
	const module = "adminbot/"
	session := []string{"mellium.im/xmpp", "mellium.im/xmpp/disco", "mellium.im/xmpp/mux", "mellium.im/xmpp/dial", "mellium.im/xmpp/component"}
	tests := []struct {
		name   string
		pkgs   string
		reach  []string // the packages of this module that may be reached; a trailing slash means the whole tree
		forbid []string // packages outside the module that must not be
	}{
		{"grammar is a library", "./grammar", []string{"grammar"}, append(session, "modernc.org/sqlite")},
		{"rpc is a library", "./rpc", []string{"rpc"}, session},
		{"agentapi is a library", "./agentapi", []string{"agentapi"}, session},
		{"workgroups is a library", "./workgroups", []string{"workgroups/", "internal/xmpp/"}, append(session, "modernc.org/sqlite")},
		{"the client of workgroups is a library", "./workgroups/client", []string{"workgroups/", "internal/xmpp/"}, append(session, "modernc.org/sqlite")},
		{"codecs know no session", "./internal/xmpp/...", []string{"internal/xmpp/"}, session},
		{"the embedded server is its own", "./internal/xmppd", []string{"internal/xmppd", "internal/muc", "internal/account", "internal/xmpp/"}, session},
		{"rooms know no server", "./internal/muc", []string{"internal/muc", "internal/xmpp/"}, append(session, "modernc.org/sqlite")},
		{"the host agent is light", "./internal/hostagent/...", []string{
			"internal/hostagent/", "rpc", "agentapi", "internal/policy", "internal/audit", "internal/filelock", "internal/ration", "internal/xmpp/", "internal/textsafe"},
			append(session, "github.com/alecthomas/participle/v2", "modernc.org/sqlite")},
		{"the bot knows no session", "./bot", []string{
			"bot", "grammar", "rpc", "agentapi", "workgroups/", "internal/alertrpc", "internal/fleet", "internal/policy", "internal/audit", "internal/filelock", "internal/ration", "internal/xmpp/", "internal/textsafe"},
			append(session, "modernc.org/sqlite")},
		{"the fleet knows no session", "./internal/fleet", []string{
			"internal/fleet", "grammar", "rpc", "agentapi", "internal/xmpp/", "internal/textsafe"}, session},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, dep := range deps(t, tt.pkgs) {
				if slices.Contains(tt.forbid, dep) {
					t.Errorf("%s reaches %s", tt.pkgs, dep)
				}
				own, ok := strings.CutPrefix(dep, module)
				if ok && !slices.ContainsFunc(tt.reach, func(r string) bool {
					return own == strings.TrimSuffix(r, "/") || strings.HasSuffix(r, "/") && strings.HasPrefix(own, r)
				}) {
					t.Errorf("%s reaches %s", tt.pkgs, own)
				}
			}
		})
	}
	t.Run("only link and what stands on it knows mellium sessions", func(t *testing.T) {
		out, err := exec.Command("go", "list", "-f", `{{.ImportPath}} {{join .Imports " "}}`, "./...").Output()
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(out)) {
			fields := strings.Fields(line)
			for _, imp := range fields[1:] {
				if slices.Contains(session, imp) && fields[0] != module+"internal/link" {
					t.Errorf("%s imports %s", fields[0], imp)
				}
			}
		}
	})
}

func deps(t *testing.T, pkgs string) []string {
	t.Helper()
	out, err := exec.Command("go", "list", "-deps", pkgs).CombinedOutput()
	if err != nil {
		t.Fatalf("go list -deps %s: %v\n%s", pkgs, err, out)
	}
	return strings.Fields(string(out))
}
