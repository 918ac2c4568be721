package grammar

import (
	"slices"
	"strconv"
	"strings"

	"github.com/alecthomas/participle/v2/lexer"
)

// Bounds on the work for one line; asserted in tests as counts.
const (
	maxStreams      = 12 // token streams for one verb and clause
	maxStreamsLine  = 96 // token streams parsed for one line
	maxPhraseLength = 9  // words in one lexical phrase
)

// A match is a phrase of the trie found in the line.
type match struct {
	n   *node
	len int
}

// A lattice is the line with everything each word may begin.
type lattice struct {
	words   []word
	matches [][]match // by position, longest first
	shapes  []token   // what the word is by its shape alone
	odd     bool
	short   bool   // shorter phrases count beside the longest
	hosts   []bool // words that name hosts by themselves; nil if none does
	asName  int    // the one of them that can be nothing else, or -1
}

// A token is one lexical item of a stream.
type token struct {
	class  lexer.TokenType
	value  string // what productions match, for closed words
	from   int    // word positions [from, to)
	to     int
	closed []closed
	terms  []term
	names  []nameSense
	atoms  []atomSense
	num    float64
	text   string
	known  bool // an identifier that means something elsewhere: never swallowed by an open slot
	both   bool // names hosts and a thing that the verb takes
	reason bool // what stands behind a colon
	sure   bool // an identifier that the vocabulary names: no misspelling of another word
	rather bool // the word is rather read another way: as a host or a thing of that name
}

// is reports whether the phrase is in a closed class; no node is in none.
func (n *node) is(class string) bool {
	return n != nil && slices.ContainsFunc(n.closed, func(c closed) bool { return c.class == class })
}

func (t *token) is(class string) bool {
	for _, c := range t.closed {
		if c.class == class {
			return true
		}
	}
	return false
}

// closedValue is the value of the token in a closed class.
func (t *token) closedValue(class string) string {
	for _, c := range t.closed {
		if c.class == class {
			return c.value
		}
	}
	return ""
}

func (t *token) has(verb int, r role) *term {
	for i := range t.terms {
		if int(t.terms[i].verb) == verb && t.terms[i].role == r {
			return &t.terms[i]
		}
	}
	return nil
}

// lattice looks every word up once for all verbs.
func (lx *Lexicon) lattice(words []word, odd bool) *lattice {
	la := &lattice{words: words, matches: make([][]match, len(words)), shapes: make([]token, len(words)), odd: odd, asName: -1}
	store := make([]match, 0, len(words)*2)
	for i := range words {
		start := len(store)
		if !words[i].quoted {
			n := lx.root
			for j := i; j < len(words) && j-i < maxPhraseLength && !words[j].quoted; j++ {
				next := n.kids[words[j].text]
				if next == nil && j > i && lx.root.kids[words[j].text].is("plead") {
					continue // update please the agent
				}
				if n = next; n == nil {
					break
				}
				if len(n.closed)+len(n.names)+len(n.atoms)+len(n.terms) > 0 {
					store = append(store, match{n, j - i + 1})
				}
			}
		}
		m := store[start:len(store):len(store)]
		slices.Reverse(m)
		la.matches[i] = m
		la.shapes[i] = lx.shape(words[i], i)
	}
	la.hosts = hostWords(words, la.matches)
	return la
}

// classOf gives the token class of a closed class; everything else is a Word.
func classOf(class string) lexer.TokenType {
	switch class {
	case "noun":
		return tNoun
	case "pron":
		return tPron
	case "num":
		return tNum
	case "half", "quarter":
		return tHalf
	case "unit":
		return tUnit
	case "clock":
		return tClock
	case "meridiem":
		return tMer
	case "day":
		return tDay
	case "weekday":
		return tWday
	case "sizeunit":
		return tSizeUnit
	case "percent":
		return tPctWord
	case "cmp":
		return tCmp
	case "ormore":
		return tOrMore
	case "super":
		return tSuper
	case "dir":
		return tDir
	case "except", "but":
		return tExcept
	case "often":
		return tOften
	case "allhosts":
		return tAtom
	case "prep", "conj", "last", "next", "ago", "every", "top", "bottom", "all", "not", "only", "rel", "det", "ask", "polite", "sortby", "again", "dry", "would", "wish":
		return tWord
	}
	return 0 // read by the gates only
}

