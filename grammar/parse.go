package grammar

import (
	"encoding/json"
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
	// strict readers only read: they neither guess nor suggest.
	strict bool
	stats  Stats
	hints  [][]Command      // plans near to what was said
	trace  *strings.Builder // for Explain
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
	words := scan(k)
	if len(words) > maxWords {
		return Reading{Status: Unknown, Question: "That is too much for one line. Can you say it in fewer words?"}, Stats{Words: len(words), Refused: true}
	}
	r := &reader{lx: lx, prev: prev, now: now}
	out := r.read(words, k.odd)
	r.stats.Words = len(words)
	return out, r.stats
}

// read is the whole pipeline after the normaliser.
func (r *reader) read(words []word, odd bool) Reading {
	r.la = r.lx.lattice(words, odd)
	if out, ok := r.conversation(); ok {
		return out
	}
	r.gates = r.gate()
	clauses := r.clauses()
	fr := r.frame()
	var result Reading
	var plans []Command
	for i, c := range clauses {
		f := fr
		f.dry = f.dry || r.dryClause(c)
		out := r.clause(c[0], c[1], f, len(clauses) == 1)
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
		_ = i
	}
	if len(plans) == 0 {
		return r.refuse(Reading{Status: NotACommand})
	}
	result = Reading{Status: OK, Commands: plans, Canonical: r.lx.sentence(plans)}
	return r.guard(result)
}

