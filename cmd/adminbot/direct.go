package main

import (
	"cmp"
	"context"
	"sync"
	"time"

	"github.com/google/uuid"
	"mellium.im/xmpp/jid"

	"adminbot/agentapi"
	"adminbot/bot"
	"adminbot/internal/fleet"
	"adminbot/rpc"
)

// inFlight bounds the calls that wait for their answers at once.
const inFlight = 1024

// directCall is one method called on hosts by the command line itself.
type directCall struct {
	spec       agentapi.Spec
	args       map[string]any
	positional rpc.Params // instead of args, for system.*
	hosts      []string
	byPresence bool // hosts that are known to be absent are not called
	actor      jid.JID
	dryRun     bool
	key        string        // empty: a new one for each host
	timeout    time.Duration // zero: the method's own
	batch      int           // zero: all at once
	stopAfter  int           // zero: never
	pages      int           // of each host's list; zero: as many as the method needs
}

// run makes the calls, batch after batch, and returns one result for each host.
// progress is given each as it comes, from one goroutine at a time.
func (c *directCall) run(ctx context.Context, client *rpc.Client, f *fleet.Fleet, progress func(bot.Result)) []bot.Result {
	batch := c.batch
	if batch <= 0 {
		batch = len(c.hosts)
	}
	results := make([]bot.Result, 0, len(c.hosts))
	bad := 0
	for len(results) < len(c.hosts) {
		next := c.hosts[len(results):min(len(results)+batch, len(c.hosts))]
		if ctx.Err() != nil || c.stopAfter > 0 && bad >= c.stopAfter {
			for _, host := range next {
				r := bot.Result{Host: host, Outcome: bot.Skipped, Why: "stopped before it"}
				results = append(results, r)
				progress(r)
			}
			continue
		}
		for r := range c.calls(ctx, client, f, next) {
			if r.Outcome != bot.OK {
				bad++
			}
			results = append(results, r)
			progress(r)
		}
	}
	return results
}

// calls makes the calls of one batch at once, as far as inFlight allows. Few
// goroutines make many calls: each grows its stack only once.
func (c *directCall) calls(ctx context.Context, client *rpc.Client, f *fleet.Fleet, hosts []string) <-chan bot.Result {
	results := make(chan bot.Result, len(hosts))
	params, err := c.params()
	queue := make(chan string, len(hosts))
	for _, host := range hosts {
		queue <- host
	}
	close(queue)
	var wg sync.WaitGroup
	for range min(inFlight, len(hosts)) {
		wg.Go(func() {
			for host := range queue {
				if err != nil {
					results <- bot.Result{Host: host, Outcome: bot.Skipped, Why: err.Error()}
				} else {
					results <- c.call(ctx, client, f, host, params)
				}
			}
		})
	}
	go func() {
		wg.Wait()
		close(results)
	}()
	return results
}

func (c *directCall) call(ctx context.Context, client *rpc.Client, f *fleet.Fleet, name string, params []rpc.Value) bot.Result {
	host, ok := f.Find(name)
	if !ok || c.byPresence && !host.Online {
		return bot.Result{Host: name, Outcome: bot.Unreachable, Since: host.Since, Why: "offline"}
	}
	wait := c.timeout
	if wait == 0 {
		wait = c.spec.Timeout + rpc.DefaultTTL
	}
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	defer time.AfterFunc(wait, func() { end(context.DeadlineExceeded) }).Stop()
	defer f.Gone(name, func() { end(fleet.ErrGone) })()
	env := rpc.Envelope{Key: cmp.Or(c.key, uuid.NewString()), Actor: c.actor, TTL: min(max(wait, rpc.MinTTL), rpc.DefaultTTL).Round(time.Second)}
	method := c.spec.Name
	if c.dryRun {
		method = agentapi.RPCCheck.Name
	}
	began := time.Now()
	v, err := client.Do(ctx, host.Address(), rpc.MethodCall{Method: method, Params: params, Envelope: env})
	if pages := c.atMost(); err == nil && pages > 1 {
		v = bot.Whole(ctx, c.spec, params[0], v, pages, func(ctx context.Context, args rpc.Value) (rpc.Value, error) {
			return client.Do(ctx, host.Address(), rpc.MethodCall{Method: method, Params: []rpc.Value{args}, Envelope: env})
		})
	}
	r := bot.ResultOf(name, v, err)
	r.Took, r.Key = time.Since(began), env.Key
	return r
}

// atMost is how many pages of each host's list are read. Who names a page, or how
// many rows there shall be, gets those.
func (c *directCall) atMost() int {
	_, next := c.args["next"]
	_, limit := c.args["limit"]
	switch {
	case c.dryRun || c.spec.Positional:
		return 1
	case c.pages > 0:
		return c.pages
	case next || limit || !bot.Paged(c.spec):
		return 1
	}
	return bot.Pages(len(c.hosts))
}

func (c *directCall) params() ([]rpc.Value, error) {
	if c.spec.Positional && !c.dryRun {
		var out []rpc.Value
		for _, p := range c.positional {
			v, err := rpc.Marshal(p)
			if err != nil {
				return nil, err
			}
			out = append(out, v)
		}
		return out, nil
	}
	args := c.args
	if args == nil {
		args = map[string]any{}
	}
	v, err := rpc.Marshal(args)
	if err != nil {
		return nil, err
	}
	if c.dryRun {
		v = rpc.Struct(map[string]rpc.Value{"method": rpc.String(c.spec.Name), "args": v})
	}
	return []rpc.Value{v}, nil
}
