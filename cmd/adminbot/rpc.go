package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"mellium.im/xmpp/jid"

	"adminbot/agentapi"
	"adminbot/bot"
	"adminbot/grammar"
	"adminbot/internal/fleet"
	"adminbot/internal/link"
	"adminbot/rpc"
)

type rpcCmd struct {
	loginFlags
	On        string        `placeholder:"SELECTOR" help:"Hosts: web01, web*, web[01-10], @group, role=db, mood=sad, *; ! except, & both, a comma either."`
	Timeout   time.Duration `help:"Wait for an answer no longer than this (the method's own time unless told)."`
	Batch     int           `placeholder:"N" help:"Call N hosts at a time, each batch after the one before."`
	StopAfter int           `placeholder:"N" help:"Start no further batch after N hosts that were not ok."`
	DryRun    bool          `help:"Ask the hosts what they would do, and do nothing."`
	All       bool          `help:"Allow a change on every host (*)."`
	Pages     int           `placeholder:"N" help:"Read at most N pages of each host's list. Unless told, all up to 20 (4 of many hosts) where one answer has no room for the list, and the first where a method shows so many rows."`
	Key       string        `help:"Idempotency key: a repeated call with it is not carried out again, it gets the first answer."`
	Actor     string        `placeholder:"JID" help:"The person on whose behalf; hosts believe it from their bots only."`
	JSON      bool          `name:"json" xor:"format" help:"One JSON document."`
	NDJSON    bool          `name:"ndjson" xor:"format" help:"One JSON line a host, as answers arrive."`
	Group     bool          `xor:"format" help:"Identical answers together, as JSON."`
	List      bool          `help:"List the methods."`

	Method string   `arg:"" optional:"" help:"The method. adminbot rpc --help METHOD describes it."`
	Args   []string `arg:"" optional:"" name:"name=value" help:"Arguments."`
}

func (c rpcCmd) Run(ctx context.Context, std streams, log *slog.Logger) error {
	if c.List {
		listMethods(std)
		return nil
	}
	call, err := c.call()
	if err != nil {
		return exit(exitUsage, err)
	}
	acct, botAddr, err := c.account()
	if err != nil {
		return err
	}
	sel, err := grammar.ParseSelector(c.On)
	if err != nil {
		return exit(exitUsage, fmt.Errorf("--on: %w", err))
	}
	// Who is not there is told by the server when it is called. Presence of
	// thousands of hosts takes as long as their answers.
	byPresence := sel.NeedsMoods() || sel.NeedsFacts()
	learn := fetchRoster
	if byPresence {
		learn = look
	}
	s, f, disconnect, err := lookAround(ctx, acct, log, learn)
	if err != nil {
		return err
	}
	defer disconnect()
	client := &rpc.Client{Transport: s, Now: serverClock(s)}
	hosts, err := c.hosts(ctx, client, f, sel, botAddr)
	if err != nil {
		return err
	}
	call.hosts, call.byPresence = hosts, byPresence
	out := c.output(std, call)
	results := call.run(ctx, client, f, out.progress)
	return out.finish(results)
}

// call checks method and arguments against the table, so that nothing wrong is
// sent.
func (c rpcCmd) call() (*directCall, error) {
	if c.Method == "" {
		return nil, errors.New("which method?\nhint: adminbot rpc --list")
	}
	spec, ok := agentapi.Lookup(c.Method)
	if !ok {
		return nil, fmt.Errorf("no method %q%s\nhint: adminbot rpc --list", c.Method, nearest(c.Method))
	}
	if c.On == "" {
		return nil, errors.New("on which hosts?\nhint: --on web01, --on 'web*', --on '*'")
	}
	values := map[string]any{}
	for _, arg := range c.Args {
		name, value, ok := strings.Cut(arg, "=")
		if !ok {
			return nil, fmt.Errorf("argument %q is not name=value", arg)
		}
		if _, twice := values[name]; twice {
			return nil, fmt.Errorf("argument %s is given twice", name)
		}
		values[name] = value
	}
	args, wire, err := spec.Bind(values)
	if err != nil {
		return nil, fmt.Errorf("%w\nhint: adminbot rpc --help %s", err, c.Method)
	}
	class, _ := spec.For(args)
	if class.Changes() && !c.DryRun && strings.TrimSpace(c.On) == "*" && !c.All {
		return nil, fmt.Errorf("%s changes something, on every host: say so with --all", c.Method)
	}
	if c.Pages < 0 {
		return nil, errors.New("--pages takes the number of pages, from 1")
	}
	call := &directCall{
		spec: spec, args: wire, dryRun: c.DryRun, key: c.Key,
		batch: c.Batch, stopAfter: c.StopAfter, timeout: c.Timeout, pages: c.Pages,
	}
	if c.Actor != "" {
		if call.actor, err = jid.Parse(c.Actor); err != nil {
			return nil, fmt.Errorf("--actor: %w", err)
		}
	}
	if spec.Positional {
		for _, f := range spec.ArgFields() {
			if v, given := wire[f.Name]; given {
				call.positional = append(call.positional, v)
			}
		}
	}
	return call, nil
}

