package swarm

import (
	"context"
	"sync"
	"time"

	"mellium.im/xmpp/jid"

	"adminbot/agentapi"
	"adminbot/internal/hostagent"
	"adminbot/internal/policy"
	"adminbot/rpc"
)

// newMux answers the calls of all hosts: under the policy, and not too late.
func newMux(agent *hostagent.Agent, rules *policy.Policy) *rpc.ServeMux {
	mux := rpc.NewServeMux(rpc.Options{
		Allow:      rules.Listed,
		Middleware: []rpc.Middleware{rpc.ExpireCalls(time.Now)},
	})
	a := &answers{agent: agent.Mux(), known: make(map[string]*answer)}
	for _, spec := range agentapi.All() {
		if !spec.Built || spec.Class != agentapi.Read || spec.Local || spec.Bot || spec.Positional {
			continue
		}
		mux.HandleMethod(spec.Name, rpc.Descriptor{Help: spec.Help}, rpc.HandlerFunc(
			func(ctx context.Context, r *rpc.Request) (rpc.Value, error) {
				if f := permit(rules, spec, r); f != nil {
					return rpc.Value{}, f
				}
				return a.get(ctx, r)
			}))
	}
	return mux
}

// permit asks the policy as a host agent does.
func permit(rules *policy.Policy, spec agentapi.Spec, r *rpc.Request) *rpc.Fault {
	who := r.From.Bare()
	if actor := r.Envelope.Actor; !actor.Equal(jid.JID{}) && !actor.Bare().Equal(who) {
		if !rules.Bot(r.From) {
			return rpc.Faultf(rpc.FaultDenied, "%s cannot speak for %s: it is not listed as a bot here", who, actor.Bare())
		}
		who = actor.Bare()
	}
	d := rules.Decide(policy.Ask{
		Who: who, Via: r.From.Bare(), Method: spec.Name, Permission: spec.Permission, Class: spec.Class.String(), At: time.Now(),
	})
	if !d.Allow {
		return rpc.Faultf(rpc.FaultDenied, "%s: %s", who, d.Reason())
	}
	return nil
}

// answers remembers what the real agent said to each question.
type answers struct {
	agent *rpc.ServeMux

	mu    sync.Mutex
	known map[string]*answer // by method and parameters
}

// An answer is asked for once, by the first who wants it.
type answer struct {
	ask func() (rpc.Value, error)
}

// maxAnswers bounds what is remembered; other questions are asked each time.
const maxAnswers = 1000

// get returns the real agent's answer, which is not asked again unless it
// failed.
func (a *answers) get(ctx context.Context, r *rpc.Request) (rpc.Value, error) {
	ask := func() (rpc.Value, error) {
		client := rpc.Client{Transport: rpc.Loopback{Mux: a.agent, From: r.From}}
		return client.Do(context.WithoutCancel(ctx), r.To, rpc.MethodCall{
			Method: r.Method, Params: r.Params, Envelope: rpc.Envelope{Actor: r.Envelope.Actor},
		})
	}
	question := string(rpc.AppendCall(nil, r.Method, r.Params))
	a.mu.Lock()
	known := a.known[question]
	if known == nil {
		known = &answer{sync.OnceValues(ask)}
		if len(a.known) < maxAnswers {
			a.known[question] = known
		}
	}
	a.mu.Unlock()
	v, err := known.ask()
	if err != nil {
		a.mu.Lock()
		if a.known[question] == known {
			delete(a.known, question)
		}
		a.mu.Unlock()
	}
	return v, err
}
