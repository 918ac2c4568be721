package grammar

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// A Lexicon is a vocabulary and an inventory snapshot compiled for reading.
// It is immutable and safe for concurrent use.
type Lexicon struct {
	inv    *Inventory
	zone   *time.Location
	verbs  []verb
	byName map[string]int
	root   *node
	means  map[string]bool // every word that the vocabulary has a use for
	forms  []form
	// aliases are sorted by their first word, longer ones first.
	aliases map[string][]alias
	syntax  *syntax
	shell   shell

	outcomes map[string]string // what a whole line asks about a change, by its words

	hosts    []string // sorted, as written
	lower    []string // same order, lower case
	all      []int32
	hostIdx  map[string]int32
	groups   map[string][]int32
	facts    map[string][]int32 // "role=web"
	factKeys map[string]bool
	services map[string][]int32 // unit name without .service to hosts
	units    map[string]string  // the same names to units as they are written
	stems    map[string]bool    // "runner" for runner-a1
	people   map[string]string  // local part to JID
}

// A verb is a Verb compiled.
type verb struct {
	Verb
	phrases []phrase
	kinds   map[Kind]bool  // kinds of its arguments
	open    int            // index of the argument that takes bare identifiers, or -1
	limit   int            // index of its own limit argument, or -1
	sort    int            // index of its own sort argument, or -1
	argIdx  map[string]int // argument by name
	fieldOf map[string]int // field by name
}

// A node is one state of the word trie.
type node struct {
	kids   map[string]*node
	closed []closed
	names  []nameSense
	atoms  []atomSense
	terms  []term
	shared bool // by the lexicons of a language: not written to
}

// A nameSense is a known name of some kind.
type nameSense struct {
	kind  Kind
	value string
	alias bool // a short name: stands for the value only where that is the one that fits
}

// An atomSense is a selection of hosts that a word stands for.
type atomSense struct {
	sel   *selNode
	set   []int32
	rank  int8 // lower wins: name, group, role, other fact, mood, stem
	one   bool // "the database": one of them, when there are several
	vague bool // "everything": not clear enough for a write
	noun  bool // stands for hosts by itself ("databases"), not only before a noun
}

// Ranks of selections when one word means several.
const (
	rankName int8 = iota
	rankGroup
	rankRole
	rankFact
	rankMood
	rankStem
	rankSynonym // another word for a role
)

// role says what a word does for a verb.
type role byte

const (
	roleHead role = iota
	roleField
	roleMore
	roleLess
	roleMost
	roleLeast
	roleFieldValue
	roleArg
	roleArgValue
)

// A term is one sense of a phrase in one verb's vocabulary.
type term struct {
	verb  int16
	role  role
	a     int16 // phrase, field or argument
	b     int16 // piece or value
	forms byte  // inflections that were made, not given
}

// Inflected forms that are made from the words of verbs.
const (
	formPlain  byte = iota
	formPlural      // updates
	formIng         // restarting
	formPast        // restarted
)

// inflected says which inflections are orders in a clause: neither, as a rule.
type inflected struct {
	ing  bool // what would restarting ... do; would you mind restarting ...
	past bool // I need nginx restarted
}

func (f inflected) admits(form byte) bool {
	switch form {
	case formIng:
		return f.ing
	case formPast:
		return f.past
	}
	return true
}

// Limits on what an inventory may hold; beyond them Compile fails.
const maxHosts = 200_000

// Compile makes a Lexicon for one vocabulary and one inventory snapshot. The
// Lexicon keeps both and expects neither to change. For several snapshots,
// compile the vocabulary once: [Vocabulary.Language].
func Compile(verbs []Verb, inv *Inventory) (*Lexicon, error) {
	l, err := newLanguage(verbs)
	if err != nil {
		return nil, err
	}
	return l.Compile(inv)
}

// Inventory is the snapshot the lexicon was compiled for.
func (lx *Lexicon) Inventory() *Inventory { return lx.inv }

// at gives the trie node of a phrase, made when missing.
func (lx *Lexicon) at(words []string) *node {
	n := lx.root
	for _, w := range words {
		n = n.kid(w)
	}
	return n
}

