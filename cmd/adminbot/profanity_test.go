//go:build !unit

package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"adminbot/internal/account"
	"adminbot/internal/nginxtest"
	"adminbot/internal/servertest"
	"adminbot/internal/site"
)

// profanityWithin bounds the whole of TestProfanity, which takes some seconds.
const profanityWithin = 2 * time.Minute

// TestProfanity sits at the terminal client Profanity as an administrator
// would, on every server: asks, restarts a real nginx, corrects a line, says
// yes too often.
func TestProfanity(t *testing.T) {
	t.Parallel()
	for _, program := range []string{"profanity", "tmux"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Fatalf("%v\nhint: apt-get install profanity tmux", err)
		}
	}
	if _, err := exec.LookPath("nginx"); err != nil {
		t.Fatalf("%v\nhint: apt-get install nginx-light", err)
	}
	accounts := []servertest.Account{
		{Name: "admin", Password: "pw-admin", Role: account.Admin},
		{Name: "adminbot", Password: "pw-adminbot", Role: account.Bot},
		{Name: "web01", Password: "pw-web01", Role: account.Host},
		{Name: "web02", Password: "pw-web02", Role: account.Host},
		{Name: "db01", Password: "pw-db01", Role: account.Host},
	}
	servertest.Each(t, servertest.Options{Accounts: accounts}, func(t *testing.T, srv *servertest.Server) {
		t.Parallel()
		dir := siteOn(t, srv, accounts)
		nginx := daemonsOn(t, dir, srv, accounts)
		atProfanity(t, dir, nginx)
	})
}

// daemonsOn runs the bot and the agents of all hosts on a server until the test
// ends. web01 has an nginx, which does not run yet.
func daemonsOn(t *testing.T, dir string, srv *servertest.Server, accounts []servertest.Account) *nginxtest.Nginx {
	t.Helper()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	write("bot.policy.toml", "[[rule]]\nwho = [\"admin@localhost\"]\nmay = [\"R\", \"S\", \"W\", \"D\"]\n")
	write("host.policy.toml", "bots = [\"adminbot@localhost\"]\n[[rule]]\nwho = [\"admin@localhost\"]\nmay = [\"R\", \"S\", \"W\", \"D\"]\n"+
		"[[rule]]\nwho = [\"adminbot@localhost\"]\nmay = [\"R\"]\n")
	var nginx *nginxtest.Nginx
	for _, a := range accounts {
		conf := fmt.Sprintf("state = %q\n[account]\njid = \"%s@localhost/agent\"\npassword_file = %q\naddress = %q\nca_file = \"ca.pem\"\n",
			filepath.Join(dir, a.Name+".state"), a.Name, a.Name, srv.Addr)
		init := filepath.Join(dir, a.Name+".init.d")
		switch a.Role {
		case account.Bot:
			conf = strings.Replace(conf, "/agent", "", 1)
			serve(t, "sees 3 hosts", "bot", "--config", write("bot.toml", conf+"[bot]\npolicy = \"bot.policy.toml\"\n"))
		case account.Host:
			if err := os.Mkdir(init, 0o755); err != nil {
				t.Fatal(err)
			}
			if a.Name == "web01" {
				var err error
				if nginx, err = nginxtest.Install(init, t.TempDir()); err != nil {
					t.Fatal(err)
				}
				t.Cleanup(nginx.Kill)
			}
			role := strings.TrimRight(a.Name, "0123456789")
			serve(t, "takes calls", "agent", "--config", write(a.Name+".toml", fmt.Sprintf("%s[agent]\npolicy = \"host.policy.toml\"\ninit_dir = %q\n[agent.facts]\nrole = %q\n", conf, init, role)))
		}
	}
	return nginx
}

