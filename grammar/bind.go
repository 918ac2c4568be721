package grammar

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// A frame is the conversation a clause is read in.
type frame struct {
	now  time.Time
	last *Command // the command before, for "it", "there" and follow-ups
	// older are values named earlier, newest first by kind.
	objects map[Kind]any
	// hosts is the latest selection that was named.
	hosts   Selector
	unclear bool // hosts were only filtered: which ones is not known here
	// edit makes the clause change last instead of being a sentence of its own.
	edit bool
	// dry is set when the line asks what would happen.
	dry bool
	// also are the inflections in which the line may order.
	also inflected
	// odd lines never become writes.
	odd bool
	// day is the day that an order without a time of day was for, when the
	// line may answer "At what time?".
	day time.Time
	// lacks is the argument that the line before was asked for.
	lacks string
	// lean makes a question without hosts be about the hosts named before.
	lean bool
	// lend gives what the clause lacks from its neighbour ("disk and memory on db03").
	lend *Command
}

// A binding is one attempt to explain one stream by one verb.
type binding struct {
	lx   *Lexicon
	la   *lattice
	v    int
	vb   *verb
	toks []token
	fr   *frame
	clk  clockReader

	used     []bool // explained
	tied     []bool // part of a phrase that is more than one word of filling
	timed    []bool // part of a time or a length of time
	soft     int    // words explained only as filler
	args     map[string]any
	units    map[string][]unitSense // unit arguments, to be settled when the hosts are known
	many     int                    // argument with several values that makes several commands, or -1
	values   []any
	or       bool // the several values are alternatives
	on       Selector
	orOn     []Selector
	asked    bool // hosts were named
	vagueOn  bool // ... by "everything"
	noun     bool // "hosts" was said
	single   bool // "host" was said
	each     bool // "every host"
	pron     string
	kin      bool // a phrase goes on with what the line before was about
	where    []Filter
	sort     string
	super    bool
	praise   int // what superlatives of the vocabulary weigh
	bottom   bool
	topTo    int // where "top 3" ends: what stands there is counted
	limit    int
	at       time.Time
	until    time.Time
	every    time.Duration
	question bool
	filled   bool     // something of substance was read
	fact     []string // fact keys that were named, for follow-ups that replace one fact
	bareSet  bool
	vague    bool // a day without a time
	broken   bool
	// filledBefore is set when a pronoun was taken for something named before.
	filledBefore bool
	set          []int32
}

// A unitSense is a word that may be several units.
type unitSense struct {
	names []nameSense
	text  string
}

// An outcome is what a binding came to.
type outcome struct {
	v        int
	commands []Command
	alts     [][]Command // alternatives the words leave open
	missing  []string
	loose    []int // words not explained
	soft     int
	heads    int // words of the verb that were found
	write    bool
	empty    bool      // the selection holds no host
	hints    []Command // nearly what was said, to be offered
	changed  bool      // a follow-up that says something new
	// overlooked is the word that would be passed over although it names hosts, or -1.
	overlooked int
}

// bind explains a parsed stream by the verb; nil means that it cannot be.
func (lx *Lexicon) bind(la *lattice, v int, toks []token, cl *clause, fr *frame) *outcome {
	b := &binding{lx: lx, la: la, v: v, vb: &lx.verbs[v], toks: toks, fr: fr, many: -1,
		clk:  clockReader{toks, fr.now.In(lx.zone)},
		used: make([]bool, len(toks)), tied: make([]bool, len(toks)), timed: make([]bool, len(toks)), args: map[string]any{}, units: map[string][]unitSense{}}
	for i := range cl.Parts {
		b.part(cl.Parts[i])
		if b.broken {
			break
		}
	}
	return b.finish()
}

func (b *binding) use(from, to int) {
	for i := from; i < to; i++ {
		b.used[i], b.tied[i] = true, true
	}
}

// clock notes that tokens are part of a time.
func (b *binding) clock(from, to int) {
	for i := from; i < to; i++ {
		b.timed[i] = true
	}
}

func (b *binding) tok(r *ref) *token { return &b.toks[r.Pos.Offset] }

// part reads one phrase. What it leaves unused is looked at again at the end.
func (b *binding) part(p *part) {
	from, to := p.Pos.Offset, p.EndPos.Offset
	switch {
	case p.Time != nil:
		if b.time(p.Time) {
			b.use(from, to)
			b.clock(from, to)
			b.filled = true
		}
	case p.Cond != nil:
		b.condition(p.Cond, from, to)
	case p.Span != nil:
		if secs, ok := b.clk.seconds(p.Span.Dur); ok && b.length(from, secs) {
			b.use(from, to)
			b.clock(from, to)
			b.filled = true
		}
	case p.Limit != nil:
		t := b.tok(p.Limit.Num)
		if b.take(t.num) {
			b.use(from, to)
			if p.Limit.Word != nil && b.tok(p.Limit.Word).is("top") {
				b.super = true
				b.topTo = to
			}
			b.bottom = p.Limit.Word != nil && b.tok(p.Limit.Word).is("bottom")
		}
	case p.Sort != nil:
		b.order(p.Sort, from, to)
	case p.Target != nil:
		if b.target(p.Target) {
			b.noun = b.noun || b.topTo == from && from > 0 && p.Target.Prep == nil // the top 3 databases
			b.use(from, to)
		}
	case p.Names != nil:
		b.things(p.Names, from, to)
	case p.Other != nil:
		b.other(p.Other.Pos.Offset)
	}
}

