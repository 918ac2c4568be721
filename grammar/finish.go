package grammar

import (
	"cmp"
	"math"
	"slices"
	"strconv"
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
		b.noun = true
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

// phrasesFound gives the phrases of the verb that the words hold, and marks
// their words.
func (b *binding) phrasesFound() (found []*phrase, words int) {
	type hit struct{ phrase, piece, at int }
	var hits []hit
	for i := range b.toks {
		if b.toks[i].class != tTerm && b.toks[i].class != tCmp {
			continue
		}
		for _, x := range b.toks[i].terms {
			if x.role == roleHead {
				hits = append(hits, hit{int(x.a), int(x.b), i})
			}
		}
	}
	check := func(p *phrase) {
		at := make([]int, 0, 2)
		last := -1
		for j := range p.pieces {
			ok := false
			for _, h := range hits {
				if h.phrase == p.order && h.piece == j && h.at > last {
					at, last, ok = append(at, h.at), h.at, true
					break
				}
			}
			if !ok {
				return
			}
		}
		for _, n := range p.needs {
			if without, ok := strings.CutPrefix(n, "-"); ok == b.named(cmp.Or(without, n)) {
				return
			}
		}
		found = append(found, p)
		for _, piece := range p.pieces {
			if b.pron == "" && slices.Contains(piece, "them") {
				b.pron = "them" // install them
			}
		}
		for _, i := range at {
			if !b.used[i] || len(b.toks[i].terms) > 0 {
				words += b.toks[i].to - b.toks[i].from
			}
			b.used[i] = true
		}
		// The same piece said twice is the same word twice.
		for _, h := range hits {
			if h.phrase == p.order {
				b.used[h.at] = true
			}
		}
	}
	seen := -1
	slices.SortFunc(hits, func(x, y hit) int {
		if x.phrase != y.phrase {
			return x.phrase - y.phrase
		}
		return x.at - y.at
	})
	for _, h := range hits {
		if h.phrase != seen {
			seen = h.phrase
			check(&b.vb.phrases[seen])
		}
	}
	if len(found) == 0 {
		for i := range b.vb.phrases {
			if p := &b.vb.phrases[i]; len(p.pieces) == 0 {
				check(p)
			}
		}
	}
	return found, words
}

// named reports whether what a phrase needs was said.
func (b *binding) named(need string) bool {
	switch need {
	case "hosts":
		return b.asked || b.pron != "" && !b.fr.hosts.IsZero()
	case "noun":
		return b.noun
	case "where":
		return len(b.where) > 0
	}
	i, ok := b.vb.argIdx[need]
	if !ok {
		return false
	}
	if _, ok := b.args[need]; ok || len(b.units[need]) > 0 || b.many == i {
		return true
	}
	if b.pron == "it" || b.fr.edit {
		return b.fr.objects[b.vb.Args[i].Kind] != nil
	}
	return false
}

// carry applies what a phrase carries; what was said wins.
func (b *binding) carry(p *phrase) bool {
	for k, v := range p.set {
		switch k {
		case "sort":
			if b.vb.sort < 0 {
				if b.sort == "" {
					b.sort = v
				}
				if strings.HasPrefix(v, "-") != strings.HasPrefix(b.sort, "-") {
					b.sort = strings.TrimPrefix(b.sort, "-")
					if v[0] == '-' {
						b.sort = "-" + b.sort
					}
				}
				b.super = true
				continue
			}
		case "limit":
			n, _ := strconv.Atoi(v)
			if b.limit == 0 {
				b.take(float64(n))
			}
			continue
		case "where":
			for _, op := range []string{"<=", ">=", "!=", "<", ">", "="} {
				if f, val, ok := strings.Cut(v, op); ok {
					b.filter(Filter{Field: f, Op: op, Value: literal(val)})
					break
				}
			}
			continue
		}
		a := b.vb.Args[b.vb.argIdx[k]]
		if _, said := b.args[k]; said {
			continue
		}
		if a.List {
			b.args[k] = strings.Fields(v)
			continue
		}
		switch a.Kind {
		case KindInt, KindSeconds, KindBool, KindNumber, KindBytes, KindPercent:
			b.args[k] = literal(v)
		default:
			b.args[k] = v
		}
	}
	return true
}

// literal reads a value of the vocabulary's notation.
func literal(s string) any {
	switch s {
	case "true":
		return true
	case "false":
		return false
	}
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return n
	}
	if f, err := strconv.ParseFloat(s, 64); err == nil {
		return f
	}
	return s
}

