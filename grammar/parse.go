package grammar

import (
	"slices"
	"strings"
	"time"
)

// A reader reads one line. It belongs to one call of Parse.
type reader struct {
	lx    *Lexicon
	la    *lattice
	prev  []Reading
	now   time.Time
	gates gates
	then  bool // the line begins with "then": it goes on with the one before
	// strict readers only read: they neither guess nor suggest.
	strict bool
	plain  bool // what became of the line before is not asked about
	stats  Stats
	hints  [][]Command // plans near to what was said
	// overlooked is a word that names hosts and was read as another, or -1;
	// asName is the word to be read as hosts instead, or -1.
	overlooked, asName int
	leans              bool   // the line asks for something else of the hosts before
	inferred           bool   // the line is about a host that was not named
	trace              *trace // for Explain
}

// Stats counts the work that one line took.
type Stats struct {
	Words    int // words and marks
	Verbs    int // verbs that were tried
	Streams  int // token streams parsed
	Tokens   int // tokens in them
	Bindings int // readings bound
	Rereads  int // lines read again with a spelling changed
	Refused  bool
}

// Parse reads one line in the light of the readings before it, as though they
// had been read and not as though they had run. now is the moment that spoken
// times count from. It never fails: every line has a [Reading]. Parse is safe
// for concurrent use.
func (lx *Lexicon) Parse(prev []Reading, line string, now time.Time) Reading {
	r, _ := lx.ParseStats(prev, line, now)
	return r
}

// ParseStats is [Lexicon.Parse] with a count of its work.
func (lx *Lexicon) ParseStats(prev []Reading, line string, now time.Time) (Reading, Stats) {
	if len(line) > MaxLine {
		return Reading{Status: Unknown, Question: "That line is too long. Can you say it in fewer words?"}, Stats{Refused: true}
	}
	k := normalise(line)
	if c, ok := lx.formed(k); ok {
		return Reading{Status: OK, Commands: []Command{c}, Canonical: lx.one(&c)}, Stats{}
	}
	words, aliases := lx.replace(scan(k))
	if len(words) > maxWords {
		return Reading{Status: Unknown, Question: "That is too much for one line. Can you say it in fewer words?"}, Stats{Words: len(words), Refused: true}
	}
	r := &reader{lx: lx, prev: prev, now: now, overlooked: -1, asName: -1}
	out := r.read(words, k.odd)
	if out.Status == Unknown && !k.odd {
		if ask := lx.halfFormed(k); ask != "" {
			out = Reading{Status: Incomplete, Question: ask}
		}
	}
	out.Aliases = aliases
	r.stats.Words = len(words)
	return out, r.stats
}

// read is the whole pipeline after the normaliser.
func (r *reader) read(words []word, odd bool) Reading {
	words = r.rephrase(words)
	words, negated := isNot(spokenTimes(r.lx.splitCounts(words), r.now.In(r.lx.zone)))
	r.la = r.lx.lattice(words, odd)
	if r.la.asName = r.asName; r.asName < 0 {
		r.la.asName = r.la.place()
	}
	if out, ok := r.conversation(); ok {
		return out
	}
	if out, ok := r.outcome(); ok {
		return out
	}
	r.gates = r.gate()
	r.gates.not = r.gates.not || negated
	clauses := r.clauses()
	if r.cutOff(clauses) {
		return r.refuse(Reading{Status: Unknown})
	}
	fr := r.frame()
	var result Reading
	var plans []Command
	for _, c := range clauses {
		f := fr
		f.dry = f.dry || r.dryClause(c)
		f.also = inflected{ing: f.dry || r.gates.mind, past: r.gates.wish}
		out := r.whole(c[0], c[1], f, len(clauses) == 1)
		if out.Status != OK {
			out.Commands = nil
			result = out
			if len(clauses) > 1 {
				result.pending = nil
				result.Options = nil
			}
			return r.refuse(result)
		}
		plans = append(plans, out.Commands...)
		fr.remember(r.lx, out.Commands)
	}
	if r.repeats(plans) {
		return r.refuse(Reading{Status: Unknown})
	}
	if len(plans) == 0 {
		return r.refuse(Reading{Status: NotACommand})
	}
	result = Reading{Status: OK, Commands: plans, Canonical: r.lx.sentence(plans)}
	return r.guard(result)
}

// repeats reports whether one line would do the same change at two times: a
// time said twice, not two orders.
func (r *reader) repeats(plans []Command) bool {
	for i := 1; i < len(plans); i++ {
		a, b := plans[i-1], plans[i]
		if a.At.Equal(b.At) || !r.lx.write(a.Method) {
			continue
		}
		a.At, b.At = time.Time{}, time.Time{}
		if planKey([]Command{a}) == planKey([]Command{b}) {
			return true
		}
	}
	return false
}

