package grammar

import (
	"slices"
	"strings"
)

// addInventory adds what the snapshot names.
func (lx *Lexicon) addInventory(said spokenNames) {
	inv := lx.inv
	lx.hosts = make([]string, len(inv.Hosts))
	for i := range inv.Hosts {
		lx.hosts[i] = inv.Hosts[i].Name
	}
	slices.Sort(lx.hosts)
	lx.hosts = slices.Compact(lx.hosts)
	lx.lower = make([]string, len(lx.hosts))
	lx.hostIdx = make(map[string]int32, len(lx.hosts))
	lx.all = make([]int32, len(lx.hosts))
	for i, h := range lx.hosts {
		lx.lower[i] = strings.ToLower(h)
		lx.hostIdx[lx.lower[i]] = int32(i)
		lx.all[i] = int32(i)
	}
	lx.units = map[string]string{}
	lx.groups, lx.facts, lx.services = map[string][]int32{}, map[string][]int32{}, map[string][]int32{}
	lx.factKeys, lx.stems, lx.people = map[string]bool{"mood": true, "service": true, "name": true}, map[string]bool{}, map[string]string{}

	for i := range inv.Hosts {
		h := &inv.Hosts[i]
		id := lx.hostIdx[strings.ToLower(h.Name)]
		for k, v := range h.Facts {
			k = strings.ToLower(k)
			lx.factKeys[k] = true
			key := k + "=" + strings.ToLower(v)
			lx.facts[key] = append(lx.facts[key], id)
		}
		mood := h.Mood
		if mood != "" {
			key := "mood=" + strings.ToLower(mood)
			lx.facts[key] = append(lx.facts[key], id)
		}
		for _, s := range h.Services {
			as := strings.TrimSuffix(s, ".service")
			s = strings.ToLower(as)
			if lx.isClosed(s) { // "is" and "on" are no services, whatever a host calls its own
				continue
			}
			if _, known := lx.units[s]; !known {
				lx.units[s] = unitName(as)
			}
			lx.services[s] = append(lx.services[s], id)
		}
		if name := lx.lower[id]; true {
			n := lx.root.kid(name)
			n.noNoun()
			n.atoms = append(n.atoms, atomSense{sel: &selNode{op: selName, text: name}, set: lx.all[id : id+1 : id+1], rank: rankName})
			for _, stem := range stemsOf(name) {
				lx.stems[stem] = true
			}
		}
	}
	for _, m := range []map[string][]int32{lx.facts, lx.services} {
		for k, v := range m {
			slices.Sort(v)
			m[k] = slices.Compact(v)
		}
	}
	lx.addSets(said)
	lx.addNames(said)
}

// noNoun takes the sense of "hosts" from a word that names some of them: one
// host called "vm", a group called "cluster". As a noun it would widen "disk on
// vm" to every host.
func (n *node) noNoun() {
	n.closed = slices.DeleteFunc(slices.Clone(n.closed), func(c closed) bool { return c.class == "noun" })
}

// isClosed reports whether a word holds sentences together.
func (lx *Lexicon) isClosed(word string) bool {
	n := lx.root.kids[word]
	return n != nil && slices.ContainsFunc(n.closed, func(c closed) bool { return c.class != "noun" })
}

// stemsOf is the letters a host name begins with, and those with the hyphens
// between them: runner for runner-a1, ceph and ceph-mon for ceph-mon-b.
func stemsOf(name string) []string {
	i := 0
	for i < len(name) && isLetter(name[i]) {
		i++
	}
	if i < 2 || i == len(name) || name[i] == '.' {
		return nil
	}
	k := i
	for k < len(name) && (isLetter(name[k]) || name[k] == '-') {
		k++
	}
	if k == len(name) {
		k = strings.LastIndexByte(name, '-') // its last part is what tells it from the others
	}
	if joint := strings.TrimRight(name[:k], "-"); len(joint) > i {
		return []string{name[:i], joint}
	}
	return []string{name[:i]}
}

