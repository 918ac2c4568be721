//go:build !unit

package workgroups_test

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"adminbot/internal/servertest"
	"adminbot/workgroups"
)

// python is Debian's interpreter, which sees Debian's packages.
const python = "/usr/bin/python3"

// person runs a part of testdata/person.py as alice, until that ends well, and
// returns what it printed.
func (r *running) person(what string) string {
	r.t.Helper()
	if out, err := exec.Command(python, "-c", "import slixmpp").CombinedOutput(); err != nil {
		r.t.Fatalf("%v: %s\nhint: apt-get install python3-slixmpp", err, out)
	}
	ca := filepath.Join(r.t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, r.srv.Authority.PEM, 0o600); err != nil {
		r.t.Fatal(err)
	}
	host, port, err := net.SplitHostPort(r.srv.Addr)
	if err != nil {
		r.t.Fatal(err)
	}
	out, err := exec.CommandContext(r.t.Context(), python, "testdata/person.py", host, port, ca, "alice@"+r.srv.Domain+"/phone", "pw", r.addr, what).CombinedOutput()
	if err != nil {
		r.t.Fatalf("%v\n%s", err, out)
	}
	return string(out)
}

// TestPersonReplies: a client that knows replies and reactions answers offers with
// them.
func TestPersonReplies(t *testing.T) {
	servertest.Each(t, servertest.Options{Accounts: people}, func(t *testing.T, srv *servertest.Server) {
		r := serve(t, srv, nil)
		one, two := r.raise(workgroups.Report{Summary: "first"}), r.raise(workgroups.Report{Summary: "second"})
		r.person("replies")
		if a := r.wants(one.ID, workgroups.Resolved, "alice@"+srv.Domain); a.Reason != "disk cleaned" {
			t.Errorf("reason %q", a.Reason)
		}
		r.wants(two.ID, workgroups.Resolved, "alice@"+srv.Domain)
	})
}

// TestPersonCommands: a client that knows ad-hoc commands does everything with
// them.
func TestPersonCommands(t *testing.T) {
	servertest.Each(t, servertest.Options{Accounts: people}, func(t *testing.T, srv *servertest.Server) {
		r := serve(t, srv, nil)
		one := r.raise(workgroups.Report{Summary: "first", Host: "web01"})
		r.raise(workgroups.Report{Summary: "second"})
		want := `commands ack,join,leave,list,oncall,pass,resolve,show,silence,take,takeover
take is ('automation', 'command-node')
take executing complete {'alert': ['1', '2']} 
take completed  {} Alert 1 is yours.
resolve executing next {'alert': ['2', '1']} 
resolve executing complete,prev {'note': []} 
resolve executing next {'alert': ['2', '1']} 
resolve executing complete,prev {'note': []} 
resolve completed  {} Alert 1 is resolved.
resolve executing next {'alert': ['2']} 
resolve canceled  {} 
`
		got, rest, _ := strings.Cut(r.person("commands"), "silence ")
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("-want +got\n%s", d)
		}
		for _, line := range []string{"completed  {} Nobody is asked about host=web01 until ", "oncall completed  {} There is no schedule here", "list completed  {} 2 · warning · second · nobody has it", "reboot item-not-found"} {
			if !strings.Contains(rest, line) {
				t.Errorf("no %q in:\n%s", line, rest)
			}
		}
		if a := r.wants(one.ID, workgroups.Resolved, "alice@"+srv.Domain); a.Reason != "disk cleaned" {
			t.Errorf("reason %q", a.Reason)
		}
	})
}
