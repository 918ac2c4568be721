package grammar

import (
	"fmt"
	"slices"
	"strings"
)

// maxExpanded bounds how many phrases one pattern may stand for.
const maxExpanded = 2000

// expand writes out a pattern of the vocabulary as the phrases it stands for,
// the plainest first:
//
//	apply/install updates          alternatives of a word
//	[the/all] updates              what may be left out
//	(look at/show me) the log      alternatives of several words
//
// Groups may stand inside groups.
func expand(pattern string) ([]string, error) {
	if !strings.ContainsAny(pattern, "[](/)") {
		return []string{pattern}, nil
	}
	p := patternReader{text: pattern}
	out := p.alternatives()
	if p.err == nil && p.at < len(p.text) {
		p.err = fmt.Errorf("grammar: pattern %q: a bracket that was never opened", pattern)
	}
	if p.err != nil {
		return nil, p.err
	}
	for i := range out {
		out[i] = strings.Join(strings.Fields(out[i]), " ")
	}
	return slices.DeleteFunc(out, func(s string) bool { return s == "" }), nil
}

type patternReader struct {
	text  string
	at    int
	depth int
	err   error
}

// alternatives reads up to a closing bracket or the end. Inside a group a slash
// divides whole sequences, outside only words.
func (p *patternReader) alternatives() []string {
	var out []string
	seq := []string{""}
	for p.at < len(p.text) && p.err == nil {
		var part []string
		switch c := p.text[p.at]; c {
		case ')', ']':
			return append(out, seq...)
		case '/': // in a group
			p.at++
			out, seq = append(out, seq...), []string{""}
			continue
		case ' ':
			p.at++
			part = []string{" "}
		case '(', '[':
			part = p.group(c)
		default:
			part = p.word()
		}
		if len(seq)*len(part) > maxExpanded {
			p.err = fmt.Errorf("grammar: pattern %q stands for more than %d phrases", p.text, maxExpanded)
			return nil
		}
		next := make([]string, 0, len(seq)*len(part))
		for _, s := range seq {
			for _, w := range part {
				next = append(next, s+w)
			}
		}
		seq = next
	}
	return append(out, seq...)
}

// group reads a bracket: its alternatives, and nothing for a square one.
func (p *patternReader) group(open byte) []string {
	p.at++
	p.depth++
	out := p.alternatives()
	p.depth--
	closing := byte(')')
	if open == '[' {
		closing, out = ']', append([]string{""}, out...)
	}
	if p.err == nil && (p.at >= len(p.text) || p.text[p.at] != closing) {
		p.err = fmt.Errorf("grammar: pattern %q: want %q at column %d", p.text, closing, p.at+1)
		return nil
	}
	p.at++
	return out
}

// word reads a word, or outside of groups several: apply/install.
func (p *patternReader) word() []string {
	end := " ()[]"
	if p.depth > 0 {
		end += "/"
	}
	from := p.at
	for p.at < len(p.text) && !strings.ContainsRune(end, rune(p.text[p.at])) {
		p.at++
	}
	return strings.Split(p.text[from:p.at], "/")
}
