package grammar

import (
	"bufio"
	"encoding/json"
	"flag"
	"os"
	"strings"
	"sync"
	"testing"
)

var readingsOut = flag.String("readings", "", "write the readings of the JSONL cases to this file")
var explainLine = flag.String("explain", "", "explain this line; earlier lines of the conversation before it, divided by /")
var readingsIn = flag.String("cases", "testdata/dev.jsonl", "JSONL cases to read")

func testLexicon(t testing.TB) *Lexicon { return lexiconOf(t, "testdata/inventory.json") }

// testVerbs is the vocabulary of the bot.
func testVerbs(t testing.TB) []Verb {
	t.Helper()
	b, err := os.ReadFile("testdata/verbs.txt")
	if err != nil {
		t.Fatal(err)
	}
	v, err := ReadVocabulary(string(b))
	if err != nil {
		t.Fatal(err)
	}
	return v.Verbs
}

var language struct {
	sync.Once
	*Language
	err error
}

// testLanguage is the test vocabulary, compiled once.
func testLanguage(t testing.TB) *Language {
	t.Helper()
	verbs := testVerbs(t)
	language.Do(func() { language.Language, language.err = Vocabulary{Verbs: verbs}.Language() })
	if language.err != nil {
		t.Fatal(language.err)
	}
	return language.Language
}

// lexicons are those that lexiconOf has compiled, by inventory file.
var lexicons sync.Map

// lexiconOf compiles the test vocabulary for an inventory file, once.
func lexiconOf(t testing.TB, inventory string) *Lexicon {
	t.Helper()
	if lx, ok := lexicons.Load(inventory); ok {
		return lx.(*Lexicon)
	}
	b, err := os.ReadFile(inventory)
	if err != nil {
		t.Fatal(err)
	}
	var inv Inventory
	if err := json.Unmarshal(b, &inv); err != nil {
		t.Fatal(err)
	}
	lx, err := testLanguage(t).Compile(&inv)
	if err != nil {
		t.Fatal(err)
	}
	lexicons.Store(inventory, lx)
	return lx
}

// turns reads the last line of a conversation.
func turns(lx *Lexicon, lines ...string) Reading {
	var prev []Reading
	var out Reading
	for i, l := range lines {
		out = lx.Parse(prev, l, lx.Inventory().Now)
		if i < len(lines)-1 {
			prev = append(prev, out)
		}
	}
	return out
}

func TestExplain(t *testing.T) {
	lx := testLexicon(t)
	line := *explainLine
	if line == "" {
		line = "restart nginx on the sad web servers"
	}
	var prev []Reading
	lines := strings.Split(line, " / ")
	for _, l := range lines[:len(lines)-1] {
		prev = append(prev, lx.Parse(prev, l, lx.Inventory().Now))
	}
	var out strings.Builder
	if err := lx.Explain(&out, prev, lines[len(lines)-1], lx.Inventory().Now); err != nil {
		t.Fatal(err)
	}
	if *explainLine != "" {
		t.Log("\n" + out.String())
		return
	}
	for _, want := range []string{"column", "     9  nginx", "unit nginx.service", "hosts mood=sad", "service.restart", "restart/term nginx/name", "(filler 0, words of the verb 2)", "\nok: restart nginx on mood=sad&role=web\n", "work: 7 words"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
}

func TestReadings(t *testing.T) {
	lx := testLexicon(t)
	f, err := os.Open(*readingsIn)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var out strings.Builder
	sc := bufio.NewScanner(f)
	for sc.Scan() {
		var c struct {
			ID    string   `json:"id"`
			Turns []string `json:"turns"`
		}
		if err := json.Unmarshal(sc.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
		r := turns(lx, c.Turns...)
		r.ID = c.ID
		b, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		out.Write(b)
		out.WriteByte('\n')
	}
	if *readingsOut != "" {
		if err := os.WriteFile(*readingsOut, []byte(out.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
