package main

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/term"
	"mellium.im/xmpp/jid"

	"adminbot/agentapi"
	"adminbot/bot"
	"adminbot/internal/account"
	"adminbot/internal/config"
	"adminbot/internal/hostagent"
	"adminbot/internal/policy"
	"adminbot/internal/site"
	"adminbot/internal/store"
)

type upCmd struct {
	Dir    string `help:"State directory; made on first use. Default: adminbot in the state directory of the user."`
	Listen string `default:"127.0.0.1:5222" help:"Address for XMPP clients. Port 0 picks free ports."`
	Domain string `help:"XMPP domain, when the directory is made (localhost)."`
	Chat   bool   `default:"true" negatable:"" help:"Read lines from standard input and answer them; with --no-chat, serve only."`
	Hosts  int    `placeholder:"N" help:"Run N further host agents under other names, to try things out."`
}

const (
	adminName = "admin"
	botName   = "adminbot"

	workgroupSecret = "workgroup"
)

func (c upCmd) Run(ctx context.Context, std streams, log *slog.Logger, logs *logOutput) error {
	if c.Hosts < 0 || c.Hosts > maxDemoHosts {
		return usage("--hosts takes 0 to %d", maxDemoHosts)
	}
	serveMany(log)
	dir, err := stateDir(c.Dir)
	if err != nil {
		return exit(exitUsage, err)
	}
	st, err := site.Open(dir, c.Domain, time.Now())
	if err != nil {
		return err
	}
	defer st.Close()
	u := &upSite{site: st, std: std, log: log, logs: logs}
	if u.hosts, err = c.hostNames(); err != nil {
		return err
	}
	if err := u.accounts(ctx); err != nil {
		return err
	}
	if err := u.assemble(ctx, c.Listen); err != nil {
		return err
	}
	if c.Chat {
		return u.run(ctx, u.chat)
	}
	return u.run(ctx, func(ctx context.Context) error {
		<-ctx.Done()
		return nil
	})
}

// upSite is everything of one machine, in one process.
type upSite struct {
	site  *site.Site
	std   streams
	log   *slog.Logger
	logs  *logOutput
	hosts []upHost

	server *server
	cert   *x509.Certificate // the server's
	agents []*agentPart
	bot    *botPart
	alerts *workgroupsPart
	admin  jid.JID
}

// accounts makes the accounts that are missing, and gives the programs' own the
// password that is in their file.
func (u *upSite) accounts(ctx context.Context) error {
	db, err := store.Open(ctx, u.site.Path(site.Accounts))
	if err != nil {
		return err
	}
	defer db.Close()
	want := []struct {
		name string
		role account.Role
	}{{adminName, account.Admin}, {botName, account.Bot}}
	for _, h := range u.hosts {
		want = append(want, struct {
			name string
			role account.Role
		}{h.name, account.Host})
	}
	var missing []account.Account
	for _, w := range want {
		secret, err := u.site.Secret(w.name)
		if err != nil {
			return err
		}
		have, err := db.Account(ctx, w.name)
		switch {
		case errors.Is(err, account.ErrNotFound):
			a, err := account.New(w.name, w.role, secret)
			if err != nil {
				return err
			}
			missing = append(missing, a)
		case err != nil:
			return err
		case have.Role != w.role:
			return fmt.Errorf("%s holds an account %s with the role %s; this needs it as %s\nhint: adminbot user remove %s", u.site.Dir, w.name, have.Role, w.role, w.name)
		case !have.CheckPassword(secret):
			a, err := account.New(w.name, w.role, secret)
			if err != nil {
				return err
			}
			if err := db.SetPassword(ctx, a); err != nil {
				return err
			}
		}
	}
	return db.AddAccounts(ctx, missing)
}

// assemble makes every part; nothing runs yet, but the server's ports are open.
func (u *upSite) assemble(ctx context.Context, listenOn string) (err error) {
	cert, err := u.site.Certificate(time.Now())
	if err != nil {
		return err
	}
	u.cert = cert.Leaf
	ports, err := otherPorts(listenOn)
	if err != nil {
		return exit(exitUsage, err)
	}
	secret, err := u.site.Secret(workgroupSecret)
	if err != nil {
		return err
	}
	u.server, err = openServer(ctx, serverSetup{
		domain: u.site.Domain, accounts: u.site.Path(site.Accounts), cert: cert,
		c2s: listenOn, direct: ports.direct, component: ports.component, components: map[string]string{u.workgroup(): secret},
	}, u.log)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			u.server.Close()
		}
	}()
	if u.admin, err = jid.New(adminName, u.site.Domain, "terminal"); err != nil {
		return err
	}
	for _, h := range u.hosts {
		part, err := u.newAgent(h)
		if err != nil {
			return err
		}
		u.agents = append(u.agents, part)
	}
	if err := u.newAlerts(ctx, ports.http, ports.mail); err != nil {
		return err
	}
	return u.newBot(ctx)
}

