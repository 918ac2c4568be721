package grammar

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// TestAliases: what a site or a person says stands for other words, anywhere
// in a line, and never changes what the language says itself.
func TestAliases(t *testing.T) {
	lx, err := testLexicon(t).WithAliases(map[string]string{
		"frobnicate": "restart", "the shop": "web01 and web02", "morning round": "disk on all hosts over 80%", "loop": "loop loop",
	})
	if err != nil {
		t.Fatal(err)
	}
	for line, want := range map[string]string{
		"frobnicate nginx on web01":           "restart nginx on web01",
		"please Frobnicate nginx on the shop": "restart nginx on web[01-02]",
		"morning round":                       "disk usage on all hosts with used_percent > 80%",
		"don't frobnicate nginx on web01":     "",
		"frobnicate nginx on web01 unless it": "",
		"log with \"frobnicate\" on web01":    "log matching \"frobnicate\" on web01",
		"loop nginx on web01":                 "",
	} {
		if r := lx.Parse(nil, line, lx.Inventory().Now); r.Canonical != want {
			t.Errorf("%q: %s %q, want %q", line, r.Status, r.Canonical, want)
		}
	}
	if r := lx.Parse(nil, "frobnicate ngnix on web01", lx.Inventory().Now); r.Problem == nil || r.Problem.Column != 12 {
		t.Errorf("the column is that of the line as typed: %+v", r.Problem)
	}
	for name, means := range map[string]string{
		"on": "off", "restarted": "restart", "is it": "x", "restart it": "stop it", "the pager": "x", "web09": "web01", "a*": "x", "tuesday": "x", "don't": "x", "a \"b\"": "x", "not": "please", "unless": "on", "restart": "stop", "a, b": "x", "": "x", "x": "", "y": "\u0440estart", "z": strings.Repeat("a ", maxAlias),
	} {
		if _, err := lx.WithAliases(map[string]string{name: means}); err == nil {
			t.Errorf("%q may stand for %q", name, means)
		}
	}
}