// finish settles the heads, the words that are left, hosts and units, and
// makes the commands.
func (b *binding) finish() *outcome {
	o := &outcome{v: b.v, write: b.vb.Write}
	found, words := b.phrasesFound()
	if b.fr.edit && len(found) > 0 && b.vb.Write {
		return nil // a sentence with a verb of its own inherits nothing
	}
	for _, p := range found {
		b.carry(p)
	}
	if b.fr.edit {
		o.changed = b.filled || len(found) > 0 && slices.ContainsFunc(found, func(p *phrase) bool { return len(p.set) > 0 })
	}
	o.heads = 2 * words // a phrase of the verb weighs more than a mention of a field
	// Words of the verb that no found phrase holds.
	mention := false
	for i := range b.toks {
		t := &b.toks[i]
		if b.used[i] || t.class != tTerm {
			continue
		}
		if x := t.has(b.v, roleArgValue); x != nil && b.argValue(x) {
			b.used[i] = true
			continue
		}
		if x := t.has(b.v, roleArg); x != nil && (b.named(b.vb.Args[x.a].Name) || !b.vb.Write && b.vb.Args[x.a].Kind != KindText) {
			b.used[i] = true
			continue
		}
		if b.vb.Write {
			continue
		}
		if x := t.has(b.v, roleFieldValue); x != nil {
			b.fieldValue(i, x)
			mention = true
			continue
		}
		if x := t.has(b.v, roleMost); x != nil && b.superlative(x) {
			b.used[i], mention = true, true
			continue
		}
		if x := t.has(b.v, roleLeast); x != nil && b.superlative(x) {
			b.used[i], mention = true, true
			continue
		}
		if t.has(b.v, roleField) != nil {
			b.used[i], mention = true, true
			o.heads++
		}
	}
	if len(b.where) > 0 || b.sort != "" {
		mention = true
	}
	if len(found) == 0 && !b.fr.edit && (b.vb.Write || !mention) {
		return nil
	}
	b.fillers(o)
	if b.vb.Write {
		if b.fr.odd || !b.fr.edit && b.nameBeforeVerb() {
			return nil
		}
		if b.question && !b.fr.dry {
			b.question = b.bareQuestion()
		}
		if b.question && !b.fr.dry {
			return nil
		}
	}
	b.inherit()
	o.soft = b.soft
	b.settle(o)
	return o
}

// bareQuestion reports whether the question mark stands behind an order that
// nobody was politely asked for: "reboot web01?"
func (b *binding) bareQuestion() bool {
	for i := range b.toks {
		if t := &b.toks[i]; t.class == tWord && t.is("polite") {
			for _, p := range []string{"can", "could", "would", "will", "may"} {
				if strings.HasPrefix(strings.ToLower(t.text), p) {
					return false
				}
			}
		}
	}
	return true
}

// nameBeforeVerb reports whether something that is not a host stands before
// the verb of a write: then it is a statement or a headline, not an order.
func (b *binding) nameBeforeVerb() bool {
	for i := range b.toks {
		t := &b.toks[i]
		switch t.class {
		case tTerm:
			if t.has(b.v, roleHead) != nil {
				return false
			}
		case tName, tIdent, tQuoted, tAddr, tDomain, tNum:
			return true
		}
	}
	return false
}