// time reads a time phrase into the slot the verb has for it.
func (b *binding) time(t *timePart) bool {
	since, until := b.argOf("since", KindTime), b.argOf("until", KindTime)
	put := func(i int, at time.Time) bool {
		if i < 0 {
			return false
		}
		return b.set1(i, at.UTC())
	}
	switch {
	case t.Every != nil:
		secs, ok := 0.0, true
		switch {
		case t.Every.Often != nil:
			secs = b.tok(t.Every.Often).num
		case t.Every.Dur != nil:
			secs, ok = b.clk.seconds(t.Every.Dur)
		default:
			secs = b.tok(t.Every.Unit).num
		}
		if !ok || secs < 1 || b.every != 0 {
			return false
		}
		b.every = time.Duration(secs * float64(time.Second))
		return true
	case t.Last != nil:
		secs, ok := 0.0, true
		if t.Last.Dur != nil {
			secs, ok = b.clk.seconds(t.Last.Dur)
		} else {
			secs = b.tok(t.Last.Unit).num
		}
		if !ok {
			return false
		}
		if since >= 0 {
			return put(since, b.fr.now.Add(-time.Duration(secs*float64(time.Second))))
		}
		if w := b.windowArg(); w >= 0 && !b.vb.Write {
			return b.set1(w, int64(secs))
		}
		return false
	case t.In != nil:
		secs, ok := b.clk.seconds(t.In)
		return ok && b.when(b.fr.now.Add(time.Duration(secs*float64(time.Second))))
	case t.Between != nil:
		if since < 0 || until < 0 {
			return false
		}
		from, ok1 := b.clk.moment(t.Between.From, false)
		to, ok2 := b.clk.moment(t.Between.To, false)
		if !ok1 || !ok2 {
			return false
		}
		var said *ref // from 10:00 to 10:30 yesterday
		if to := t.Between.To.Instant; to != nil && to.Clock != nil && t.Between.From.Instant != nil && t.Between.From.Instant.Clock != nil && t.Between.From.Instant.Clock.Day == nil {
			said = to.Clock.Day
		}
		if d := cmp.Or(t.Between.Day, t.Between.On, said); d != nil {
			day, part, ok := b.clk.day(d, false)
			if !ok {
				return false
			}
			from.at, to.at = on(day, hm{from.at.Hour(), from.at.Minute(), 0}), on(day, hm{to.at.Hour(), to.at.Minute(), 0})
			if part != "" {
				from.at, to.at = b.clk.during(day, part, clockOf(from.at)), b.clk.during(day, part, clockOf(to.at))
			}
		}
		if to.at.Before(from.at) {
			to.at = to.at.AddDate(0, 0, 1)
		}
		return put(since, from.at) && put(until, to.at)
	case t.Since != nil:
		p, ok := b.clk.moment(t.Since, false)
		if !ok {
			return false
		}
		if since < 0 {
			if w := b.windowArg(); w >= 0 && !b.vb.Write {
				return b.set1(w, int64(b.fr.now.Sub(p.at)/time.Second))
			}
		}
		return put(since, p.at)
	case t.Until != nil:
		if until >= 0 {
			p, ok := b.clk.moment(t.Until, false)
			return ok && put(until, p.at)
		}
		p, ok := b.clk.moment(t.Until, true)
		if !ok || !p.at.After(b.fr.now) {
			return false
		}
		b.until = p.at
		w := b.lengthArg()
		return w >= 0 && b.set1(w, int64(p.at.Sub(b.fr.now)/time.Second))
	case t.Before != nil: // an order "before six" is one at another time
		p, ok := b.clk.moment(t.Before, false)
		return ok && until >= 0 && !b.vb.Write && put(until, p.at)
	case t.At != nil:
		if t.At.Day == nil && b.fr.edit && !b.fr.day.IsZero() {
			clock, ok := b.clk.bare(t.At.Clock)
			return ok && b.when(on(b.fr.day, clock))
		}
		return b.atPoint(b.clk.atClock(t.At, b.ahead()))
	case t.On != nil:
		if c := t.On.Clock; c != nil && c.Day == nil && b.fr.edit && !b.fr.day.IsZero() {
			clock, ok := b.clk.clock(c.Clock)
			return ok && b.when(on(b.fr.day, clock))
		}
		return b.onPoint(t.On)
	}
	return false
}

