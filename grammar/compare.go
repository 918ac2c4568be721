package grammar

import (
	"slices"
	"strings"
)

// greatest are the comparatives that two things are told apart by, and what the
// one of them is then.
var greatest = map[string]string{
	"more": "most", "less": "least", "fewer": "fewest", "higher": "highest", "lower": "lowest", "larger": "largest",
	"bigger": "biggest", "smaller": "smallest", "greater": "greatest", "longer": "longest", "shorter": "shortest",
}

// measures are what some words of a comparison hold against each other.
var measures = map[string]string{"busier": "cpu", "fuller": "disk", "up": "uptime"}

// comparing are the words of a comparison that say neither what is compared nor of what.
var comparing = []string{
	"is", "are", "does", "do", "has", "have", "use", "uses", "used", "using", "need", "needs", "take", "takes", "got", "there", "the", "a", "an", "on", "of", "at",
	"that", "one", "to", "in", "compared", "currently", "now", "much",
}

// compared reads a question that holds two hosts against each other as one about
// both: "does web01 use more memory than web02" is memory on web01 and web02,
// "which of web01 and web02 has more memory" is the one with the most.
func (lx *Lexicon) compared(words []word) []word {
	i := 0
	for i < len(words) && lx.root.kids[words[i].text].is("polite") {
		i++
	}
	if i >= len(words) || slices.ContainsFunc(words, func(w word) bool { return w.quoted }) {
		return words
	}
	switch words[i].text {
	case "is", "are", "does", "do", "has", "have":
		return lx.heldAgainst(words, i)
	case "which", "what", "who":
		return lx.moreOfTwo(words, i)
	}
	return words
}

// heldAgainst reads "is the load on web01 higher than on web02".
func (lx *Lexicon) heldAgainst(words []word, from int) []word {
	var hosts, what []word
	than, end := false, len(words)
	for end > from && words[end-1].mark {
		end--
	}
	for _, w := range words[from:end] {
		_, host := lx.hostIdx[w.text]
		switch {
		case host:
			hosts = append(hosts, w)
		case w.text == "than" && !than && len(hosts) == 1:
			than = true
		case greatest[w.text] != "" && !than, slices.Contains(comparing, w.text):
		case w.mark, lx.orders(w.text), than && !slices.ContainsFunc(what, func(x word) bool { return x.text == w.text }):
			return words
		default:
			if m := measures[w.text]; m != "" {
				w.text = m
			}
			if !slices.ContainsFunc(what, func(x word) bool { return x.text == w.text }) {
				what = append(what, w)
			}
		}
	}
	if !than || len(hosts) != 2 || len(what) == 0 {
		return words
	}
	like := func(text string) word { return word{text: text, raw: text, col: hosts[1].col} }
	return slices.Concat(what, []word{like("on"), hosts[0], like("and"), hosts[1]}, words[end:])
}

// moreOfTwo reads "which of web01 and web02 has more memory".
func (lx *Lexicon) moreOfTwo(words []word, from int) []word {
	more, hosts := -1, 0
	for i := from; i < len(words); i++ {
		w := words[i].text
		if _, host := lx.hostIdx[w]; host {
			hosts++
			continue
		}
		switch {
		case w == "than":
			return words
		case greatest[w] != "" && more < 0:
			more = i
		}
	}
	if more < 0 || hosts != 2 {
		return words
	}
	words = slices.Clone(words)
	words[more].text = greatest[words[more].text]
	for i := from + 1; i+1 < len(words); i++ {
		_, before := lx.hostIdx[words[i-1].text]
		if _, after := lx.hostIdx[words[i+1].text]; words[i].text == "or" && before && after {
			words[i].text = "and"
		}
	}
	return words
}

// oneOf reports whether the words ask for one of several: which of the web
// servers has the most memory.
func (b *binding) oneOf() bool {
	from, to := b.toks[0].from, b.toks[len(b.toks)-1].to
	for i := from; i+2 < to; i++ {
		if w := b.la.words[i].text; (w == "which" || w == "what") && b.la.words[i+1].text == "of" {
			return slices.ContainsFunc(b.la.words[i+2:to], func(w word) bool {
				return slices.Contains([]string{"has", "is", "uses", "takes", "needs"}, w.text)
			})
		}
	}
	return false
}

// orders reports whether a word by itself orders a change.
func (lx *Lexicon) orders(w string) bool {
	n := lx.root.kids[strings.ToLower(w)]
	return n != nil && slices.ContainsFunc(n.terms, func(t term) bool { return t.role == roleHead && t.b == 0 && lx.verbs[t.verb].Write })
}