// wordValue is what productions match a Word by; where a word is in several
// classes the earlier case wins.
func wordValue(cs []closed) string {
	best, rank := "", 99
	for _, c := range cs {
		r, v := 50, ""
		switch c.class {
		case "prep", "conj":
			r, v = 1, c.value
		case "last", "next", "ago", "every", "top", "bottom", "not":
			r, v = 2, c.class
		case "all", "only":
			r, v = 3, c.class
		case "sortby":
			r, v = 3, "sort"
		case "rel":
			r, v = 4, "rel"
		case "det":
			r, v = 5, "the"
			if c.value == "a" || c.value == "an" {
				v = "a"
			}
		case "ask":
			r, v = 6, c.value
		case "polite", "again", "dry", "would", "wish":
			r, v = 7, c.class
		}
		if r < rank {
			best, rank = v, r
		}
	}
	return best
}

// options are the tokens of the verb that may begin at a position: those of
// the longest phrase, in all the classes it may have.
func (lx *Lexicon) options(la *lattice, v int, also inflected, at int, buf []token) []token {
	vb := &lx.verbs[v]
	if vb.kinds[KindEndpoint] {
		if t, ok := lx.endpoint(la, at); ok {
			return append(buf, t)
		}
	}
	if at == la.asName && (vb.Hosts || vb.kinds[KindHosts]) {
		return append(buf, token{class: tAtom, from: at, to: at + 1, text: la.words[at].raw, atoms: lx.root.kids[la.words[at].text].atoms})
	}
	weak := false   // only filler so far: a shorter word may say more
	hidden := false // nothing follows from the phrases so far
	for _, m := range la.matches[at] {
		if weak && !hidden && !lx.says(m.n, vb, v) {
			continue
		}
		before := len(buf)
		t := token{from: at, to: at + m.len}
		if m.len == 1 {
			t.text = la.words[at].raw
		} else {
			raw := make([]string, m.len)
			for k := range raw {
				raw[k] = la.words[at+k].raw
			}
			t.text = strings.Join(raw, " ")
		}
		var words []closed
		only := true
		for _, c := range m.n.closed {
			k := classOf(c.class)
			if k == 0 {
				continue
			}
			if k == tWord {
				words = append(words, c)
				if c.class != "polite" && c.class != "ask" {
					only = false
				}
				continue
			}
			only = false
			o := t
			o.class, o.value, o.closed = k, "", []closed{c}
			switch k {
			case tNum, tUnit, tSizeUnit, tOften:
				o.num, _ = strconv.ParseFloat(c.value, 64)
			case tAtom:
				if !vb.Hosts && !vb.kinds[KindHosts] {
					continue
				}
				o.atoms = []atomSense{{sel: &selNode{op: selAll}, set: lx.all, noun: true, vague: c.value == "vague"}}
			case tCmp, tOrMore, tSuper, tDir:
				o.text = c.value
			case tClock:
				o.text = c.value
			}
			buf = append(buf, o)
		}
		terms := lx.termsOf(m.n, v, also)
		if slices.ContainsFunc(terms, func(x term) bool { return x.role == roleArgValue && vb.Args[x.a].Kind == KindName }) {
			o := t
			o.class, o.sure = tIdent, true // a package called curl
			return append(buf, o)
		}
		if len(terms) > 0 {
			o := t
			o.class, o.terms, o.closed = tTerm, terms, words
			o.value = wordValue(words)
			for _, x := range terms {
				if x.role == roleMore || x.role == roleLess {
					c := t
					c.class, c.terms = tCmp, terms
					if c.text = ">"; x.role == roleLess {
						c.text = "<"
					}
					buf = append(buf, c)
					break
				}
			}
			buf = append(buf, o)
		} else if len(words) > 0 {
			o := t
			o.class, o.closed, o.value = tWord, words, wordValue(words)
			buf = append(buf, o)
		}
		role := m.n.nounOfRole()
		if role {
			rather(buf[before:], tNoun) // the workers: hosts of that role, before any host
		}
		if role || len(m.n.closed) == 0 || len(words) == 0 && len(buf) == before || only && !allPolite(words) || len(words) == 0 && giveWay(m.n.closed) {
			buf = lx.nameOptions(m.n, vb, t, buf)
		} else if named := len(buf); mayBeNamed(m.n.closed) {
			if buf = lx.thingOptions(m.n, vb, t, buf); len(buf) > named {
				rather(buf[before:named], tTerm, tWord, tNoun, tOften, tDay, tUnit, tSizeUnit, tHalf)
			}
		}
		if slices.ContainsFunc(m.n.atoms, func(a atomSense) bool { return a.rank == rankName }) {
			rather(buf[before:], tTerm, tWord)
		}
		if slices.ContainsFunc(m.n.atoms, atomSense.names) {
			thing := slices.ContainsFunc(m.n.names, func(s nameSense) bool { return vb.kinds[s.kind] })
			for k := range buf[before:] {
				buf[before+k].both = thing
			}
		}
		if len(buf) > before {
			if !weak && only && len(terms) == 0 && len(words) > 0 && m.len > 1 {
				weak = true
				continue
			}
			// A longer phrase hides a shorter one unless nothing follows from it:
			// "which code" before "sets".
			if next := at + m.len; m.len > 1 && (la.short || next < len(la.words) && !lx.follows(la, v, also, next)) {
				hidden = true
				continue
			}
			return buf
		}
	}
	if len(buf) > 0 {
		return buf
	}
	t := la.shapes[at]
	t.known = !la.unheard(at)
	switch t.class {
	case tAtom:
		if !vb.Hosts && !vb.kinds[KindHosts] {
			t.class = tIdent
		}
	case tName:
		if !vb.kinds[KindUnit] {
			t.class = tIdent
		}
	}
	return append(buf, t)
}

