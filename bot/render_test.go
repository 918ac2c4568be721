package bot

import (
	"encoding/json"
	"flag"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/tools/txtar"

	"adminbot/agentapi"
)

var update = flag.Bool("update", false, "write what the tests got into testdata")

// renderCase is what the .case files of testdata/render hold: steps, and what
// the hosts answered to each.
type renderCase struct {
	Steps []struct {
		Method string         `json:"method"`
		Args   map[string]any `json:"args"`
		Where  []Filter       `json:"where"`
		Sort   string         `json:"sort"`
		Limit  int            `json:"limit"`
		DryRun bool           `json:"dry_run"`
	} `json:"steps"`
	Results [][]struct {
		Host    string
		Hosts   []string // the same answer of many
		Outcome string
		Value   any
		Code    int
		Why     string
		Since   time.Time
		Took    float64 // seconds
	} `json:"results"`
	Said    string  `json:"said"` // the line, where it matters
	Took    float64 `json:"took"`
	Lines   int     `json:"lines"`
	Details bool    `json:"details"` // what "details" says, too
}

func (c renderCase) report(t *testing.T, sentence string) report {
	r := report{
		id: "7f3", line: c.Said, plan: Plan{Sentence: sentence}, took: time.Duration(c.Took * float64(time.Second)),
		w: when{now: time.Date(2026, 11, 20, 14, 0, 0, 0, time.UTC), zone: time.UTC},
	}
	for i, s := range c.Steps {
		step := Step{Method: s.Method, Args: s.Args, Where: s.Where, Sort: s.Sort, Limit: s.Limit, DryRun: s.DryRun, Class: agentapi.Read, Timeout: 30 * time.Second}
		if spec, ok := agentapi.Lookup(s.Method); ok {
			step.Class = spec.Class
		}
		var results []Result
		for _, res := range c.Results[i] {
			outcome := Outcome(slices.Index(outcomeWords[:], res.Outcome))
			if res.Outcome == "" {
				outcome = OK
			}
			if outcome < 0 {
				t.Fatalf("unknown outcome %q", res.Outcome)
			}
			for _, host := range append(res.Hosts, res.Host) {
				if host == "" {
					continue
				}
				step.Hosts = append(step.Hosts, host)
				results = append(results, step.judged(Result{Host: host, Outcome: outcome, Value: res.Value, Code: res.Code, Why: res.Why, Since: res.Since,
					Took: time.Duration(res.Took * float64(time.Second))}))
			}
		}
		r.plan.Steps = append(r.plan.Steps, step)
		r.results = append(r.results, results)
	}
	return r
}

// TestRender compares replies with the ones in testdata/render: name.case is
// the plan and its results, name.reply the text, name.details what "details"
// says where the case asks for it.
func TestRender(t *testing.T) {
	files, err := filepath.Glob("testdata/render/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("no testdata/render", err)
	}
	for _, file := range files {
		ar, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		want := map[string]string{}
		for _, f := range ar.Files {
			want[f.Name] = strings.TrimRight(string(f.Data), "\n")
		}
		out := &txtar.Archive{Comment: ar.Comment}
		for _, f := range ar.Files {
			name, ok := strings.CutSuffix(f.Name, ".case")
			if !ok {
				continue
			}
			out.Files = append(out.Files, f)
			t.Run(name, func(t *testing.T) {
				var c renderCase
				if err := json.Unmarshal(f.Data, &c); err != nil {
					t.Fatal(err)
				}
				if c.Lines == 0 {
					c.Lines = chatLines
				}
				r := c.report(t, name)
				shows := func(part string, lines []line) {
					text, _ := page(lines, room{lines: c.Lines}, r.id)
					out.Files = append(out.Files, txtar.File{Name: name + part, Data: []byte(text + "\n")})
					checkReply(t, text, c.Lines)
					if !*update && text != want[name+part] {
						t.Errorf("%s: got\n%s\nwant\n%s", part, text, want[name+part])
					}
				}
				shows(".reply", r.render())
				if c.Details {
					shows(".details", r.everything())
				}
			})
		}
		if *update {
			if err := writeFile(file, txtar.Format(out)); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// checkReply holds every reply to the rules that can be checked by counting.
func checkReply(t *testing.T, text string, lines int) {
	t.Helper()
	all := strings.Split(text, "\n")
	if n := width(all[0]); n > headWidth {
		t.Errorf("R1: the first line has %d characters: %s", n, all[0])
	}
	if len(all) > lines {
		t.Errorf("R3: %d lines, at most %d:\n%s", len(all), lines, text)
	}
	block := false
	for _, l := range all {
		if l == "```" {
			block = !block
		} else if n := width(l); block && n > blockWidth {
			t.Errorf("R4: a line of a block has %d characters: %s", n, l)
		}
	}
	if strings.Count(text, "```")%2 != 0 {
		t.Errorf("R4: a block is not closed:\n%s", text)
	}
}

func TestWrap(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{"short", "short"},
		{"web01 web02 web04  / 40% used, 55.9 GiB free", "web01 web02 web04\n  / 40% used, 55.9 GiB free"},
		{strings.Repeat("x", 45), strings.Repeat("x", 40) + "\n  xxxxx"},
		{"  " + strings.Repeat("y", 80), "  " + strings.Repeat("y", 38) + "\n    " + strings.Repeat("y", 36) + "\n    " + strings.Repeat("y", 6)},
		{strings.Repeat("a", 40) + " b", strings.Repeat("a", 40) + "\n  b"},
		{strings.Repeat("é ", 30), strings.TrimSpace(strings.Repeat("é ", 20)) + "\n  " + strings.TrimSpace(strings.Repeat("é ", 10))},
	} {
		got := strings.TrimRight(strings.Join(wrap(tt.in, blockWidth), "\n"), " ")
		if got != tt.want {
			t.Errorf("%q\n%s\nwant\n%s", tt.in, got, tt.want)
		}
	}
}

func TestHeadlined(t *testing.T) {
	for _, in := range []string{
		"✖ g6v expired at 00:02. Nothing was run. Say it again: restart nginx on web01, web02 and web03",
		strings.Repeat("long", 40), strings.Repeat("some words ", 20) + "\nmore", "✔ fine",
	} {
		got := headlined(in)
		first, _, _ := strings.Cut(got, "\n")
		if width(first) > headWidth || strings.Join(strings.Fields(got), "") != strings.Join(strings.Fields(in), "") {
			t.Errorf("%q", got)
		}
	}
}