// ahead reports whether bare times of the verb lie in the future.
func (b *binding) ahead() bool { return b.argOf("since", KindTime) < 0 || b.vb.Write }

func (b *binding) onPoint(i *instant) bool {
	p, ok := b.clk.instant(i, b.ahead())
	if !ok {
		return false
	}
	since := b.argOf("since", KindTime)
	if w := b.windowArg(); since < 0 && w >= 0 && !b.vb.Write && p.whole && !p.at.After(b.fr.now) {
		return b.set1(w, int64(b.fr.now.Sub(p.at)/time.Second)) // sla today
	}
	if since >= 0 && !b.vb.Write {
		if !p.at.After(b.fr.now) {
			if until := b.argOf("until", KindTime); p.whole && until >= 0 && !p.end.After(b.fr.now) {
				return b.set1(since, p.at.UTC()) && b.set1(until, p.end.UTC())
			}
			return b.set1(since, p.at.UTC())
		}
		return false
	}
	return b.atPoint(p, ok)
}

func (b *binding) atPoint(p point, ok bool) bool {
	if !ok {
		return false
	}
	if i := b.argOf("at", KindTime); i >= 0 {
		return b.set1(i, p.at.UTC())
	}
	if p.whole && !b.vb.Write && b.argOf("at", KindTime) < 0 && !p.at.After(b.fr.now) && p.end.After(on(b.clk.now, hm{})) {
		b.soft++ // how is web02 today: now
		return true
	}
	if p.whole {
		b.vague = true
	}
	if !b.until.IsZero() {
		return p.at.Equal(b.until) // "until 6pm 6pm" says one time twice
	}
	return b.when(p.at)
}

func (b *binding) when(at time.Time) bool {
	if !b.at.IsZero() || at.Before(b.fr.now) && !b.vague {
		return false
	}
	if i := b.argOf("at", KindTime); i >= 0 {
		return b.set1(i, at.UTC())
	}
	b.at = at.UTC()
	return true
}

func (b *binding) argOf(name string, k Kind) int {
	if i, ok := b.vb.argIdx[name]; ok && b.vb.Args[i].Kind == k {
		return i
	}
	return -1
}

// lengthArg is the argument that a plain "for two hours" fills: the one of
// kind seconds that needs no word of its own.
func (b *binding) lengthArg() int {
	for i, a := range b.vb.Args {
		if a.Kind == KindSeconds && len(a.Words) == 0 {
			return i
		}
	}
	return -1
}

func (b *binding) windowArg() int {
	for i, a := range b.vb.Args {
		if a.Kind == KindSeconds && strings.HasPrefix(a.Name, "window") {
			return i
		}
	}
	return b.lengthArg()
}

// length reads a length of time; an introducing word before it chooses the argument.
func (b *binding) length(at int, secs float64) bool {
	if i := b.introduced(at); i >= 0 && b.vb.Args[i].Kind == KindSeconds {
		return b.set1(i, int64(secs))
	}
	if i := b.lengthArg(); i >= 0 {
		return b.set1(i, int64(secs))
	}
	if since := b.argOf("since", KindTime); since >= 0 && !b.vb.Write {
		return b.set1(since, b.fr.now.Add(-time.Duration(secs*float64(time.Second))).UTC()) // nginx log, 30 minutes
	}
	return false
}

// introduced is the argument whose word stands before the token, skipping
// articles, "of" and marks; or -1.
func (b *binding) introduced(at int) int {
	for i := at - 1; i >= 0; i-- {
		t := &b.toks[i]
		if t.class == tTerm {
			if x := t.has(b.v, roleArg); x != nil {
				return int(x.a)
			}
			return -1
		}
		if t.class == tMark && (t.value == ":" || t.value == "=") {
			continue
		}
		if t.class == tWord && (t.is("det") || t.value == "of" || t.value == "is" || t.value == "to" || t.value == "for" || t.value == "at") {
			continue
		}
		return -1
	}
	return -1
}

// set1 gives an argument its value; a second, different value breaks the reading.
func (b *binding) set1(i int, v any) bool {
	name := b.vb.Args[i].Name
	if old, ok := b.args[name]; ok {
		return sameValue(old, v)
	}
	b.args[name] = v
	b.filled = true
	return true
}

func sameValue(a, b any) bool {
	if ta, ok := a.(time.Time); ok {
		tb, ok := b.(time.Time)
		return ok && ta.Equal(tb)
	}
	if la, ok := a.([]string); ok {
		lb, ok := b.([]string)
		return ok && slices.Equal(la, lb)
	}
	if _, ok := b.([]string); ok {
		return false
	}
	return a == b
}
