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

// language is the vocabulary compiled, which takes longer than all the hosts of
// a fleet.
var language = sync.OnceValues(func() (*grammar.Language, error) {
	v, err := Vocabulary()
	if err != nil {
		return nil, err
	}
	return v.Language()
})

// Language is what can be said, compiled: the [Vocabulary] and what the files of
// a site add to it, in the notation of [grammar.ReadVocabulary]. Its Compile is
// what a [fleet.Config] wants.
func Language(files ...string) (*grammar.Language, error) {
	if len(files) == 0 {
		return language()
	}
	v, err := Vocabulary()
	if err != nil {
		return nil, err
	}
	var l *grammar.Language
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("vocabulary: %w", err)
		}
		more, err := grammar.ReadVocabulary(string(text))
		if err == nil {
			v, err = v.With(more)
		}
		if err == nil {
			l, err = v.Language()
		}
		if err == nil {
			_, err = l.Compile(nil) // a bad alias is found now, not when hosts come
		}
		if err != nil {
			return nil, fmt.Errorf("vocabulary %s: %w", name, err)
		}
	}
	return l, nil
}

// Compile makes the lexicon of a fleet without words of its own.
func Compile(inv *grammar.Inventory) (*grammar.Lexicon, error) {
	l, err := Language()
	if err != nil {
		return nil, err
	}
	return l.Compile(inv)
}
