package grammar

import (
	"encoding/json"
	"os"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
)

func TestReadVocabularyErrors(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"say x", "no method yet"},
		{"method", "method without a name"},
		{"method a.b quick", "unknown flag"},
		{"method a.b\narg x", "want arg NAME KIND"},
		{"method a.b\nval 1: one", "val before"},
		{"method a.b\nmore: older", "before a field"},
		{"method a.b\nask what", "ask before"},
		{"method a.b\nfrobnicate x", "unknown entry"},
		{"alias frobnicate", "want alias"},
		{"alias a = b\nalias a = c", "twice"},
		{"method a.b\narg x text: (y", "want ')'"},
	} {
		if _, err := ReadVocabulary(c.text); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v, want %q", c.text, err, c.want)
		}
	}
}

func TestCompileErrors(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"method a.b\nsay x\nmethod a.b\nsay y", "twice"},
		{"method a.b\nsay x | y=1", `no argument "y"`},
		{"method a.b\nsay x {y}", `no argument "y"`},
		{"method a.b\nsay x | y", "want name=value"},
		{"method a.b\nsay x,,y", "empty phrase"},
		{"method a.b\nsay a b c d e f g h i j", "more than 9 words"},
	} {
		v, err := ReadVocabulary(c.text)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := v.Compile(nil); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v, want %q", c.text, err, c.want)
		}
	}
}

// TestNewMethod: a method that is only data can be spoken, by its name, its
// words, its arguments and its fields.
func TestNewMethod(t *testing.T) {
	v, err := ReadVocabulary("method x.mysql.replication hosts\nsay replication\narg channel name: channel\nfield behind_seconds main: behind, lag\n" +
		"method x.mysql.skip write hosts\nsay skip transaction\narg count int required: transactions\nask How many?\nmethod fleet.hosts hosts\nsay {noun}")
	if err != nil {
		t.Fatal(err)
	}
	lx, err := v.Compile(testLexicon(t).Inventory())
	if err != nil {
		t.Fatal(err)
	}
	for line, want := range map[string]string{
		"replication on db01":                                      `[{"method":"x.mysql.replication","args":{},"hosts":["db01"]}]`,
		"x.mysql.replication on db01":                              `[{"method":"x.mysql.replication","args":{},"hosts":["db01"]}]`,
		"show me the replication of channel main on the databases": `[{"method":"x.mysql.replication","args":{"channel":"main"},"hosts":["db01","db02","db03"]}]`,
		"which databases are behind more than 5 minutes":           `[{"method":"x.mysql.replication","args":{},"hosts":["db01","db02","db03"],"where":[{"field":"behind_seconds","op":">","value":300}]}]`,
		"databases with lag over 10s":                              `[{"method":"x.mysql.replication","args":{},"hosts":["db01","db02","db03"],"where":[{"field":"behind_seconds","op":">","value":10}]}]`,
		"skip transaction count=2 on db02":                         `[{"method":"x.mysql.skip","args":{"count":2},"hosts":["db02"]}]`,
		"skip transaction on db02, transactions: 2":                `[{"method":"x.mysql.skip","args":{"count":2},"hosts":["db02"]}]`,
	} {
		r := lx.Parse(nil, line, lx.Inventory().Now)
		var b []byte
		for _, c := range r.Commands {
			one, err := c.MarshalJSON()
			if err != nil {
				t.Fatal(err)
			}
			b = append(b, one...)
		}
		if b = append(append([]byte("["), b...), ']'); r.Status != OK || string(b) != want {
			t.Errorf("%q: %s %s, want %s", line, r.Status, b, want)
		}
	}
	if r := lx.Parse(nil, "skip transaction on db02", lx.Inventory().Now); r.Status != Incomplete || r.Question != "How many?" {
		t.Errorf("%+v", r)
	}
}

func TestInventoryJSON(t *testing.T) {
	b, err := os.ReadFile("testdata/site2.json")
	if err != nil {
		t.Fatal(err)
	}
	var inv, again Inventory
	if err := json.Unmarshal(b, &inv); err != nil {
		t.Fatal(err)
	}
	if b, err = json.Marshal(&inv); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &again); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(inv, again) {
		t.Errorf("%+v\n%+v", inv, again)
	}
	if err := json.Unmarshal([]byte(`{"timezone":"Mars/Base"}`), &inv); err == nil {
		t.Error("an unknown zone was taken")
	}
}