// guard applies what the gates of the line say to a complete plan.
func (r *reader) guard(out Reading) Reading {
	if timed, ok := r.timedAnswer(out.Commands); ok {
		return r.refuse(timed)
	}
	writes := false
	for _, c := range out.Commands {
		if c.Method == methodHelp && r.gates.said {
			return Reading{Status: NotACommand} // the manual says ...
		}
		// Calling something off is always safe.
		writes = writes || r.lx.write(c.Method) && !c.DryRun && c.Method != methodCancel
	}
	if !writes {
		if r.tells() {
			return Reading{Status: NotACommand} // web01 has been rebooted
		}
		return out
	}
	if c := out.Commands[0]; c.Method == methodConfirm && c.Args["id"] == nil && !r.planned() && r.la.words[0].text != methodConfirm {
		return Reading{Status: Incomplete, Question: "Nothing is waiting. What shall I do?", pending: out.Commands, missing: "id"}
	}
	g := r.gates
	switch {
	case r.la.odd, r.inferred:
		return r.refuse(Reading{Status: Unknown, Suggestions: []string{out.Canonical}})
	case g.hypo || g.not || g.said || g.past:
		return Reading{Status: NotACommand}
	case g.takeback:
		return Reading{Status: NotACommand}
	case g.dangling:
		return r.refuse(Reading{Status: Unknown, Suggestions: []string{out.Canonical}})
	}
	return out
}

// timedAnswer refuses "yes, at 4am": a yes runs what was shown, now. The plan at
// that time is offered.
func (r *reader) timedAnswer(cmds []Command) (Reading, bool) {
	i := slices.IndexFunc(cmds, func(c Command) bool {
		return strings.HasPrefix(c.Method, "bot.") && r.lx.write(c.Method) && (!c.At.IsZero() || c.Every != 0)
	})
	if i < 0 {
		return Reading{}, false
	}
	out := Reading{Status: Unknown}
	if last := r.lastPlan(); last != nil && len(last.Commands) == 1 {
		c := last.Commands[0]
		c.At, c.Every = cmds[i].At, cmds[i].Every
		out.Suggestions = []string{r.lx.sentence([]Command{c})}
	}
	return out, true
}

// planned reports whether the conversation holds a write that a "yes" may be
// meant for.
func (r *reader) planned() bool {
	for i := range r.prev {
		for _, c := range r.prev[i].Commands {
			if r.lx.write(c.Method) && c.Method != methodConfirm && c.Method != methodCancel {
				return true
			}
		}
	}
	return false
}

func (lx *Lexicon) write(method string) bool {
	i, ok := lx.byName[method]
	return ok && lx.verbs[i].Write
}

// Methods that the conversation itself knows.
const (
	methodConfirm = "bot.confirm"
	methodCancel  = "bot.cancel"
	methodRepeat  = "bot.repeat"
	methodHelp    = "bot.help"
	methodDetails = "bot.details"

	methodHosts    = "fleet.hosts"
	methodServices = "service.list"
)

// clause reads words [from, to) as one order or question.
func (r *reader) clause(from, to int, fr frame, alone bool) Reading {
	f, t := r.trim(from, to)
	follows := f > from && r.marked(from) || r.then
	if out, ok := r.picked(f, t, fr); ok {
		return r.finishClause(out)
	}
	fr.lean = follows || r.leans || r.verbless(from, to) || r.too(to)
	outs := r.outcomes(from, to, fr, false)
	best := choose(outs)
	if (best.Status == OK || best.Status == Ambiguous) && !(r.fragment(from, best, fr)) {
		return r.finishClause(best)
	}
	if fr.last != nil && f < t && !r.said(f, t) && (follows || !r.leadsAsking(from)) {
		ef := fr
		ef.edit = true
		edits := r.edits(f, t, ef)
		out := choose(edits)
		changed := slices.ContainsFunc(edits, func(o *outcome) bool { return o.changed && len(o.loose) == 0 })
		if out.Status == OK && best.Status == Unknown && !changed && !follows {
			// "hosts" says nothing new about the line before: it asks by itself.
			if own := choose(r.outcomes(from, to, fr, true)); own.Status == OK {
				return r.finishClause(own)
			}
		}
		switch {
		case best.Status == OK || best.Status == Ambiguous:
			// "errors only" could be a question of its own; behind a question
			// of the same sort it narrows that.
			if out.Status == OK && changed {
				return r.finishClause(out)
			}
			return r.finishClause(best)
		case out.Status == OK || out.Status == Ambiguous || out.Status == Incomplete && best.Status == Unknown:
			return r.finishClause(out)
		}
	}
	if best.Status == Unknown && !follows {
		// Phrases may have been cut too long: "which checks" and "are configured".
		r.la.short = true
		out := choose(r.outcomes(from, to, fr, false))
		r.la.short = false
		if out.Status == OK {
			return r.finishClause(out)
		}
	}
	if (best.Status == Unknown || best.Status == Incomplete) && !(follows && fr.last != nil && r.lx.write(fr.last.Method)) && (!r.statement() || r.asks()) {
		if out := choose(r.outcomes(from, to, fr, true)); out.Status != Unknown && (best.Status == Unknown || out.Status == OK) {
			return r.finishClause(out)
		}
	}
	if out, ok := r.topic(from, to, fr); ok {
		return out
	}
	if out, ok := r.halves(from, to, fr); ok {
		return out
	}
	return r.finishClause(best)
}

