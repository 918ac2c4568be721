package grammar

import (
	"errors"
	"io"

	"github.com/alecthomas/participle/v2/lexer"
)

// Classes of tokens. A keyword is never a name and a name never a keyword:
// what a word may be is decided before the productions see it.
const (
	tEOF      = lexer.EOF
	tWord     = lexer.TokenType(-2 - iota) // a closed word; its Value is what productions match
	tTerm                                  // a word of the verb's own vocabulary
	tName                                  // a known name: service, check, app, ...
	tAtom                                  // a word that selects hosts
	tNoun                                  // "hosts", "server"
	tPron                                  // "it", "them", "there"
	tNum                                   // 5, 99.9, five
	tPct                                   // 90%
	tSize                                  // 2G
	tDur                                   // 4h
	tClock                                 // 14:00, 3am, noon
	tStamp                                 // 2026-11-20, 2026-11-20T14:00:00Z
	tPath                                  // /var/log
	tAddr                                  // db01:5432, https://...
	tDomain                                // example.org
	tQuoted                                // "text"
	tIdent                                 // anything else
	tHalf                                  // half
	tUnit                                  // minutes
	tMer                                   // am, pm
	tDay                                   // tomorrow
	tWday                                  // monday
	tSizeUnit                              // GiB
	tPctWord                               // percent
	tCmp                                   // over, at least, older than
	tOrMore                                // or more
	tSuper                                 // most, least
	tDir                                   // descending
	tExcept                                // except
	tOften                                 // hourly
	tMark                                  // , : ? !
)

var symbols = map[string]lexer.TokenType{
	"EOF": tEOF, "Word": tWord, "Term": tTerm, "Name": tName, "Atom": tAtom, "Noun": tNoun, "Pron": tPron, "Num": tNum,
	"Pct": tPct, "Size": tSize, "Dur": tDur, "Clock": tClock, "Stamp": tStamp, "Path": tPath, "Addr": tAddr,
	"Domain": tDomain, "Quoted": tQuoted, "Ident": tIdent, "Half": tHalf, "Unit": tUnit, "Mer": tMer, "Day": tDay,
	"Wday": tWday, "SizeUnit": tSizeUnit, "PctWord": tPctWord, "Cmp": tCmp, "OrMore": tOrMore, "Super": tSuper,
	"Dir": tDir, "Except": tExcept, "Often": tOften, "Mark": tMark,
}

// classes is the participle lexer definition. Streams are made from the
// lattice of a line, so it never lexes text itself.
type classes struct{}

func (classes) Symbols() map[string]lexer.TokenType { return symbols }

func (classes) Lex(string, io.Reader) (lexer.Lexer, error) {
	return nil, errors.New("grammar: lines are lexed against an inventory")
}

// A ref is a token of the stream that a production captured; Pos.Offset is
// its index there. A list of them is one capture: participle gives a list of
// tokens the range that was matched last, so a list holds the closed words
// between as well.
type ref = lexer.Token

// Where gives the tokens a production covers: [Pos.Offset, EndPos.Offset).
type pos = lexer.Position

// A clause is one order or question: phrases in any order. What they mean
// together is decided by the verb, see bind.go.
type clause struct {
	Parts []*part `parser:"@@*"`
}

// A part is one phrase. The order of the alternatives matters only where one
// begins like another; words that could be either are in different classes
// and so in different streams.
type part struct {
	Pos    pos
	Time   *timePart  `parser:"  @@"`
	Cond   *condition `parser:"| @@"`
	Span   *spanPart  `parser:"| @@"`
	Limit  *limitPart `parser:"| @@"`
	Sort   *sortPart  `parser:"| @@"`
	Target *target    `parser:"| @@"`
	Names  *names     `parser:"| @@"`
	Other  *ref       `parser:"| @(Term|Word|Mark|Quoted|Ident|Num|Noun|Pron|Pct|Size|Dur|Clock|Stamp|Half|Unit|Mer|Day|Wday|SizeUnit|PctWord|Cmp|OrMore|Super|Dir|Except|Often|Atom|Name)"`
	EndPos pos
}

// A duration is a length of time: 4h, half an hour, an hour and a half, two hours and 10 minutes.
type duration struct {
	Glued *ref      `parser:"(  @Dur"`
	Half  *halfUnit `parser:"| @@"`
	Count *counted  `parser:"| @@ )"`
	More  *duration `parser:"( 'and'? @@ )?"`
}

type halfUnit struct {
	Of   *ref `parser:"@Half 'a'?"`
	Unit *ref `parser:"@Unit"`
}

