package grammar

import (
	"slices"
	"strings"
)

// finish settles the heads, the words that are left, hosts and units, and
// makes the commands.
func (b *binding) finish() *outcome {
	o := &outcome{v: b.v, write: b.vb.Write, overlooked: b.overlooked()}
	found, at, words := b.phrasesFound()
	if b.fr.edit && b.vb.Write && slices.ContainsFunc(found, func(p *phrase) bool { return p.set[b.fr.lacks] == "" }) {
		return nil // a sentence with a verb of its own inherits nothing, but for the answer to a question
	}
	if b.vb.Write && contradict(found, at) {
		return nil
	}
	for _, p := range found {
		b.carry(p)
	}
	if b.fr.edit {
		if b.vb.Write && !b.filled && len(found) == 0 {
			return nil // "it" alone changes nothing
		}
		o.changed = b.filled || len(found) > 0 && slices.ContainsFunc(found, func(p *phrase) bool { return len(p.set) > 0 })
	}
	o.heads = words // a phrase of the verb weighs more than a mention of a field
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
	o.heads += b.praise
	if len(found) == 0 && !b.fr.edit && (b.vb.Write || !mention) {
		return nil
	}
	b.fillers(o)
	if !b.vb.Write && b.onAll() {
		b.on, b.asked = All(), true
	}
	if b.vb.Write {
		if b.fr.odd {
			return nil
		}
		if b.question && !b.fr.dry {
			b.question = b.bareQuestion()
		}
		if b.question && !b.fr.dry {
			return nil
		}
	}
	for i := range b.toks {
		if b.toks[i].rather {
			b.soft += 2
		}
		if b.adjective(i) {
			return nil
		}
		if i > 0 && b.vb.Write && b.toks[i].class != b.toks[i-1].class && b.toks[i].class != tMark && strings.EqualFold(b.toks[i].text, b.toks[i-1].text) {
			return nil // a word said twice is not the service and its hosts
		}
		if i > 0 && strings.EqualFold(b.toks[i].text, family(b.vb.Method)) && (b.toks[i-1].class == tSuper || b.toks[i-1].has(b.v, roleMost) != nil || b.toks[i-1].has(b.v, roleLeast) != nil) {
			b.single = true // the oldest backup
		}
		if i > 0 && b.toks[i].class == tAtom && b.toks[i-1].class == tTerm && b.toks[i-1].has(b.v, roleArg) != nil && b.toks[i-1].has(b.v, roleHead) == nil && !b.vb.Write {
			b.soft++ // user postgres: what the word asks for, before hosts
		}
		if b.toks[i].both && !b.vb.Write {
			b.soft += b.unlikely(i)
		}
		if i > 0 && b.toks[i].class == tName && b.toks[i-1].class == tWord && b.toks[i-1].value == "by" {
			b.soft++ // hosts by load: a measure, before a check of that name
		}
	}
	b.inherit()
	o.soft = b.soft
	b.settle(o)
	if o.overlooked >= 0 {
		o.loose = append(o.loose, o.overlooked)
	}
	if b.vb.Write && !b.fr.edit && !b.fr.also.past && b.nameBeforeVerb() {
		return o.offered()
	}
	return o
}

// contradict reports whether two phrases that share no word carry different
// values of one argument: take web01 out of drain, drain.
func contradict(found []*phrase, at [][]int) bool {
	for i, p := range found {
		for j, q := range found[:i] {
			if slices.ContainsFunc(at[i], func(k int) bool { return slices.Contains(at[j], k) }) {
				continue
			}
			for k, v := range p.set {
				if w, ok := q.set[k]; ok && w != v {
					return true
				}
			}
		}
	}
	return false
}

// offered turns a complete outcome into one that is only offered.
func (o *outcome) offered() *outcome {
	if len(o.loose)+len(o.missing)+len(o.alts) > 0 || len(o.commands) != 1 {
		return nil
	}
	return &outcome{v: o.v, write: o.write, hints: o.commands, loose: []int{0}, overlooked: -1}
}

