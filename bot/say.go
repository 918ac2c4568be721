package bot

import (
	"context"
	"strings"

	"mellium.im/xmpp/jid"

	"adminbot/agentapi"
	"adminbot/grammar"
	turns "adminbot/internal/xmpp/turn"
	"adminbot/rpc"
)

// rendered is the reply about a finished plan: the first page as text, and
// everything as data.
func (b *Bot) rendered(t *turn, r report) Reply {
	lines := r.render()
	if len(lines) > 0 && !t.answersCard() && !same(t.line, r.plan.Sentence) && !strings.HasSuffix(r.plan.Sentence, " ") { // R13
		echo := line{text: "= " + cut(r.plan.Sentence, 300)}
		lines = append(lines[:1:1], append([]line{echo}, lines[1:]...)...)
	}
	text, rest := page(lines, t.room(), r.id)
	b.answers.left(r.id, rest, private(r.plan))
	if !t.u.Once {
		b.talks.shown(t.key, r.id, r.matched())
	}
	return Reply{Text: text, ID: r.id, Private: private(r.plan), Data: r.data(text), Exit: r.exit()}
}

// answersCard reports whether the line was a yes: the card has shown the
// sentence.
func (t *turn) answersCard() bool {
	c, ok := control(t.line, func(string) bool { return true })
	return ok && (c.Method == "bot.confirm" || c.Method == "bot.approve")
}

// same reports whether two sentences differ in nothing but letters' case, blanks
// and marks at the end.
func same(a, b string) bool {
	norm := func(s string) string {
		return strings.Join(strings.Fields(strings.ToLower(strings.TrimRight(s, " ?!."))), " ")
	}
	return norm(a) == norm(b)
}

// private: answers that may hold secrets are for the asker alone (policy.md).
func private(p Plan) bool { return p.Class() == agentapi.Sensitive }

// matched are the hosts that a filtered answer showed (R15), nil if it had no
// filter.
func (r report) matched() []string {
	if len(r.plan.Steps) != 1 {
		return nil
	}
	s := r.plan.Steps[0]
	if len(s.Where) == 0 && s.Limit == 0 {
		return nil
	}
	found, _, _ := hits(r.results[0], s.Where, s.Sort, s.Limit)
	hosts := []string{}
	seen := map[string]bool{}
	for _, h := range found {
		if !seen[h.host] {
			seen[h.host] = true
			hosts = append(hosts, h.host)
		}
	}
	return hosts
}

func (r report) exit() int {
	var total Counts
	for _, results := range r.results {
		total = total.plus(count(results))
	}
	return total.Exit()
}

// data is the report as data.
func (r report) data(text string) Answer {
	var total Counts
	for _, results := range r.results {
		total = total.plus(count(results))
	}
	return Answer{
		ID: r.id, Text: text, Canonical: r.plan.Sentence, Status: string(grammar.OK), Plan: commandsOf(r.plan), Hash: r.plan.Hash, Actor: r.actor, Approved: r.approved,
		Counts: &total, TookMS: r.took.Milliseconds(), Results: r.results, Exit: total.Exit(),
	}
}

// Mux returns the bot's own Jabber-RPC methods (bot.say, fleet.hosts) for its
// address. Whoever calls is the person who speaks; the policy decides as in
// chat, and hosts are not people. It is to be handed the IQs of namespace
// [rpc.NS].
func (b *Bot) Mux() *rpc.ServeMux {
	mux := rpc.NewServeMux(rpc.Options{
		Allow:      func(bare jid.JID) bool { return !b.cfg.Fleet.IsHost(bare) && b.knows(bare) },
		Middleware: []rpc.Middleware{rpc.ExpireCalls(b.cfg.Now)},
		ReplyBytes: rpc.DefaultReplyBytes, Now: b.cfg.Now, Log: b.cfg.Log,
	})
	mux.HandleMethod("bot.say", rpc.Descriptor{
		Help:       "Answers one line as in chat. A change runs only when plan_hash is the hash of its plan, or with yes; else the answer is the plan and its hash.",
		Signatures: [][]string{{"struct", "struct"}},
	}, b.said.Middleware(rpc.HandlerFunc(b.rpcSay)))
	mux.HandleMethod("fleet.hosts", rpc.Descriptor{
		Help: "Lists hosts: name, address, mood, reasons, since, facts.", Signatures: [][]string{{"struct", "struct"}},
	}, rpc.HandlerFunc(b.rpcHosts))
	return mux
}

