package fleet

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"time"

	"mellium.im/xmpp/jid"

	"adminbot/agentapi"
	"adminbot/rpc"
)

// askFor bounds one visit at a host.
const askFor = 45 * time.Second

// poke wakes the scheduler.
func (f *Fleet) poke() {
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

// schedule hands hosts that are due to the fetchers. Many at once (a restart of
// the bot, of the server) are spread, so that neither gets all answers together.
func (f *Fleet) schedule(ctx context.Context, queue chan<- *host) {
	tick := time.NewTicker(30 * time.Second)
	defer tick.Stop()
	pause := time.NewTimer(0)
	pause.Stop()
	defer pause.Stop()
	for {
		for _, h := range f.due() {
			select {
			case queue <- h:
			case <-ctx.Done():
				return
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-f.wake:
			pause.Reset(rand.N(f.cfg.Debounce + 1)) // a burst of presences is one list
			select {
			case <-ctx.Done():
				return
			case <-pause.C:
			}
		case <-tick.C:
		}
	}
}

// due lists the hosts to ask now, in random order.
func (f *Fleet) due() []*host {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := f.cfg.Now()
	var out []*host
	for _, h := range f.hosts {
		if !h.Online || h.asking {
			continue
		}
		backoff := min(time.Minute<<min(h.retries, 6), f.cfg.Refresh)
		if h.wanted && (h.retries == 0 || now.Sub(h.asked) >= backoff) || !h.known.IsZero() && now.Sub(h.known) >= f.cfg.Refresh && now.Sub(h.asked) >= backoff {
			h.asking = true
			out = append(out, h)
		}
	}
	rand.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out
}

// fetch asks the hosts of the queue.
func (f *Fleet) fetch(ctx context.Context, queue <-chan *host) {
	for h := range queue {
		f.mu.Lock()
		to := h.Address()
		h.asked = f.cfg.Now()
		f.mu.Unlock()
		asking, cancel := context.WithTimeout(ctx, askFor)
		facts, err := f.cfg.Fetch(asking, to)
		cancel()
		f.mu.Lock()
		h.asking = false
		odd := false
		if err != nil {
			h.retries++
		} else {
			odd = !slices.Equal(facts.Odd, h.Facts.Odd) && len(facts.Odd) > 0
			facts = facts.Tidy()
			if !reflect.DeepEqual(facts, h.Facts) {
				f.learned++
			}
			h.Facts, h.known, h.wanted, h.retries = facts, f.cfg.Now(), false, 0
		}
		f.mu.Unlock()
		if odd {
			f.cfg.Log.WarnContext(ctx, "host answers what cannot be read", "to", to.String(), "methods", strings.Join(facts.Odd, ", "))
		}
		if err != nil {
			f.cfg.Log.WarnContext(ctx, "host does not say what it is", "to", to.String(), "err", err)
		}
		f.changed()
	}
}

// Ask returns a Fetch that calls host.facts and service.list, and what else the
// host says it has (checks, components, backups, failover groups, code sets).
// A result of the wrong type is left out, and its method named in [Facts].Odd;
// without facts that can be read nothing is known of the host, which is an error.
func Ask(client *rpc.Client) func(context.Context, jid.JID) (Facts, error) {
	return func(ctx context.Context, to jid.JID) (Facts, error) {
		var out Facts
		var facts agentapi.HostFactsResult
		env := rpc.Envelope{TTL: askFor}
		if err := client.Call(ctx, to, agentapi.HostFacts.Name, env, nil, &facts); err != nil {
			return out, fmt.Errorf("fleet: facts: %w", err)
		}
		out.Facts = facts.Facts
		switch services, err := units(ctx, client, to, env); {
		case err == nil:
			out.Services = services
		case misread(err):
			out.Odd = append(out.Odd, agentapi.ServiceList.Name)
		case !declined(err):
			return out, fmt.Errorf("fleet: services: %w", err)
		}
		var methods []string
		if err := client.Call(ctx, to, "system.listMethods", env, nil, &methods); misread(err) {
			out.Odd = append(out.Odd, "system.listMethods")
			return out, nil
		} else if err != nil {
			return out, nil // an old or foreign agent: facts and services are what there is
		}
		for _, e := range []struct {
			method, list string
			into         *[]string
		}{
			{"check.list", "checks", &out.Checks}, {"sla.get", "components", &out.Components}, {"backup.status", "backups", &out.Backups},
			{"failover.status", "groups", &out.FailoverGroups}, {"code.list", "sets", &out.CodeSets},
		} {
			if !slices.Contains(methods, e.method) {
				continue
			}
			v, err := client.Do(ctx, to, rpc.MethodCall{Method: e.method, Envelope: env})
			if err != nil {
				continue
			}
			names, ok := namesIn(v, e.list)
			if !ok {
				out.Odd = append(out.Odd, e.method)
				continue
			}
			*e.into = append(*e.into, names...)
		}
		return out, nil
	}
}

// units are the names of a host's services, of as many pages as can matter.
func units(ctx context.Context, client *rpc.Client, to jid.JID, env rpc.Envelope) ([]string, error) {
	var names []string
	for next := ""; len(names) < maxNames; {
		var page agentapi.ServiceListResult
		if err := client.Call(ctx, to, agentapi.ServiceList.Name, env, cursor(next), &page); err != nil {
			return nil, err
		}
		for _, u := range page.Units {
			if u.Load != "not-found" && u.Load != "masked" {
				names = append(names, strings.TrimSuffix(u.Unit, ".service"))
			}
		}
		if next = page.Next; next == "" || len(page.Units) == 0 {
			break
		}
	}
	return names, nil
}

// cursor is the argument for the rest of a list, none for its beginning: hosts
// of an older version do not know it.
func cursor(next string) any {
	if next == "" {
		return nil
	}
	return map[string]any{"next": next}
}

// namesIn are the names of the things in the list of a result. A result without
// that list has none; ok is false if what is there is something else.
func namesIn(v rpc.Value, list string) (names []string, ok bool) {
	if v.Kind() != rpc.KindStruct {
		return nil, false
	}
	items, there := v.Member(list)
	if there && items.Kind() != rpc.KindArray {
		return nil, false
	}
	for _, item := range items.Elems() {
		name, _ := item.Member("name")
		s, isString := name.AsString()
		if !isString {
			return nil, false
		}
		names = append(names, s)
	}
	return names, true
}

// misread reports that the host answered with a result of another type.
func misread(err error) bool {
	var wrong *rpc.BindError
	return errors.As(err, &wrong)
}

// declined reports that the host answered, but has or allows no such method.
func declined(err error) bool {
	var fault *rpc.Fault
	return errors.As(err, &fault)
}