// workgroup is the domain of the alert service.
func (u *upSite) workgroup() string { return "workgroup." + u.site.Domain }

func (u *upSite) newAlerts(ctx context.Context, listenHTTP, listenMail string) error {
	if err := u.site.AddWorkgroups(); err != nil {
		return err
	}
	conf, err := config.Load(u.site.Path(site.Workgroups))
	if err != nil {
		return err
	}
	sources, err := config.Load(u.site.Path(site.Intake))
	if err != nil {
		return err
	}
	if _, err := u.site.Secret(site.WebhookToken); err != nil {
		return err
	}
	in := sources.Intake
	in.Listen, in.Mail = cmp.Or(in.Listen, listenHTTP), cmp.Or(in.Mail, listenMail)
	c := conf.Workgroups
	c.Domain, c.Component = u.workgroup(), u.server.listeners.Component.Addr().String()
	c.Bot = botName + "@" + u.site.Domain
	c.Policy = u.site.Path(site.WorkgroupPolicy)
	u.alerts, err = newWorkgroups(ctx, workgroupsSetup{
		conf: c, intake: in, file: u.site.Path(site.Alerts), log: u.log,
		secret: func() (string, error) { return u.site.Secret(workgroupSecret) },
		serves: u.person,
	})
	return err
}

// person reports whether an account is a person's, and not a host's or the bot's.
func (u *upSite) person(bare jid.JID) bool {
	a, err := u.server.store.Account(context.Background(), bare.Localpart())
	return err == nil && bare.Domainpart() == u.site.Domain && a.Role.Person()
}

// login is how a part of this process logs in.
func (u *upSite) login(name string) config.Account {
	return config.Account{
		JID: name + "@" + u.site.Domain, PasswordFile: u.site.Path(site.SecretFile(name)),
		Address: u.server.listeners.C2S.Addr().String(), CAFile: u.site.Path(site.CAFile),
	}
}

func (u *upSite) newAgent(h upHost) (*agentPart, error) {
	lc, err := linkConfig(u.login(h.name), agentapi.Resource, u.log)
	if err != nil {
		return nil, err
	}
	load := func() (*policy.Policy, error) { return policy.Load(u.site.Path(site.HostPolicy)) }
	rules, err := load()
	if err != nil {
		return nil, err
	}
	caller, err := jid.New(botName, u.site.Domain, "")
	if err != nil {
		return nil, err
	}
	if err := hostagent.LetsIn(rules, caller, time.Now()); err != nil {
		return nil, fmt.Errorf("%s: %w", u.site.Path(site.HostPolicy), err)
	}
	state := u.site.HostState(h.name)
	hc := hostagent.Config{
		Name: h.name, StateDir: state, Policy: rules, LoadPolicy: load, Facts: h.facts, Demo: h.demo,
		Version: buildVersion, Log: u.log.With("host", h.name),
	}
	scratch := filepath.Join(state, "scratch") // for disk.clean to be tried on
	if err := os.MkdirAll(scratch, 0o700); err != nil {
		return nil, err
	}
	hc.CleanPaths = []string{scratch}
	if h.demo { // the machine's services belong to the agent of its own name
		hc.InitDir = filepath.Join(state, "init.d")
		if err := os.MkdirAll(hc.InitDir, 0o700); err != nil {
			return nil, err
		}
	}
	return newAgent(lc, hc)
}

func (u *upSite) newBot(ctx context.Context) (err error) {
	lc, err := linkConfig(u.login(botName), botResource, u.log)
	if err != nil {
		return err
	}
	conf := config.Default().Bot
	u.bot, err = newBot(ctx, botSetup{
		login: lc, state: u.site.Path(site.BotState), policy: u.site.Path(site.BotPolicy), conf: conf, alerts: u.workgroup(), log: u.log,
	})
	return err
}

