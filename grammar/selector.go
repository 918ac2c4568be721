package grammar

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
)

// A Selector is a selection of hosts as it was said, to be resolved when it
// is needed and again at "yes". The zero Selector names no hosts.
//
// Its text form, read by [ParseSelector]: web01, web*, web[01-10,12], @group,
// role=db, os=debian*, mood=sad, *. "!" is everything except, space or "&" intersects,
// "," unites, binding in that order.
type Selector struct{ root *selNode }

type selOp byte

const (
	selAll   selOp = iota + 1
	selName        // text
	selGlob        // text
	selRange       // text[spans]after
	selGroup       // text
	selFact        // key=text
	selNot         // kids[0]
	selAnd
	selOr
)

type selNode struct {
	op    selOp
	text  string
	key   string
	after string
	spans []span
	kids  []*selNode
}

// A span is one number range with its written width.
type span struct{ from, to, width int }

// IsZero reports whether no hosts were named.
func (s Selector) IsZero() bool { return s.root == nil }

// All selects every host.
func All() Selector { return Selector{&selNode{op: selAll}} }

// Names selects exactly the hosts named.
func Names(names ...string) Selector {
	kids := make([]*selNode, 0, len(names))
	for _, n := range names {
		kids = append(kids, &selNode{op: selName, text: n})
	}
	if len(kids) == 1 {
		return Selector{kids[0]}
	}
	return Selector{&selNode{op: selOr, kids: kids}}
}

// And is the hosts that both select; a zero Selector does not restrict.
func (s Selector) And(t Selector) Selector { return join(selAnd, s, t) }

// Or is the hosts that either selects.
func (s Selector) Or(t Selector) Selector { return join(selOr, s, t) }

// Except is the hosts of s that t does not select.
func (s Selector) Except(t Selector) Selector {
	if t.root == nil {
		return s
	}
	not := Selector{&selNode{op: selNot, kids: []*selNode{t.root}}}
	if s.root == nil {
		return All().And(not)
	}
	return s.And(not)
}

func join(op selOp, s, t Selector) Selector {
	if s.root == nil {
		return t
	}
	if t.root == nil {
		return s
	}
	var kids []*selNode
	for _, n := range []*selNode{s.root, t.root} {
		if n.op == op {
			kids = append(kids, n.kids...)
		} else {
			kids = append(kids, n)
		}
	}
	return Selector{&selNode{op: op, kids: kids}}
}

// maxTerms bounds how many intersections a selection may multiply out to.
const maxTerms = 64

// String is the selector in its text form; parsing it gives the same
// selection. A selection so tangled that it has no text of reasonable length
// (only [Selector.And] and its like can make one) has the empty text.
func (s Selector) String() string {
	if s.root == nil || s.root.size(false) > 16*maxTerms {
		return ""
	}
	var b strings.Builder
	s.root.write(&b)
	return b.String()
}

// write prints the node. The text form has no brackets: the selection is
// written as a union of intersections of atoms and complements of atoms.
func (n *selNode) write(b *strings.Builder) {
	for i, term := range n.terms(false) {
		if i > 0 {
			b.WriteByte(',')
		}
		for j, a := range term {
			if j > 0 {
				b.WriteByte('&')
			}
			if a.op == selNot {
				b.WriteByte('!')
				a = a.kids[0]
			}
			a.writeAtom(b)
		}
	}
}

// size is the number of terms, or something large.
func (n *selNode) size(negated bool) int {
	switch n.op {
	case selNot:
		return n.kids[0].size(!negated)
	case selAnd, selOr:
		total := 0
		if (n.op == selAnd) != negated {
			total = 1
		}
		for _, k := range n.kids {
			if (n.op == selOr) != negated {
				total += k.size(negated)
			} else {
				total *= k.size(negated)
			}
			if total > 1<<20 {
				return 1 << 20
			}
		}
		return total
	}
	return 1
}

// terms multiplies the node out; negated gives those of its complement.
func (n *selNode) terms(negated bool) [][]*selNode {
	switch n.op {
	case selNot:
		return n.kids[0].terms(!negated)
	case selAnd, selOr:
		if (n.op == selOr) != negated {
			var out [][]*selNode
			for _, k := range n.kids {
				out = append(out, k.terms(negated)...)
			}
			return out
		}
		out := [][]*selNode{nil}
		for _, k := range n.kids {
			var next [][]*selNode
			for _, left := range out {
				for _, right := range k.terms(negated) {
					next = append(next, append(slices.Clone(left), right...))
				}
			}
			out = next
		}
		return out
	}
	if negated {
		n = &selNode{op: selNot, kids: []*selNode{n}}
	}
	return [][]*selNode{{n}}
}

