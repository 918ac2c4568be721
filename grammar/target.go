package grammar

import (
	"slices"
	"strings"
)

// target reads a target expression into the selection.
func (b *binding) target(t *target) bool {
	if !b.vb.Hosts && !b.vb.kinds[KindHosts] {
		return b.botPronoun(t)
	}
	if b.vb.Write && t.Second != nil && len(t.Second.words) > 0 {
		return false // on in nyc: something was left out
	}
	var sel Selector
	switch {
	case t.AllBut != nil:
		ex, ok := b.exception(t.AllBut)
		if !ok {
			return false
		}
		sel = All().Except(ex)
	default:
		first, ok := b.hostTerm(t.First, t.Prep != nil)
		if !ok {
			return false
		}
		sel = first
		if b.vb.Write && len(t.But) == 0 && b.vagueAll(t.First) {
			return false
		}
		if len(t.Rest) > 0 && first.IsZero() {
			return false // "hosts and web01"
		}
		for _, j := range t.Rest {
			s, ok := b.hostTerm(j.Term, true)
			if !ok || s.IsZero() {
				return false
			}
			if j.Join.or() {
				if len(b.orOn) == 0 {
					b.orOn = append(b.orOn, sel)
				}
				b.orOn = append(b.orOn, s)
			}
			sel = sel.Or(s)
		}
		for _, e := range t.But {
			ex, ok := b.exception(e)
			if !ok {
				return false
			}
			sel = sel.Except(ex)
			if first.IsZero() {
				b.noun = true
			}
		}
	}
	if sel.IsZero() {
		return true
	}
	vague := t.AllBut == nil && b.vagueAll(t.First)
	if b.asked && (vague || b.vagueOn) && (b.vb.Write || vague || sel.Named()) {
		return false // "everything on web01" is not about all hosts
	}
	b.vagueOn = vague
	return b.narrowTo(sel)
}

// narrowTo adds a selection to what was named: several phrases intersect,
// unless each names hosts outright, which would be a contradiction.
func (b *binding) narrowTo(sel Selector) bool {
	if sel.And(b.on).root.size(false) > maxTerms {
		return false
	}
	if !b.on.IsZero() {
		set, _ := b.lx.eval(b.on.And(sel).root)
		if len(set) == 0 || b.on.Named() && sel.Named() {
			return false
		}
	}
	b.on = b.on.And(sel)
	b.asked, b.filled = true, true
	return true
}

// Named reports whether s is nothing but names of hosts, one by one.
func (s Selector) Named() bool {
	plain := s.root != nil
	if plain {
		s.root.visit(func(n *selNode) {
			if n.op != selName && n.op != selOr && n.op != selRange {
				plain = false
			}
		})
	}
	return plain
}

// botPronoun lets "it" stand for what a method of the bot takes.
func (b *binding) botPronoun(t *target) bool {
	if t.First == nil || len(t.Rest)+len(t.But) > 0 {
		return false
	}
	if p := t.First.Pron; p != nil && len(t.First.Narrow) == 0 {
		b.pronoun(b.tok(p).closedValue("pron"))
		return b.pron == "it" || b.pron == "them"
	}
	// "the dba one"
	return t.First.Noun != nil && !b.vb.Write && len(t.First.Narrow) == 0 && t.Prep == nil
}

// vagueAll reports whether a term is "everything" without a noun.
func (b *binding) vagueAll(h *hostTerm) bool {
	for i := range h.Bits {
		for _, a := range b.tok(&h.Bits[i]).atoms {
			if a.vague {
				return true
			}
		}
	}
	return false
}

// pronoun notes a pronoun; "it" beside "there" stays the thing.
func (b *binding) pronoun(p string) {
	if b.pron != "it" {
		b.pron = p
	}
}

func (b *binding) exception(e *except) (Selector, bool) {
	sel, ok := b.hostTerm(e.Term, true)
	if !ok || sel.IsZero() {
		return sel, false
	}
	for _, j := range e.More {
		s, ok := b.hostTerm(j.Term, true)
		if !ok || s.IsZero() {
			return sel, false
		}
		sel = sel.Or(s)
	}
	return sel, true
}

// hostTerm reads one member of a target. A zero Selector with ok is a bare
// noun: "hosts", "the servers".
func (b *binding) hostTerm(h *hostTerm, prep bool) (Selector, bool) {
	all, only := false, false
	if h.Lead != nil {
		for i := range h.Lead.words {
			t := b.tok(&h.Lead.words[i])
			all = all || t.is("all") || t.is("every")
			only = only || t.is("only")
		}
	}
	var sel Selector
	switch {
	case h.Range != nil:
		n, ok := b.span(h.Range)
		if !ok {
			return sel, false
		}
		sel = Selector{n}
	case len(h.Bits) > 0:
		s, ok := b.bits(h.Bits, prep)
		if !ok {
			return sel, false
		}
		sel = s
	case h.Served != nil:
		t := b.tok(h.Served.Name)
		s, ok := b.served(t)
		if !ok {
			return sel, false
		}
		sel = s
	case h.Pron != nil:
		p := b.tok(h.Pron).closedValue("pron")
		if p == "this" { // this server: there, and there is one
			p, b.single = "there", true
		}
		b.pronoun(p)
		if len(h.Narrow) == 0 {
			return sel, true
		}
	case h.Noun != nil:
		t := b.tok(h.Noun)
		v := t.closedValue("noun")
		if v == "ones" {
			return sel, false // which ones?
		}
		b.noun, b.single = true, b.single || v == "host"
		if v == "hosts" && all {
			sel = All()
		}
	}
	for i := range h.Narrow {
		s, ok := b.narrow(h.Narrow[i])
		if !ok || s.Named() && b.vagueAll(h) {
			return sel, false // "everything on web01"
		}
		if n := h.Narrow[i]; n.Not != nil || n.Non != nil || n.No != nil {
			sel = sel.Except(s)
		} else {
			if sel.Named() && s.Named() {
				return sel, false
			}
			sel = sel.And(s)
		}
	}
	if all {
		b.each = true
	}
	if only && b.fr.edit && b.fr.last != nil && !sel.IsZero() && !sel.Named() {
		sel = b.fr.last.On.And(sel)
		b.bareSet = true
	}
	return sel, true
}

