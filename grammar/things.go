package grammar

import (
	"slices"
	"strings"
)

// things reads names, paths and identifiers into the arguments that take them.
func (b *binding) things(n *names, from, to int) {
	items := []*token{b.tok(n.First)}
	at := []int{n.First.Pos.Offset}
	or := false
	for _, m := range n.Rest {
		or = or || m.Join.or()
		items = append(items, b.tok(m.Name))
		at = append(at, m.Name.Pos.Offset)
	}
	arg := -1
	var vals []any
	var units []unitSense
	for k, t := range items {
		i, v, ok := b.slot(t, at[k], arg)
		if !ok || arg >= 0 && i != arg {
			if k > 0 {
				// The rest is not of the same kind: read each by itself.
				if or || b.vb.Write {
					return
				}
				for j := k; j < len(items); j++ {
					if i, v, ok := b.slot(items[j], at[j], -1); ok && b.put(i, []any{v}, nil, false) {
						b.used[at[j]] = true
					}
				}
				to = at[k]
				break
			}
			return
		}
		arg = i
		if u, isUnit := v.(unitSense); isUnit {
			if !slices.ContainsFunc(units, func(o unitSense) bool { return strings.EqualFold(o.text, u.text) }) {
				units = append(units, u)
			}
		} else {
			vals = append(vals, v)
		}
	}
	if b.put(arg, vals, units, or) {
		b.use(from, to)
	}
}

// put gives an argument the values read for it.
func (b *binding) put(i int, vals []any, units []unitSense, or bool) bool {
	a := b.vb.Args[i]
	if len(units) > 0 {
		if len(b.units[a.Name]) > 0 {
			return false
		}
		if len(units) > 1 {
			if b.many >= 0 && b.many != i {
				return false
			}
			b.many, b.or = i, or
		}
		b.units[a.Name] = units
		b.filled = true
		return true
	}
	if a.List {
		if or && len(vals) > 1 {
			return false
		}
		var list []string
		if old, ok := b.args[a.Name].([]string); ok {
			list = old
		}
		for _, v := range vals {
			s, ok := v.(string)
			if !ok {
				return false
			}
			if !slices.Contains(list, s) {
				list = append(list, s)
			}
		}
		b.args[a.Name] = list
		b.filled = true
		return true
	}
	if len(vals) > 1 {
		if b.many >= 0 {
			return false
		}
		b.many, b.or, b.values = i, or, vals
		b.filled = true
		return true
	}
	return b.set1(i, vals[0])
}

// slot finds the argument for one token and its value. same is the argument
// that the token before it in the list went to, or -1.
func (b *binding) slot(t *token, at, same int) (int, any, bool) {
	intro := b.introduced(at)
	if same >= 0 {
		intro = same
	}
	free := func(i int) bool {
		if same == i || b.vb.Args[i].List {
			return true
		}
		_, taken := b.args[b.vb.Args[i].Name]
		return !taken && len(b.units[b.vb.Args[i].Name]) == 0
	}
	ofKind := func(ks ...Kind) int {
		for _, k := range ks {
			if intro >= 0 && b.vb.Args[intro].Kind == k && free(intro) {
				return intro
			}
		}
		for _, k := range ks {
			for i, a := range b.vb.Args {
				if a.Kind == k && free(i) {
					return i
				}
			}
		}
		return -1
	}
	switch t.class {
	case tName:
		for _, s := range t.names {
			if s.kind == KindUnit || s.alias && b.vb.Write {
				continue
			}
			if i := ofKind(s.kind); i >= 0 && (intro < 0 || intro == i || b.vb.Args[intro].Kind != s.kind) {
				return i, s.value, true
			}
		}
		if i := ofKind(KindUnit); i >= 0 {
			u := unitSense{text: t.text}
			for _, s := range t.names {
				if s.kind == KindUnit {
					u.names = append(u.names, s)
				}
			}
			if len(u.names) > 0 {
				return i, u, true
			}
		}
		// A known name of another kind may still be what an open argument takes:
		// a package is often called like its service.
		if intro >= 0 && open(b.vb.Args[intro].Kind) && free(intro) {
			return intro, t.text, true
		}
		if b.vb.open >= 0 && b.vb.Args[b.vb.open].Kind == KindName {
			b.soft++ // the name is rather what it is known for
			return b.openSlot(t, at, intro, free)
		}
	case tPath:
		if i := ofKind(KindPath); i >= 0 {
			return i, t.text, true
		}
	case tAddr:
		if i := ofKind(KindEndpoint); i >= 0 {
			return i, t.text, true
		}
	case tDomain:
		if i := ofKind(KindDomain, KindEndpoint); i >= 0 {
			return i, strings.ToLower(t.text), true
		}
		return b.openSlot(t, at, intro, free)
	case tQuoted:
		if i, ok := b.vb.argIdx["reason"]; ok && t.reason && free(i) {
			return i, t.text, true
		}
		if intro >= 0 && (open(b.vb.Args[intro].Kind) || b.vb.Args[intro].Kind == KindText || b.vb.Args[intro].Kind == KindRegexp) && free(intro) {
			return intro, t.text, true
		}
		if i := ofKind(KindRegexp, KindTopic); i >= 0 {
			return i, t.text, true
		}
		return b.quotedName(t, ofKind)
	case tIdent:
		if i, v, ok := b.lx.formal(b.vb, t.text); ok && free(i) {
			return i, v, true
		}
		return b.openSlot(t, at, intro, free)
	}
	return -1, nil, false
}

