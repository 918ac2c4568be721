package grammar

import "slices"

// otherwise says "no, the memory", "I meant memory" and "memory instead" behind a
// question as what is asked instead.
func (r *reader) otherwise(words []word) []word {
	last := r.lastPlan()
	if last == nil || r.writes(last.Commands) {
		return words
	}
	rest := words
	for _, lead := range [][]string{{"no", ","}, {"sorry"}, {","}, {"i", "meant"}, {"i", "mean"}, {"rather"}} {
		if n := len(lead); len(rest) > n && rest[0].text == lead[0] && rest[n-1].text == lead[n-1] && !rest[0].quoted {
			rest = rest[n:]
		}
	}
	end := len(rest)
	for end > 0 && rest[end-1].mark {
		end--
	}
	if end > 1 && rest[end-1].text == "instead" {
		rest = slices.Concat(rest[:end-1], rest[end:])
	}
	if len(rest) == len(words) || !slices.ContainsFunc(rest, func(w word) bool { return r.lx.root.kids[w.text].asks(r.lx) }) {
		return words
	}
	r.leans = true
	return rest
}

// asks reports whether a word by itself asks for something, and orders nothing.
func (n *node) asks(lx *Lexicon) bool {
	if n == nil {
		return false
	}
	head := false
	for _, t := range n.terms {
		if lx.verbs[t.verb].Write {
			return false
		}
		head = head || t.role == roleHead && t.b == 0
	}
	return head
}