// span reads "app1 to app8".
func (b *binding) span(s *hostSpan) (*selNode, bool) {
	from, to := b.nameOf(b.tok(s.From)), b.nameOf(b.tok(s.To))
	k := len(from)
	for k > 0 && isDigit(rune(from[k-1])) {
		k--
	}
	rest, ok := strings.CutPrefix(to, from[:k])
	a, ok1 := digits(from[k:])
	z, ok2 := digits(rest)
	if !ok || !ok1 || !ok2 || a > z || k == 0 {
		return nil, false
	}
	n, _, ok := b.lx.numbered(from[:k], from[k:], a, z)
	return n, ok
}

func (b *binding) nameOf(t *token) string {
	for _, a := range t.atoms {
		if a.rank == rankName && a.sel.op == selName {
			return a.sel.text
		}
	}
	return ""
}

// bits reads adjectives and names standing together: prod web servers.
func (b *binding) bits(refs []ref, prep bool) (Selector, bool) {
	var toks []*token
	noun, several := false, false
	for i := range refs {
		t := b.tok(&refs[i])
		if t.class == tNoun {
			noun = true
			b.noun = true
			several = t.closedValue("noun") != "host"
			b.single = b.single || !several
			continue
		}
		if t.class == tAtom {
			toks = append(toks, t)
		}
	}
	// A noun after the bits is not captured when it ends the production.
	if last := refs[len(refs)-1].Pos.Offset + 1; last < len(b.toks) && b.toks[last].class == tNoun {
		noun = true
	}
	var sel Selector
	names := 0
	if b.vb.Write && len(toks) > 1 {
		// "the databases db01" lacks a word: except? and?
		for _, t := range toks {
			if b.nameOf(t) != "" {
				names++
			}
		}
		if names > 0 && names < len(toks) {
			return sel, false
		}
		names = 0
	}
	for i, t := range toks {
		a, ok := b.sense(t, noun && len(toks) >= 1, len(toks) > 1 || prep)
		if !ok {
			return sel, false
		}
		if a.sel.op == selName || a.sel.op == selRange {
			names++
		}
		if a.one && !several {
			b.single = true
		}
		if a.sel.op == selFact {
			b.fact = append(b.fact, a.sel.key)
		}
		s := Selector{a.sel}
		if i > 0 && names == i+1 {
			sel = sel.Or(s) // web01 web02
			continue
		}
		sel = sel.And(s)
	}
	return sel, true
}

// sense chooses what one word selects.
func (b *binding) sense(t *token, noun, company bool) (atomSense, bool) {
	best, found := atomSense{}, false
	better := func(a atomSense) bool {
		if !found {
			return true
		}
		ra, rb := a.rank, best.rank
		if noun { // before a noun a name is rather an adjective
			if ra == rankName {
				ra = rankMood
			}
			if rb == rankName {
				rb = rankMood
			}
		}
		return ra < rb
	}
	for _, a := range t.atoms {
		if a.rank == rankStem && !a.noun && !noun {
			continue
		}
		if better(a) {
			best, found = a, true
		}
	}
	if !found {
		return best, false
	}
	for _, a := range t.atoms {
		if a.rank == best.rank && a.sel != best.sel && !slices.Equal(a.set, best.set) && best.rank != rankStem {
			// Two facts have this value: which is meant cannot be known.
			b.orOn = append(b.orOn, Selector{best.sel}, Selector{a.sel})
			return best, true
		}
	}
	return best, true
}

// served is the hosts that have a service.
func (b *binding) served(t *token) (Selector, bool) {
	var sel Selector
	exact := slices.ContainsFunc(t.names, func(n nameSense) bool { return n.kind == KindUnit && !n.alias })
	for _, n := range t.names {
		if n.kind != KindUnit || exact && n.alias {
			continue
		}
		s := strings.TrimSuffix(strings.ToLower(n.value), ".service")
		sel = sel.Or(Selector{&selNode{op: selFact, key: "service", text: s}})
	}
	return sel, !sel.IsZero()
}

func (b *binding) narrow(n *narrow) (Selector, bool) {
	if len(n.Bits) > 0 {
		return b.bits(n.Bits, true)
	}
	if len(n.Out) > 0 {
		return b.bits(n.Out, true)
	}
	var sel Selector
	for _, i := range append(slices.Clone(n.With), n.Lack...) {
		if b.tok(&i).class != tName {
			continue
		}
		s, ok := b.served(b.tok(&i))
		if !ok {
			return sel, false
		}
		sel = sel.And(s)
	}
	return sel, true
}
