//go:build !unit

package main

import (
	"context"
	"encoding/xml"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/stanza"

	"adminbot/agentapi"
	"adminbot/bot"
	"adminbot/internal/account"
	"adminbot/internal/config"
	"adminbot/internal/hostagent"
	"adminbot/internal/link"
	"adminbot/internal/nginxtest"
	"adminbot/internal/policy"
	"adminbot/internal/servertest"
)

// within bounds every wait of a conversation. Nothing is measured by it.
const within = time.Minute

// A talkSite is an installation for conversations: a server, the bot, host
// agents with init scripts of their own, and people with ordinary sessions.
type talkSite struct {
	t      *testing.T // the conversation that is played
	root   *testing.T // with whose end everything ends
	dir    string
	server *servertest.Server
	ca     string // PEM file of the server's authority
	tune   func(*bot.Config)
	via    string // address at which the bot finds the server; "" is the server's own
	policy string // of the bot
	alerts string // domain of the alert service; "": there is none

	bot     *botPart
	stopBot func()
	ends    []func() // of the sessions

	hosts  map[string]*talkHost
	people map[string]*person
}

// A talkHost is one managed host. Its agent is part of this process, or one of
// its own that can be killed and stopped.
type talkHost struct {
	name     string
	facts    string   // role=web env=demo
	services []string // "nginx" is a real one, others are small
	own      bool     // a process of its own
	frozen   bool     // its policy lets nobody change anything
	away     bool     // it never comes

	site   *talkSite
	init   string // directory of its init scripts
	cmd    *exec.Cmd
	seen   map[string]int // actions that were told about already, by service
	exited chan struct{}
}

func talkPassword(name string) string { return "pw-" + name }

// talkAccounts are the accounts of a conversation.
func talkAccounts(hosts []*talkHost) servertest.Options {
	all := []servertest.Account{
		{Name: "adminbot", Role: account.Bot}, {Name: "alice", Role: account.Admin},
		{Name: "bob", Role: account.User}, {Name: "carol", Role: account.User}, {Name: "eve", Role: account.User},
	}
	for _, h := range hosts {
		all = append(all, servertest.Account{Name: h.name, Role: account.Host})
	}
	for i := range all {
		all[i].Password = talkPassword(all[i].Name)
	}
	// Who was killed is gone soon, and not waited for.
	return servertest.Options{Accounts: all, Resume: 2 * time.Second}
}

// background runs something until the test ends, or the returned function is
// called.
func background(t *testing.T, run func(context.Context) error) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil && ctx.Err() == nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return stop
}

// openTalk starts everything, and waits until the bot knows every host that is
// to come.
func openTalk(t *testing.T, server *servertest.Server, tune func(*bot.Config), hosts []*talkHost) *talkSite {
	t.Helper()
	s := newTalkSite(t, server)
	s.tune = tune
	s.open(hosts, "alice", "bob", "carol", "eve")
	return s
}

// newTalkSite makes a site in which nothing runs yet.
func newTalkSite(t *testing.T, server *servertest.Server) *talkSite {
	t.Helper()
	s := &talkSite{t: t, root: t, dir: t.TempDir(), server: server, policy: talkBotPolicy, hosts: map[string]*talkHost{}, people: map[string]*person{}}
	s.ca = s.write("ca.pem", string(server.Authority.PEM))
	return s
}

// open starts the hosts and the bot, and logs people in.
func (s *talkSite) open(hosts []*talkHost, people ...string) {
	s.t.Helper()
	for _, h := range hosts {
		h.site, h.seen = s, map[string]int{}
		s.hosts[h.name] = h
		h.install()
		if !h.away {
			h.start()
		}
	}
	s.startBot()
	for _, name := range people {
		s.person(name)
	}
	s.knowsHosts()
	s.t.Cleanup(func() { // together: a server may take seconds to say goodbye
		var wg sync.WaitGroup
		for _, end := range s.ends {
			wg.Go(end)
		}
		wg.Wait()
	})
}

// login is how an account of the site logs in.
func (s *talkSite) login(name, resource string) link.Config {
	s.t.Helper()
	lc, err := linkConfig(config.Account{
		JID: name + "@" + s.server.Domain + "/" + resource, PasswordFile: s.secret(name), Address: s.server.Addr, CAFile: s.ca,
	}, resource, slog.New(slog.DiscardHandler))
	if err != nil {
		s.t.Fatal(err)
	}
	return lc
}

