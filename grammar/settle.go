package grammar

import (
	"slices"
	"strings"
)

// settle resolves hosts and units, asks for what is missing and makes the commands.
func (b *binding) settle(o *outcome) {
	fr := b.fr
	cmd := Command{Method: b.vb.Method, Where: b.where, Sort: b.sort, Limit: b.limit, At: b.at, Every: b.every, DryRun: fr.dry && b.vb.Write, about: b.about()}
	if b.super && b.sort != "" && b.limit == 0 && (b.single || b.oneOf()) && b.vb.limit < 0 && !b.vb.Write {
		cmd.Limit = 1
	}
	if b.bottom { // the bottom 3 by load
		cmd.Sort = strings.TrimPrefix(cmd.Sort, "-")
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
			case fr.last != nil && (b.kin || kin(fr.last.Method, b.vb)) && fr.last.asked && !(fr.unclear && b.vb.Write):
				cmd.On, cmd.asked = fr.last.On, true
			case b.vb.Write:
				o.missing = append(o.missing, "hosts")
			default:
				cmd.On = All()
			}
		} else if fr.edit && fr.last != nil && fr.lacks == missingExcept {
			cmd.On = fr.last.On.Except(b.on)
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
			if o.empty && b.vb.Write || b.vb.Write && (b.asked || b.pron != "") && b.single && !b.each && len(b.set) > 1 && !b.on.Named() {
				// "a web server": which of them?
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
				b.literal(o, cmd, name, u)
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
		o.alts = append(o.alts, []Command{make1(with(b.args, b.vb.Args[i].Name, b.lx.units[s]))})
	}
	if len(o.alts) > 1 {
		o.missing = nil
		o.soft++ // "restart etcd on etcd-1" rather names the service
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

// literal offers the unit by its full name, which needs no host to be known to
// have it, for hosts that do not: what was named is never swapped for others.
func (b *binding) literal(o *outcome, cmd Command, arg string, u unitSense) {
	for _, n := range u.names {
		if n.alias && len(u.names) > 1 {
			continue
		}
		c := cmd
		c.Args = with(b.args, arg, n.value)
		c.asked = true
		o.hints = []Command{c}
		return
	}
}

// kin reports whether a method of an id belongs to the list just shown.
func kin(last string, vb *verb) bool {
	return last == family(vb.Method)+".list" && slices.ContainsFunc(vb.Args, func(a Arg) bool { return a.Kind == KindID && a.Required })
}

// family is the first part of a method's name.
func family(method string) string {
	f, _, _ := strings.Cut(method, ".")
	return f
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