// TestAliasOfAThing: what there is wins over an alias, also when it comes later
// and when the alias has only a part of its name.
func TestAliasOfAThing(t *testing.T) {
	language, err := Vocabulary{Verbs: testVerbs(t)}.Language()
	if err != nil {
		t.Fatal(err)
	}
	before, err := language.Compile(testLexicon(t).Inventory())
	if err != nil {
		t.Fatal(err)
	}
	now := before.Inventory().Now
	aliases := map[string]string{"gadget": "web01", "the gadget": "web02", "my gizmo": "web03", "hub": "lb01", "widgets": "web01-03"}
	for name, means := range aliases {
		if err := before.CheckAlias(name, means); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	inv := *before.Inventory()
	inv.Hosts = append(slices.Clone(inv.Hosts),
		Host{Name: "gadget", Services: []string{"nginx"}}, Host{Name: "gizmo", Services: []string{"nginx"}},
		Host{Name: "spare", Facts: map[string]string{"role": "widget"}, Services: []string{"nginx"}})
	inv.Groups = map[string][]string{"east hub": {"gadget"}, "hub north": {"gizmo"}}
	after, err := language.Compile(&inv)
	if err != nil {
		t.Fatal(err)
	}
	for line, want := range map[string][2]string{
		"restart nginx on gadget":                {"restart nginx on web01", "restart nginx on gadget"},
		"restart nginx on the gadget":            {"restart nginx on web02", "restart nginx on gadget"},
		"restart nginx on my gizmo":              {"restart nginx on web03", "restart nginx on gizmo"},
		"restart nginx on widgets":               {"restart nginx on web[01-03]", "restart nginx on role=widget"},
		"restart keepalived on hub":              {"restart keepalived on lb01", "restart keepalived on lb01"},
		"restart nginx on hub north":             {"", "restart nginx on gizmo"},
		"restart nginx on east hub":              {"", "restart nginx on gadget"},
		"restart nginx on web01, then ping mail": {"restart nginx on web01; then ping on mail", "restart nginx on web01; then ping on mail"},
	} {
		for i, lx := range []*Lexicon{before, after} {
			mine, err := lx.WithAliases(aliases)
			if err != nil {
				t.Fatal(err)
			}
			if r := mine.Parse(nil, line, now); r.Canonical != want[i] {
				t.Errorf("%q: %s %q, want %q", line, r.Status, r.Canonical, want[i])
			}
		}
	}
	if err := after.CheckAlias("gadget", "web01"); !errors.Is(err, ErrAliasTaken) {
		t.Errorf("%v", err)
	}
}

// knownLines are sentences that are read, with the lexicons of their sites.
func knownLines(t *testing.T) (lines []string, lexicons []*Lexicon) {
	add := func(lx *Lexicon, turns []string) {
		lines, lexicons = append(lines, turns[len(turns)-1]), append(lexicons, lx)
	}
	for _, c := range devCases(t) {
		add(testLexicon(t), c.Turns)
	}
	for _, set := range strangerSets {
		lx, cases := strangers(t, set)
		for _, c := range cases {
			add(lx, c.Turns)
		}
	}
	return lines, lexicons
}

// TestAliasesChangeNothing: no word of a sentence that is read can be made an
// alias, but what is taken as it is said: names of packages, text. What a
// question forgives is no word of it.
func TestAliasesChangeNothing(t *testing.T) {
	lines, lexicons := knownLines(t)
	checked := 0
	for i, lx := range lexicons {
		k := normalise(lines[i])
		strictly := &reader{lx: lx, now: lx.Inventory().Now, strict: true, overlooked: -1, asName: -1}
		r := strictly.read(scan(k), k.odd)
		if r.Status != OK {
			continue
		}
		values := strings.ToLower(fmt.Sprint(plain(t, r.Commands)))
		for _, w := range scan(k) {
			if checked++; w.mark || w.quoted || strings.Contains(values, w.text) || lx.CheckAlias(w.text, "x") != nil {
				continue
			}
			mine, err := lx.WithAliases(map[string]string{w.text: "x"})
			if err != nil {
				t.Fatal(err)
			}
			if again := mine.Parse(nil, lines[i], lx.Inventory().Now); again.Canonical != r.Canonical {
				t.Errorf("%q: with an alias %q it is %s %q", lines[i], w.text, again.Status, again.Canonical)
			}
		}
	}
	if checked < 5000 {
		t.Errorf("only %d words", checked)
	}
}

// TestAliasesAreTheirWords: a line with an alias is read as the line with the
// words that it stands for, so that nothing is planned that they do not say.
func TestAliasesAreTheirWords(t *testing.T) {
	lines, lexicons := knownLines(t)
	rng := rand.New(rand.NewPCG(4, 2))
	used, writes := 0, 0
	for n := range 4000 {
		i := n % len(lines)
		if strings.ContainsAny(lines[i], "\"“'’`") {
			continue // an alias is none inside quotation marks
		}
		lx, now := lexicons[i], lexicons[i].Inventory().Now
		words := strings.Fields(lines[i])
		from := rng.IntN(len(words))
		to := from + 1 + rng.IntN(min(3, len(words)-from))
		means := strings.Join(words[from:to], " ")
		if rng.IntN(4) == 0 {
			means = lines[rng.IntN(len(lines))]
		}
		if lx.CheckAlias("frob nicate", means) != nil {
			continue
		}
		mine, err := lx.WithAliases(map[string]string{"frob nicate": means})
		if err != nil {
			t.Fatal(err)
		}
		line := func(middle string) string {
			return strings.Join(slices.Concat(words[:from], []string{middle}, words[to:]), " ")
		}
		got, want := mine.Parse(nil, line("frob nicate"), now), lx.Parse(nil, line(means), now)
		if (got.Status == OK) != (want.Status == OK) || got.Canonical != want.Canonical {
			t.Errorf("%q with %q: %s %q, want %s %q", line("frob nicate"), means, got.Status, got.Canonical, want.Status, want.Canonical)
		}
		used++
		if slices.ContainsFunc(got.Commands, func(c Command) bool { return lx.write(c.Method) }) {
			writes++
		}
		if len(got.Aliases) != 1 {
			t.Errorf("%q: used %q", line("frob nicate"), got.Aliases)
		}
	}
	if used < 2000 || writes < 300 {
		t.Errorf("only %d lines, %d changes", used, writes)
	}
}

// TestForms: a form is read before anything in it, and only whole.
func TestForms(t *testing.T) {
	lx := testLexicon(t)
	for line, want := range map[string]string{
		"alias frobnicate = restart":                     "alias frobnicate = restart",
		"  ALIAS  the  shop=web01 and  web02 ":           "alias the shop = web01 and web02",
		"alias round = disk with used > 80, don't panic": "alias round = disk with used > 80, don't panic",
		"alias x = restart = stop":                       "alias x = restart = stop",
		"forget alias the shop":                          "forget alias the shop",
		"remove my alias frobnicate":                     "forget alias frobnicate",
		"unalias frobnicate":                             "forget alias frobnicate",
		"alias = restart":                                "",
		"alias x =":                                      "",
		"please don't alias x = restart":                 "",
		"aliases frobnicate = restart":                   "",
		"alias fr\u043ebnicate = restart":                "",
	} {
		r := lx.Parse(nil, line, lx.Inventory().Now)
		if r.Canonical != want || (r.Status == OK) != (want != "") {
			t.Errorf("%q: %s %q, want %q", line, r.Status, r.Canonical, want)
		}
		if want == "" {
			continue
		}
		if again := lx.Parse(nil, want, lx.Inventory().Now); !reflect.DeepEqual(again.Commands, lx.Parse(nil, again.Canonical, lx.Inventory().Now).Commands) || again.Canonical != want {
			t.Errorf("%q is read as %q", want, again.Canonical)
		}
	}
	for line, want := range map[string]string{
		"alias":                     "Which words? For example: alias frobnicate = restart",
		"alias frobnicate":          "What does it stand for? For example: alias frobnicate = restart",
		"Alias frobnicate as x":     "What does it stand for? For example: alias frobnicate = restart",
		"forget alias":              "Which alias?",
		"aliased nginx on web01":    "",
		"unaliased":                 "",
		"alias fr\u043ebnicate = x": "",
	} {
		if r := lx.Parse(nil, line, lx.Inventory().Now); r.Question != want || (r.Status == Incomplete) != (want != "") {
			t.Errorf("%q: %s %q, want %q", line, r.Status, r.Question, want)
		}
	}
	for _, form := range []string{"alias", "alias {x}", "{name}", "alias {name} {sentence}", "alias {name", "alias {name} ="} {
		v := Verb{Method: "bot.alias", Forms: []string{form}, Args: []Arg{{Name: "name", Kind: KindText}, {Name: "sentence", Kind: KindText}}}
		if _, err := Compile([]Verb{v}, nil); err == nil {
			t.Errorf("form %q is taken", form)
		}
	}
}

// TestVocabularyWith: a site adds words and methods, and changes no method.
func TestVocabularyWith(t *testing.T) {
	read := func(text string) Vocabulary {
		v, err := ReadVocabulary(text)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	base := Vocabulary{Verbs: testVerbs(t)}
	site, err := base.With(read("method service.restart\nsay frobnicate\n\nmethod x.mysql.replication hosts\nsay replication state\n\nalias the shop = web01"))
	if err != nil {
		t.Fatal(err)
	}
	lx, err := site.Compile(testLexicon(t).Inventory())
	if err != nil {
		t.Fatal(err)
	}
	for line, want := range map[string]string{
		"frobnicate nginx on the shop":  "restart nginx on web01",
		"replication state on the shop": "replication state on web01",
	} {
		if r := lx.Parse(nil, line, lx.Inventory().Now); r.Canonical != want {
			t.Errorf("%q: %s %q, want %q", line, r.Status, r.Canonical, want)
		}
	}
	for _, text := range []string{"method disk.usage write", "method disk.usage\narg x text", "method service.restart hosts\nsay x"} {
		if _, err := base.With(read(text)); err == nil {
			t.Errorf("%q changes a method", text)
		}
	}
	if n := len(base.Verbs[0].Words); n != len(testVerbs(t)[0].Words) {
		t.Error("the vocabulary it was made of changed")
	}
}
