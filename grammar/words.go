package grammar

import (
	"math"
	"slices"
	"strings"
)

// other reads a token that no phrase took.
func (b *binding) other(i int) {
	if b.used[i] {
		return
	}
	t := &b.toks[i]
	switch t.class {
	case tTerm:
		b.term(i)
	case tNum:
		b.used[i] = b.number(i)
	case tNoun:
		b.noun = b.noun || t.closedValue("noun") != "ones"
		b.single = b.single || t.closedValue("noun") == "host"
		b.used[i] = !b.vb.Write
	case tSuper:
		b.super = true
		b.used[i] = !b.vb.Write && (b.sort != "" || b.vb.sort >= 0)
	case tMark:
		if t.value == "?" {
			b.question = true
		}
	}
}

// term reads a word of the verb that stands by itself: a value, an
// adjective, a superlative. Heads are settled in finish.
func (b *binding) term(i int) {
	t := &b.toks[i]
	if x := t.has(b.v, roleFieldValue); x != nil && !b.vb.Write && b.negation(i) >= 0 {
		b.fieldValue(i, x)
		return
	}
	if t.has(b.v, roleHead) != nil {
		return
	}
	if x := t.has(b.v, roleArgValue); x != nil {
		if b.argValue(x) {
			b.used[i] = true
			return
		}
	}
	if b.vb.Write {
		return
	}
	if x := t.has(b.v, roleFieldValue); x != nil {
		b.fieldValue(i, x)
		return
	}
	for _, r := range []role{roleMost, roleLeast} {
		if x := t.has(b.v, r); x != nil && b.superlative(x) {
			b.used[i] = true
			return
		}
	}
}

func (b *binding) argValue(x *term) bool {
	a := b.vb.Args[x.a]
	v := a.Values[x.b].Value
	if a.List {
		s, _ := v.(string)
		return b.put(int(x.a), []any{s}, nil, false)
	}
	return b.set1(int(x.a), v)
}

func (b *binding) fieldValue(i int, x *term) {
	f := b.vb.Fields[x.a]
	op, v := "=", f.Values[x.b].Value
	if n := b.negation(i); n >= 0 {
		b.used[n] = true
		if yes, ok := v.(bool); ok {
			v = !yes
		} else {
			op = "!="
		}
	}
	b.filter(Filter{Field: f.Name, Op: op, Value: v})
	b.used[i] = true
}

// negation is the "not" before a token, or -1.
func (b *binding) negation(i int) int {
	for k := i - 1; k >= 0; k-- {
		t := &b.toks[k]
		if t.class == tWord && t.value == "not" {
			return k
		}
		if t.class == tWord && (t.is("det") || t.is("ask")) {
			continue
		}
		break
	}
	return -1
}

func (b *binding) superlative(x *term) bool {
	sign := "-"
	if x.role == roleLeast {
		sign = ""
	}
	b.super, b.filled = true, true
	b.praise += 2 // weighs like a phrase: the longest uptime
	name := b.vb.Fields[x.a].Name
	if b.sort != "" && strings.TrimPrefix(b.sort, "-") != name {
		if strings.HasPrefix(b.sort, "-") != (sign == "-") {
			b.sort = sign + strings.TrimPrefix(b.sort, "-")
		}
		return true
	}
	b.sort = sign + name
	return true
}

// number reads a number that stands by itself: an id, a port, a limit.
func (b *binding) number(i int) bool {
	t := &b.toks[i]
	if i > 0 && !b.vb.Write && b.textField(i) {
		return true
	}
	whole := t.num == math.Trunc(t.num)
	intro := b.introduced(i)
	if intro >= 0 {
		a := b.vb.Args[intro]
		switch a.Kind {
		case KindInt:
			return whole && b.set1(intro, int64(t.num))
		case KindSeconds:
			return whole && b.set1(intro, int64(t.num))
		case KindBytes, KindNumber:
			return b.set1(intro, t.num)
		case KindRegexp, KindText:
			return b.set1(intro, t.text)
		}
		if open(a.Kind) {
			if _, taken := b.args[a.Name]; !taken || sameValue(b.args[a.Name], t.text) {
				return b.set1(intro, t.text)
			}
		}
	}
	for k, a := range b.vb.Args {
		if a.Kind == KindInt && k != b.vb.limit && i > 0 && whole && isDigit(rune(t.text[0])) {
			p := &b.toks[i-1]
			if _, taken := b.args[a.Name]; !taken && (p.class == tTerm || p.class == tWord && slices.Contains([]string{"on", "at", "in", "of", "via"}, p.value)) {
				return b.set1(k, int64(t.num))
			}
		}
	}
	if b.nextID(i) {
		return true
	}
	if i+1 < len(b.toks) && !b.vb.Write {
		switch n := &b.toks[i+1]; {
		case n.class == tNoun, n.class == tTerm && (b.vb.open < 0 || b.vb.limit >= 0), n.class == tSuper, n.class == tAtom, n.class == tName && b.vb.limit >= 0, n.class == tIdent && b.vb.limit >= 0,
			n.class == tWord && n.is("ask"):
			if b.take(t.num) {
				return true
			}
		}
	}
	// "yes 7f3 12": how many hosts are meant, behind the id.
	for k, a := range b.vb.Args {
		if a.Kind == KindPopulation && whole && i > 0 && b.vb.open >= 0 {
			if _, named := b.args[b.vb.Args[b.vb.open].Name]; named {
				return b.set1(k, int64(t.num))
			}
		}
	}
	if o := b.vb.open; o >= 0 && (b.vb.Args[o].Kind == KindID || b.vb.Args[o].Kind == KindVersion) && isDigit(rune(t.text[0])) {
		if _, taken := b.args[b.vb.Args[o].Name]; !taken {
			return b.set1(o, t.text)
		}
	}
	return false
}

// textField reads a number right behind the name of a text: kernel 6.1.
func (b *binding) textField(i int) bool {
	for _, x := range b.toks[i-1].terms {
		if int(x.verb) == b.v && x.role == roleField && b.vb.Fields[x.a].kind() == KindText && b.toks[i-1].class == tTerm {
			b.filter(Filter{Field: b.vb.Fields[x.a].Name, Op: "contains", Value: b.toks[i].text})
			b.used[i-1] = true
			return true
		}
	}
	return false
}

// nextID reads a further number of a list of ids: alerts 12 and 13.
func (b *binding) nextID(i int) bool {
	o := b.vb.open
	if o < 0 || b.vb.Args[o].Kind != KindID || i < 2 || b.toks[i-2].class != tNum || !isDigit(rune(b.toks[i].text[0])) {
		return false
	}
	if j := &b.toks[i-1]; j.value != "and" && j.value != "," {
		return false
	}
	name := b.vb.Args[o].Name
	switch {
	case b.many < 0 && sameValue(b.args[name], b.toks[i-2].text):
		b.many, b.values = o, []any{b.args[name]}
	case b.many != o:
		return false
	}
	b.values = append(b.values, b.toks[i].text)
	b.used[i-1] = true
	return true
}
