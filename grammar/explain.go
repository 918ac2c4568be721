package grammar

import (
	"fmt"
	"strings"
	"time"
)

var classNames = func() map[int]string {
	m := map[int]string{}
	for name, t := range symbols {
		m[int(t)] = name
	}
	return m
}()

// Explain tells how a line was read: its words with what each may be, the
// streams that were tried for each verb and what became of them. It is for
// people who extend the vocabulary; its form is not stable.
func (lx *Lexicon) Explain(prev []Reading, line string, now time.Time) string {
	var b strings.Builder
	k := normalise(line)
	words := scan(k)
	if len(line) > MaxLine || len(words) > maxWords {
		return "too long\n"
	}
	r := &reader{lx: lx, prev: prev, now: now, strict: true, trace: &b}
	out := r.read(words, k.odd)
	for i, w := range words {
		fmt.Fprintf(&b, "%3d %-16s", w.col, w.raw)
		for _, m := range r.la.matches[i] {
			fmt.Fprintf(&b, " [%d:", m.len)
			for _, c := range m.n.closed {
				fmt.Fprintf(&b, " %s=%s", c.class, c.value)
			}
			for _, n := range m.n.names {
				fmt.Fprintf(&b, " %s:%s", n.kind, n.value)
			}
			for _, a := range m.n.atoms {
				fmt.Fprintf(&b, " hosts:%s", Selector{a.sel})
			}
			if len(m.n.terms) > 0 {
				fmt.Fprintf(&b, " terms of")
				last := int16(-1)
				for _, t := range m.n.terms {
					if t.verb != last {
						fmt.Fprintf(&b, " %s", lx.verbs[t.verb].Method)
						last = t.verb
					}
				}
			}
			b.WriteString("]")
		}
		if len(r.la.matches[i]) == 0 {
			fmt.Fprintf(&b, " (%s)", classNames[int(r.la.shapes[i].class)])
		}
		b.WriteByte('\n')
	}
	fmt.Fprintf(&b, "= %s %s\n  %+v\n", out.Status, out.Canonical, r.stats)
	return b.String()
}

// traceStream notes one attempt.
func (r *reader) traceStream(v int, s []token, o *outcome, err error, edit bool) {
	if r.trace == nil {
		return
	}
	fmt.Fprintf(r.trace, "%s", r.lx.verbs[v].Method)
	if edit {
		r.trace.WriteString(" (follow-up)")
	}
	r.trace.WriteByte(':')
	for i := range s {
		fmt.Fprintf(r.trace, " %s/%s", s[i].text, classNames[int(s[i].class)])
	}
	switch {
	case err != nil:
		fmt.Fprintf(r.trace, "\n    %v\n", err)
	case o == nil:
		r.trace.WriteString("\n    not said\n")
	default:
		fmt.Fprintf(r.trace, "\n    filler %d, words of the verb %d", o.soft, o.heads)
		for _, i := range o.loose {
			fmt.Fprintf(r.trace, ", not explained: %s", r.la.words[i].raw)
		}
		for _, m := range o.missing {
			fmt.Fprintf(r.trace, ", missing: %s", m)
		}
		for _, c := range o.commands {
			fmt.Fprintf(r.trace, "\n    %s", r.lx.one(&c))
		}
		r.trace.WriteByte('\n')
	}
}
