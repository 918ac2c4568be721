package grammar

import (
	"strings"
	"testing"
)

// TestShell: no option of any command line makes a change of it, and what is not
// known is left alone.
func TestShell(t *testing.T) {
	lx := testLexicon(t)
	n := 0
	for name, c := range lx.shell {
		for option, o := range c.options {
			values := []string{"nginx"}
			for v := range o.values {
				values = append(values, v)
			}
			for _, v := range values {
				line := name + " " + option
				if o.takes {
					line += " " + v
				}
				n++
				for _, c := range turns(lx, line+" on web01").Commands {
					if lx.write(c.Method) {
						t.Errorf("%s: %s", line, c.Method)
					}
				}
			}
		}
		words := scan(normalise(name + " --frobnicate on web01"))
		if got := lx.shell.say(words); len(got) != len(words) || got[0].text != words[0].text {
			t.Errorf("%s with an option that is not known: %v", name, got)
		}
	}
	if n < 100 {
		t.Errorf("%d options", n)
	}
	for _, bad := range []string{"ls", "ls: stat | -l", "ls: stat\nls: stat"} {
		if _, err := readShell(bad); err == nil {
			t.Errorf("%q is taken", bad)
		} else if !strings.Contains(err.Error(), "shell.txt:") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}
