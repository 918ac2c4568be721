package bot

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"
	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/stanza"

	"adminbot/agentapi"
	"adminbot/internal/audit"
	"adminbot/internal/fleet"
	"adminbot/rpc"
)

// How long calls may take on the way, and how long the bot waits.
const (
	changeTTL  = 60 * time.Second // a change that has not started by then is refused by the host
	changeWork = 30 * time.Second // after so long the host answers with a job
	readTTL    = 20 * time.Second
	slack      = 5 * time.Second  // beyond TTL and the method's own timeout
	lateFor    = 10 * time.Minute // an answer after the reply is still told about
	maxLate    = 2048             // calls whose late answers are waited for
)

// call is one method on one host, while it is on its way.
type call struct {
	step   int
	s      Step
	host   string
	key    string
	actor  jid.JID
	from   string
	reason string
	id     string // of the answer
	place  *place // in the host's queue, for changes
	late   bool   // guarded by the bot's mutex
}

// execute makes the calls of a plan, step after step. A step begins only when
// what came before it went well everywhere, if anything in the plan changes
// something: the second half of "drain it, then restart it" must not happen alone.
func (b *Bot) execute(ctx context.Context, t *turn, p Plan, pm permit) report {
	start := b.cfg.Now()
	id := pm.id
	if id == "" {
		id = b.answers.newID(b.cfg.Random, func(id string) bool { _, taken := b.cards.get(id); return taken })
	}
	r := report{id: id, line: t.line, actor: pm.actor.String(), approved: pm.reason, plan: p, results: make([][]Result, len(p.Steps))}
	// Places in the queues of hosts are taken before the next line of anybody may
	// take some, so changes happen in the order in which they were permitted.
	calls := make([][]*call, len(p.Steps))
	for i, s := range p.Steps {
		calls[i] = b.calls(i, s, t, pm, id)
	}
	t.next()
	stopped := false
	for i, s := range p.Steps {
		if stopped {
			for _, c := range calls[i] {
				if c.place != nil {
					c.place.leave()
				}
				r.results[i] = append(r.results[i], Result{Host: c.host, Outcome: Skipped, Why: "the step before did not go well"})
			}
		} else {
			r.results[i] = b.step(ctx, t, s, calls[i], pm, id, i)
		}
		for host := range refusedIn(pm.refused, i, s.Hosts) {
			r.results[i] = append(r.results[i], Result{Host: host, Outcome: Refused, Why: pm.refused[hostKey(i, host)]})
		}
		slices.SortFunc(r.results[i], func(a, b Result) int { return natural(a.Host, b.Host) })
		if c := count(r.results[i]); p.Changes() && c.OK < c.Asked {
			stopped = true
		}
	}
	r.took = b.cfg.Now().Sub(start)
	r.w = when{now: b.cfg.Now(), zone: t.w.zone}
	return r
}

func refusedIn(refused map[string]string, step int, hosts []string) map[string]bool {
	out := map[string]bool{}
	for _, h := range hosts {
		if _, ok := refused[hostKey(step, h)]; ok {
			out[h] = true
		}
	}
	return out
}

// calls are the calls of one step, with their places in line.
func (b *Bot) calls(i int, s Step, t *turn, pm permit, id string) []*call {
	var out []*call
	for _, host := range s.Hosts {
		if _, no := pm.refused[hostKey(i, host)]; no {
			continue
		}
		c := &call{step: i, s: s, host: host, actor: pm.actor, from: t.u.From.String(), reason: pm.reason, id: id, key: cmp.Or(s.keys[host], t.u.callKey(i), uuid.NewString())}
		if s.Changes() {
			p := b.queues.enter(lane{host, s.Lane})
			c.place = &p
		}
		out = append(out, c)
	}
	return out
}

// callKey is the idempotency key of the calls of one step, or "" to draw one for
// each.
func (u Utterance) callKey(step int) string {
	if u.Key == "" {
		return ""
	}
	return fmt.Sprintf("%s-%d", u.Key, step)
}

