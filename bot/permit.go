package bot

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"mellium.im/xmpp/jid"

	"adminbot/agentapi"
	"adminbot/grammar"
	"adminbot/internal/audit"
	"adminbot/internal/policy"
)

// permit is the outcome of asking the policy about a plan.
type permit struct {
	run     bool
	reply   Reply             // what to say if it does not run
	id      string            // of the card that was answered, or "" for a new answer
	actor   jid.JID           // on whose behalf, bare
	room    jid.JID           // where it was asked
	reason  string            // X-Reason: who approved
	refused map[string]string // by step and host: hosts of a read that the person may not ask, and why
	confirm bool              // a card, not a refusal
}

// verdict is what the policy says about one plan and person: nothing is asked of
// anybody yet.
type verdict struct {
	needs   policy.Need
	rules   []string            // the rule that decided, by step
	refused map[string][]string // reason to hosts, of changes and of reads nobody of which is allowed
	partly  map[string]string   // hostKey to reason: reads that others of the plan are allowed
}

func hostKey(step int, host string) string { return fmt.Sprintf("%d/%s", step, host) }

// judge asks the policy about every host of every step.
func (b *Bot) judge(pol *policy.Policy, who, room jid.JID, p Plan, t *turn) verdict {
	v := verdict{refused: map[string][]string{}, partly: map[string]string{}}
	in := selectors{t.fleet.Inventory, map[string]map[string]bool{}}
	for i, s := range p.Steps {
		ask := policy.Ask{Who: who, Method: s.Method, Permission: s.Permission, Class: s.Class.String(), Args: s.Args, Room: room, At: t.now}
		if s.DryRun && s.Class.Changes() {
			// The question whether a host would do it changes nothing: who may read
			// may ask it.
			ask.Class, ask.Method, ask.Permission = agentapi.Read.String(), "rpc.check", "rpc.introspect"
		}
		rule, allowed := "", 0
		prod := false
		no := map[string][]string{}
		for _, host := range s.Hosts {
			ask.InSelector = func(text string) bool { return in.hold(text, host) }
			d := pol.Decide(ask)
			rule = d.Rule
			if !d.Allow {
				no[d.Reason()] = append(no[d.Reason()], host)
				continue
			}
			allowed++
			v.needs = max(v.needs, d.Needs)
			if h, ok := t.fleet.Host(host); ok && h.Facts.Facts["env"] == "prod" {
				prod = true
			}
		}
		if len(s.Hosts) == 0 {
			d := pol.Decide(ask)
			rule = d.Rule
			if !d.Allow {
				no[d.Reason()] = nil
			}
			v.needs = max(v.needs, d.Needs)
		}
		v.rules = append(v.rules, rule)
		for why, hosts := range no {
			if allowed > 0 && !s.Changes() {
				for _, h := range hosts {
					v.partly[hostKey(i, h)] = why
				}
				continue
			}
			v.refused[why] = append(v.refused[why], hosts...)
		}
		if s.Changes() {
			v.needs = max(v.needs, policy.Friction(s.Class.String(), len(s.Hosts), prod, s.All, s.Method, pol.SecondOver()))
		}
	}
	return v
}

// selectors tells whether hosts are in selectors of rules, each resolved once.
type selectors struct {
	inv *grammar.Inventory
	of  map[string]map[string]bool
}

func (ss *selectors) hold(text, host string) bool {
	hosts, ok := ss.of[text]
	if !ok {
		hosts = map[string]bool{}
		// A selector that does not parse holds no host; the policy was checked for
		// that when it was loaded.
		if sel, err := grammar.ParseSelector(text); err == nil {
			for _, h := range sel.Resolve(ss.inv) {
				hosts[h] = true
			}
		}
		ss.of[text] = hosts
	}
	return hosts[host]
}

// permit decides whether the plan runs now, needs a yes, or is refused.
func (b *Bot) permit(ctx context.Context, t *turn, p Plan) (permit, error) {
	pol := b.cfg.Policy()
	v := b.judge(pol, t.person, t.u.Room, p, t)
	out := permit{actor: t.person, room: t.u.Room, refused: v.partly}
	switch {
	case len(v.refused) > 0:
		out.reply = refusal(p, v)
		return out, b.record(ctx, t, p, v, refused, "")
	case v.needs == policy.None && (!p.Changes() || t.u.Delayed.IsZero()):
		if err := b.record(ctx, t, p, v, "run", ""); err != nil {
			out.reply = tell(ExitMixed, notAudited)
			return out, err
		}
		out.run = true
		return out, nil
	case v.needs < policy.Second && t.u.Delayed.IsZero() && (t.u.Yes || t.u.Confirm != "" && t.u.Confirm == p.Hash):
		if err := b.record(ctx, t, p, v, "run: confirmed in advance", ""); err != nil {
			out.reply = tell(ExitMixed, notAudited)
			return out, err
		}
		out.run = true
		return out, nil
	}
	needs := max(v.needs, policy.Confirm)
	asked := card{asker: t.person, room: t.u.Room, message: t.u.ID, line: t.line, plan: p, needs: needs}
	if t.u.Once { // nobody reads on: the plan and its hash are the answer, and nothing waits
		out.confirm = true
		out.reply = b.cardReply(asked, t)
		return out, b.record(ctx, t, p, v, "not run: needs "+needs.String(), "")
	}
	c, fresh, err := b.cards.open(asked)
	if err != nil {
		out.reply = tell(ExitNeedsYes, "✖ "+capital(err.Error())+".", "Nothing was run.")
		return out, nil
	}
	out.confirm = true
	out.reply = b.cardReply(c, t)
	if needs == policy.Second && fresh {
		b.tellApprovers(ctx, t, c)
	}
	return out, b.record(ctx, t, p, v, "card: needs "+needs.String(), c.id)
}

