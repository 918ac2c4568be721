//go:build !unit

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestReadme runs what the README shows: its first command with its output, and
// every adminbot line of its shell snippets.
func TestReadme(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	var script strings.Builder
	script.WriteString("start up 'AdminBot is up' adminbot up --no-chat --listen 127.0.0.1:0\n")
	commands := 0
	for _, block := range fenced(string(text), "sh") {
		for line := range strings.Lines(block) {
			if strings.HasPrefix(line, "adminbot ") {
				fmt.Fprintf(&script, "exec %s\n", strings.TrimSpace(line))
				commands++
			}
		}
	}
	if commands < 5 {
		t.Errorf("only %d commands in the README", commands)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "readme.txt"), []byte(script.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Run("snippets", func(t *testing.T) { runScripts(t, dir, "") })
	t.Run("first screen", func(t *testing.T) { firstScreen(t, fenced(string(text), "console")[0]) })
}

// firstScreen compares the shape of the first command's output: what differs
// from machine to machine does not count.
func firstScreen(t *testing.T, block string) {
	command, shown, _ := strings.Cut(block, "\n")
	said, ok := strings.CutPrefix(command, "$ printf '")
	said, _, ok2 := strings.Cut(said, "' | make up")
	if !ok || !ok2 {
		t.Fatalf("the first command is %q", command)
	}
	cmd := exec.CommandContext(t.Context(), adminbot(t), "up", "--dir", filepath.Join(t.TempDir(), "site"), "--listen", "127.0.0.1:0")
	cmd.Stdin = strings.NewReader(strings.ReplaceAll(said, `\n`, "\n"))
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(shape(shown), shape(string(out))); diff != "" {
		t.Errorf("the README shows another answer (-README +program):\n%s\n%s", diff, out)
	}
}

// adminbot builds the program.
func adminbot(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "adminbot")
	if out, err := exec.Command("go", "build", "-o", path, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return path
}

var varies = regexp.MustCompile(`[0-9][0-9.]*%?|\b[A-Za-z0-9-]+:| · [0-9a-z]+$| · [0-9.]+ m?s`)

// shape is the words that are the same on every machine: the first two of each
// line, and = lines whole. Mounts beyond the first count as one.
func shape(text string) []string {
	var out []string
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		switch {
		case line == "" || line == "```" || strings.HasPrefix(line, "/"):
		case strings.HasPrefix(line, "="):
			out = append(out, line)
		default:
			words := strings.Fields(varies.ReplaceAllString(line, ""))
			out = append(out, strings.Join(words[:min(2, len(words))], " "))
		}
	}
	return out
}

// fenced are the code blocks of a language.
func fenced(text, language string) []string {
	var out []string
	for _, part := range strings.Split(text, "```"+language+"\n")[1:] {
		block, _, _ := strings.Cut(part, "```")
		out = append(out, block)
	}
	return out
}