// fillers explains closed words that carry nothing, as far as the verb allows.
func (b *binding) fillers(o *outcome) {
	n := len(b.toks)
	taken := func(i int) bool { return i >= 0 && i < n && b.used[i] }
	for i := range b.toks {
		if b.used[i] {
			continue
		}
		t := &b.toks[i]
		ok := false
		switch t.class {
		case tMark:
			switch t.value {
			case ",", ".", "!", "?", "...":
				ok = true
			case ":":
				ok = taken(i-1) || i > 0 && b.toks[i-1].is("dry") || i > 0 && b.toks[i-1].is("polite")
			case "=":
				ok = taken(i-1) && taken(i+1)
			case "(", ")":
				ok = !b.vb.Write || i > 0 && b.toks[i-1].is("dry") || i+1 < n && b.toks[i+1].is("dry")
			}
		case tWord, tTerm: // a word of the verb may still be plain English
			switch {
			case t.is("polite"):
				ok = true
				if !b.vb.Write && !t.is("ask") {
					break
				}
			case t.is("again"), t.is("dry"):
				ok = true
			case t.is("would"):
				ok = b.fr.dry
			case t.is("prep"), t.is("det"), t.is("rel"), t.is("all"), t.is("only"), t.is("last"), t.is("next"):
				k := i + 1
				for k < n && !b.used[k] && b.toks[k].class == tWord && b.toks[k].is("det") {
					k++
				}
				ok = taken(k)
				if !b.vb.Write {
					ok = ok || t.is("det") || t.is("rel") || t.is("ask") || (t.is("prep") && taken(i-1)) || t.is("all") || t.is("only")
				} else if t.is("all") || t.is("rel") || t.is("only") || t.is("last") || t.is("next") {
					ok = false
				} else if ok && t.is("prep") {
					// Before a head or a host a preposition says something else.
					ok = b.toks[k].class != tAtom && b.toks[k].class != tPron && (i > 0 || b.fr.edit)
				}
			case t.is("conj"):
				ok = t.value == "and" && taken(i+1) && (taken(i-1) || b.fr.edit || i == 0 && b.fr.last != nil || i > 0 && b.toks[i-1].class == tMark)
				if !b.vb.Write && t.value == "and" && (i > 0 || b.fr.last != nil) && i+1 < n {
					ok = true
				}
			case t.is("sortby"):
				ok = !b.vb.Write && b.sort != ""
			case t.is("top"):
				ok = !b.vb.Write && b.sort != ""
			case t.is("ask"):
				ok = !b.vb.Write || b.fr.dry && (t.value == "do" || t.value == "does")
			}
			if ok && t.text != "" && t.is("pron") || t.is("det") && b.pron == "" && !b.fr.hosts.IsZero() && (strings.EqualFold(t.text, "their") || strings.EqualFold(t.text, "its")) {
				b.soft++
			}
			if ok && !b.vb.Write && !t.is("polite") && !t.is("det") && !t.is("prep") {
				b.soft++
			}
		}
		if ok {
			b.used[i] = true
		}
	}
	for i := range b.toks {
		if !b.used[i] {
			o.loose = append(o.loose, b.toks[i].from)
		}
	}
}

