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

// TestSetsCalledLikeANoun names groups and roles by such words: reads and
// writes are about their members, not about every host or none.
func TestSetsCalledLikeANoun(t *testing.T) {
	inv := &Inventory{
		Hosts: []Host{
			{Name: "a1", Facts: map[string]string{"role": "worker"}, Services: []string{"munge"}},
			{Name: "b1", Facts: map[string]string{"role": "broker"}, Services: []string{"munge"}},
			{Name: "c1", Facts: map[string]string{"role": "db"}, Services: []string{"munge"}},
		},
		Groups: map[string][]string{"cluster": {"a1", "c1"}, "nodes": {"c1"}},
	}
	lx, err := Compile(testVerbs(t), inv)
	if err != nil {
		t.Fatal(err)
	}
	for set, want := range map[string][]string{
		"the cluster": {"a1", "c1"}, "@cluster": {"a1", "c1"}, "the nodes": {"c1"}, "all nodes": {"c1"},
		"the workers": {"a1"}, "the brokers": {"b1"}, "the worker": {"a1"}, "all servers": {"a1", "b1", "c1"},
	} {
		for _, line := range []string{"disk on " + set, "start munge on " + set, "checks on " + set + " with score above 20"} {
			r := lx.Parse(nil, line, time.Date(2026, 11, 20, 14, 0, 0, 0, time.UTC))
			if r.Status != OK || len(r.Commands) != 1 || !slices.Equal(r.Commands[0].Hosts, want) {
				t.Errorf("%q: %s %+v", line, r.Status, r.Commands)
			}
		}
	}
}

// TestNamesLikeStems calls a backup like the beginning of host names: where
// backups are asked for, it is the backup.
func TestNamesLikeStems(t *testing.T) {
	inv := &Inventory{Hosts: []Host{{Name: "ticket-1"}, {Name: "ticket-2"}, {Name: "web01"}}, Backups: []string{"tickets"}}
	lx, err := Compile(testVerbs(t), inv)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"backup tickets on ticket-1", "how old is the tickets backup on ticket-1"} {
		r := lx.Parse(nil, line, time.Date(2026, 11, 20, 14, 0, 0, 0, time.UTC))
		if r.Status != OK || r.Commands[0].Args["name"] != "tickets" {
			t.Errorf("%q: %s %v", line, r.Status, r.Options)
			continue
		}
		if again := lx.Parse(nil, r.Canonical, inv.Now); again.Status != OK || again.Canonical != r.Canonical {
			t.Errorf("%q is no fixed point: %s %v", r.Canonical, again.Status, again.Options)
		}
	}
	if r := lx.Parse(nil, "disk on the tickets", inv.Now); r.Status != OK || len(r.Commands[0].Hosts) != 2 {
		t.Errorf("%s %+v", r.Status, r.Commands)
	}
}