// secret is the file with an account's password.
func (s *talkSite) secret(name string) string {
	return s.write(filepath.Join("secrets", name), talkPassword(name))
}

// write makes a file of the site and returns its path.
func (s *talkSite) write(name, text string) string {
	s.t.Helper()
	path := filepath.Join(s.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
	return path
}

const talkBotPolicy = `
[groups]
admins = ["alice@localhost"]
dba = ["bob@localhost", "carol@localhost"]

[[rule]]
who = ["@admins", "@dba"]
may = ["D"]
on = ["role=db"]
needs = "second"

[[rule]]
who = ["@admins"]
may = ["R", "S", "W", "D", "A"]

[[rule]]
who = ["@dba", "eve@localhost"]
may = ["R"]
`

const talkHostPolicy = `
bots = ["adminbot@localhost"]

[[rule]]
who = ["*@localhost"]
via = ["adminbot@localhost"]
may = [%s]
`

func (s *talkSite) startBot() {
	s.t.Helper()
	login := s.login("adminbot", botResource)
	login.Timing.RetryMax = 200 * time.Millisecond // a session is kept for two seconds only
	if s.via != "" {
		login.Addr = s.via
	}
	part, err := newBot(s.t.Context(), botSetup{
		login: login, state: filepath.Join(s.dir, "bot"), policy: s.write("bot-policy.toml", s.policy),
		conf: config.Default().Bot, alerts: s.alerts, log: slog.New(slog.DiscardHandler), tune: s.tune,
	})
	if err != nil {
		s.t.Fatal(err)
	}
	s.bot, s.stopBot = part, background(s.root, part.Run)
}

// knowsHosts waits until the bot has the facts of every host that is there.
func (s *talkSite) knowsHosts() {
	s.t.Helper()
	s.until("the bot knows all hosts", func() bool {
		known, there := 0, 0
		for _, h := range s.bot.fleet.Snapshot().Hosts {
			if h.Online && h.Facts.Facts != nil {
				known++
			}
		}
		for _, h := range s.hosts {
			if !h.away {
				there++
			}
		}
		return known == there
	})
}

// until waits for a condition.
func (s *talkSite) until(what string, holds func() bool) {
	s.t.Helper()
	look := time.NewTicker(10 * time.Millisecond)
	defer look.Stop()
	over := time.After(within)
	for !holds() {
		select {
		case <-look.C:
		case <-over:
			s.t.Fatalf("not within %s: %s", within, what)
		}
	}
}

// smallService is the init script of a service that is one sleeping process. A
// file "fails" beside it holds what it says when it is to fail; with a file
// "hangs" it takes for ever, with "sticks" only its status does.
const smallService = `#!/bin/sh
### BEGIN INIT INFO
# Short-Description: %[2]s
### END INIT INFO
# pidfile: %[1]s/%[2]s.pid
cd %[1]s || exit 1
[ "$1" = status ] || echo "$1" >> actions
alive() { [ -s %[2]s.pid ] && kill -0 "$(cat %[2]s.pid)" 2>/dev/null; }
stop() { alive && kill "$(cat %[2]s.pid)"; rm -f %[2]s.pid; }
start() { setsid sleep 100000 </dev/null >/dev/null 2>&1 & echo $! > %[2]s.pid; }
case "$1" in
status)
	if [ -e sticks ]; then echo looked >> actions; echo $$ > hanging.pid; fi
	while [ -e sticks ]; do sleep 0.1; done
	alive && exit 0; exit 3 ;;
restart|stop|start|reload)
	if [ -s fails ]; then cat fails; exit 1; fi
	if [ -e hangs ]; then echo $$ > hanging.pid; exec sleep 100000; fi ;;
esac
case "$1" in
start) alive || start ;;
stop) stop ;;
restart) stop; start ;;
reload) alive ;;
*) exit 2 ;;
esac
`

// install writes the init scripts of a host, and starts its services.
func (h *talkHost) install() {
	t := h.site.t
	t.Helper()
	h.init = filepath.Join(h.site.dir, "hosts", h.name, "init.d")
	if err := os.MkdirAll(h.init, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, service := range h.services {
		dir := h.data(service)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if name, real := strings.CutPrefix(service, "real "); real {
			n, err := nginxtest.Install(h.init, dir)
			if err != nil {
				t.Fatal(err)
			}
			h.site.root.Cleanup(n.Kill)
			h.act(name, "start")
			continue
		}
		h.site.write(filepath.Join("hosts", h.name, "init.d", service), fmt.Sprintf(smallService, dir, service))
		if err := os.Chmod(filepath.Join(h.init, service), 0o755); err != nil {
			t.Fatal(err)
		}
		h.site.root.Cleanup(func() { h.killLeft(dir) })
		h.act(service, "start")
	}
}

// flag changes how a service behaves, see smallService.
func (h *talkHost) flag(service, name, text string) {
	h.site.t.Helper()
	if err := os.WriteFile(filepath.Join(h.data(service), name), []byte(text), 0o600); err != nil {
		h.site.t.Fatal(err)
	}
}

// works ends that. An agent would wait for what hangs when it stops.
func (h *talkHost) works(service string) {
	for _, name := range []string{"fails", "hangs", "sticks"} {
		if os.Remove(filepath.Join(h.data(service), name)) == nil && name == "hangs" {
			killIn(filepath.Join(h.data(service), "hanging.pid"))
		}
	}
}

// data is where a service of the host keeps its files.
func (h *talkHost) data(service string) string {
	return filepath.Join(h.site.dir, "hosts", h.name, "data", strings.TrimPrefix(service, "real "))
}

// act runs an init script as the machine itself would.
func (h *talkHost) act(service, action string) {
	h.site.t.Helper()
	if out, err := exec.Command(filepath.Join(h.init, service), action).CombinedOutput(); err != nil {
		h.site.t.Fatalf("%s: %s %s: %v\n%s", h.name, service, action, err, out)
	}
	h.changes()
}

// killLeft ends the processes that a service has left.
func (h *talkHost) killLeft(dir string) {
	files, _ := filepath.Glob(filepath.Join(dir, "*.pid"))
	for _, f := range files {
		killIn(f)
	}
}

// killIn ends the process whose number a file holds.
func killIn(file string) {
	text, err := os.ReadFile(file)
	var pid int
	if _, scanErr := fmt.Sscan(string(text), &pid); err == nil && scanErr == nil && pid > 1 {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
}

// changes are what init scripts of the host were asked to do since the last
// call.
func (h *talkHost) changes() []string {
	fresh := h.asked()
	for _, c := range fresh {
		_, name, _ := strings.Cut(c, " ")
		h.seen[name]++
	}
	return fresh
}

// asked is the same for those who only look.
func (h *talkHost) asked() []string {
	var fresh []string
	for _, service := range h.services {
		name := strings.TrimPrefix(service, "real ")
		text, _ := os.ReadFile(filepath.Join(h.data(service), "actions"))
		actions := slices.DeleteFunc(strings.Fields(string(text)), func(a string) bool { return a == "status" })
		for _, action := range actions[h.seen[name]:] {
			fresh = append(fresh, action+" "+name)
		}
	}
	return fresh
}

// agentPolicy is the policy file of the host.
func (h *talkHost) agentPolicy() string {
	may := `"R", "S", "W", "D"`
	if h.frozen {
		may = `"R"`
	}
	return h.site.write(filepath.Join("hosts", h.name, "policy.toml"), fmt.Sprintf(talkHostPolicy, may))
}

func (h *talkHost) start() {
	t := h.site.t
	t.Helper()
	facts := map[string]string{}
	for fact := range strings.FieldsSeq(h.facts) {
		k, v, _ := strings.Cut(fact, "=")
		facts[k] = v
	}
	if h.own {
		h.startProcess(facts)
		return
	}
	rules, err := policy.Load(h.agentPolicy())
	if err != nil {
		t.Fatal(err)
	}
	part, err := newAgent(h.site.login(h.name, agentapi.Resource), hostagent.Config{
		Name: h.name, StateDir: filepath.Join(h.site.dir, "hosts", h.name), InitDir: h.init, Policy: rules, Facts: facts,
	})
	if err != nil {
		t.Fatal(err)
	}
	h.site.ends = append(h.site.ends, background(h.site.root, part.Run))
}

// startProcess runs the host's agent as a daemon, as an installation does.
func (h *talkHost) startProcess(facts map[string]string) {
	t := h.site.t
	t.Helper()
	conf := fmt.Sprintf("state = %q\n[account]\njid = %q\npassword_file = %q\naddress = %q\nca_file = %q\n[agent]\npolicy = %q\ninit_dir = %q\n[agent.facts]\n",
		filepath.Join(h.site.dir, "hosts", h.name), h.name+"@"+h.site.server.Domain+"/"+agentapi.Resource, h.site.secret(h.name),
		h.site.server.Addr, h.site.ca, h.agentPolicy(), h.init)
	for k, v := range facts {
		conf += fmt.Sprintf("%s = %q\n", k, v)
	}
	h.cmd = exec.Command("adminbot", "agent", "--config", h.site.write(filepath.Join("hosts", h.name, "agent.toml"), conf))
	h.cmd.Stderr, h.cmd.Stdout = io.Discard, io.Discard
	if err := h.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	h.exited = make(chan struct{})
	go func() {
		defer close(h.exited)
		_ = h.cmd.Wait() // it is killed
	}()
	h.site.root.Cleanup(func() {
		h.signal(syscall.SIGKILL)
		<-h.exited
	})
}

func (h *talkHost) signal(sig syscall.Signal) {
	select {
	case <-h.exited:
	default:
		_ = h.cmd.Process.Signal(sig)
	}
}

// A person is somebody with an ordinary session.
type person struct {
	name    string
	session *link.Session
	heard   chan string // bodies of final messages
	state   chan string // chat states
}

// person logs in somebody, once.
func (s *talkSite) person(name string) *person {
	s.t.Helper()
	if p := s.people[name]; p != nil {
		return p
	}
	p := &person{name: name, heard: make(chan string, 64), state: make(chan string, 1024)}
	lc := s.login(name, "phone")
	lc.Presence = func() (stanza.Presence, xml.TokenReader) { return stanza.Presence{}, nil }
	p.session = link.New(lc)
	p.session.HandleMessage(p.message)
	s.ends = append(s.ends, background(s.root, p.session.Run))
	select {
	case <-p.session.Ready():
	case <-time.After(within):
		s.t.Fatalf("%s cannot log in", name)
	}
	if err := p.session.Barrier(s.t.Context()); err != nil { // the server has its presence
		s.t.Fatal(err)
	}
	s.people[name] = p
	return p
}

// undelivered is what a person hears whose message came back.
const undelivered = "(came back: not delivered)"

// message takes what a server delivers to the person.
func (p *person) message(_ context.Context, msg stanza.Message, r xml.TokenReader) {
	var body, state string
	var into *string
	depth := 0
	for {
		tok, err := r.Token()
		switch tok := tok.(type) {
		case xml.StartElement:
			if depth++; depth == 1 {
				switch {
				case tok.Name.Local == "body":
					into = &body
				case tok.Name.Space == "http://jabber.org/protocol/chatstates":
					state = tok.Name.Local
				}
			}
		case xml.EndElement:
			depth--
			into = nil
		case xml.CharData:
			if into != nil && depth == 1 {
				*into += string(tok)
			}
		}
		if err != nil || tok == nil {
			break
		}
	}
	if state != "" {
		select {
		case p.state <- state:
		default:
		}
	}
	// What is on its way to an answer says so, R11; how much of it there is
	// hangs on the machine.
	switch {
	case msg.Type == stanza.ErrorMessage:
		p.heard <- undelivered
	case body != "" && msg.Type == stanza.ChatMessage && !strings.HasPrefix(body, "…"):
		p.heard <- body
	}
}

// say sends a line to the bot, with further children of the message.
func (s *talkSite) say(p *person, id, text string, extra ...xml.Token) {
	s.t.Helper()
	to, err := jid.New("adminbot", s.server.Domain, "")
	if err != nil {
		s.t.Fatal(err)
	}
	body := xml.StartElement{Name: xml.Name{Space: stanza.NSClient, Local: "body"}}
	list := append([]xml.Token{body, xml.CharData(text), body.End()}, extra...)
	msg := stanza.Message{ID: id, To: to, Type: stanza.ChatMessage}
	if err := p.session.Send(s.t.Context(), msg.Wrap(&tokenList{list})); err != nil {
		s.t.Fatal(err)
	}
}

type tokenList struct{ list []xml.Token }

func (l *tokenList) Token() (xml.Token, error) {
	if len(l.list) == 0 {
		return nil, io.EOF
	}
	next := l.list[0]
	l.list = l.list[1:]
	return next, nil
}
