package hostagent

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"mellium.im/xmpp/jid"

	"adminbot/agentapi"
	"adminbot/internal/audit"
	"adminbot/internal/policy"
	"adminbot/internal/xmpp/turn"
	"adminbot/rpc"
)

// maxClockOffset is how far the clock here may be from the server's for the
// age of a call to be known.
const maxClockOffset = 60 * time.Second

// Limits are the bounds a host agent holds itself to. A zero field stands for
// the default.
type Limits struct {
	Concurrent int           // calls outside the lanes that run at once; default 48, of which one caller alone may have 32
	Waiting    int           // calls that wait in one lane; default 32
	ReplyBytes int           // size of an encoded answer; default 48 KiB
	Grace      time.Duration // what started changes have when the agent stops; default 20 s
}

// guard stands before every method: who may call, how old the call is, whether
// it was made before, whose turn it is, and the record of all that.
type guard struct {
	host    string
	audit   *audit.Log
	refused *audit.Refusals
	journal *journal
	now     func() time.Time
	offset  func() (time.Duration, bool)
	log     *slog.Logger
	limits  Limits

	policy atomic.Pointer[policy.Policy]
	slots  *slots
	lanes  map[agentapi.Lane]*lane

	life     context.Context // done when started changes must end
	end      context.CancelFunc
	mu       sync.Mutex
	stopping bool
	work     sync.WaitGroup
	lastHit  string // the limit that refused a call last

	strangers map[string]time.Time // who was turned away, when last recorded
}

// call is one call on its way through the guard.
type call struct {
	ID       string
	spec     agentapi.Spec
	req      *rpc.Request
	actor    jid.JID
	digest   string
	unit     string // of the arguments, where they have one
	class    agentapi.Class
	perm     string
	rule     string
	deadline time.Time
	started  time.Time
	early    chan rpc.Value
}

// Answer answers the caller now although the work goes on. Only the first
// answer counts.
func (c *call) Answer(v any) error {
	value, err := rpc.Marshal(v)
	if err != nil {
		return err
	}
	select {
	case c.early <- value:
	default:
	}
	return nil
}

type callKeyType struct{}

// callFrom is the call on whose behalf a method runs; nil outside of one.
func callFrom(ctx context.Context) *call {
	c, _ := ctx.Value(callKeyType{}).(*call)
	return c
}

// work is a method as the guard runs it.
type work struct {
	// bind decodes and checks the arguments. What it returns besides an
	// error is looked at for class, permission and rules with args.
	bind func(*rpc.Request) (args any, err error)
	run  func(ctx context.Context, args any) (rpc.Value, error)
}

// Policy is the policy in force.
func (g *guard) Policy() *policy.Policy { return g.policy.Load() }

// clock is this machine's clock corrected by the server's, and whether the
// correction is one to rely on.
func (g *guard) clock() (now time.Time, trusted bool) {
	off, known := g.offset()
	now = g.now()
	if !known {
		return now, false
	}
	return now.Add(off), off.Abs() <= maxClockOffset
}

func (g *guard) corrected() time.Time {
	now, _ := g.clock()
	return now
}

// allow decides who may call at all (XEP-0009#security). Who may not is
// recorded, at most once a minute each.
func (g *guard) allow(bare jid.JID) bool {
	if g.Policy().Listed(bare) {
		return true
	}
	const most = 256
	now := g.now()
	g.mu.Lock()
	last, seen := g.strangers[bare.String()]
	note := now.Sub(last) >= time.Minute && (seen || len(g.strangers) < most)
	if note {
		g.strangers[bare.String()] = now
	}
	if len(g.strangers) >= most {
		for who, at := range g.strangers {
			if now.Sub(at) >= time.Minute {
				delete(g.strangers, who)
			}
		}
	}
	g.mu.Unlock()
	if note {
		g.record(context.Background(), audit.Entry{From: bare.String(), Decision: audit.Deny, Rule: "not listed as a caller", Code: rpc.FaultDenied})
	}
	return false
}

// record writes to the audit log and says so on the agent's own log when that
// failed.
func (g *guard) record(ctx context.Context, e audit.Entry) error {
	return g.write(ctx, e, g.audit.Append)
}