func (lx *Lexicon) addVerb(src Verb) error {
	if _, dup := lx.byName[src.Method]; dup || src.Method == "" {
		return fmt.Errorf("grammar: method %q twice or without a name", src.Method)
	}
	v := verb{Verb: src, kinds: map[Kind]bool{}, open: -1, limit: -1, sort: -1, argIdx: map[string]int{}, fieldOf: map[string]int{}}
	id := int16(len(lx.verbs))
	put := func(words []string, t term) {
		if len(words) == 0 {
			return
		}
		t.verb = id
		n := lx.at(words)
		if !slices.Contains(n.terms, t) {
			n.terms = append(n.terms, t)
		}
	}
	phraseOf := func(s string, t term) { put(phraseWords(s), t) }

	for i, a := range src.Args {
		v.argIdx[a.Name] = i
		v.kinds[a.Kind] = true
		switch {
		case a.Name == "limit":
			v.limit = i
		case a.Name == "sort":
			v.sort = i
		}
		switch a.Kind {
		case KindID, KindName, KindUser, KindVersion, KindTopic, KindCodeSet, KindText, KindRegexp:
			if a.Kind == KindRegexp && (!a.Required || src.Write) {
				break
			}
			if v.open < 0 && (a.Kind != KindText || a.Required) && (a.Kind != KindUser || len(a.Words) == 0) {
				v.open = i
			}
		}
		t := term{role: roleArg, a: int16(i)}
		for _, w := range append([]string{strings.ReplaceAll(a.Name, "_", " ")}, a.Words...) {
			phraseOf(w, t)
		}
		phraseOf(a.Name, t)
		for j, val := range a.Values {
			t := term{role: roleArgValue, a: int16(i), b: int16(j)}
			if s, ok := val.Value.(string); ok {
				phraseOf(s, t)
			}
			for _, w := range val.Words {
				phraseOf(w, t)
			}
		}
	}
	for i, f := range src.Fields {
		v.fieldOf[f.Name] = i
		for _, g := range []struct {
			role  role
			words []string
		}{{roleField, append([]string{f.Name, f.spoken()}, f.Words...)}, {roleMore, f.More}, {roleLess, f.Less}, {roleMost, f.Most}, {roleLeast, f.Least}} {
			for _, w := range g.words {
				phraseOf(w, term{role: g.role, a: int16(i)})
			}
		}
		if f.Name == "mood" {
			continue // a mood selects hosts, whatever is asked about them
		}
		for j, val := range f.Values {
			t := term{role: roleFieldValue, a: int16(i), b: int16(j)}
			if s, ok := val.Value.(string); ok {
				phraseOf(s, t)
			}
			for _, w := range val.Words {
				phraseOf(w, t)
			}
		}
	}
	for _, pattern := range src.Forms {
		forms, err := parseForms(pattern, &v)
		if err != nil {
			return fmt.Errorf("%w (method %s)", err, src.Method)
		}
		lx.forms = append(lx.forms, forms...)
	}
	words := slices.Clone(src.Words)
	if len(src.Forms) == 0 {
		words = append(words, strings.ReplaceAll(src.Method, ".", " "), src.Method)
	}
	for e, entry := range words {
		ps, err := parsePhrases(entry)
		if err != nil {
			return fmt.Errorf("%w (method %s)", err, src.Method)
		}
		for _, p := range ps {
			p.order, p.entry = len(v.phrases), e
			for k := range p.set {
				if k != "sort" && k != "limit" && k != "where" {
					if _, ok := v.argIdx[k]; !ok {
						return fmt.Errorf("grammar: phrase %q: %s has no argument %q", entry, src.Method, k)
					}
				}
			}
			for _, k := range p.needs {
				k = strings.TrimPrefix(k, "-")
				if _, ok := v.argIdx[k]; !ok && k != "hosts" && k != "noun" && k != "which" && k != "where" && k != "match" && k != "kin" {
					return fmt.Errorf("grammar: phrase %q: %s has no argument %q", entry, src.Method, k)
				}
			}
			for j, piece := range p.pieces {
				if len(piece) > maxPhraseLength {
					return fmt.Errorf("grammar: phrase %q: %q has more than %d words", entry, strings.Join(piece, " "), maxPhraseLength)
				}
				t := term{role: roleHead, a: int16(p.order), b: int16(j)}
				put(piece, t)
				if j == 0 {
					lx.inflect(piece, src.Write, t, put)
				}
			}
			v.phrases = append(v.phrases, p)
		}
	}
	lx.byName[src.Method] = len(lx.verbs)
	lx.verbs = append(lx.verbs, v)
	return nil
}

// inflect adds the forms of a phrase that English makes by itself: plurals of
// reads, -ing of writes (for "what would restarting ... do"), and the past,
// which is never an order.
func (lx *Lexicon) inflect(piece []string, write bool, t term, put func([]string, term)) {
	if !write {
		last := piece[len(piece)-1]
		if len(last) > 2 && isLetter(last[len(last)-1]) && last[len(last)-1] != 's' {
			t.forms = formPlural
			put(append(slices.Clone(piece[:len(piece)-1]), plural(last)), t)
		}
		return
	}
	first := piece[0]
	if len(first) < 3 || !isLetter(first[len(first)-1]) {
		return
	}
	t.forms = formIng
	put(append([]string{ing(first)}, piece[1:]...), t)
	if len(piece) == 1 { // simulate a restart of ...
		for _, phrase := range [][]string{{first, "of"}, {"a", first, "of"}, {"the", first, "of"}} {
			put(phrase, t)
		}
	}
	t.forms = formPast
	put(append([]string{past(first)}, piece[1:]...), t)
}

func isLetter(c byte) bool { return c >= 'a' && c <= 'z' }

func isVowel(c byte) bool { return strings.IndexByte("aeiou", c) >= 0 }

func plural(w string) string {
	n := len(w)
	switch {
	case w[n-1] == 'y' && !isVowel(w[n-2]):
		return w[:n-1] + "ies"
	case w[n-1] == 'x' || strings.HasSuffix(w, "ch") || strings.HasSuffix(w, "sh"):
		return w + "es"
	}
	return w + "s"
}

// doubled reports whether the last letter doubles before -ing and -ed: stop, not drain.
func doubled(w string) bool {
	n := len(w)
	return n >= 3 && n <= 4 && !isVowel(w[n-1]) && isVowel(w[n-2]) && !isVowel(w[n-3]) && w[n-1] != 'w' && w[n-1] != 'x' && w[n-1] != 'y'
}

func ing(w string) string {
	switch {
	case strings.HasSuffix(w, "e") && !strings.HasSuffix(w, "ee"):
		return w[:len(w)-1] + "ing"
	case doubled(w):
		return w + w[len(w)-1:] + "ing"
	}
	return w + "ing"
}

func past(w string) string {
	n := len(w)
	switch {
	case w[n-1] == 'e':
		return w + "d"
	case doubled(w):
		return w + w[n-1:] + "ed"
	case w[n-1] == 'y' && !isVowel(w[n-2]):
		return w[:n-1] + "ied"
	}
	return w + "ed"
}
