package bot

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"adminbot/grammar"
)

// languagePage is written by hand down to this line, and below it by
// go test ./bot -run TestLanguagePage -update.
const languageMark = "<!-- From here on the page is made of bot/vocabulary.txt. -->\n"

// languageFleet is what the sentences of the page are about.
func languageFleet() *grammar.Inventory {
	host := func(name, role, env, site, mood string, services ...string) grammar.Host {
		return grammar.Host{Name: name, Mood: mood, Services: services, Facts: map[string]string{"role": role, "env": env, "site": site, "os": "debian12"}}
	}
	return &grammar.Inventory{
		Now: time.Date(2026, 11, 20, 14, 0, 0, 0, time.UTC), Asker: "alice@example.net",
		Hosts: []grammar.Host{
			host("web01", "web", "prod", "ams", "happy", "nginx", "php8.2-fpm"), host("web02", "web", "prod", "ams", "sad", "nginx", "php8.2-fpm"),
			host("web03", "web", "staging", "nyc", "happy", "nginx", "php8.4-fpm"), host("db01", "db", "prod", "ams", "happy", "postgresql"),
			host("db02", "db", "prod", "nyc", "dead", "postgresql"), host("mail", "mail", "prod", "ams", "happy", "postfix", "dovecot"),
		},
		Groups: map[string][]string{"frontends": {"web01", "web02"}},
		Checks: []string{"http"}, Components: []string{"checkout"}, Backups: []string{"nightly"}, FailoverGroups: []string{"pg-main"},
		Apps: []string{"api"}, Workgroups: []string{"dba"}, People: []string{"bob@example.net"},
	}
}

// TestLanguagePage: the page is of this vocabulary, every sentence in it that is
// to be said is read, and none that is not to run plans a change.
func TestLanguagePage(t *testing.T) {
	const file = "../docs/language.md"
	lx, err := Compile(languageFleet())
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	prose, _, ok := strings.Cut(string(got), languageMark)
	if !ok {
		t.Fatalf("%s lacks the line %s", file, languageMark)
	}
	want := prose + languageMark + languageTable(t, lx)
	if *update {
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		got = []byte(want)
	}
	if d := cmp.Diff(want, string(got)); d != "" {
		t.Errorf("the page is stale; run go test ./bot -run TestLanguagePage -update\n%s", d)
	}
	said, refused := pageLines(prose)
	for _, conversation := range said {
		var before []grammar.Reading
		for _, line := range conversation {
			r := lx.Parse(before, line, lx.Inventory().Now)
			if before = append(before, r); r.Status != grammar.OK {
				t.Errorf("%q: %s", line, r.Status)
			}
		}
	}
	for _, line := range refused {
		if r := lx.Parse(nil, line, lx.Inventory().Now); r.Status == grammar.OK {
			t.Errorf("%q is read as %s", line, r.Canonical)
		}
	}
	if len(said) < 20 || len(refused) < 6 {
		t.Errorf("only %d conversations and %d lines not to run", len(said), len(refused))
	}
}

// TestLanguageInventory: the inventory of the page is one, with all that one may
// hold, and is read as the page says.
func TestLanguageInventory(t *testing.T) {
	page, err := os.ReadFile("../docs/language.md")
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(string(page), "```json\n")
	text, _, _ = strings.Cut(text, "```")
	var inv grammar.Inventory
	if err := json.Unmarshal([]byte(text), &inv); err != nil {
		t.Fatal(err)
	}
	all, err := json.Marshal(&inv)
	if err != nil {
		t.Fatal(err)
	}
	var written, held map[string]any
	if err := errors.Join(json.Unmarshal([]byte(text), &written), json.Unmarshal(all, &held)); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(held, written); d != "" {
		t.Error(d)
	}
	for i := range reflect.ValueOf(inv).NumField() {
		if reflect.ValueOf(inv).Field(i).IsZero() {
			t.Errorf("the page's inventory has no %s", reflect.TypeFor[grammar.Inventory]().Field(i).Name)
		}
	}
	lx, err := Compile(&inv)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"disk on prod hosts", "memory in ams", "restart nginx on the web servers", "restart php8.2-fpm.service on @frontends"} {
		if r := lx.Parse(nil, line, inv.Now); r.Status != grammar.OK {
			t.Errorf("%q: %s", line, r.Status)
		}
	}
}