// atProfanity is what the administrator does.
func atProfanity(t *testing.T, dir string, nginx *nginxtest.Nginx) {
	ctx, cancel := context.WithTimeoutCause(t.Context(), profanityWithin, fmt.Errorf("not within %s", profanityWithin))
	defer cancel()
	s := openProfanity(ctx, t, dir)

	s.see("logged in successfully")
	s.enter("/msg adminbot@localhost")
	s.see(`(?m)^ ?adminbot(@localhost)? .*\[online\]`)

	if got := s.say("disk", `✔ disk from 3/3 hosts.*\n(?s:.*)= disk usage\n *`+"```"+`\n(?s:.*)\n *`+"```"); !strings.Contains(got, "web01") {
		t.Errorf("no web01 in %s", got)
	}
	s.say("which web hosts have more than 0% disk used?", `2 of 2 .*over 0% disk used.*\n(?s:.*)web0[12]`)
	s.say("which hosts have less than 0% disk free?", `✔ none of 3 hosts under 0% disk free`)

	// Without a yes nothing happens; with one it does, once.
	s.say("start nginx on web01", `Start nginx on web01\?\n(?s:.*)yes \w+ to run`)
	if pid := nginx.PID(); pid != 0 {
		t.Fatalf("nginx runs as %d before the yes", pid)
	}
	s.say("yes", `✔ nginx started on web01`)
	first := nginx.PID()
	if first == 0 {
		t.Fatal("nginx does not run after the yes")
	}
	card := s.say("restart nginx on web01", `Restart nginx on web01\?\n(?s:.*)= restart nginx on web01\n(?s:.*)yes \w+ to run`)
	id := regexp.MustCompile(`yes (\w+) to run`).FindStringSubmatch(card)[1]
	if pid := nginx.PID(); pid != first {
		t.Fatalf("nginx is %d before the yes, was %d", pid, first)
	}
	answer := s.say("yes "+id, `✔ nginx restarted on web01 .*\n(?s:.*)pid \d+`)
	second := nginx.PID()
	if second == 0 || second == first {
		t.Fatalf("nginx is %d after the yes, was %d", second, first)
	}
	if !strings.Contains(answer, fmt.Sprintf("pid %d", second)) {
		t.Errorf("the answer does not say that it is %d now:\n%s", second, answer)
	}
	s.say("yes", `Nothing waits for a yes`)
	s.say("yes "+id, id+` was already run`)

	// A line corrected while its card waits (XEP-0308): the card is gone, and
	// the new wording is not run.
	s.say("stop nginx on web01", `Stop nginx on web01\?\n(?s:.*)yes \w+ to run`)
	s.enter("/correct stop nginx on web02")
	s.see(`You corrected that line(?s:.*)Nothing was run`)
	s.say("yes", `Nothing waits for a yes`)

	if pid := nginx.PID(); pid != second {
		t.Errorf("nginx is %d in the end, was %d", pid, second)
	}
	if got := strings.Join(nginx.Actions(), " "); got != "start restart" {
		t.Errorf("nginx was asked to %s; want start restart", got)
	}
	s.quit()
}

// TestProfanityFirstLogin does what adminbot up says, word for word, in a
// Profanity that knows nothing yet: the fingerprint that it shows is the one that
// was told, and the line is answered.
func TestProfanityFirstLogin(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeoutCause(t.Context(), profanityWithin, fmt.Errorf("not within %s", profanityWithin))
	defer cancel()
	dir := filepath.Join(t.TempDir(), "site")
	told := serve(t, "memory on", "up", "--dir", dir, "--listen", "127.0.0.1:0", "--no-chat")
	password, err := os.ReadFile(filepath.Join(dir, "secrets", "admin"))
	if err != nil {
		t.Fatal(err)
	}
	fingerprint := regexp.MustCompile(`SHA-1 +([0-9a-f]{40})`).FindStringSubmatch(told)
	steps := regexp.MustCompile(`(?m)^  (/\w.*|\(the password.*)$`).FindAllString(told, -1)
	if len(fingerprint) != 2 || len(steps) != 4 {
		t.Fatalf("told:\n%s", told)
	}
	s := runProfanity(ctx, t, nil, nil)
	s.see(`set up an\s+account`)
	for _, step := range steps {
		switch step = strings.TrimSpace(step); {
		case strings.HasPrefix(step, "("):
			s.enter(strings.TrimSpace(string(password)))
			s.see(`Fingerprint +: ` + fingerprint[1])
		case strings.HasPrefix(step, "/connect"):
			s.enter(step)
			s.see(`(?i)password:`)
		case strings.HasPrefix(step, "/tls"):
			s.enter(step)
			s.see("logged in successfully")
		default:
			s.enter(step)
		}
	}
	s.see(`me: disk\n(?s:.*)✔ disk on `)
	s.quit()
}

// serve runs adminbot with these arguments until the test ends, and waits until
// it has said that it is ready. It returns what it has said so far.
func serve(t *testing.T, says string, args ...string) string {
	t.Helper()
	cmd := exec.Command("adminbot", args...)
	out, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	ready, done := make(chan string, 1), make(chan struct{})
	go func() {
		defer close(done)
		defer close(ready)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			fmt.Fprintln(&text, lines.Text())
			if strings.Contains(lines.Text(), says) {
				select {
				case ready <- text.String():
				default:
				}
			}
		}
	}()
	t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGTERM)
		<-done
		if err := cmd.Wait(); err != nil || t.Failed() {
			t.Errorf("adminbot %s: %v\n%s", strings.Join(args, " "), err, &text)
		}
	})
	said, ok := <-ready
	if !ok {
		t.Fatalf("adminbot ended before it said %q:\n%s", says, &text)
	}
	return said
}

// profanity is the client in a terminal of its own.
type profanity struct {
	t      *testing.T
	ctx    context.Context // of the test: this lives no longer
	socket string
	seen   string // the screen as it was last
}

