package bench

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"mellium.im/xmpp/jid"

	"adminbot/agentapi"
	"adminbot/internal/hostagent"
	"adminbot/internal/link"
	"adminbot/internal/policy"
	"adminbot/internal/swarm"
	"adminbot/rpc"
)

// RPC says how one call is measured.
type RPC struct {
	Calls  int    // one after the other
	Method string // that only reads
}

// warmups are the calls before those that are measured.
const warmups = 50

// Run measures calls of the first host from the bot's account, both with TLS:
// of a lean host, and of a real adminbot agent, which writes each call to its
// audit log on disk before it answers.
func (r RPC) Run(ctx context.Context, run Run, t Target) ([]Figure, error) {
	dir, err := os.MkdirTemp("", "adminbot-bench-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	lean, err := r.lean(ctx, t, filepath.Join(dir, "swarm"))
	if err != nil {
		return nil, err
	}
	agent, err := t.startAgent(ctx, run.Program, filepath.Join(dir, "agent"), t.Hosts[0])
	if err != nil {
		return nil, err
	}
	real, err := r.measure(ctx, t, "one RPC, real agent")
	if err := joinStop(err, agent); err != nil {
		return nil, err
	}
	return t.named([]Figure{lean, real}, nil)
}

func (r RPC) lean(ctx context.Context, t Target, state string) (f Figure, err error) {
	s, err := t.swarm(state, t.Hosts[:1])
	if err != nil {
		return Figure{}, err
	}
	err = beside(ctx, s.Run, func(ctx context.Context) error {
		if err := s.Ready(ctx); err != nil {
			return err
		}
		f, err = r.measure(ctx, t, "one RPC")
		return err
	})
	return f, err
}

// swarm makes lean agents that let the bot read.
func (t Target) swarm(state string, hosts []string) (*swarm.Swarm, error) {
	login, err := t.login(agentapi.Resource)
	if err != nil {
		return nil, err
	}
	bot, err := jid.New(t.Bot, t.Domain, "")
	if err != nil {
		return nil, fmt.Errorf("bench: %w", err)
	}
	rules, err := policy.ReadOnly(bot)
	if err != nil {
		return nil, err
	}
	return swarm.New(swarm.Config{
		Names: hosts, Link: login, Agent: hostagent.Config{StateDir: state, Policy: rules, Demo: true},
	})
}

func (r RPC) measure(ctx context.Context, t Target, name string) (f Figure, err error) {
	login, err := t.login("bench")
	if err != nil {
		return f, err
	}
	cfg := login(t.Bot)
	cfg.Once = true
	s := link.New(cfg)
	err = beside(ctx, s.Run, func(ctx context.Context) error {
		select {
		case <-s.Ready():
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		client := &rpc.Client{Transport: s}
		var times []float64
		for i := range warmups + r.Calls {
			began := time.Now()
			if err := client.Call(ctx, t.host(t.Hosts[0]), r.Method, rpc.Envelope{}, map[string]any{}, nil); err != nil {
				return fmt.Errorf("bench: %w", err)
			}
			if i >= warmups {
				times = append(times, milliseconds(time.Since(began)))
			}
		}
		f = of(name, "ms", 0, times...)
		return nil
	})
	return f, err
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