// step makes the calls of one step at once, as far as there is room in flight,
// and waits until each has an outcome.
func (b *Bot) step(ctx context.Context, t *turn, s Step, calls []*call, pm permit, id string, i int) []Result {
	results := make(chan Result, len(calls))
	wait := b.patience(s)
	for _, c := range calls {
		b.launch(ctx, c, wait, results)
	}
	working := time.NewTimer(b.cfg.Working)
	defer working.Stop()
	var out []Result
	told := -1 // how many had answered by the last working line
	for len(out) < len(calls) {
		select {
		case r := <-results:
			out = append(out, s.judged(r))
		case <-working.C:
			if len(out) != told {
				reply := workingReply(s, len(calls), len(out), id)
				reply.Again = told >= 0
				t.send(reply)
			}
			told = len(out)
			working.Reset(b.cfg.Progress)
		}
	}
	return out
}

// patience is how long an outcome is waited for: until the call could not start
// any more, and for as long as the work may take.
func (b *Bot) patience(s Step) time.Duration {
	if !s.Changes() {
		return max(readTTL, s.Timeout) + slack
	}
	// Long work answers with a job after wait_seconds, or half a minute.
	work := min(s.Timeout, b.cfg.Work)
	if n, ok := number(s.Args["wait_seconds"]); ok {
		work = max(work, time.Duration(n)*time.Second)
	}
	return b.cfg.ChangeTTL + work + slack
}

func (b *Bot) ttl(s Step) time.Duration {
	if s.Changes() {
		return b.cfg.ChangeTTL
	}
	return max(readTTL, s.Timeout)
}

// workingReply says that an answer takes its time, and how far it is (R11, R12).
func workingReply(s Step, asked, answered int, id string) Reply {
	what := faceOf(s.Method)
	text := fromArgs(what.noun, s.Args, when{})
	if s.Changes() {
		text = fromArgs(what.do, s.Args, when{})
	}
	return Reply{ID: id, Text: cut(fmt.Sprintf("… %s: asked %d, %d answered · %s", text, asked, answered, id), headWidth)}
}

// judged looks into an answer that arrived for what says that it did not work.
func (s Step) judged(r Result) Result {
	top, _ := r.Value.(map[string]any)
	if r.Outcome != OK || top == nil {
		return r
	}
	if job, _ := top["job"].(string); job != "" {
		return r
	}
	switch s.Method {
	case agentapi.ServiceStart.Name, agentapi.ServiceRestart.Name, agentapi.ServiceReload.Name:
		if active, ok := top["active"].(bool); ok && !active && !s.DryRun {
			r.Outcome, r.Code = Failed, rpc.FaultHelper
			r.Why = "not active afterwards: " + clean(word(top["after"]), 20)
		}
	}
	return r
}

// launch starts one call. Exactly one Result arrives in results: the outcome, or
// NoAnswer after wait. An answer after that goes to b.answeredLate.
func (b *Bot) launch(ctx context.Context, c *call, wait time.Duration, results chan<- Result) {
	var once sync.Once
	deliver := func(r Result) (first bool) {
		once.Do(func() { first = true; results <- r })
		return first
	}
	// The call outlives its reply, and so the context of whoever asked.
	life, cancel := context.WithTimeout(context.WithoutCancel(ctx), wait+lateFor)
	b.mu.Lock()
	if b.over {
		b.mu.Unlock()
		cancel()
		if c.place != nil {
			c.place.leave()
		}
		deliver(Result{Host: c.host, Outcome: Skipped, Why: "the bot is shutting down"})
		return
	}
	b.cancel[c] = cancel
	b.late.Add(1)
	b.mu.Unlock()
	go func() {
		defer b.late.Done()
		defer func() {
			b.mu.Lock()
			delete(b.cancel, c)
			if c.late {
				b.lateNow--
			}
			b.mu.Unlock()
			cancel()
			if p := recover(); p != nil { // a mistake of ours costs this call and no other
				b.cfg.Log.ErrorContext(life, "a call panicked", "to", c.host, "method", c.s.Method, "err", fmt.Sprint(p), "stack", string(debug.Stack()))
				deliver(Result{Host: c.host, Outcome: NoAnswer, Why: "a mistake of the bot", Key: c.key})
			}
		}()
		b.run(ctx, life, c, wait, deliver)
	}()
}

