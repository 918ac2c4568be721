package grammar

import (
	_ "embed"
	"fmt"
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

// readEnglish calls add for every phrase of the data file.
func readEnglish(text string, add func(words []string, c closed)) error {
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
			return fmt.Errorf("grammar: english.txt:%d: want CLASS VALUE: phrases", n+1)
		}
		list, err := phraseList(phrases)
		if class == "short" { // w/ is no pattern
			list, err = strings.Split(phrases, ", "), nil
		}
		if err != nil {
			return fmt.Errorf("%w (english.txt:%d)", err, n+1)
		}
		for _, p := range list {
			if p == "" {
				continue
			}
			c := closed{class, value}
			if value == "." {
				c.value = p
			}
			add(phraseWords(p), c)
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

// plainWords reports whether words are nothing but letters and digits, which
// scanning would leave as they are: most of a vocabulary.
func plainWords(words []string) bool {
	for _, w := range words {
		for i := range len(w) {
			if !isLetter(w[i]) && !isDigit(rune(w[i])) {
				return false
			}
		}
		if _, cut := bareContractions[w]; cut {
			return false
		}
	}
	return true
}
