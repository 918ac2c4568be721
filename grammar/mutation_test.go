package grammar

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// A mutant is a line made from another that must not do more than it.
type mutant struct {
	name  string
	line  string
	never bool // no write at all may come of it
}

var (
	verbs = regexp.MustCompile(`(?i)\b(restart|stop|start|reload|reboot|bounce|kick|drain|pause|resume|silence|patch|upgrade|update|sync|promote|demote|watch)\b`)
	units = regexp.MustCompile(`(?i)\b(minutes?|mins?|hours?|days?|weeks?)\b`)
)

// mutants changes a line in the ways in which lines go wrong.
func mutants(line string, rng *rand.Rand) []mutant {
	words := strings.Fields(line)
	k := rng.IntN(len(words))
	cut := func(ws []string) string { return strings.Join(ws, " ") }
	without := func(i int) []string { return append(slices.Clone(words[:i]), words[i+1:]...) }
	replace := func(i int, w string) string {
		c := slices.Clone(words)
		c[i] = w
		return cut(c)
	}
	bare := strings.TrimRight(line, ".?! ")
	out := []mutant{
		{"negation", "don't " + line, true},
		{"negation", "do not " + line, true},
		{"negation", "never " + line, true},
		{"negation", "please do not " + bare, true},
		{"negation", "whatever you do, don't " + line, true},
		{"condition", bare + " unless busy", true},
		{"condition", bare + " if it is down", true},
		{"condition", "if load is high " + line, true},
		{"condition", bare + " only if needed", true},
		{"question", "should I " + bare + "?", true},
		{"question", "what happens if I " + bare + "?", true},
		{"question", "how do I " + bare + "?", true},
		{"question", "why did you " + bare + "?", true},
		{"question", "did you " + bare + "?", true},
		{"question", "is it safe to " + bare, true},
		{"quotes", `bob said "` + bare + `"`, true},
		{"quotes", `"` + bare + `"`, true},
		{"quotes", "> " + line, true},
		{"take-back", bare + ", no wait", true},
		{"take-back", bare + " ... scratch that", true},
		{"past", "yesterday we " + bare, true},
		{"past", "I already did " + bare, true},
		{"log", "Nov 20 13:59:01 web01 sudo: alice : COMMAND=" + line, true},
		{"log", "[ERROR] failed to " + bare, true},
		{"log", line + "\nerror: connection refused", true},
		{"lookalike", strings.ReplaceAll(line, "e", "\u0435"), strings.Contains(line, "e")},
		{"lookalike", strings.ReplaceAll(line, "o", "\u043e"), strings.Contains(line, "o")},
		{"lookalike", strings.Replace(line, "a", "\uff41", 1), strings.Contains(line, "a")},
		{"invisible", line[:len(words[0])] + "\u200b" + line[len(words[0]):], true},
		{"invisible", "\u202e" + line, true},
		{"stray", line + " frobnicate", true},
		{"stray", "sudo " + line, true},
		{"stray", replace(k, words[k]+"x"), false},
		{"verb", verbs.ReplaceAllString(line, "demolish"), verbs.MatchString(line)},
		{"verb", verbs.ReplaceAllString(line, "${0}ify"), verbs.MatchString(line)},
		{"unit", units.ReplaceAllString(line, "parsecs"), units.MatchString(line)},
		{"unit", units.ReplaceAllString(line, "GB"), units.MatchString(line)},
		{"unknown host", strings.NewReplacer("web01", "wbe01", "mail", "mial", "db01", "bd01", "lb01", "lb99", "web03", "web33").Replace(line), false},
		{"double", cut(append(slices.Clone(words[:k+1]), words[k:]...)), false},
		{"drop", cut(without(k)), false},
		{"everything", strings.NewReplacer("on web01", "on everything", "on mail", "everywhere maybe", "on lb01", "on all").Replace(line), false},
	}
	if len(words) > 1 {
		i, j := rng.IntN(len(words)), rng.IntN(len(words))
		c := slices.Clone(words)
		c[i], c[j] = c[j], c[i]
		out = append(out, mutant{"swap", cut(c), false})
	}
	return out
}

