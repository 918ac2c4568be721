package grammar

import (
	"fmt"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"
)

// sentence writes plans as one sentence that reads back to the same plans.
func (lx *Lexicon) sentence(cmds []Command) string {
	parts := make([]string, len(cmds))
	for i := range cmds {
		parts[i] = lx.one(&cmds[i])
	}
	return strings.Join(parts, "; then ")
}

// one writes one command.
func (lx *Lexicon) one(c *Command) string {
	id, ok := lx.byName[c.Method]
	if !ok {
		return c.Method
	}
	v := &lx.verbs[id]
	if c.Method == methodConfirm && len(c.Args) == 0 {
		return c.Method // a bare yes needs its conversation; the method's name does not
	}
	if text, ok := lx.form(c); ok {
		return text
	}
	var b strings.Builder
	if c.DryRun {
		b.WriteString("dry run: ")
	}
	said := map[string]bool{}
	b.WriteString(lx.head(v, c, said))
	var tail []string
	bare := b.Len()
	for i, a := range v.Args {
		val, ok := c.Args[a.Name]
		if !ok || said[a.Name] {
			continue
		}
		text := lx.argText(v, a, val, c)
		if direct, ok := lx.direct(v, i, val); ok && b.Len() == bare {
			text = direct
		} else if again, rest, ok := strings.Cut(text, " "); ok && b.Len() == bare && strings.HasSuffix(" "+b.String(), " "+again) {
			text = rest // acknowledge alert 1, not alert alert 1
		}
		if a.Kind == KindText { // text runs to the end
			tail = append(tail, text)
			continue
		}
		b.WriteByte(' ')
		b.WriteString(text)
	}
	if v.Hosts && !c.On.IsZero() && (c.asked || v.Write || c.On.root.op != selAll) {
		if b.Len() == bare && v.Write && c.On.Named() && !strings.Contains(b.String()[strings.LastIndexByte(b.String(), ':')+1:][1:], " ") {
			b.WriteByte(' ') // reboot web01
		} else {
			b.WriteString(" on ")
		}
		b.WriteString(lx.place(c))
	}
	for i, w := range c.Where {
		if i == 0 {
			b.WriteString(" with ")
		} else {
			b.WriteString(" and ")
		}
		b.WriteString(filterText(v, w))
	}
	if c.Sort != "" {
		field, dir := c.Sort, "ascending"
		if f, ok := strings.CutPrefix(c.Sort, "-"); ok {
			field, dir = f, "descending"
		}
		fmt.Fprintf(&b, " sorted by %s %s", field, dir)
	}
	if c.Limit > 0 {
		fmt.Fprintf(&b, " top %d", c.Limit)
	}
	if c.Every > 0 {
		b.WriteString(" every " + spokenSeconds(int64(c.Every/time.Second)))
	}
	if !c.At.IsZero() {
		b.WriteString(" at " + c.At.UTC().Format(time.RFC3339))
	}
	for _, t := range tail {
		b.WriteString(", " + t)
	}
	return b.String()
}

// head is the first phrase that says the verb with what the command has, and
// marks the arguments it carries.
func (lx *Lexicon) head(v *verb, c *Command, said map[string]bool) string {
	best, score := -1, -1
	for i := range v.phrases {
		p := &v.phrases[i]
		if len(p.pieces) != 1 {
			continue
		}
		s := 0
		for _, n := range p.needs {
			if without, ok := strings.CutPrefix(n, "-"); ok {
				if _, has := c.Args[without]; has || without == "hosts" && c.asked {
					s = -99
				}
			} else if n == "kin" {
				s = -99
			} else if n == "hosts" {
				if !c.asked && !v.Write {
					s = -99
				}
			} else if _, ok := c.Args[n]; !ok {
				s = -99
			}
		}
		for k, val := range p.set {
			if k == "sort" || k == "limit" || k == "where" {
				s = -99
				continue
			}
			have, ok := c.Args[k]
			if list, isList := have.([]string); isList {
				have = strings.Join(list, " ")
			}
			if !ok || fmt.Sprint(have) != val {
				s = -99
				continue
			}
			s++
		}
		if s > score && lx.clean(v, p) {
			best, score = i, s
		}
	}
	if best < 0 {
		return v.Method
	}
	for k := range v.phrases[best].set {
		said[k] = true
	}
	return strings.Join(v.phrases[best].pieces[0], " ")
}

