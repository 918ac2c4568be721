//go:build bench

package bench

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"adminbot/internal/account"
	"adminbot/internal/servertest"
)

var (
	adminbot = flag.String("adminbot", "", "the program that is measured")
	idle     = flag.Duration("idle", 10*time.Minute, "how long the idle agent is watched")
	scale    = flag.Int("scale", 1, "divide all sizes by this: a quick look, which is written nowhere")
)

// TestFigures measures everything, on all three servers, and writes
// docs/performance.json and what is made of it.
func TestFigures(t *testing.T) {
	if *adminbot == "" {
		t.Fatal("this is make bench")
	}
	var all Report
	run := func(t *testing.T, args ...string) {
		t.Helper()
		r, err := measured(append(args, "--json"))
		if err != nil { // a machine may have a bad moment
			t.Logf("once more after: %v", err)
			r, err = measured(append(args, "--json"))
		}
		if err != nil {
			t.Error(err)
			return
		}
		var table strings.Builder
		r.Table(&table)
		t.Logf("adminbot bench %s\n%s", strings.Join(args, " "), &table)
		all.Machine = r.Machine
		all.Figures = append(all.Figures, r.Figures...)
	}
	size := func(n int) string { return fmt.Sprint(max(1, n / *scale)) }
	fleet := size(1000)

	run(t, "fanout", "--hosts", strings.Join([]string{size(100), size(300), size(1000), size(3000), size(9500)}, ","), "--runs", "7", "--silent", "5")
	run(t, "router", "--time", "10s")
	run(t, "rpc")
	run(t, "chat")
	run(t, "chat", "--hosts", fleet, "--lines", "7")
	run(t, "chat", "--hosts", size(9500), "--lines", "5")
	run(t, "parse")
	run(t, "memory", "--sessions", size(5000))
	run(t, "alerts", "--burst", size(1000), "--queue", size(10_000))
	run(t, "storm", "--hosts", size(2000), "--runs", "3")
	for _, kind := range servertest.Kinds[1:] {
		t.Run(kind.Name, func(t *testing.T) {
			target := targetOf(t, kind.Start, kind.Name, max(1, 1000 / *scale))
			run(t, "router", "--time", "10s", "--target", target)
			run(t, "rpc", "--target", target)
			run(t, "chat", "--target", target)
			run(t, "chat", "--hosts", fleet, "--lines", "7", "--target", target)
		})
	}
	run(t, "agent", "--time", idle.String())

	if *scale != 1 {
		return
	}
	data, err := json.MarshalIndent(all, "", "\t")
	if err != nil {
		t.Fatal(err)
	}
	page, err := Page(all)
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{"performance.json": append(data, '\n'), "performance.md": page, "fanout.svg": all.Plot()} {
		if err := os.WriteFile(docs+name, content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// measured is what adminbot bench prints.
func measured(args []string) (r Report, err error) {
	cmd := command(*adminbot, append([]string{"bench"}, args...)...)
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	if err := cmd.Run(); err != nil {
		return r, fmt.Errorf("adminbot bench %s: %w\n%s", strings.Join(args, " "), err, &said)
	}
	return r, json.Unmarshal(out.Bytes(), &r)
}

// targetOf starts a server without limits and writes the file that names it.
func targetOf(t *testing.T, start func(testing.TB, servertest.Options) *servertest.Server, kind string, hosts int) string {
	const password = "measured"
	target := Target{Domain: "localhost", Password: password, Bot: botName}
	accounts := []servertest.Account{{Name: botName, Password: password, Role: account.Bot}}
	for i := range 8 {
		target.Users = append(target.Users, fmt.Sprintf("user%02d", i))
		accounts = append(accounts, servertest.Account{Name: target.Users[i], Password: password, Role: account.User})
	}
	for _, a := range servertest.Hosts(hosts, password) {
		target.Hosts = append(target.Hosts, a.Name)
		accounts = append(accounts, a)
	}
	s := start(t, servertest.Options{Accounts: accounts, NoTLS: true, Limits: servertest.Unlimited})
	target.Server, target.Address, target.PID = versionOf(t, kind), s.Addr, s.PID()
	dir := t.TempDir()
	target.CAFile = filepath.Join(dir, "ca.pem")
	data, err := json.Marshal(target)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "target.json")
	for path, content := range map[string][]byte{target.CAFile: s.Authority.PEM, file: data} {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return file
}

// versionOf names a server as Debian packages it.
func versionOf(t *testing.T, kind string) string {
	out, err := exec.Command("dpkg-query", "-W", "-f", "${Version}", kind).Output()
	if err != nil {
		return kind
	}
	version, _, _ := strings.Cut(string(out), "-")
	return strings.Replace(kind, "prosody", "Prosody", 1) + " " + version
}
