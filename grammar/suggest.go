package grammar

import (
	"slices"
	"strings"
)

// Bounds on guessing: it only ever makes suggestions, but it costs time.
const (
	maxRereads     = 12
	maxSuggestions = 3
)

// refuse gives a reading that is not a plan its status, its question or its
// suggestions.
func (r *reader) refuse(out Reading) Reading {
	if r.strict {
		if out.Status == "" {
			out.Status = Unknown
		}
		return out
	}
	if r.overlooked >= 0 && out.Status == Unknown && r.lx.means[r.la.words[r.overlooked].text] {
		return r.askName()
	}
	switch out.Status {
	case NotACommand:
		return out
	case Incomplete:
		if r.gates.hypo && r.gates.lead || r.gates.not || r.gates.said {
			return Reading{Status: NotACommand}
		}
		if out.Question == "" {
			out.Question = r.question(out)
		}
		return out
	case Ambiguous:
		writes := false
		for _, p := range out.optionPlans {
			for _, c := range p {
				writes = writes || r.lx.write(c.Method)
			}
		}
		if writes && (r.gates.hypo && r.gates.lead || r.gates.not || r.gates.said) {
			return Reading{Status: NotACommand}
		}
		if out.Question == "" {
			out.Question = "Which do you mean?"
		}
		return out
	}
	g := r.gates
	if g.lead || g.said || g.takeback || g.ponder || g.told && !r.imperative() {
		return Reading{Status: NotACommand}
	}
	if r.thanks() && !r.holdsWrite() {
		return Reading{Status: NotACommand}
	}
	if g.not && (r.holdsWrite() || r.forbids()) {
		return Reading{Status: NotACommand}
	}
	if r.statement() && !r.imperative() && !r.asks() && len(r.unknownWords()) == 0 {
		return Reading{Status: NotACommand}
	}
	if steps, ok := r.inSteps(); ok {
		return steps
	}
	if vague, ok := r.vagueAll(); ok {
		return vague
	}
	guess, forgiven := r.guess()
	if forgiven != nil {
		return *forgiven
	}
	if r.statement() && !r.imperative() {
		return Reading{Status: NotACommand}
	}
	out.Status = Unknown
	if len(r.hints) > 0 && len(out.Suggestions) == 0 && !r.la.odd && !g.not {
		var hints []string
		for _, h := range r.hints {
			if s := r.lx.sentence(h); !slices.Contains(hints, s) {
				hints = append(hints, s)
			}
		}
		guess = append(hints, guess...)
		guess = guess[:min(len(guess), maxSuggestions)]
	}
	if len(out.Suggestions) == 0 {
		out.Suggestions = guess
	}
	out.Problem = r.problem()
	r.missing(&out)
	if len(out.Suggestions) == 0 {
		if _, ok := r.lx.byName[methodHelp]; ok {
			out.Suggestions = []string{r.lx.sentence([]Command{{Method: methodHelp}})}
		} else {
			out.Question = "Can you say it in other words?"
		}
	}
	return out
}

// vagueAll tells why "restart nginx on all" is no order: all what? It is never
// offered for all hosts.
func (r *reader) vagueAll() (Reading, bool) {
	if !r.holdsWrite() || r.la.odd {
		return Reading{}, false
	}
	for i, w := range r.la.words {
		if w.text != "all" && w.text != "everything" {
			continue
		}
		words := slices.Concat(r.la.words[:i], []word{{text: "all", raw: "all", col: w.col}, {text: "hosts", raw: "hosts", col: w.col}}, r.la.words[i+1:])
		r.stats.Rereads++
		sub := &reader{lx: r.lx, prev: r.prev, now: r.now, strict: true, overlooked: -1, asName: -1}
		plan := sub.read(words, false)
		r.stats.Streams += sub.stats.Streams
		if plan.Status == OK && r.writes(plan.Commands) {
			return Reading{Status: Unknown, Problem: &Problem{Column: w.col, Word: w.raw}, Question: "\"" + w.raw + "\" is too vague for a change. Name the hosts, or say all hosts."}, true
		}
	}
	return Reading{}, false
}

// thanks reports whether the line begins with a thank-you or a greeting.
func (r *reader) thanks() bool {
	return len(r.la.words) > 0 && r.isClass(0, "thanks")
}

// holdsWrite reports whether the line holds the word of a write.
func (r *reader) holdsWrite() bool {
	for i := range r.la.words {
		for _, m := range r.la.matches[i] {
			for _, t := range m.n.terms {
				if t.role == roleHead && t.b == 0 && r.lx.verbs[t.verb].Write && r.lx.verbs[t.verb].Method != methodCancel {
					return true
				}
			}
		}
	}
	return false
}

