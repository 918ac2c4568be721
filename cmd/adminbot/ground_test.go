//go:build !unit

package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	"mellium.im/xmpp/jid"

	"adminbot/agentapi"
	"adminbot/internal/account"
	"adminbot/internal/audit"
	"adminbot/internal/config"
	"adminbot/internal/hostagent"
	"adminbot/internal/nginxtest"
	"adminbot/internal/policy"
	"adminbot/internal/servertest"
)

// A ground is an XMPP server that an installation is on and intruders get into.
type ground struct {
	*servertest.Server
	ca string // file
}

// groundOptions are the accounts of every ground. Of those that are no part of
// the installation, admin may do everything, eve may read and is known to the
// hosts as a caller, mallory is nobody, and evil01 is a host whose agent the
// test plays.
var groundOptions = servertest.Options{Accounts: []servertest.Account{
	{Name: "admin", Password: passwordOf("admin"), Role: account.Admin},
	{Name: "adminbot", Password: passwordOf("adminbot"), Role: account.Bot},
	{Name: "web01", Password: passwordOf("web01"), Role: account.Host},
	{Name: "web02", Password: passwordOf("web02"), Role: account.Host},
	{Name: "evil01", Password: passwordOf("evil01"), Role: account.Host},
	{Name: "eve", Password: passwordOf("eve"), Role: account.User},
	{Name: "mallory", Password: passwordOf("mallory"), Role: account.User},
}}

func passwordOf(name string) string { return "pw-" + name }

func newGround(t testing.TB, srv *servertest.Server) *ground {
	t.Helper()
	at := &ground{srv, filepath.Join(t.TempDir(), "ca.pem")}
	if err := os.WriteFile(at.ca, srv.Authority.PEM, 0o600); err != nil {
		t.Fatal(err)
	}
	return at
}

// login is how an account logs in.
func (at *ground) login(t testing.TB, name string) config.Account {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, []byte(passwordOf(name)), 0o600); err != nil {
		t.Fatal(err)
	}
	return config.Account{JID: name + "@" + at.Domain, PasswordFile: file, Address: at.Addr, CAFile: at.ca, Bot: "adminbot@" + at.Domain}
}

// serving runs something until the test ends.
func serving(t testing.TB, run func(context.Context) error) {
	ctx, stop := context.WithCancel(context.Background())
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return run(ctx) })
	t.Cleanup(func() {
		stop()
		if err := g.Wait(); err != nil && ctx.Err() == nil {
			t.Error(err)
		}
	})
}

// quiet logs into the output of the test, and nothing after its end.
func quiet(t testing.TB) *slog.Logger {
	return slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
}

// An installation is the real bot and two real host agents, each with an nginx
// of its own that runs, and an administrator who asks them questions.
type installation struct {
	*ground
	t      testing.TB
	state  string
	bot    *botPart
	agents map[string]*agentPart
	nginx  map[string]*nginxtest.Nginx
	admin  *intruder
	comp   *intruder // see component

	asked int
	pids  map[string]int
}

const (
	siegeBotPolicy = `[groups]
admins = ["admin@localhost"]
[[rule]]
who = ["@admins"]
may = ["R", "S", "W", "D", "A"]
[[rule]]
who = ["eve@localhost"]
may = ["R"]
`
	siegeHostPolicy = `bots = ["adminbot@localhost"]
callers = ["admin@localhost", "eve@localhost"]
[[rule]]
who = ["admin@localhost"]
may = ["R", "S", "W", "D"]
[[rule]]
who = ["eve@localhost"]
may = ["R"]
[[rule]]
who = ["adminbot@localhost"]
may = ["R"]
`
)

// install starts the installation and waits until the bot knows its hosts.
func (at *ground) install(t testing.TB) *installation {
	t.Helper()
	in := &installation{
		ground: at, t: t, state: t.TempDir(), agents: map[string]*agentPart{}, nginx: map[string]*nginxtest.Nginx{}, pids: map[string]int{},
	}
	for _, name := range []string{"web01", "web02"} {
		in.host(name)
	}
	in.startBot()
	in.admin = at.asClient(t, "admin", "desk", "")
	in.admin.send("<presence/>")
	in.until("the bot knows its hosts", func() bool {
		known := 0
		for _, h := range in.bot.fleet.Snapshot().Hosts {
			if h.Online && slices.Contains(h.Facts.Services, "nginx") {
				known++
			}
		}
		return known == len(in.agents)
	})
	return in
}

// component is the component of the server, of which there can be one.
func (in *installation) component() *intruder {
	if in.comp == nil || in.comp.over() {
		in.comp = in.asComponent(in.t)
	}
	return in.comp
}

// until waits for a condition.
func (in *installation) until(what string, met func() bool) {
	in.t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(patience)
	for !met() {
		select {
		case <-tick.C:
		case <-deadline:
			in.t.Fatalf("not within %s: %s", patience, what)
		}
	}
}

func (in *installation) file(name, text string) string {
	path := filepath.Join(in.state, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		in.t.Fatal(err)
	}
	return path
}