// unheard reports whether the word at a position is of no class, but for the
// inflected forms of orders: refused, restarting.
func (la *lattice) unheard(at int) bool {
	return !slices.ContainsFunc(la.matches[at], func(m match) bool {
		return m.len > 1 || len(m.n.closed)+len(m.n.names)+len(m.n.atoms) > 0 ||
			slices.ContainsFunc(m.n.terms, func(t term) bool { return t.forms == formPlain })
	})
}

// endpoint reads an address said in words: db01 on port 5432, port 22 of mail.
func (lx *Lexicon) endpoint(la *lattice, at int) (token, bool) {
	word := func(i int) string {
		if i < len(la.words) && !la.words[i].quoted {
			return la.words[i].text
		}
		return ""
	}
	host := func(i int) bool {
		_, known := lx.hostIdx[word(i)]
		return known || i < len(la.words) && la.shapes[i].class == tDomain
	}
	i, name, number := at, at, 0
	switch {
	case host(i) && word(i+1) == "on" && word(i+2) == "port", host(i) && word(i+1) == "at" && word(i+2) == "port":
		number = i + 3
	case host(i) && (word(i+1) == "port" || i > 0 && slices.Contains([]string{"telnet", "nc", "-zv", "tnc"}, word(i-1))):
		if number = i + 1; word(number) == "port" {
			number++
		}
	case host(i) && (word(i+1) == "on" || word(i+1) == ":"):
		number = i + 2
	case word(i) == "port" && (word(i+2) == "on" || word(i+2) == "of" || word(i+2) == "at") && host(i+3):
		number, name = i+1, i+3
	default:
		return token{}, false
	}
	if _, ok := digits(word(number)); !ok {
		return token{}, false
	}
	return token{class: tAddr, from: at, to: max(number, name) + 1, text: la.words[name].raw + ":" + word(number)}, true
}

// giveWay reports whether the closed senses of a word may be outweighed by a
// thing of that name: a host called mon, max or second.
func giveWay(cs []closed) bool {
	for _, c := range cs {
		switch c.class {
		case "weekday", "super", "unit", "num", "day", "clock", "yes", "no", "thanks", "follow", "same":
		default:
			return false
		}
	}
	return true
}

// rather marks tokens of some classes as the less likely readings of their word.
func rather(toks []token, classes ...lexer.TokenType) {
	for i := range toks {
		toks[i].rather = toks[i].rather || slices.Contains(classes, toks[i].class)
	}
}

// nounOfRole reports whether a word for any host also names a role: workers.
func (n *node) nounOfRole() bool {
	return slices.ContainsFunc(n.atoms, func(a atomSense) bool { return a.rank == rankRole || a.rank == rankSynonym }) &&
		!slices.ContainsFunc(n.closed, func(c closed) bool { return c.class != "noun" }) && len(n.closed) > 0
}

