package grammar

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A textPair is one conversation and what its last line means, from
// testdata/*.txt: sections begin with "-- name --", lines of the conversation
// with "> ", and the rest is the reading: its status, its canonical sentence
// and what it offers.
type textPair struct {
	file, name string
	lines      []string
	want       string
}

// other reports whether the pair is about the second site, site2.json.
func (p textPair) other() bool { return strings.HasPrefix(p.file, "site2") }

// textPairs reads the txtar files of testdata.
func textPairs(t testing.TB) []textPair {
	t.Helper()
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	var out []textPair
	for _, f := range files {
		if filepath.Base(f) == "verbs.txt" {
			continue
		}
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		var cur *textPair
		for _, line := range strings.Split(string(b), "\n") {
			if name, ok := strings.CutPrefix(line, "-- "); ok && strings.HasSuffix(name, " --") {
				out = append(out, textPair{file: filepath.Base(f), name: strings.TrimSuffix(name, " --")})
				cur = &out[len(out)-1]
				continue
			}
			if cur == nil || line == "" {
				continue
			}
			if l, ok := strings.CutPrefix(line, "> "); ok {
				cur.lines = append(cur.lines, l)
				continue
			}
			cur.want += line + "\n"
		}
	}
	return out
}

// show writes a reading the way the text pairs do.
func show(r Reading) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", r.Status)
	if r.Canonical != "" {
		fmt.Fprintf(&b, "= %s\n", r.Canonical)
	}
	for _, c := range r.Commands {
		args, _ := json.Marshal(c.Args)
		fmt.Fprintf(&b, "%s %s", c.Method, args)
		if c.Hosts != nil {
			fmt.Fprintf(&b, " [%s]", strings.Join(c.Hosts, " "))
		}
		for _, w := range c.Where {
			fmt.Fprintf(&b, " %s%s%v", w.Field, w.Op, w.Value)
		}
		if c.Sort != "" {
			fmt.Fprintf(&b, " sort=%s", c.Sort)
		}
		if c.Limit > 0 {
			fmt.Fprintf(&b, " limit=%d", c.Limit)
		}
		if !c.At.IsZero() {
			fmt.Fprintf(&b, " at=%s", c.At.Format("2006-01-02T15:04:05Z07:00"))
		}
		if c.Every > 0 {
			fmt.Fprintf(&b, " every=%s", c.Every)
		}
		if c.DryRun {
			b.WriteString(" dry_run")
		}
		b.WriteByte('\n')
	}
	for _, o := range r.Options {
		fmt.Fprintf(&b, "option: %s\n", o)
	}
	for _, s := range r.Suggestions {
		fmt.Fprintf(&b, "try: %s\n", s)
	}
	if r.Question != "" {
		fmt.Fprintf(&b, "asks: %s\n", r.Question)
	}
	if r.Problem != nil {
		fmt.Fprintf(&b, "at %d: %s\n", r.Problem.Column, r.Problem.Word)
	}
	return b.String()
}

var update = flag.Bool("update", false, "write what is read into the text pairs; look at the difference")

func TestTextPairs(t *testing.T) {
	sites := map[bool]*Lexicon{false: testLexicon(t), true: lexiconOf(t, "testdata/site2.json")}
	if *update {
		updatePairs(t, sites)
	}
	for _, p := range textPairs(t) {
		lx := sites[p.other()]
		t.Run(strings.TrimSuffix(p.file, ".txt")+"/"+p.name, func(t *testing.T) {
			if got := show(turns(lx, p.lines...)); got != p.want {
				t.Errorf("%s\ngot\n%swant\n%s", strings.Join(p.lines, "\n"), got, p.want)
			}
		})
	}
}

// updatePairs rewrites the files with the readings of now.
func updatePairs(t *testing.T, sites map[bool]*Lexicon) {
	t.Helper()
	files := map[string]*strings.Builder{}
	for _, p := range textPairs(t) {
		b := files[p.file]
		if b == nil {
			b = &strings.Builder{}
			files[p.file] = b
		} else {
			b.WriteByte('\n')
		}
		fmt.Fprintf(b, "-- %s --\n", p.name)
		for _, l := range p.lines {
			fmt.Fprintf(b, "> %s\n", l)
		}
		b.WriteString(show(turns(sites[p.other()], p.lines...)))
	}
	for name, b := range files {
		if err := os.WriteFile(filepath.Join("testdata", name), []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
