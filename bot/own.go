package bot

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"adminbot/agentapi"
	"adminbot/grammar"
)

// ownMethods are the methods that the bot answers itself, with their classes;
// answerOwn says what they do. It is never written to.
var ownMethods = map[string]agentapi.Class{
	"fleet.hosts": agentapi.Read,
	"bot.help":    agentapi.Read,
	"bot.confirm": agentapi.Write,
	"bot.cancel":  agentapi.Write,
	"bot.approve": agentapi.Write,
	"bot.decline": agentapi.Write,
	"bot.details": agentapi.Read,
	"bot.more":    agentapi.Read,
	"bot.csv":     agentapi.Read,
	"bot.json":    agentapi.Read,
	"bot.retry":   agentapi.Read,
	"bot.repeat":  agentapi.Read,
	"bot.history": agentapi.Read,
	"bot.alias":   agentapi.Write,
	"bot.unalias": agentapi.Write,
	"bot.aliases": agentapi.Read,

	"alert.list":       agentapi.Read,
	"alert.show":       agentapi.Read,
	"alert.accept":     agentapi.Write,
	"alert.reject":     agentapi.Write,
	"alert.resolve":    agentapi.Write,
	"alert.ack":        agentapi.Write,
	"alert.transfer":   agentapi.Write,
	"alert.note":       agentapi.Write,
	"alert.silences":   agentapi.Read,
	"alert.silence":    agentapi.Write,
	"alert.figures":    agentapi.Read,
	"oncall.who":       agentapi.Read,
	"oncall.override":  agentapi.Write,
	"workgroup.list":   agentapi.Read,
	"workgroup.status": agentapi.Read,
	"workgroup.join":   agentapi.Write,
	"workgroup.leave":  agentapi.Write,
}

// answerOwn answers a method of the bot itself.
func (b *Bot) answerOwn(ctx context.Context, t *turn, s *Step) error {
	id := strArg(s.Args, "id")
	n, counted := intArg(s.Args, "hosts")
	switch s.Method {
	case "fleet.hosts":
		return b.fleetHosts(ctx, t, s)
	case "bot.help":
		return t.say(b.help(t, strArg(s.Args, "topic")))
	case "bot.confirm":
		return b.confirm(ctx, t, id, n, counted)
	case "bot.approve":
		return b.approve(ctx, t, id, n, counted)
	case "bot.cancel", "bot.decline":
		return b.withdraw(ctx, t, id)
	case "bot.details":
		if outcome := strArg(s.Args, "outcome"); outcome != "" && id == "" {
			return b.outcomes(t, outcome)
		}
		return b.details(t, id)
	case "bot.more":
		return b.more(t, id)
	case "bot.csv":
		return b.export(t, id, "csv", report.asCSV)
	case "bot.json":
		return b.export(t, id, "json", report.asJSON)
	case "bot.retry":
		return b.retry(ctx, t, id)
	case "bot.repeat":
		return b.repeat(ctx, t)
	case "bot.history":
		return b.history(t, s)
	case "bot.alias", "bot.unalias", "bot.aliases":
		return b.answerAlias(ctx, t, s)
	case "alert.list", "alert.show", "alert.accept", "alert.reject", "alert.ack", "alert.resolve", "alert.transfer", "alert.note", "alert.silence", "alert.silences", "alert.figures",
		"oncall.who", "oncall.override", "workgroup.list", "workgroup.status", "workgroup.join", "workgroup.leave":
		return b.askAlerts(ctx, t, s)
	}
	return t.say(notBuilt(s.command, t.fleet.Lexicon))
}

