//go:build !unit

package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"adminbot/internal/account"
	"adminbot/internal/nginxtest"
	"adminbot/internal/servertest"
	"adminbot/internal/store"

	"mellium.im/xmpp/jid"
)

// An hour's worth of hostile traffic is so many stanzas a second, for an hour;
// they are sent as fast as they are taken.
const soakRate = 20

// What the soak allows: a process may be so much larger at the end than when it
// was warm, after the first tenth of the traffic, and an honest question may wait so long.
const (
	soakGrowth = 24 << 20
	soakLate   = 30 * time.Second
)

// TestSoak runs bot, host agents, alert service and embedded server as processes, sends them
// random hostile traffic, and asks honest questions beside it. It is some
// seconds long unless SOAK says for how long there is traffic worth sending (1h:
// 72,000 stanzas). SOAK_SEED repeats a run, SOAK_SERVER names another server.
func TestSoak(t *testing.T) {
	t.Parallel()
	stanzas, seed := 1500, uint64(time.Now().UnixNano())
	if s := os.Getenv("SOAK"); s != "" {
		d, err := time.ParseDuration(s)
		if err != nil {
			t.Fatalf("SOAK: %v", err)
		}
		stanzas = int(d.Seconds() * soakRate)
	}
	if s := os.Getenv("SOAK_SEED"); s != "" {
		var err error
		if seed, err = strconv.ParseUint(s, 10, 64); err != nil {
			t.Fatalf("SOAK_SEED: %v", err)
		}
	}
	s := newSoak(t, os.Getenv("SOAK_SERVER"), seed)
	t.Logf("%d stanzas, seed %d, on %s", stanzas, seed, s.at.Kind)
	s.run(stanzas)
}

// A soak is an installation of processes and those who send it things.
type soak struct {
	t     *testing.T
	at    *ground
	dir   string
	path  string // of the program as it is shipped: the race detector would take most of the memory
	procs []*process
	nginx []*nginxtest.Nginx
	*traffic
}

// A process of the installation.
type process struct {
	name string
	pid  int
	text *logText // what it prints; nil for a server of others
	rss  []int    // bytes, one for each look
}

// logText keeps what a process prints, and wakes who waits for it.
type logText struct {
	mu    sync.Mutex
	text  bytes.Buffer
	lines chan struct{} // holds one
}

func (l *logText) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.text.Len() < 1<<20 { // of the rest only that it is connected matters
		l.text.Write(b)
	} else if bytes.Contains(b, []byte("connected")) || bytes.Contains(b, []byte("serving ")) {
		l.text.Write(b)
	}
	select {
	case l.lines <- struct{}{}:
	default:
	}
	return len(b), nil
}

func (l *logText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func newSoak(t *testing.T, kind string, seed uint64) *soak {
	s := &soak{t: t, dir: t.TempDir(), path: adminbot(t)}
	switch kind {
	case "", "embedded":
		s.embedded()
	default:
		for _, k := range servertest.Kinds {
			if k.Name == kind {
				s.at = newGround(t, k.Start(t, groundOptions))
				s.procs = append(s.procs, &process{name: kind, pid: s.at.PID()})
			}
		}
	}
	for _, name := range []string{"web01", "web02"} {
		s.file(name+".policy.toml", siegeHostPolicy)
		for _, d := range []string{name + ".init.d", name + ".nginx"} {
			if err := os.MkdirAll(filepath.Join(s.dir, d), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		nginx, err := nginxtest.Install(filepath.Join(s.dir, name+".init.d"), filepath.Join(s.dir, name+".nginx"))
		if err != nil {
			t.Fatal(err)
		}
		s.nginx = append(s.nginx, nginx)
		conf := s.config(name, fmt.Sprintf("[agent]\npolicy = %q\ninit_dir = %q\n[agent.facts]\nrole = \"web\"\n", name+".policy.toml", name+".init.d"))
		s.start(name, "takes calls", "agent", "--config", conf)
	}
	s.file("bot.policy.toml", siegeBotPolicy)
	s.start("bot", "sees 3 hosts", "bot", "--config", s.config("adminbot", "[bot]\npolicy = \"bot.policy.toml\"\n"))
	s.traffic = newTraffic(t, s.at, seed)
	if s.at.Kind == "embedded" { // the others know one component, which is an intruder
		s.alerts = s.underAttack()
	}
	return s
}

func (s *soak) file(name, text string) string {
	path := filepath.Join(s.dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
	return path
}

func (s *soak) config(name, more string) string {
	a := s.at.login(s.t, name)
	jidOf := a.JID
	if name != "adminbot" {
		jidOf += "/agent"
	}
	return s.file(name+".toml", fmt.Sprintf("state = %q\n[account]\njid = %q\npassword_file = %q\naddress = %q\nca_file = %q\n%s",
		name+".state", jidOf, a.PasswordFile, a.Address, a.CAFile, more))
}

// embedded starts adminbot server.
func (s *soak) embedded() {
	t := s.t
	db, err := store.Open(t.Context(), filepath.Join(s.dir, "accounts.db"))
	if err != nil {
		t.Fatal(err)
	}
	var all []account.Account
	for _, a := range groundOptions.Accounts {
		made, err := account.New(a.Name, a.Role, a.Password)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, made)
	}
	if err := db.AddAccounts(t.Context(), all); err != nil {
		t.Fatal(err)
	}
	db.Close()
	srv := &servertest.Server{Kind: "embedded", Domain: "localhost", Name: "workgroup.localhost", Secret: "compsecret", Authority: servertest.NewAuthority(t)}
	cert, key := srv.Authority.Issue(t, 24*time.Hour, srv.Domain)
	s.file("cert.pem", string(cert))
	s.file("key.pem", string(key))
	s.file("secret", srv.Secret)
	srv.Component = freeAddr(t)
	conf := s.file("server.toml", fmt.Sprintf("state = %q\n[server]\ndomain = %q\nlisten = \"127.0.0.1:0\"\ncomponent = %q\ncertificate = \"cert.pem\"\nkey = \"key.pem\"\n[server.components]\n%q = \"secret\"\n\"alerts.localhost\" = \"secret\"\n",
		".", srv.Domain, srv.Component, srv.Name))
	text := s.start("server", "serving localhost", "server", "--config", conf)
	srv.Addr = strings.TrimSpace(text[strings.LastIndex(text, " on ")+len(" on "):])
	s.at = newGround(t, srv)
}

// start starts a process, waits until it has printed a text, and returns what it
// has printed up to the end of that line.
func (s *soak) start(name, until string, args ...string) string {
	s.t.Helper()
	cmd := exec.Command(s.path, args...)
	cmd.Dir = s.dir
	out := &logText{lines: make(chan struct{}, 1)}
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.procs = append(s.procs, &process{name: name, pid: cmd.Process.Pid, text: out})
	s.t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGTERM)
		if err := cmd.Wait(); err != nil {
			s.t.Errorf("%s: %v\n%s", name, err, out)
		} else if s.t.Failed() {
			s.t.Logf("%s:\n%s", name, out)
		}
	})
	deadline := time.After(patience)
	for {
		text := out.String()
		if i := strings.Index(text, until); i >= 0 {
			if n := strings.IndexByte(text[i:], '\n'); n >= 0 {
				return text[:i+n]
			}
		}
		select {
		case <-out.lines:
		case <-deadline:
			s.t.Fatalf("%s did not say %q:\n%s", name, until, text)
		}
	}
}

