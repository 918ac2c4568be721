package grammar

import (
	"slices"

	"github.com/alecthomas/participle/v2"
	"github.com/alecthomas/participle/v2/lexer"
)

// A run is one or several closed words of a set. It says what a disjunction of
// them would, but participle reads each alternative of a disjunction on a copy
// of its state, and targets are read in every line.
type run struct{ words []ref }

// take reads at most n words of the set.
func (r *run) take(lex *lexer.PeekingLexer, n int, set ...string) error {
	for len(r.words) < n && slices.Contains(set, lex.Peek().Value) {
		r.words = append(r.words, *lex.Next())
	}
	if len(r.words) == 0 {
		return participle.NextMatch
	}
	return nil
}

// A place is a word before hosts: on, in, from.
type place struct{ run }

// Parse implements [participle.Parseable].
func (p *place) Parse(lex *lexer.PeekingLexer) error {
	return p.take(lex, 1, "on", "in", "at", "for", "of", "from", "across", "to", "into", "with", "against")
}

// A placeToo is a word before further hosts of a list.
type placeToo struct{ run }

// Parse implements [participle.Parseable].
func (p *placeToo) Parse(lex *lexer.PeekingLexer) error {
	return p.take(lex, 1, "on", "in", "at", "for", "from", "of")
}

// Joins stand between the members of a list.
type joins struct{ run }

// Parse implements [participle.Parseable].
func (j *joins) Parse(lex *lexer.PeekingLexer) error {
	return j.take(lex, maxWords, ",", "and", "or")
}

// or reports whether the list is one of alternatives.
func (j *joins) or() bool {
	return slices.ContainsFunc(j.words, func(w ref) bool { return w.Value == "or" })
}

// Leads stand before a member of a target: all of the.
type leads struct{ run }

// Parse implements [participle.Parseable].
func (l *leads) Parse(lex *lexer.PeekingLexer) error {
	return l.take(lex, maxWords, "all", "the", "a", "of", "only", "every")
}

// Relates stand between a set and what narrows it: that are in.
type relates struct{ run }

// Parse implements [participle.Parseable].
func (r *relates) Parse(lex *lexer.PeekingLexer) error {
	return r.take(lex, maxWords, "rel", "in", "with", "at", "are", "is", "from", "of", "on", "have", "has", "the")
}

// Denies are the words before a "not" that narrows a set: that do.
type denies struct{ run }

// Parse implements [participle.Parseable].
func (d *denies) Parse(lex *lexer.PeekingLexer) error {
	return d.take(lex, maxWords, "rel", "do", "does", "have", "has", "are", "is")
}

// Lacks are the words between that "not" and the services that hosts lack.
type lacks struct{ run }

// Parse implements [participle.Parseable].
func (l *lacks) Parse(lex *lexer.PeekingLexer) error {
	return l.take(lex, maxWords, "rel", "have", "has", "use")
}

// Owns are the words between a set and the services that it has.
type owns struct{ run }

// Parse implements [participle.Parseable].
func (o *owns) Parse(lex *lexer.PeekingLexer) error {
	return o.take(lex, maxWords, "rel", "with", "have", "has", "do", "use", "the")
}