// forbids reports whether the line begins with "do not" or "never".
func (r *reader) forbids() bool {
	i := r.skipPolite()
	ws := r.la.words
	return i < len(ws) && ws[i].text == "never" || i+1 < len(ws) && ws[i].text == "do" && ws[i+1].text == "not"
}

// imperative reports whether the line begins with the word of a method.
func (r *reader) imperative() bool {
	i := r.skipPolite()
	if i >= len(r.la.words) {
		return false
	}
	for _, m := range r.la.matches[i] {
		for _, t := range m.n.terms {
			if t.role == roleHead && t.forms == formPlain && t.b == 0 {
				return true
			}
		}
	}
	return false
}

// question asks for what an incomplete line lacks.
func (r *reader) question(out Reading) string {
	method := ""
	if len(out.pending) > 0 {
		method = out.pending[0].Method
	}
	if out.missing == "hosts" {
		if !out.empty && len(out.pending) > 0 && len(out.pending[0].Hosts) > 1 {
			return "Which of " + Fold(out.pending[0].Hosts[:min(len(out.pending[0].Hosts), 20)]) + "?"
		}
		if out.empty && len(out.pending) > 0 && !out.pending[0].On.IsZero() {
			return "No host is " + out.pending[0].On.String() + " now. Which hosts?"
		}
		return "On which hosts?"
	}
	if out.missing == "time" {
		return "At what time?"
	}
	if v, ok := r.lx.byName[method]; ok {
		for _, a := range r.lx.verbs[v].Args {
			if a.Name == out.missing {
				if a.Ask != "" {
					return a.Ask
				}
				if a.Kind == KindSeconds {
					return "For how long?"
				}
				return "Which " + strings.ReplaceAll(a.Name, "_", " ") + "?"
			}
		}
	}
	return "What is missing?"
}

// unknownWords are the positions of words that nothing knows.
func (r *reader) unknownWords() []int {
	var out []int
	ws := r.la.words
	for i := 0; i < len(ws); {
		if m := r.la.matches[i]; len(m) > 0 && r.knows(m[0].n) {
			i += m[0].len
			continue
		}
		if !ws[i].quoted && !ws[i].mark {
			switch r.la.shapes[i].class {
			case tIdent, tDomain:
				out = append(out, i)
			}
		}
		i++
	}
	return out
}

// knows reports whether the node means more than a past form.
func (r *reader) knows(n *node) bool {
	if len(n.closed)+len(n.names)+len(n.atoms) > 0 {
		return true
	}
	return slices.ContainsFunc(n.terms, func(t term) bool { return t.forms != formPast })
}

// problem points at the first word that is not understood.
func (r *reader) problem() *Problem {
	at := -1
	if u := r.unknownWords(); len(u) > 0 {
		at = u[0]
	}
	if r.gates.at >= 0 && (at < 0 || r.gates.at < at) {
		at = r.gates.at
	}
	if at < 0 {
		return nil
	}
	w := r.la.words[at]
	p := &Problem{Column: w.col, Word: w.raw}
	if near := r.lx.nearest(w.text, 1); len(near) > 0 && near[0].text != w.text {
		if n := r.lx.root.kids[near[0].text]; len(n.terms)+len(n.names)+len(n.atoms) > 0 {
			p.Nearest = near[0].text // "for" would be no help for "foo"
		}
	}
	return p
}

