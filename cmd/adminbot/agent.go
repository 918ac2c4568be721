package main

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/stanza"

	"adminbot/agentapi"
	"adminbot/internal/config"
	"adminbot/internal/hostagent"
	"adminbot/internal/hostagent/self"
	"adminbot/internal/link"
	"adminbot/internal/policy"
	"adminbot/rpc"
)

type agentCmd struct {
	Config string `required:"" type:"existingfile" help:"The configuration file."`
}

func (c agentCmd) Run(ctx context.Context, std streams, log *slog.Logger) error {
	conf, err := config.Load(c.Config)
	if err != nil {
		return exit(exitUsage, err)
	}
	load := func() (*policy.Policy, error) { return agentPolicy(conf.Agent) }
	p, err := load()
	if err != nil {
		// A host without a valid policy denies everything, and says so.
		log.ErrorContext(ctx, "no policy: every call is refused", "err", err)
	}
	lc, err := linkConfig(conf.Account, agentapi.Resource, log)
	if err != nil {
		return exit(exitUsage, err)
	}
	if lc.JID.Resourcepart() != agentapi.Resource {
		return usage("account.jid must end in /%s: callers address host agents so", agentapi.Resource)
	}
	lc.OnState = reportState(std, lc.JID)
	lc.Timing.RetryMin = 3 * time.Second // there may be thousands of them
	part, err := newAgent(lc, hostagent.Config{
		Name: lc.JID.Localpart(), StateDir: filepath.Join(conf.State, "agent"), Policy: p, LoadPolicy: load,
		InitDir: initDir(conf.Agent), CleanPaths: conf.Agent.Clean, Facts: conf.Agent.Facts, Version: buildVersion, Log: log,
	})
	if err != nil {
		return err
	}
	part.session.OnUp(func(ctx context.Context) {
		if part.session.Barrier(ctx) == nil { // the server has its presence
			fmt.Fprintf(std.err, "%s takes calls\n", part.session.LocalAddr())
		}
	})
	// Once everything runs, an agent nobody talks to should not be noticed.
	defer time.AfterFunc(trimAfter, self.Trim).Stop()
	return part.Run(ctx)
}

const trimAfter = 30 * time.Second

// initDir is empty unless the file names another directory than the default:
// then the agent finds out itself whether systemd runs.
func initDir(a config.Agent) string {
	if a.InitDir == config.Default().Agent.InitDir {
		return ""
	}
	return a.InitDir
}

// agentPolicy is the host's policy: its file, or reading for the first bot.
func agentPolicy(a config.Agent) (*policy.Policy, error) {
	if a.Policy != "" {
		return policy.Load(a.Policy)
	}
	if len(a.Bots) != 1 {
		return nil, errors.New("without agent.policy, agent.bots must name exactly one bot")
	}
	botJID, err := jid.Parse(a.Bots[0])
	if err != nil {
		return nil, fmt.Errorf("agent.bots: %w", err)
	}
	return policy.ReadOnly(botJID)
}

// reportState tells on standard error when the connection comes and goes.
func reportState(std streams, who jid.JID) func(link.State) {
	return func(s link.State) {
		switch {
		case s.Up:
			fmt.Fprintf(std.err, "%s is connected\n", s.Addr)
		case s.Err != nil && s.Retry > 0:
			fmt.Fprintf(std.err, "%s is not connected: %v; next try in %s\n", who, s.Err, s.Retry.Round(time.Second))
		case s.Err != nil:
			fmt.Fprintf(std.err, "%s is not connected: %v\n", who, s.Err)
		}
	}
}

// An agentPart is a host agent with its session.
type agentPart struct {
	agent   *hostagent.Agent
	session *link.Session
}

func newAgent(lc link.Config, hc hostagent.Config) (*agentPart, error) {
	part := &agentPart{}
	lc.Disco, lc.DiscoNode = hostagent.Disco(), agentapi.NodeCaps
	lc.Presence = func() (stanza.Presence, xml.TokenReader) {
		return hostagent.Presence(part.agent.Mood(context.Background()))
	}
	part.session = link.New(lc)
	hc.ClockOffset = part.session.ClockOffset
	var upSince atomic.Pointer[time.Time]
	part.session.OnUp(func(context.Context) {
		now := time.Now()
		upSince.Store(&now)
	})
	part.session.OnDown(func(error) { upSince.Store(nil) })
	hc.Connection = func() (since time.Time, reconnects int) {
		if t := upSince.Load(); t != nil {
			since = *t
		}
		return since, int(part.session.Stats().Reconnects)
	}
	var err error
	if part.agent, err = hostagent.New(hc); err != nil {
		return nil, err
	}
	part.session.HandleIQ(xml.Name{Space: rpc.NS}, part.agent.Mux().HandleIQ)
	part.agent.SetPresence(func(ctx context.Context, m agentapi.Mood) {
		p, payload := hostagent.Presence(m)
		// While the connection is broken, this waits for the next; without a session
		// the next login says it.
		if err := part.session.SendPresence(ctx, p, payload); err != nil && !errors.Is(err, link.ErrClosed) {
			hc.Log.WarnContext(ctx, "mood not sent", "err", err)
		}
	})
	return part, nil
}

// Run answers calls until ctx is done.
func (a *agentPart) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return a.session.Run(ctx) })
	g.Go(func() error { return a.agent.Run(ctx) })
	return g.Wait()
}
