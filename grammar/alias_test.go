package grammar

import (
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
		"on": "off", "not": "please", "unless": "on", "restart": "stop", "a, b": "x", "": "x", "x": "", "y": "\u0440estart", "z": strings.Repeat("a ", maxAlias),
	} {
		if _, err := lx.WithAliases(map[string]string{name: means}); err == nil {
			t.Errorf("%q may stand for %q", name, means)
		}
	}
	same, err := lx.WithAliases(map[string]string{"web01": "web02"})
	if err != nil {
		t.Fatal(err)
	}
	if r := same.Parse(nil, "restart nginx on web01", lx.Inventory().Now); r.Canonical != "restart nginx on web01" {
		t.Errorf("a host is no alias: %q", r.Canonical)
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
