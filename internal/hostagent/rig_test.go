package hostagent

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"mellium.im/xmpp/jid"

	"adminbot/agentapi"
	"adminbot/internal/audit"
	"adminbot/internal/hostagent/service"
	"adminbot/internal/policy"
	"adminbot/rpc"
)

var (
	bot   = jid.MustParse("adminbot@example.net/bot")
	ci    = jid.MustParse("ci@example.net/x")
	alice = jid.MustParse("alice@example.net")
	host  = jid.MustParse("web01@example.net/agent")
)

const rules = `
bots = ["adminbot@example.net"]
callers = ["ci@example.net"]

[[rule]]
who = ["alice@example.net"]
may = ["R", "S", "W", "D"]

[[rule]]
who = ["ci@example.net"]
may = ["service.restart", "agent.reload"]
args = { unit = ["app.service"] }

[[rule]]
who = ["ci@example.net"]
may = ["R", "agent.reload"]

[[rule]]
who = ["old@example.net"]
may = ["*.*"]
allow_no_ttl = true
`

// rig is an agent with services of its own and ways to call it.
type rig struct {
	t     testing.TB
	agent *Agent
	units *units
	cfg   Config
}

func newRig(t testing.TB, edit func(*Config)) *rig {
	t.Helper()
	p, err := policy.Parse([]byte(rules))
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, units: &units{state: map[string]string{"app.service": "active", "db.service": "inactive"}}}
	r.cfg = Config{
		Name: "web01", StateDir: t.TempDir(), Policy: p, Services: r.units, FactsDir: t.TempDir(),
		ClockOffset: func() (time.Duration, bool) { return 0, true },
	}
	if edit != nil {
		edit(&r.cfg)
	}
	r.start()
	t.Cleanup(func() { r.agent.Close() })
	return r
}

func (r *rig) start() {
	r.t.Helper()
	var err error
	if r.agent, err = New(r.cfg); err != nil {
		r.t.Fatal(err)
	}
}

// call makes a call from an address.
func (r *rig) call(from jid.JID, method string, env rpc.Envelope, in, out any) error {
	c := &rpc.Client{Transport: rpc.Loopback{Mux: r.agent.Mux(), From: from}}
	return c.Call(context.Background(), host, method, env, in, out)
}

// asAlice makes a call of the bot on behalf of alice.
func (r *rig) asAlice(method string, env rpc.Envelope, in, out any) error {
	env.Actor = alice
	return r.call(bot, method, env, in, out)
}

func (r *rig) trail() []audit.Entry {
	r.t.Helper()
	entries, _, err := r.agent.cfg.Audit.Tail(audit.Query{Limit: 1000})
	if err != nil {
		r.t.Fatal(err)
	}
	return entries
}

// wantFault checks code and words of a fault.
func wantFault(t *testing.T, err error, code int, words string) {
	t.Helper()
	if rpc.FaultCode(err) != code || !contains(err, words) {
		t.Errorf("got %v, want fault %d with %q", err, code, words)
	}
}

func contains(err error, words string) bool {
	f, ok := errors.AsType[*rpc.Fault](err)
	return ok && strings.Contains(f.Message, words)
}

type unitArgs struct {
	Unit string `rpc:"unit"`
	Wait *int32 `rpc:"wait_seconds,omitempty"`
}

// units is a small init system in memory.
type units struct {
	mu    sync.Mutex
	state map[string]string
	did   []string
	pid   int32
	// before, when set, runs inside every action.
	before func(ctx context.Context, action service.Action, unit string) error
}

func (u *units) Kind() string { return "memory" }

func (u *units) List(context.Context) ([]service.Status, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	var out []service.Status
	for unit, active := range u.state {
		out = append(out, service.Status{UnitState: agentapi.UnitState{Unit: unit, Load: "loaded", Active: active, Sub: active}})
	}
	slices.SortFunc(out, func(a, b service.Status) int { return len(a.Unit) - len(b.Unit) })
	return out, nil
}

func (u *units) Status(_ context.Context, unit string) (service.Status, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	active, ok := u.state[unit]
	if !ok {
		return service.Status{}, fmt.Errorf("%w: %s", service.ErrNotFound, unit)
	}
	st := service.Status{UnitState: agentapi.UnitState{Unit: unit, Load: "loaded", Active: active, Sub: active}}
	if active == "active" {
		pid := 100 + u.pid
		st.MainPID = &pid
	}
	return st, nil
}

func (u *units) Do(ctx context.Context, action service.Action, unit string) error {
	u.mu.Lock()
	u.did = append(u.did, string(action)+" "+unit)
	before := u.before
	u.mu.Unlock()
	if before != nil {
		if err := before(ctx, action, unit); err != nil {
			return err
		}
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.state[unit] = "active"
	if action == service.Stop {
		u.state[unit] = "inactive"
	}
	u.pid++
	return nil
}

func (u *units) done() []string {
	u.mu.Lock()
	defer u.mu.Unlock()
	return slices.Clone(u.did)
}