// becomesLate notes that nobody waits for the call any more, only for its late
// answer. Of these there are at most maxLate: beyond that they are given up.
func (b *Bot) becomesLate(c *call) {
	b.mu.Lock()
	defer b.mu.Unlock()
	cancel, there := b.cancel[c]
	switch {
	case !there:
	case b.lateNow >= maxLate:
		cancel()
	default:
		c.late = true
		b.lateNow++
	}
}

// run takes the call through the queue of its host and through the room in
// flight, makes it, and delivers its outcome.
func (b *Bot) run(ctx, life context.Context, c *call, wait time.Duration, deliver func(Result) bool) {
	if c.place != nil {
		defer c.place.leave()
	}
	start := b.cfg.Now()
	waiting, stop := context.WithTimeout(life, wait)
	defer stop()
	abandon := context.AfterFunc(ctx, stop) // whoever asked has gone
	defer abandon()
	if c.place != nil {
		if err := c.place.wait(waiting); err != nil {
			deliver(Result{Host: c.host, Outcome: Expired, Why: "waited too long behind another change", Took: b.cfg.Now().Sub(start)})
			return
		}
	}
	select {
	case b.flight <- struct{}{}:
	case <-waiting.Done():
		deliver(Result{Host: c.host, Outcome: Skipped, Why: "no room to ask"})
		return
	}
	release := sync.OnceFunc(func() { <-b.flight })
	defer release()
	// Who waits for the outcome hears of it when the time is over; the call itself
	// goes on, in case the answer comes late.
	begun := b.cfg.Now()
	giveUp := func(why string) {
		if !deliver(Result{Host: c.host, Outcome: NoAnswer, Why: why, Took: b.cfg.Now().Sub(begun), Key: c.key}) {
			return
		}
		release()
		if c.place != nil {
			c.place.leave()
		}
		b.becomesLate(c)
	}
	given := context.AfterFunc(waiting, func() { giveUp("") })
	r := b.call(life, c, func() { giveUp(wentAway) })
	given()
	r.Took = b.cfg.Now().Sub(begun)
	if !deliver(r) {
		r.Late = true
		b.answeredLate(life, c, c.s.judged(r))
	}
}

// call makes the call: audit, then the stanza, and again when it surely was not
// sent. Away is called when the host of a change went away before it answered:
// it may have run, and the host may come back and say so. What changes nothing
// ends then.
func (b *Bot) call(ctx context.Context, c *call, away func()) Result {
	r := Result{Host: c.host, Key: c.key}
	method := c.s.Method
	var params rpc.Value
	if c.s.DryRun { // never the write itself: only whether the host would take it
		args, err := rpc.Marshal(c.s.Args)
		if err != nil {
			return r.wrong(err)
		}
		method, params = agentapi.RPCCheck.Name, rpc.Struct(map[string]rpc.Value{"method": rpc.String(c.s.Method), "args": args})
	} else {
		v, err := rpc.Marshal(c.s.asked())
		if err != nil {
			return r.wrong(err)
		}
		params = v
	}
	if c.s.Changes() || c.s.Class == agentapi.Sensitive {
		if err := b.cfg.Audit.Append(ctx, c.entry(b.cfg.Now(), "sent", r)); err != nil {
			b.cfg.Log.ErrorContext(ctx, "audit log refuses", "to", c.host, "method", method, "err", err)
			r.Outcome, r.Why = Skipped, "the audit log can't be written"
			return r
		}
	}
	env := rpc.Envelope{TTL: b.ttl(c.s), Key: c.key, Actor: c.actor, Reason: c.reason}
	for try := 0; ; try++ {
		if h, ok := b.cfg.Fleet.Find(c.host); !ok || !h.Online {
			r = r.offline(h)
		} else {
			r.Since = time.Time{}
			asking, cancel := context.WithCancelCause(ctx)
			gone := away
			if !c.s.Changes() {
				gone = func() { cancel(fleet.ErrGone) }
			}
			stop := b.cfg.Fleet.Gone(c.host, gone)
			v, err := b.client.Do(asking, h.Address(), rpc.MethodCall{Method: method, Params: []rpc.Value{params}, Envelope: env})
			if err == nil {
				v = b.rest(asking, h.Address(), c, params, env, v)
			}
			stop()
			cancel(nil)
			r = r.answered(v, err)
		}
		if !r.apart() || try == len(comesBack) {
			break
		}
		select {
		case <-time.After(comesBack[try]):
			continue
		case <-ctx.Done():
		}
		break
	}
	if c.s.Changes() {
		if err := b.cfg.Audit.Append(context.WithoutCancel(ctx), c.entry(b.cfg.Now(), r.Outcome.String(), r)); err != nil {
			b.cfg.Log.ErrorContext(ctx, "audit log refuses", "to", c.host, "method", method, "err", err)
		}
	}
	return r
}

