package grammar

import (
	"slices"
	"strings"
)

// corrected reads "no, I meant web02" and "not that one, web02" behind a plan as
// what the person meant. A change that is corrected so is offered, not planned.
func (r *reader) corrected(words []word) []word {
	if r.lastPlan() == nil {
		return words
	}
	at := func(i int) string {
		if i < len(words) && !words[i].quoted {
			return words[i].text
		}
		return ""
	}
	i, plain := 0, false // plain: nothing but "no"
	comma := func() bool {
		if at(i) == "," {
			i++
			return true
		}
		return false
	}
	if slices.Contains([]string{"no", "nope", "nah"}, at(i)) {
		i, plain = i+1, true
		plain = !comma()
	}
	start := i
	switch {
	case at(i) == "i" && (at(i+1) == "meant" || at(i+1) == "mean"):
		i += 2
		plain = false
	case at(i) == "not":
		i++
		if slices.Contains([]string{"this", "that", "the"}, at(i)) && at(i+1) == "one" {
			i += 2
		} else if _, host := r.lx.hostIdx[at(i)]; host || slices.Contains([]string{"this", "that", "there"}, at(i)) {
			i++
		} else {
			return words
		}
		if !comma() && at(i) != "but" {
			return words
		}
		if at(i) == "but" {
			i++
		}
		plain = false
	case start == 0:
		return words
	}
	rest := words[i:]
	if !r.lx.namesOnly(rest) {
		return words
	}
	if _, host := r.lx.hostIdx[at(i)]; plain && !host {
		return words // no sad ones
	}
	r.inferred = true
	return rest
}

// namesOnly reports whether the words are names and what holds them together.
func (lx *Lexicon) namesOnly(words []word) bool {
	named := false
	for _, w := range words {
		n := lx.root.kids[w.text]
		_, host := lx.hostIdx[w.text]
		switch {
		case w.quoted:
			return false
		case host, n != nil && len(n.names)+len(n.atoms) > 0 && len(n.terms) == 0:
			named = true
		case w.mark && strings.Contains(",.!", w.text), n.is("prep"), n.is("det"), n.is("conj"), n.is("noun"), n.is("polite"):
		default:
			return false
		}
	}
	return named
}
