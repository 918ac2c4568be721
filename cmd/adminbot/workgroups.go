package main

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"
	"mellium.im/xmpp/jid"

	"adminbot/internal/alertrpc"
	"adminbot/internal/alertstore"
	"adminbot/internal/config"
	"adminbot/internal/intake"
	"adminbot/internal/link"
	"adminbot/internal/policy"
	"adminbot/internal/site"
	"adminbot/internal/xmpp/adhoc"
	"adminbot/internal/xmpp/disco"
	"adminbot/internal/xmpp/version"
	"adminbot/rpc"
	"adminbot/workgroups"
)

type workgroupsCmd struct {
	Config string `required:"" type:"existingfile" help:"The configuration file."`
}

func (c workgroupsCmd) Run(ctx context.Context, std streams, log *slog.Logger) error {
	conf, err := config.Load(c.Config)
	if err != nil {
		return exit(exitUsage, err)
	}
	setup := workgroupsSetup{
		conf: conf.Workgroups, intake: conf.Intake, file: filepath.Join(conf.State, site.Alerts), log: log,
		secret: func() (string, error) { return config.ReadSecret(conf.Workgroups.SecretFile) },
	}
	if err := os.MkdirAll(conf.State, 0o700); err != nil {
		return err
	}
	part, err := newWorkgroups(ctx, setup)
	if err != nil {
		return err
	}
	part.session.OnUp(func(context.Context) { fmt.Fprintf(std.err, "serving %s\n", conf.Workgroups.Domain) })
	for _, in := range []struct{ by, at string }{{"HTTP", part.intake.HTTPAddr()}, {"SMTP", part.intake.MailAddr()}} {
		if in.at != "" {
			fmt.Fprintf(std.err, "alerts by %s at %s\n", in.by, in.at)
		}
	}
	return part.Run(ctx)
}

// checkWorkgroups finds what would keep the alert service from starting.
func checkWorkgroups(w config.Workgroups, in config.Intake) error {
	groups, err := w.Workgroups()
	if err != nil {
		return err
	}
	if _, err := w.RoomSetup(); err != nil {
		return err
	}
	if _, err := loadWorkgroupPolicy(w.Policy); err != nil {
		return err
	}
	if _, err := config.ReadSecret(w.SecretFile); err != nil {
		return fmt.Errorf("workgroups.secret_file: %w", err)
	}
	if _, err := in.Trusted(); err != nil {
		return err
	}
	_, err = intakeSources(in, groups)
	return err
}

// workgroupsSetup is what the alert service needs.
type workgroupsSetup struct {
	conf   config.Workgroups
	intake config.Intake
	secret func() (string, error)
	file   string              // the SQLite file
	serves workgroups.Accounts // of the domains of which everybody is a member; nil: all
	log    *slog.Logger
}

// A workgroupsPart is the alert service with its session and its store.
type workgroupsPart struct {
	service *workgroups.Service
	session *link.Session
	store   *alertstore.Store
	intake  *intake.Server // nil: alerts come in by XMPP alone
}

func newWorkgroups(ctx context.Context, s workgroupsSetup) (_ *workgroupsPart, err error) {
	domain, err := jid.Parse(s.conf.Domain)
	if err != nil || s.conf.Component == "" {
		return nil, exit(exitUsage, errors.New("workgroups.domain, workgroups.component and workgroups.secret_file are needed"))
	}
	groups, err := s.conf.Workgroups()
	if err != nil {
		return nil, exit(exitUsage, err)
	}
	for i := range groups {
		groups[i].Serves = s.serves
	}
	rooms, err := s.conf.RoomSetup()
	if err != nil {
		return nil, exit(exitUsage, err)
	}
	rules, err := loadWorkgroupPolicy(s.conf.Policy)
	if err != nil {
		return nil, exit(exitUsage, err)
	}
	p := &workgroupsPart{session: link.New(link.Config{
		JID: domain, Addr: s.conf.Component, Component: &link.Component{Secret: s.secret},
		Version: version.Info{Name: "AdminBot", Version: buildVersion}, Log: s.log,
		Timing: link.Timing{RetryMax: 15 * time.Second}, // alerts wait for it
	})}
	if p.store, err = alertstore.Open(ctx, s.file); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			p.store.Close()
		}
	}()
	p.service, err = workgroups.New(workgroups.Config{
		Domain: domain, Groups: groups, Store: p.store, Wire: p.session, Rooms: rooms, Features: []string{rpc.NS}, Log: s.log,
		May: alertrpc.Permit(rules, serverClock(p.session)),
	})
	if err != nil {
		return nil, exit(exitUsage, err)
	}
	if p.intake, err = newIntake(ctx, s.intake, p.service, s.log); err != nil {
		return nil, err
	}
	calls := alertrpc.Mux(alertrpc.Server{Service: p.service, Policy: func() *policy.Policy { return rules }, Now: serverClock(p.session), Log: s.log})
	for _, name := range []xml.Name{
		{Space: workgroups.NS}, {Space: workgroups.NSJive}, {Space: adhoc.NS, Local: "command"}, {Space: disco.NSInfo, Local: "query"}, {Space: disco.NSItems, Local: "query"},
	} {
		p.session.HandleIQ(name, p.service.HandleIQ)
	}
	p.session.HandleIQ(xml.Name{Space: rpc.NS}, calls.HandleIQ)
	p.session.HandlePresence(p.service.HandlePresence)
	p.session.HandleMessage(p.service.HandleMessage)
	p.session.OnUp(func(context.Context) { p.service.Connected() })
	return p, nil
}

// loadWorkgroupPolicy reads the policy of the alert service; without a file
// nobody may call it.
func loadWorkgroupPolicy(path string) (*policy.Policy, error) {
	if path == "" {
		return nil, nil
	}
	p, err := policy.Load(path)
	if err == nil {
		err = p.CheckHost() // it is told of callers and of people, as a host is
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return p, nil
}

// Run serves until ctx is done.
func (p *workgroupsPart) Run(ctx context.Context) error {
	defer p.store.Close()
	g, ctx := errgroup.WithContext(ctx)
	runs := []func(context.Context) error{p.session.Run, p.service.Run}
	if p.intake != nil {
		runs = append(runs, p.intake.Run)
	}
	for _, run := range runs {
		g.Go(func() error {
			if err := run(ctx); err != nil && ctx.Err() == nil {
				return err
			}
			return nil
		})
	}
	return g.Wait()
}