// hosts resolves --on: names, globs and moods by roster and presence, groups and
// facts by asking the bot, or the hosts themselves where there is none.
func (c rpcCmd) hosts(ctx context.Context, client *rpc.Client, f *fleet.Fleet, sel grammar.Selector, botAddr string) ([]string, error) {
	inv := f.Snapshot().Inventory
	switch {
	case !sel.NeedsFacts():
	case botAddr != "":
		names, err := askBot(ctx, client, botAddr, c.On)
		if err != nil {
			return nil, err
		}
		return names, nil
	default:
		inv = askHosts(ctx, client, f)
	}
	if unknown := sel.Unknown(inv); len(unknown) > 0 {
		return nil, usage("no host, group or fact %s; nothing was sent\nhint: adminbot hosts", strings.Join(unknown, ", "))
	}
	names := sel.Resolve(inv)
	if len(names) == 0 {
		return nil, usage("no host is %s; nothing was sent\nhint: adminbot hosts", c.On)
	}
	return names, nil
}

// askBot lets the bot resolve a selector: it knows groups and facts.
func askBot(ctx context.Context, client *rpc.Client, botAddr, selector string) ([]string, error) {
	to, err := jid.Parse(botAddr)
	if err != nil {
		return nil, usage("bot %q: %w", botAddr, err)
	}
	if to.Resourcepart() == "" {
		if to, err = to.WithResource(botResource); err != nil {
			return nil, err
		}
	}
	var out struct {
		Hosts []struct {
			Name string `rpc:"name"`
		} `rpc:"hosts"`
	}
	err = client.Call(ctx, to, "fleet.hosts", rpc.Envelope{}, map[string]any{"on": selector}, &out)
	var fault *rpc.Fault
	switch {
	case errors.As(err, &fault):
		return nil, usage("--on: %s; nothing was sent", fault.Message)
	case err != nil:
		return nil, exit(exitUnreachable, fmt.Errorf("asking the bot for %s: %w", selector, err))
	case len(out.Hosts) == 0:
		return nil, usage("no host is %s; nothing was sent", selector)
	}
	names := make([]string, len(out.Hosts))
	for i, h := range out.Hosts {
		names[i] = h.Name
	}
	slices.Sort(names)
	return names, nil
}

// askHosts asks every host that is online for its facts.
func askHosts(ctx context.Context, client *rpc.Client, f *fleet.Fleet) *grammar.Inventory {
	inv := *f.Snapshot().Inventory
	inv.Hosts = slices.Clone(inv.Hosts)
	var names []string
	for _, h := range f.Snapshot().Hosts {
		if h.Online {
			names = append(names, h.Name)
		}
	}
	spec := agentapi.Spec(agentapi.HostFacts)
	call := &directCall{spec: spec, hosts: names, byPresence: true}
	for _, r := range call.run(ctx, client, f, func(bot.Result) {}) {
		top, _ := r.Value.(map[string]any)
		facts, _ := top["facts"].(map[string]any)
		i := slices.IndexFunc(inv.Hosts, func(h grammar.Host) bool { return h.Name == r.Host })
		if i < 0 || facts == nil {
			continue
		}
		inv.Hosts[i].Facts = map[string]string{}
		for k, v := range facts {
			inv.Hosts[i].Facts[k] = fmt.Sprint(v)
		}
	}
	return &inv
}

// serverClock is this machine's clock corrected by the server's, by which hosts
// judge the age of calls.
func serverClock(s *link.Session) func() time.Time {
	return func() time.Time {
		now := time.Now()
		if offset, known := s.ClockOffset(); known {
			now = now.Add(offset)
		}
		return now
	}
}

func nearest(name string) string {
	for _, s := range agentapi.All() {
		if strings.HasSuffix(s.Name, "."+name) || strings.HasPrefix(s.Name, name) {
			return fmt.Sprintf("; did you mean %s?", s.Name)
		}
	}
	return ""
}

func listMethods(std streams) {
	for _, s := range agentapi.All() {
		built := ""
		if !s.Built {
			built = " (not built yet)"
		}
		fmt.Fprintf(std.out, "%-24s %s  %s%s\n", s.Name, s.Class, s.Help, built)
	}
}
