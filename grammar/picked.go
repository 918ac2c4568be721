package grammar

import "slices"

// pickers are the words that pick some of what the line before was about.
var pickers = []string{"which", "what", "any", "anything", "of", "them", "those", "these", "the", "ones", "one", "are", "is", "have", "has", "still", "now", "that"}

// picked reads "which of them failed?" behind "services on web01": words that pick
// some, and then a value that the question before could have been asked with.
// Such a line is about the same things, also where the value means more elsewhere
// (a failed backup).
func (r *reader) picked(from, to int, fr frame) (choice, bool) {
	if fr.last == nil || r.lx.write(fr.last.Method) {
		return choice{}, false
	}
	last := r.lx.byName[fr.last.Method]
	at := from
	for at < to && slices.Contains(pickers, r.la.words[at].text) {
		at++
	}
	if at == from || !r.valuesOf(last, at, to) {
		return choice{}, false
	}
	fr.edit = true
	out := choose(r.edits(at, to, fr))
	return out, out.Status == OK
}

// valuesOf reports whether words [from, to) are values of the verb and nothing
// else.
func (r *reader) valuesOf(verb, from, to int) bool {
	for i := from; i < to; {
		n := 0
		for _, m := range r.la.matches[i] {
			if slices.ContainsFunc(m.n.terms, func(t term) bool {
				return int(t.verb) == verb && (t.role == roleArgValue || t.role == roleFieldValue)
			}) {
				n = max(n, m.len)
			}
		}
		if n == 0 || i+n > to {
			return false
		}
		i += n
	}
	return from < to
}
