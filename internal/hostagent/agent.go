// Package hostagent is what runs on a managed host: it answers Jabber-RPC
// calls (XEP-0009) about the machine it is on, under the host's own policy,
// and says how the host feels.
//
// A program makes an agent with [New], hands the stanzas of a session to
// [Agent.Mux], says with [Agent.SetPresence] where changes of mood go, and
// calls [Agent.Run], which returns when its context is done and every change
// that was begun has ended.
//
// Every method is a typed function of the table in agentapi behind one guard.
// For each call the guard asks, in this order: is the caller listed, does the
// policy let this person do it, was this call made before, is it young enough,
// are its arguments right, is it its turn. A change is on disk, in the audit
// log and in the journal of calls, before it begins.
package hostagent

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"adminbot/agentapi"
	"adminbot/internal/audit"
	"adminbot/internal/filelock"
	"adminbot/internal/hostagent/service"
	"adminbot/internal/policy"
	"adminbot/rpc"
)

// Config is what an [Agent] is made of. StateDir is needed; everything else
// has a default.
type Config struct {
	// Name is what the host is called in the audit log; default its
	// hostname.
	Name string
	// StateDir holds the journal of calls, the audit log and a lock. It is
	// made if it is not there. No two agents share one.
	StateDir string
	// Policy says who may do what. Nil refuses everything.
	Policy *policy.Policy
	// LoadPolicy reads the policy again for agent.reload. On an error the
	// old one stays. Nil means that there is nothing to reload.
	LoadPolicy func() (*policy.Policy, error)
	// Audit is the log for decisions and calls, which stays the caller's to
	// close; several agents of one process may share it. Nil opens
	// audit.jsonl in StateDir.
	Audit *audit.Log

	// Services manages the host's services; nil means what
	// [service.Detect] finds, with the scripts of InitDir (default
	// /etc/init.d) where there is no systemd. An agent that is given an
	// InitDir always uses its scripts.
	Services service.Manager
	InitDir  string

	// Facts are added to what the host finds out about itself: role, env,
	// site. FactsDir is where the site's fact files are; default
	// /etc/adminbot/facts.d.
	Facts    map[string]string
	FactsDir string
	// Paths are the directories below which disk.largest and log.query may
	// look; default / for the first, /var/log for the second.
	Paths    []string
	LogPaths []string
	// CleanPaths are the directories below which disk.clean may delete; without
	// any it deletes nothing.
	CleanPaths []string
	// Demo marks an agent that is another name for a machine which has its
	// own: its facts say demo=true.
	Demo bool

	// Version is the program's; default what the Go linker left.
	Version string
	// ClockOffset is what must be added to this machine's clock to have the
	// server's (XEP-0202), and whether that is known. Where it is not known
	// or over a minute, calls that change the host are refused. Nil means
	// that it is not known.
	ClockOffset func() (offset time.Duration, known bool)
	// Connection says since when the session has been up (zero: it is not)
	// and how often it was opened again. Nil leaves both out of agent.info.
	Connection func() (since time.Time, reconnects int)

	Limits Limits
	Now    func() time.Time // default time.Now
	Log    *slog.Logger     // default discards
}

// Agent is one host agent. Its methods may be called from any goroutine,
// except where they say otherwise.
type Agent struct {
	cfg     Config
	started time.Time
	guard   *guard
	mux     *rpc.ServeMux
	monitor *monitor
	sources *sources

	lock     *os.File
	ownAudit bool
	close    func() error
}

