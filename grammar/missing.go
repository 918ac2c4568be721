package grammar

import (
	"slices"
	"strconv"
	"strings"
)

// What a word that is not understood stands in the place of; or a kind of which
// the inventory has a list.
const (
	MissingHost    = "host"
	MissingService = "service" // none of the hosts has it
	MissingTime    = "time"    // 25:00
)

// maxAmong bounds how many names are said instead of one that there is not.
const maxAmong = 5

// missing finds out what the words that are not understood would name, by
// reading the line with something there is in their place. It says so in the
// problem, and offers what could have been meant.
func (r *reader) missing(out *Reading) {
	if r.la.odd || r.gates.not {
		return
	}
	if r.noTime(out) {
		return
	}
	unknown := r.unknownWords()
	if len(unknown) == 0 || len(unknown) > 3 || unknown[0] <= r.skipPolite() || out.Problem == nil || out.Problem.Column != r.la.words[unknown[0]].col {
		return
	}
	if r.noHost(out, unknown) || len(unknown) > 1 {
		return
	}
	if !r.noService(out, unknown[0]) {
		r.noName(out, unknown[0])
	}
}

// instead reads the line with other words at some places.
func (r *reader) instead(at []int, with func(i int) string) Reading {
	words := slices.Clone(r.la.words)
	for _, i := range at {
		words[i].text = with(i)
		words[i].raw = words[i].text
	}
	return r.reread(words)
}

// reread reads other words in the place of the line.
func (r *reader) reread(words []word) Reading {
	r.stats.Rereads++
	sub := &reader{lx: r.lx, prev: r.prev, now: r.now, strict: true, overlooked: -1, asName: -1}
	out := sub.read(words, false)
	r.stats.Streams += sub.stats.Streams
	return out
}

// planned are the commands of a reading, also of one that lacks something.
func (r Reading) planned() []Command { return slices.Concat(r.Commands, r.pending) }

// noTime finds a time of day that there is not.
func (r *reader) noTime(out *Reading) bool {
	for i, w := range r.la.words {
		if w.quoted || w.mark || !r.looksLikeTime(i) {
			continue
		}
		got := r.instead([]int{i}, func(int) string { return "12:00" })
		if got.Status != OK && got.Status != Incomplete {
			continue
		}
		out.Problem = &Problem{Column: w.col, Word: w.raw, Missing: MissingTime}
		out.Suggestions = nil
		if in, ok := nextDay(w.text); ok { // 25:00 is one o'clock at night
			if meant := r.instead([]int{i}, func(int) string { return in }); meant.Status == OK {
				out.Suggestions = []string{meant.Canonical}
			}
		}
		return true
	}
	return false
}

// looksLikeTime reports whether the word at i is written like a time of day, and
// is none.
func (r *reader) looksLikeTime(i int) bool {
	w := r.la.words[i].text
	bare := strings.TrimSuffix(strings.TrimSuffix(w, "am"), "pm")
	if strings.Trim(bare, "0123456789:") != "" || bare == "" || !isDigit(rune(bare[0])) || len(bare) > 8 {
		return false
	}
	if _, ok := parseClock(w); ok {
		return false
	}
	return strings.Contains(bare, ":") || bare != w || i > 0 && r.isClass(i-1, "prep") && len(bare) == 2
}

// nextDay is a time of day that was counted on past midnight: 25:30 is 1:30.
func nextDay(s string) (string, bool) {
	hour, rest, _ := strings.Cut(s, ":")
	h, err := strconv.Atoi(hour)
	if err != nil || h < 24 || h >= 30 {
		return "", false
	}
	if rest == "" {
		rest = "00"
	}
	in := strconv.Itoa(h-24) + ":" + rest
	_, ok := parseClock(in)
	return in, ok
}

// noHost finds out whether the words stand where hosts would.
func (r *reader) noHost(out *Reading, unknown []int) bool {
	probes := r.plainHosts(len(unknown))
	if len(probes) < len(unknown) || slices.ContainsFunc(unknown, func(i int) bool { return !r.placed(i) }) {
		return false
	}
	got := r.instead(unknown, func(i int) string { return probes[slices.Index(unknown, i)] })
	for _, p := range probes {
		host := r.lx.hosts[r.lx.hostIdx[p]]
		if !slices.ContainsFunc(got.planned(), func(c Command) bool { return c.asked && slices.Contains(c.Hosts, host) }) {
			return false
		}
	}
	w := r.la.words[unknown[0]]
	out.Problem.Missing, out.Problem.Among = MissingHost, r.lx.hostsLike(w.text)
	if len(r.lx.root.atomsOf(out.Problem.Nearest)) == 0 {
		out.Problem.Nearest = "" // no hosts
	}
	if short, _, ok := strings.Cut(w.text, "."); ok && out.Problem.Nearest == "" {
		if i, known := r.lx.hostIdx[short]; known {
			out.Problem.Nearest = r.lx.hosts[i] // web01.example.net
		}
	}
	if out.Problem.Nearest == "" {
		// A suggestion without the word would be about more hosts.
		out.Suggestions = nil
		if _, ok := r.lx.byName[methodHosts]; ok {
			out.Suggestions = []string{r.lx.sentence([]Command{{Method: methodHosts}})}
		}
	}
	return true
}

// placed reports whether a name could stand at i: behind a preposition, in a list,
// or right behind what is asked or done.
func (r *reader) placed(i int) bool {
	i--
	for i > 0 && r.isClass(i, "det") {
		i--
	}
	return i >= 0 && (r.la.is(i, "prep") || r.la.is(i, "except") || r.la.lists(i) || r.la.termAt(i))
}