// TestMutations: no mutation of a worked case plans a write that the case
// itself does not contain. Dropped and swapped words may make another true
// sentence; even then the method and what it acts on stay.
func TestMutations(t *testing.T) {
	type conversation struct {
		lx   *Lexicon
		name string
		turn []string
	}
	var all []conversation
	dev, site2 := testLexicon(t), lexiconOf(t, "testdata/site2.json")
	for _, c := range devCases(t) {
		all = append(all, conversation{dev, c.ID, c.Turns})
	}
	for _, p := range textPairs(t) {
		switch {
		case p.other():
			all = append(all, conversation{site2, p.name, p.lines})
		case p.file == "writes.txt" || p.file == "dryrun.txt" || p.file == "times.txt" || p.file == "follow.txt":
			all = append(all, conversation{dev, p.name, p.lines})
		}
	}
	for _, set := range strangerSets {
		lx, cases := strangers(t, set)
		for _, c := range cases {
			if slices.ContainsFunc(turns(lx, c.Turns...).Commands, func(cmd Command) bool { return lx.write(cmd.Method) }) {
				all = append(all, conversation{lx, c.ID, c.Turns})
			}
		}
	}
	rng := rand.New(rand.NewPCG(20261120, 1))
	n, refused, ofWrites := 0, 0, 0
	kinds := map[string]int{}
	for _, c := range all {
		lx := c.lx
		var prev []Reading
		for _, l := range c.turn[:len(c.turn)-1] {
			prev = append(prev, lx.Parse(prev, l, lx.Inventory().Now))
		}
		last := c.turn[len(c.turn)-1]
		base := lx.Parse(prev, last, lx.Inventory().Now)
		allowed := map[string]bool{}
		for _, cmd := range base.Commands {
			allowed[writeKey(cmd, true)] = true
			allowed[writeKey(cmd, false)] = true
		}
		writes := slices.ContainsFunc(base.Commands, func(cmd Command) bool { return lx.write(cmd.Method) })
		for _, m := range mutants(last, rng) {
			if rng.IntN(sampled) > 0 && kinds[m.name] >= 10 {
				continue
			}
			n++
			if writes && m.line != last {
				ofWrites++
				kinds[m.name]++
			}
			r := lx.Parse(prev, m.line, lx.Inventory().Now)
			if r.Status != OK {
				refused++
				continue
			}
			for _, cmd := range r.Commands {
				if !lx.write(cmd.Method) || cmd.DryRun || cmd.Method == methodCancel {
					continue
				}
				if (base.Status == NotACommand || base.Status == Ambiguous || base.Status == Unknown) && m.name == "drop" {
					continue // the word may have been the negation, the "or", or what was not understood
				}
				loose := m.name == "drop" || m.name == "swap"
				if m.name == "drop" && len(base.Commands) > 0 && base.Commands[0].Method == "pkg.refresh" {
					continue // apt update without apt is update
				}
				if m.name == "double" && base.Status == Ambiguous {
					continue // a name said twice is the service and the host
				}
				if len(base.Commands) > 1 && m.name == "swap" {
					continue // stop cups; start smbd: another order, and a whole one
				}
				if (len(c.turn) > 1 || len(base.Commands) > 1) && m.name == "drop" || base.Status == Incomplete && m.name == "drop" {
					continue // half a follow-up may be another, and what was too much may have gone
				}
				if m.name == "stray" && (cmd.Args["version"] != nil || cmd.Args["names"] != nil || cmd.Args["name"] != nil || cmd.Args["path"] != nil) {
					continue // any identifier may be a version or a package, and any path a path
				}
				if (cmd.Args["reason"] != nil || strings.Contains(last, "because")) && (m.name == "stray" || m.name == "double") {
					continue // a reason is free text
				}
				if m.name == "stray" && cmd.Args["id"] != nil {
					continue // 140x may be an id as well as 140
				}
				if m.never && !strings.HasPrefix(m.name, "stray") || !allowed[writeKey(cmd, !loose)] {
					t.Errorf("%s of %s %q\n  %q\n  = %s", m.name, c.name, c.turn, m.line, r.Canonical)
				}
			}
		}
	}
	// Mutants of questions cannot fail: only those of lines that change something count.
	if n < 3000 || ofWrites < 15000/sampled {
		t.Errorf("only %d mutants, %d of lines that change something", n, ofWrites)
	}
	for _, kind := range []string{"negation", "condition", "question", "quotes", "take-back", "past", "log", "lookalike", "invisible", "stray", "verb", "unit", "unknown host", "double", "drop", "swap", "everything"} {
		if kinds[kind] < 10 {
			t.Errorf("only %d mutants of kind %s", kinds[kind], kind)
		}
	}
	t.Logf("%d mutants, %d of lines that change something, %d held back: %v", n, ofWrites, refused, kinds)
}

// writeKey identifies a write: with its hosts and times, or only by what it
// acts on.
func writeKey(c Command, whole bool) string {
	if whole {
		b, _ := json.Marshal(c)
		return string(b)
	}
	return fmt.Sprint(c.Method, c.Args["unit"], c.Args["id"], c.Args["group"], c.Args["path"])
}