// formal reads name=value, the form that every argument can be written in.
func (lx *Lexicon) formal(v *verb, s string) (int, any, bool) {
	name, val, ok := strings.Cut(s, "=")
	if !ok || val == "" {
		return -1, nil, false
	}
	i, ok := v.argIdx[strings.ToLower(name)]
	if !ok {
		return -1, nil, false
	}
	switch v.Args[i].Kind {
	case KindBool:
		return i, val == "true", val == "true" || val == "false"
	case KindInt, KindSeconds:
		n, isInt := literal(val).(int64)
		return i, n, isInt && n >= 0
	case KindEnum:
		for _, x := range v.Args[i].Values {
			if x.Value == val {
				return i, val, true
			}
		}
		return -1, nil, false
	case KindID, KindName, KindUser, KindVersion, KindCodeSet, KindRegexp:
		return i, val, plausible(val)
	}
	return -1, nil, false
}

// open reports whether a kind takes any identifier.
func open(k Kind) bool {
	switch k {
	case KindID, KindName, KindUser, KindVersion, KindTopic, KindCodeSet, KindDomain:
		return true
	}
	return false
}

// quotedName lets a known name stand in quotation marks: restart "nginx" on web01.
func (b *binding) quotedName(t *token, ofKind func(...Kind) int) (int, any, bool) {
	n := b.lx.root
	for _, w := range strings.Fields(strings.ToLower(t.text)) {
		if n = n.kids[w]; n == nil {
			return -1, nil, false
		}
	}
	for _, s := range n.names {
		if i := ofKind(s.kind); i >= 0 && s.kind == KindUnit && !s.alias {
			return i, unitSense{names: []nameSense{s}, text: t.text}, true
		} else if i >= 0 && s.kind != KindUnit {
			return i, s.value, true
		}
	}
	return -1, nil, false
}