// inherit fills slots from the conversation: pronouns, follow-ups, the
// neighbour clause.
func (b *binding) inherit() {
	fr := b.fr
	if fr.edit && fr.last != nil {
		// What takes the place of something said before is likelier than
		// what is new.
		if b.asked && !fr.last.asked {
			b.soft++
		}
		for k := range b.args {
			if _, had := fr.last.Args[k]; !had {
				b.soft++
			}
		}
		if b.many < 0 {
			for k, v := range fr.last.Args {
				if _, said := b.args[k]; said || len(b.units[k]) > 0 {
					continue
				}
				if _, known := b.vb.argIdx[k]; known {
					b.args[k] = v
				}
			}
		} else {
			for k, v := range fr.last.Args {
				if _, said := b.args[k]; !said && k != b.vb.Args[b.many].Name {
					b.args[k] = v
				}
			}
		}
		where := slices.Clone(fr.last.Where)
		for _, w := range b.where {
			where = slices.DeleteFunc(where, func(x Filter) bool { return x.Field == w.Field && x.Op == w.Op })
			where = append(where, w)
		}
		b.where = where
		if b.sort == "" {
			b.sort = fr.last.Sort
		}
		if b.limit == 0 {
			b.limit = fr.last.Limit
		}
		if b.at.IsZero() && b.every == 0 {
			b.at, b.every = fr.last.At, fr.last.Every
		}
		return
	}
	if fr.lend != nil && fr.lend.Method != "" {
		for _, a := range b.vb.Args {
			if _, said := b.args[a.Name]; said || len(b.units[a.Name]) > 0 || !a.Required {
				continue
			}
			if v := fr.objects[a.Kind]; v != nil && a.Kind != KindText {
				b.fill(a, v)
			}
		}
	}
	if b.pron == "it" {
		for _, a := range b.vb.Args {
			if _, said := b.args[a.Name]; said || len(b.units[a.Name]) > 0 || !a.Required && a.Kind != KindCheck {
				continue
			}
			if v := fr.objects[a.Kind]; v != nil {
				b.fill(a, v)
				b.filledBefore = true
			}
		}
	}
	if b.pron == "them" && len(b.vb.Args) > 0 {
		if a := b.vb.Args[0]; a.List && !a.Required {
			if v, ok := fr.objects[a.Kind].([]string); ok && len(b.args) == 0 {
				b.args[a.Name] = v
			}
		}
	}
}

func (b *binding) fill(a Arg, v any) {
	switch {
	case a.List:
		if s, ok := v.(string); ok {
			v = []string{s}
		}
	default:
		if l, ok := v.([]string); ok {
			if len(l) != 1 {
				return
			}
			v = l[0]
		}
	}
	b.args[a.Name] = v
}