type counted struct {
	Num  *ref `parser:"( @Num | 'a' )"`
	Plus *ref `parser:"( 'and' 'a'? @Half )?"`
	Unit *ref `parser:"@Unit"`
	Tail *ref `parser:"( 'and' 'a'? @Half (?! 'a'? Unit) )?"`
}

// A clock is a time of day.
type clock struct {
	Clock *ref     `parser:"  @Clock"`
	Part  *ref     `parser:"  @Mer?"`
	Hour  *clockAM `parser:"| @@"`
}

type clockAM struct {
	Num *ref `parser:"@Num"`
	Mer *ref `parser:"@Mer"`
}

// A bareClock is a time of day after "at", where a number will do.
type bareClock struct {
	Clock *clock `parser:"  @@"`
	Num   *ref   `parser:"| @Num (?! Unit | SizeUnit | PctWord)"`
}

// An instant is a point in time.
type instant struct {
	Stamp *stamp    `parser:"  @@"`
	Ago   *duration `parser:"| @@ 'ago'"`
	Day   *dayTime  `parser:"| @@"`
	Clock *clockDay `parser:"| @@"`
}

type stamp struct {
	Date  *ref       `parser:"@Stamp"`
	Clock *bareClock `parser:"( 'at' @@ )?"`
	Plain *clock     `parser:"@@?"`
}

type dayTime struct {
	Day   *ref       `parser:"( 'on' | 'next' )? @(Day | Wday)"`
	Part  *ref       `parser:"@Mer?"`
	Clock *bareClock `parser:"( 'at' @@ )?"`
	Plain *clock     `parser:"@@?"`
}

type clockDay struct {
	Clock *clock `parser:"@@"`
	Day   *ref   `parser:"( 'on'? @(Day | Wday | Stamp)"`
	Part  *ref   `parser:"  @Mer? )?"`
}

type atClock struct {
	Clock *bareClock `parser:"'at' @@"`
	Day   *ref       `parser:"( 'on'? @(Day | Wday | Stamp)"`
	Part  *ref       `parser:"  @Mer? )?"`
}

// A timePart says when, since when, until when, or how often.
type timePart struct {
	Every   *every    `parser:"  @@"`
	Last    *lastSpan `parser:"| @@"`
	In      *duration `parser:"| ( 'in' | 'after' ) @@ (?! 'ago')"`
	Between *between  `parser:"| @@"`
	Since   *moment   `parser:"| 'since' @@"`
	Until   *moment   `parser:"| 'until' @@"`
	Before  *moment   `parser:"| 'before' @@"`
	At      *atClock  `parser:"| @@"`
	On      *instant  `parser:"| @@"`
}

// A moment is an instant where a bare hour will do.
type moment struct {
	Instant *instant   `parser:"  @@"`
	At      *atClock   `parser:"| @@"`
	Clock   *bareClock `parser:"| @@"`
}

type every struct {
	Often *ref      `parser:"  @Often"`
	Dur   *duration `parser:"| 'every' @@"`
	Unit  *ref      `parser:"| 'every' @Unit"`
}

// A lastSpan is the time up to now: (over) the last 10 minutes, the last hour.
type lastSpan struct {
	Lead *ref      `parser:"@( 'in' | 'for' | 'during' | 'of' | 'from' | 'within' | 'over' | 'since' | Cmp )? ( 'the' )? 'last'"`
	Dur  *duration `parser:"( @@"`
	Unit *ref      `parser:"| @Unit )"`
}

type between struct {
	Day  *ref    `parser:"( 'on'? @(Day | Wday) )? ( 'between' | 'from' )"`
	From *moment `parser:"@@ ( 'and' | 'to' | 'until' )"`
	To   *moment `parser:"@@"`
	On   *ref    `parser:"( 'on'? @(Day | Wday) )?"`
}

// A spanPart is a length of time for which something lasts.
type spanPart struct {
	Lead *ref      `parser:"@( 'for' | 'during' | 'of' | 'in' )? 'the'? 'next'?"`
	Dur  *duration `parser:"@@"`
}

// A condition is a comparison on a result field.
//
// A range has two ends: between 50 and 80.
type condition struct {
	Pre    []ref  `parser:"@( ( Term ( 'the' | 'is' | 'are' | 'for' | 'has' | 'have' | 'of' | 'with' | 'rel' | 'was' | 'a' )* )* )"`
	Not    *ref   `parser:"@'not'?"`
	Op     *ref   `parser:"(  @Cmp 'the'?"`
	Value  *value `parser:"   @@"`
	OrMore *ref   `parser:"   @OrMore?"`
	Low    *value `parser:"|  'between' @@ 'and'"`
	High   *value `parser:"   @@"`
	Bare   *value `parser:"|  @@"`
	BareOp *ref   `parser:"   @OrMore )"`
	Post   []ref  `parser:"@( ( ( 'of' | 'the' | 'in' | 'is' | 'on' )* (?! Term+ ( 'is' | 'are' )? Cmp ) Term )* )"`
}