func (in *installation) host(name string) {
	t := in.t
	t.Helper()
	initDir, dir := filepath.Join(in.state, name+".init.d"), filepath.Join(in.state, name+".nginx")
	for _, d := range []string{initDir, dir} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	nginx, err := nginxtest.Install(initDir, dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nginx.Kill)
	rules, err := policy.Load(in.file(name+".policy.toml", siegeHostPolicy))
	if err != nil {
		t.Fatal(err)
	}
	lc, err := linkConfig(in.login(t, name), agentapi.Resource, quiet(t).With("host", name))
	if err != nil {
		t.Fatal(err)
	}
	part, err := newAgent(lc, hostagent.Config{
		Name: name, StateDir: filepath.Join(in.state, name), Policy: rules, InitDir: initDir,
		Facts: map[string]string{"role": "web"}, Version: "test", Log: quiet(t).With("host", name),
	})
	if err != nil {
		t.Fatal(err)
	}
	serving(t, part.Run)
	in.agents[name], in.nginx[name] = part, nginx
}

func (in *installation) startBot() {
	t := in.t
	t.Helper()
	lc, err := linkConfig(in.login(t, "adminbot"), botResource, quiet(t))
	if err != nil {
		t.Fatal(err)
	}
	in.bot, err = newBot(t.Context(), botSetup{
		login: lc, state: filepath.Join(in.state, "bot"), policy: in.file("bot.policy.toml", siegeBotPolicy),
		conf: config.Default().Bot, log: quiet(t),
	})
	if err != nil {
		t.Fatal(err)
	}
	serving(t, in.bot.Run)
}

// say says a line to the bot as the administrator and returns the answer.
func (in *installation) say(line string) string {
	in.t.Helper()
	answer, err := ask(in.admin, in.bot.session.LocalAddr(), line)
	if err != nil {
		in.t.Fatalf("%s: %v", line, err)
	}
	return answer
}

// ask says a line to the bot and returns the text of its final answer.
func ask(who *intruder, bot jid.JID, line string) (string, error) {
	if err := who.send(chat(bot.Bare().String(), line)); err != nil {
		return "", err
	}
	answer, err := who.wait(func(e string) bool { return isFinal(e) })
	return bodyOf(answer), err
}

func chat(to, line string) string {
	return fmt.Sprintf("<message type='chat' to='%s' id='%s'><body>%s</body></message>", to, uniqueID(), escapeXML(line))
}

// isFinal reports whether an element is an answer of the bot that ends its work.
func isFinal(element string) bool {
	return strings.HasPrefix(element, "<message") && strings.Contains(element, "<body>") && strings.Contains(element, "<active")
}

var bodyIn = regexp.MustCompile(`(?s)<body>(.*?)</body>`)

func bodyOf(element string) string {
	m := bodyIn.FindStringSubmatch(element)
	if m == nil {
		return ""
	}
	return unescapeXML(m[1])
}

// questions of the administrator, with what the answers begin with.
var questions = []struct{ line, begins string }{
	{"memory on web01 and web02", "✔ memory from 2/2 hosts"},
	{"is nginx running on web01?", "✖ nginx on web01: inactive"},
	{"mood of web02", "✔ mood on web02: "},
	{"list hosts on role=web", "✔ "},
}

// holds checks what must hold whatever anybody does: the bot answers a question
// rightly and says nothing unasked, no session was lost, no card is open, and no
// change ran.
func (in *installation) holds(t *testing.T) {
	t.Helper()
	for _, e := range in.admin.drain() {
		if strings.HasPrefix(e, "<message") {
			t.Errorf("unasked: %s", e)
		}
	}
	q := questions[in.asked%len(questions)]
	in.asked++
	if got := in.say(q.line); !strings.HasPrefix(got, q.begins) {
		t.Errorf("%s: %s", q.line, got)
	}
	if got := in.say("yes"); !strings.Contains(got, "Nothing waits for a yes") {
		t.Errorf("yes: %s", got)
	}
	if n := in.bot.session.Stats(); n.Reconnects != 0 || n.Failed != 0 {
		t.Errorf("the bot's session: %+v", n)
	}
	for name, a := range in.agents {
		if n := a.session.Stats(); n.Reconnects != 0 || n.Failed != 0 {
			t.Errorf("the session of %s: %+v", name, n)
		}
		if did := in.nginx[name].Actions(); len(did) > 0 {
			t.Errorf("nginx of %s was asked to %v", name, did)
		}
		if pid := in.nginx[name].PID(); pid != in.pids[name] {
			t.Errorf("nginx of %s is process %d, was %d", name, pid, in.pids[name])
		}
	}
	if in.admin.over() {
		t.Fatalf("the administrator was thrown out: %v", in.admin.err)
	}
}

// recordsHold checks that the audit logs of bot and host agents are whole. They
// grow with every attack, and each line is bound to those before it: that is
// read once after many.
func (in *installation) recordsHold(t *testing.T) {
	t.Helper()
	for _, name := range []string{"bot", "web01", "web02"} {
		if _, err := audit.Verify(filepath.Join(in.state, name, "audit.jsonl")); err != nil {
			t.Error(err)
		}
	}
}

var ids struct {
	sync.Mutex
	last int
}

func uniqueID() string {
	ids.Lock()
	defer ids.Unlock()
	ids.last++
	return fmt.Sprintf("m%d", ids.last)
}
