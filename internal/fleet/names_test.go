package fleet

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"adminbot/grammar"
)

// TestServiceNames: what a host calls its services is looked for in everybody's
// sentences; what reads as a number, a time, an address, a path or a selector is
// none.
func TestServiceNames(t *testing.T) {
	got := Facts{Services: []string{
		"nginx", "getty@tty1", "php8.3-fpm", "7zip", "NetworkManager", "a2",
		"5", "5m", "30s", "2026-11-20", "14:00", "10.0.0.1", "x", "-rf", "--all", "@all", ".hidden", "nginx.", "role:web", "etc/passwd", "bob@example.net", "a+b", "mood=sad",
	}}.Tidy().Services
	if want := []string{"7zip", "NetworkManager", "a2", "getty@tty1", "nginx", "php8.3-fpm"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestVocabularyIsBounded: hosts that claim many names do not crowd out what
// others have, and do not make the vocabulary grow without end.
func TestVocabularyIsBounded(t *testing.T) {
	var inv *grammar.Inventory
	f, err := New(Config{Compile: func(i *grammar.Inventory) (*grammar.Lexicon, error) { inv = i; return nil, nil }})
	if err != nil {
		t.Fatal(err)
	}
	const many = 30
	f.SetRoster([]Contact{contact("web01"), contact("web02")})
	f.hosts["web01@hosts.example"].Facts = Facts{Services: []string{"nginx", "zookeeper"}, Checks: []string{"zz"}}
	f.hosts["web02@hosts.example"].Facts = Facts{Services: []string{"nginx"}}
	for i := range many {
		c := contact(fmt.Sprint("evil", i))
		f.Update(c)
		var names []string
		for j := range maxNames {
			names = append(names, fmt.Sprintf("a%02d-%03d", i, j))
		}
		f.hosts[c.JID.String()].Facts = Facts{Services: names, Checks: names}.Tidy()
	}
	if err := f.Refresh(); err != nil {
		t.Fatal(err)
	}
	services := map[string]bool{}
	for _, h := range inv.Hosts {
		for _, s := range h.Services {
			services[s] = true
		}
	}
	if len(services) != maxVocabulary || !services["nginx"] || !services["zookeeper"] {
		t.Errorf("%d services, nginx %v, zookeeper %v", len(services), services["nginx"], services["zookeeper"])
	}
	if len(inv.Checks) != maxVocabulary || !slices.Contains(inv.Checks, "zz") {
		t.Errorf("%d checks", len(inv.Checks))
	}
	if h, _ := f.Snapshot().Host("evil29"); len(h.Facts.Services) != maxNames {
		t.Errorf("what a host itself says has %d services", len(h.Facts.Services))
	}
}

// TestNamesOfOthers: what another host is called is no service of one host
// alone, or every sentence about that other could be read two ways.
func TestNamesOfOthers(t *testing.T) {
	var inv *grammar.Inventory
	f, err := New(Config{Compile: func(i *grammar.Inventory) (*grammar.Lexicon, error) { inv = i; return nil, nil }})
	if err != nil {
		t.Fatal(err)
	}
	f.SetRoster([]Contact{contact("web01"), contact("redis"), contact("evil"), contact("app")})
	f.hosts["evil@hosts.example"].Facts = Facts{Services: []string{"sshd", "web01"}, Checks: []string{"load", "web01"}}
	f.hosts["redis@hosts.example"].Facts = Facts{Services: []string{"redis"}}
	f.hosts["app@hosts.example"].Facts = Facts{Services: []string{"redis"}}
	if err := f.Refresh(); err != nil {
		t.Fatal(err)
	}
	got := map[string][]string{}
	for _, h := range inv.Hosts {
		got[h.Name] = h.Services
	}
	if want := map[string][]string{"web01": nil, "redis": {"redis"}, "app": {"redis"}, "evil": {"sshd"}}; !maps.EqualFunc(got, want, slices.Equal) {
		t.Errorf("services %v, want %v", got, want)
	}
	if !slices.Equal(inv.Checks, []string{"load"}) {
		t.Errorf("checks %v", inv.Checks)
	}
}
