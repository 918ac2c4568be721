package grammar

import (
	"slices"
	"strings"
)

// clauses cuts the line where one order ends: at ";", "then" and full stops.
func (r *reader) clauses() [][2]int {
	var out [][2]int
	from, ends := 0, false
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
			if slices.ContainsFunc(m.n.closed, func(c closed) bool { return c.class == "then" }) {
				n = m.len
				break
			}
		}
		switch {
		case n == 1 && ws[i].text == "then" && i > from && r.isClass(i-1, "pron") && r.only(i+1, len(ws)):
			cut(i, len(ws)) // restart it then
			i = len(ws)
			ends = true
		case n > 0:
			r.then = r.then || i == from && len(out) == 0
			cut(i, i+n)
			i += n
		case ws[i].text == "," && len(out) == 0 && i > from && r.only(from, i, "polite", "thanks"):
			// Sorry to ask again, but ...: what follows is the line.
			i++
			for i < len(ws) && slices.Contains([]string{"but", "and", "so"}, ws[i].text) {
				i++
			}
			from = i
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
	r.gates.dangling = !ends && from >= len(ws) && from > 0 && len(ws) > 0 && !ws[len(ws)-1].mark
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

// halves reads "A and B" as two orders when both halves are.
func (r *reader) halves(from, to int, fr frame) (Reading, bool) {
	tries := 0
	for i := from + 1; i < to-1 && tries < 4; i++ {
		w := r.la.words[i]
		joined := !w.quoted && slices.Contains([]string{"and", ",", "&", "n"}, w.text)
		if !joined && !r.listed(i) {
			continue
		}
		if r.namesToo(i + 1) {
			continue // on web01, ok and db01
		}
		tries++
		right := i + 1
		if !joined {
			right = i
		}
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
		lf.lend, lf.lean = lend, lend.Method == methodCancel && r.verbless(right, to) // no, the memory
		b := r.clauseHalf(right, to, lf)
		if b.Status != OK {
			continue
		}
		if !joined && (r.writes(a.Commands) || r.writes(a.pending) || r.writes(b.Commands)) {
			continue
		}
		// "and" divides only what has a verb on both sides.
		if (r.writes(a.Commands) || r.writes(a.pending) || r.writes(b.Commands)) && !r.begins(right, to) {
			continue
		}
		if a.Status != OK || !a.Commands[len(a.Commands)-1].asked && b.Commands[0].asked {
			if a.Status == Ambiguous && slices.ContainsFunc(a.optionPlans, r.writes) || r.writes(a.pending) && a.missing != "hosts" && a.pending[0].asked {
				continue // "restart on web01 and reload postfix on mail": restart what?
			}
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

// listed reports whether two words of asking for different things stand side by
// side at i: cpu mem and disk.
func (r *reader) listed(i int) bool {
	heads := func(i int) (out []int16) {
		for _, m := range r.la.matches[i] {
			for _, t := range m.n.terms {
				if v := &r.lx.verbs[t.verb]; m.len == 1 && t.role == roleHead && t.b == 0 && t.forms == formPlain && v.Hosts && !v.Write && len(v.phrases[t.a].needs) == 0 {
					out = append(out, t.verb)
				}
			}
		}
		return out
	}
	if r.isClass(i-1, "ask") || r.isClass(i, "ask") {
		return false // check disk
	}
	left, right := heads(i-1), heads(i)
	return len(left) > 0 && len(right) > 0 && !slices.ContainsFunc(left, func(v int16) bool { return slices.Contains(right, v) })
}

// writes reports whether any of the commands is a write.
func (r *reader) writes(cmds []Command) bool {
	return slices.ContainsFunc(cmds, func(c Command) bool { return r.lx.write(c.Method) })
}

// begins reports whether words begin with a verb or a word of asking.
func (r *reader) begins(from, to int) bool {
	for i := from; i < to; {
		skip := 0
		for _, m := range r.la.matches[i] {
			for _, t := range m.n.terms {
				if t.role == roleHead && t.b == 0 {
					return true
				}
			}
			for _, c := range m.n.closed {
				switch c.class {
				case "ask":
					return true
				case "polite", "then", "follow":
					skip = max(skip, m.len)
				}
			}
		}
		if skip == 0 {
			return false
		}
		i += skip
	}
	return false
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