// settle resolves hosts and units, asks for what is missing and makes the commands.
func (b *binding) settle(o *outcome) {
	fr := b.fr
	cmd := Command{Method: b.vb.Method, Where: b.where, Sort: b.sort, Limit: b.limit, At: b.at, Every: b.every, DryRun: fr.dry && b.vb.Write}
	if b.super && b.sort != "" && b.limit == 0 && b.single && b.vb.limit < 0 && !b.vb.Write {
		cmd.Limit = 1
	}
	if b.vb.Hosts {
		cmd.On, cmd.asked = b.on, b.asked
		if cmd.On.IsZero() {
			switch {
			case fr.edit && fr.last != nil && !fr.last.On.IsZero():
				cmd.On, cmd.asked = fr.last.On, fr.last.asked
			case b.pron != "" && !fr.hosts.IsZero() && !(fr.unclear && b.vb.Write):
				cmd.On, cmd.asked = fr.hosts, true
			case b.pron != "" && !b.vb.Write && fr.hosts.IsZero() && !b.filledBefore:
				o.missing = append(o.missing, "hosts") // "them" is nobody yet
			case fr.lean && !b.vb.Write && !fr.hosts.IsZero():
				cmd.On, cmd.asked = fr.hosts, true
			case fr.lend != nil && !fr.lend.On.IsZero() && fr.lend.asked:
				cmd.On, cmd.asked = fr.lend.On, true
			case fr.last != nil && kin(fr.last.Method, b.vb) && fr.last.asked:
				cmd.On, cmd.asked = fr.last.On, true
			case b.vb.Write:
				o.missing = append(o.missing, "hosts")
			default:
				cmd.On = All()
			}
		} else if fr.edit && fr.last != nil && !b.bareSet {
			cmd.On = replaceFact(fr.last.On, b.on, b.fact)
		}
		if !cmd.On.IsZero() {
			b.set, _ = b.lx.eval(cmd.On.root)
			cmd.Hosts = b.lx.names(b.set)
			if cmd.Hosts == nil {
				cmd.Hosts = []string{}
			}
			o.empty = len(b.set) == 0
			if o.empty && b.vb.Write {
				o.missing = append(o.missing, "hosts")
			}
		}
	}
	if cmd.Limit > 1 && len(b.set) == 1 {
		o.soft++ // the first ten of one host: rather of something on it
	}
	if b.vague {
		o.missing = append(o.missing, "time")
	}
	if fr.edit && b.vb.Write && len(b.set) > 0 {
		// The service of the line before must fit the hosts of this one.
		for _, a := range b.vb.Args {
			if u, ok := b.args[a.Name].(string); ok && a.Kind == KindUnit {
				if on := b.lx.services[strings.TrimSuffix(strings.ToLower(u), ".service")]; len(on) > 0 && !meet(on, b.set) {
					o.loose = append(o.loose, b.toks[0].from)
				}
			}
		}
	}
	variants := []map[string]any{b.args}
	var alternatives []map[string]any
	for name, senses := range b.units {
		if len(variants) > 1 {
			return
		}
		var out []map[string]any
		for _, u := range senses {
			names := b.unitsFor(u)
			if len(names) == 0 {
				o.loose = append(o.loose, b.loosePlace(u))
				b.elsewhere(o, cmd, name, u)
				return
			}
			for k, n := range names {
				m := with(b.args, name, n)
				if k == 0 {
					out = append(out, m)
				}
				if len(names) > 1 {
					alternatives = append(alternatives, m)
				}
			}
		}
		variants = out
	}
	if b.many >= 0 && len(b.units) == 0 {
		variants = nil
		for _, v := range b.values {
			variants = append(variants, with(b.args, b.vb.Args[b.many].Name, v))
		}
	}
	var lacks []string
	for _, a := range b.vb.Args {
		if a.Required {
			if _, ok := variants[0][a.Name]; !ok {
				lacks = append(lacks, a.Name)
			}
		}
	}
	o.missing = append(lacks, o.missing...)
	make1 := func(args map[string]any) Command {
		c := cmd
		c.Args = args
		return c
	}
	switch {
	case len(alternatives) > 0 && len(variants) > 1:
		o.loose = append(o.loose, 0) // two short names that are not clear: say them in full
	case len(alternatives) > 0:
		for _, a := range alternatives {
			o.alts = append(o.alts, []Command{make1(a)})
		}
	case b.or && len(variants) > 1:
		for _, a := range variants {
			o.alts = append(o.alts, []Command{make1(a)})
		}
	}
	if len(b.orOn) > 1 && b.vb.Write {
		for _, s := range b.orOn {
			c := make1(variants[0])
			c.On = s
			set, _ := b.lx.eval(s.root)
			c.Hosts = b.lx.names(set)
			o.alts = append(o.alts, []Command{c})
		}
	}
	for _, a := range variants {
		o.commands = append(o.commands, make1(a))
	}
	if len(o.missing) == 1 && b.asked && b.vb.Write && !fr.edit {
		b.hostInstead(o, make1)
	}
}

// hostInstead reads "restart web01": a host where a service belongs may mean
// the host itself or one of its services. Nobody but the speaker knows.
func (b *binding) hostInstead(o *outcome, make1 func(map[string]any) Command) {
	i, ok := b.vb.argIdx[o.missing[0]]
	if !ok || b.vb.Args[i].Kind != KindUnit {
		return
	}
	if v, ok := b.hostVerb(); ok {
		c := make1(map[string]any{})
		c.Method = b.lx.verbs[v].Method
		o.alts = append(o.alts, []Command{c})
	}
	var units []string
	for s, on := range b.lx.services {
		if len(subtract(b.set, on)) == 0 {
			units = append(units, s)
		}
	}
	slices.Sort(units)
	for _, s := range units[:min(len(units), 5)] {
		o.alts = append(o.alts, []Command{make1(with(b.args, b.vb.Args[i].Name, unitName(s)))})
	}
	if len(o.alts) > 1 {
		o.missing = nil
	} else {
		o.alts = nil
	}
}

