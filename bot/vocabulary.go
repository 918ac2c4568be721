package bot

import (
	_ "embed"
	"fmt"
	"os"
	"sync"

	"adminbot/grammar"
)

//go:embed vocabulary.txt
var vocabularyText string

// vocabulary is read once; nothing writes to it.
var vocabulary = sync.OnceValues(func() (grammar.Vocabulary, error) {
	v, err := grammar.ReadVocabulary(vocabularyText)
	if err != nil {
		return grammar.Vocabulary{}, fmt.Errorf("bot: %w", err)
	}
	return v, nil
})

// Vocabulary is what can be said to every bot: the words of vocabulary.txt. It
// must not be written to.
func Vocabulary() (grammar.Vocabulary, error) { return vocabulary() }

// SiteVocabulary is [Vocabulary] and what the files of a site add to it, in the
// notation of [grammar.ReadVocabulary].
func SiteVocabulary(files ...string) (grammar.Vocabulary, error) {
	v, err := Vocabulary()
	if err != nil {
		return v, err
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			return v, fmt.Errorf("vocabulary: %w", err)
		}
		more, err := grammar.ReadVocabulary(string(text))
		if err == nil {
			v, err = v.With(more)
		}
		if err == nil {
			_, err = v.Compile(nil) // a bad phrase is found now, not when hosts come
		}
		if err != nil {
			return v, fmt.Errorf("vocabulary %s: %w", name, err)
		}
	}
	return v, nil
}

// Compile makes the lexicon of a fleet: it is what a [fleet.Config] wants.
func Compile(inv *grammar.Inventory) (*grammar.Lexicon, error) {
	v, err := Vocabulary()
	if err != nil {
		return nil, err
	}
	return v.Compile(inv)
}