// guess reads the line again with the nearest known words in place of unknown
// ones, and without the words that nothing needs. What comes out is offered;
// only a misspelt ordinary word of a question is forgiven.
func (r *reader) guess() (offers []string, forgiven *Reading) {
	unknown := r.unknownWords()
	ws := r.la.words
	if len(unknown) > 3 {
		return nil, nil
	}
	var found []Reading
	var meant []near // the replacements of the last reading found
	try := func(words []word) {
		if r.stats.Rereads >= maxRereads || len(words) == 0 {
			return
		}
		r.stats.Rereads++
		sub := &reader{lx: r.lx, prev: r.prev, now: r.now, strict: true, overlooked: -1, asName: -1}
		out := sub.read(words, false)
		r.stats.Streams += sub.stats.Streams
		if out.Status != OK {
			return
		}
		if !slices.ContainsFunc(found, func(f Reading) bool { return f.Canonical == out.Canonical }) {
			found = append(found, out)
		}
	}
	// Spelling: one replacement for each unknown word, combined.
	if len(unknown) > 0 {
		choices := make([][]near, len(unknown))
		possible := true
		for k, i := range unknown {
			choices[k] = r.lx.nearest(ws[i].text, 3)
			if short, _, ok := strings.Cut(ws[i].text, "."); ok && len(choices[k]) == 0 {
				if _, ok := r.lx.hostIdx[short]; ok { // web01.example.net
					choices[k] = []near{{text: short}}
				}
			}
			if len(choices[k]) == 0 {
				possible = false
			}
		}
		if possible {
			chosen := make([]near, len(unknown))
			var walk func(k int, words []word)
			walk = func(k int, words []word) {
				if k == len(unknown) {
					had := len(found)
					if try(words); len(found) > had {
						meant = slices.Clone(chosen)
					}
					return
				}
				for _, c := range choices[k] {
					next := slices.Clone(words)
					next[unknown[k]].text, next[unknown[k]].raw = c.text, c.text
					chosen[k] = c
					walk(k+1, next)
				}
			}
			walk(0, slices.Clone(ws))
		}
		if len(found) == 1 && len(unknown) <= 2 && !r.la.odd && r.slips(unknown, meant) {
			writes := false
			for _, c := range found[0].Commands {
				writes = writes || r.lx.write(c.Method)
			}
			if !writes {
				return nil, &found[0]
			}
		}
	}
	// "no, on web02": the line before, changed.
	if i := r.correction(); len(found) == 0 && i > 0 && len(r.prev) > 0 {
		try(slices.Clone(ws[i:]))
	}
	// Something else with the same things: what they are is known.
	if len(found) == 0 && len(unknown) == 1 && unknown[0] <= 1 && len(ws) > 2 && r.namesUnit() {
		for _, v := range []string{"restart", "status of"} {
			next := append([]word{}, ws[:unknown[0]]...)
			for _, w := range strings.Fields(v) {
				next = append(next, word{text: w, raw: w})
			}
			try(append(next, ws[unknown[0]+1:]...))
		}
	}
	// Without the words that are not understood, or from a condition on.
	if len(found) == 0 {
		if g := r.gates; g.at > 0 && !g.lead {
			try(slices.Clone(ws[:g.at]))
		}
		if len(unknown) > 0 && len(unknown) < len(ws) && !slices.ContainsFunc(unknown, r.named) {
			keep := slices.Clone(ws)
			for k := len(unknown) - 1; k >= 0; k-- {
				keep = slices.Delete(keep, unknown[k], unknown[k]+1)
			}
			try(keep)
			try(slices.Clone(ws[:unknown[0]]))
		}
	}
	// As much of the beginning as is an order.
	if len(found) == 0 && r.imperative() {
		for k := len(ws) - 1; k >= 2 && len(found) == 0 && !r.thing(k); k-- {
			if (!r.narrows(k) || k == len(ws)-1) && !r.named(k) {
				try(slices.Clone(ws[:k]))
			}
		}
	}
	// Without one word at a time.
	if len(found) == 0 && len(unknown) == 0 && len(ws) <= 12 {
		for i := range ws {
			if ws[i].mark && ws[i].text != "?" || r.isHead(i) || r.named(i) || r.narrows(i) || r.thing(i) || r.isClass(i, "prep") {
				continue
			}
			try(slices.Delete(slices.Clone(ws), i, i+1))
		}
	}
	for _, f := range found {
		if len(offers) < maxSuggestions {
			offers = append(offers, f.Canonical)
		}
	}
	return offers, nil
}

// correction is where a line goes on that begins by taking something back, or 0.
func (r *reader) correction() int {
	i := 0
	for i < len(r.la.words) {
		n := 0
		if w := r.la.words[i]; w.mark {
			n = 1
		}
		for _, m := range r.la.matches[i] {
			if slices.ContainsFunc(m.n.closed, func(c closed) bool { return c.class == "no" || c.class == "takeback" || c.class == "polite" }) {
				n = max(n, m.len)
			}
		}
		if n == 0 {
			return i
		}
		i += n
	}
	return 0
}

// slips reports whether all unknown words are slips of ordinary ones.
func (r *reader) slips(unknown []int, meant []near) bool {
	for k, i := range unknown {
		if !meant[k].ordinary || !slip(r.la.words[i].text, meant[k]) || k > 0 && r.la.words[i].text == r.la.words[unknown[0]].text {
			return false
		}
	}
	return true
}

// slip reports whether a word is a slip of the fingers rather than another
// word: it begins like the known one, or with its first two letters swapped.
func slip(s string, known near) bool {
	t := known.text
	return known.dist == 1 && len(s) >= 4 && (t[0] == s[0] || t[0] == s[1] && t[1] == s[0])
}

// named reports whether a word stands where something is named: behind a
// preposition, a conjunction or the verb of a write. A suggestion without it
// would be about something else, or about more.
func (r *reader) named(i int) bool {
	for k := i - 1; k >= 0; k-- {
		if r.isClass(k, "det") {
			continue
		}
		return r.isClass(k, "prep") || r.isClass(k, "conj") || r.isHead(k)
	}
	return false
}