// hostVerb is the method that this verb's word means with a host for its
// object: restart the host.
func (b *binding) hostVerb() (int, bool) {
	for i := range b.toks {
		if b.toks[i].class != tTerm || b.toks[i].has(b.v, roleHead) == nil {
			continue
		}
		n := b.lx.root
		for _, w := range append(phraseWords(b.toks[i].text), "the", "host") {
			if n = n.kids[w]; n == nil {
				break
			}
		}
		if n == nil {
			continue
		}
		for _, t := range n.terms {
			if v := &b.lx.verbs[t.verb]; t.role == roleHead && t.forms == formPlain && v.Hosts && v.Write && len(v.phrases[t.a].pieces) == 1 {
				return int(t.verb), true
			}
		}
	}
	return 0, false
}

// elsewhere offers the hosts that have the service, for hosts that do not.
func (b *binding) elsewhere(o *outcome, cmd Command, arg string, u unitSense) {
	for _, n := range u.names {
		on := b.lx.services[strings.TrimSuffix(strings.ToLower(n.value), ".service")]
		if len(on) == 0 || n.alias && len(u.names) > 1 {
			continue
		}
		c := cmd
		c.Args = with(b.args, arg, n.value)
		c.On = Selector{&selNode{op: selFact, key: "service", text: strings.TrimSuffix(strings.ToLower(n.value), ".service")}}
		if len(on) <= 4 {
			c.On = Names(b.lx.names(on)...)
		}
		c.Hosts, c.asked = b.lx.names(on), true
		o.hints = []Command{c}
		return
	}
}

// kin reports whether a method of an id belongs to the list just shown.
func kin(last string, vb *verb) bool {
	family, _, _ := strings.Cut(vb.Method, ".")
	return last == family+".list" && slices.ContainsFunc(vb.Args, func(a Arg) bool { return a.Kind == KindID && a.Required })
}

func with(args map[string]any, name string, v any) map[string]any {
	m := make(map[string]any, len(args)+1)
	for k, x := range args {
		m[k] = x
	}
	m[name] = v
	return m
}

func (b *binding) loosePlace(u unitSense) int {
	for i := range b.toks {
		if b.toks[i].text == u.text {
			return b.toks[i].from
		}
	}
	return 0
}

// replaceFact makes "same for staging" change only the fact it names.
func replaceFact(last, now Selector, facts []string) Selector {
	if len(facts) == 0 || last.root == nil || last.root.op != selAnd || now.root.op != selFact {
		return now
	}
	out := Selector{}
	replaced := false
	for _, k := range last.root.kids {
		if k.op == selFact && slices.Contains(facts, k.key) {
			replaced = true
			continue
		}
		out = out.And(Selector{k})
	}
	if !replaced {
		return now
	}
	return out.And(now)
}

// unitsFor settles which units a service word means on the selected hosts.
func (b *binding) unitsFor(u unitSense) []string {
	if len(u.names) == 0 {
		return nil
	}
	if strings.EqualFold(u.text, u.names[0].value) && strings.Contains(u.text, ".") {
		return []string{u.names[0].value} // written out: taken literally
	}
	var here, exact, all []string
	for _, n := range u.names {
		if !slices.Contains(all, n.value) {
			all = append(all, n.value)
		}
		if !n.alias {
			exact = append(exact, n.value)
		}
		key := strings.TrimSuffix(strings.ToLower(n.value), ".service")
		if len(b.set) > 0 && meet(b.set, b.lx.services[key]) && !slices.Contains(here, n.value) {
			if !n.alias {
				return []string{n.value}
			}
			here = append(here, n.value)
		}
	}
	if len(here) > 0 {
		slices.Sort(here)
		return here
	}
	if b.vb.Write && len(b.set) > 0 {
		return nil // known on none of these hosts
	}
	if len(exact) > 0 {
		return exact[:1]
	}
	slices.Sort(all)
	return all
}
