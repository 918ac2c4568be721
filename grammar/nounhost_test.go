package grammar

import (
	"slices"
	"testing"
	"time"
)

// TestHostCalledLikeANoun names hosts by words that also mean any host: the
// word is the host, for reads and writes.
func TestHostCalledLikeANoun(t *testing.T) {
	for _, name := range []string{"vm", "server", "box", "node"} {
		inv := &Inventory{Hosts: []Host{
			{Name: name, Mood: "happy", Services: []string{"nginx"}},
			{Name: "web01", Mood: "happy", Services: []string{"nginx"}},
		}}
		lx, err := Compile(testVerbs(t), inv)
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range []string{"disk on " + name, "restart nginx on " + name, "is nginx running on " + name} {
			r := lx.Parse(nil, line, time.Date(2026, 11, 20, 14, 0, 0, 0, time.UTC))
			if r.Status != OK || len(r.Commands) != 1 || !slices.Equal(r.Commands[0].Hosts, []string{name}) {
				t.Errorf("%q: %s %+v", line, r.Status, r.Commands)
			}
		}
	}
}