// judgeOwn asks the policy about a step that is done at once, without a card.
// What is refused, or would change something and came late, is answered; the
// error is that of the answer.
func (b *Bot) judgeOwn(ctx context.Context, t *turn, s *Step, sentence string) (plan Plan, v verdict, answered bool, err error) {
	plan = Plan{Sentence: sentence, Steps: []Step{*s}, Hash: hash([]Step{*s}, t.line)}
	v = b.judge(b.cfg.Policy(), t.person, t.u.Room, plan, t)
	switch {
	case len(v.refused) > 0:
		return plan, v, true, t.say(refusal(plan, v), b.record(ctx, t, plan, v, refused, ""))
	case s.Changes() && !t.u.Delayed.IsZero(): // R9
		return plan, v, true, t.say(tell(ExitNeedsYes, "✖ That came late. Nothing was done: say it again."))
	}
	return plan, v, false, nil
}

func strArg(args map[string]any, name string) string {
	s, _ := args[name].(string)
	return strings.ToLower(s)
}

func intArg(args map[string]any, name string) (int, bool) {
	n, ok := number(args[name])
	return int(n), ok
}

// control reads the few sentences about cards and answers that hold an id, so
// that they mean the same whatever the vocabulary: known tells ids. Anything else
// is for the grammar.
func control(line string, known func(string) bool) (grammar.Command, bool) {
	words := strings.Fields(strings.ToLower(strings.TrimRight(strings.TrimSpace(line), ".!")))
	if len(words) == 0 || len(words) > 4 {
		return grammar.Command{}, false
	}
	verb, rest := words[0], words[1:]
	method, bare := "", true
	switch verb {
	case "yes", "confirm": // "ok" is what people say to anything
		method = "bot.confirm"
	case "no", "cancel", "nope":
		method = "bot.cancel"
	case "approve":
		method, bare = "bot.approve", false
	case "reject", "decline":
		method, bare = "bot.decline", false
	case "details":
		method = "bot.details"
	case "more":
		method = "bot.more"
	case "csv":
		method = "bot.csv"
	case "json":
		method = "bot.json"
	case "retry":
		method = "bot.retry"
		if len(rest) > 0 && rest[0] == "failed" {
			rest = rest[1:]
		}
	default:
		return grammar.Command{}, false
	}
	c := grammar.Command{Method: method, Args: map[string]any{}}
	if len(rest) == 0 {
		return c, bare
	}
	if !looksLikeID(rest[0]) || verb != "yes" && !known(rest[0]) {
		return grammar.Command{}, false
	}
	c.Args["id"] = rest[0]
	if len(rest) == 2 && (method == "bot.confirm" || method == "bot.approve") {
		n := 0
		if _, err := fmt.Sscanf(rest[1], "%d", &n); err != nil || fmt.Sprint(n) != rest[1] {
			return grammar.Command{}, false
		}
		c.Args["hosts"] = int64(n)
		rest = rest[:1]
	}
	return c, len(rest) == 1
}

// fleetHosts answers who is there, out of the snapshot: no host is asked.
func (b *Bot) fleetHosts(ctx context.Context, t *turn, s *Step) error {
	plan := Plan{Sentence: cmp.Or(s.Sentence, t.line), Steps: []Step{*s}, Hash: hash([]Step{*s}, t.line)}
	v := b.judge(b.cfg.Policy(), t.person, t.u.Room, plan, t)
	if len(v.refused) > 0 {
		return t.say(refusal(plan, v), b.record(ctx, t, plan, v, refused, ""))
	}
	id := b.answers.newID(b.cfg.Random, func(id string) bool { _, taken := b.cards.get(id); return taken })
	r := report{id: id, line: t.line, actor: t.person.String(), plan: plan, w: t.w}
	var results []Result
	unseen := 0
	for _, name := range s.Hosts {
		if why, no := v.partly[hostKey(0, name)]; no {
			results = append(results, Result{Host: name, Outcome: Refused, Why: why})
			continue
		}
		h, ok := t.fleet.Host(name)
		if !ok {
			continue
		}
		if h.Unseen() {
			unseen++
		}
		value := map[string]any{"name": h.Name, "mood": h.Mood, "online": h.Online, "score": float64(h.Score), "jid": h.Address().String()}
		if h.Status != "" {
			value["status"] = h.Status
		}
		if !h.Since.IsZero() {
			value["since"] = h.Since
		}
		if len(h.Facts.Facts) > 0 {
			facts := map[string]any{}
			for k, v := range h.Facts.Facts {
				facts[k] = v
			}
			value["facts"] = facts
		}
		results = append(results, Result{Host: name, Value: value})
	}
	r.results = [][]Result{results}
	b.answers.keep(t.person, t.u.Room, r)
	reply := b.rendered(t, r)
	if missing := unseenLine(t.fleet.Unseen, unseen); missing != "" && strings.Contains(s.Sentence, "mood=") {
		reply.Text += "\n" + missing
	}
	return t.say(reply, b.record(ctx, t, plan, v, "run", id))
}