func (n *selNode) writeAtom(b *strings.Builder) {
	switch n.op {
	case selAll:
		b.WriteByte('*')
	case selName, selGlob:
		b.WriteString(n.text)
	case selRange:
		b.WriteString(n.text)
		b.WriteByte('[')
		for i, sp := range n.spans {
			if i > 0 {
				b.WriteByte(',')
			}
			fmt.Fprintf(b, "%0*d", sp.width, sp.from)
			if sp.to != sp.from {
				fmt.Fprintf(b, "-%0*d", sp.width, sp.to)
			}
		}
		b.WriteByte(']')
		b.WriteString(n.after)
	case selGroup:
		b.WriteString("@" + n.text)
	case selFact:
		b.WriteString(n.key + "=" + n.text)
	}
}

// selectorMax bounds a selector's text.
const selectorMax = 4096

// ParseSelector reads the text form. It knows no inventory: a name that no
// host has selects nothing, see [Selector.Unknown].
func ParseSelector(text string) (Selector, error) {
	if len(text) > selectorMax {
		return Selector{}, fmt.Errorf("grammar: selector longer than %d bytes", selectorMax)
	}
	var union Selector
	for _, part := range splitOutside(text, ",") {
		var inter Selector
		for _, atom := range splitOutside(part, " &\t") {
			a, err := parseAtom(atom)
			if err != nil {
				return Selector{}, err
			}
			inter = inter.And(a)
		}
		if inter.root == nil {
			return Selector{}, fmt.Errorf("grammar: selector %q: something is missing beside a comma", text)
		}
		if inter.root.op == selNot && strings.Contains(text, ",") {
			// "web*,!web02" would be all hosts: nobody means that.
			return Selector{}, fmt.Errorf("grammar: selector %q: %s beside a comma selects everything else as well; for an exception leave the comma out", text, strings.TrimSpace(part))
		}
		union = union.Or(inter)
	}
	if union.root == nil {
		return Selector{}, fmt.Errorf("grammar: empty selector")
	}
	return union, nil
}

// splitOutside cuts at any of the separators outside square brackets, and
// before a "!" that follows something, and drops empty parts between blanks.
func splitOutside(text, seps string) []string {
	var out []string
	depth, start := 0, 0
	blanks := strings.ContainsAny(seps, " ")
	cut := func(end int) {
		part := strings.TrimSpace(text[start:end])
		if part != "" || !blanks {
			out = append(out, part)
		}
	}
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '[':
			depth++
		case c == ']' && depth > 0:
			depth--
		case depth == 0 && strings.IndexByte(seps, c) >= 0:
			cut(i)
			start = i + 1
		case depth == 0 && blanks && c == '!' && i > start && text[i-1] != '!':
			cut(i)
			start = i
		}
	}
	cut(len(text))
	return out
}

func parseAtom(atom string) (Selector, error) {
	if rest, ok := strings.CutPrefix(atom, "!"); ok {
		s, err := parseAtom(strings.TrimSpace(rest))
		if err != nil {
			return Selector{}, err
		}
		return Selector{&selNode{op: selNot, kids: []*selNode{s.root}}}, nil
	}
	n, ok := atomNode(strings.ToLower(atom))
	if !ok {
		return Selector{}, fmt.Errorf("grammar: selector: %q is not a host, glob, range, @group or fact=value", atom)
	}
	return Selector{n}, nil
}

// atomNode reads one atom by its shape alone.
func atomNode(atom string) (*selNode, bool) {
	switch {
	case atom == "":
		return nil, false
	case atom == "*":
		return &selNode{op: selAll}, true
	case atom[0] == '@':
		return &selNode{op: selGroup, text: atom[1:]}, selWord(atom[1:])
	}
	if k, v, ok := strings.Cut(atom, "="); ok {
		if k == "name" && selWord(v) {
			return &selNode{op: selName, text: v}, true
		}
		return &selNode{op: selFact, key: k, text: v}, selWord(k) && selWord(strings.ReplaceAll(v, "*", "x"))
	}
	if i := strings.IndexByte(atom, '['); i >= 0 {
		return rangeNode(atom, i)
	}
	if strings.ContainsAny(atom, "*?") {
		return &selNode{op: selGlob, text: atom}, selWord(strings.NewReplacer("*", "x", "?", "x").Replace(atom))
	}
	return &selNode{op: selName, text: atom}, selWord(atom)
}

// selWord reports whether s can stand in a selector: letters, digits and the
// few marks that host names and fact values have.
func selWord(s string) bool {
	for _, r := range s {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '-', r == '.', r == '_', r == '/', r == ':', r == '+':
		case r > 127 && r != 0xFFFD:
		default:
			return false
		}
	}
	return s != ""
}

// rangeNode reads web[01-03,07]suffix.
func rangeNode(atom string, open int) (*selNode, bool) {
	closing := strings.IndexByte(atom, ']')
	if closing < open {
		return nil, false
	}
	n := &selNode{op: selRange, text: atom[:open], after: atom[closing+1:]}
	if n.text != "" && !selWord(n.text) || n.after != "" && !selWord(n.after) {
		return nil, false
	}
	for _, part := range strings.Split(atom[open+1:closing], ",") {
		sp, ok := parseSpan(strings.TrimSpace(part))
		if !ok {
			return nil, false
		}
		n.spans = append(n.spans, sp)
	}
	return n, true
}

