package grammar

import (
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// shape reads a word by its letters: numbers, sizes, times, paths, globs.
func (lx *Lexicon) shape(w word, at int) token {
	t := token{class: tIdent, from: at, to: at + 1, text: w.raw}
	s := w.text
	if w.quoted {
		t.class = tQuoted
		return t
	}
	if w.mark {
		t.class, t.value = tMark, s
		return t
	}
	c := s[0]
	switch {
	case c == '/' || c == '~' && len(s) > 1 && s[1] == '/':
		t.class = tPath
		return t
	case c == '@' || c == '*' || c == '!' || strings.ContainsAny(s, "*[&") || strings.IndexByte(s, '=') > 0:
		if sel, err := ParseSelector(s); err == nil && lx.knownSelector(sel.root) {
			set, _ := lx.eval(sel.root)
			t.class = tAtom
			t.atoms = []atomSense{{sel: sel.root, set: set, rank: rankGroup, noun: true}}
			return t
		}
	}
	if rest, ok := strings.CutPrefix(s, "non-"); ok && lx.root.kids[rest] != nil && len(lx.root.kids[rest].atoms) > 0 {
		a := lx.root.kids[rest].atoms[0]
		t.class = tAtom
		t.atoms = []atomSense{{sel: &selNode{op: selNot, kids: []*selNode{a.sel}}, set: subtract(lx.all, a.set), rank: a.rank}}
		return t
	}
	if strings.HasPrefix(s, "http://") || strings.HasPrefix(s, "https://") {
		t.class = tAddr
		return t
	}
	if c >= '0' && c <= '9' || (c == '-' || c == '+') && len(s) > 1 && isDigit(rune(s[1])) {
		if numeric(&t, s, w.raw) {
			return t
		}
	}
	if host, port, ok := strings.Cut(s, ":"); ok && host != "" {
		if _, ok := digits(port); ok {
			t.class = tAddr
			return t
		}
	}
	if n, set, ok := lx.spokenRange(s); ok {
		t.class = tAtom
		t.atoms = []atomSense{{sel: n, set: set, rank: rankName, noun: true}}
		return t
	}
	if strings.HasSuffix(s, ".service") || strings.HasSuffix(s, ".timer") || strings.HasSuffix(s, ".socket") {
		if literalUnit(s) {
			t.class = tName
			t.names = []nameSense{{kind: KindUnit, value: w.raw}}
			return t
		}
	}
	if isDigit(rune(c)) || strings.Count(s, ":") > 1 {
		if _, err := netip.ParseAddr(s); err == nil {
			t.class = tDomain
			return t
		}
	}
	if i := strings.IndexByte(s, '.'); i > 0 && isLetter(s[len(s)-1]) && selWord(s) && !strings.ContainsAny(s, "/:_+") {
		t.class = tDomain
	}
	return t
}

// literalUnit reports whether s may be a unit name as the method table allows it.
func literalUnit(s string) bool {
	if len(s) > 255 {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if !(isLetter(c) || c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || strings.IndexByte(":_.@\\-", c) >= 0) {
			return false
		}
	}
	return true
}

// numeric reads words that begin with a digit.
func numeric(t *token, s, raw string) bool {
	if stampLike(s) {
		t.class = tStamp
		return true
	}
	i := 0
	if s[0] == '-' || s[0] == '+' {
		i = 1
	}
	for i < len(s) && (s[i] >= '0' && s[i] <= '9' || s[i] == '.' && i+1 < len(s) && isDigit(rune(s[i+1])) || s[i] == ',' && i+1 < len(s) && isDigit(rune(s[i+1]))) {
		i++
	}
	n, err := strconv.ParseFloat(strings.ReplaceAll(s[:i], ",", ""), 64)
	if err != nil || n > 1e15 {
		return false
	}
	t.num = n
	switch tail := s[i:]; {
	case tail == "":
		t.class = tNum
	case tail == "%":
		t.class = tPct
	case s[0] == '-' || s[0] == '+':
		return false
	case tail == "am" || tail == "pm" || strings.HasPrefix(tail, ":") && clockLike(s):
		t.class = tClock
	case tail == "st" || tail == "nd" || tail == "rd" || tail == "th":
		return false
	default:
		if size, ok := sizeUnits[tail]; ok && !(tail == "m" && raw[len(raw)-1] == 'm') {
			t.class, t.num = tSize, n*size
			return true
		}
		if secs, ok := gluedDuration(s); ok {
			t.class, t.num = tDur, secs
			return true
		}
		return false
	}
	return true
}

var sizeUnits = map[string]float64{"b": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40, "kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30, "tib": 1 << 40,
	"kb": 1e3, "mb": 1e6, "gb": 1e9, "tb": 1e12}

var secondUnits = map[string]float64{"s": 1, "sec": 1, "secs": 1, "m": 60, "min": 60, "mins": 60, "h": 3600, "hr": 3600, "hrs": 3600, "hour": 3600, "hours": 3600,
	"d": 86400, "day": 86400, "days": 86400, "w": 604800, "wk": 604800}

// gluedDuration reads 4h, 30min, 1h30m.
func gluedDuration(s string) (float64, bool) {
	total := 0.0
	for s != "" {
		i := 0
		for i < len(s) && (s[i] >= '0' && s[i] <= '9' || s[i] == '.') {
			i++
		}
		j := i
		for j < len(s) && isLetter(s[j]) {
			j++
		}
		n, err := strconv.ParseFloat(s[:i], 64)
		unit, ok := secondUnits[s[i:j]]
		if j == len(s) && i == j && total > 0 && math.Mod(total, 3600) == 0 { // 1h30
			unit, ok = 60, n < 60
		}
		if err != nil || !ok || n > 1e9 {
			return 0, false
		}
		total += n * unit
		s = s[j:]
	}
	return total, true
}

func clockLike(s string) bool {
	s = strings.TrimSuffix(strings.TrimSuffix(s, "am"), "pm")
	parts := strings.Split(s, ":")
	if len(parts) < 2 || len(parts) > 3 {
		return false
	}
	for i, p := range parts {
		n, ok := digits(p)
		if !ok || i > 0 && (len(p) != 2 || n > 59) || i == 0 && n > 24 {
			return false
		}
	}
	return true
}

func stampLike(s string) bool {
	return len(s) >= 10 && s[4] == '-' && s[7] == '-' && isDigit(rune(s[5])) && isDigit(rune(s[8])) && (len(s) == 10 || s[10] == 't')
}

// spokenRange reads web01-03 and web01..03, both ends being known hosts.
func (lx *Lexicon) spokenRange(s string) (*selNode, []int32, bool) {
	sep := "-"
	i := strings.LastIndex(s, "..")
	if i >= 0 {
		sep = ".."
	} else if i = strings.LastIndexByte(s, '-'); i < 0 {
		return nil, nil, false
	}
	left, right := s[:i], s[i+len(sep):]
	k := len(left)
	for k > 0 && isDigit(rune(left[k-1])) {
		k--
	}
	right = strings.TrimPrefix(right, left[:k])
	from, ok1 := digits(left[k:])
	to, ok2 := digits(right)
	if k == 0 || !ok1 || !ok2 || to < from {
		return nil, nil, false
	}
	return lx.numbered(left[:k], left[k:], from, to)
}

// numbered is the hosts prefix+from to prefix+to; the ends must exist.
func (lx *Lexicon) numbered(prefix, first string, from, to int) (*selNode, []int32, bool) {
	n := &selNode{op: selRange, text: prefix, spans: []span{{from, to, len(first)}}}
	if len(n.spans) == 0 || !lx.ends(n) {
		return nil, nil, false
	}
	set, _ := lx.eval(n)
	return n, set, true
}

// ends reports whether both ends of every span are known hosts.
func (lx *Lexicon) ends(n *selNode) bool {
	for _, sp := range n.spans {
		for _, v := range []int{sp.from, sp.to} {
			d := strconv.Itoa(v)
			for len(d) < sp.width {
				d = "0" + d
			}
			if _, ok := lx.hostIdx[n.text+d+n.after]; !ok {
				return false
			}
		}
	}
	return true
}

// knownSelector reports whether every part of a selector typed in its text
// form is known; it settles the widths of ranges.
func (lx *Lexicon) knownSelector(n *selNode) bool {
	ok := true
	n.visit(func(k *selNode) {
		switch k.op {
		case selName, selGlob, selRange, selGroup, selFact:
			_, known := lx.evalAtom(k)
			ok = ok && known
		}
	})
	return ok
}

// evalAtom resolves an atom as typed; ok is false when the inventory knows
// nothing of the sort.
func (lx *Lexicon) evalAtom(n *selNode) ([]int32, bool) {
	switch n.op {
	case selGroup:
		set, ok := lx.groups[n.text]
		return set, ok
	case selFact:
		if !lx.factKeys[n.key] {
			return nil, false
		}
		set, _ := lx.eval(n)
		return set, len(set) > 0 || n.key == "mood"
	case selRange:
		if !lx.ends(n) {
			// web[1-3] for web01 to web03: the width is a detail of typing.
			for width := 2; width <= 4; width++ {
				wide := *n
				wide.spans = slices.Clone(n.spans)
				for i := range wide.spans {
					wide.spans[i].width = width
				}
				if lx.ends(&wide) {
					*n = wide
					set, _ := lx.eval(n)
					return set, true
				}
			}
			return nil, false
		}
	}
	set, _ := lx.eval(n)
	return set, len(set) > 0
}