// answerOf finds the answer that "details", "more" and "retry" mean.
func (b *Bot) answerOf(t *turn, id string) (kept, bool) {
	if id == "" {
		id = t.before.answer
	}
	if id == "" {
		if all := b.answers.of(t.person); len(all) > 0 && !t.u.Once {
			return all[0], true
		}
	}
	return b.answers.get(id, t.person)
}

func noAnswer(id string) Reply {
	if id == "" {
		return tell(ExitNotUnderstood, "✖ There is no answer to go on from.")
	}
	return tell(ExitNotUnderstood, "✖ I have no answer "+clean(id, 8)+" of yours. They are kept for "+span(answerLife)+".")
}

func (b *Bot) more(t *turn, id string) error {
	k, ok := b.answerOf(t, id)
	if !ok {
		return t.say(noAnswer(id))
	}
	if len(k.rest) == 0 {
		return t.say(tell(ExitOK, "✔ That was all of "+k.id+"."))
	}
	head := line{text: "✔ more of " + k.id}
	text, rest := page(append([]line{head}, k.rest...), t.room(), k.id)
	b.answers.left(k.id, rest, k.alone)
	return t.say(Reply{Text: text, ID: k.id, Private: k.alone, Data: Answer{ID: k.id, Text: text}})
}

// export shows an answer as data that other programs read.
func (b *Bot) export(t *turn, id, format string, as func(report) []line) error {
	k, ok := b.answerOf(t, id)
	if !ok {
		return t.say(noAnswer(id))
	}
	lines := as(k.report)
	head := line{text: fmt.Sprintf("✔ %s as %s · %s", plural(len(lines), "line"), format, k.id)}
	text, rest := page(append([]line{head}, lines...), t.room(), k.id)
	b.answers.left(k.id, rest, true)
	return t.say(Reply{Text: text, ID: k.id, Private: true, Data: k.report.data(text)})
}

// details shows an answer host by host.
func (b *Bot) details(t *turn, id string) error {
	k, ok := b.answerOf(t, id)
	if !ok {
		return t.say(noAnswer(id))
	}
	k.w = t.w
	lines := k.report.everything()
	text, rest := page(lines, t.room(), k.id)
	b.answers.left(k.id, rest, true)
	return t.say(Reply{Text: text, ID: k.id, Private: true, Data: k.report.data(text)})
}

