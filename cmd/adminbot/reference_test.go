package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite docs/commands.md")

// TestReference keeps docs/commands.md in step with the command line.
func TestReference(t *testing.T) {
	const path = "../../docs/commands.md"
	var c cli
	parser, err := kong.New(&c, kong.Name("adminbot"))
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	b.WriteString("# Commands\n\nWritten from the program; `go test ./cmd/adminbot -run TestReference -update` writes it anew.\n")
	b.WriteString("\nExit codes: 0 all well · 1 failed or mixed · 2 usage, not understood, invalid (nothing was sent) · 3 all refused by policy · 4 needs confirmation or approval (nothing was sent) · 5 none reachable or none answered in time.\n")
	for _, leaf := range parser.Model.Leaves(true) {
		fmt.Fprintf(&b, "\n## %s\n\n%s\n", leaf.FullPath(), leaf.Help)
		if leaf.Detail != "" {
			fmt.Fprintf(&b, "\n%s\n", leaf.Detail)
		}
		fmt.Fprintf(&b, "\n```\n%s\n```\n", strings.TrimSpace("adminbot "+leaf.Summary()))
		var rows []string
		for _, p := range leaf.Positional {
			rows = append(rows, fmt.Sprintf("| `%s` | %s |", p.Summary(), p.Help))
		}
		for _, group := range leaf.AllFlags(true) {
			for _, f := range group {
				if f.Name != "help" && f.Name != "verbose" {
					rows = append(rows, fmt.Sprintf("| `%s` | %s |", f.Summary(), f.Help))
				}
			}
		}
		if len(rows) > 0 {
			fmt.Fprintf(&b, "\n| | |\n|---|---|\n%s\n", strings.Join(rows, "\n"))
		}
	}
	if *update {
		if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), b.String()); diff != "" {
		t.Errorf("docs/commands.md is stale (run with -update):\n%s", diff)
	}
}
