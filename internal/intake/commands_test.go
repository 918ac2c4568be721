//go:build !unit

package intake

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// commands reads the notification commands that are shipped, ready to post to a
// site: by name, as a shell reads a command line.
func (s *site) commands(file string) string {
	s.t.Helper()
	text, err := os.ReadFile(filepath.Join("../../docs", file))
	if err != nil {
		s.t.Fatal(err)
	}
	header := filepath.Join(s.t.TempDir(), "header")
	if err := os.WriteFile(header, []byte("Authorization: Bearer "+testToken+"\n"), 0o600); err != nil {
		s.t.Fatal(err)
	}
	return strings.NewReplacer("http://127.0.0.1:8642", s.url, "/etc/nagios/adminbot.header", header, "/etc/icinga2/adminbot.header", header).Replace(string(text))
}

func run(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%s: %v\n%s", cmd, err, out)
	}
}

// TestNagiosCommands runs the commands of docs/nagios as Nagios does: macros
// replaced, then a shell.
func TestNagiosCommands(t *testing.T) {
	s := open(t, nil)
	lines := regexp.MustCompile(`(?m)^\s*command_line\s+(.*)$`).FindAllStringSubmatch(s.commands("nagios/adminbot.cfg"), -1)
	if len(lines) != 2 {
		t.Fatalf("%d commands", len(lines))
	}
	notify := func(i int, kind, state, output string) {
		t.Helper()
		run(t, exec.Command("sh", "-c", strings.NewReplacer("$NOTIFICATIONTYPE$", kind, "$HOSTNAME$", "web01", "$SERVICEDESC$", "disk /", "$HOSTSTATE$", state,
			"$SERVICESTATE$", state, "$HOSTADDRESS$", "192.0.2.1", "$HOSTOUTPUT$", output, "$SERVICEOUTPUT$", output, "$LONGHOSTOUTPUT$", "", "$LONGSERVICEOUTPUT$", `first\nsecond`).Replace(lines[i][1])))
	}
	notify(0, "PROBLEM", "DOWN", "PING CRITICAL - Packet loss = 100%")
	notify(1, "PROBLEM", "WARNING", "8% & falling; @/etc/passwd")
	notify(1, "ACKNOWLEDGEMENT", "WARNING", "8%")
	s.expect(
		`1 alerts critical "web01 is DOWN: PING CRITICAL - Packet loss = 100%" web01 ×1`,
		`2 alerts warning "disk / is WARNING: 8% & falling; @/etc/passwd" web01 ×1`,
	)
	a, _, err := s.service.Alert(t.Context(), 2)
	if err != nil || a.Details != "8% & falling; @/etc/passwd\nfirst\nsecond\naddress: 192.0.2.1" || a.Labels["service"] != "disk /" {
		t.Errorf("%q %v %v", a.Details, a.Labels, err)
	}
	notify(1, "RECOVERY", "OK", "9%")
	notify(0, "RECOVERY", "UP", "PING OK")
	s.expect()
}

// TestIcingaCommands runs the commands of docs/icinga as Icinga 2 does: macros
// replaced in each argument, and no shell.
func TestIcingaCommands(t *testing.T) {
	s := open(t, nil)
	conf := s.commands("icinga/adminbot.conf")
	lists := regexp.MustCompile(`(?s)command \+?= \[(.*?)\]`).FindAllStringSubmatch(conf, -1)
	if len(lists) != 3 {
		t.Fatalf("%d lists of arguments", len(lists))
	}
	notify := func(i int, kind, state string) {
		t.Helper()
		var argv []string
		macros := strings.NewReplacer("$notification.type$", kind, "$host.name$", "web01", "$host.address$", "", "$host.state$", state, "$host.output$", `it's "down"`,
			"$service.name$", "disk", "$service.state$", state, "$service.output$", "full\nsecond line")
		for _, arg := range regexp.MustCompile(`"([^"]*)"`).FindAllStringSubmatch(lists[0][1]+lists[i][1], -1) {
			argv = append(argv, macros.Replace(arg[1]))
		}
		run(t, exec.Command(argv[0], argv[1:]...))
	}
	notify(1, "PROBLEM", "DOWN")
	notify(2, "PROBLEM", "CRITICAL")
	s.expect(
		`1 alerts critical "web01 is DOWN: it's \"down\"" web01 ×1`,
		`2 alerts critical "disk is CRITICAL: full second line" web01 ×1`,
	)
	notify(2, "RECOVERY", "OK")
	notify(1, "RECOVERY", "UP")
	s.expect()
}
