package grammar

import (
	"slices"
	"strings"
)

// inverse is the operator that "not" makes of another.
var inverse = map[string]string{"<": ">=", ">": "<=", "<=": ">", ">=": "<", "=": "!=", "!=": "="}

// condition reads a comparison: "load over 4", "less than 10% disk free".
func (b *binding) condition(c *condition, from, to int) {
	loose := func() {
		for i := from; i < to; i++ {
			b.other(i)
		}
	}
	if b.vb.Write || len(b.vb.Fields) == 0 {
		loose()
		return
	}
	op, val := "", c.Value
	var opTok *token
	if c.Low != nil {
		// The two ends are two comparisons of one field.
		low, high := *c, *c
		low.Low, high.Low = nil, nil
		low.Bare, low.BareOp = c.Low, nil
		high.Bare, high.BareOp = c.High, nil
		if c.Low.Plain != nil && b.tok(c.Low.Plain).class == tNum { // between 1 and 5 days: the unit is said once
			switch u := c.High; {
			case u.Dur != nil && u.Dur.Count != nil && u.Dur.More == nil:
				low.Bare = &value{Dur: &duration{Count: &counted{Num: c.Low.Plain, Unit: u.Dur.Count.Unit}}}
			case u.Sized != nil:
				low.Bare = &value{Sized: &sized{Num: c.Low.Plain, Unit: u.Sized.Unit}}
			}
		}
		n := len(b.where)
		if b.compare(&low, ">=", nil, low.Bare, from, to) && b.compare(&high, "<=", nil, c.High, from, to) && b.where[n].Field == b.where[len(b.where)-1].Field {
			return
		}
		b.where = b.where[:n]
		for i := from; i < to; i++ {
			b.used[i] = false
		}
		loose()
		return
	}
	if c.Op != nil {
		opTok = b.tok(c.Op)
		op = opTok.text
		if c.OrMore != nil && (op == "=" || op == ">" || op == "<") {
			op = b.tok(c.OrMore).text
		}
	} else {
		op, val = b.tok(c.BareOp).text, c.Bare
	}
	if c.Not != nil {
		op = inverse[op]
	}
	switch {
	case b.compare(c, op, opTok, val, from, to):
	case op == ">" && len(c.Post) == 0 && val.Dur != nil && opTok != nil && b.la.words[opTok.from].text == "over" && b.spanned(c.Op.Pos.Offset, val.Dur):
		for i := from; i < c.Op.Pos.Offset; i++ {
			b.other(i)
		}
		b.use(c.Op.Pos.Offset, to) // sla over 30 days
	default:
		loose()
	}
}

// spanned reads a length of time that was taken for a comparison.
func (b *binding) spanned(at int, d *duration) bool {
	secs, ok := b.clk.seconds(d)
	return ok && b.length(at, secs)
}

// compare adds one comparison; false leaves the words unexplained.
func (b *binding) compare(c *condition, op string, opTok *token, val *value, from, to int) bool {
	kind, value, ok := b.value(val)
	if op == "contains" && ok && val.Plain != nil {
		kind, value = KindText, b.tok(val.Plain).text
	}
	if !ok || op == "" {
		return false
	}
	f := -1
	// A comparative names its field itself: older than two days.
	if opTok != nil {
		for _, x := range opTok.terms {
			if int(x.verb) == b.v && (x.role == roleMore || x.role == roleLess) && fits(b.vb.Fields[x.a].kind(), kind, op) {
				f = int(x.a)
			}
		}
	}
	if f < 0 {
		f = b.fieldAround(c, kind, op)
	}
	if f < 0 {
		f = b.fieldAmong(c.Post, kind, op, false)
	}
	if f < 0 {
		f = b.fieldAmong(c.Pre, kind, op, true)
	}
	if f < 0 {
		f = b.fieldBefore(from, kind, op)
	}
	if f < 0 {
		f = b.fieldOfLast(kind, op)
	}
	if f < 0 && !b.counted(val) {
		f = b.mainOf(kind)
	}
	if f < 0 {
		return false
	}
	field := b.vb.Fields[f]
	if field.kind() == KindText || field.kind() == KindEnum {
		if s, isText := value.(string); isText {
			value = strings.ToLower(s)
			if field.kind() == KindText {
				value = s
			}
		}
		if op == "=" && kind == KindText && field.kind() == KindText && opTok != nil && opTok.is("cmp") && opTok.text == "contains" {
			op = "contains"
		}
	}
	b.filter(Filter{Field: field.Name, Op: op, Value: value})
	b.use(from, to)
	// Words of the clause beside the comparison still have their say.
	for _, list := range [][]ref{c.Pre, c.Post} {
		for i := range list {
			at := list[i].Pos.Offset
			if b.toks[at].class == tTerm && b.toks[at].has(b.v, roleField) == nil {
				b.used[at] = false
				b.term(at)
			}
		}
	}
	return true
}

