package grammar

import (
	"slices"
	"strconv"
	"strings"
)

// gates are the signs in a line that it is no order. They never keep a
// harmless question from being read; they keep every write from running.
type gates struct {
	hypo     bool // should I, what if, unless
	lead     bool // ... at the beginning
	ponder   bool // if I stop ..., the best way to ...
	not      bool // don't
	said     bool // bob wrote "..."
	past     bool // was rebooted
	told     bool // I rebooted
	takeback bool // no wait
	would    bool // what would ... do
	dry      bool // dry run
	mind     bool // would you mind restarting ...
	wish     bool // I need nginx restarted
	dangling bool // ends in "and then"
	at       int  // the first sign
}

// gate looks for the signs.
func (r *reader) gate() gates {
	g := gates{at: -1}
	ws := r.la.words
	start := true
	pastVerb := false
	wished := 0 // where a wish in the beginning goes on
	if len(ws) > 1 && slices.Contains([]string{">", "|", "*", "-", "+", "#", "$", "•"}, ws[0].text) {
		g.said, g.at = true, 0 // somebody else's words, or an item of a list
	}
	if i := r.skipPolite(); i < len(ws) && slices.Contains([]string{"when", "whenever", "once", "while", "until", "till"}, ws[i].text) {
		g.hypo = true // when web01 is sad, restart it
	}
	for i := 0; i < len(ws); i++ {
		if ws[i].quoted && !(i > 0 && ws[i-1].text == ":") {
			g.said = g.said || r.readsWrite(ws[i].raw)
		}
		longest := 0
		skip := false
		for k, m := range r.la.matches[i] {
			if k == 0 {
				longest = m.len
			}
			if m.len == longest && wished > 0 && i > wished && r.pastForm(i, m) && !r.isClass(i-1, "subject") {
				g.wish, wished = true, 0 // the one thing to be done
			} else if m.len == longest && r.pastForm(i, m) {
				pastVerb = true
				g.told = g.told || i > 0 && r.isClass(i-1, "subject") || start && !r.asks() // rebooted web01 twice
			}
			polite := false
			for _, c := range m.n.closed {
				if m.len == longest && (c.class == "polite" || c.class == "ask" && c.value != "who" && c.value != "was" && c.value != "were" && c.value != "did") {
					polite = true
				}
			}
			for _, c := range m.n.closed {
				hit := false
				switch c.class {
				case "hypo":
					if !polite && m.len == longest && (start || slices.Contains(alwaysHypo, c.value)) {
						g.hypo, hit = true, true
						g.lead = g.lead || start
						g.ponder = g.ponder || slices.Contains(ponders, c.value)
					}
				case "not":
					if !r.notIsPart(i, m.len) {
						g.not, hit = true, true
					}
				case "said":
					if i > 0 && !start {
						g.said, hit = true, true
					}
				case "takeback":
					if (m.len > 1 || c.value != "rather") && !(c.value == "sorry" && start) {
						g.takeback, hit = true, true
					}
				case "would":
					g.would = true
				case "dry":
					g.dry = true
				case "wish":
					if start && m.len == longest && c.value != "to be" {
						wished = i + m.len
					}
				case "polite":
					g.mind = g.mind || c.value == "mind" && m.len == longest
				}
				if hit && g.at < 0 {
					g.at = i
				}
				if polite && m.len == longest && m.len > 1 {
					skip = true
				}
			}
		}
		if start && !(ws[i].mark || r.isClass(i, "polite") || r.isClass(i, "takeback")) {
			start = false
		}
		if skip {
			i += longest - 1
		}
	}
	g.past = pastVerb
	return g
}

// pastForm reports whether the phrase is a write in the past tense and
// nothing else: "restarted", but not "mark ... as resolved".
func (r *reader) pastForm(i int, m match) bool {
	past := false
	for _, t := range m.n.terms {
		if !r.lx.verbs[t.verb].Write {
			continue
		}
		if t.forms != formPast {
			return false
		}
		past = true
	}
	return past && !r.notIsPart(i, m.len)
}

// alwaysHypo are the conditions that count wherever they stand.
var alwaysHypo = []string{"whether i should", "whether we should", "best way to", "good way to", "right way to", "safest way to", "way to", "unless", "if", "if i", "if we", "if you", "in case", "what if", "should", "should i", "should we", "perhaps", "maybe", "might", "supposing", "assuming", "whether to", "ought to", "had i", "shall i", "shall we", "what happens if", "what would happen if", "thinking of", "thinking about", "when i", "when we", "after i", "before i"}

// ponders are the conditions that are about what would come of it: nobody wants
// it done.
var ponders = []string{"if i", "if we", "should i", "should we", "whether i should", "whether we should", "best way to", "good way to", "right way to", "safest way to", "way to"}

func (r *reader) isClass(i int, class string) bool {
	for _, m := range r.la.matches[i] {
		for _, c := range m.n.closed {
			if c.class == class {
				return true
			}
		}
	}
	return false
}