// write is record with the method of the log to use.
func (g *guard) write(ctx context.Context, e audit.Entry, put func(context.Context, audit.Entry) error) error {
	e.At, e.To = g.now(), g.host
	err := put(context.WithoutCancel(ctx), e)
	if err != nil {
		g.log.ErrorContext(ctx, "audit log not written", "method", e.Method, "id", e.ID, "err", err)
	}
	return err
}

func (c *call) entry(decision string, fault error, took time.Duration) audit.Entry {
	e := audit.Entry{
		ID: c.ID, From: c.req.From.String(), Actor: c.actor.String(), Method: c.spec.Name, Unit: c.unit, ArgsDigest: c.digest,
		Class: c.class.String(), Decision: decision, Rule: c.rule, TookMS: took.Milliseconds(), Code: rpc.FaultCode(fault),
	}
	if f, ok := errors.AsType[*rpc.Fault](fault); ok {
		e.Text = short(f.Message, 500)
	}
	return e
}

func short(s string, n int) string {
	if len(s) > n {
		s = strings.ToValidUTF8(s[:n], "") + "…"
	}
	return s
}

// newID names a call and, if it goes on, its job.
func newID() string { return "j-" + strings.ToLower(rand.Text()[:10]) }

// serve takes one call through the guard.
func (g *guard) serve(ctx context.Context, spec agentapi.Spec, req *rpc.Request, w work) (rpc.Value, error) {
	c := &call{
		ID: newID(), spec: spec, req: req, actor: req.From.Bare(), class: spec.Class, perm: spec.Permission,
		digest: rpc.DigestHex(req.Method, req.Params), early: make(chan rpc.Value, 1),
	}
	args, d, fault := g.admit(c, w)
	if fault == nil && !spec.Built {
		fault = rpc.Faultf(rpc.FaultUnsupported, "%s is not built yet", spec.Name)
	}
	if fault == nil && c.class.Changes() {
		if v, err, known := g.repeat(ctx, c); known {
			return v, err
		}
	}
	if fault == nil {
		fault = g.fresh(c, d)
	}
	if fault == nil {
		fault = args.fault
	}
	if fault != nil {
		return rpc.Value{}, g.refuse(ctx, c, fault)
	}
	if c.class.Changes() {
		return g.change(ctx, c, w, args.value)
	}
	return g.read(ctx, c, w, args.value)
}

// refuse records why a call was not let through.
func (g *guard) refuse(ctx context.Context, c *call, f *rpc.Fault) error {
	if f.Code == rpc.FaultRateLimit {
		g.mu.Lock()
		g.lastHit = c.spec.Name + ": " + f.Message
		g.mu.Unlock()
	}
	g.refused.Append(ctx, c.entry(audit.Deny, f, 0))
	return f
}

// bound is what became of the arguments.
type bound struct {
	value any
	fault *rpc.Fault
}

// admit finds out on whose behalf the call is and asks the policy.
func (g *guard) admit(c *call, w work) (bound, policy.Decision, *rpc.Fault) {
	var args bound
	p := g.Policy()
	if actor := c.req.Envelope.Actor; !actor.Equal(jid.JID{}) && !actor.Bare().Equal(c.actor) {
		if !p.Bot(c.req.From) {
			c.rule = "not listed as a bot"
			return args, policy.Decision{}, rpc.Faultf(rpc.FaultDenied, "%s cannot speak for %s: it is not listed as a bot here", c.actor, actor.Bare())
		}
		c.actor = actor.Bare()
	}
	if w.bind != nil {
		v, err := w.bind(c.req)
		args.value = v
		if err != nil {
			args.fault = paramsFault(err)
		}
		c.class, c.perm = c.spec.For(v)
	}
	if c.perm == "" { // system.multicall: each member asks for itself
		c.rule = "its members decide"
		return args, policy.Decision{Allow: true}, nil
	}
	asked := askedArgs(c.req, args)
	if unit, ok := asked["unit"].(string); ok {
		c.unit = short(unit, 256)
	}
	d := p.Decide(policy.Ask{
		Who: c.actor, Via: c.req.From.Bare(), Method: c.spec.Name, Permission: c.perm,
		Class: c.class.String(), Args: asked, At: g.now(),
	})
	c.rule = d.Rule
	if !d.Allow {
		return args, d, rpc.Faultf(rpc.FaultDenied, "%s: %s", c.actor, d.Reason())
	}
	return args, d, nil
}