// counted reports whether a number is one of things, which nothing here counts:
// more than 5 failed checks.
func (b *binding) counted(val *value) bool {
	if val.Plain == nil {
		return false
	}
	at := val.Plain.Pos.Offset + 1
	for i := at; i < min(at+2, len(b.toks)) && b.toks[i].class == tTerm; i++ {
		if t := &b.toks[i]; t.has(b.v, roleHead) != nil {
			return strings.HasSuffix(b.la.words[t.to-1].text, "s")
		}
	}
	return false
}

// fieldAround is the field that the word before the comparison names together
// with the word behind it: inodes below 10% free; or -1.
func (b *binding) fieldAround(c *condition, kind Kind, op string) int {
	if len(c.Post) == 0 {
		return -1
	}
	behind := b.tok(&c.Post[0])
	for i := range c.Pre {
		n := b.lx.root
		for _, w := range append(phraseWords(b.tok(&c.Pre[i]).text), phraseWords(behind.text)...) {
			if n = n.kids[strings.ToLower(w)]; n == nil {
				break
			}
		}
		if n == nil {
			continue
		}
		for _, x := range n.terms {
			if int(x.verb) == b.v && x.role == roleField && fits(b.vb.Fields[x.a].kind(), kind, op) && b.names(&c.Pre[i], x.a) {
				return int(x.a)
			}
		}
	}
	return -1
}

// names reports whether a word by itself names a field.
func (b *binding) names(r *ref, field int16) bool {
	return slices.ContainsFunc(b.tok(r).terms, func(x term) bool { return int(x.verb) == b.v && x.role == roleField && x.a == field })
}

// fieldBefore is the field that was named before the comparison and its own
// words: "5 minute load on the databases, anything above 8"; or -1.
func (b *binding) fieldBefore(at int, kind Kind, op string) int {
	for i := at - 1; i >= 0; i-- {
		t := &b.toks[i]
		if t.class != tTerm || t.has(b.v, roleField) == nil {
			continue
		}
		for _, x := range t.terms {
			if int(x.verb) == b.v && x.role == roleField && fits(b.vb.Fields[x.a].kind(), kind, op) {
				return int(x.a)
			}
		}
		return -1
	}
	return -1
}

// fieldOfLast is the field that the line before was about, where this one only
// says how much of it: "load of the web servers", "above 16"; or -1.
func (b *binding) fieldOfLast(kind Kind, op string) int {
	last := b.fr.last
	if !b.fr.edit || last == nil || last.Method != b.vb.Method {
		return -1
	}
	names := slices.Clone(last.about)
	for _, w := range last.Where {
		names = append(names, w.Field)
	}
	names = append(names, strings.TrimPrefix(last.Sort, "-"))
	best := -1
	for i, f := range b.vb.Fields {
		if slices.Contains(names, f.Name) && fits(f.kind(), kind, op) && (best < 0 || f.Main && !b.vb.Fields[best].Main) {
			best = i
		}
	}
	return best
}