// run starts everything, waits until all hosts are there, does what is to be
// done, and stops everything: those who are logged in before the server.
func (u *upSite) run(ctx context.Context, do func(context.Context) error) error {
	serving, stopServer := context.WithCancel(context.WithoutCancel(ctx))
	defer stopServer()
	server, serving := errgroup.WithContext(serving)
	server.Go(func() error { return u.server.Run(serving) })

	parts, partsCtx := errgroup.WithContext(ctx)
	partsCtx, stopParts := context.WithCancel(partsCtx)
	defer stopParts()
	for _, a := range u.agents {
		parts.Go(func() error { return a.Run(partsCtx) })
	}
	parts.Go(func() error { return u.bot.Run(partsCtx) })
	parts.Go(func() error { return u.alerts.Run(partsCtx) })
	parts.Go(func() error { // the server's end is everybody's
		select {
		case <-serving.Done():
			return errors.New("the server has stopped")
		case <-partsCtx.Done():
			return nil
		}
	})

	err := u.ready(partsCtx)
	if err == nil {
		err = u.site.Publish(u.access())
	}
	if err == nil {
		u.greet()
		err = do(partsCtx)
	}
	stopParts()
	err = errors.Join(u.site.Withdraw(), err, parts.Wait())
	stopServer()
	return errors.Join(err, server.Wait())
}

// readyWithin bounds the wait for this process's own agents.
const readyWithin = time.Minute

// ready waits until the bot has every host's facts.
func (u *upSite) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, readyWithin, fmt.Errorf("not all host agents came up within %s", readyWithin))
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	select {
	case <-u.alerts.session.Ready():
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	for {
		known := 0
		for _, h := range u.bot.fleet.Snapshot().Hosts {
			if h.Online && h.Facts.Facts != nil {
				known++
			}
		}
		if known >= len(u.hosts) {
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
}

func (u *upSite) access() site.Access {
	a := site.Access{
		Domain: u.site.Domain, C2S: u.server.listeners.C2S.Addr().String(), CAFile: site.CAFile, Bot: botName + "@" + u.site.Domain, Workgroup: u.workgroup(),
		Accounts: []site.Account{{JID: adminName + "@" + u.site.Domain, Role: string(account.Admin), PasswordFile: site.SecretFile(adminName)}},
	}
	if l := u.server.listeners.DirectTLS; l != nil {
		a.C2STLS = l.Addr().String()
	}
	if l := u.server.listeners.Component; l != nil {
		a.Component = l.Addr().String()
	}
	a.SMTP = u.alerts.intake.MailAddr()
	a.HTTP, a.Sources = u.alerts.intake.HTTPAddr(), []site.Source{{Name: "webhook", TokenFile: site.SecretFile(site.WebhookToken)}}
	for _, h := range u.hosts {
		a.Hosts = append(a.Hosts, site.Host{Name: h.name, JID: h.name + "@" + u.site.Domain + "/" + agentapi.Resource})
	}
	return a
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

func (u *upSite) interactive() bool { return term.IsTerminal(int(u.std.in.Fd())) }

// chat answers lines from standard input until they end.
func (u *upSite) chat(ctx context.Context) error {
	p, err := newPrompt(u.std.in, u.std.out)
	if err != nil {
		return err
	}
	defer p.Close()
	defer u.logs.above(p)()
	return converse(ctx, p, func(ctx context.Context, line string) error {
		return u.bot.say(ctx, u.admin, line, func(r bot.Reply) {
			if r.Again || !r.Final && !u.interactive() {
				return
			}
			fmt.Fprintln(p, strings.TrimRight(r.Text, "\n"))
		})
	})
}

// addresses beside the one for clients.
type addresses struct {
	direct    string // TLS from the first byte
	component string
	http      string // alerts
	mail      string // alerts
}

// otherPorts are the usual ports when that of clients is the usual one, and free
// ones otherwise.
func otherPorts(listenOn string) (addresses, error) {
	host, port, err := net.SplitHostPort(listenOn)
	if err != nil {
		return addresses{}, fmt.Errorf("--listen %q: want ADDRESS:PORT", listenOn)
	}
	if port != "5222" {
		const free = "127.0.0.1:0"
		return addresses{net.JoinHostPort(host, "0"), free, free, free}, nil
	}
	return addresses{net.JoinHostPort(host, "5223"), "127.0.0.1:5347", "127.0.0.1:8642", "127.0.0.1:2525"}, nil
}