func (c *call) entry(at time.Time, decision string, r Result) audit.Entry {
	return audit.Entry{
		At: at, ID: c.id, From: c.from, Actor: c.actor.String(), To: c.host, Method: c.s.Method, ArgsDigest: digest(c.s.Args),
		Class: c.s.Class.String(), Decision: decision, Code: r.Code, TookMS: r.Took.Milliseconds(), Text: c.reason,
	}
}

func (r Result) wrong(err error) Result {
	r.Outcome, r.Why = Skipped, err.Error()
	return r
}

// answered reads what came back of a call.
func (r Result) answered(v rpc.Value, err error) Result {
	var fault *rpc.Fault
	var se stanza.Error
	switch {
	case err == nil:
		r.Outcome, r.Value = OK, v.Any()
	case errors.As(err, &fault):
		r.Outcome, r.Code, r.Why = Failed, fault.Code, fault.Message
		switch fault.Code {
		case rpc.FaultDenied:
			r.Outcome = Refused
		case rpc.FaultExpired:
			r.Outcome = Expired
		}
		if fault.Code == rpc.FaultMethodNotFound {
			r.Why = "this host can't do that"
		}
		if r.Why == "" {
			r.Why = rpc.FaultName(fault.Code)
		}
	case !rpc.Sent(err):
		r.Outcome, r.Why = Unreachable, noConnection
	case errors.As(err, &se):
		return r.bounced(se)
	default:
		r.Outcome = NoAnswer
		if errors.Is(err, fleet.ErrGone) {
			r.Why = wentAway
		} else if !errors.Is(err, rpc.ErrNoAnswer) && !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, context.Canceled) {
			r.Why = "the answer could not be read or the connection broke"
		}
	}
	return r
}

// bounced reads a stanza error: of the server when the host is not there, of the
// host when it talks to nobody.
func (r Result) bounced(se stanza.Error) Result {
	r.Why = string(se.Condition)
	switch se.Condition {
	case stanza.Forbidden, stanza.NotAuthorized, stanza.NotAllowed, stanza.RegistrationRequired, stanza.SubscriptionRequired:
		r.Outcome = Refused
		if se.Condition == stanza.Forbidden {
			r.Why = "it takes no calls from this account: see callers and bots in its policy"
		}
	case stanza.ServiceUnavailable, stanza.ItemNotFound, stanza.RemoteServerNotFound:
		r.Outcome, r.Why = Unreachable, "nobody there takes calls" // RFC 6120: the server answers for who is not connected
	case stanza.RecipientUnavailable, stanza.RemoteServerTimeout, stanza.InternalServerError, stanza.Gone:
		r.Outcome = NoAnswer // it may have arrived before its answer was lost
		if se.Condition == stanza.RecipientUnavailable {
			r.Why = wentAway
		}
	default:
		r.Outcome = Failed
	}
	return r
}

// answeredLate notes an answer that came after the reply was given, and tells
// the person (R2, R12: no answer was the truth then, this is the truth now).
func (b *Bot) answeredLate(ctx context.Context, c *call, r Result) {
	if ctx.Err() != nil || r.Outcome == NoAnswer {
		return
	}
	reply, ok := b.answers.late(c.id, c.step, r, b.cfg.Now())
	if ok {
		b.notify(ctx, reply)
	}
}