// run sends the traffic and checks everything.
func (s *soak) run(stanzas int) {
	t := s.t
	ctx, stop := context.WithCancel(t.Context())
	honest := make(chan []time.Duration, 1)
	go func() { honest <- s.ask(ctx) }()
	began := time.Now()
	s.look()
	for tenth := 1; tenth <= 10; tenth++ {
		s.sendUpTo(stanzas * tenth / 10)
		s.look()
	}
	took := time.Since(began)
	stop()
	waits := <-honest
	slices.Sort(waits)
	if len(waits) == 0 {
		t.Fatal("no honest question was answered")
	}
	t.Logf("%d stanzas and %d logins in %s; %d honest answers: p50 %s, p99 %s, max %s", s.sent.Load(), s.logins, took.Round(time.Second),
		len(waits), waits[len(waits)/2], waits[len(waits)*99/100], waits[len(waits)-1])
	if s.alerts != nil {
		t.Logf("requests with alerts by status: %v", s.alerts.statuses)
	}
	for _, p := range s.procs {
		warm, end := p.rss[1], slices.Min(p.rss[len(p.rss)-3:])
		if p.text == nil { // what is not ours takes its memory in steps: it is warm after half of the traffic
			warm = p.rss[len(p.rss)/2]
		}
		t.Logf("%-8s RSS MiB: start %.1f, warm %.1f, end %.1f  (%s)", p.name, mib(p.rss[0]), mib(warm), mib(end), mibs(p.rss))
		if end > warm+soakGrowth {
			t.Errorf("%s grew from %.1f to %.1f MiB", p.name, mib(warm), mib(end))
		}
		if p.text != nil && p.name != "server" {
			up := " is connected"
			if p.name == "alerts" {
				up = "serving "
			}
			if n := strings.Count(p.text.String(), up); n != 1 {
				t.Errorf("%s connected %d times", p.name, n)
			}
		}
	}
	for _, n := range s.nginx {
		if did := n.Actions(); len(did) > 0 {
			t.Errorf("nginx was asked to %v", did)
		}
	}
}

// look notes the resident size of every process.
func (s *soak) look() {
	for _, p := range s.procs {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", p.pid))
		if err != nil {
			s.t.Fatalf("%s is gone: %v\n%s", p.name, err, p.text)
		}
		pages, err := strconv.Atoi(strings.Fields(string(text))[1])
		if err != nil {
			s.t.Fatal(err)
		}
		p.rss = append(p.rss, pages*os.Getpagesize())
	}
}

func mib(n int) float64 { return float64(n) / (1 << 20) }

func mibs(all []int) string {
	var b strings.Builder
	for i, n := range all {
		if i > 0 {
			b.WriteByte(' ')
		}
		fmt.Fprintf(&b, "%.0f", mib(n))
	}
	return b.String()
}

// ask asks the honest questions until ctx is done, and returns how long the
// answers took.
func (s *soak) ask(ctx context.Context) []time.Duration {
	admin := s.at.asClient(s.t, "admin", "desk", "")
	admin.send("<presence/>")
	defer close(s.answered)
	bot := jid.MustParse(atBot)
	var waits []time.Duration
	for i := 0; ctx.Err() == nil; i++ {
		q := questions[i%len(questions)]
		began := time.Now()
		got, err := ask(admin, bot, q.line)
		wait := time.Since(began)
		waits = append(waits, wait)
		switch {
		case err != nil:
			s.t.Errorf("%s: %v (after %d stanzas)", q.line, err, s.sent.Load())
			return waits
		case !strings.HasPrefix(got, q.begins):
			s.t.Errorf("%s: %s (after %d stanzas)", q.line, got, s.sent.Load())
		case wait > soakLate:
			s.t.Errorf("%s: %s late (after %d stanzas)", q.line, wait, s.sent.Load())
		}
		select {
		case s.answered <- struct{}{}:
		case <-ctx.Done():
		}
	}
	return waits
}

// freeAddr is an address of this machine that nobody listens on.
func freeAddr(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
