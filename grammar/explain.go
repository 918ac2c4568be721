package grammar

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

var classNames = func() map[int]string {
	m := map[int]string{}
	for name, t := range symbols {
		m[int(t)] = strings.ToLower(name)
	}
	return m
}()

// Explain writes how a line was read: its words with their columns and what
// each may be, the ways in which verbs took them, and what came of it. It is
// for people who extend the vocabulary; its form is not stable.
func (lx *Lexicon) Explain(w io.Writer, prev []Reading, line string, now time.Time) error {
	k := normalise(line)
	words, _ := lx.replace(scan(k))
	if len(line) > MaxLine || len(words) > maxWords {
		_, err := fmt.Fprintf(w, "%d bytes, %d words: too long, not read\n", len(line), len(words))
		return err
	}
	r := &reader{lx: lx, prev: prev, now: now, trace: &trace{}, overlooked: -1, asName: -1}
	out := r.read(words, k.odd)
	r.stats.Words = len(words)

	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprint(t, "column\tword\tmay be\n")
	for i, word := range r.la.words {
		fmt.Fprintf(t, "%6d\t%s\t%s\n", word.col, word.raw, strings.Join(r.senses(i), "; "))
	}
	fmt.Fprint(t, "\nverb\ttaken as\n")
	for _, try := range r.trace.tries {
		fmt.Fprintf(t, "%s\t%s\n\t  %s\n", try.verb, try.tokens, try.verdict)
	}
	if len(r.trace.tries) == 0 {
		fmt.Fprint(t, "-\tno verb has a use for every word\n")
	}
	if err := t.Flush(); err != nil {
		return err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "\n%s", out.Status)
	if out.Canonical != "" {
		fmt.Fprintf(&b, ": %s", out.Canonical)
	}
	b.WriteByte('\n')
	for _, c := range out.Commands {
		one, err := json.Marshal(c)
		if err != nil {
			return err
		}
		fmt.Fprintf(&b, "  %s\n", one)
	}
	for _, s := range append(slices.Clone(out.Options), out.Suggestions...) {
		fmt.Fprintf(&b, "  offered: %s\n", s)
	}
	if out.Question != "" {
		fmt.Fprintf(&b, "  asked: %s\n", out.Question)
	}
	if p := out.Problem; p != nil {
		fmt.Fprintf(&b, "  not understood: %q at column %d\n", p.Word, p.Column)
	}
	fmt.Fprintf(&b, "work: %d words, %d verbs, %d token streams of %d tokens, %d bound, read again %d times\n",
		r.stats.Words, r.stats.Verbs, r.stats.Streams, r.stats.Tokens, r.stats.Bindings, r.stats.Rereads)
	_, err := io.WriteString(w, b.String())
	return err
}

// senses lists what the word at i may be or begin.
func (r *reader) senses(i int) []string {
	var out []string
	for _, m := range r.la.matches[i] {
		of := ""
		if m.len > 1 {
			of = "\"" + joinWords(r.la.words[i:i+m.len]) + "\" "
		}
		for _, c := range m.n.closed {
			out = append(out, of+c.class+"="+c.value)
		}
		for _, n := range m.n.names {
			out = append(out, of+string(n.kind)+" "+n.value)
		}
		for _, a := range m.n.atoms {
			out = append(out, of+"hosts "+Selector{a.sel}.String())
		}
		var verbs []string
		for _, t := range m.n.terms {
			if v := r.lx.verbs[t.verb].Method; !slices.Contains(verbs, v) {
				verbs = append(verbs, v)
			}
		}
		if len(verbs) > 0 {
			out = append(out, of+"word of "+strings.Join(verbs, ", "))
		}
	}
	if len(out) == 0 {
		out = append(out, classNames[int(r.la.shapes[i].class)]+" (by its shape)")
	}
	return out
}

// A trace collects the attempts for Explain.
type trace struct{ tries []attempt }

type attempt struct{ verb, tokens, verdict string }

// traceStream notes one attempt.
func (r *reader) traceStream(v int, s []token, o *outcome, err error, edit bool) {
	if r.trace == nil {
		return
	}
	try := attempt{verb: r.lx.verbs[v].Method}
	if edit {
		try.verb += " (follow-up)"
	}
	toks := make([]string, len(s))
	for i := range s {
		toks[i] = s[i].text + "/" + classNames[int(s[i].class)]
	}
	try.tokens = strings.Join(toks, " ")
	switch {
	case err != nil:
		try.verdict = err.Error()
	case o == nil:
		try.verdict = "not said"
	default:
		var parts []string
		for _, i := range o.loose {
			parts = append(parts, fmt.Sprintf("not explained: %s", r.la.words[i].raw))
		}
		for _, m := range o.missing {
			parts = append(parts, "missing: "+m)
		}
		if len(o.loose) == 0 {
			for _, c := range o.commands {
				parts = append(parts, "= "+r.lx.one(&c))
			}
		}
		try.verdict = fmt.Sprintf("%s (filler %d, words of the verb %d)", strings.Join(parts, ", "), o.soft, o.heads)
	}
	r.trace.tries = append(r.trace.tries, try)
}