func (lx *Lexicon) addAtom(words string, a atomSense) {
	n := lx.at(phraseWords(words))
	if a.rank == rankGroup {
		n.noNoun()
	}
	n.atoms = append(n.atoms, a)
}

// addSets adds groups, facts, moods and stems as words.
func (lx *Lexicon) addSets(said spokenNames) {
	for g, members := range lx.inv.Groups {
		g = strings.ToLower(g)
		var set []int32
		for _, m := range members {
			if id, ok := lx.hostIdx[strings.ToLower(m)]; ok {
				set = append(set, id)
			}
		}
		slices.Sort(set)
		set = slices.Compact(set)
		lx.groups[g] = set
		a := atomSense{sel: &selNode{op: selGroup, text: g}, set: set, rank: rankGroup, noun: true}
		for _, w := range spokenForms(g) {
			lx.addAtom(w, a)
			if s, ok := strings.CutSuffix(w, "s"); ok && len(s) > 2 {
				b := a
				b.rank, b.one = rankRole+1, true
				lx.addAtom(s, b)
			}
		}
		lx.addAtom("@"+g, a)
		for _, w := range spokenForms(g) {
			lx.addAtom(w+" group", a)
			lx.addAtom("group "+w, a)
		}
	}
	for key, set := range lx.facts {
		k, v, _ := strings.Cut(key, "=")
		if k == "mood" {
			continue
		}
		a := atomSense{sel: &selNode{op: selFact, key: k, text: v}, set: set, rank: rankFact}
		if k == "role" {
			a.rank = rankRole
		}
		if !strings.ContainsAny(k, ".") {
			named := a
			named.noun = true
			for _, w := range append([]string{strings.ReplaceAll(k, "_", " ")}, said["key"][k]...) {
				lx.addAtom(w+" "+v, named) // hosts with role web
				if k != "role" && speaksOfHosts(v) {
					lx.addAtom(v+" "+w, named) // the fra datacenter
				}
			}
		}
		if k != "role" && !speaksOfHosts(v) {
			continue // cpu_count=2 is said by its key
		}
		for _, w := range spokenForms(v) {
			lx.addAtom(w, a)
		}
		if k == "role" {
			b := a
			b.noun = true
			if isLetter(v[len(v)-1]) && len(v) > 1 {
				for _, w := range spokenForms(plural(v)) {
					lx.addAtom(w, b)
				}
			}
			b.rank = rankSynonym
			if first, last, ok := compound(v, said["part"]["role"]); ok {
				lx.addAtom(first+" "+plural(last), b)
				one := b
				one.one = true
				lx.addAtom(first+" "+last, one)
			}
			for _, w := range said["role"][v] {
				b.one = !strings.HasSuffix(w, "s")
				lx.addAtom(w, b)
			}
		} else {
			for _, w := range said["fact"][v] {
				lx.addAtom(w, a)
			}
		}
	}
	// A value without its version: ubuntu for ubuntu24.04.
	families := map[string]*selNode{}
	for key := range lx.facts {
		k, v, _ := strings.Cut(key, "=")
		i := 0
		for i < len(v) && isLetter(v[i]) {
			i++
		}
		if k != "role" && k != "mood" && i >= 3 && i < len(v) && isDigit(rune(v[i])) {
			families[v[:i]] = &selNode{op: selFact, key: k, text: v[:i] + "*"}
		}
	}
	for word, sel := range families {
		set, _ := lx.eval(sel)
		lx.addAtom(word, atomSense{sel: sel, set: set, rank: rankFact})
	}
	for mood, words := range said["mood"] {
		a := atomSense{sel: &selNode{op: selFact, key: "mood", text: mood}, set: lx.facts["mood="+mood], rank: rankMood}
		for _, w := range words {
			lx.addAtom(w, a)
		}
	}
	for stem := range lx.stems {
		set := lx.withPrefix(stem)
		a := atomSense{sel: &selNode{op: selGlob, text: stem + "*"}, set: set, rank: rankStem, noun: true}
		for _, w := range lx.unlessClosed(spokenForms(plural(stem))) {
			lx.addAtom(w, a)
		}
		a.noun = false
		for _, w := range lx.unlessClosed(spokenForms(stem)) {
			lx.addAtom(w, a)
		}
	}
}

