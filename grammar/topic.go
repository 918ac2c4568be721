package grammar

import "slices"

// topic reads a line that first names what it is about and then says what to do
// with it: "the service cups on web01, please stop it", "alert 903 is fixed,
// resolve it". What comes first is no order and no question by itself, and what
// follows must refer to it.
func (r *reader) topic(from, to int, fr frame) (Reading, bool) {
	end := from + 1
	for end < to && !(r.la.words[end].mark && r.la.words[end].text == ",") {
		end++
	}
	next := end + 1
	if next >= to || !r.refers(next, to) || r.isClass(from, "ask") {
		return Reading{}, false
	}
	if n := end - from; n > 2 && r.isClass(end-1, "settled") && slices.Contains([]string{"is", "'s", "are"}, r.la.words[end-2].text) {
		end -= 2
	} else if !r.isClass(from, "det") && !r.onlyNames(from, end) {
		return Reading{}, false
	}
	about := choose(r.outcomes(from, end, fr, false))
	if about.Status != OK {
		about = choose(r.outcomes(from, end, fr, true))
	}
	if about.Status != OK || len(about.Commands) != 1 || r.writes(about.Commands) {
		return Reading{}, false
	}
	fr.remember(r.lx, about.Commands)
	out := choose(r.outcomes(next, to, fr, false))
	return out, out.Status == OK
}

// refers reports whether a pronoun stands in the words.
func (r *reader) refers(from, to int) bool {
	for i := from; i < to; i++ {
		if r.isClass(i, "pron") {
			return true
		}
	}
	return false
}

// onlyNames reports whether the words are names, numbers and what holds them
// together: nothing that asks or orders.
func (r *reader) onlyNames(from, to int) bool {
	for i := from; i < to; i++ {
		w := r.la.words[i]
		if w.mark || w.quoted {
			return false
		}
		named := r.isHosts(i) || r.la.shapes[i].class != tIdent
		for _, m := range r.la.matches[i] {
			named = named || len(m.n.names) > 0
			for _, c := range m.n.closed {
				named = named || c.class == "prep" || c.class == "det" || c.class == "conj"
			}
			for _, t := range m.n.terms {
				named = named || t.role == roleArg || t.role == roleHead && len(r.lx.verbs[t.verb].phrases[t.a].needs) > 0
			}
		}
		if !named && len(r.la.matches[i]) > 0 {
			return false
		}
	}
	return true
}