// about is the fields that words of the line name, and of the line that it changes.
func (b *binding) about() []string {
	var out []string
	for i := range b.toks {
		if b.toks[i].class != tTerm {
			continue
		}
		for _, x := range b.toks[i].terms {
			if int(x.verb) == b.v && x.role == roleField {
				out = append(out, b.vb.Fields[x.a].Name)
			}
		}
	}
	if out == nil && b.fr.edit && b.fr.last != nil && b.fr.last.Method == b.vb.Method {
		out = b.fr.last.about
	}
	return out
}

func (b *binding) filter(f Filter) {
	for i, w := range b.where {
		if w.Field == f.Field && w.Op == f.Op && w.Value == f.Value {
			return
		} else if w == f {
			b.where[i] = f
			return
		}
	}
	b.where = append(b.where, f)
	b.filled = true
}

// value reads what a field is compared with and says what kind it is.
func (b *binding) value(v *value) (Kind, any, bool) {
	number := func(n float64) any {
		if n == float64(int64(n)) {
			return int64(n)
		}
		return n
	}
	switch {
	case v.Pct != nil:
		return KindPercent, number(b.tok(v.Pct).num), true
	case v.Percent != nil:
		return KindPercent, number(b.tok(v.Percent).num), true
	case v.Size != nil:
		return KindBytes, number(b.tok(v.Size).num), true
	case v.Sized != nil:
		return KindBytes, number(b.tok(v.Sized.Num).num * b.tok(v.Sized.Unit).num), true
	case v.Dur != nil:
		n, ok := b.clk.seconds(v.Dur)
		return KindSeconds, number(n), ok
	case v.Unit != nil:
		return KindSeconds, number(b.tok(v.Unit).num), true
	}
	t := b.tok(v.Plain)
	switch t.class {
	case tNum:
		return KindNumber, number(t.num), true
	case tTerm:
		if x := t.has(b.v, roleFieldValue); x != nil {
			return KindEnum, b.vb.Fields[x.a].Values[x.b].Value, true
		}
		return "", nil, false
	case tName:
		return KindText, t.text, true
	}
	if t.text == "true" || t.text == "false" {
		return KindBool, t.text == "true", true
	}
	return KindText, t.text, true
}

// fits reports whether a value of one kind can be compared with a field of another.
func fits(field, value Kind, op string) bool {
	if op == "contains" {
		return field == KindText || field == KindEnum
	}
	switch value {
	case KindNumber:
		return field == KindNumber || field == KindInt || field == KindPercent || field == KindText
	case KindText:
		return field == KindText || field == KindEnum
	case KindBool:
		return field == KindBool
	}
	return field == value
}

// fieldAmong is the field that one of the words names and the value fits; a
// field that more of the words name wins, then an exact kind.
func (b *binding) fieldAmong(words []ref, kind Kind, op string, before bool) int {
	votes := map[int16]int{}
	best := -1
	for k := range words {
		i := k // the word next to the comparison counts first
		if before {
			i = len(words) - 1 - k
		}
		for _, x := range b.tok(&words[i]).terms {
			if int(x.verb) != b.v || x.role != roleField && x.role != roleMore && x.role != roleLess {
				continue
			}
			k := b.vb.Fields[x.a].kind()
			if !fits(k, kind, op) && !(kind == KindText && k == KindText) {
				continue
			}
			votes[x.a] += 2
			if votes[x.a] == 2 && kind == KindNumber && k != KindPercent {
				votes[x.a]++
			}
			if best < 0 || votes[x.a] > votes[int16(best)] {
				best = int(x.a)
			}
		}
	}
	return best
}

// mainOf is the field that a bare value of a kind is compared with.
func (b *binding) mainOf(kind Kind) int {
	for i, f := range b.vb.Fields {
		if f.Main && fits(f.kind(), kind, "=") {
			return i
		}
	}
	return -1
}
