package grammar

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"
)

// edits reads words as a change of the last command.
func (r *reader) edits(from, to int, fr frame) []*outcome {
	v, ok := r.lx.byName[fr.last.Method]
	if !ok {
		return nil
	}
	fr.dry = fr.last.DryRun
	fr.also.ing = fr.dry
	return r.verb(v, from, to, fr)
}

// outcomes binds the words by every verb that might explain them. bare tries
// the verbs that a name alone is enough for.
func (r *reader) outcomes(from, to int, fr frame, bare bool) []*outcome {
	var outs []*outcome
	tried := map[int]bool{}
	try := func(v int) {
		if tried[v] {
			return
		}
		tried[v] = true
		if r.lx.coverable(r.la, v, from, to, fr.also) {
			outs = append(outs, r.verb(v, from, to, fr)...)
		}
	}
	if bare {
		for v := range r.lx.verbs {
			if slices.ContainsFunc(r.lx.verbs[v].phrases, func(p phrase) bool { return len(p.pieces) == 0 }) {
				try(v)
			}
		}
		return outs
	}
	for i := from; i < to; i++ {
		for _, m := range r.la.matches[i] {
			if i+m.len > to {
				continue
			}
			for _, t := range m.n.terms {
				if !fr.also.admits(t.forms) {
					continue
				}
				if r.lx.verbs[t.verb].Write && t.role != roleHead {
					continue
				}
				try(int(t.verb))
			}
		}
	}
	return outs
}

// verb binds the words by one verb in all streams.
func (r *reader) verb(v, from, to int, fr frame) []*outcome {
	if r.la.short && r.lx.verbs[v].Write {
		return nil
	}
	r.stats.Verbs++
	var outs []*outcome
	streams, _ := r.lx.streams(r.la, v, fr.also, from, to)
	for _, s := range streams {
		if r.stats.Streams >= maxStreamsLine {
			r.stats.Refused = true
			return outs
		}
		r.stats.Streams++
		r.stats.Tokens += len(s)
		cl, err := r.lx.parse(s)
		if err != nil {
			r.traceStream(v, s, nil, err, fr.edit)
			continue
		}
		r.stats.Bindings++
		o := r.lx.bind(r.la, v, s, cl, &fr)
		if o != nil {
			if o.overlooked >= 0 && r.overlooked < 0 {
				r.overlooked = o.overlooked
			}
			outs = append(outs, o)
			if len(o.hints) > 0 && len(o.loose) == 1 && !fr.odd {
				r.hints = append(r.hints, o.hints)
			}
		}
		r.traceStream(v, s, o, nil, fr.edit)
	}
	return outs
}

// coverable reports whether the verb has a use for every word: the cheap
// test that keeps most verbs from being tried.
func (lx *Lexicon) coverable(la *lattice, v int, from, to int, also inflected) bool {
	vb := &lx.verbs[v]
	if vb.open >= 0 && vb.Args[vb.open].Kind == KindTopic {
		return true // takes whatever follows
	}
	// reach holds the positions that some choice of phrases arrives at.
	var store [maxWords + 1]bool
	reach := store[:]
	reach[from] = true
	for i := from; i < to; i++ {
		if !reach[i] {
			continue
		}
		any := false
		if vb.kinds[KindEndpoint] {
			if t, ok := lx.endpoint(la, i); ok && t.to <= to {
				any, reach[t.to] = true, true
			}
		}
		for _, m := range la.matches[i] {
			if i+m.len <= to && lx.uses(m.n, v, also) && !lx.objectOnly(la, v, i, m) {
				any, reach[i+m.len] = true, true
			}
		}
		if t, ok := lx.reasonAfter(la, v, la.shapes[i], to); ok && la.words[i].text == ":" {
			reach[t.to] = true // and the marks at the end
			for k := t.to; k < to; k++ {
				reach[k+1] = true
			}
		}
		if !any && lx.takes(la, v, i, from) {
			reach[i+1] = true
		}
	}
	return reach[to]
}

// objectOnly reports whether a phrase can only be the service that an order is
// about, which the verb does not take: right behind a word of some verb, and no
// noun follows it ("reload nginx hosts" is about hosts).
func (lx *Lexicon) objectOnly(la *lattice, v, i int, m match) bool {
	vb := &lx.verbs[v]
	if !vb.Write || vb.kinds[KindUnit] || vb.open >= 0 || i == 0 || len(m.n.closed)+len(m.n.atoms)+len(m.n.terms) > 0 {
		return false
	}
	for _, n := range m.n.names {
		if n.kind != KindUnit {
			return false
		}
	}
	if next := i + m.len; next < len(la.words) && lx.root.kids[la.words[next].text].is("noun") {
		return false
	}
	for _, before := range la.matches[i-1] {
		if before.len == 1 {
			return len(before.n.closed) == 0 && len(before.n.terms) > 0
		}
	}
	return false
}

// uses reports whether the verb has a use for a phrase.
func (lx *Lexicon) uses(n *node, v int, also inflected) bool {
	vb := &lx.verbs[v]
	for _, c := range n.closed {
		if classOf(c.class) != 0 && !(vb.Write && !also.ing && c.class == "ask" && c.value != "'s") {
			return true
		}
	}
	if lx.hasTerm(n, v, also) {
		return true
	}
	for _, s := range n.names {
		if vb.kinds[s.kind] || s.kind == KindUnit && vb.Hosts {
			return true
		}
	}
	return len(n.atoms) > 0 && (vb.Hosts || vb.kinds[KindHosts])
}

