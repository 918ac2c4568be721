package grammar

import (
	"slices"
	"strings"
)

// missingExcept is what a line lacks that says "all but" and not whom.
const missingExcept = "except"

// An openEnd is the place where a clause breaks off: words [at, to) stand for
// what is missing behind the word that asks for it.
type openEnd struct {
	at, to int
	behind string // a preposition and the like, or "" for a word of a method
	place  bool   // hosts may stand there
	except bool   // ... that are left out
}

// openEnd finds the place where words [from, to) break off: "disk on", "logs of
// the", "ping we". Courtesy behind it does not count.
func (r *reader) openEnd(from, to int) (openEnd, bool) {
	cut := -1 // where the beginning of a name ends
	for end := to; end > from; {
		if w := r.la.words[end-1]; w.mark && cut < 0 && strings.Contains(",.?!…", w.text) {
			end--
			continue
		}
		at, n := r.phraseBefore(from, end)
		if n == nil || len(n.atoms)+len(n.names) > 0 || n.is("pron") || n.is("noun") || n.is("all") || n.is("allhosts") {
			return openEnd{}, false
		}
		out := openEnd{at: end, to: max(end, cut), except: n.is("except") || n.is("but")}
		for _, w := range r.la.words[at:end] {
			out.behind = strings.TrimSpace(out.behind + " " + w.text)
		}
		switch {
		case slices.ContainsFunc(n.terms, func(t term) bool { return t.role != roleArg || end-at > 1 }):
			out.behind, out.place = "", true // a phrase may end like that, and hosts follow it: disk space on
			return out, places[r.la.words[end-1].text] && r.ofHosts(n) || cut >= 0 && (slices.Contains(nobodys, r.la.words[end].text) || r.isClass(end, "det"))
		case n.is("prep") || n.is("cmp") && !n.is("ormore") || out.except:
			out.place = out.except || places[out.behind]
			return out, at > from
		case n.is("polite") || n.is("plead"):
			if cut >= 0 {
				return openEnd{}, false
			}
		case end-at == 1 && (n.is("det") || slices.Contains(nobodys, out.behind) || len(r.lx.beginning(out.behind)) > 0):
			cut = max(cut, end)
		default:
			return openEnd{}, false
		}
		end = at
	}
	return openEnd{}, false
}

// places are the prepositions that hosts follow.
var places = map[string]bool{"on": true, "in": true, "at": true, "of": true, "for": true, "from": true, "to": true, "across": true, "over on": true, "all over": true, "all across": true}

// nobodys are words that stand for people: no hosts, however a line ends.
var nobodys = []string{"i", "me", "we", "us", "you", "he", "she"}

// ofHosts reports whether the words belong to nothing but methods of hosts.
func (r *reader) ofHosts(n *node) bool {
	return !slices.ContainsFunc(n.terms, func(t term) bool { return !r.lx.verbs[t.verb].Hosts })
}

// phraseBefore is the longest phrase that ends before a word, and where it begins.
func (r *reader) phraseBefore(from, end int) (int, *node) {
	for i := max(from, end-maxPhraseLength); i < end; i++ {
		for _, m := range r.la.matches[i] {
			if i+m.len == end {
				return i, m.n
			}
		}
	}
	return end, nil
}

// beginning are the hosts whose names begin like that.
func (lx *Lexicon) beginning(s string) []string {
	i, _ := slices.BinarySearch(lx.lower, s)
	n := i
	for n < len(lx.lower) && strings.HasPrefix(lx.lower[n], s) {
		n++
	}
	return lx.hosts[i:n]
}

// whole reads words [from, to) as one order or question, unless they break off:
// without the hosts that were about to be named it would be about all there are.
func (r *reader) whole(from, to int, fr frame, alone bool) Reading {
	e, open := r.openEnd(from, to)
	if open && e.place && (e.except || !r.stranded(from, e.at)) {
		if out, ok := r.lacksHosts(e, alone); ok {
			return out
		}
	}
	out := r.clause(from, to, fr, alone)
	if open && e.behind != "" && (out.Status == OK && !r.wonders(from, to) || out.Status == Unknown && r.imperative()) {
		what := " what?"
		if e.behind == "for" {
			what = " how long?"
		}
		return Reading{Status: Incomplete, Question: strings.ToUpper(e.behind[:1]) + e.behind[1:] + what}
	}
	if out.Status == OK && fr.hosts.IsZero() && r.goesOn(from, to) {
		out = Reading{Status: Incomplete, missing: "hosts", pending: out.Commands}
		for i := range out.pending {
			if c := &out.pending[i]; !c.asked {
				c.On, c.Hosts = Selector{}, nil
			}
		}
	}
	return out
}

// goesOn reports whether words [from, to) narrow what was spoken of: only the
// memory.
func (r *reader) goesOn(from, to int) bool {
	w := r.la.words[from].text
	return (w == "only" || w == "just") && r.verbless(from, to)
}

// wonders reports whether words [from, to) begin like a question, which may end in
// any word: what is alert 812 about.
func (r *reader) wonders(from, to int) bool {
	i := max(from, r.skipPolite())
	return i < to && (r.leadsAsking(from) || slices.Contains(questionWords, r.la.words[i].text))
}

// stranded reports whether the hosts that the last of words [from, to) is about
// are spoken of before it: which hosts is nginx running on.
func (r *reader) stranded(from, to int) bool {
	for i := from; i < to; i++ {
		w := r.la.words[i].text
		if w == "who" || w == "where" || r.isHosts(i) || (w == "which" || w == "what") && i+1 < to && r.isClass(i+1, "noun") {
			return true
		}
	}
	return false
}

// lacksHosts asks for the hosts that are missing at the end, if hosts would do
// there.
func (r *reader) lacksHosts(e openEnd, alone bool) (Reading, bool) {
	probes := r.plainHosts(1)
	if len(probes) == 0 || r.la.odd {
		return Reading{}, false
	}
	host := r.lx.hosts[r.lx.hostIdx[probes[0]]]
	got := r.reread(slices.Concat(r.la.words[:e.at], []word{{text: probes[0], raw: host, col: r.la.words[e.at-1].col}}, r.la.words[e.to:]))
	lacking := got.planned()
	i := slices.IndexFunc(lacking, func(c Command) bool { return c.asked && slices.Contains(c.Hosts, host) != e.except })
	if i < 0 || e.behind == "" && got.Status != OK {
		return Reading{}, false
	}
	out := Reading{Status: Incomplete, missing: "hosts", Question: "On which hosts?"}
	if e.except {
		out.missing, out.Question = missingExcept, "All but which hosts?"
	}
	if e.to > e.at {
		if like := r.lx.beginning(r.la.words[e.at].text); len(like) > 0 {
			out.Question += " Did you mean " + Fold(like[:min(len(like), maxAmong)]) + "?"
		}
	}
	if alone && len(lacking) == 1 {
		c := lacking[0]
		c.On, c.Hosts, c.asked = Selector{}, nil, false
		if e.except {
			c.On = r.lx.withHost(lacking[0].Hosts, host)
		}
		out.pending = []Command{c}
	}
	return out, true
}

// withHost selects hosts and one more.
func (lx *Lexicon) withHost(hosts []string, host string) Selector {
	if len(hosts)+1 == len(lx.hosts) {
		return All()
	}
	return Names(append(slices.Clone(hosts), host)...)
}