// New makes an agent and opens its state. A damaged state is refused with the
// file named, and nothing is written over. After an error nothing is open.
func New(cfg Config) (*Agent, error) {
	if cfg.StateDir == "" {
		return nil, errors.New("hostagent: no state directory is given")
	}
	if cfg.Name == "" {
		name, err := os.Hostname()
		if err != nil {
			return nil, fmt.Errorf("hostagent: %w", err)
		}
		cfg.Name = name
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.ClockOffset == nil {
		cfg.ClockOffset = func() (time.Duration, bool) { return 0, false }
	}
	if cfg.Policy != nil {
		if err := cfg.Policy.CheckHost(); err != nil {
			return nil, fmt.Errorf("hostagent: %w", err)
		}
	}
	cfg.Limits.Concurrent = cmp.Or(cfg.Limits.Concurrent, 48)
	cfg.Limits.Waiting = cmp.Or(cfg.Limits.Waiting, 32)
	cfg.Limits.ReplyBytes = cmp.Or(cfg.Limits.ReplyBytes, rpc.DefaultReplyBytes)
	cfg.Limits.Grace = cmp.Or(cfg.Limits.Grace, 20*time.Second)
	switch {
	case cfg.Services != nil:
	case cfg.InitDir != "":
		cfg.Services = service.NewInit(cfg.InitDir, cfg.StateDir)
	default:
		cfg.Services = service.Detect("", cfg.StateDir)
	}
	a := &Agent{cfg: cfg, started: cfg.Now()}
	j, err := a.open()
	if err != nil {
		return nil, err
	}
	a.assemble(j)
	return a, nil
}

// open takes the state directory.
func (a *Agent) open() (_ *journal, err error) {
	dir := a.cfg.StateDir
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("hostagent: %w", err)
	}
	if a.lock, err = filelock.Take(filepath.Join(dir, "lock")); err != nil {
		if errors.Is(err, filelock.ErrHeld) {
			return nil, fmt.Errorf("hostagent: %s %w", dir, err)
		}
		return nil, fmt.Errorf("hostagent: %w", err)
	}
	defer func() {
		if err != nil {
			a.lock.Close()
		}
	}()
	j, err := openJournal(filepath.Join(dir, "journal"), a.cfg.Now)
	if err != nil {
		return nil, err
	}
	if a.cfg.Audit == nil {
		a.ownAudit = true
		if a.cfg.Audit, err = (audit.Options{Now: a.cfg.Now}).Open(filepath.Join(dir, "audit.jsonl")); err != nil {
			j.close()
			return nil, fmt.Errorf("hostagent: %w", err)
		}
	}
	a.close = sync.OnceValue(func() error {
		errs := []error{j.close()}
		if a.ownAudit {
			errs = append(errs, a.cfg.Audit.Close())
		}
		return errors.Join(append(errs, a.lock.Close())...)
	})
	return j, nil
}

// assemble builds the guard, the mux and the methods.
func (a *Agent) assemble(j *journal) {
	cfg := &a.cfg
	g := &guard{
		host: cfg.Name, audit: cfg.Audit, journal: j, now: cfg.Now, offset: cfg.ClockOffset, log: cfg.Log, limits: cfg.Limits,
		slots: newSlots(cfg.Limits.Concurrent), lanes: make(map[agentapi.Lane]*lane), strangers: make(map[string]time.Time),
	}
	for _, s := range agentapi.All() {
		if s.Lane != agentapi.LaneFree && g.lanes[s.Lane] == nil {
			g.lanes[s.Lane] = &lane{max: cfg.Limits.Waiting}
		}
	}
	g.refused = audit.NewRefusals(g.record)
	g.life, g.end = context.WithCancel(context.Background())
	g.policy.Store(cfg.Policy)
	a.guard = g
	a.mux = rpc.NewServeMux(rpc.Options{
		Allow: g.allow, Middleware: []rpc.Middleware{g.system}, ReplyBytes: cfg.Limits.ReplyBytes, Now: g.corrected, Log: cfg.Log,
	})
	a.sources = newSources(cfg)
	a.monitor = &monitor{look: a.sources.vitals, now: cfg.Now}
	a.methods()
}

// Mux answers the calls that arrive for this host.
func (a *Agent) Mux() *rpc.ServeMux { return a.mux }

// Mood is how the host feels: what its presence is to show. The first time it
// may take as long as the disks do to answer.
func (a *Agent) Mood(ctx context.Context) agentapi.Mood { return a.monitor.current(ctx) }

// SetPresence says where the first mood and every change of it go. It must be
// called before Run, which calls tell from one goroutine.
func (a *Agent) SetPresence(tell func(context.Context, agentapi.Mood)) { a.monitor.tell = tell }

// SetPolicy puts another policy in force for the calls that come. Nil refuses
// everything.
func (a *Agent) SetPolicy(p *policy.Policy) error {
	if p != nil {
		if err := p.CheckHost(); err != nil {
			return fmt.Errorf("hostagent: %w", err)
		}
	}
	a.guard.policy.Store(p)
	return nil
}

// Run watches over the host's mood until ctx is done. Then it lets no more
// calls begin, waits for those that have begun (changes as long as
// [Limits.Grace], after which they are told to end) and closes the state.
func (a *Agent) Run(ctx context.Context) error {
	a.monitor.run(ctx)
	a.guard.drain()
	return a.Close()
}

// Close closes the state of an agent that does not run, or has stopped.
func (a *Agent) Close() error {
	a.guard.end()
	return a.close()
}
