package bot

import (
	"fmt"
	"slices"
	"strings"

	"adminbot/grammar"
)

// While a card is open, a few words that the grammar knows nothing of are about
// it. Without a card they are not read here.
var (
	droppingWords = []string{
		"stop", "stop it", "stop that", "stop now", "wait no", "no wait", "no no", "nevermind", "never mind", "cancel that", "cancel it",
		"no stop", "hold on no", "no hold on", "oh no", "no dont", "dont", "👎", "thumbs down",
	}
	idleWords = []string{
		"wait", "ok", "okay", "k", "kk", "ok wait", "hold on", "hang on", "one moment", "one sec", "one second", "a moment", "moment", "sec", "just a moment",
		"👍", "👌", "thumbs up", ":+1:", "+1", "hm", "hmm", "right", "fine", "good", "great", "nice", "cool", "thanks", "thank you", "ty", "alright", "i see", "lol", "?",
	}
)

// spokenPlain is a line without marks, letters' case, and what only colours an emoji.
func spokenPlain(line string) string {
	line = strings.Map(func(r rune) rune {
		switch {
		case r >= 0x1F3FB && r <= 0x1F3FF, r == 0xFE0F, r == '\'', r == '’':
			return -1
		case strings.ContainsRune(",.!…;", r):
			return ' '
		}
		return r
	}, strings.ToLower(line))
	return strings.Join(strings.Fields(line), " ")
}

// dropping reads a line that takes a card back without saying no.
func (b *Bot) dropping(t *turn) (grammar.Command, bool) {
	if !slices.Contains(droppingWords, spokenPlain(t.line)) || len(b.waiting(t)) == 0 {
		return grammar.Command{}, false
	}
	return grammar.Command{Method: "bot.cancel"}, true
}

// idle answers a line that is about no plan while a card is open: neither yes nor
// no, and the person should know that it is still there.
func (b *Bot) idle(t *turn) (Reply, bool) {
	if !slices.Contains(idleWords, spokenPlain(t.line)) {
		return Reply{}, false
	}
	return b.stillWaits(t)
}

// stillWaits says which of the person's cards are open here, if any.
func (b *Bot) stillWaits(t *turn) (Reply, bool) {
	waiting := b.waiting(t)
	switch len(waiting) {
	case 0:
		return Reply{}, false
	case 1:
		c := waiting[0]
		return c.tell(ExitNotUnderstood, fmt.Sprintf("%s still waits, for %s. Nothing was run.", c.id, span(c.expires.Sub(t.now))), c.answers()), true
	}
	var ids []string
	for _, c := range waiting {
		ids = append(ids, c.id)
	}
	return tell(ExitNotUnderstood, strings.Join(ids, ", ")+" still wait. Nothing was run."), true
}
