package main

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"mellium.im/xmpp/jid"

	"adminbot/agentapi"
	"adminbot/grammar"
	"adminbot/internal/alertrpc"
	"adminbot/internal/policy"
	"adminbot/internal/site"
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

// TestAlertMethods keeps the methods that docs/oncall.md lists by class in step with
// the table, and has a new site allow all of these classes, and no others: a method
// that a later version brings is refused nowhere for being unknown.
func TestAlertMethods(t *testing.T) {
	const path = "../../docs/oncall.md"
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	byClass := map[agentapi.Class][]string{}
	for _, m := range alertrpc.Methods() {
		byClass[m.Class] = append(byClass[m.Class], "`"+m.Name+"`")
	}
	want := string(page)
	for _, class := range []agentapi.Class{agentapi.Read, agentapi.Write} {
		slices.Sort(byClass[class])
		line := regexp.MustCompile(`(?m)^- ` + class.String() + `: .*$`)
		if !line.MatchString(want) {
			t.Fatalf("%s has no line for class %s", path, class)
		}
		want = line.ReplaceAllString(want, "- "+class.String()+": "+strings.Join(byClass[class], ", "))
	}
	if want != string(page) && *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if diff := cmp.Diff(want, string(page)); diff != "" {
		t.Errorf("%s is stale: go test ./cmd/adminbot -run TestAlertMethods -update\n%s", path, diff)
	}

	s, err := site.Open(t.TempDir(), "example.net", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	rules, err := policy.Load(s.Path(site.WorkgroupPolicy))
	if err != nil {
		t.Fatal(err)
	}
	may := alertrpc.Permit(rules, time.Now)
	for _, m := range alertrpc.Methods() {
		err := may(jid.MustParse("alice@example.net"), m.Name)
		if ours := m.Class == agentapi.Read || m.Class == agentapi.Write; ours != (err == nil) {
			t.Errorf("%s, class %s: %v", m.Name, m.Class, err)
		}
		if may(jid.MustParse("alice@example.org"), m.Name) == nil {
			t.Errorf("%s: a stranger may", m.Name)
		}
	}
}