// askedArgs are the arguments as a rule sees them: with defaults and whole
// unit names where they are valid, else as they came.
func askedArgs(r *rpc.Request, args bound) map[string]any {
	v := rpc.Value{}
	if args.fault == nil && args.value != nil {
		if m, err := rpc.Marshal(args.value); err == nil {
			v = m
		}
	} else if len(r.Params) == 1 {
		v = r.Params[0]
	}
	m, _ := v.Any().(map[string]any)
	return m
}

// paramsFault is the fault for arguments that do not fit.
func paramsFault(err error) *rpc.Fault {
	if f, ok := errors.AsType[*rpc.Fault](err); ok {
		return f
	}
	return rpc.Faultf(rpc.FaultParams, "%s", strings.TrimPrefix(err.Error(), "agentapi: "))
}

// fresh checks the age of the call and sets its deadline.
func (g *guard) fresh(c *call, d policy.Decision) *rpc.Fault {
	e := &c.req.Envelope
	now, trusted := g.clock()
	if c.class.Changes() {
		if (e.Created.IsZero() || e.TTL == 0) && !d.AllowWithoutTTL {
			return rpc.Faultf(rpc.FaultParams, "%s changes the host: the headers Created and TTL are needed (XEP-0131)", c.spec.Name)
		}
		if !trusted && !e.Created.IsZero() {
			return rpc.Faultf(rpc.FaultExpired, "nothing was done: the clock of this host cannot be compared with the server's, so the age of the call is not known; the server must tell the time (XEP-0202; ejabberd: mod_time)")
		}
	}
	c.deadline = e.Deadline(c.req.Received, 0)
	if !trusted { // only what this machine saw itself
		local := rpc.Envelope{TTL: e.TTL}
		c.deadline = local.Deadline(c.req.Received, 0)
	}
	return c.expired(now)
}

// expired is the fault for a call that is too old to start.
func (c *call) expired(now time.Time) *rpc.Fault {
	if late := now.Sub(c.deadline); late >= 0 {
		return rpc.Faultf(rpc.FaultExpired, "expired %.1f s ago, nothing was done", late.Seconds())
	}
	return nil
}

// repeat answers a call whose key is known.
func (g *guard) repeat(ctx context.Context, c *call) (v rpc.Value, err error, known bool) {
	r, ok := g.journal.find(c.key())
	if !ok {
		return rpc.Value{}, nil, false
	}
	switch r.State {
	case stateWaiting, stateRunning:
		err = rpc.Faultf(rpc.FaultConflict, "this call is %s already: job %s", r.State, r.ID)
	case stateInterrupted:
		err = rpc.Faultf(rpc.FaultHelper, "%s may have run: it began at %s and the host agent died before it ended (job %s)",
			c.spec.Name, r.Started.Format(time.RFC3339), r.ID)
	default:
		if v, err = g.journal.answer(r.ID); err != nil && rpc.FaultCode(err) == 0 {
			g.log.ErrorContext(ctx, "first answer lost", "id", r.ID, "err", err)
			err = rpc.Faultf(rpc.FaultHelper, "%s has run (job %s), and its answer was lost", c.spec.Name, r.ID)
		}
	}
	c.rule = "repeat of " + r.ID
	g.record(ctx, c.entry(audit.Repeat, err, 0))
	return v, err, true
}

func (c *call) key() callKey {
	return callKey{Caller: c.req.From.Bare().String(), Key: c.req.Envelope.Key, Digest: c.digest}
}

// read runs a call that changes nothing.
func (g *guard) read(ctx context.Context, c *call, w work, args any) (rpc.Value, error) {
	slot := func() {}
	if c.spec.Name != "system.multicall" { // whose members take their own
		release, running, ok := g.slots.take(c.key().Caller)
		if !ok {
			return rpc.Value{}, g.refuse(ctx, c, busy(running))
		}
		slot = release
	}
	if !g.begin() {
		slot()
		return rpc.Value{}, g.refuse(ctx, c, stopped())
	}
	turn.Yield(ctx) // what the caller sends next may run beside this
	run, cancel := context.WithTimeout(ctx, c.spec.Timeout)
	stop := context.AfterFunc(g.life, cancel)
	defer stop()
	defer cancel()
	return g.run(ctx, run, c, w, args, func(v rpc.Value, err error, took time.Duration) (rpc.Value, error) {
		defer g.work.Done()
		defer slot()
		done := c.entry(audit.Done, err, took)
		if c.class == agentapi.Read { // the caller need not wait for the disk
			g.write(ctx, done, g.audit.Note)
			return v, err
		}
		if aerr := g.record(ctx, done); aerr != nil {
			return rpc.Value{}, unaudited(aerr)
		}
		return v, err
	})
}