// takes reports whether the verb has a use for a word by its shape.
func (lx *Lexicon) takes(la *lattice, v, i, from int) bool {
	vb := &lx.verbs[v]
	switch la.shapes[i].class {
	case tDomain:
		return vb.open >= 0 || vb.kinds[KindDomain] || vb.kinds[KindEndpoint] || lx.introduces(la, v, i, from)
	case tIdent:
		if _, _, ok := lx.formal(vb, la.words[i].raw); ok {
			return true
		}
		return vb.open >= 0 && len(la.matches[i]) == 0 || lx.introduces(la, v, i, from) || lx.soughtIn(la, vb, i)
	case tAtom:
		return vb.Hosts || vb.kinds[KindHosts]
	case tPath:
		return vb.kinds[KindPath]
	case tAddr:
		return vb.kinds[KindEndpoint]
	}
	return true
}

// soughtIn reports whether the unknown word at i is what a question looks for in a
// log: deadlocks in the postgres log.
func (lx *Lexicon) soughtIn(la *lattice, vb *verb, i int) bool {
	if vb.Write || !vb.kinds[KindRegexp] || !la.unheard(i) || i+2 >= len(la.words) || la.words[i+1].text != "in" {
		return false
	}
	for k := i + 2; k < min(i+7, len(la.words)); k++ {
		if la.shapes[k].class == tPath || slices.Contains([]string{"log", "logs", "journal", "syslog", "logfile"}, la.words[k].text) {
			return true
		}
	}
	return false
}

// introduces reports whether a word before position i asks for any word next:
// an argument's, a comparison, or one of a free text before it.
func (lx *Lexicon) introduces(la *lattice, v, i, from int) bool {
	for j := i - 1; j >= from; j-- {
		for k := max(from, j-maxPhraseLength+1); k <= j; k++ {
			for _, m := range la.matches[k] {
				if k+m.len != j+1 {
					continue
				}
				for _, t := range m.n.terms {
					if int(t.verb) == v && t.role == roleArg && (j >= i-3 || lx.verbs[v].Args[t.a].Kind == KindText) {
						return true
					}
				}
				for _, c := range m.n.closed {
					if c.class == "cmp" && len(lx.verbs[v].Fields) > 0 && j == i-1 {
						return true
					}
				}
			}
		}
	}
	return false
}

// hasTerm is termsOf without the list.
func (lx *Lexicon) hasTerm(n *node, v int, also inflected) bool {
	for _, t := range n.terms {
		if int(t.verb) == v && also.admits(t.forms) {
			return true
		}
	}
	return false
}

// optionPlans and pending travel inside Reading until the clause is done.
type choice = Reading

// choose compares outcomes as plans: one runs, several ask.
func choose(outs []*outcome) choice {
	var full, part []*outcome
	for _, o := range outs {
		switch {
		case len(o.loose) > 0 || len(o.commands) == 0:
		case len(o.missing) > 0:
			part = append(part, o)
		default:
			full = append(full, o)
		}
	}
	better := func(a, b *outcome) int {
		if a.soft != b.soft {
			return a.soft - b.soft
		}
		return b.heads - a.heads
	}
	slices.SortStableFunc(full, better)
	slices.SortStableFunc(part, func(a, b *outcome) int {
		return cmp.Or(better(a, b), len(a.missing)-len(b.missing)) // mute web01: rather what lacks only a time
	})
	if len(full) > 0 && !(len(part) > 0 && orders(part[0], full[0])) {
		var plans [][]Command
		seen := map[string]bool{}
		for _, o := range full {
			if better(o, full[0]) != 0 {
				break
			}
			sets := [][]Command{o.commands}
			if len(o.alts) > 0 {
				sets = o.alts
			}
			for _, s := range sets {
				if len(full) == 1 && len(sets) == 1 {
					plans = append(plans, s)
				} else if k := planKey(s); !seen[k] {
					seen[k] = true
					plans = append(plans, s)
				}
			}
		}
		if len(plans) == 1 {
			return Reading{Status: OK, Commands: plans[0]}
		}
		return Reading{Status: Ambiguous, optionPlans: plans}
	}
	if len(part) > 0 {
		o := part[0]
		return Reading{Status: Incomplete, pending: o.commands, missing: o.missing[0], empty: o.empty}
	}
	return Reading{Status: Unknown}
}

// orders reports whether an order that lacks something is said with more words
// of its own than a question in the same words: "run a failover of pg-main"
// asks for the step, not for the state of the group.
func orders(part, full *outcome) bool {
	return part.write && !full.write && part.soft <= full.soft && part.heads >= full.heads+4
}

// planKey is equal for equal plans.
func planKey(cmds []Command) string {
	var b strings.Builder
	for _, c := range cmds {
		b.WriteString(c.Method)
		b.WriteByte(0)
		for _, h := range c.Hosts {
			b.WriteString(h)
			b.WriteByte(1)
		}
		c.Hosts = nil
		rest, err := json.Marshal(c)
		if err != nil {
			return err.Error()
		}
		b.Write(rest)
	}
	return b.String()
}
