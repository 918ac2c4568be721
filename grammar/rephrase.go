package grammar

import (
	"slices"
	"strings"
)

// rephrase says a line with the words in which it is read: what people say
// otherwise word by word, before any word is looked up.
func (r *reader) rephrase(words []word) []word {
	words = r.lx.butBelow(r.narrowing(r.lx.compared(than(r.lx.shell.say(words)))))
	return r.lx.portBehind(r.otherOne(wouldDo(r.otherwise(r.corrected(words)))))
}

// isNot reads "isn't nginx running?" as the question it is.
func isNot(words []word) ([]word, bool) {
	if len(words) > 3 && words[1].text == "not" && words[len(words)-1].text == "?" {
		switch words[0].text {
		case "is", "are", "has", "have", "does", "was", "were":
			return append(slices.Clone(words[:1]), words[2:]...), true
		}
	}
	return words, false
}

// than reads "older then 24 hours" and "less as 20 percent" as they are meant.
func than(words []word) []word {
	for i := 1; i+1 < len(words); i++ {
		w, before, after := words[i].text, words[i-1].text, words[i+1].text
		if w != "then" && w != "as" || !(before == "more" || before == "less" || strings.HasSuffix(before, "er")) || words[i].quoted {
			continue
		}
		if isDigit(rune(after[0])) || after == "a" || after == "an" || slices.Contains(hoursInWords, after) {
			words = slices.Clone(words)
			words[i].text = "than"
		}
	}
	return words
}

// butBelow joins two comparisons that are said with "but": over 4 but below 8.
func (lx *Lexicon) butBelow(words []word) []word {
	for i := 1; i+2 < len(words); i++ {
		if n := lx.root.kids[words[i+1].text]; words[i].text == "but" && (n.is("cmp") || n != nil && n.kids[words[i+2].text].is("cmp")) {
			words = slices.Clone(words)
			words[i].text = "and"
		}
	}
	return words
}

// narrowing says "just the ones in nyc" and "which of them are in nyc" behind
// another line as "only nyc".
func (r *reader) narrowing(words []word) []word {
	words = r.whichOfThem(words)
	if len(r.prev) == 0 || len(words) < 2 || words[0].text != "only" && words[0].text != "just" {
		return words
	}
	rest := words[1:]
	for _, skip := range [][]string{{"the"}, {"ones", "those", "hosts", "servers"}, {"that", "which"}, {"are"}, {"with", "having"}, {"in", "at", "from"}} {
		if len(rest) > 1 && slices.Contains(skip, rest[0].text) {
			rest = rest[1:]
		}
	}
	n := r.lx.root.kids[rest[0].text]
	if len(rest) < len(words)-1 && n != nil && (n.is("cmp") || len(rest) > 1 && n.kids[rest[1].text].is("cmp")) {
		return rest // only those above 16
	}
	if n == nil || len(n.atoms) == 0 {
		return words
	}
	only := words[0]
	only.text = "only"
	return slices.Concat([]word{only}, rest)
}

// whichOfThem says "which of them are in nyc" behind a question as "only in nyc":
// what the question asked of its hosts stays.
func (r *reader) whichOfThem(words []word) []word {
	last := r.lastPlan()
	if last == nil || r.writes(last.Commands) {
		return words
	}
	rest, lead := words, words
	for _, say := range [][]string{{"and"}, {"which"}, {"of"}, {"ones", "them", "those", "these"}, {"are", "is"}} {
		if len(rest) > 0 && slices.Contains(say, rest[0].text) {
			lead, rest = rest, rest[1:]
		} else if say[0] == "which" || say[0] == "ones" {
			return words
		}
	}
	if len(rest) < 2 || !slices.Contains([]string{"in", "at", "from"}, rest[0].text) {
		return words
	}
	end := len(rest)
	for rest[end-1].mark {
		end--
	}
	if !r.lx.namesOnly(rest[:end]) {
		return words
	}
	only := lead[0]
	only.text = "only"
	return slices.Concat([]word{only}, rest)
}

// wouldDo reads "what would upgrading web01 change" as what it would do.
func wouldDo(words []word) []word {
	end := len(words)
	for end > 0 && words[end-1].mark {
		end--
	}
	if end > 3 && words[0].text == "what" && (words[1].text == "would" || words[1].text == "will") && slices.Contains([]string{"change", "affect", "break", "cause"}, words[end-1].text) {
		words = slices.Clone(words)
		words[end-1].text = "do"
	}
	return words
}

// portBehind puts the verb before what it is about in "does db01 answer on port
// 5432", where it divides the host from its port.
func (lx *Lexicon) portBehind(words []word) []word {
	for i := 0; i+3 < len(words); i++ {
		if _, host := lx.hostIdx[words[i].text]; host && words[i+2].text == "on" && words[i+3].text == "port" &&
			slices.Contains([]string{"answer", "answering", "respond", "responding", "listen", "listening", "reachable", "open"}, words[i+1].text) {
			words = slices.Clone(words)
			words[i], words[i+1] = words[i+1], words[i]
		}
	}
	return words
}

// otherOne puts the other of two hosts in place of "the other one" behind a line
// that was about one of them: db1 and db2 are two. Beside a name the words say
// nothing more. Only questions are answered about a host that nobody named.
func (r *reader) otherOne(words []word) []word {
	for i := 0; i+2 < len(words); i++ {
		if words[i].text != "the" || words[i+1].text != "other" || !slices.Contains([]string{"one", "host", "server", "node", "box", "machine"}, words[i+2].text) {
			continue
		}
		rest := words[i+3:]
		for len(rest) > 0 && rest[0].text == "," {
			rest = rest[1:]
		}
		if len(rest) > 0 && len(rest[0].text) > 0 {
			if _, host := r.lx.hostIdx[rest[0].text]; host {
				return slices.Concat(words[:i], rest)
			}
		}
		if last := r.lastPlan(); last != nil && len(last.Commands) == 1 && len(last.Commands[0].Hosts) == 1 {
			if other, ok := r.lx.pair(last.Commands[0].Hosts[0]); ok {
				r.inferred = true
				return slices.Concat(words[:i], []word{{text: strings.ToLower(other), raw: other, col: words[i].col}}, words[i+3:])
			}
		}
	}
	return words
}

// pair is the other host of a name that but for its number only two have.
func (lx *Lexicon) pair(host string) (string, bool) {
	stem := strings.TrimRight(strings.ToLower(host), "0123456789")
	i, _ := slices.BinarySearch(lx.lower, stem)
	other, n := "", 0
	for ; i < len(lx.lower) && strings.HasPrefix(lx.lower[i], stem); i++ {
		if strings.TrimLeft(lx.lower[i][len(stem):], "0123456789") == "" {
			n++
			if lx.hosts[i] != host {
				other = lx.hosts[i]
			}
		}
	}
	return other, n == 2 && len(stem) < len(host)
}
