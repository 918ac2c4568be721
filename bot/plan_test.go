package bot

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/tools/txtar"

	"adminbot/grammar"
)

// planInventory is the fleet that testdata/plan.txtar speaks about.
func planInventory(t *testing.T) *grammar.Lexicon {
	t.Helper()
	text, err := os.ReadFile("testdata/inventory.json")
	if err != nil {
		t.Fatal(err)
	}
	var inv grammar.Inventory
	if err := json.Unmarshal(text, &inv); err != nil {
		t.Fatal(err)
	}
	lex, err := Compile(&inv)
	if err != nil {
		t.Fatal(err)
	}
	return lex
}

// TestPlan compares plans with testdata/plan.txtar: each file is named by a
// sentence and holds its plan, or what is said instead.
func TestPlan(t *testing.T) {
	lex := planInventory(t)
	ar, err := txtar.ParseFile("testdata/plan.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for i, f := range ar.Files {
		t.Run(f.Name, func(t *testing.T) {
			p, problem := plan(lex.Parse(nil, f.Name, lex.Inventory().Now), f.Name, lex)
			got := ""
			if problem != nil {
				got = problem.Text + "\n"
			}
			for _, s := range p.Steps {
				got += planText(s) + "\n"
			}
			ar.Files[i].Data = []byte(got)
			if !*update && got != string(f.Data) {
				t.Errorf("got\n%swant\n%s", got, f.Data)
			}
			for _, s := range p.Steps {
				if again, no := plan(lex.Parse(nil, p.Sentence, lex.Inventory().Now), p.Sentence, lex); no != nil || again.Hash != p.Hash && !timedArgs(s) {
					t.Errorf("%q is another plan", p.Sentence)
				}
			}
		})
	}
	if *update {
		if err := writeFile("testdata/plan.txtar", txtar.Format(ar)); err != nil {
			t.Fatal(err)
		}
	}
}

func timedArgs(s Step) bool { _, relative := asSaid(s.Args); return relative }

// planText is a step as the test file has it.
func planText(s Step) string {
	args, _ := json.Marshal(s.Args)
	out := []string{s.Class.String(), s.Method, string(args), s.Permission}
	if len(s.Hosts) > 0 {
		out = append(out, "on "+foldHosts(s.Hosts))
	}
	if s.All {
		out = append(out, "(all)")
	}
	for _, f := range s.Where {
		v, _ := json.Marshal(f.Value)
		out = append(out, "where "+f.Field+" "+f.Op+" "+string(v))
	}
	if s.Sort != "" {
		out = append(out, "sort "+s.Sort)
	}
	if s.Limit > 0 {
		out = append(out, "limit "+word(float64(s.Limit)))
	}
	if s.Lane != "" {
		out = append(out, "lane "+string(s.Lane))
	}
	if s.DryRun {
		out = append(out, "dry run")
	}
	if s.Own {
		out = append(out, "here")
	}
	return strings.Join(out, " ")
}

func TestHash(t *testing.T) {
	now := time.Date(2026, 11, 20, 14, 0, 0, 0, time.UTC)
	base := Step{Method: "service.restart", Args: map[string]any{"unit": "nginx.service"}, Hosts: []string{"web01", "web02"}}
	line := "restart nginx on web01 and web02"
	seen := map[string]string{hash([]Step{base}, line): "base"}
	other := func(name string, change func(*Step)) {
		s := base
		s.Args, s.Hosts = map[string]any{"unit": "nginx.service"}, slices.Clone(base.Hosts)
		change(&s)
		h := hash([]Step{s}, line)
		if was, ok := seen[h]; ok {
			t.Errorf("%s has the hash of %s", name, was)
		}
		seen[h] = name
	}
	other("another method", func(s *Step) { s.Method = "service.stop" })
	other("another argument", func(s *Step) { s.Args["unit"] = "ssh.service" })
	other("one more argument", func(s *Step) { s.Args["wait_seconds"] = int32(5) })
	other("one host more", func(s *Step) { s.Hosts = append(s.Hosts, "web03") })
	other("one host less", func(s *Step) { s.Hosts = s.Hosts[:1] })
	other("a filter", func(s *Step) { s.Where = []Filter{{"active", "=", "failed"}} })
	other("an order", func(s *Step) { s.Sort = "-percent" })
	other("a limit", func(s *Step) { s.Limit = 3 })
	other("a dry run", func(s *Step) { s.DryRun = true })
	other("a time", func(s *Step) { s.At = now })
	other("a period", func(s *Step) { s.Every = time.Minute })
	if h := hash([]Step{base, base}, line); seen[h] != "" {
		t.Error("twice is once")
	}
	since := func(at time.Time, line string) string {
		s := base
		s.Args = map[string]any{"since": at}
		return hash([]Step{s}, line)
	}
	if since(now, "logs of the last hour") != since(now.Add(time.Minute), "Logs of  the last hour") {
		t.Error("the same words a minute later are another plan")
	}
	if since(now, "logs of the last hour") == since(now, "logs of the last day") {
		t.Error("other words are the same plan")
	}
}