// guard applies what the gates of the line say to a complete plan.
func (r *reader) guard(out Reading) Reading {
	writes := false
	for _, c := range out.Commands {
		// Calling something off is always safe.
		writes = writes || r.lx.write(c.Method) && !c.DryRun && c.Method != methodCancel
	}
	if !writes {
		return out
	}
	if c := out.Commands[0]; c.Method == methodConfirm && c.Args["id"] == nil && !r.planned() {
		return Reading{Status: Incomplete, Question: "Nothing is waiting for a yes. What shall I do?", pending: out.Commands, missing: "id"}
	}
	g := r.gates
	switch {
	case r.la.odd:
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

// clauses cuts the line where one order ends: at ";", "then" and full stops.
func (r *reader) clauses() [][2]int {
	var out [][2]int
	from := 0
	ws := r.la.words
	cut := func(to, next int) {
		f, t := from, to
		for f < t && ws[f].mark && strings.Contains(",;.!", ws[f].text) {
			f++
		}
		for t > f && ws[t-1].mark && strings.Contains(",;.", ws[t-1].text) {
			t--
		}
		if t > f && !r.polite(f, t) {
			out = append(out, [2]int{f, t})
		}
		from = next
	}
	for i := 0; i < len(ws); {
		n := 0
		for _, m := range r.la.matches[i] {
			if slices.ContainsFunc(m.n.closed, func(c closed) bool { return c.class == "then" }) && (i > from || ws[i].text != "next") {
				n = m.len
				break
			}
		}
		switch {
		case n > 0 && ws[i].text != "next":
			cut(i, i+n)
			i += n
		case ws[i].mark && (ws[i].text == ";" || strings.Contains(".!?", ws[i].text) && i+1 < len(ws)):
			if ws[i].text == "?" {
				cut(i+1, i+1)
			} else {
				cut(i, i+1)
			}
			i++
		default:
			i++
		}
	}
	// "... and then": what? A line that breaks off is no order.
	r.gates.dangling = from >= len(ws) && from > 0 && len(ws) > 0 && !ws[len(ws)-1].mark
	cut(len(ws), len(ws))
	return out
}

// polite reports whether the words say nothing but courtesy.
func (r *reader) polite(from, to int) bool {
	return r.only(from, to, "polite")
}

// only reports whether the words are all of the classes (or marks).
func (r *reader) only(from, to int, classes ...string) bool {
	if from >= to {
		return true
	}
	if r.la.words[from].mark && !strings.Contains("=<>", r.la.words[from].text) && r.only(from+1, to, classes...) {
		return true
	}
	for _, m := range r.la.matches[from] {
		if from+m.len > to {
			continue
		}
		for _, c := range m.n.closed {
			if slices.Contains(classes, c.class) && r.only(from+m.len, to, classes...) {
				return true
			}
		}
	}
	return false
}

// frame gathers what the conversation offers to a new line.
func (r *reader) frame() frame {
	fr := frame{now: r.now, objects: map[Kind]any{}, odd: r.la.odd}
	for i := range r.prev {
		p := &r.prev[i]
		cmds := p.Commands
		if p.Status != OK {
			cmds = p.pending
		}
		fr.remember(r.lx, cmds)
	}
	return fr
}

// remember takes over what commands named.
func (fr *frame) remember(lx *Lexicon, cmds []Command) {
	if fr.objects == nil {
		fr.objects = map[Kind]any{}
	}
	for i := range cmds {
		c := &cmds[i]
		v, ok := lx.byName[c.Method]
		if !ok || c.Method == methodConfirm || c.Method == methodCancel {
			continue
		}
		fr.last = c
		for _, a := range lx.verbs[v].Args {
			if val, ok := c.Args[a.Name]; ok {
				switch val.(type) {
				case string, []string:
					fr.objects[a.Kind] = val
				}
			}
		}
		if c.asked {
			fr.hosts = c.On
		} else if lx.verbs[v].Hosts && (len(c.Where) > 0 || c.Limit > 0) {
			fr.hosts = c.On
		}
		if lx.verbs[v].Hosts {
			fr.unclear = len(c.Where) > 0 || c.Limit > 0
		}
	}
}

// Methods that the conversation itself knows.
const (
	methodConfirm = "bot.confirm"
	methodCancel  = "bot.cancel"
	methodRepeat  = "bot.repeat"
	methodHelp    = "bot.help"
)

// clause reads words [from, to) as one order or question.
func (r *reader) clause(from, to int, fr frame, alone bool) Reading {
	f, t := r.trim(from, to)
	follows := f > from && r.marked(from)
	fr.lean = follows
	outs := r.outcomes(from, to, fr, false)
	best := choose(outs)
	if (best.Status == OK || best.Status == Ambiguous) && !(r.fragment(from, best, fr)) {
		return r.finishClause(best)
	}
	if fr.last != nil && f < t && !r.said(f, t) {
		ef := fr
		ef.edit = true
		edits := r.edits(f, t, ef)
		out := choose(edits)
		switch {
		case best.Status == OK || best.Status == Ambiguous:
			// "errors only" could be a question of its own; behind a question
			// of the same sort it narrows that.
			if out.Status == OK && slices.ContainsFunc(edits, func(o *outcome) bool { return o.changed && len(o.loose) == 0 }) {
				return r.finishClause(out)
			}
			return r.finishClause(best)
		case out.Status == OK || out.Status == Ambiguous || out.Status == Incomplete && best.Status == Unknown:
			return r.finishClause(out)
		}
	}
	if (best.Status == Unknown || best.Status == Incomplete) && !(follows && fr.last != nil && r.lx.write(fr.last.Method)) && (!r.statement() || r.asks()) {
		if out := choose(r.outcomes(from, to, fr, true)); out.Status != Unknown && (best.Status == Unknown || out.Status == OK) {
			return r.finishClause(out)
		}
	}
	if out, ok := r.halves(from, to, fr); ok {
		return out
	}
	return r.finishClause(best)
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
	return ok && r.lx.verbs[v].Hosts
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

// halves reads "A and B" as two orders when both halves are.
func (r *reader) halves(from, to int, fr frame) (Reading, bool) {
	tries := 0
	for i := from + 1; i < to-1 && tries < 4; i++ {
		w := r.la.words[i]
		if w.text != "and" && w.text != "," && w.text != "&" || w.quoted {
			continue
		}
		tries++
		right := i + 1
		if w.text == "," && r.la.words[right].text == "and" {
			right++
		}
		a := choose(r.outcomes(from, i, fr, false))
		if a.Status == Unknown {
			continue
		}
		// The second half may lean on the first, the first on the second.
		lf := fr
		lend := &Command{}
		if a.Status == OK {
			lf.remember(r.lx, a.Commands)
			lend = &a.Commands[len(a.Commands)-1]
		} else if len(a.pending) > 0 {
			lend = &a.pending[0]
			lf.remember(r.lx, a.pending)
		}
		lf.lend = lend
		b := r.clauseHalf(right, to, lf)
		if b.Status != OK {
			continue
		}
		if a.Status != OK || !a.Commands[len(a.Commands)-1].asked && b.Commands[0].asked {
			bf := fr
			bf.remember(r.lx, b.Commands)
			bf.lend = &b.Commands[0]
			a = choose(r.outcomes(from, i, bf, false))
			if a.Status != OK {
				continue
			}
		}
		return Reading{Status: OK, Commands: append(slices.Clone(a.Commands), b.Commands...)}, true
	}
	return Reading{}, false
}

// clauseHalf reads the second half, which may itself be two.
func (r *reader) clauseHalf(from, to int, fr frame) Reading {
	for from < to && r.la.words[from].text == "also" {
		from++
	}
	out := choose(r.outcomes(from, to, fr, false))
	if out.Status == Unknown || out.Status == Incomplete {
		if two, ok := r.halves(from, to, fr); ok {
			return two
		}
	}
	return out
}

// edits reads words as a change of the last command.
func (r *reader) edits(from, to int, fr frame) []*outcome {
	v, ok := r.lx.byName[fr.last.Method]
	if !ok {
		return nil
	}
	fr.dry = fr.last.DryRun
	return r.verb(v, from, to, fr)
}

// outcomes binds the words by every verb that might explain them. bare tries
// the verbs that a name alone is enough for.
func (r *reader) outcomes(from, to int, fr frame, bare bool) []*outcome {
	var outs []*outcome
	tried := map[int]bool{}
	try := func(v int) {
		if tried[v] {
			return
		}
		tried[v] = true
		if r.lx.coverable(r.la, v, from, to, fr.dry) {
			outs = append(outs, r.verb(v, from, to, fr)...)
		}
	}
	if bare {
		for v := range r.lx.verbs {
			if slices.ContainsFunc(r.lx.verbs[v].phrases, func(p phrase) bool { return len(p.pieces) == 0 }) {
				try(v)
			}
		}
		return outs
	}
	for i := from; i < to; i++ {
		for _, m := range r.la.matches[i] {
			if i+m.len > to {
				continue
			}
			for _, t := range m.n.terms {
				if t.forms == formPast || t.forms == formIng && !fr.dry {
					continue
				}
				if r.lx.verbs[t.verb].Write && t.role != roleHead {
					continue
				}
				try(int(t.verb))
			}
		}
	}
	return outs
}

// verb binds the words by one verb in all streams.
func (r *reader) verb(v, from, to int, fr frame) []*outcome {
	r.stats.Verbs++
	var outs []*outcome
	streams, _ := r.lx.streams(r.la, v, fr.dry, from, to)
	for _, s := range streams {
		if r.stats.Streams >= maxStreamsLine {
			r.stats.Refused = true
			return outs
		}
		r.stats.Streams++
		r.stats.Tokens += len(s)
		cl, err := r.lx.parse(s)
		if err != nil {
			r.traceStream(v, s, nil, err, fr.edit)
			continue
		}
		r.stats.Bindings++
		o := r.lx.bind(v, s, cl, &fr)
		if o != nil {
			outs = append(outs, o)
			if len(o.hints) > 0 && len(o.loose) == 1 && !fr.odd {
				r.hints = append(r.hints, o.hints)
			}
		}
		r.traceStream(v, s, o, nil, fr.edit)
	}
	return outs
}

// coverable reports whether the verb has a use for every word: the cheap
// test that keeps most verbs from being tried.
func (lx *Lexicon) coverable(la *lattice, v int, from, to int, ing bool) bool {
	vb := &lx.verbs[v]
	openKinds := vb.open >= 0
	if openKinds && vb.Args[vb.open].Kind == KindTopic {
		return true // takes whatever follows
	}
	for i := from; i < to; {
		best := 0
		for _, m := range la.matches[i] {
			if i+m.len > to {
				continue
			}
			ok := false
			for _, c := range m.n.closed {
				if classOf(c.class) != 0 && !(vb.Write && !ing && c.class == "ask") {
					ok = true
					break
				}
			}
			if ok = ok || lx.hasTerm(m.n, v, ing); !ok {
				for _, s := range m.n.names {
					if vb.kinds[s.kind] || s.kind == KindUnit && vb.Hosts {
						ok = true
						break
					}
				}
				ok = ok || len(m.n.atoms) > 0 && (vb.Hosts || vb.kinds[KindHosts])
			}
			if ok {
				best = m.len
				break
			}
		}
		if best == 0 {
			switch la.shapes[i].class {
			case tIdent, tDomain:
				if _, _, ok := lx.formal(vb, la.words[i].raw); ok {
					best = 1
					break
				}
				if !(openKinds && len(la.matches[i]) == 0) && !lx.introduces(la, v, i, from) {
					return false
				}
			case tAtom:
				if !vb.Hosts && !vb.kinds[KindHosts] {
					return false
				}
			case tPath:
				if !vb.kinds[KindPath] {
					return false
				}
			case tAddr:
				if !vb.kinds[KindEndpoint] {
					return false
				}
			}
			best = 1
		}
		i += best
	}
	return true
}

// introduces reports whether a word before position i asks for any word next:
// an argument's, a comparison, or one of a free text before it.
func (lx *Lexicon) introduces(la *lattice, v, i, from int) bool {
	for j := i - 1; j >= from; j-- {
		for k := max(from, j-maxPhraseLength+1); k <= j; k++ {
			for _, m := range la.matches[k] {
				if k+m.len != j+1 {
					continue
				}
				for _, t := range m.n.terms {
					if int(t.verb) == v && t.role == roleArg && (j >= i-3 || lx.verbs[v].Args[t.a].Kind == KindText) {
						return true
					}
				}
				for _, c := range m.n.closed {
					if c.class == "cmp" && len(lx.verbs[v].Fields) > 0 && j == i-1 {
						return true
					}
				}
			}
		}
	}
	return false
}

// hasTerm is termsOf without the list.
func (lx *Lexicon) hasTerm(n *node, v int, ing bool) bool {
	for _, t := range n.terms {
		if int(t.verb) == v && t.forms != formPast && (t.forms != formIng || ing) {
			return true
		}
	}
	return false
}

// optionPlans and pending travel inside Reading until the clause is done.
type choice = Reading

// choose compares outcomes as plans: one runs, several ask.
func choose(outs []*outcome) choice {
	var full, part []*outcome
	for _, o := range outs {
		switch {
		case len(o.loose) > 0 || len(o.commands) == 0:
		case len(o.missing) > 0:
			part = append(part, o)
		default:
			full = append(full, o)
		}
	}
	better := func(a, b *outcome) int {
		if a.soft != b.soft {
			return a.soft - b.soft
		}
		return b.heads - a.heads
	}
	if len(full) > 0 {
		slices.SortStableFunc(full, better)
		var plans [][]Command
		seen := map[string]bool{}
		for _, o := range full {
			if better(o, full[0]) != 0 {
				break
			}
			sets := [][]Command{o.commands}
			if len(o.alts) > 0 {
				sets = o.alts
			}
			for _, s := range sets {
				if len(full) == 1 && len(sets) == 1 {
					plans = append(plans, s)
				} else if k := planKey(s); !seen[k] {
					seen[k] = true
					plans = append(plans, s)
				}
			}
		}
		if len(plans) == 1 {
			return Reading{Status: OK, Commands: plans[0]}
		}
		return Reading{Status: Ambiguous, optionPlans: plans}
	}
	if len(part) > 0 {
		slices.SortStableFunc(part, better)
		o := part[0]
		return Reading{Status: Incomplete, pending: o.commands, missing: o.missing[0], empty: o.empty}
	}
	return Reading{Status: Unknown}
}

// planKey is equal for equal plans.
func planKey(cmds []Command) string {
	var b strings.Builder
	for _, c := range cmds {
		b.WriteString(c.Method)
		b.WriteByte(0)
		for _, h := range c.Hosts {
			b.WriteString(h)
			b.WriteByte(1)
		}
		c.Hosts = nil
		rest, err := json.Marshal(c)
		if err != nil {
			return err.Error()
		}
		b.Write(rest)
	}
	return b.String()
}
