// Package swarm runs many lean host agents in one process, for measurements and
// tests: thousands of hosts on one machine.
//
// Each has an XMPP session of its own (internal/link) with its own connection,
// TLS and login, and answers calls through the same rpc.ServeMux, contract,
// policy and expiry as a host agent. What makes them lean: one real host agent
// stands behind all of them. It reads the machine once for each question; its
// answer is then the answer of every host. They take reads only and keep no
// journal and no audit log of their own.
//
// Fill in a [Config], make a [Swarm] with [New], let [Swarm.Run] run, and wait
// with [Swarm.Ready] until all have logged in.
package swarm

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"sync"

	"mellium.im/xmpp/stanza"

	"adminbot/agentapi"
	"adminbot/internal/hostagent"
	"adminbot/internal/link"
	"adminbot/rpc"
)

// Config says what the agents are. Names, Link and Agent are needed.
type Config struct {
	Names []string // of their accounts
	// Link is how a host logs in; its JID ends in agentapi.Resource. TLS
	// configurations and the like may be shared.
	Link func(name string) link.Config
	// Agent is the real host agent behind all of them. Its policy is theirs.
	Agent hostagent.Config
	// Silent is asked at each call: a silent host takes it and never answers.
	// Nil means that there are none.
	Silent func(name string) bool
	// Logins bounds the first logins that are under way at once; default 32.
	// When a connection breaks, each agent comes back by itself.
	Logins int
}

// A Swarm is many host agents. Its methods are safe for concurrent use.
type Swarm struct {
	cfg     Config
	agent   *hostagent.Agent
	members []*member
	changed chan struct{} // holds one: a member came or went

	mu     sync.Mutex
	up     int
	logins int   // since the start
	last   error // the last reason why a member was not up
}

// A member is one host.
type member struct {
	session *link.Session
	first   chan struct{} // closed when the first login has ended, well or not
	up      bool          // guarded by Swarm.mu
}

// Bounds of one lean session: nobody floods it.
const (
	outgoing = 16
	workers  = 8
)

// New makes a swarm and opens the state of the real agent. It starts nothing.
func New(cfg Config) (*Swarm, error) {
	if cfg.Logins <= 0 {
		cfg.Logins = 32
	}
	agent, err := hostagent.New(cfg.Agent)
	if err != nil {
		return nil, fmt.Errorf("swarm: %w", err)
	}
	s := &Swarm{cfg: cfg, agent: agent, changed: make(chan struct{}, 1)}
	mux := newMux(agent, cfg.Agent.Policy)
	for _, name := range cfg.Names {
		s.members = append(s.members, s.newMember(name, mux.HandleIQ))
	}
	return s, nil
}

func (s *Swarm) newMember(name string, answer link.IQHandler) *member {
	m := &member{first: make(chan struct{})}
	cfg := s.cfg.Link(name)
	cfg.Disco, cfg.DiscoNode = hostagent.Disco(), agentapi.NodeCaps
	cfg.Presence = func() (stanza.Presence, xml.TokenReader) {
		return hostagent.Presence(s.agent.Mood(context.Background()))
	}
	cfg.Limits.Outgoing, cfg.Limits.Workers = outgoing, workers
	once := sync.OnceFunc(func() { close(m.first) })
	told := cfg.OnState
	cfg.OnState = func(st link.State) {
		switch {
		case st.Err != nil:
			s.note(m, false, st.Err)
			once()
		case st.Up && st.Resumed: // a login that is none: OnUp does not run
			s.note(m, true, nil)
		}
		if told != nil {
			told(st)
		}
	}
	m.session = link.New(cfg)
	m.session.HandleIQ(xml.Name{Space: rpc.NS}, func(ctx context.Context, iq stanza.IQ, r xml.TokenReader) (xml.TokenReader, error) {
		if s.cfg.Silent != nil && s.cfg.Silent(name) {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		return answer(ctx, iq, r)
	})
	m.session.OnUp(func(ctx context.Context) {
		if m.session.Barrier(ctx) == nil { // the server has its presence
			s.note(m, true, nil)
		}
		once()
	})
	return m
}

// note records that a member came or went.
func (s *Swarm) note(m *member, up bool, err error) {
	s.mu.Lock()
	if m.up != up {
		m.up = up
		if up {
			s.up++
			s.logins++
		} else {
			s.up--
		}
	}
	if err != nil {
		s.last = err
	}
	s.mu.Unlock()
	select {
	case s.changed <- struct{}{}:
	default:
	}
}

// Run logs everybody in, so many at once as Config.Logins allows, and answers
// calls until ctx is done and all sessions have ended. It closes the state of
// the real agent.
func (s *Swarm) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	failed := make(chan error, len(s.members)+1)
	run := func(f func(context.Context) error) {
		wg.Go(func() { failed <- f(ctx) })
	}
	run(s.agent.Run)
	slots := make(chan struct{}, s.cfg.Logins)
start:
	for _, m := range s.members {
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			break start
		}
		run(m.session.Run)
		wg.Go(func() {
			select {
			case <-m.first:
			case <-ctx.Done():
			}
			<-slots
		})
	}
	wg.Wait()
	close(failed)
	var errs []error
	for err := range failed {
		if err != nil && ctx.Err() == nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// Up is how many are logged in and present.
func (s *Swarm) Up() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.up
}

// Logins is how often hosts have come since the start: each counts again when it
// was gone.
func (s *Swarm) Logins() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.logins
}

// Ready waits until all are logged in and the server has their presence. It may
// be called again after connections broke, by one goroutine at a time.
func (s *Swarm) Ready(ctx context.Context) error {
	for {
		s.mu.Lock()
		up, last := s.up, s.last
		s.mu.Unlock()
		if up == len(s.members) {
			return nil
		}
		select {
		case <-s.changed:
		case <-ctx.Done():
			err := fmt.Errorf("swarm: %d of %d hosts are logged in: %w", up, len(s.members), context.Cause(ctx))
			if last != nil {
				err = fmt.Errorf("%w; the last one that was not: %w", err, last)
			}
			return err
		}
	}
}
