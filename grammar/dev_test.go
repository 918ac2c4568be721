package grammar

import (
	"bufio"
	"encoding/json"
	"os"
	"reflect"
	"sort"
	"strings"
	"testing"
)

// dev.jsonl and inventory.json are the worked cases of the reading contract,
// copied unchanged from its directory nl/.

// A devCase is one worked case of the reading contract.
type devCase struct {
	ID     string   `json:"id"`
	Turns  []string `json:"turns"`
	Expect struct {
		Status   string           `json:"status"`
		Commands []map[string]any `json:"commands"`
		Also     []struct {
			Commands []map[string]any `json:"commands"`
		} `json:"also"`
	} `json:"expect"`
	Also []struct {
		Commands []map[string]any `json:"commands"`
	} `json:"also"`
}

func devCases(t testing.TB) []devCase {
	t.Helper()
	f, err := os.Open("testdata/dev.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var out []devCase
	sc := bufio.NewScanner(f)
	for sc.Scan() {
		var c devCase
		if err := json.Unmarshal(sc.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
		out = append(out, c)
	}
	return out
}

// knownFailures are cases that are read otherwise than wanted, with the reason.
var knownFailures = map[string]string{}

// plain turns commands into plain JSON without arguments that only say a default.
func plain(t testing.TB, cmds any) []map[string]any {
	t.Helper()
	b, err := json.Marshal(cmds)
	if err != nil {
		t.Fatal(err)
	}
	var out []map[string]any
	if err := json.Unmarshal(b, &out); err != nil {
		t.Fatal(err)
	}
	defaults := map[string]map[string]any{
		"patch.apply": {"security_only": true}, "patch.list": {"security_only": false}, "proc.list": {"sort": "cpu"},
		"net.dns": {"type": "A"}, "file.stat": {"hash": false}, "check.status": {"not_ok": false}, "service.list": {"state": "all"},
	}
	for _, c := range out {
		args, _ := c["args"].(map[string]any)
		method, _ := c["method"].(string)
		for k, v := range defaults[method] {
			if args[k] == v {
				delete(args, k)
			}
		}
	}
	return out
}

func TestDevCases(t *testing.T) {
	lx := testLexicon(t)
	for _, c := range devCases(t) {
		r := turns(lx, c.Turns...)
		good := string(r.Status) == c.Expect.Status
		if good && r.Status == OK {
			got := plain(t, r.Commands)
			good = reflect.DeepEqual(got, plain(t, c.Expect.Commands))
			for _, a := range append(c.Also, c.Expect.Also...) {
				good = good || reflect.DeepEqual(got, plain(t, a.Commands))
			}
		}
		why, known := knownFailures[c.ID]
		switch {
		case !good && !known:
			b, _ := json.Marshal(r)
			t.Errorf("%s %q: %s", c.ID, c.Turns, b)
		case good && known:
			t.Errorf("%s %q works now: take it from the known failures (%s)", c.ID, c.Turns, why)
		}
	}
}

// sentences are the lines of all test data, for property tests and fuzzing.
func sentences(t testing.TB) []string {
	seen := map[string]bool{}
	for _, c := range devCases(t) {
		for _, l := range c.Turns {
			seen[l] = true
		}
	}
	for _, p := range textPairs(t) {
		for _, l := range p.lines {
			seen[l] = true
		}
	}
	out := make([]string, 0, len(seen))
	for l := range seen {
		out = append(out, l)
	}
	sort.Strings(out)
	return out
}

// TestCanonical: what a plan is written as reads back as the same plan, and
// everything that is offered is itself a plan.
func TestCanonical(t *testing.T) {
	check := func(lx *Lexicon, from string, r Reading) {
		now := lx.Inventory().Now
		if r.Status == OK {
			again := lx.Parse(nil, r.Canonical, now)
			if again.Status != OK || !reflect.DeepEqual(plain(t, again.Commands), plain(t, r.Commands)) {
				a, _ := json.Marshal(r.Commands)
				b, _ := json.Marshal(again)
				t.Errorf("%q\n  = %s\n  %s\n  reads back as %s", from, r.Canonical, a, b)
			}
			if again.Canonical != r.Canonical {
				t.Errorf("%q: %q is no fixed point: %q", from, r.Canonical, again.Canonical)
			}
		}
		for _, o := range append(append([]string{}, r.Options...), r.Suggestions...) {
			if again := lx.Parse(nil, o, now); again.Status != OK {
				t.Errorf("%q offers %q, which is %s", from, o, again.Status)
			}
		}
		switch r.Status {
		case Unknown, Ambiguous, Incomplete:
			if len(r.Options)+len(r.Suggestions) == 0 && r.Question == "" {
				t.Errorf("%q: %s without any help", from, r.Status)
			}
		}
	}
	lx := testLexicon(t)
	for _, c := range devCases(t) {
		check(lx, strings.Join(c.Turns, " / "), turns(lx, c.Turns...))
	}
	for _, l := range sentences(t) {
		check(lx, l, lx.Parse(nil, l, lx.Inventory().Now))
	}
	for _, set := range strangerSets {
		lx, cases := strangers(t, set)
		for _, c := range cases {
			check(lx, c.ID, turns(lx, c.Turns...))
		}
	}
}
