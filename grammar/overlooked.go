package grammar

import "slices"

// A word may hold sentences together and also name hosts: a site called "in",
// a group called "all". As long as its place in the sentence explains it, it is
// the ordinary word; where a name would stand it must not be passed over, or
// what is said of one host would be said of all. Then the line is asked about.

// hostWords marks the words of a line that name hosts.
func hostWords(words []word, matches [][]match) []bool {
	var out []bool
	for i := range words {
		for _, m := range matches[i] {
			if m.len == 1 && slices.ContainsFunc(m.n.atoms, atomSense.names) {
				if out == nil {
					out = make([]bool, len(words))
				}
				out[i] = true
			}
		}
	}
	return out
}

// names reports whether the sense is a name that somebody gave: of a host, a
// group, or what a fact says.
func (a atomSense) names() bool {
	switch a.rank {
	case rankName, rankGroup, rankRole, rankFact:
		return true
	}
	return false
}

// overlooked is the first word that stands where hosts are named, names some,
// and was read as something else; or -1.
func (b *binding) overlooked() int {
	la := b.la
	if la.hosts == nil {
		return -1
	}
	for k := range b.toks {
		t := &b.toks[k]
		for i := t.from; i < t.to; i++ {
			switch {
			case !la.hosts[i] || t.isHosts(la, i) || t.class == tQuoted || t.class == tAddr:
			case la.ordinary(i, t):
				if la.is(i, "allhosts") || la.namePlace(i, b.tied[k], !b.asked, b.vb.Write) {
					return i
				}
			case i > 0 && la.given(i, b.asked && i > t.from) && (b.vb.Write || !b.asked || la.lists(i-1)) && !b.timed[k] && la.namePlace(i, b.tied[k], !b.asked, b.vb.Write):
				return i // a word of the verb
			}
		}
	}
	return -1
}

// isHosts reports whether the token was read as a name that the word at i is.
func (t *token) isHosts(la *lattice, i int) bool {
	if t.class == tName {
		return slices.ContainsFunc(t.names, func(s nameSense) bool { return s.kind != KindPath })
	}
	if t.class != tAtom || len(t.closed) > 0 {
		return false
	}
	if t.to-t.from == 1 {
		return true
	}
	for _, a := range la.single(i).atoms {
		if a.names() && slices.ContainsFunc(t.atoms, func(b atomSense) bool { return slices.Equal(a.set, b.set) }) {
			return true // the edge group
		}
	}
	return false
}

// ordinary reports whether the word at i was read as a word of English that
// keeps it from being a name.
func (la *lattice) ordinary(i int, t *token) bool {
	closed := la.single(i).closed
	return t.class != tTerm && (t.to-t.from > 1 || !giveWay(closed)) && (len(closed) > 0 || t.to-t.from > 1 && (i > t.from || len(t.closed) > 0))
}

// given reports whether somebody gave the name at i to hosts or a group, or,
// where it is not within a phrase, to a fact. Roles do not count: a word like
// backup and mail is said for other things as well.
func (la *lattice) given(i int, within bool) bool {
	return slices.ContainsFunc(la.single(i).atoms, func(a atomSense) bool {
		return a.rank == rankName || a.rank == rankGroup || a.rank == rankFact && !within
	})
}

// single is what the word at i is by itself; there is one where hosts are named.
func (la *lattice) single(i int) *node {
	m := la.matches[i]
	return m[len(m)-1].n
}

// namePlace reports whether hosts would be named at i. tied is set when the
// word has its place in a phrase (on web01, in 5 minutes), wide when otherwise
// no hosts are named at all.
func (la *lattice) namePlace(i int, tied, wide, write bool) bool {
	k := i - 1
	for k >= 0 && la.is(k, "det") {
		k--
	}
	ends := la.endsAt(i + 1)
	noun := i+1 < len(la.words) && la.is(i+1, "noun")
	every := la.is(i, "all") || la.is(i, "det") || la.is(i, "only")
	if every && i+1 < len(la.words) && la.words[i+1].text == "of" {
		ends = false
	}
	switch {
	case noun && every && k == i-1: // all hosts, the hosts
		return false
	case noun && la.is(i, "prep"): // at hosts: those of a site, or where?
		return k < 0 || k != i-1 || la.is(k, "ask") || la.is(k, "prep") || la.is(k, "conj")
	case noun && !tied:
		return true
	case k < 0:
		return !tied && (ends || la.is(i, "prep")) || wide && ends
	case la.is(k, "prep"), la.is(k, "except"), la.is(k, "not"), la.is(k, "rel"), la.lists(k):
		return !tied || ends
	case la.atoms(k):
		return !tied && (write && (ends || !la.is(i, "prep")) || ends && !la.is(i, "polite"))
	}
	return ends && (!tied || wide) && !la.is(k, "ask") && la.termAt(k)
}

