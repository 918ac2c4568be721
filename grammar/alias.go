package grammar

import (
	"fmt"
	"slices"
)

// maxAlias bounds what an alias may stand for.
const maxAlias = 400 // bytes

// An alias is words that stand for others.
type alias struct {
	name  []string
	means []word
}

// Compile makes a Lexicon of the vocabulary and one inventory snapshot, as the
// function [Compile] does.
func (v Vocabulary) Compile(inv *Inventory) (*Lexicon, error) {
	l, err := v.Language()
	if err != nil {
		return nil, err
	}
	return l.Compile(inv)
}

// WithAliases is a lexicon that also reads words in place of others: what one
// person says. It shares what lx has compiled, and both may be used at once.
// What means something already cannot be an alias, so that a sentence never
// changes its meaning; things of the inventory win over aliases.
func (lx *Lexicon) WithAliases(aliases map[string]string) (*Lexicon, error) {
	out := *lx
	out.aliases = make(map[string][]alias, len(lx.aliases)+len(aliases))
	for first, list := range lx.aliases {
		out.aliases[first] = slices.Clone(list)
	}
	for name, means := range aliases {
		a := alias{name: phraseWords(name)}
		k := normalise(means)
		a.means = scan(k)
		switch {
		case len(a.name) == 0 || len(a.name) > maxPhraseLength || slices.ContainsFunc(scan(normalise(name)), func(w word) bool { return w.mark || w.quoted }):
			return nil, fmt.Errorf("grammar: alias %q: want one to %d words", name, maxPhraseLength)
		case len(a.means) == 0 || len(means) > maxAlias || k.odd:
			return nil, fmt.Errorf("grammar: alias %q: what it stands for is empty, too long or not plain text", name)
		case slices.ContainsFunc(a.name, func(w string) bool { return lx.keyword(w, len(a.name) == 1) }) || lx.said(a.name):
			return nil, fmt.Errorf("grammar: alias %q: what means something already cannot stand for something else", name)
		case lx.thing(a.name):
			continue // a host or a service of that name has come since
		}
		list := slices.DeleteFunc(out.aliases[a.name[0]], func(b alias) bool { return slices.Equal(a.name, b.name) })
		list = append(list, a)
		slices.SortStableFunc(list, func(x, y alias) int { return len(y.name) - len(x.name) })
		out.aliases[a.name[0]] = list
	}
	return &out, nil
}

// keyword reports whether a word makes another sentence of one: not, unless,
// then; alone also every word that sentences are built with.
func (lx *Lexicon) keyword(w string, alone bool) bool {
	n := lx.root.kids[w]
	if n == nil {
		return false
	}
	return slices.ContainsFunc(n.closed, func(c closed) bool {
		switch c.class {
		case "not", "no", "except", "but", "then", "hypo", "takeback", "said", "dry", "would":
			return true
		}
		return alone
	})
}

// find is the node of a phrase, nil when there is none.
func (lx *Lexicon) find(words []string) *node {
	n := lx.root
	for _, w := range words {
		if n = n.kids[w]; n == nil {
			return nil
		}
	}
	return n
}

// said reports whether the vocabulary has the phrase.
func (lx *Lexicon) said(words []string) bool {
	n := lx.find(words)
	return n != nil && slices.ContainsFunc(n.terms, func(t term) bool { return t.forms == formPlain })
}

// thing reports whether the inventory has something of that name.
func (lx *Lexicon) thing(words []string) bool {
	n := lx.find(words)
	return n != nil && len(n.names)+len(n.atoms) > 0
}

// replace puts what aliases stand for in their place, once: what comes out is
// not looked at again.
func (lx *Lexicon) replace(words []word) []word {
	if len(lx.aliases) == 0 {
		return words
	}
	var out []word
	for i := 0; i < len(words); {
		a, ok := lx.aliasAt(words[i:])
		if !ok {
			out = append(out, words[i])
			i++
			continue
		}
		for _, w := range a.means {
			w.col = words[i].col
			out = append(out, w)
		}
		i += len(a.name)
	}
	return out
}

func (lx *Lexicon) aliasAt(words []word) (alias, bool) {
	if words[0].quoted {
		return alias{}, false
	}
	for _, a := range lx.aliases[words[0].text] {
		if len(a.name) <= len(words) && slices.EqualFunc(a.name, words[:len(a.name)], func(s string, w word) bool { return s == w.text && !w.quoted }) {
			return a, true
		}
	}
	return alias{}, false
}