// change runs a call that changes the host: in its lane, and recorded on disk
// before it begins.
func (g *guard) change(ctx context.Context, c *call, w work, args any) (rpc.Value, error) {
	err := g.journal.reserve(record{ID: c.ID, Call: c.key(), Method: c.spec.Name, Actor: c.actor.String(), Started: g.now()})
	switch {
	case errors.Is(err, errInFlight): // it came between repeat and here
		return rpc.Value{}, g.refuse(ctx, c, rpc.Faultf(rpc.FaultConflict, "a call with this key is running already"))
	case err != nil:
		return rpc.Value{}, g.refuse(ctx, c, rpc.Faultf(rpc.FaultRateLimit, "%v", err))
	}
	release, fault := g.turn(ctx, c)
	if fault == nil && !g.begin() {
		release()
		fault = stopped()
	}
	if fault != nil {
		g.journal.release(c.ID)
		return rpc.Value{}, g.refuse(ctx, c, fault)
	}
	abort := func(f *rpc.Fault) (rpc.Value, error) {
		g.journal.release(c.ID)
		g.work.Done()
		release()
		return rpc.Value{}, g.refuse(ctx, c, f)
	}
	if f := c.expired(g.corrected()); f != nil {
		return abort(f)
	}
	if err := g.record(ctx, c.entry(audit.Allow, nil, 0)); err != nil {
		return abort(unaudited(err))
	}
	if err := g.journal.start(c.ID); err != nil {
		code := rpc.FaultDependency
		if errors.Is(err, errJournalFull) {
			code = rpc.FaultRateLimit
		}
		return abort(rpc.Faultf(code, "nothing was done: %v", err))
	}
	// From here on the work belongs to the host and not to the caller: the
	// end of the session does not end it.
	run, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.spec.Timeout)
	stop := context.AfterFunc(g.life, cancel)
	return g.run(ctx, run, c, w, args, func(v rpc.Value, err error, took time.Duration) (rpc.Value, error) {
		defer g.work.Done()
		defer release()
		defer cancel()
		defer stop()
		fault, _ := errors.AsType[*rpc.Fault](err)
		if err := g.journal.done(c.ID, v, fault); err != nil {
			g.log.ErrorContext(ctx, "end of a call not recorded", "id", c.ID, "method", c.spec.Name, "err", err)
		}
		g.record(ctx, c.entry(audit.Done, err, took))
		return v, err
	})
}

func busy(running int) *rpc.Fault {
	return rpc.Faultf(rpc.FaultRateLimit, "%d calls are running: try again", running)
}

// turn waits until the call may start. release must be called when it has
// ended.
func (g *guard) turn(ctx context.Context, c *call) (release func(), fault *rpc.Fault) {
	if c.spec.Lane == agentapi.LaneFree {
		release, running, ok := g.slots.take(c.key().Caller)
		if !ok {
			return nil, busy(running)
		}
		turn.Yield(ctx)
		return release, nil
	}
	l := g.lanes[c.spec.Lane]
	patience := c.deadline.Sub(g.corrected())
	switch err := l.acquire(ctx, c.req.Received, patience, func() { turn.Yield(ctx) }); {
	case err == nil:
		return l.release, nil
	case errors.Is(err, errLaneFull):
		return nil, rpc.Faultf(rpc.FaultRateLimit, "%d calls wait in lane %s: try again", l.max, c.spec.Lane)
	case errors.Is(err, errTooLate):
		return nil, rpc.Faultf(rpc.FaultExpired, "expired while it waited for its turn, nothing was done")
	}
	return nil, rpc.Faultf(rpc.FaultCancelled, "the connection ended while the call waited for its turn, nothing was done")
}