// everything is a report host by host.
func (r report) everything() []line {
	out := []line{{text: fmt.Sprintf("%s · %s · %s", r.id, cut(r.plan.Sentence, 200), span(r.took))}}
	if r.actor != "" { // R6
		out = append(out, line{text: strings.TrimSuffix("asked by "+clean(r.actor, 80)+", "+clean(r.approved, 100), ", ")})
	}
	for i, s := range r.plan.Steps {
		f := faceFor(s)
		if len(r.plan.Steps) > 1 {
			out = append(out, line{text: fmt.Sprintf("%d  %s", i+1, s.Method)})
		}
		for _, res := range worstFirst(r.results[i]) {
			text := res.Host + "  " + res.Outcome.String()
			if res.Took > 0 && res.Outcome != Unreachable { // who was not there took no time
				text += "  " + span(res.Took)
			}
			if res.Late {
				text += "  late"
			}
			out = append(out, line{text: text, block: true})
			if why := r.reason(res, s.Changes()); res.Outcome != OK && why != "" {
				out = append(out, line{text: "  " + why, block: true})
			}
			if top, _ := res.Value.(map[string]any); res.Outcome == OK && top != nil {
				all := face{list: f.list, cols: f.cols, worst: f.worst, wide: f.wide, whole: true}
				shown := r.detail(s, all, top)
				if f.list != "" && f.list != "top" && f.list != "reasons" { // detail leaves out what a first line says
					shown = append(r.members(s.Method, top, f.list, all), shown...)
				}
				for _, l := range shown {
					out = append(out, line{text: "  " + l.text, block: true})
				}
			}
		}
	}
	return narrowed(out)
}

// retry asks the hosts that were not ok again. What may have run keeps its
// idempotency key, so that a host that did it says so instead of doing it twice.
func (b *Bot) retry(ctx context.Context, t *turn, id string) error {
	k, ok := b.answerOf(t, id)
	if !ok {
		return t.say(noAnswer(id))
	}
	var again Plan
	for i, step := range k.plan.Steps {
		var hosts []string
		step.keys = map[string]string{}
		for _, res := range k.results[i] {
			if res.Outcome == OK {
				continue
			}
			hosts = append(hosts, res.Host)
			if res.Outcome == NoAnswer || res.Outcome == Unreachable {
				step.keys[res.Host] = res.Key
			}
		}
		if len(hosts) == 0 {
			continue
		}
		slices.Sort(hosts)
		step.Hosts, step.All = hosts, false
		step.command.On, step.command.Hosts = grammar.Names(hosts...), hosts
		again.Steps = append(again.Steps, step)
	}
	if len(again.Steps) == 0 {
		return t.say(tell(ExitOK, "✔ Everything in "+k.id+" was ok: nothing to retry."))
	}
	again.Sentence = t.fleet.Lexicon.Sentence(commandsOf(again))
	if k.plan.Steps[0].Own {
		return b.answerOwn(ctx, t, &again.Steps[0])
	}
	again.Hash = hash(again.Steps, t.line)
	return b.permitted(ctx, t, again)
}

// permitted is the second half of Answer, for a plan that was not read from the
// line.
func (b *Bot) permitted(ctx context.Context, t *turn, p Plan) error {
	permit, err := b.permit(ctx, t, p)
	if err != nil || !permit.run {
		return t.say(permit.reply, err)
	}
	return b.carryOut(ctx, t, p, permit)
}

// repeat does the last plan of the person here again.
func (b *Bot) repeat(ctx context.Context, t *turn) error {
	k, ok := b.answerOf(t, "")
	if !ok {
		return t.say(noAnswer(""))
	}
	if k.plan.Steps[0].Own {
		return b.answerOwn(ctx, t, &k.plan.Steps[0])
	}
	again, _, _ := k.plan.resolved(t.line, t.fleet.Inventory)
	return b.permitted(ctx, t, again)
}

// history lists the person's answers that are still kept.
func (b *Bot) history(t *turn, s *Step) error {
	limit, ok := intArg(s.Args, "limit")
	if !ok || limit < 1 {
		limit = 10
	}
	all := b.answers.of(t.person)
	if len(all) == 0 {
		return t.say(tell(ExitOK, "✔ No answers yet."))
	}
	shown := all[:min(limit, len(all))]
	lines := []string{"✔ Your last " + plural(len(shown), "answer")}
	for _, k := range shown {
		lines = append(lines, fmt.Sprintf("%s  %s  %s", k.id, t.w.moment(k.at), cut(k.plan.Sentence, 60)))
	}
	text := strings.Join(lines, "\n")
	return t.say(Reply{Text: text, Private: true, Data: Answer{Text: text}})
}
