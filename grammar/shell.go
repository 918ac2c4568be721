package grammar

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"
)

// shellText is the command lines that people type by habit.
//
//go:embed shell.txt
var shellText string

// A shell puts the words that are meant in place of command lines.
type shell map[string]*shellCommand

// A shellCommand is how one command is said.
type shellCommand struct {
	words   []word
	options map[string]shellOption // by "-n", "--lines", "aux"
	digits  []word                 // of -50; nil: it has none
}

type shellOption struct {
	words  []word
	values map[string][]word // by the only values it takes; nil: any
	takes  bool              // a value
}

func readShell(text string) (shell, error) {
	out := shell{}
	for n, line := range strings.Split(text, "\n") {
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		name, rest, ok := strings.Cut(line, ": ")
		c, readable := readShellCommand(strings.Split(rest, " | "))
		if !ok || !readable || out[name] != nil {
			return nil, fmt.Errorf("grammar: shell.txt:%d: want COMMAND: words | options = words", n+1)
		}
		out[name] = c
	}
	return out, nil
}

func readShellCommand(parts []string) (*shellCommand, bool) {
	c := &shellCommand{words: scan(normalise(parts[0])), options: map[string]shellOption{}}
	for _, part := range parts[1:] {
		names, said, ok := strings.Cut(part+" ", " = ")
		if !ok {
			return nil, false
		}
		words := scan(normalise(said))
		for name := range strings.SplitSeq(names, ", ") {
			name, value, takes := strings.Cut(strings.TrimSpace(name), " ")
			if name == "-N" {
				c.digits = words
				continue
			}
			o := c.options[name]
			o.takes = takes
			if takes && value != "V" {
				if o.values == nil {
					o.values = map[string][]word{}
				}
				o.values[value] = words
			} else {
				o.words = words
			}
			c.options[name] = o
		}
	}
	return c, true
}

// say reads a command line with options, "journalctl -u nginx -n 50 on web01", as
// the sentence that it stands for. What has an option that is not known stays as
// it is.
func (sh shell) say(words []word) []word {
	at := 0
	for at < len(words) && slices.Contains([]string{"run", "do", "please", "pls", "execute"}, words[at].text) {
		at++
	}
	if at == len(words) || words[at].quoted || sh[words[at].text] == nil {
		return words
	}
	c := sh[words[at].text]
	out := append(slices.Clone(words[:at]), placed(c.words, words[at], word{})...)
	found := false
	for rest := words[at+1:]; len(rest) > 0; {
		said, n, ok := c.option(rest)
		if !ok {
			return words
		}
		if n == 0 {
			out, rest = append(out, rest[0]), rest[1:]
			continue
		}
		out, rest, found = append(out, said...), rest[n:], true
	}
	if !found {
		return words
	}
	return out
}

// option reads the option that words begin with: what it is in words, and how many
// words it took; 0 if there is none. Not ok: it is not known.
func (c *shellCommand) option(words []word) (said []word, n int, ok bool) {
	w := words[0]
	if w.quoted || w.mark {
		return nil, 0, true
	}
	name, value, assigned := strings.Cut(w.raw, "=")
	if o, known := c.options[name]; known {
		switch {
		case !o.takes:
			return placed(o.words, w, word{}), 1, !assigned
		case assigned && value != "":
			return o.of(w, w.part(value), 1)
		case !assigned && len(words) > 1 && !words[1].mark:
			return o.of(w, words[1], 2)
		case !assigned && len(words) > 2 && words[1].text == ":": // lsof -i :443
			return o.of(w, words[2], 3)
		}
		return nil, 0, false
	}
	if w.raw[0] != '-' {
		return nil, 0, true
	}
	if _, isNumber := digits(w.raw[1:]); isNumber && c.digits != nil {
		return placed(c.digits, w, w.part(w.raw[1:])), 1, true
	}
	return c.together(words)
}

// together reads options of one letter that stand together; the last may take a
// value: -xe, -n50, -fu nginx.
func (c *shellCommand) together(words []word) (said []word, n int, ok bool) {
	w := words[0]
	if len(w.raw) < 3 || w.raw[1] == '-' {
		return nil, 0, false
	}
	o, known := c.options[w.raw[:2]]
	if !known {
		return nil, 0, false
	}
	if o.takes {
		return o.of(w, w.part(w.raw[2:]), 1)
	}
	more, n, ok := c.option(append([]word{w.part("-" + w.raw[2:])}, words[1:]...))
	return append(placed(o.words, w, word{}), more...), n, ok && n > 0
}

// of is the option with a value, n words long.
func (o shellOption) of(at, value word, n int) ([]word, int, bool) {
	words := o.words
	if o.values != nil {
		found, ok := o.values[value.raw]
		if !ok {
			return nil, 0, false
		}
		words = found
	}
	return placed(words, at, value), n, true
}

// part is a part of the word, as a word.
func (w word) part(raw string) word {
	return word{text: strings.ToLower(raw), raw: raw, col: w.col}
}

// placed are words that stand where at was typed, with the value in place of V
// and N.
func placed(words []word, at, value word) []word {
	out := make([]word, 0, len(words))
	for _, w := range words {
		w.col = at.col
		switch {
		case w.raw != "V" && w.raw != "N":
			out = append(out, w)
		case !value.quoted:
			out = append(out, value)
		default:
			for _, v := range scan(normalise(value.raw)) { // --since "1 hour ago"
				v.col = value.col
				out = append(out, v)
			}
		}
	}
	return out
}
