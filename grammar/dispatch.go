package grammar

import (
	"github.com/alecthomas/participle/v2"
	"github.com/alecthomas/participle/v2/lexer"
)

// A syntax is the built productions. One parser is built for the whole
// grammar; each kind of phrase has its view of it.
type syntax struct {
	clause *participle.Parser[clause]
	time   *participle.Parser[timePart]
	cond   *participle.Parser[condition]
	span   *participle.Parser[spanPart]
	limit  *participle.Parser[limitPart]
	sort   *participle.Parser[sortPart]
	target *participle.Parser[target]
	names  *participle.Parser[names]
}

func newSyntax() (*syntax, error) {
	p, err := participle.Build[clause](participle.Lexer(classes{}), participle.UseLookahead(participle.MaxLookahead))
	if err != nil {
		return nil, err
	}
	s := &syntax{clause: p}
	for _, err := range []error{
		view(&s.time, p), view(&s.cond, p), view(&s.span, p), view(&s.limit, p), view(&s.sort, p), view(&s.target, p), view(&s.names, p),
	} {
		if err != nil {
			return nil, err
		}
	}
	return s, nil
}

func view[P any](to **participle.Parser[P], p *participle.Parser[clause]) error {
	v, err := participle.ParserForProduction[P](p)
	*to = v
	return err
}

// parse reads one stream as a clause. It does what the clause production
// does, but looks at the first tokens before it tries a phrase: most tokens
// begin none. Trailing tokens are allowed only because the loop goes on at
// them; every token ends up in some part.
func (lx *Lexicon) parse(toks []token) (*clause, error) {
	pl, err := lexer.Upgrade(&streamLexer{toks: toks})
	if err != nil {
		return nil, err
	}
	f := newFirsts(toks)
	cl := &clause{Parts: make([]*part, 0, len(toks))}
	for i := 0; i < len(toks); {
		p := &part{Pos: pos{Offset: i}}
		switch s := lx.syntax; {
		case f.time(i) && try(s.time, pl, &p.Time):
		case f.cond(i) && try(s.cond, pl, &p.Cond):
		case f.span(i) && try(s.span, pl, &p.Span):
		case f.limit(i) && try(s.limit, pl, &p.Limit):
		case f.sort(i) && try(s.sort, pl, &p.Sort):
		case f.target(i) && try(s.target, pl, &p.Target):
		case f.names(i) && try(s.names, pl, &p.Names):
		default:
			p.Other = pl.Next()
		}
		i = int(pl.RawCursor())
		p.EndPos = pos{Offset: i}
		cl.Parts = append(cl.Parts, p)
	}
	return cl, nil
}

// try reads one phrase, or leaves the lexer where it was.
func try[P any](p *participle.Parser[P], pl *lexer.PeekingLexer, to **P) bool {
	at := pl.MakeCheckpoint()
	v, err := p.ParseFromLexer(pl, participle.AllowTrailing(true))
	if err != nil || pl.RawCursor() == at.RawCursor() {
		pl.LoadCheckpoint(at)
		return false
	}
	*to = v
	return true
}

// firsts are the first sets of the productions: cheap tests that admit
// everything that can begin a phrase, and little else.
type firsts struct {
	toks     []token
	compares bool // a comparison stands somewhere in the stream
}

func newFirsts(toks []token) firsts {
	f := firsts{toks: toks}
	for i := range toks {
		if c := toks[i].class; c == tCmp || c == tOrMore || toks[i].value == "between" {
			f.compares = true
		}
	}
	return f
}

func (f firsts) class(i int) lexer.TokenType {
	if i >= len(f.toks) {
		return tEOF
	}
	return f.toks[i].class
}

func (f firsts) value(i int) string {
	if i >= len(f.toks) {
		return ""
	}
	return f.toks[i].value
}

// length reports whether a duration may begin at i.
func (f firsts) length(i int) bool {
	switch f.class(i) {
	case tDur, tHalf:
		return true
	case tNum:
		c := f.class(i + 1)
		return c == tUnit || c == tMer || f.value(i+1) == "and" && f.class(i+2) != tAtom && f.class(i+2) != tNum
	}
	return f.value(i) == "a" && f.class(i+1) == tUnit
}

// point reports whether an instant may begin at i.
func (f firsts) point(i int) bool {
	switch f.class(i) {
	case tClock, tStamp, tDay, tWday, tDur, tHalf, tNum:
		return true
	}
	switch f.value(i) {
	case "a", "on", "next", "at", "last":
		return true
	}
	return false
}

func (f firsts) time(i int) bool {
	switch f.class(i) {
	case tClock, tStamp, tDay, tWday, tOften:
		return true
	case tNum, tDur, tHalf:
		return f.length(i)
	case tCmp:
		return f.value(i+1) == "last" || f.value(i+2) == "last"
	}
	switch f.value(i) {
	case "since", "until", "between", "every", "last", "next":
		return true
	case "before":
		return f.point(i + 1)
	case "a":
		return f.class(i+1) == tUnit
	case "in", "after", "for", "during", "of", "within", "the", "on", "at", "from", "over":
		return f.point(i+1) || f.length(i+1) || f.value(i+1) == "the" && f.value(i+2) == "last"
	}
	return false
}

func (f firsts) cond(i int) bool {
	if !f.compares {
		return false
	}
	switch f.class(i) {
	case tCmp:
		return true
	case tTerm: // up to the comparison there are only words of the verb and links
		for k := i + 1; k < len(f.toks); k++ {
			if f.value(k) == "between" {
				return true
			}
			switch f.class(k) {
			case tCmp, tOrMore:
				return true
			case tTerm, tWord, tNum, tPct, tSize, tSizeUnit, tPctWord, tUnit, tDur:
			default:
				return false
			}
		}
	case tPct, tSize, tNum, tDur:
		return f.class(i+1) == tOrMore || f.class(i+2) == tOrMore
	}
	return f.value(i) == "not" && f.class(i+1) == tCmp || f.value(i) == "between"
}

func (f firsts) span(i int) bool {
	switch f.value(i) {
	case "for", "during", "of", "in", "the", "next":
		return f.length(i+1) || f.length(i+2) || f.length(i+3)
	}
	return f.length(i)
}

func (f firsts) limit(i int) bool {
	switch f.value(i) {
	case "top", "bottom", "last", "limit", "max":
		return f.class(i+1) == tNum
	}
	return false
}

func (f firsts) sort(i int) bool {
	return f.class(i) == tSuper || f.class(i) == tDir || f.value(i) == "by" || f.value(i) == "sort"
}

func (f firsts) target(i int) bool {
	for n := 0; n < 6 && i < len(f.toks); n, i = n+1, i+1 {
		switch f.class(i) {
		case tAtom, tNoun, tPron, tExcept:
			return true
		case tName:
			return f.class(i+1) == tNoun
		case tWord, tTerm:
			switch f.value(i) {
			case "on", "in", "at", "for", "of", "from", "across", "to", "into", "with", "against", "all", "the", "a", "only", "every":
				continue
			}
			return false
		default:
			return false
		}
	}
	return false
}

func (f firsts) names(i int) bool {
	switch f.class(i) {
	case tName, tPath, tAddr, tDomain, tIdent, tQuoted:
		return true
	}
	return false
}