// clean reports whether a phrase says this verb and nothing else, whatever
// stands beside it.
func (lx *Lexicon) clean(v *verb, p *phrase) bool {
	n := lx.root
	for _, w := range p.pieces[0] {
		if n = n.kids[w]; n == nil {
			return false
		}
		if k := lx.root.kids[w]; k != nil {
			for _, c := range k.closed {
				switch c.class {
				case "not", "no", "hypo", "takeback", "said", "except", "then":
					if v.Method != methodCancel {
						return false
					}
				}
			}
		}
	}
	if p.order > 0 && len(n.names)+len(n.atoms) > 0 || slices.ContainsFunc(n.closed, func(c closed) bool { return classOf(c.class) != 0 }) {
		return false
	}
	id := lx.byName[v.Method]
	for _, t := range n.terms {
		if int(t.verb) != id && t.role == roleHead && t.forms != formPast {
			if other := &lx.verbs[t.verb].phrases[t.a]; len(other.pieces) == 1 && other.heldBy(p) {
				return false
			}
		}
	}
	return true
}

// heldBy reports whether p being said could mean other too: it asks for
// nothing that p does not.
func (other *phrase) heldBy(p *phrase) bool {
	for _, n := range other.needs {
		if n != "hosts" && n != "noun" && !slices.Contains(p.needs, n) {
			return false
		}
	}
	return true
}

// place writes the selection.
func (lx *Lexicon) place(c *Command) string {
	if c.On.root.op == selAll {
		return "all hosts"
	}
	if c.On.Named() || !c.On.root.speakable() {
		return lx.fold(c.Hosts)
	}
	on := lx.spelt(c.On.root)
	if text, ok := exceptText(on); ok {
		return text
	}
	if text := (Selector{on}).String(); text != "" && (len(text) <= 300 || len(c.Hosts) == 0) {
		return text
	}
	return lx.fold(c.Hosts)
}

// fold writes host names; those that are words of the language in full.
func (lx *Lexicon) fold(hosts []string) string {
	if !slices.ContainsFunc(hosts, lx.isWord) {
		return Fold(hosts)
	}
	var plain, words []string
	for _, h := range hosts {
		if lx.isWord(h) {
			words = append(words, "name="+strings.ToLower(h))
		} else {
			plain = append(plain, h)
		}
	}
	if len(plain) > 0 {
		words = append([]string{Fold(plain)}, words...)
	}
	return strings.Join(words, ", ")
}

// spelt is the selection with the hosts whose names are words of the language
// written in full: name=on.
func (lx *Lexicon) spelt(n *selNode) *selNode {
	odd := false
	n.visit(func(k *selNode) { odd = odd || k.op == selName && lx.isWord(k.text) })
	if !odd {
		return n
	}
	out := *n
	if n.op == selName {
		return &selNode{op: selFact, key: "name", text: n.text}
	}
	out.kids = make([]*selNode, len(n.kids))
	for i, k := range n.kids {
		out.kids[i] = lx.spelt(k)
	}
	return &out
}

// isWord reports whether a host's name means something else too.
func (lx *Lexicon) isWord(host string) bool {
	n := lx.root.kids[strings.ToLower(host)]
	return n != nil && (len(n.terms) > 0 || n.is("clock") || len(n.closed) > 0 && !giveWay(n.closed) ||
		slices.ContainsFunc(n.names, func(s nameSense) bool { return s.kind == KindPath }))
}

