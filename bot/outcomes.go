package bot

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"adminbot/grammar"
)

// outcomes answers which hosts failed, refused, did not answer, or were ok in the
// last answer, out of that answer: no host is asked. "Them" are those hosts from
// then on.
func (b *Bot) outcomes(t *turn, outcome string) error {
	k, ok := b.answerOf(t, "")
	newer := func(c card) bool { return !ok || !c.made.Before(k.at) }
	if still, waits := b.stillWaits(t); waits && slices.ContainsFunc(b.waiting(t), newer) {
		return t.say(still)
	}
	if last, said := lastOnHosts(t.before.readings); !ok || said && !k.plan.does(last) {
		return t.say(tell(ExitNotUnderstood, "✖ I have no results of that. Nothing was run now."))
	}
	k.w = t.w
	part := k.report
	part.results = make([][]Result, len(k.results))
	var hosts []string
	for i, results := range k.results {
		for _, res := range results {
			if res.is(outcome, t.before.matched) {
				part.results[i] = append(part.results[i], res)
				hosts = append(hosts, res.Host)
			}
		}
	}
	text, rest := page(narrowed(k.report.outcome(outcome, part)), t.room(), k.id)
	b.answers.left(k.id, rest, private(k.plan))
	if !t.u.Once {
		b.talks.shown(t.key, k.id, append([]string{}, hosts...))
	}
	return t.say(Reply{Text: text, ID: k.id, Private: private(k.plan), Data: part.data(text), Exit: part.exit()})
}

// lastOnHosts is the last command of the conversation that was for hosts.
func lastOnHosts(readings []grammar.Reading) (grammar.Command, bool) {
	for _, r := range slices.Backward(readings) {
		if r.Status == grammar.OK && len(r.Commands) > 0 && len(r.Commands[0].Hosts) > 0 {
			return r.Commands[0], true
		}
	}
	return grammar.Command{}, false
}

// does reports whether a step of the plan is the command, be it for other hosts.
func (p Plan) does(c grammar.Command) bool {
	return slices.ContainsFunc(p.Steps, func(s Step) bool {
		return s.Method == c.Method && digest(s.command.Args) == digest(c.Args)
	})
}

// is reports whether the result is one of those asked for; shown are the hosts
// that the answer before listed, if it listed some.
func (r Result) is(outcome string, shown []string) bool {
	switch outcome {
	case "denied":
		return r.Outcome == Refused
	case "unanswered":
		return r.Outcome == NoAnswer || r.Outcome == Unreachable || r.Outcome == Expired
	case "ok":
		return r.Outcome == OK
	case "others":
		if shown == nil {
			return r.Outcome == OK
		}
		return !slices.Contains(shown, r.Host)
	}
	return r.Outcome != OK
}

// outcome lists the part of a report that was asked for.
func (r report) outcome(which string, part report) []line {
	var all, listed Counts
	var doing []string
	for i, s := range r.plan.Steps {
		all, listed = all.plus(count(r.results[i])), listed.plus(count(part.results[i]))
		f := faceOf(s.Method)
		what := fromArgs(f.noun, s.Args, r.w)
		if s.Changes() {
			what = fromArgs(f.do, s.Args, r.w)
		}
		doing = append(doing, what)
	}
	what := strings.Join(doing, ", then ")
	of := fmt.Sprintf("%d of %d", listed.Asked, all.Asked)
	mark, head := "✔", ""
	switch none := listed.Asked == 0; {
	case none && which == "ok":
		mark, head = "✖", fmt.Sprintf("None of %d ok: %s", all.Asked, what)
	case none && which == "others":
		head = fmt.Sprintf("No others: %s was for %s", what, plural(all.Asked, "host"))
	case none && all.Asked == 1 && !r.plan.Changes():
		head = fmt.Sprintf("%s answered: %s", r.plan.Hosts()[0], what)
	case none && (which == "unanswered" || which == "failed" && !r.plan.Changes()):
		head = all.beside(fmt.Sprintf("All %d answered: %s", all.Asked, what))
	case none && which == "denied":
		head = all.beside(fmt.Sprintf("None of %d refused: %s", all.Asked, what))
	case none && all.Asked == 1:
		head = fmt.Sprintf("%s was ok on %s", what, r.plan.Hosts()[0])
	case none:
		head = fmt.Sprintf("None failed: %s ok on %d/%d", what, all.OK, all.Asked)
	case listed.OK == listed.Asked:
		head = fmt.Sprintf("%s ok: %s", of, what)
	default:
		how := map[string]string{"denied": "refused", "unanswered": "gave no answer"}[which]
		mark, head = "✖", fmt.Sprintf("%s %s: %s", of, cmp.Or(how, "not ok"), what)
		if listed.OK > 0 {
			mark, head = "⚠", listed.beside(fmt.Sprintf("%s: %s", of, what))
		}
	}
	out := []line{{text: r.head(mark, head)}}
	for i, s := range r.plan.Steps {
		results := part.results[i]
		if len(results) == 0 {
			continue
		}
		if len(r.plan.Steps) > 1 {
			out = append(out, line{text: fmt.Sprintf("%d  %s", i+1, doing[i])})
		}
		if res := results[0]; len(results) == 1 && res.Outcome != OK { // troubles leaves to a first line who it was
			out = append(out, line{text: join(res.Outcome.loud(s.Changes()), res.Host), block: true})
		}
		out = append(out, r.troubles(s, results, s.Changes())...)
		out = append(out, r.table(s, faceFor(s).asked(s, r.line), results)...)
	}
	switch {
	case r.id == "":
	case listed.Asked > listed.OK:
		out = append(out, line{text: "retry failed " + r.id + " · details " + r.id, next: true})
	case all.Asked > all.OK:
		out = append(out, line{text: "details " + r.id, next: true})
	}
	return out
}
