package grammar

import (
	"fmt"
	"strings"
)

// A form is a whole line with places for words that are taken as they are said:
// "alias {name} = {sentence}".
type form struct {
	verb  string
	words string   // that it begins with
	args  []string // what its places are for
	marks []string // what stands behind each place; "" behind the last
}

// parseForms reads one entry of [Verb.Forms].
func parseForms(pattern string, v *verb) ([]form, error) {
	texts, err := expand(pattern)
	if err != nil {
		return nil, err
	}
	var out []form
	for _, text := range texts {
		f := form{verb: v.Method}
		head, rest, _ := strings.Cut(text, "{")
		f.words = strings.TrimSpace(head)
		for more := true; more; {
			var arg, mark string
			arg, rest, more = strings.Cut(rest, "}")
			if _, ok := v.argIdx[arg]; !more || !ok || f.words == "" {
				return nil, fmt.Errorf("grammar: form %q: want words, and then places named like arguments", pattern)
			}
			mark, rest, more = strings.Cut(rest, "{")
			if mark = strings.TrimSpace(mark); (mark != "") != more {
				return nil, fmt.Errorf("grammar: form %q: want one mark between two places", pattern)
			}
			f.args, f.marks = append(f.args, arg), append(f.marks, mark)
		}
		out = append(out, f)
	}
	return out, nil
}

// formed reads a line that is one of the forms.
func (lx *Lexicon) formed(k keyed) (Command, bool) {
	if k.odd {
		return Command{}, false
	}
	for i := range lx.forms {
		if c, ok := lx.forms[i].read(k.runes); ok {
			return c, true
		}
	}
	return Command{}, false
}

// halfFormed is what to ask when a line begins like a form and goes on otherwise:
// for the first thing that is missing.
func (lx *Lexicon) halfFormed(k keyed) string {
	line := strings.Join(strings.Fields(strings.ToLower(string(k.runes))), " ")
	for _, f := range lx.forms {
		rest, ok := strings.CutPrefix(line, f.words)
		if !ok || rest != "" && rest[0] != ' ' {
			continue
		}
		missing := f.args[0]
		if rest != "" && len(f.args) > 1 {
			missing = f.args[1]
		}
		v := &lx.verbs[lx.byName[f.verb]]
		return v.Args[v.argIdx[missing]].Ask
	}
	return ""
}

func (f *form) read(line []rune) (Command, bool) {
	for len(line) > 0 && line[0] == ' ' {
		line = line[1:]
	}
	n := len(f.words)
	if len(line) <= n || line[n] != ' ' || !strings.EqualFold(string(line[:n]), f.words) {
		return Command{}, false
	}
	rest := string(line[n:])
	c := Command{Method: f.verb, Args: map[string]any{}}
	for i, arg := range f.args {
		said, ok := rest, true
		if mark := f.marks[i]; mark != "" {
			said, rest, ok = strings.Cut(rest, mark)
		}
		said = strings.Join(strings.Fields(said), " ")
		if !ok || said == "" {
			return Command{}, false
		}
		c.Args[arg] = said
	}
	return c, true
}

// form writes a command as the first form that says all of it.
func (lx *Lexicon) form(c *Command) (string, bool) {
	for i := range lx.forms {
		f := &lx.forms[i]
		if f.verb != c.Method || len(f.args) != len(c.Args) {
			continue
		}
		text := f.words
		for j, arg := range f.args {
			said, _ := c.Args[arg].(string)
			if text += " " + said; f.marks[j] != "" {
				text += " " + f.marks[j]
			}
		}
		return text, true
	}
	return "", false
}