// speakable reports whether every atom can be written as one word.
func (n *selNode) speakable() bool {
	ok := true
	n.visit(func(k *selNode) {
		switch k.op {
		case selGroup, selFact, selName:
			ok = ok && selWord(strings.ReplaceAll(k.text, "*", "x")) && (k.op != selFact || selWord(k.key))
		}
	})
	return ok
}

// exceptText writes "these except those".
func exceptText(n *selNode) (string, bool) {
	if n.op != selAnd {
		return "", false
	}
	var base, but []*selNode
	for _, k := range n.kids {
		switch {
		case k.op != selNot:
			base = append(base, k)
		case k.kids[0].op == selAnd || k.kids[0].op == selNot:
			return "", false
		case k.kids[0].op == selOr:
			for _, x := range k.kids[0].kids {
				if x.op == selAnd || x.op == selOr || x.op == selNot {
					return "", false
				}
				but = append(but, x)
			}
		default:
			but = append(but, k.kids[0])
		}
	}
	if len(but) == 0 || len(base) == 0 {
		return "", false
	}
	text := Selector{&selNode{op: selAnd, kids: base}}.String()
	if len(base) == 1 {
		text = Selector{base[0]}.String()
	}
	if strings.Contains(text, ",") {
		return "", false
	}
	if text == "*" {
		text = "all hosts"
	}
	out := make([]string, len(but))
	for i, x := range but {
		out[i] = Selector{x}.String()
	}
	return text + " except " + strings.Join(out, " and "), true
}

// argText writes one argument so that it reads back.
func (lx *Lexicon) argText(v *verb, a Arg, val any, c *Command) string {
	for _, x := range a.Values {
		if len(x.Words) > 0 && sameValue(x.Value, val) {
			return x.Words[0]
		}
	}
	switch x := val.(type) {
	case bool:
		return a.Name + "=" + strconv.FormatBool(x)
	case int64:
		switch {
		case a.Kind == KindSeconds && len(a.Words) > 0:
			return a.Words[0] + " " + spokenSeconds(x)
		case a.Kind == KindSeconds && strings.HasPrefix(a.Name, "window"):
			return "over the last " + spokenSeconds(x)
		case a.Kind == KindSeconds:
			return "for " + spokenSeconds(x)
		case a.Name == "limit":
			return "top " + strconv.FormatInt(x, 10)
		}
		return intro(a) + " " + strconv.FormatInt(x, 10)
	case float64:
		return intro(a) + " " + strconv.FormatFloat(x, 'f', -1, 64)
	case time.Time:
		switch a.Name {
		case "since", "until", "at":
			return a.Name + " " + x.UTC().Format(time.RFC3339)
		}
		return intro(a) + " " + x.UTC().Format(time.RFC3339)
	case []string:
		out := make([]string, len(x))
		for i, s := range x {
			out[i] = lx.valueText(a, s, c)
		}
		list := strings.Join(out, " and ")
		if len(a.Words) > 0 && (open(a.Kind) || listKind(a.Kind)) {
			return intro(a) + " " + list
		}
		return list
	case string:
		s := lx.valueText(a, x, c)
		switch {
		case a.Kind == KindText && len(a.Words) > 0:
			return a.Words[0] + ": " + quoted(x)
		case a.Kind == KindRegexp:
			return "matching " + quoted(x)
		case (open(a.Kind) || listKind(a.Kind)) && len(a.Words) > 0:
			return intro(a) + " " + s
		}
		return s
	}
	return fmt.Sprint(val)
}

// direct writes a value that needs no introducing word: an identifier right
// behind the verb, or a name that means nothing else.
func (lx *Lexicon) direct(v *verb, i int, val any) (string, bool) {
	a := v.Args[i]
	list, ok := val.([]string)
	if s, single := val.(string); single {
		list, ok = []string{s}, true
	}
	if !ok || len(list) == 0 {
		return "", false
	}
	for _, s := range list {
		n := lx.root.kids[strings.ToLower(s)]
		switch {
		case listKind(a.Kind):
			if n == nil || len(n.closed)+len(n.atoms)+len(n.terms) > 0 || len(n.names) != 1 || n.names[0].value != s {
				return "", false
			}
		case i == v.open && open(a.Kind) && a.Kind != KindTopic && a.Kind != KindVersion:
			if n != nil || !plausible(s) || v.Write && a.Kind != KindID && lx.misspelt(strings.ToLower(s)) {
				return "", false
			}
			if !isDigit(rune(s[0])) && lx.shape(word{text: strings.ToLower(s), raw: s}, 0).class != tIdent {
				return "", false
			}
			if isDigit(rune(s[0])) && a.Kind != KindID {
				return "", false
			}
		default:
			return "", false
		}
	}
	return strings.Join(list, " and "), true
}

