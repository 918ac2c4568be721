package grammar

import (
	"slices"
	"strings"
)

// argOutcome is the argument of [methodDetails] that says of which hosts.
const argOutcome = "outcome"

// outcome reads a line that asks what became of the line before: which of them
// failed? Behind a change that is answered from what came of it, whatever else
// can fail.
func (r *reader) outcome() (Reading, bool) {
	v, ok := r.lx.byName[methodDetails]
	if !ok || r.la.odd || slices.Contains(r.la.hosts, true) { // a host called others
		return Reading{}, false
	}
	if _, ok := r.lx.verbs[v].argIdx[argOutcome]; !ok {
		return Reading{}, false
	}
	value := r.lx.outcomes[r.plainLine()]
	last := r.lastOnHosts()
	if r.plain || value == "" || last == nil || !r.writes(last.Commands) && r.asksAgain(value, last.Commands[0]) {
		return Reading{}, false
	}
	c := Command{Method: methodDetails, Args: map[string]any{argOutcome: value}}
	return Reading{Status: OK, Commands: []Command{c}, Canonical: r.lx.one(&c)}, true
}

// asksAgain reports whether a line behind a question is a question of its own:
// which of the services failed, which of the others have nginx.
func (r *reader) asksAgain(value string, last Command) bool {
	switch value {
	case "unanswered", "denied":
		return false
	case "failed":
		sub := &reader{lx: r.lx, prev: r.prev, now: r.now, strict: true, plain: true, overlooked: -1, asName: -1}
		got := sub.read(r.la.words, false)
		r.stats.Rereads++
		r.stats.Streams += sub.stats.Streams
		return got.Status == OK && family(got.Commands[0].Method) == family(last.Method)
	}
	return true
}

// plainLine is the line without courtesy at its beginning and marks at its end.
func (r *reader) plainLine() string {
	ws := r.la.words[min(r.skipPolite(), len(r.la.words)):]
	for len(ws) > 0 && (ws[len(ws)-1].mark && !ws[len(ws)-1].quoted || ws[len(ws)-1].text == "please") {
		ws = ws[:len(ws)-1]
	}
	var out []string
	for i, w := range ws {
		if w.quoted {
			return ""
		}
		if !w.mark && !(i == 0 && (w.text == "and" || w.text == "but") && len(ws) > 1 && ws[1].text != "the") {
			out = append(out, w.text)
		}
	}
	return strings.Join(out, " ")
}

// lastOnHosts is the latest plan of the conversation that asked hosts, unless
// something else was asked or done since.
func (r *reader) lastOnHosts() *Reading {
	for i := len(r.prev) - 1; i >= 0; i-- {
		switch p := &r.prev[i]; {
		case p.Status != OK || len(p.Commands) == 0 || strings.HasPrefix(p.Commands[0].Method, "bot."):
		case len(p.Commands[0].Hosts) > 0:
			return p
		default:
			return nil
		}
	}
	return nil
}
