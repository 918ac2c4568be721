package grammar

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"
)

// englishText is the generic English: closed word classes that no inventory
// and no method changes.
//
//go:embed english.txt
var englishText string

// A closed is one sense of a phrase in a closed class.
type closed struct {
	class string
	value string
}

// namesText is what sites commonly call their hosts and services.
//
//go:embed names.txt
var namesText string

// spokenNames are the other words for a name, by class: the moods, services,
// roles, values and keys of facts, and paths of names.txt.
type spokenNames map[string]map[string][]string

func readSpokenNames(text string) (spokenNames, error) {
	out := spokenNames{}
	err := readClasses("names.txt", text, func(words string, c closed) {
		if out[c.class] == nil {
			out[c.class] = map[string][]string{}
		}
		out[c.class][c.value] = append(out[c.class][c.value], words)
	})
	return out, err
}

// readClasses calls add for every phrase of a data file: CLASS VALUE: phrases.
func readClasses(file, text string, add func(phrase string, c closed)) error {
	for n, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		head, phrases, ok := strings.Cut(line, ": ")
		class, value, ok2 := strings.Cut(head, " ")
		if !ok && strings.HasSuffix(line, ":") {
			continue // a class with no phrase yet
		}
		if !ok || !ok2 {
			return fmt.Errorf("grammar: %s:%d: want CLASS VALUE: phrases", file, n+1)
		}
		list, err := phraseList(phrases)
		if class == "short" { // w/ is no pattern
			list, err = strings.Split(phrases, ", "), nil
		}
		if err != nil {
			return fmt.Errorf("%w (%s:%d)", err, file, n+1)
		}
		for _, p := range list {
			if p == "" {
				continue
			}
			c := closed{class, value}
			if value == "." {
				c.value = p
			}
			add(p, c)
		}
	}
	return nil
}

// phraseWords cuts a phrase the way lines are cut.
func phraseWords(p string) []string {
	if out := strings.Fields(p); plainWords(out) {
		return out
	}
	ws := scan(normalise(p))
	out := make([]string, len(ws))
	for i, w := range ws {
		out[i] = w.text
	}
	return out
}

// plainWords reports whether scanning would leave words as they are: most of a
// vocabulary.
func plainWords(words []string) bool {
	for _, w := range words {
		if w == "..." || slices.Contains(clitics, w) {
			continue
		}
		for i := range len(w) {
			if c := w[i]; !isLetter(c) && !isDigit(rune(c)) && c != '{' && c != '}' && !(c == '-' && i+1 < len(w)) {
				return false
			}
		}
		if _, cut := bareContractions[w]; cut {
			return false
		}
	}
	return true
}
