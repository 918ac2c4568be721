package grammar

import (
	"slices"
	"strings"
	"testing"
)

// closedWords are the words of english.txt, and those that say a method by
// themselves.
func closedWords(t *testing.T) []string {
	t.Helper()
	seen := map[string]bool{}
	err := readClasses("english.txt", englishText, func(phrase string, c closed) {
		for _, w := range phraseWords(phrase) {
			if selWord(w) && !strings.ContainsAny(w, "'/") && (isLetter(w[0]) || isDigit(rune(w[0]))) {
				seen[w] = true
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range testVerbs(t) {
		for _, entry := range v.Words {
			phrases, err := parsePhrases(entry)
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range phrases {
				if len(p.pieces) == 1 && len(p.pieces[0]) == 1 && selWord(p.pieces[0][0]) {
					seen[p.pieces[0][0]] = true
				}
			}
		}
	}
	var out []string
	for w := range seen {
		out = append(out, w)
	}
	slices.Sort(out)
	return out
}

// TestNamedLikeWords: whatever closed word a host, a group or a site is called
// by, a sentence that names it is about it or is not run: never about more.
func TestNamedLikeWords(t *testing.T) {
	language := testLanguage(t)
	others := func() []Host {
		return []Host{
			{Name: "web01", Facts: map[string]string{"role": "web", "site": "ams"}, Mood: "happy", Services: []string{"nginx"}},
			{Name: "web02", Facts: map[string]string{"role": "web", "site": "nyc"}, Mood: "happy", Services: []string{"nginx"}},
			{Name: "db01", Facts: map[string]string{"role": "db", "site": "nyc"}, Mood: "sad", Services: []string{"postgresql", "nginx"}},
		}
	}
	lines := []string{
		"disk on W", "disk in W", "disk at W", "memory of W", "disk W", "ping W", "uptime for W", "load in the W", "disk on W please", "cpu on W?",
		"which hosts in W have over 80% disk used", "list hosts in W", "disk on W and web01", "disk on web01 and W", "disk on web01, W", "disk on web01, W and db01", "disk on W with over 80%",
		"disk over 80% in W", "disk on the W hosts", "memory on hosts in W", "is nginx running on W", "nginx status on W", "errors in W since 2pm", "last 5 lines of nginx on W",
		"restart nginx on W", "restart nginx in W", "restart nginx at W", "reboot W", "drain W", "restart nginx on the W hosts", "restart nginx on W and web01",
		"restart nginx on web01 and W", "restart nginx on web01, W", "restart nginx on web01, W and db01", "please restart nginx on W now", "reload nginx for W in 5 minutes",
		"disk on web01 | and on W", "disk on web01 | W", "cpu on db01 | memory on W too", "restart nginx on web01 | and W", "patch W", "silence W for 2 hours", "on W restart nginx", "drain W, then restart nginx there",
	}
	const few = 8 * sampled // each word is tried in one line of so many, the worst in all
	n := 0
	for _, kind := range []string{"host", "group", "site"} {
		for at, w := range closedWords(t) {
			if kind == "site" && len(w) < 2 {
				continue // said only as site=a
			}
			inv := &Inventory{Hosts: others()}
			self := []string{"db01"}
			switch kind {
			case "host":
				inv.Hosts = append(inv.Hosts, Host{Name: w, Facts: map[string]string{"role": "misc", "site": "fra"}, Mood: "happy", Services: []string{"nginx"}})
				self = []string{w}
			case "group":
				inv.Groups = map[string][]string{w: {"db01"}}
			case "site":
				inv.Hosts[2].Facts["site"] = w
			}
			lx, err := language.Compile(inv)
			if err != nil {
				t.Fatal(err)
			}
			for k, line := range lines {
				if (k+at)%few != 0 && !slices.Contains([]string{"on", "in", "at", "of", "all", "the", "not", "and", "then", "now", "it"}, w) {
					continue
				}
				said := strings.ReplaceAll(line, "W", w)
				spoken := strings.Split(said, " | ")
				if lx.said(strings.Fields(spoken[len(spoken)-1])) {
					continue // disk used says what it always says
				}
				r := turns(lx, spoken...)
				if r.Status != OK {
					continue
				}
				n++
				may := slices.Clone(self)
				for _, other := range []string{"web01", "db01"} {
					if strings.Contains(line, other) {
						may = append(may, other)
					}
				}
				for _, c := range r.Commands {
					if c.Hosts == nil {
						continue
					}
					if slices.ContainsFunc(c.Hosts, func(h string) bool { return !slices.Contains(may, h) }) {
						t.Errorf("%s %q: %q is about %q", kind, w, said, c.Hosts)
					} else if line != "disk on web01 | W" && !slices.ContainsFunc(self, func(h string) bool { return slices.Contains(c.Hosts, h) }) {
						t.Errorf("%s %q: %q leaves it out: %q", kind, w, said, c.Hosts)
					}
				}
				if again := lx.Parse(nil, r.Canonical, inv.Now); again.Canonical != r.Canonical {
					t.Errorf("%s %q: %q is written %q, which reads %s %q", kind, w, said, r.Canonical, again.Status, again.Canonical)
				}
			}
		}
	}
	if n < 1000/sampled {
		t.Errorf("only %d sentences were plans", n)
	}
}