// leadsAsking reports whether the clause begins like a question of its own:
// such a sentence inherits nothing.
func (r *reader) leadsAsking(from int) bool {
	i := max(from, r.skipPolite())
	if i >= len(r.la.words) || len(r.la.matches[i]) == 0 {
		return false
	}
	ask := false
	for _, c := range r.la.matches[i][0].n.closed {
		switch c.class {
		case "follow", "same", "only":
			return false
		case "ask":
			ask = true
		}
	}
	return ask
}

// marked reports whether the clause begins with a word that ties it to the
// line before: and, same, what about.
func (r *reader) marked(from int) bool {
	for _, m := range r.la.matches[from] {
		for _, c := range m.n.closed {
			if c.class == "same" || c.class == "conj" || c.class == "follow" && c.value != "only" && c.value != "just" && c.value != "with" && c.value != "for" && c.value != "now" {
				return true
			}
		}
	}
	return false
}

// fragment reports whether a complete question may rather be a change of the
// one before: it names no hosts, asks nothing by itself, and there is one.
func (r *reader) fragment(from int, best choice, fr frame) bool {
	if best.Status != OK || fr.last == nil || len(best.Commands) != 1 || r.lx.write(fr.last.Method) {
		return false
	}
	c := &best.Commands[0]
	if c.asked || r.lx.write(c.Method) || strings.HasPrefix(c.Method, "bot.") || r.isClass(from, "ask") {
		return false
	}
	v, ok := r.lx.byName[c.Method]
	if !ok || !r.lx.verbs[v].Hosts {
		return false
	}
	// "disk over 10%" behind a question about disks names its subject again.
	if c.Method == fr.last.Method && !r.isClass(from, "top") && !r.isClass(from, "sortby") {
		for _, m := range r.la.matches[from] {
			for _, t := range m.n.terms {
				if int(t.verb) == v && t.role == roleHead && t.b == 0 && len(r.lx.verbs[v].phrases[t.a].set) == 0 {
					return false
				}
			}
		}
	}
	return true
}

// too reports whether the clause ends in a word that ties it to the line before.
func (r *reader) too(to int) bool {
	for to > 0 && r.la.words[to-1].mark {
		to--
	}
	return to > 1 && (slices.Contains([]string{"too", "also"}, r.la.words[to-1].text) || r.la.words[to-1].text == "well" && r.la.words[to-2].text == "as")
}

// verbless reports whether the words are a bare noun phrase of a question, like
// "memory" or "only the memory" behind "disk on web01": it asks the same of other
// things.
func (r *reader) verbless(from, to int) bool {
	i := max(from, r.skipPolite())
	for i < to && (r.isClass(i, "only") || r.isClass(i, "det")) {
		i++
	}
	if i >= to || len(r.la.matches[i]) == 0 || r.isClass(i, "top") {
		return false
	}
	head := false
	for _, t := range r.la.matches[i][0].n.terms {
		if r.lx.verbs[t.verb].Write {
			return false
		}
		head = head || t.role == roleHead && t.b == 0 || t.role == roleField
	}
	for ; i < to && head; i++ {
		head = !r.isClass(i, "ask") && !r.isClass(i, "noun") && !r.isClass(i, "all") && !r.isClass(i, "allhosts") && !r.isHosts(i)
	}
	return head
}

// isHosts reports whether hosts are named at i.
func (r *reader) isHosts(i int) bool {
	return r.la.shapes[i].class == tAtom || slices.ContainsFunc(r.la.matches[i], func(m match) bool { return len(m.n.atoms) > 0 })
}

// asks reports whether the line ends in a question mark.
func (r *reader) asks() bool {
	n := len(r.la.words)
	return n > 0 && r.la.words[n-1].text == "?"
}

func (r *reader) finishClause(b Reading) Reading {
	if b.Status == Ambiguous {
		b.Options = nil
		for _, c := range b.optionPlans {
			if s := r.lx.sentence(c); !slices.Contains(b.Options, s) {
				b.Options = append(b.Options, s)
			}
		}
		if len(b.Options) > 6 {
			b.Options = b.Options[:6]
		}
	}
	return b
}