const notAudited = "✖ The audit log can't be written, so nothing was run."

// refusal names what is missing (policy.md).
func refusal(p Plan, v verdict) Reply {
	var reasons []string
	for why := range v.refused {
		reasons = append(reasons, why)
	}
	slices.Sort(reasons)
	what := did(p)
	var lines []string
	for i, why := range reasons {
		where := ""
		if hosts := v.refused[why]; len(hosts) > 0 && len(hosts) < len(p.Hosts()) {
			where = " on " + someHosts(hosts, 40)
		}
		if i == 0 {
			lines = append(lines, firstLine(cut("⛔ You may not "+what+where, headWidth-1)+".", "Nothing was run.")...)
		}
		lines = append(lines, capital(why)+where+".")
	}
	return tell(ExitRefused, lines...)
}

// did is what a plan does, in a few words.
func did(p Plan) string {
	var parts []string
	for _, s := range p.Steps {
		f := faceOf(s.Method)
		do := fromArgs(f.do, s.Args, when{})
		if !s.Class.Changes() {
			do = "read " + fromArgs(f.noun, s.Args, when{})
		}
		parts = append(parts, do)
	}
	return cut(strings.Join(parts, ", then "), 80)
}

// Decisions about what somebody may not do.
const (
	refused         = "refused"
	approvalRefused = "approval refused"
)

// record writes one line for each step into the audit log. It returns only when
// they are durable, but for steps that only read. Of what is refused, one person
// can have only so much written.
func (b *Bot) record(ctx context.Context, t *turn, p Plan, v verdict, decision, id string) error {
	var errs []error
	for i, s := range p.Steps {
		e := audit.Entry{
			At: t.now, ID: id, From: t.u.From.String(), Actor: t.person.String(), To: cut(foldHosts(s.Hosts), 4000), Text: cut(t.line, 1000),
			Method: s.Method, ArgsDigest: digest(s.Args), Class: s.Class.String(), Decision: decision,
		}
		if i < len(v.rules) {
			e.Rule = v.rules[i]
		}
		put := b.cfg.Audit.Append
		switch {
		case decision == refused || decision == approvalRefused:
			put = b.refused.Append
		case s.Class == agentapi.Read:
			put = b.cfg.Audit.Note
		}
		errs = append(errs, put(ctx, e))
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("bot: audit: %w", err)
	}
	return nil
}

// digest stands for arguments in the audit log, which must not hold secrets.
func digest(args map[string]any) string {
	text, err := json.Marshal(args)
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:8])
}

// known remembers whom the policy lists at all, for one policy.
type known struct {
	mu  sync.Mutex
	pol *policy.Policy
	yes map[string]bool
}

// knows reports whether the policy has any rule for the person. Strangers are
// not talked to beyond one sentence.
func (b *Bot) knows(who jid.JID) bool {
	pol := b.cfg.Policy()
	b.known.mu.Lock()
	defer b.known.mu.Unlock()
	if b.known.yes == nil || b.known.pol != pol || len(b.known.yes) > 4096 {
		b.known.pol, b.known.yes = pol, map[string]bool{}
	}
	key := who.Bare().String()
	if yes, ok := b.known.yes[key]; ok {
		return yes
	}
	yes := listed(pol, who)
	b.known.yes[key] = yes
	return yes
}

// listed asks about every method there is, anywhere: whoever may do any of it, if
// only at another hour, in another room or on other hosts, is no stranger.
func listed(pol *policy.Policy, who jid.JID) bool {
	for _, s := range agentapi.All() {
		d := pol.Decide(policy.Ask{Who: who, Method: s.Name, Permission: s.Permission, Class: s.Class.String(), InSelector: func(string) bool { return true }})
		if d.Allow || d.Near != "" {
			return true
		}
	}
	return pol.Admin(who)
}