// unlessClosed leaves out the spoken forms of a name that end like a phrase of
// English: "mx in", for mx-in.
func (lx *Lexicon) unlessClosed(forms []string) []string {
	return slices.DeleteFunc(forms, func(w string) bool {
		rest, last, _ := cutLast(w)
		return rest != "" && (len(last) < 2 || lx.root.kids[last] != nil && len(lx.root.kids[last].closed)+len(lx.root.kids[last].terms) > 0)
	})
}

// compound cuts a role that is written as one word before the noun it ends in:
// file server, for fileserver.
func compound(role string, nouns []string) (first, last string, ok bool) {
	for _, n := range nouns {
		if first, ok := strings.CutSuffix(role, n); ok && len(first) > 1 && isLetter(first[len(first)-1]) {
			return first, n, true
		}
	}
	return "", "", false
}

// speaksOfHosts reports whether a fact's value can be an adjective by itself.
func speaksOfHosts(v string) bool {
	letters := 0
	for i := range len(v) {
		if isLetter(v[i]) || v[i] >= 0x80 {
			letters++
		}
	}
	switch v {
	case "true", "false", "none", "unknown", "null", "nil":
		return false
	}
	return letters >= 2 && !isDigit(rune(v[0]))
}

// withPrefix is the hosts whose name is the stem and then something that is
// not a letter.
func (lx *Lexicon) withPrefix(stem string) []int32 {
	i, _ := slices.BinarySearch(lx.lower, stem)
	var set []int32
	for ; i < len(lx.lower) && strings.HasPrefix(lx.lower[i], stem); i++ {
		if len(lx.lower[i]) > len(stem) && !isLetter(lx.lower[i][len(stem)]) {
			set = append(set, int32(i))
		}
	}
	return set
}

// spokenForms is a name as written and with its joints as blanks.
func spokenForms(name string) []string {
	forms := []string{name}
	if s := strings.NewReplacer("_", " ", "-", " ").Replace(name); s != name {
		forms = append(forms, s)
	}
	return forms
}

func (lx *Lexicon) addName(words string, s nameSense) {
	ws := phraseWords(words)
	if len(ws) == 0 {
		return
	}
	n := lx.at(ws)
	if !slices.Contains(n.names, s) {
		n.names = append(n.names, s)
	}
}

// addNames adds everything that is not a host.
func (lx *Lexicon) addNames(said spokenNames) {
	inv := lx.inv
	for _, l := range []struct {
		kind  Kind
		names []string
	}{{KindCheck, inv.Checks}, {KindComponent, inv.Components}, {KindBackup, inv.Backups}, {KindFailover, inv.FailoverGroups},
		{KindApp, inv.Apps}, {KindWorkgroup, inv.Workgroups}, {KindCodeSet, inv.CodeSets}} {
		for _, name := range l.names {
			for _, w := range spokenForms(strings.ToLower(name)) {
				lx.addName(w, nameSense{kind: l.kind, value: name})
			}
		}
	}
	lx.addCheckParts()
	for path, words := range said["path"] {
		for _, word := range words {
			lx.addName(word, nameSense{kind: KindPath, value: path})
		}
	}
	for _, jid := range inv.People {
		local, _, _ := strings.Cut(jid, "@")
		lx.people[strings.ToLower(local)] = jid
		lx.addName(strings.ToLower(local), nameSense{kind: KindPerson, value: jid})
		lx.addName(strings.ToLower(jid), nameSense{kind: KindPerson, value: jid})
	}
	lx.addFirstNames()
	if inv.Asker != "" {
		lx.addName("me", nameSense{kind: KindPerson, value: inv.Asker})
		lx.addName("myself", nameSense{kind: KindPerson, value: inv.Asker})
	}
	for s := range lx.services {
		unit := lx.units[s]
		lx.addName(s, nameSense{kind: KindUnit, value: unit})
		lx.addName(unit, nameSense{kind: KindUnit, value: unit})
		for _, short := range shortNames(s) {
			for _, words := range spokenForms(short) {
				if words != s && !lx.endsInNoun(words) { // "redis server" is a server rather
					lx.addName(words, nameSense{kind: KindUnit, value: unit, alias: short != s})
				}
			}
		}
	}
	for alias, patterns := range said["service"] {
		for _, p := range patterns {
			for s := range lx.services {
				if s != alias && matchUnit(p, s) {
					lx.addName(alias, nameSense{kind: KindUnit, value: lx.units[s], alias: true})
				}
			}
		}
	}
}