// mayBeNamed reports whether things are called by closed words like these: a
// backup called daily, an app called worker, a check called version.
func mayBeNamed(cs []closed) bool {
	for _, c := range cs {
		switch c.class {
		case "noun", "often", "ask", "last", "top", "day", "half", "unit", "weekday", "sizeunit":
		default:
			return false
		}
	}
	return true
}

func allPolite(cs []closed) bool {
	for _, c := range cs {
		if c.class != "polite" {
			return false
		}
	}
	return true
}

// follows reports whether the verb has a phrase at a position.
func (lx *Lexicon) follows(la *lattice, v int, also inflected, at int) bool {
	for _, m := range la.matches[at] {
		if lx.uses(m.n, v, also) {
			return true
		}
	}
	return la.shapes[at].class != tIdent || len(la.matches[at]) == 0
}

// says reports whether the node holds anything of the verb's own.
func (lx *Lexicon) says(n *node, vb *verb, v int) bool {
	if len(n.closed) > 0 && len(n.terms) == 0 {
		return false
	}
	for _, t := range n.terms {
		if int(t.verb) == v && t.forms != formPast {
			return true
		}
	}
	for _, s := range n.names {
		if vb.kinds[s.kind] {
			return true
		}
	}
	return vb.Hosts && len(n.atoms) > 0
}

// termsOf are the senses of a phrase for one verb.
func (lx *Lexicon) termsOf(n *node, v int, also inflected) []term {
	from, to := -1, 0
	for i, t := range n.terms {
		if int(t.verb) == v && also.admits(t.forms) {
			if from < 0 {
				from = i
			} else if i != to {
				// Not in one run: copy.
				var out []term
				for _, t := range n.terms {
					if int(t.verb) == v && also.admits(t.forms) {
						out = append(out, t)
					}
				}
				return out
			}
			to = i + 1
		}
	}
	if from < 0 {
		return nil
	}
	return n.terms[from:to:to]
}

// nameOptions adds the names and host selections a phrase may be.
func (lx *Lexicon) nameOptions(n *node, vb *verb, t token, buf []token) []token {
	units := vb.kinds[KindUnit] || vb.Hosts || vb.kinds[KindHosts]
	count := 0
	for _, s := range n.names {
		if vb.kinds[s.kind] || s.kind == KindUnit && units {
			count++
		}
	}
	if count > 0 {
		o := t
		o.class = tName
		if count == len(n.names) {
			o.names = n.names
		} else {
			for _, s := range n.names {
				if vb.kinds[s.kind] || s.kind == KindUnit && units {
					o.names = append(o.names, s)
				}
			}
		}
		buf = append(buf, o)
	}
	if len(n.atoms) > 0 && (vb.Hosts || vb.kinds[KindHosts]) {
		o := t
		o.class, o.atoms = tAtom, n.atoms
		// The backup "tickets" is meant before the hosts whose names begin so.
		o.rather = !slices.ContainsFunc(n.atoms, func(a atomSense) bool { return a.rank != rankStem }) &&
			slices.ContainsFunc(n.names, func(s nameSense) bool { return s.kind != KindUnit && vb.kinds[s.kind] })
		buf = append(buf, o)
	}
	return buf
}

// thingOptions adds the names that the verb has an argument for, hosts aside.
func (lx *Lexicon) thingOptions(n *node, vb *verb, t token, buf []token) []token {
	var names []nameSense
	for _, s := range n.names {
		if vb.kinds[s.kind] {
			names = append(names, s)
		}
	}
	if len(names) > 0 {
		t.class, t.names = tName, names
		buf = append(buf, t)
	}
	return buf
}

// streams lists the token streams of words [from, to) for one verb, at most
// maxStreams; full reports that there were more.
func (lx *Lexicon) streams(la *lattice, v int, also inflected, from, to int) (out [][]token, full bool) {
	opts := make([][]token, to-from)
	var walk func(at int, path []token) bool
	walk = func(at int, path []token) bool {
		if at >= to {
			if len(out) == maxStreams {
				return false
			}
			out = append(out, slices.Clone(path))
			return true
		}
		if opts[at-from] == nil {
			opts[at-from] = lx.options(la, v, also, at, nil)
		}
		for _, t := range opts[at-from] {
			if t.to > to {
				continue
			}
			// Text after an introducing word runs to the end of the clause.
			if text, ok := lx.textAfter(la, v, t, to); ok {
				if !walk(text.to, append(path, t, text)) {
					return false
				}
				continue
			}
			if !walk(t.to, append(path, t)) {
				return false
			}
		}
		return true
	}
	full = !walk(from, make([]token, 0, to-from))
	return out, full
}