// pageLines are the sentences of the page: in text blocks each line is a
// conversation of its turns, divided by slashes; what stands in blocks marked
// "refused" must not run.
func pageLines(page string) (said [][]string, refused []string) {
	block := ""
	for line := range strings.Lines(page) {
		line = strings.TrimSpace(line)
		switch kind, ok := strings.CutPrefix(line, "```"); {
		case ok && block != "":
			block = ""
		case ok:
			block = kind
		case block == "text" && line != "":
			said = append(said, strings.Split(line, " / "))
		case block == "refused" && line != "":
			refused = append(refused, line)
		}
	}
	return said, refused
}

func languageTable(t *testing.T, lx *grammar.Lexicon) string {
	t.Helper()
	var b strings.Builder
	b.WriteString("\n## All methods\n\nWhat is marked *(not yet)* is understood, but neither hosts nor the bot do it in this version: nothing runs, and the answer names the nearest question that can be answered, if there is one.\n\n| method | | for example |\n|---|---|---|\n")
	listed := 0
	for _, topic := range topics {
		for _, v := range verbsOf(lx, topic) {
			listed++
			mark := ""
			if !can(v.Method) {
				mark = " *(not yet)*"
			}
			fmt.Fprintf(&b, "| [%s](#%s)%s | %s | `%s` |\n", v.Method, strings.ReplaceAll(v.Method, ".", ""), mark, v.Help, sentenceFor(t, lx, v))
		}
	}
	if n := len(lx.Verbs()); listed != n {
		t.Errorf("the page has %d of %d methods", listed, n)
	}
	for _, topic := range topics {
		fmt.Fprintf(&b, "\n## %s: %s\n", strings.ToUpper(topic.name[:1])+topic.name[1:], topic.about)
		for _, note := range topic.notes {
			fmt.Fprintf(&b, "\n%s\n", note)
		}
		if host := lx.Inventory().Hosts[0]; len(topic.also) > 0 {
			fmt.Fprintf(&b, "\nAlso: `%s`\n", strings.Join(filled(topic.also, host.Name, host.Services), "`, `"))
		}
		for _, v := range verbsOf(lx, topic) {
			writeVerb(&b, v)
		}
	}
	return b.String()
}

func verbsOf(lx *grammar.Lexicon, t topic) []grammar.Verb {
	return slices.DeleteFunc(lx.Verbs(), func(v grammar.Verb) bool { return !t.has(v.Method) })
}

// sentenceFor is an example that reads back as the method.
func sentenceFor(t *testing.T, lx *grammar.Lexicon, v grammar.Verb) string {
	t.Helper()
	inv := lx.Inventory()
	s := lx.Sentence([]grammar.Command{example(v, inv.Hosts[0].Name, inv.Hosts[0].Services, inv)})
	r := lx.Parse(nil, s, inv.Now)
	if r.Status != grammar.OK || len(r.Commands) != 1 || r.Commands[0].Method != v.Method {
		t.Errorf("%s: the example %q is %s %s", v.Method, s, r.Status, r.Canonical)
	}
	return s
}

func writeVerb(b *strings.Builder, v grammar.Verb) {
	fmt.Fprintf(b, "\n### %s\n\n%s", v.Method, v.Help)
	if v.Write {
		b.WriteString(" Changes something.")
	}
	if !can(v.Method) {
		b.WriteString(" **Not yet**: it is understood, and answered with \"I can't do it yet\".")
	}
	b.WriteString("\n\n")
	for _, entry := range append(slices.Clone(v.Forms), v.Words...) {
		fmt.Fprintf(b, "- `%s`\n", entry)
	}
	said := func(words []string) string {
		if len(words) > 8 {
			return strings.Join(words[:8], ", ") + ", …"
		}
		return strings.Join(words, ", ")
	}
	for _, a := range v.Args {
		fmt.Fprintf(b, "- argument **%s** (%s", a.Name, a.Kind)
		if a.Required {
			b.WriteString(", needed")
		}
		b.WriteString(")")
		if len(a.Words) > 0 {
			fmt.Fprintf(b, ": %s", said(a.Words))
		}
		for _, x := range a.Values {
			fmt.Fprintf(b, "; %v", x.Value)
			if len(x.Words) > 0 {
				fmt.Fprintf(b, " = %s", said(x.Words))
			}
		}
		b.WriteByte('\n')
	}
	for _, f := range v.Fields {
		fmt.Fprintf(b, "- result **%s**", f.Name)
		if words := slices.Concat(f.Words, f.More, f.Less, f.Most, f.Least); len(words) > 0 {
			fmt.Fprintf(b, ": %s", said(words))
		}
		for _, x := range f.Values {
			fmt.Fprintf(b, "; %v", x.Value)
			if len(x.Words) > 0 {
				fmt.Fprintf(b, " = %s", said(x.Words))
			}
		}
		b.WriteByte('\n')
	}
}