// openProfanity starts it with the account of the administrator of a running
// site, whose certificate authority is the only one it trusts.
func openProfanity(ctx context.Context, t *testing.T, dir string) *profanity {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, "access.json"))
	if err != nil {
		t.Fatal(err)
	}
	var access site.Access
	if err := json.Unmarshal(data, &access); err != nil {
		t.Fatal(err)
	}
	password, err := os.ReadFile(filepath.Join(dir, access.Accounts[0].PasswordFile))
	if err != nil {
		t.Fatal(err)
	}
	host, port, err := net.SplitHostPort(access.C2S)
	if err != nil {
		t.Fatal(err)
	}
	return runProfanity(ctx, t, map[string]string{
		"config/profanity/profrc": "[ui]\nsplash=false\nroster=false\noccupants=false\n[connection]\nautoping=0\n",
		"data/profanity/accounts": fmt.Sprintf("[admin]\nenabled=true\njid=%s\nserver=%s\nport=%s\npassword=%s\nresource=phone\ntls.policy=force\n",
			access.Accounts[0].JID, host, port, bytes.TrimSpace(password)),
	}, []string{"SSL_CERT_FILE=" + filepath.Join(dir, access.CAFile)}, "-a", "admin")
}

// runProfanity starts it in a home with these files alone.
func runProfanity(ctx context.Context, t *testing.T, files map[string]string, env []string, args ...string) *profanity {
	t.Helper()
	home := t.TempDir()
	for name, text := range files {
		file := filepath.Join(home, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s := &profanity{t: t, ctx: ctx, socket: filepath.Join(home, "tmux")}
	t.Cleanup(s.close)
	command := slices.Concat([]string{"new-session", "-d", "-x", "130", "-y", "200", "--",
		"env", "HOME=" + home, "XDG_CONFIG_HOME=" + filepath.Join(home, "config"), "XDG_DATA_HOME=" + filepath.Join(home, "data")},
		env, []string{"profanity"}, args)
	if out, err := s.tmux(ctx, command...); err != nil {
		t.Fatalf("tmux: %v: %s", err, out)
	}
	return s
}

// tmux runs one command of tmux on this terminal.
func (s *profanity) tmux(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "tmux", append([]string{"-u", "-S", s.socket, "-f", os.DevNull}, args...)...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C.UTF-8", "TERM=xterm"}
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// enter types a line.
func (s *profanity) enter(line string) {
	s.t.Helper()
	for _, keys := range [][]string{{"-l", "--", line}, {"Enter"}} {
		if out, err := s.tmux(s.ctx, append([]string{"send-keys"}, keys...)...); err != nil {
			s.t.Fatalf("typing %q: %v: %s", line, err, out)
		}
	}
}

// see waits until what is on the screen matches.
func (s *profanity) see(pattern string) {
	s.t.Helper()
	s.wait(pattern, func(screen string) string { return screen })
}

// say types a line and waits until what comes after it matches. It returns
// that.
func (s *profanity) say(line, pattern string) string {
	s.t.Helper()
	said := "- me: " + line + "\n"
	before := strings.Count(s.seen, said)
	s.enter(line)
	return s.wait(pattern, func(screen string) string {
		parts := strings.SplitN(screen, said, before+2)
		if len(parts) < before+2 {
			return ""
		}
		return parts[before+1]
	})
}

// wait looks at a part of the screen until it matches, and returns it.
func (s *profanity) wait(pattern string, part func(string) string) string {
	s.t.Helper()
	want := regexp.MustCompile(pattern)
	look := time.NewTicker(50 * time.Millisecond)
	defer look.Stop()
	for {
		screen, err := s.tmux(s.ctx, "capture-pane", "-p")
		if err != nil {
			s.t.Fatalf("waiting for %s: %v (%v)\nlast seen:\n%s", pattern, err, context.Cause(s.ctx), s.seen)
		}
		s.seen = screen
		if got := part(screen); want.MatchString(got) {
			return got
		}
		select {
		case <-s.ctx.Done():
			s.t.Fatalf("waiting for %s: %v\nseen:\n%s", pattern, context.Cause(s.ctx), s.seen)
		case <-look.C:
		}
	}
}

// quit leaves as a person does, and waits for the terminal to close.
func (s *profanity) quit() {
	s.t.Helper()
	s.enter("/quit")
	if err := s.gone(s.ctx); err != nil {
		s.t.Fatalf("profanity has not quit: %v", err)
	}
}

// gone waits until the client has ended, and its tmux with it.
func (s *profanity) gone(ctx context.Context) error {
	look := time.NewTicker(50 * time.Millisecond)
	defer look.Stop()
	for {
		_, err := s.tmux(ctx, "has-session")
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case err != nil:
			return nil
		}
		<-look.C
	}
}

// close ends a client that has not quit.
func (s *profanity) close() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	out, err := s.tmux(ctx, "display-message", "-p", "#{pane_pid}")
	if err != nil {
		return // it has
	}
	if pid, err := strconv.Atoi(strings.TrimSpace(out)); err == nil {
		syscall.Kill(pid, syscall.SIGKILL) // a child of the tmux that lives
	}
	if err := s.gone(ctx); err != nil {
		s.t.Errorf("ending profanity: %v", err)
	}
}