// narrows reports whether the words from i on restrict what stands before.
func (r *reader) narrows(i int) bool {
	for _, class := range []string{"rel", "except", "but", "cmp", "only", "not", "conj"} {
		if r.isClass(i, class) {
			return true
		}
	}
	return r.la.words[i].text == "with" || r.la.words[i].text == "in" || r.la.words[i].text == "where"
}

// thing reports whether a word is a name, hosts or a number.
func (r *reader) thing(i int) bool {
	for _, m := range r.la.matches[i] {
		if len(m.n.names)+len(m.n.atoms) > 0 {
			return true
		}
	}
	switch r.la.shapes[i].class {
	case tIdent, tMark:
		return false
	}
	return true
}

// namesUnit reports whether the line names a service.
func (r *reader) namesUnit() bool {
	for i := range r.la.words {
		for _, m := range r.la.matches[i] {
			if slices.ContainsFunc(m.n.names, func(n nameSense) bool { return n.kind == KindUnit }) {
				return true
			}
		}
	}
	return false
}

// isHead reports whether a word begins the phrase of a write: without it a
// line would mean something else.
func (r *reader) isHead(i int) bool {
	for _, m := range r.la.matches[i] {
		for _, t := range m.n.terms {
			if t.role == roleHead && t.forms == formPlain && t.b == 0 && r.lx.verbs[t.verb].Write {
				return true
			}
		}
	}
	return false
}

// A near is a known word close to an unknown one.
type near struct {
	text     string
	dist     int
	ordinary bool // a word of English or of a read, not a name and not a write
}

// nearest finds known words within a spelling mistake or two.
func (lx *Lexicon) nearest(s string, n int) []near {
	if len(s) < 3 || len(s) > 40 {
		return nil
	}
	limit := 2
	if len(s) <= 4 {
		limit = 1
	}
	var out []near
	var row distances
	for w, k := range lx.root.kids {
		if len(w) < 2 || len(w)-len(s) > limit || len(s)-len(w) > limit {
			continue
		}
		d := row.distance(s, w, limit)
		if d > limit || strings.ContainsAny(s, "0123456789") != strings.ContainsAny(w, "0123456789") {
			continue
		}
		if !lx.speaks(k, 0) {
			continue
		}
		out = append(out, near{w, d, lx.ordinary(k)})
	}
	slices.SortFunc(out, func(a, b near) int {
		if a.dist != b.dist {
			return a.dist - b.dist
		}
		// The same first letter is likelier, then the alphabet decides.
		if fa, fb := a.text[0] == s[0], b.text[0] == s[0]; fa != fb {
			if fa {
				return -1
			}
			return 1
		}
		return strings.Compare(a.text, b.text)
	})
	if len(out) > n {
		out = out[:n]
	}
	if len(out) > 0 && out[0].dist == 1 { // one mistake is likelier than two
		out = slices.DeleteFunc(out, func(x near) bool { return x.dist > 1 })
	}
	return out
}

// speaks reports whether a word begins anything but past forms.
func (lx *Lexicon) speaks(k *node, depth int) bool {
	if len(k.closed)+len(k.names)+len(k.atoms) > 0 {
		return true
	}
	for _, t := range k.terms {
		if t.forms == formPlain || t.forms == formPlural {
			return true
		}
	}
	if depth < 2 {
		for _, c := range k.kids {
			if lx.speaks(c, depth+1) {
				return true
			}
		}
	}
	return false
}

// ordinary reports whether a word is no name and belongs to no write.
func (lx *Lexicon) ordinary(k *node) bool {
	if len(k.names)+len(k.atoms) > 0 {
		return false
	}
	for _, t := range k.terms {
		if lx.verbs[t.verb].Write {
			return false
		}
	}
	return true
}

// distances computes edit distances with neighbour swaps, reusing its rows.
type distances struct{ a, b, c [64]int }

func (d *distances) distance(s, t string, limit int) int {
	if len(s) >= 60 || len(t) >= 60 {
		return limit + 1
	}
	prev2, prev, cur := &d.a, &d.b, &d.c
	for j := 0; j <= len(t); j++ {
		prev[j] = j
	}
	for i := 1; i <= len(s); i++ {
		cur[0] = i
		least := i
		for j := 1; j <= len(t); j++ {
			cost := 1
			if s[i-1] == t[j-1] {
				cost = 0
			}
			v := min(prev[j]+1, cur[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && s[i-1] == t[j-2] && s[i-2] == t[j-1] {
				v = min(v, prev2[j-2]+1)
			}
			cur[j] = v
			least = min(least, v)
		}
		if least > limit {
			return limit + 1
		}
		prev2, prev, cur = prev, cur, prev2
	}
	return prev[len(t)]
}
