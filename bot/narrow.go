package bot

import (
	"slices"
	"strings"

	"adminbot/grammar"
)

// narrow applies R15: after an answer with a filter, "them" are the hosts that
// matched in the answer that was seen. The grammar cannot know those: it takes
// "them" for everybody who was asked, or says that something is missing. Where
// the hosts that matched do not fit the line, the answer is a question, never an
// older set of hosts.
func (t *turn) narrow(r grammar.Reading) grammar.Reading {
	matched := t.before.matched
	if matched == nil && t.exceptsFromThem(r) {
		return grammar.Reading{Status: grammar.Incomplete, Question: "Which hosts?"}
	}
	if matched == nil || r.Status != grammar.OK && r.Status != grammar.Incomplete {
		return r
	}
	pointing := t.pointsBack()
	if r.Status == grammar.OK && (!pointing || !slices.ContainsFunc(r.Commands, func(c grammar.Command) bool { return len(c.Hosts) > 0 })) {
		return r
	}
	if len(matched) > 0 {
		for _, before := range t.asThoughOf(matched) {
			again := t.lexicon().Parse(before, t.line, t.now)
			if again.Status == grammar.OK && within(again.Commands, matched) {
				return again
			}
		}
	}
	if !pointing {
		return r
	}
	if r.Status == grammar.OK {
		r = grammar.Reading{Status: grammar.Incomplete}
	}
	r.Question, r.Suggestions = "Which hosts?", nil
	if len(matched) == 0 {
		r.Question = "No host matched. Which hosts?"
	}
	return r
}

// asThoughOf is the conversation as though the answer that was seen had been
// asked of those hosts alone: the same question without its filter, or else just
// their names.
func (t *turn) asThoughOf(hosts []string) [][]grammar.Reading {
	lex := t.fleet.Lexicon
	hosts = slices.Sorted(slices.Values(hosts))
	only := func(c grammar.Command) grammar.Command {
		c.On, c.Hosts, c.Where, c.Limit, c.Sort = grammar.Names(hosts...), hosts, nil, 0, ""
		return c
	}
	readings := t.before.readings
	var out [][]grammar.Reading
	try := func(before []grammar.Reading, commands []grammar.Command) {
		said := lex.Parse(nil, lex.Sentence(commands), t.now)
		if said.Status == grammar.OK && len(said.Commands) == len(commands) && slices.Equal(slices.Sorted(slices.Values(said.Commands[0].Hosts)), hosts) {
			out = append(out, append(slices.Clone(before), said))
		}
	}
	for n := len(readings) - 1; n >= 0; n-- {
		if readings[n].Status != grammar.OK {
			continue
		}
		var seen []grammar.Command
		for _, c := range readings[n].Commands {
			seen = append(seen, only(c))
		}
		try(readings[:n], seen)
		break
	}
	try(readings, []grammar.Command{only(grammar.Command{Method: "fleet.hosts"})})
	return out
}

// within reports whether commands ask some of those hosts and no others.
func within(commands []grammar.Command, hosts []string) bool {
	for _, c := range commands {
		if len(c.Hosts) == 0 || slices.ContainsFunc(c.Hosts, func(h string) bool { return !slices.Contains(hosts, h) }) {
			return false
		}
	}
	return len(commands) > 0
}

// exceptsFromThem reports whether the line takes some out of "them" and was read
// as everybody but those.
func (t *turn) exceptsFromThem(r grammar.Reading) bool {
	if r.Status != grammar.OK || !slices.ContainsFunc(t.words(), func(w string) bool {
		return slices.Contains([]string{"except", "excepting", "excluding", "but", "without", "minus", "not"}, w)
	}) || !t.pointsBack() {
		return false
	}
	for _, before := range slices.Backward(t.before.readings) {
		for _, c := range before.Commands {
			if before.Status == grammar.OK && len(c.Hosts) > 0 {
				return !within(r.Commands, c.Hosts)
			}
		}
	}
	return true
}

// words are the words of the line.
func (t *turn) words() []string {
	return strings.FieldsFunc(strings.ToLower(t.line), func(r rune) bool { return strings.ContainsRune(" \t,.;:!?", r) })
}

// pointsBack reports whether the line says "them", and means nothing without
// what was said before it.
func (t *turn) pointsBack() bool {
	if !slices.ContainsFunc(t.words(), func(w string) bool {
		return slices.Contains([]string{"them", "they", "those", "these", "their", "there", "it", "its"}, w)
	}) {
		return false
	}
	alone := t.lexicon().Parse(nil, t.line, t.now)
	return alone.Status != grammar.OK || everywhere(alone)
}

// everywhere reports whether a reading is of hosts that nobody named: "them
// except web01" alone is everybody else.
func everywhere(r grammar.Reading) bool {
	return slices.ContainsFunc(r.Commands, func(c grammar.Command) bool { return len(c.Hosts) > 0 && !c.On.Named() })
}
