package bot

import (
	"slices"
	"strings"
)

// Words that people greet with, and words beside them.
var (
	greetings = []string{"hello", "hi", "hey", "hallo", "moin", "howdy", "greetings", "morning", "evening", "afternoon"}
	greeted   = []string{"good", "there", "again", "all", "everybody", "everyone", "dear", "bot", "adminbot"}
)

// nothingToDo answers a line that orders and asks nothing.
func nothingToDo(line string) string {
	words := strings.FieldsFunc(strings.ToLower(line), func(r rune) bool { return strings.ContainsRune(" \t\n,.!:)", r) })
	hello := slices.ContainsFunc(words, func(w string) bool { return slices.Contains(greetings, w) })
	for _, w := range words {
		hello = hello && (slices.Contains(greetings, w) || slices.Contains(greeted, w))
	}
	switch {
	case hello:
		return "Hello. Say help to see what I understand. Nothing was run."
	case line != "" && strings.Trim(line, "? !") == "":
		return "Say help to see what I understand. Nothing was run."
	}
	return "OK, nothing to do. Nothing was run."
}
