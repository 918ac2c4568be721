package main

import (
	"os"
	"strings"
	"testing"

	"adminbot/grammar"
	"adminbot/internal/policy"
)

// TestPolicyPage checks that the examples of docs/policy.md are policies: the
// first the bot's, the second a host's.
func TestPolicyPage(t *testing.T) {
	text, err := os.ReadFile("../../docs/policy.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := strings.Split(string(text), "```toml\n")
	if len(blocks) != 3 {
		t.Fatalf("%d examples, want 2", len(blocks)-1)
	}
	for i, check := range []func(*policy.Policy) error{
		func(p *policy.Policy) error {
			return p.CheckBot(func(s string) error { _, err := grammar.ParseSelector(s); return err })
		},
		(*policy.Policy).CheckHost,
	} {
		example, _, _ := strings.Cut(blocks[i+1], "```")
		p, err := policy.Parse([]byte(example))
		if err == nil {
			err = check(p)
		}
		if err != nil {
			t.Errorf("example %d: %v", i+1, err)
		}
	}
}
