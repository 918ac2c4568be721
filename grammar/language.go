package grammar

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// A Language is a vocabulary compiled: what does not change with the inventory.
// It is made once and shared by the lexicons of all snapshots. It is immutable
// and safe for concurrent use.
type Language struct {
	verbs   []verb
	byName  map[string]int
	root    *node // nothing below it is written to; lexicons copy what they add to
	means   map[string]bool
	forms   []form
	syntax  *syntax
	said    spokenNames
	shell   shell
	aliases map[string]string

	outcomes map[string]string // what a whole line asks about a change, by its words
}

// Language compiles the vocabulary.
func (v Vocabulary) Language() (*Language, error) {
	l, err := newLanguage(v.Verbs)
	if err != nil {
		return nil, err
	}
	l.aliases = v.Aliases
	return l, nil
}

func newLanguage(verbs []Verb) (*Language, error) {
	lx := &Lexicon{byName: map[string]int{}, root: &node{}}
	said, err := readSpokenNames(namesText)
	if err != nil {
		return nil, err
	}
	shell, err := readShell(shellText)
	if err != nil {
		return nil, err
	}
	syntax, err := newSyntax()
	if err != nil {
		return nil, err
	}
	shorts, outcomes := map[string][]string{}, map[string]string{}
	if err := readClasses("english.txt", englishText, func(phrase string, c closed) {
		words := phraseWords(phrase)
		if c.class == "short" {
			shorts[c.value] = append(shorts[c.value], words[0])
			return
		}
		if c.class == "outcome" {
			outcomes[strings.Join(words, " ")] = c.value
			return
		}
		n := lx.at(words)
		n.closed = append(n.closed, c)
	}); err != nil {
		return nil, err
	}
	for _, v := range verbs {
		if err := lx.addVerb(v); err != nil {
			return nil, err
		}
	}
	lx.root.abbreviate(shorts)
	lx.root.share()
	return &Language{verbs: lx.verbs, byName: lx.byName, root: lx.root, means: lx.root.meanings(), forms: lx.forms, syntax: syntax, said: said, shell: shell, outcomes: outcomes}, nil
}

// Compile makes the lexicon of one inventory snapshot. The lexicon keeps the
// snapshot and expects it not to change.
func (l *Language) Compile(inv *Inventory) (*Lexicon, error) {
	if inv == nil {
		inv = &Inventory{}
	}
	if len(inv.Hosts) > maxHosts {
		return nil, fmt.Errorf("grammar: %d hosts, at most %d", len(inv.Hosts), maxHosts)
	}
	lx := &Lexicon{inv: inv, zone: inv.zone(), verbs: l.verbs, byName: l.byName, root: l.root.own(), means: l.means, forms: l.forms, syntax: l.syntax, shell: l.shell, outcomes: l.outcomes}
	lx.addInventory(l.said)
	if len(l.aliases) == 0 {
		return lx, nil
	}
	return lx.WithAliases(l.aliases)
}

// share marks the node and all below it as not to be written to.
func (n *node) share() {
	if n.shared {
		return
	}
	n.shared = true
	for _, k := range n.kids {
		k.share()
	}
}

// own is the node to be written to: itself, or a copy of a shared one whose
// children are still shared.
func (n *node) own() *node {
	if !n.shared {
		return n
	}
	return &node{kids: maps.Clone(n.kids), closed: slices.Clip(n.closed), names: slices.Clip(n.names), atoms: slices.Clip(n.atoms), terms: slices.Clip(n.terms)}
}

// kid is the child for a word, made when missing, to be written to.
func (n *node) kid(w string) *node {
	k := n.kids[w]
	switch {
	case k == nil:
		k = &node{}
	case k.shared:
		k = k.own()
	default:
		return k
	}
	if n.kids == nil {
		n.kids = map[string]*node{}
	}
	n.kids[w] = k
	return k
}