// place is the first word right behind "in" that is a place here and otherwise
// only a preposition or a denial, neither of which can stand there: in at, in no;
// or -1. What counts or measures goes on: in at most 5 minutes.
func (la *lattice) place() int {
	for i := 1; la.hosts != nil && i < len(la.words); i++ {
		if !la.hosts[i] || la.words[i-1].text != "in" || la.words[i-1].quoted || !la.given(i, false) || !la.is(i, "prep") && !la.is(i, "not") || la.is(i, "pron") {
			continue
		}
		if i+1 == len(la.words) || la.words[i+1].mark || la.shapes[i+1].class == tIdent && !la.is(i+1, "super") && !la.is(i+1, "num") && !la.is(i+1, "det") && !la.is(i+1, "noun") && !la.is(i+1, "half") {
			return i
		}
	}
	return -1
}

// lists reports whether the word at k stands between the members of a list.
func (la *lattice) lists(k int) bool {
	return k >= 0 && (la.is(k, "conj") || la.words[k].mark && la.words[k].text == ",")
}

// endsAt reports whether a list of hosts may end before i.
func (la *lattice) endsAt(i int) bool {
	if i >= len(la.words) || la.words[i].mark {
		return true
	}
	for _, class := range []string{"conj", "except", "noun", "polite", "then", "ask", "rel", "cmp", "prep"} {
		if la.is(i, class) {
			return true
		}
	}
	return false
}

func (la *lattice) is(i int, class string) bool {
	return slices.ContainsFunc(la.matches[i], func(m match) bool { return m.len == 1 && m.n.is(class) })
}

// atoms reports whether the word at i names hosts.
func (la *lattice) atoms(i int) bool {
	return la.shapes[i].class == tAtom || slices.ContainsFunc(la.matches[i], func(m match) bool { return m.len == 1 && len(m.n.atoms) > 0 })
}

// termAt reports whether the word at i ends a phrase of some verb.
func (la *lattice) termAt(i int) bool {
	for j := max(0, i-maxPhraseLength+1); j <= i; j++ {
		if slices.ContainsFunc(la.matches[j], func(m match) bool { return j+m.len == i+1 && len(m.n.terms) > 0 }) {
			return true
		}
	}
	return false
}

// namesToo reports whether the word at i names hosts and means something else
// as well: behind a comma it is rather one more host.
func (r *reader) namesToo(i int) bool {
	if r.la.hosts == nil || i >= len(r.la.hosts) || !r.la.hosts[i] || !r.la.given(i, false) {
		return false
	}
	n := r.la.single(i)
	return len(n.closed)+len(n.terms) > 0
}

// cutOff reports whether a word between two clauses stands where a host would:
// "disk on then".
func (r *reader) cutOff(clauses [][2]int) bool {
	if r.la.hosts == nil {
		return false
	}
	at := 0
	for _, c := range append(slices.Clone(clauses), [2]int{len(r.la.words), 0}) {
		for ; at < c[0]; at++ {
			if r.la.hosts[at] && r.la.namePlace(at, false, true, true) {
				r.overlooked = at
				return true
			}
		}
		at = c[1]
	}
	return false
}

// askName asks about a word that was overlooked, and offers the sentence in
// which it is the hosts that it names.
func (r *reader) askName() Reading {
	w := r.la.words[r.overlooked]
	out := Reading{Status: Unknown, Problem: &Problem{Column: w.col, Word: w.raw}}
	g := r.gates
	if g.lead || g.said || g.takeback || g.not {
		return Reading{Status: NotACommand}
	}
	r.stats.Rereads++
	sub := &reader{lx: r.lx, prev: r.prev, now: r.now, strict: true, overlooked: -1, asName: r.overlooked}
	got := sub.read(r.la.words, r.la.odd)
	r.stats.Streams += sub.stats.Streams
	switch got.Status {
	case OK:
		out.Suggestions = []string{got.Canonical}
	case Ambiguous:
		out.Suggestions = got.Options[:min(len(got.Options), maxSuggestions)]
	}
	out.Question = "Is \"" + w.raw + "\" a name here? Then say it so: " + r.formal(r.overlooked)
	return out
}

// formal is how the hosts that a word names are written so that they are no
// ordinary word.
func (r *reader) formal(i int) string {
	var out string
	rank := rankStem
	for _, a := range r.lx.root.kids[r.la.words[i].text].atoms {
		if a.rank < rank {
			rank, out = a.rank, Selector{r.lx.spelt(a.sel)}.String()
		}
	}
	return out
}
