package grammar

import "testing"

// TestSelectorNeeds: what has to be known of hosts to resolve a selector.
func TestSelectorNeeds(t *testing.T) {
	for _, tt := range []struct {
		on           string
		moods, facts bool
	}{
		{"web01", false, false},
		{"*", false, false},
		{"web*&!web[01-10],mail", false, false},
		{"mood=sad", true, false},
		{"*&!mood=sad", true, false},
		{"@frontends", false, true},
		{"web01,role=db", false, true},
		{"role=db&mood=happy", true, true},
	} {
		s, err := ParseSelector(tt.on)
		if err != nil {
			t.Fatal(err)
		}
		if s.NeedsMoods() != tt.moods || s.NeedsFacts() != tt.facts {
			t.Errorf("%s: needs moods %t, facts %t; want %t, %t", tt.on, s.NeedsMoods(), s.NeedsFacts(), tt.moods, tt.facts)
		}
	}
	if (Selector{}).NeedsMoods() || (Selector{}).NeedsFacts() {
		t.Error("no selector needs anything")
	}
}