// adjective reports whether the token at i, a word of the verb, is rather the mood
// of the hosts behind it: the sad hosts, happy web servers.
func (b *binding) adjective(i int) bool {
	if b.vb.Write || b.toks[i].class != tTerm || i+1 >= len(b.toks) {
		return false
	}
	mood := b.lx.root.kids[strings.ToLower(b.toks[i].text)]
	if mood == nil || !slices.ContainsFunc(mood.atoms, func(a atomSense) bool { return a.rank == rankMood }) {
		return false
	}
	next := &b.toks[i+1]
	return next.class == tNoun || next.class == tAtom && !slices.ContainsFunc(next.atoms, func(a atomSense) bool { return a.rank == rankName })
}

// unlikely weighs how a word was taken that names hosts and a thing that the verb
// takes: behind "on" and before a noun it is rather the hosts, elsewhere the thing.
func (b *binding) unlikely(i int) int {
	place := i > 0 && b.toks[i-1].is("prep") && slices.Contains([]string{"on", "at", "from", "across"}, b.toks[i-1].value)
	switch {
	case b.toks[i].class == tName && place:
		return 2
	case b.toks[i].class == tAtom && !place && !(i+1 < len(b.toks) && b.toks[i+1].class == tNoun):
		return 1
	}
	return 0
}

// onAll reports whether a question says "on all" and no noun.
func (b *binding) onAll() bool {
	if !b.vb.Hosts || !b.on.IsZero() || b.pron != "" {
		return false
	}
	for i := range b.toks {
		if i > 0 && b.toks[i].is("all") && b.toks[i-1].is("prep") && (i+1 == len(b.toks) || b.toks[i+1].class == tMark) {
			return true
		}
	}
	return false
}

// bareQuestion reports whether the question mark stands behind an order that
// nobody was politely asked for: "reboot web01?"
func (b *binding) bareQuestion() bool {
	for i := range b.toks {
		if t := &b.toks[i]; t.class == tWord && (t.is("polite") || t.is("wish")) {
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
		case tName, tIdent, tQuoted, tAddr, tDomain:
			return true
		case tNum:
			if !b.timed[i] {
				return true
			}
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
			case t.is("wish"):
				ok = !b.vb.Write || b.fr.also.past
			case t.is("prep"), t.is("det"), t.is("rel"), t.is("all"), t.is("only"), t.is("last"), t.is("next"):
				k := i + 1
				for k < n && !b.used[k] && b.toks[k].class == tWord && b.toks[k].is("det") {
					k++
				}
				ok = taken(k)
				if !b.vb.Write {
					if t.is("det") && !ok {
						b.soft++ // those what?
					}
					ok = ok || t.is("det") || t.is("rel") || t.is("ask") || t.is("prep") && (taken(i-1) || i+1 < n && b.toks[i+1].is("ask")) || t.is("all") || t.is("only")
				} else if t.is("all") || t.is("rel") || t.is("only") || t.is("last") || t.is("next") {
					ok = false
				} else if ok && t.is("prep") {
					// Before a head or a host a preposition says something else.
					switch t.value {
					case "of", "for", "to", "from", "in", "on", "at", "into":
						ok = b.toks[k].class != tAtom && b.toks[k].class != tPron && b.toks[k].class != tClock && b.toks[k].class != tNoun && (i > 0 || b.fr.edit)
					default:
						ok = false // before six, one by one
					}
				}
			case t.is("conj"):
				ok = t.value == "and" && taken(i+1) && (b.fr.edit || i == 0 && b.fr.last != nil)
				if !b.vb.Write && t.value == "and" && (i > 0 || b.fr.last != nil) && i+1 < n {
					ok = true
				}
			case t.is("sortby"):
				ok = !b.vb.Write && (b.sort != "" || b.vb.sort >= 0 && b.args["sort"] != nil)
			case t.is("top"):
				ok = !b.vb.Write && b.sort != "" || i == 0 && strings.EqualFold(t.text, "first")
			case t.is("ask"):
				ok = !b.vb.Write || t.text == "'s" && taken(i-1) || b.fr.dry && (t.value == "do" || t.value == "does")
			}
			if ok && t.text != "" && t.is("pron") {
				b.soft++
			}
			if t.is("det") && b.pron == "" && !b.fr.hosts.IsZero() && (strings.EqualFold(t.text, "their") || strings.EqualFold(t.text, "its")) {
				b.soft += 2 // rather theirs who were named before
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