// notIsPart reports whether a "no" or "not" belongs to a longer phrase that
// is not a negation: "no less than", "do not mind".
func (r *reader) notIsPart(i, n int) bool {
	if r.la.words[i].text == "without" || r.la.words[i].text == "no" {
		return true // an exception or a count; "no" as an answer is a sentence of its own
	}
	for j := max(0, i-4); j <= i; j++ {
		for _, m := range r.la.matches[j] {
			if j+m.len < i+n || m.len <= n {
				continue
			}
			for _, c := range m.n.closed {
				if c.class != "not" && c.class != "no" && c.class != "hypo" {
					return true
				}
			}
			if len(m.n.atoms) > 0 || slices.ContainsFunc(m.n.terms, func(t term) bool { return !r.lx.verbs[t.verb].Write }) {
				return true
			}
		}
	}
	return false
}

// readsWrite reports whether a quotation holds an order.
func (r *reader) readsWrite(text string) bool {
	for _, w := range scan(normalise(text)) {
		n := r.lx.root.kids[w.text]
		if n == nil {
			continue
		}
		for _, t := range n.terms {
			if t.role == roleHead && t.forms == formPlain && r.lx.verbs[t.verb].Write {
				return true
			}
		}
	}
	return false
}

// dryClause reports whether the clause asks what would happen.
func (r *reader) dryClause(c [2]int) bool {
	return r.gates.dry || r.gates.would && !r.gates.hypo
}

// said reports whether the words are speech about speech.
func (r *reader) said(from, to int) bool { return r.gates.said }

// conversation answers lines that are about the conversation itself: an
// answer by number, "again", thanks.
func (r *reader) conversation() (Reading, bool) {
	n := len(r.la.words)
	if n == 0 || r.only(0, n, "thanks", "polite") {
		return Reading{Status: NotACommand}, true
	}
	if r.la.odd || r.la.words[0].text == ">" || slices.ContainsFunc(r.la.words, func(w word) bool { return w.quoted }) {
		return Reading{}, false
	}
	last := r.lastPlan()
	if r.only(0, n, "again", "polite") && last != nil {
		return Reading{Status: OK, Commands: last.Commands, Canonical: r.lx.sentence(last.Commands)}, true
	}
	if len(r.prev) > 0 && r.prev[len(r.prev)-1].Status == Ambiguous {
		if k := r.ordinal(); k > 0 && k <= len(r.prev[len(r.prev)-1].Options) {
			out, stats := r.lx.ParseStats(nil, r.prev[len(r.prev)-1].Options[k-1], r.now)
			r.stats.Rereads++
			r.stats.Streams += stats.Streams
			return out, true
		}
		k := r.optionNamed(r.prev[len(r.prev)-1].Options)
		if k < 0 && r.only(0, n, "det", "noun", "polite") {
			k = r.machineMeant(r.prev[len(r.prev)-1].Options)
		}
		if k >= 0 {
			out, stats := r.lx.ParseStats(nil, r.prev[len(r.prev)-1].Options[k], r.now)
			r.stats.Rereads++
			r.stats.Streams += stats.Streams
			return out, true
		}
	}
	return Reading{}, false
}

// optionNamed is the only option that holds all the words of the line, or -1.
func (r *reader) optionNamed(options []string) int {
	found := -1
	for k, o := range options {
		have := phraseWords(o)
		all, any := true, false
		for i, w := range r.la.words {
			if w.mark || r.isClass(i, "polite") || r.isClass(i, "det") || r.isClass(i, "pron") {
				continue
			}
			any = true
			all = all && slices.Contains(have, w.text)
		}
		if all && any {
			if found >= 0 {
				return -1
			}
			found = k
		}
	}
	return found
}

// machineMeant is the only option that is about a whole host, for who answers
// "the machine"; or -1.
func (r *reader) machineMeant(options []string) int {
	for _, w := range r.la.words {
		if r.lx.root.kids[w.text].is("noun") && strings.HasSuffix(w.text, "s") {
			return -1 // hosts
		}
	}
	found := -1
	for k, o := range options {
		plan, stats := r.lx.ParseStats(nil, o, r.now)
		r.stats.Streams += stats.Streams
		if plan.Status != OK || family(plan.Commands[0].Method) != "host" {
			continue
		}
		if found >= 0 {
			return -1
		}
		found = k
	}
	return found
}

// lastPlan is the latest plan of the conversation that can be repeated.
func (r *reader) lastPlan() *Reading {
	for i := len(r.prev) - 1; i >= 0; i-- {
		p := &r.prev[i]
		if p.Status == OK && len(p.Commands) > 0 && p.Commands[0].Method != methodConfirm && p.Commands[0].Method != methodCancel {
			return p
		}
	}
	return nil
}