// addCheckParts lets a part of a check's name that no other check has stand for
// it before "check": the lag check, for replication_lag. Only questions may say
// it so.
func (lx *Lexicon) addCheckParts() {
	of := map[string][]string{}
	for _, name := range lx.inv.Checks {
		for _, part := range strings.FieldsFunc(strings.ToLower(name), func(r rune) bool { return r == '_' || r == '-' }) {
			if len(part) > 2 && part != strings.ToLower(name) && !slices.Contains(of[part], name) {
				of[part] = append(of[part], name)
			}
		}
	}
	for part, names := range of {
		if len(names) == 1 && !lx.said([]string{part, "check"}) {
			lx.addName(part+" check", nameSense{kind: KindCheck, value: names[0], alias: true})
		}
	}
}

// addFirstNames lets priya.nair@example.net be priya, nair and priya nair, where
// only one person has that name and it is no word.
func (lx *Lexicon) addFirstNames() {
	of := map[string][]string{}
	for _, jid := range lx.inv.People {
		local, _, _ := strings.Cut(strings.ToLower(jid), "@")
		parts := strings.FieldsFunc(local, func(r rune) bool { return strings.ContainsRune("._-", r) })
		if len(parts) < 2 {
			continue
		}
		for _, part := range append(parts, strings.Join(parts, " ")) {
			if len(part) > 2 && !slices.Contains(of[part], jid) {
				of[part] = append(of[part], jid)
			}
		}
	}
	for name, people := range of {
		n := lx.find(phraseWords(name))
		if len(people) == 1 && !lx.means[name] && (n == nil || len(n.closed)+len(n.terms)+len(n.names)+len(n.atoms) == 0) {
			lx.addName(name, nameSense{kind: KindPerson, value: people[0]})
		}
	}
}

// endsInNoun reports whether several words end in one for hosts.
func (lx *Lexicon) endsInNoun(words string) bool {
	rest, last, _ := cutLast(words)
	return rest != "" && lx.root.kids[last].is("noun")
}

func matchUnit(pattern, s string) bool {
	a, b, ok := strings.Cut(pattern, "*")
	if !ok {
		return s == pattern
	}
	return strings.HasPrefix(s, a) && strings.HasSuffix(s, b) && len(s) > len(a)+len(b)
}

// unitName gives a bare service name its ending.
func unitName(s string) string {
	for _, end := range []string{".service", ".socket", ".timer"} {
		if strings.HasSuffix(s, end) {
			return s
		}
	}
	return s + ".service"
}

// shortNames are a unit's name without version digits and the endings that
// people leave out: redis-server, php8.2-fpm, smbd.
func shortNames(s string) []string {
	out := []string{s}
	add := func(n string) {
		if len(n) > 1 && !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if c := s[i]; c >= '0' && c <= '9' || c == '.' && i+1 < len(s) && isDigit(rune(s[i+1])) {
			continue
		}
		b.WriteByte(s[i])
	}
	add(strings.Trim(strings.ReplaceAll(b.String(), "--", "-"), "-@"))
	for _, n := range slices.Clone(out) {
		for _, end := range []string{"-server", "-daemon", "-exporter", "-agent"} {
			if base, ok := strings.CutSuffix(n, end); ok && end == "-server" {
				add(base)
			}
		}
		if base, ok := strings.CutSuffix(n, "d"); ok && len(base) > 2 {
			add(base)
		}
	}
	return out
}
