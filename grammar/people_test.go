package grammar

import "testing"

// TestFirstNames: people are called by the parts of their names where that means
// one of them, and nothing else.
func TestFirstNames(t *testing.T) {
	inv := *testLexicon(t).Inventory()
	inv.People = []string{"priya.nair@example.net", "tom.lee@example.net", "anna-lee@example.net", "web.alert@example.net", "bob@example.net"}
	lx, err := Compile(testVerbs(t), &inv)
	if err != nil {
		t.Fatal(err)
	}
	for line, want := range map[string]string{
		"hand alert 5 to priya":      "transfer alert 5 priya.nair",
		"hand alert 5 to Nair":       "transfer alert 5 priya.nair",
		"hand alert 5 to Priya Nair": "transfer alert 5 priya.nair",
		"hand alert 5 to tom":        "transfer alert 5 tom.lee",
		"hand alert 5 to anna lee":   "transfer alert 5 anna-lee",
		"hand alert 5 to lee":        "",
		"hand alert 5 to web":        "",
		"hand alert 5 to alert":      "",
		"what did priya do on web01": "audit priya.nair on web01",
	} {
		if r := lx.Parse(nil, line, inv.Now); r.Canonical != want {
			t.Errorf("%q: %s %q, want %q", line, r.Status, r.Canonical, want)
		}
	}
}