var ordinals = map[string]int{"first": 1, "second": 2, "third": 3, "fourth": 4, "fifth": 5, "1st": 1, "2nd": 2, "3rd": 3, "4th": 4, "5th": 5, "one": 1, "two": 2, "three": 3, "former": 1, "latter": 2}

// ordinal reads "2", "the second one", "number 3".
func (r *reader) ordinal() int {
	k := 0
	for i, w := range r.la.words {
		switch n, err := strconv.Atoi(w.text); {
		case err == nil && k == 0:
			k = n
		case ordinals[w.text] > 0 && (k == 0 || w.text != "one"):
			if k == 0 {
				k = ordinals[w.text]
			}
		case w.mark, w.text == "the", w.text == "option", w.text == "number", w.text == "please", w.text == "one", r.isClass(i, "polite"):
		default:
			return 0
		}
	}
	return k
}

// trim cuts the words that only mark a follow-up: and, same for, what about, too.
func (r *reader) trim(from, to int) (int, int) {
lead:
	for from < to {
		if r.la.words[from].mark && strings.Contains(",?!.", r.la.words[from].text) {
			from++
			continue
		}
		for _, m := range r.la.matches[from] {
			if from+m.len > to {
				continue
			}
			for _, c := range m.n.closed {
				switch c.class {
				case "follow", "same", "polite", "conj", "ask":
					if c.value == "only" || c.value == "just the" || (c.class == "ask" && c.value != "what about the") || c.value == "with" || c.value == "for" {
						continue
					}
					from += m.len
					continue lead
				}
			}
		}
		break
	}
	for to > from {
		w := r.la.words[to-1]
		if w.mark && strings.Contains(",?!.", w.text) || slices.Contains([]string{"too", "please", "pls", "also", "instead", "again"}, w.text) {
			to--
			continue
		}
		if w.text == "well" && to-2 >= from && r.la.words[to-2].text == "as" {
			to -= 2
			continue
		}
		break
	}
	return from, to
}

// statement reports whether the line tells instead of asking or ordering.
func (r *reader) statement() bool {
	ws := r.la.words
	for i := range ws[:min(r.skipPolite()+1, len(ws))] {
		for _, m := range r.la.matches[i] {
			for _, c := range m.n.closed {
				if c.class == "ask" && m.len > 1 {
					return false // I need to know ...
				}
			}
		}
	}
	i := r.skipPolite()
	if i >= len(ws) {
		return true
	}
	switch {
	case slices.Contains(questionWords, ws[i].text):
		return false
	case r.isClass(i, "subject"):
		return i+1 < len(ws)
	}
	for _, m := range r.la.matches[i] {
		for _, n := range m.n.names {
			if n.kind == KindPerson {
				return true
			}
		}
		for _, t := range m.n.terms {
			if t.role == roleHead && t.forms == formPlain && m.len == 1 && r.lx.verbs[t.verb].Write {
				return false
			}
		}
	}
	end := len(ws)
	if r.gates.at > i && !slices.Contains(copulas, ws[r.gates.at].text) {
		end = r.gates.at // what a condition says is not what the line says
	}
	for k := i; k < end; k++ {
		switch {
		case k > i && slices.Contains([]string{"that", "which", "who", "whose"}, ws[k].text):
			return false // hosts that are ...: a name for something
		case k == i+1 && slices.Contains([]string{"what", "why", "how"}, ws[k].text):
			return false // web01 what's wrong with it
		case k > i && slices.Contains(copulas, ws[k].text):
			return true
		}
	}
	return false
}

// tells reports whether a line that could be a question is a report about a
// thing: "web01 has been rebooted", but not "which hosts have been rebooted".
func (r *reader) tells() bool {
	i := r.skipPolite()
	if i >= len(r.la.words) || r.asks() || !r.statement() || r.imperative() {
		return false
	}
	return r.isHosts(i) || slices.ContainsFunc(r.la.matches[i], func(m match) bool { return len(m.n.names) > 0 })
}

// skipPolite is the first word that is not courtesy.
func (r *reader) skipPolite() int {
	i := 0
next:
	for i < len(r.la.words) {
		if r.la.words[i].mark {
			i++
			continue
		}
		for _, m := range r.la.matches[i] {
			for _, c := range m.n.closed {
				if c.class == "polite" {
					i += m.len
					continue next
				}
			}
		}
		break
	}
	return i
}

var questionWords = []string{"what", "which", "who", "whom", "whose", "where", "when", "why", "how", "is", "are", "do", "does", "did", "has", "have", "was", "were", "any", "can", "could", "would", "will", "should", "show", "list", "tell", "give", "find", "get"}

var copulas = []string{"should", "must", "is", "are", "was", "were", "has", "have", "had", "'s", "'re", "'m", "got", "looks", "seems", "went", "did", "keeps", "feels", "became", "needs", "came", "crashed", "failed", "died", "been", "gone", "works", "worked", "finished", "done", "'ve", "'ll"}