// TestOddNames: names are read without regard to case and given as they are
// written; what cannot stand in a selector is said otherwise.
func TestOddNames(t *testing.T) {
	inv := &Inventory{
		Hosts: []Host{
			{Name: "Web01", Facts: map[string]string{"os": "Debian 12", "role": "Web"}, Services: []string{"NetworkManager", "nginx.service"}},
			{Name: "web02", Facts: map[string]string{"os": "Debian 12", "role": "web"}, Services: []string{"NetworkManager"}},
			{Name: "db01", Facts: map[string]string{"role": "db"}},
		},
		Groups: map[string][]string{"Front Ends": {"Web01", "WEB02", "gone"}},
		Checks: []string{"HTTP"},
	}
	lx, err := Compile(testLexicon(t).Verbs(), inv)
	if err != nil {
		t.Fatal(err)
	}
	for line, want := range map[string]string{
		"restart networkmanager on web01":       `{"method":"service.restart","args":{"unit":"NetworkManager.service"},"hosts":["Web01"]}`,
		"restart nginx on WEB01":                `{"method":"service.restart","args":{"unit":"nginx.service"},"hosts":["Web01"]}`,
		"restart nginx on the front ends":       `{"method":"service.restart","args":{"unit":"nginx.service"},"hosts":["Web01","web02"]}`,
		"disk on debian 12 hosts":               `{"method":"disk.usage","args":{},"hosts":["Web01","web02"]}`,
		"restart networkmanager on web servers": `{"method":"service.restart","args":{"unit":"NetworkManager.service"},"hosts":["Web01","web02"]}`,
		"run http on web02":                     `{"method":"check.run","args":{"name":"HTTP"},"hosts":["web02"]}`,
	} {
		r := lx.Parse(nil, line, inv.Now)
		if r.Status != OK {
			t.Errorf("%q: %s", line, r.Status)
			continue
		}
		if b, err := r.Commands[0].MarshalJSON(); err != nil || string(b) != want {
			t.Errorf("%q: %s, want %s", line, b, want)
		}
		if again := lx.Parse(nil, r.Canonical, inv.Now); again.Status != OK || planKey(again.Commands) != planKey(r.Commands) {
			t.Errorf("%q: %q reads back as %s %s", line, r.Canonical, again.Status, again.Canonical)
		}
	}
}

// TestConcurrent: a Lexicon is shared by everyone who talks.
func TestConcurrent(t *testing.T) {
	lx := testLexicon(t)
	lines := sentences(t)
	var wg sync.WaitGroup
	for n := range 4 {
		wg.Go(func() {
			for i := n; i < len(lines); i += 4 {
				lx.Parse(nil, lines[i], lx.Inventory().Now)
			}
		})
	}
	wg.Wait()
}

func TestNormalise(t *testing.T) {
	for _, c := range []struct {
		in, want string
		odd      bool
	}{
		{"a\u00a0b", "a b", false},
		{"\u201cnginx\u201d", `"nginx"`, false},
		{"don\u2019t", "don't", false},
		{"web01\u201303", "web01-03", false},
		{"\u2265 5", ">= 5", false},
		{"we\u200bb", "web", true},
		{"w\u0435b", "w\u0435b", true},
		{"\uff57eb", "\uff57eb", true},
		{"caf\u00e9", "caf\u00e9", false},
		{"a\nb", "a b", true},
		{"a\n", "a ", false},
		{"\x1b[31m", "[31m", true},
		{"\xff\xfe", "", true},
		{"\U0001F44D ok", "  ok", false},
	} {
		k := normalise(c.in)
		if string(k.runes) != c.want || k.odd != c.odd {
			t.Errorf("%q: %q %v, want %q %v", c.in, string(k.runes), k.odd, c.want, c.odd)
		}
	}
}

// TestPlainWords: what a vocabulary cuts at blanks only is what scanning cuts.
func TestPlainWords(t *testing.T) {
	plain := 0
	check := func(phrase string) {
		words := strings.Fields(phrase)
		if !plainWords(words) {
			return
		}
		plain++
		var scanned []string
		for _, w := range scan(normalise(phrase)) {
			scanned = append(scanned, w.text)
		}
		if !slices.Equal(words, scanned) {
			t.Errorf("%q is scanned as %q", phrase, scanned)
		}
	}
	for _, v := range testVerbs(t) {
		for _, entry := range v.Words {
			text, _, _ := strings.Cut(entry, "|")
			phrases, err := phraseList(text)
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range phrases {
				check(p)
			}
		}
	}
	if err := readClasses("english.txt", englishText, func(p string, c closed) { check(p) }); err != nil {
		t.Fatal(err)
	}
	if plain < 5000 {
		t.Errorf("only %d plain phrases", plain)
	}
}

func TestProblemColumn(t *testing.T) {
	lx := testLexicon(t)
	for line, want := range map[string]Problem{
		"restart ngnix on web01":                    {Column: 9, Word: "ngnix", Nearest: "nginx"},
		"\u00a0restart\u200a ngnix on web01":        {Column: 11, Word: "ngnix", Nearest: "nginx"},
		"please restart nginx on wbe01":             {Column: 25, Word: "wbe01", Nearest: "web01"},
		"restart nginx on web01 unless it is happy": {Column: 24, Word: "unless"},
	} {
		r := lx.Parse(nil, line, lx.Inventory().Now)
		if r.Problem == nil || r.Problem.Column != want.Column || r.Problem.Word != want.Word || want.Nearest != "" && r.Problem.Nearest != want.Nearest {
			t.Errorf("%q: %+v, want %+v", line, r.Problem, want)
		}
	}
}