// openSlot places an identifier that no list knows: after an introducing
// word, or right behind the verb.
func (b *binding) openSlot(t *token, at, intro int, free func(int) bool) (int, any, bool) {
	if !plausible(t.text) && (b.vb.Write || !plausible(strings.ReplaceAll(t.text, "*", "x"))) {
		return -1, nil, false
	}
	if b.lx.soughtIn(b.la, b.vb, t.from) {
		for i, a := range b.vb.Args {
			if a.Kind == KindRegexp && free(i) {
				return i, t.text, true
			}
		}
	}
	if intro >= 0 {
		k := b.vb.Args[intro].Kind
		if b.vb.Write && k == KindName && b.toks[at-1].is("det") {
			return -1, nil, false // package the lists
		}
		if (open(k) || k == KindRegexp || k == KindText && !b.vb.Write) && free(intro) && b.shaped(k, t.text) {
			return intro, t.text, true
		}
		return -1, nil, false
	}
	i := b.vb.open
	if t.known || i < 0 || !free(i) || b.vb.Args[i].Kind == KindText || !b.shaped(b.vb.Args[i].Kind, t.text) {
		return -1, nil, false
	}
	// Only cards have ids of letters: "ack a7" needs the noun of what it is about.
	if b.vb.Args[i].Kind == KindID && !strings.HasPrefix(b.vb.Method, "bot.") && !b.nounBefore(i, at) {
		return -1, nil, false
	}
	// In a write an unknown word that looks like a misspelt known one is one.
	if b.vb.Write && t.class != tName && b.vb.Args[i].Kind != KindVersion && b.vb.Args[i].Kind != KindID && !t.sure && b.lx.misspelt(strings.ToLower(t.text)) {
		return -1, nil, false
	}
	// Nothing but articles between the verb (or a name of the list) and it.
behind:
	for k := at - 1; k >= 0; k-- {
		p := &b.toks[k]
		switch {
		case p.class == tWord && !p.is("rel") && (p.is("det") || p.is("polite") || p.value == "of" || p.value == "for" || p.value == "to" || p.value == "about" || p.value == "with"):
			continue
		case p.class == tMark && p.value == ":":
			continue
		case p.class == tTerm && p.has(b.v, roleHead) != nil:
			// "install them": what is meant has been said.
			_, last, _ := cutLast(p.text)
			if b.vb.Write && (last == "them" || last == "it" || last == "that" || b.lastPiece(p)) {
				return -1, nil, false
			}
			return i, t.text, true
		}
		break behind
	}
	// In a question also right before its noun: "the openssl version", "java
	// processes", "is curl installed".
	next := at + 1
	for next < len(b.toks) && b.toks[next].class == tWord && b.toks[next].is("det") {
		next++
	}
	if !b.vb.Write && next < len(b.toks) && b.toks[next].class == tTerm {
		for _, x := range b.toks[next].terms {
			if int(x.verb) == b.v && (x.role == roleArg && int(x.a) == i || x.role == roleHead && slices.Contains(b.vb.phrases[x.a].needs, b.vb.Args[i].Name)) {
				return i, t.text, true
			}
		}
	}
	if b.fr.edit && !b.vb.Write || b.vb.Args[i].Kind == KindVersion {
		return i, t.text, true
	}
	return -1, nil, false
}

// nounBefore reports whether the token stands behind the noun of its argument
// at the end of the verb ("cancel job 9f3e"), or goes on with a list of such
// things.
func (b *binding) nounBefore(arg, at int) bool {
	if at == 0 || b.toks[at-1].class != tTerm || b.toks[at-1].has(b.v, roleHead) == nil {
		return false
	}
	_, last, _ := cutLast(b.toks[at-1].text)
	return slices.Contains(b.vb.Args[arg].Words, last) || b.fr.last != nil && kin(b.fr.last.Method, b.vb)
}

// lastPiece reports whether a word of the verb only ends phrases of it, so that
// nothing follows: bring web01 up to date.
func (b *binding) lastPiece(t *token) bool {
	last := false
	for _, x := range t.terms {
		if int(x.verb) == b.v && x.role == roleHead {
			if x.b == 0 && t.to-t.from == 1 {
				return false // update
			}
			last = last || x.b > 0
		}
	}
	return last
}

// cutLast divides a phrase at its last blank.
func cutLast(s string) (string, string, bool) {
	if i := strings.LastIndexByte(s, ' '); i >= 0 {
		return s[:i], strings.ToLower(s[i+1:]), true
	}
	return "", strings.ToLower(s), false
}

// plausible reports whether s can be an identifier of the wire.
func plausible(s string) bool {
	if s == "" || len(s) > 64 {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if !(isLetter(c) || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("._-+:", c) >= 0) {
			return false
		}
	}
	return true
}

// shaped reports whether s looks like a value of an open kind.
func (b *binding) shaped(k Kind, s string) bool {
	digit := strings.ContainsAny(s, "0123456789")
	switch k {
	case KindID:
		// Jobs and alerts are numbered; cards of the bot are three or four
		// characters of any sort.
		return !strings.ContainsAny(s, ".:+") && (digit || len(s) >= 3 && len(s) <= 4 && strings.HasPrefix(b.vb.Method, "bot."))
	case KindVersion:
		v := strings.TrimLeft(s, "vV")
		return v != "" && isDigit(rune(v[0]))
	case KindName: // 2.0.7 is the version of what was left out
		return strings.Trim(s, "0123456789.") != ""
	}
	return true
}

// misspelt reports whether a word is one mistake away from a known one.
func (lx *Lexicon) misspelt(s string) bool {
	var row distances
	for w, k := range lx.root.kids {
		if len(w)-len(s) > 1 || len(s)-len(w) > 1 || len(w) < 2 {
			continue
		}
		if len(s) <= 3 && (len(w) > 2 || len(k.closed) == 0) {
			continue // short words are all alike: only prepositions count
		}
		if row.distance(s, w, 1) <= 1 && lx.speaks(k, 0) {
			return true
		}
	}
	return false
}