func (b *Bot) rpcSay(ctx context.Context, r *rpc.Request) (rpc.Value, error) {
	var in struct {
		Line     string `rpc:"line"`
		PlanHash string `rpc:"plan_hash,omitempty"`
		Yes      bool   `rpc:"yes,omitempty"`
	}
	if err := r.Bind(&in); err != nil {
		return rpc.Value{}, err
	}
	var last Reply
	err := b.Answer(ctx, Utterance{
		From: r.From, Text: in.Line, ID: r.ID, Once: true, Confirm: in.PlanHash, Yes: in.Yes, Key: onceKey(r.From, r),
		Read: func() { turns.Yield(ctx) },
	}, func(reply Reply) {
		if reply.Final {
			last = reply
		}
	})
	if err != nil {
		return rpc.Value{}, err
	}
	return sayValue(last)
}

// sayBytes is how much of an answer fits into one stanza, with room for what is
// around it.
const sayBytes = 40 << 10

// sayValue is the answer for bot.say: the data without what does not fit.
func sayValue(r Reply) (rpc.Value, error) {
	a, _ := r.Data.(Answer)
	a.Text = r.Text
	a.Exit = r.Exit
	v, err := wire(a)
	if err != nil {
		return rpc.Value{}, err
	}
	if len(v.AppendXML(nil)) > sayBytes { // the values go first: the text has what matters
		for i := range a.Results {
			short := make([]Result, len(a.Results[i]))
			for j, res := range a.Results[i] {
				short[j] = Result{Host: res.Host, Outcome: res.Outcome, Code: res.Code, Why: cut(res.Why, 80)}
			}
			a.Results[i] = short
		}
		if v, err = wire(a); err == nil && len(v.AppendXML(nil)) > sayBytes {
			a.Results = nil
			v, err = wire(a)
		}
	}
	return v, err
}

func (b *Bot) rpcHosts(ctx context.Context, r *rpc.Request) (rpc.Value, error) {
	var in struct {
		On string `rpc:"on,omitempty"`
	}
	if err := r.Bind(&in); err != nil {
		return rpc.Value{}, err
	}
	sel := grammar.All()
	if in.On != "" {
		var err error
		if sel, err = grammar.ParseSelector(in.On); err != nil {
			return rpc.Value{}, rpc.Faultf(rpc.FaultParams, "%v", err)
		}
	}
	var last Reply
	t := b.begin(Utterance{From: r.From, Text: "fleet.hosts", Once: true}, func(reply Reply) { last = reply })
	s := Step{Method: "fleet.hosts", Permission: "fleet.hosts", Class: agentapi.Read, Own: true, Hosts: sel.Resolve(t.fleet.Inventory)}
	if err := b.fleetHosts(ctx, t, &s); err != nil {
		return rpc.Value{}, err
	}
	if last.Exit == ExitRefused {
		return rpc.Value{}, rpc.Faultf(rpc.FaultDenied, "%s", last.Text)
	}
	return hostsValue(last)
}

// hostsValue is fleet.hosts as it is answered: one struct for each host.
func hostsValue(r Reply) (rpc.Value, error) {
	a, _ := r.Data.(Answer)
	hosts := []any{}
	for _, results := range a.Results {
		for _, res := range results {
			if res.Outcome == OK {
				hosts = append(hosts, res.Value)
			}
		}
	}
	total := len(hosts)
	for {
		v, err := rpc.Marshal(map[string]any{"hosts": hosts, "total": total, "truncated": len(hosts) < total})
		if err != nil || len(v.AppendXML(nil)) <= sayBytes || len(hosts) == 0 {
			return v, err
		}
		hosts = hosts[:len(hosts)*3/4]
	}
}
