//go:build !unit

package servertest_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"adminbot/docs"
	"adminbot/internal/servertest"
	"adminbot/internal/xmpp/roster"
)

// The accounts and contacts that both pages set up.
var onPage = contacts{
	{"adminbot", "PASSWORD", "Hosts: web01 (both), web02 (both); People: alice (both)"},
	{"alice", "PASSWORD", "AdminBot: adminbot (both); Hosts: web01 (both), web02 (both)"},
	{"web01", "PASSWORD", "AdminBot: adminbot (both); People: alice (both)"},
}

// commands are the lines of a page that run a program, up to its limits.
func commands(t *testing.T, page, program string) string {
	t.Helper()
	page, _, _ = strings.Cut(page, "\n## Limits")
	lines := regexp.MustCompile(`(?m)^`+program+` (register|srg_).*$`).FindAllString(page, -1)
	if len(lines) < 4 {
		t.Fatalf("only %d lines of %s on the page", len(lines), program)
	}
	return strings.Join(lines, "\n")
}

// shell runs a script in dir, with a program of this name that is text.
func shell(t *testing.T, dir, script, program, text string) {
	t.Helper()
	bin := t.TempDir()
	if err := os.WriteFile(filepath.Join(bin, program), []byte("#!/bin/bash\n"+text), 0o700); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("sh", "-ec", script)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	if text == "" {
		t.Fatalf("%s would be empty", name)
	}
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// prosodyctl is Debian's, for a server of a test.
func prosodyctl(s *servertest.Server) string {
	return fmt.Sprintf("exec /usr/bin/prosodyctl --config %s/prosody.cfg.lua \"$@\"\n", s.Dir)
}

// TestProsodyPage does what docs/prosody.md says.
func TestProsodyPage(t *testing.T) {
	t.Parallel()
	s := servertest.StartProsody(t, servertest.Options{Domain: "example.net"})
	shell(t, s.Dir, commands(t, docs.Prosody, "prosodyctl"), "prosodyctl", prosodyctl(s))
	groups := docs.Block(docs.Prosody, "; /etc/prosody/adminbot-groups.txt  (+: on everybody's contact list)")
	write(t, s.Dir, "groups.txt", groups)
	s.Stop(t)
	s.Start(t)
	onPage.check(t, s)

	t.Run("large sites", func(t *testing.T) {
		s.Stop(t)
		_, rest, _ := strings.Cut(groups, "[+AdminBot]")
		write(t, s.Dir, "groups.txt", "[+AdminBot]"+rest)
		write(t, s.Dir, "hosts.txt", "web01\nweb02\n")
		const title = "# adminbot-contacts.sh NAME... : gives these accounts every host of hosts.txt as a contact"
		write(t, s.Dir, "adminbot-contacts.sh", strings.Replace(docs.Block(docs.Prosody, title), "/var/lib/prosody", s.Dir+"/data", 1))
		shell(t, s.Dir, "sh adminbot-contacts.sh adminbot", "prosodyctl", prosodyctl(s))
		s.Start(t)
		contacts{
			onPage[0],
			{"alice", "PASSWORD", "AdminBot: adminbot (both); Hosts: "},
			{"web01", "PASSWORD", "AdminBot: adminbot (both); Hosts: ; People: alice (both)"},
		}.check(t, s)
	})
}

// ejabberdctl is Debian's, for a server of a test: it does not change its user.
func ejabberdctl(t *testing.T, s *servertest.Server) string {
	t.Helper()
	shipped, err := os.ReadFile("/usr/sbin/ejabberdctl")
	if err != nil {
		t.Fatal(err)
	}
	const user = "\nINSTALLUSER=ejabberd\n"
	if !strings.Contains(string(shipped), user) {
		t.Fatal("ejabberdctl has no INSTALLUSER")
	}
	set := fmt.Sprintf("export HOME=%[1]s\nset -- -n ejabberd@localhost -d %[1]s -s %[1]s/spool -l %[1]s/logs -f %[1]s/ejabberd.yml -c %[1]s/ejabberdctl.cfg \"$@\"\n", s.Dir)
	return set + strings.Replace(string(shipped), user, "\nINSTALLUSER=\n", 1)
}

// TestEjabberdPage does what docs/ejabberd.md says.
func TestEjabberdPage(t *testing.T) {
	t.Parallel()
	s := servertest.StartEjabberd(t, servertest.Options{Domain: "example.net"})
	ctl := ejabberdctl(t, s)
	shell(t, s.Dir, commands(t, docs.Ejabberd, "ejabberdctl"), "ejabberdctl", ctl)
	onPage.check(t, s)

	t.Run("a new host is seen at once", func(t *testing.T) {
		bot := session(s, "adminbot@example.net/bot", "PASSWORD")
		pushed := make(chan string, 10)
		bot.HandleRoster(func(_ context.Context, item roster.Item) { pushed <- item.JID.String() })
		run(t, bot)
		if _, err := bot.Roster(t.Context()); err != nil {
			t.Fatal(err)
		}
		s.AddAccounts(t, servertest.Account{Name: "web03", Password: "x"}) // register and srg_user_add
		select {
		case got := <-pushed:
			if got != "web03@example.net" {
				t.Errorf("pushed %s", got)
			}
		case <-time.After(time.Minute):
			t.Error("not within a minute")
		}
	})

	t.Run("large sites", func(t *testing.T) {
		write(t, s.Dir, "hosts.txt", "db01 PASSWORD\ndb02 other\n")
		const title = "# adminbot-dump.sh : hosts.txt (NAME PASSWORD) to a dump for ejabberdctl load"
		write(t, s.Dir, "adminbot-dump.sh", docs.Block(docs.Ejabberd, title))
		large := docs.Block(docs.Ejabberd, "# large sites: people see only the bot")
		if large == "" {
			t.Fatal("the page does not say how people see only the bot")
		}
		load := docs.Block(docs.Ejabberd, "# large sites: load it where ejabberd can read it, and let it forget what it had in its caches")
		shell(t, s.Dir, large+strings.ReplaceAll(load, "/var/lib/ejabberd", s.Dir), "ejabberdctl", ctl)
		s.Stop(t)
		s.Start(t)
		contacts{
			{"adminbot", "PASSWORD", "Hosts: db01 (both), db02 (both), web01 (both), web02 (both), web03 (both)"},
			{"alice", "PASSWORD", "AdminBot: adminbot (both); Hosts: "},
			{"db01", "PASSWORD", "AdminBot: adminbot (both); Hosts: ; People: alice (both)"},
			{"db02", "other", "AdminBot: adminbot (both)"},
		}.check(t, s)
	})
}
