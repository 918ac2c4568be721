package main

import (
	"context"
	"encoding/xml"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"
	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/stanza"

	"adminbot/agentapi"
	"adminbot/bot"
	"adminbot/grammar"
	"adminbot/internal/alertrpc"
	"adminbot/internal/aliasstore"
	"adminbot/internal/audit"
	"adminbot/internal/config"
	"adminbot/internal/fleet"
	"adminbot/internal/link"
	"adminbot/internal/policy"
	"adminbot/internal/xmpp/disco"
	"adminbot/rpc"
)

// botResource is the bot's fixed resource, to which calls of its methods go.
const botResource = "adminbot"

type botCmd struct {
	Config string `required:"" type:"existingfile" help:"The configuration file."`
}

func (c botCmd) Run(ctx context.Context, std streams, log *slog.Logger) error {
	conf, err := config.Load(c.Config)
	if err != nil {
		return exit(exitUsage, err)
	}
	lc, err := linkConfig(conf.Account, botResource, log)
	if err != nil {
		return exit(exitUsage, err)
	}
	lc.OnState = reportState(std, lc.JID)
	lc.Timing.RetryMax = 30 * time.Second // people wait for it, and it is alone
	var part *botPart
	part, err = newBot(ctx, botSetup{
		login: lc, state: filepath.Join(conf.State, "bot"), policy: conf.Bot.Policy, conf: conf.Bot, alerts: conf.Workgroups.Domain, log: log,
		seen: func() { fmt.Fprintf(std.err, "%s sees %s\n", lc.JID.Bare(), plural(part.fleet.Len(), "host")) },
	})
	if err != nil {
		return err
	}
	return part.Run(ctx)
}

type botSetup struct {
	login  link.Config
	state  string // directory
	policy string // file
	conf   config.Bot
	alerts string            // the domain of the alert service; empty: there is none
	seen   func()            // told when the first picture of the hosts is complete; may be nil
	tune   func(*bot.Config) // changes what the bot is made of; may be nil
	log    *slog.Logger
}

// A botPart is the bot with its session and its picture of the fleet.
type botPart struct {
	bot     *bot.Bot
	chat    *bot.Chat
	rooms   *bot.Rooms // nil: without an alert service there are none
	fleet   *fleet.Fleet
	session *link.Session
	audit   *audit.Log
	aliases *aliasstore.Store
}

func newBot(ctx context.Context, s botSetup) (*botPart, error) {
	rules, err := loadBotPolicy(s.policy)
	if err != nil {
		return nil, exit(exitUsage, err)
	}
	if err := os.MkdirAll(s.state, 0o700); err != nil {
		return nil, err
	}
	p := &botPart{}
	if p.audit, err = audit.Open(filepath.Join(s.state, "audit.jsonl")); err != nil {
		return nil, err
	}
	if p.aliases, err = aliasstore.Open(ctx, filepath.Join(s.state, "aliases.db")); err != nil {
		return nil, err
	}
	self := agentapi.BotIdentity()
	s.login.Disco = disco.Info{
		Identities: []disco.Identity{{Category: self.Category, Type: self.Type, Name: self.Name}},
		Features:   []string{agentapi.FeatureRPC, agentapi.FeatureSHIM},
	}
	s.login.DiscoNode = "urn:adminbot:bot:0"
	p.session = link.New(s.login)
	client := &rpc.Client{Transport: p.session, Now: serverClock(p.session), Timeout: methodTimeout}
	language, err := bot.Language(s.conf.Vocabulary...)
	if err != nil {
		return nil, exit(exitUsage, err)
	}
	p.fleet, err = fleet.New(fleet.Config{
		Compile:    language.Compile,
		Fetch:      fleet.Ask(client),
		Groups:     s.conf.Groups,
		HostsGroup: s.conf.HostGroup,
		Inventory:  grammar.Inventory{Zone: time.Local},
		Now:        client.Now,
		Log:        s.log,
	})
	if err != nil {
		return nil, err
	}
	conf := bot.Config{
		JID: s.login.JID, Fleet: p.fleet, Transport: p.session, Policy: func() *policy.Policy { return rules },
		Audit: p.audit, Aliases: p.aliases, Version: buildVersion, Now: client.Now, Log: s.log,
		Notify: func(ctx context.Context, r bot.Reply) { p.chat.Notify(ctx, r) },
	}
	if s.alerts != "" {
		to, err := jid.Parse(s.alerts)
		if err != nil {
			return nil, exit(exitUsage, fmt.Errorf("workgroups.domain %q: %w", s.alerts, err))
		}
		conf.Alerts = &alertrpc.Client{RPC: client, To: to}
		p.rooms = bot.NewRooms(bot.RoomsConfig{
			JID: s.login.JID, Nick: s.login.JID.Localpart(), Service: to, Alerts: conf.Alerts, Send: p.session.Send, Log: s.log,
		})
		conf.Nick, conf.Room = s.login.JID.Localpart(), p.rooms.Alert
	}
	if s.tune != nil {
		s.tune(&conf)
	}
	p.bot, err = bot.New(conf)
	if err != nil {
		return nil, err
	}
	clients := &clients{session: p.session, now: client.Now}
	chat := bot.ChatConfig{Bot: p.bot, Send: p.session.Send, Corrects: clients.correct, Known: p.fleet.Known(), Log: s.log}
	if p.rooms != nil {
		chat.Occupant, chat.Invited = p.rooms.Occupant, p.rooms.Invited
	}
	p.chat = bot.NewChat(chat)
	p.session.HandleMessage(p.chat.HandleMessage)
	p.session.HandleIQ(xml.Name{Space: rpc.NS}, p.bot.Mux().HandleIQ)
	watch(p.session, p.fleet, s.log, s.seen)
	if p.rooms != nil {
		p.session.HandlePresence(func(ctx context.Context, presence stanza.Presence, r xml.TokenReader) {
			if !p.rooms.HandlePresence(ctx, presence, r) {
				p.fleet.HandlePresence(ctx, presence, r)
			}
		})
		p.session.OnUp(p.rooms.Connected)
		p.session.OnUp(func(ctx context.Context) { learnWorkgroups(ctx, conf.Alerts, p.fleet, s.log) })
	}
	return p, nil
}

// loadBotPolicy reads the bot's policy; without a file nobody may do anything.
func loadBotPolicy(path string) (*policy.Policy, error) {
	if path == "" {
		return nil, nil
	}
	p, err := policy.Load(path)
	if err != nil {
		return nil, err
	}
	if err := p.CheckBot(func(selector string) error {
		_, err := grammar.ParseSelector(selector)
		return err
	}); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return p, nil
}

// methodTimeout is how long the work of a method may take by the table.
func methodTimeout(method string) time.Duration {
	spec, _ := agentapi.Lookup(method)
	return spec.Timeout
}

// Run answers people and programs until ctx is done.
func (p *botPart) Run(ctx context.Context) error {
	defer p.audit.Close()
	defer p.aliases.Close()
	g, ctx := errgroup.WithContext(ctx)
	for _, run := range []func(context.Context) error{p.session.Run, p.fleet.Run, p.bot.Run, p.chat.Run} {
		g.Go(func() error {
			if err := run(ctx); err != nil && ctx.Err() == nil {
				return err
			}
			return nil
		})
	}
	return g.Wait()
}

// say answers a line as though who had said it in a chat with the bot.
func (p *botPart) say(ctx context.Context, who jid.JID, line string, emit func(bot.Reply)) error {
	return p.bot.Answer(ctx, bot.Utterance{From: who, Text: line}, emit)
}
