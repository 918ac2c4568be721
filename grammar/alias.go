package grammar

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// maxAlias bounds what an alias may stand for.
const maxAlias = 400 // bytes

// An alias is words that stand for others.
type alias struct {
	name  []string
	means []word
}

// ErrAliasTaken: something of the inventory is called like the alias. Things win.
var ErrAliasTaken = errors.New("something here has that name")

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
		a, err := lx.alias(name, means)
		switch {
		case errors.Is(err, ErrAliasTaken):
			continue // it has come since
		case err != nil:
			return nil, fmt.Errorf("grammar: alias %q: %w", name, err)
		}
		list := slices.DeleteFunc(out.aliases[a.name[0]], func(b alias) bool { return slices.Equal(a.name, b.name) })
		list = append(list, a)
		slices.SortStableFunc(list, func(x, y alias) int { return len(y.name) - len(x.name) })
		out.aliases[a.name[0]] = list
	}
	return &out, nil
}

// CheckAlias says why name cannot stand for means now, or nil; the error is for
// people. It wraps [ErrAliasTaken] when that is because of what there is.
func (lx *Lexicon) CheckAlias(name, means string) error {
	_, err := lx.alias(name, means)
	return err
}

// AliasName is how an alias is written: two names that are read alike are one.
func AliasName(name string) string {
	var words []string
	for _, w := range scan(normalise(name)) {
		words = append(words, w.text)
	}
	return strings.Join(words, " ")
}

func (lx *Lexicon) alias(name, means string) (alias, error) {
	words := scan(normalise(name))
	k := normalise(means)
	a := alias{means: scan(k)}
	for _, w := range words {
		if w.mark || w.quoted || !plainLetters(w.text) {
			// A number could be that of a host to come.
			return a, errors.New("want plain words, without marks and numbers")
		}
		a.name = append(a.name, w.text)
	}
	switch {
	case len(a.name) == 0 || len(a.name) > maxPhraseLength:
		return a, fmt.Errorf("want one to %d words", maxPhraseLength)
	case len(a.means) == 0 || len(means) > maxAlias || k.odd:
		return a, errors.New("what it stands for is empty, too long or not plain text")
	case slices.ContainsFunc(a.name, lx.turns):
		return a, errors.New("a word in it turns sentences around")
	case lx.overlaps(words, 0, len(words)):
		return a, ErrAliasTaken
	case !slices.ContainsFunc(a.name, func(w string) bool { return !lx.means[w] && len(lx.root.atomsOf(w)) == 0 }):
		return a, errors.New("that means something already")
	}
	return a, nil
}

func plainLetters(w string) bool {
	return strings.IndexFunc(w, func(r rune) bool { return r != '-' && r != '_' && !unicode.IsLetter(r) }) < 0 && strings.Trim(w, "-_") != ""
}

// turns reports whether a word makes another sentence of one: not, unless, then.
func (lx *Lexicon) turns(w string) bool {
	n := lx.root.kids[w]
	return n != nil && slices.ContainsFunc(n.closed, func(c closed) bool {
		switch c.class {
		case "not", "no", "except", "but", "then", "hypo", "takeback", "said", "dry", "would":
			return true
		}
		return false
	})
}

// meanings are all words that sentences are built of: those of phrases below n,
// and those that are read without being one.
func (n *node) meanings() map[string]bool {
	words := map[string]bool{}
	seen := map[*node]bool{} // abbreviations share nodes
	var walk func(n *node)
	walk = func(n *node) {
		if seen[n] {
			return
		}
		seen[n] = true
		for w, kid := range n.kids {
			words[w] = true
			walk(kid)
		}
	}
	walk(n)
	for _, w := range hoursInWords {
		words[w] = true
	}
	for w := range months {
		words[w] = true
	}
	return words
}

func (n *node) atomsOf(w string) []atomSense {
	if n = n.kids[w]; n == nil {
		return nil
	}
	return n.atoms
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

// overlaps reports whether hosts or another thing are named with some of
// words[from:to].
func (lx *Lexicon) overlaps(words []word, from, to int) bool {
	for i := max(0, from-maxPhraseLength+1); i < to; i++ {
		n := lx.root
		for j := i; j < len(words) && !words[j].quoted; j++ {
			if n = n.kids[words[j].text]; n == nil {
				break
			}
			if j >= from && (len(n.names) > 0 || slices.ContainsFunc(n.atoms, func(a atomSense) bool { return a.rank != rankMood })) {
				return true
			}
		}
	}
	return false
}

// replace puts what aliases stand for in their place, once: what comes out is
// not looked at again. used are the aliases that were said.
func (lx *Lexicon) replace(words []word) (out []word, used []string) {
	if len(lx.aliases) == 0 {
		return words, nil
	}
	for i := 0; i < len(words); {
		a, ok := lx.aliasAt(words, i)
		if !ok {
			out = append(out, words[i])
			i++
			continue
		}
		used = append(used, strings.Join(a.name, " "))
		for _, w := range a.means {
			w.col = words[i].col
			out = append(out, w)
		}
		i += len(a.name)
	}
	return out, used
}

func (lx *Lexicon) aliasAt(words []word, at int) (alias, bool) {
	rest := words[at:]
	if rest[0].quoted {
		return alias{}, false
	}
	for _, a := range lx.aliases[rest[0].text] {
		n := len(a.name)
		if n <= len(rest) && slices.EqualFunc(a.name, rest[:n], func(s string, w word) bool { return s == w.text && !w.quoted }) &&
			!lx.overlaps(words, at, at+n) {
			return a, true
		}
	}
	return alias{}, false
}