// A value is what a field is compared with.
type value struct {
	Pct     *ref      `parser:"  @Pct"`
	Percent *ref      `parser:"| @Num PctWord"`
	Size    *ref      `parser:"| @Size"`
	Sized   *sized    `parser:"| @@"`
	Dur     *duration `parser:"| @@"`
	Unit    *ref      `parser:"| @Unit"`
	Plain   *ref      `parser:"| @( Num | Quoted | Ident | Term | Stamp | Domain | Path | Name )"`
}

type sized struct {
	Num  *ref `parser:"@Num"`
	Unit *ref `parser:"@SizeUnit"`
}

// A limitPart keeps the first few.
type limitPart struct {
	Word *ref `parser:"@( 'top' | 'bottom' | 'last' | 'limit' | 'max' )"`
	Num  *ref `parser:"@Num (?! Unit)"`
}

// A sortPart orders the answer.
type sortPart struct {
	By    *sortBy    `parser:"  @@"`
	Super *sortSuper `parser:"| @@"`
	Dir   *ref       `parser:"| @Dir"`
}

type sortBy struct {
	Terms []ref `parser:"'sort'? 'by' 'the'? @( Term+ )"`
	Dir   *ref  `parser:"( ','? @Dir )?"`
}

type sortSuper struct {
	Super *ref  `parser:"@Super 'of'? 'the'?"`
	Terms []ref `parser:"@( Term* )"`
}

// A target is a set of hosts: on the prod web servers, web01 and db01 except ...
type target struct {
	Prep   *place    `parser:"( @@"`
	Second *placeToo `parser:"  @@? )?"`
	First  *hostTerm `parser:"( @@"`
	Rest   []*joined `parser:"  @@*"`
	But    []*except `parser:"  @@*"`
	AllBut *except   `parser:"| @@ )"`
}

type joined struct {
	Join *joins    `parser:"@@"`
	Prep *placeToo `parser:"@@?"`
	Term *hostTerm `parser:"@@"`
}

type except struct {
	Comma *ref      `parser:"@','? Except 'on'? "`
	Term  *hostTerm `parser:"@@"`
	More  []*joined `parser:"@@*"`
}

// A hostTerm is one member of a target.
type hostTerm struct {
	Lead   *leads    `parser:"@@?"`
	Range  *hostSpan `parser:"( @@"`
	Bits   []ref     `parser:"| @( Atom+ 'the'? Noun? )"`
	Noun   *ref      `parser:"| @Noun"`
	Pron   *ref      `parser:"| @Pron"`
	Served *served   `parser:"| @@ )"`
	Narrow []*narrow `parser:"@@*"`
}

type hostSpan struct {
	From *ref `parser:"@Atom ( 'to' | 'until' | 'via' )"`
	To   *ref `parser:"@Atom"`
}

// A served keeps the hosts that have a service: kafka brokers, nginx hosts.
type served struct {
	Name *ref `parser:"@Name"`
	Noun *ref `parser:"@Noun"`
}

// A narrow restricts a set further: in nyc, that are down, running nginx.
type narrow struct {
	Lead *relates `parser:"(  @@"`
	Not  *ref     `parser:"   ( @'not' ( 'in' | 'at' | 'on' | 'from' )? )?"`
	Bits []ref    `parser:"   @( Atom+ ) Noun?"`
	Non  *ref     `parser:"|  @'not' ( 'in' | 'at' | 'on' | 'from' )"`
	Out  []ref    `parser:"   @( Atom+ )"`
	Does *denies  `parser:"|  @@?"`
	No   *ref     `parser:"   @( 'not' | Except )"`
	Has  *lacks   `parser:"   @@?"`
	Lack []ref    `parser:"   @( Name+ )"`
	Owns *owns    `parser:"|  @@"`
	With []ref    `parser:"   @( Name+ ) )"`
}

// A names is one or several things of one kind.
type names struct {
	First *ref        `parser:"@( Name | Path | Addr | Domain | Ident | Quoted )"`
	Rest  []*nameMore `parser:"@@*"`
}

type nameMore struct {
	Join *joins `parser:"@@ 'the'?"`
	Name *ref   `parser:"@( Name | Path | Addr | Domain | Ident | Quoted )"`
}