// listKind reports whether values of the kind share their words with others.
func listKind(k Kind) bool {
	switch k {
	case KindCheck, KindComponent, KindApp, KindBackup, KindWorkgroup, KindFailover:
		return true
	}
	return false
}

func intro(a Arg) string {
	if len(a.Words) > 0 {
		return a.Words[0]
	}
	return strings.ReplaceAll(a.Name, "_", " ")
}

// valueText writes one value of an argument.
func (lx *Lexicon) valueText(a Arg, s string, c *Command) string {
	switch a.Kind {
	case KindUnit:
		if base, ok := strings.CutSuffix(s, ".service"); ok {
			// A bare name is read only where some host has the service.
			if on, known := lx.services[strings.ToLower(base)]; known {
				if c.On.IsZero() {
					return base
				}
				if set, _ := lx.eval(c.On.root); meet(on, set) {
					return base
				}
			}
		}
	case KindPerson:
		if local, _, ok := strings.Cut(s, "@"); ok && lx.people[strings.ToLower(local)] == s {
			return local
		}
	}
	return s
}

// quoted puts text in quotation marks that the scanner reads back.
func quoted(s string) string {
	if strings.Contains(s, `"`) {
		if !strings.Contains(s, "`") {
			return "`" + s + "`"
		}
		return "'" + s + "'"
	}
	return `"` + s + `"`
}

// filterText writes a condition.
func filterText(v *verb, f Filter) string {
	kind := KindText
	if i, ok := v.fieldOf[f.Field]; ok {
		kind = v.Fields[i].kind()
	}
	val := fmt.Sprint(f.Value)
	switch x := f.Value.(type) {
	case float64:
		val = strconv.FormatFloat(x, 'f', -1, 64)
	case string:
		val = quoted(x)
	case int64:
		val = strconv.FormatInt(x, 10)
	}
	switch kind {
	case KindPercent:
		val += "%"
	case KindBytes:
		val += " bytes"
	case KindSeconds:
		val += " seconds"
	}
	return f.Field + " " + f.Op + " " + val
}

// spokenSeconds writes a length of time in its largest whole unit.
func spokenSeconds(n int64) string {
	for _, u := range []struct {
		n    int64
		name string
	}{{604800, "week"}, {86400, "day"}, {3600, "hour"}, {60, "minute"}} {
		if n >= u.n && n%u.n == 0 {
			k := n / u.n
			if k == 1 {
				return "1 " + u.name
			}
			return fmt.Sprintf("%d %ss", k, u.name)
		}
	}
	return fmt.Sprintf("%d seconds", n)
}

// Sentence writes commands as one canonical sentence, as [Reading.Canonical] does.
func (lx *Lexicon) Sentence(cmds []Command) string { return lx.sentence(cmds) }

// Verbs lists what can be said, in the order of the vocabulary. It must not be
// written to.
func (lx *Lexicon) Verbs() []Verb {
	out := make([]Verb, len(lx.verbs))
	for i := range lx.verbs {
		out[i] = lx.verbs[i].Verb
	}
	return out
}

// Methods lists the methods that can be spoken.
func (lx *Lexicon) Methods() []string {
	out := make([]string, 0, len(lx.verbs))
	for i := range lx.verbs {
		out = append(out, lx.verbs[i].Method)
	}
	sort.Strings(out)
	return slices.Compact(out)
}