// textAfter makes the rest of the clause, but for its last marks, one quotation
// when t introduces a text argument ("reason: kernel upgrade") or asks for help
// with a topic.
func (lx *Lexicon) textAfter(la *lattice, v int, t token, to int) (token, bool) {
	vb := &lx.verbs[v]
	x := t.has(v, roleArg)
	from := t.to
	switch {
	case t.class == tMark:
		return lx.reasonAfter(la, v, t, to)
	case t.class != tTerm:
		return token{}, false
	case vb.open >= 0 && vb.Args[vb.open].Kind == KindTopic && t.has(v, roleHead) != nil:
		for from+1 < to && (lx.introduces(la, v, from+1, from) || la.words[from].text == "with" || la.words[from].text == "about") {
			from++ // help with, help about
		}
	case x == nil || vb.Args[x.a].Kind != KindText:
		return token{}, false
	default:
		for from < to && (la.words[from].text == ":" || la.words[from].text == "is" || la.words[from].text == "=") {
			from++
		}
		if from >= to || la.words[from].quoted {
			return token{}, false
		}
	}
	end := to
	for end > from && la.words[end-1].mark && strings.Contains(".!?,", la.words[end-1].text) {
		end--
	}
	return token{class: tQuoted, from: t.to, to: end, text: joinWords(la.words[from:end])}, end > from
}

// reasonAfter makes what stands behind a colon the reason of a change: pause http
// on web01 for an hour: load test. What names hosts or services there may be
// meant otherwise.
func (lx *Lexicon) reasonAfter(la *lattice, v int, t token, to int) (token, bool) {
	i, ok := lx.verbs[v].argIdx["reason"]
	if !ok || lx.verbs[v].Args[i].Kind != KindText || t.value != ":" || t.from < 2 || t.to >= to || len(la.matches[t.from-1]) > 0 && la.matches[t.from-1][0].n.is("polite") {
		return token{}, false
	}
	end := to
	for end > t.to && la.words[end-1].mark && strings.Contains(".!,", la.words[end-1].text) {
		end--
	}
	for k := t.to; k < end; k++ {
		w := la.words[k]
		if w.quoted || w.mark && !strings.Contains(",-()", w.text) || la.shapes[k].class == tAtom ||
			slices.ContainsFunc(la.matches[k], func(m match) bool {
				return slices.ContainsFunc(m.n.atoms, func(a atomSense) bool { return a.rank != rankMood }) ||
					slices.ContainsFunc(m.n.terms, func(x term) bool {
						return x.role == roleHead && x.b == 0 && lx.verbs[x.verb].Write && m.len == 1 && k == t.to
					})
			}) {
			return token{}, false
		}
	}
	return token{class: tQuoted, from: t.to, to: end, text: joinWords(la.words[t.to:end]), reason: true}, end > t.to
}

// joinWords puts words back together as they were typed.
func joinWords(ws []word) string {
	var b strings.Builder
	for i, w := range ws {
		if i > 0 && !(w.mark && strings.Contains(",;:.?!)", w.text)) && !strings.HasPrefix(w.text, "'") && !(i > 0 && ws[i-1].text == "(") {
			b.WriteByte(' ')
		}
		if w.quoted {
			b.WriteString(`"` + w.raw + `"`)
		} else {
			b.WriteString(w.raw)
		}
	}
	return b.String()
}

// A streamLexer feeds a stream to participle; the position of a token is its
// index in the stream.
type streamLexer struct {
	toks []token
	i    int
}

func (l *streamLexer) Next() (lexer.Token, error) {
	if l.i >= len(l.toks) {
		return lexer.Token{Type: tEOF, Pos: lexer.Position{Offset: l.i}}, nil
	}
	t := &l.toks[l.i]
	l.i++
	return lexer.Token{Type: t.class, Value: t.value, Pos: lexer.Position{Offset: l.i - 1}}, nil
}