// plainHosts are up to n hosts whose names mean nothing else; with a service that
// the line names, if it names one.
func (r *reader) plainHosts(n int) []string {
	lx, from := r.lx, r.lx.all
	for i := range r.la.words {
		for _, m := range r.la.matches[i] {
			for _, s := range m.n.names {
				if on := lx.services[strings.ToLower(strings.TrimSuffix(s.value, ".service"))]; s.kind == KindUnit && len(on) >= n {
					from = on
				}
			}
		}
	}
	var out []string
	for _, id := range from {
		if len(out) == n {
			break
		}
		h := lx.lower[id]
		if k := lx.root.kids[h]; len(k.closed)+len(k.terms)+len(k.names) == 0 && len(k.atoms) == 1 {
			out = append(out, h)
		}
	}
	return out
}

// hostsLike are hosts whose names begin or end like s.
func (lx *Lexicon) hostsLike(s string) []string {
	var out []string
	stem := strings.TrimRight(s, "0123456789")
	for i, h := range lx.lower {
		if len(out) == maxAmong {
			break
		}
		if len(stem) >= 2 && strings.HasPrefix(h, stem) || len(s) >= 3 && strings.Contains(h, s) {
			out = append(out, lx.hosts[i])
		}
	}
	return out
}

// noService finds out whether the word stands where a service would that none
// of the hosts has.
func (r *reader) noService(out *Reading, at int) bool {
	said := r.la.words[at].text
	got := r.instead([]int{at}, func(int) string { return said + ".service" })
	for _, c := range got.planned() {
		if c.Args["unit"] != said+".service" || len(c.Hosts) == 0 || !c.asked {
			continue
		}
		there := r.lx.servicesOn(c.Hosts)
		like := r.lx.nearest(said, maxAmong)
		like = slices.DeleteFunc(like, func(n near) bool { return !slices.Contains(there, n.text) })
		p := out.Problem
		p.Missing, p.Hosts, p.Nearest, p.Among = MissingService, c.Hosts, "", there[:min(len(there), maxAmong)]
		if len(like) > 0 {
			p.Nearest = like[0].text // the spelling was guessed at
			return true
		}
		out.Suggestions = nil
		if _, ok := r.lx.byName[methodServices]; ok {
			out.Suggestions = []string{r.lx.sentence([]Command{{Method: methodServices, Hosts: c.Hosts, On: c.On, asked: true}})}
		}
		return true
	}
	return false
}

// noName finds out whether the word stands where a person, a check or the like
// would that there is not.
func (r *reader) noName(out *Reading, at int) {
	inv := r.lx.inv
	for _, of := range []struct {
		kind  Kind
		names []string
	}{
		{KindPerson, inv.People}, {KindWorkgroup, inv.Workgroups}, {KindCheck, inv.Checks}, {KindApp, inv.Apps},
		{KindComponent, inv.Components}, {KindBackup, inv.Backups}, {KindFailover, inv.FailoverGroups},
	} {
		i := slices.IndexFunc(of.names, func(name string) bool { return r.lx.root.only(strings.ToLower(name), of.kind) })
		if i < 0 || !r.takes(of.kind) {
			continue
		}
		got := r.instead([]int{at}, func(int) string { return strings.ToLower(of.names[i]) })
		for _, c := range got.planned() {
			if !r.lx.holds(c, of.kind, of.names[i]) {
				continue
			}
			p := out.Problem
			p.Missing = string(of.kind)
			for _, name := range of.names[:min(len(of.names), maxAmong)] {
				name, _, _ = strings.Cut(name, "@")
				p.Among = append(p.Among, name)
			}
			if !slices.ContainsFunc(of.names, func(name string) bool {
				local, _, _ := strings.Cut(name, "@")
				return strings.EqualFold(local, p.Nearest)
			}) {
				p.Nearest, out.Suggestions = "", nil
			}
			return
		}
	}
}

// only reports whether a word is a name of the kind and nothing else.
func (n *node) only(w string, kind Kind) bool {
	n = n.kids[w]
	return n != nil && len(n.closed)+len(n.terms)+len(n.atoms) == 0 && len(n.names) == 1 && n.names[0].kind == kind
}

// takes reports whether a verb that the line has the word of takes such names.
func (r *reader) takes(kind Kind) bool {
	for i := range r.la.words {
		for _, m := range r.la.matches[i] {
			if slices.ContainsFunc(m.n.terms, func(t term) bool { return t.role == roleHead && r.lx.verbs[t.verb].kinds[kind] }) {
				return true
			}
		}
	}
	return false
}

// holds reports whether an argument of the kind has the value.
func (lx *Lexicon) holds(c Command, kind Kind, value string) bool {
	v := &lx.verbs[lx.byName[c.Method]]
	return slices.ContainsFunc(v.Args, func(a Arg) bool {
		switch x := c.Args[a.Name].(type) {
		case string:
			return a.Kind == kind && x == value
		case []string:
			return a.Kind == kind && slices.Contains(x, value)
		}
		return false
	})
}

// servicesOn are the services that some of the hosts have, sorted.
func (lx *Lexicon) servicesOn(hosts []string) []string {
	set := make([]int32, 0, len(hosts))
	for _, h := range hosts {
		if i, ok := lx.hostIdx[strings.ToLower(h)]; ok {
			set = append(set, i)
		}
	}
	slices.Sort(set)
	var out []string
	for name, on := range lx.services {
		if meet(on, set) {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}