// parseSpan reads 01-03 or 07; the second number may be shorter (web01-3).
func parseSpan(s string) (span, bool) {
	a, b, isRange := strings.Cut(s, "-")
	from, ok := digits(a)
	if !ok {
		return span{}, false
	}
	sp := span{from, from, len(a)}
	if isRange {
		if sp.to, ok = digits(strings.TrimLeft(b, ".")); !ok || sp.to < from {
			return span{}, false
		}
	}
	return sp, true
}

func digits(s string) (int, bool) {
	if s == "" || len(s) > 6 {
		return 0, false
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
	}
	n, err := strconv.Atoi(s)
	return n, err == nil
}

// has reports whether the range holds the name.
func (n *selNode) has(name string) bool {
	rest, ok := strings.CutPrefix(name, n.text)
	if !ok {
		return false
	}
	if rest, ok = strings.CutSuffix(rest, n.after); !ok {
		return false
	}
	v, ok := digits(rest)
	if !ok {
		return false
	}
	for _, sp := range n.spans {
		if v >= sp.from && v <= sp.to && len(rest) == max(sp.width, len(strconv.Itoa(v))) {
			return true
		}
	}
	return false
}

// matches reports whether the node selects h.
func (n *selNode) matches(h *Host, name string, groups map[string]bool) bool {
	switch n.op {
	case selAll:
		return true
	case selName:
		return n.text == name
	case selGlob:
		ok, _ := path.Match(n.text, name)
		return ok
	case selRange:
		return n.has(name)
	case selGroup:
		return groups[n.text]
	case selFact:
		switch n.key {
		case "mood":
			return strings.EqualFold(h.Mood, n.text)
		case "service":
			for _, s := range h.Services {
				if strings.EqualFold(strings.TrimSuffix(s, ".service"), n.text) {
					return true
				}
			}
			return false
		case "name":
			return n.text == name
		}
		if strings.Contains(n.text, "*") {
			v, has := h.Facts[n.key]
			ok, _ := path.Match(n.text, strings.ToLower(v))
			return has && ok
		}
		return strings.EqualFold(h.Facts[n.key], n.text)
	case selNot:
		return !n.kids[0].matches(h, name, groups)
	case selAnd:
		for _, k := range n.kids {
			if !k.matches(h, name, groups) {
				return false
			}
		}
		return true
	case selOr:
		for _, k := range n.kids {
			if k.matches(h, name, groups) {
				return true
			}
		}
	}
	return false
}

// Resolve gives the names of the selected hosts, sorted. The zero Selector
// selects none.
func (s Selector) Resolve(inv *Inventory) []string {
	out := []string{}
	if s.root == nil {
		return out
	}
	member := map[string]map[string]bool{} // host to groups
	s.root.visit(func(n *selNode) {
		if n.op != selGroup {
			return
		}
		for g, hosts := range inv.Groups {
			if strings.ToLower(g) != n.text {
				continue
			}
			for _, h := range hosts {
				h = strings.ToLower(h)
				if member[h] == nil {
					member[h] = map[string]bool{}
				}
				member[h][n.text] = true
			}
		}
	})
	for i := range inv.Hosts {
		name := strings.ToLower(inv.Hosts[i].Name)
		if s.root.matches(&inv.Hosts[i], name, member[name]) {
			out = append(out, inv.Hosts[i].Name)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// Unknown lists the host names, groups and facts of the selector that the
// inventory does not have, as they would be written.
func (s Selector) Unknown(inv *Inventory) []string {
	var out []string
	if s.root == nil {
		return nil
	}
	s.root.visit(func(n *selNode) {
		switch n.op {
		case selName, selGlob, selRange, selGroup, selFact:
			if len((Selector{n}).Resolve(inv)) == 0 {
				if n.op == selGroup {
					for g := range inv.Groups {
						if strings.ToLower(g) == n.text {
							return // known, and empty now
						}
					}
				}
				if n.op == selFact && (n.key == "mood" || n.key == "service") {
					return
				}
				out = append(out, Selector{n}.String())
			}
		}
	})
	return out
}

func (n *selNode) visit(f func(*selNode)) {
	f(n)
	for _, k := range n.kids {
		k.visit(f)
	}
}

// MarshalText and UnmarshalText carry a selector as its text form.
func (s Selector) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads the text form; empty text is the zero Selector.
func (s *Selector) UnmarshalText(b []byte) error {
	if len(b) == 0 {
		*s = Selector{}
		return nil
	}
	t, err := ParseSelector(string(b))
	if err == nil {
		*s = t
	}
	return err
}
