package grammar

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// TestMeantNot: none of the lines of meant-not.txt plans a change, and none of
// their offers is made without a line being asked about first.
func TestMeantNot(t *testing.T) {
	text, err := os.ReadFile("testdata/meant-not.txt")
	if err != nil {
		t.Fatal(err)
	}
	lx := testLexicon(t)
	n, section := 0, "Lines"
	for line := range strings.SplitSeq(string(text), "\n") {
		if name, ok := strings.CutPrefix(line, "# "); ok && strings.HasSuffix(name, ".") {
			section = name
			continue
		}
		if line == "" || section == "Lines" {
			continue
		}
		n++
		r := turns(lx, strings.Split(line, " // ")...)
		if r.Status == OK && slices.ContainsFunc(r.Commands, func(c Command) bool { return lx.write(c.Method) && !c.DryRun && c.Method != methodCancel }) {
			t.Errorf("%s %q runs: %s", section, line, r.Canonical)
		}
	}
	if n < 200 {
		t.Errorf("only %d lines", n)
	}
}
