package grammar

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
)

// TestMissing: a line that is understood but for the name of a host, a service or
// a time says which, and never offers to do it to more.
func TestMissing(t *testing.T) {
	lx := testLexicon(t)
	for line, want := range map[string]Problem{
		"disk on nosuch":                       {Column: 9, Word: "nosuch", Missing: MissingHost},
		"ping nosuch":                          {Column: 6, Word: "nosuch", Missing: MissingHost},
		"restart nginx on nosuch":              {Column: 18, Word: "nosuch", Missing: MissingHost},
		"reboot the nosuch":                    {Column: 12, Word: "nosuch", Missing: MissingHost},
		"disk on web01, nosuch and zork":       {Column: 16, Word: "nosuch", Missing: MissingHost},
		"silence nosuch":                       {Column: 9, Word: "nosuch", Missing: MissingHost},
		"disk on cach":                         {Column: 9, Word: "cach", Nearest: "cache", Missing: MissingHost, Among: []string{"cache01"}},
		"restart nginx on web01.example.net":   {Column: 18, Word: "web01.example.net", Nearest: "web01", Missing: MissingHost},
		"stop apache on web01":                 {Column: 6, Word: "apache", Missing: MissingService, Among: []string{"nginx", "php8.2-fpm"}, Hosts: []string{"web01"}},
		"log of apache on db01":                {Column: 8, Word: "apache", Missing: MissingService, Among: []string{"postgresql"}, Hosts: []string{"db01"}},
		"restart ngnix on web01":               {Column: 9, Word: "ngnix", Nearest: "nginx", Missing: MissingService, Among: []string{"nginx", "php8.2-fpm"}, Hosts: []string{"web01"}},
		"restart nginx on web01 at 25:00":      {Column: 27, Word: "25:00", Missing: MissingTime},
		"drain web01 until 14:75":              {Column: 19, Word: "14:75", Missing: MissingTime},
		"nginx log on web01 since 13pm":        {Column: 26, Word: "13pm", Missing: MissingTime},
		"reboot web01 tomorrow at 31":          {Column: 26, Word: "31", Missing: MissingTime},
		"transfer alert 5 to zork":             {Column: 21, Word: "zork", Missing: "person", Among: []string{"alice", "bob", "carol"}},
		"transfer alert 5 to bobb":             {Column: 21, Word: "bobb", Nearest: "bob", Missing: "person", Among: []string{"alice", "bob", "carol"}},
		"join zork":                            {Column: 6, Word: "zork", Missing: "workgroup", Among: []string{"alerts", "dba", "network"}},
		"pause zork on web01 for 1h":           {Column: 7, Word: "zork", Missing: "check", Among: []string{"disk_root", "load", "http", "postgres_lag", "smtp_queue"}},
		"promote zork on db01":                 {Column: 9, Word: "zork", Missing: "failover", Among: []string{"pg-main"}},
		"set zork to debug on web01":           {Column: 5, Word: "zork", Missing: "app", Among: []string{"checkout", "api"}},
		"frobnicate nginx on web01":            {Column: 1, Word: "frobnicate"},
		"restart nginx on web01 unless nosuch": {Column: 24, Word: "unless"},
		"stop nginx on web01 later":            {Column: 21, Word: "later"},
		"zorkify the frobnitz on web01":        {Column: 1, Word: "zorkify"},
	} {
		r := lx.Parse(nil, line, lx.Inventory().Now)
		if r.Status != Unknown || r.Problem == nil {
			t.Errorf("%q: %s %+v", line, r.Status, r.Problem)
			continue
		}
		got := *r.Problem
		if want.Missing == "" {
			got.Nearest = ""
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %+v, want %+v", line, got, want)
		}
		for _, s := range r.Suggestions {
			again := lx.Parse(nil, s, lx.Inventory().Now)
			if again.Status != OK {
				t.Errorf("%q: the offer %q is %s", line, s, again.Status)
			}
			for _, c := range again.Commands {
				if lx.write(c.Method) && len(c.Hosts) > 1 {
					t.Errorf("%q: the offer %q is for %d hosts", line, s, len(c.Hosts))
				}
			}
		}
	}
}

// TestPastMidnight: an hour beyond the day is offered as the one that it is.
func TestPastMidnight(t *testing.T) {
	lx := testLexicon(t)
	for line, want := range map[string]string{
		"reboot web01 at 25:30":         "reboot web01 at 2026-11-21T01:30:00Z",
		"reboot web01 at 24:00":         "reboot web01 at 2026-11-21T00:00:00Z",
		"reboot web01 tomorrow at 25":   "reboot web01 at 2026-11-21T01:00:00Z",
		"reboot web01 at 25:61":         "",
		"reboot web01 at 99:00":         "",
		"nginx log on web01 since 13pm": "",
	} {
		r := lx.Parse(nil, line, lx.Inventory().Now)
		if got := strings.Join(r.Suggestions, "; "); got != want && !(want == "" && got == "help") {
			t.Errorf("%q: offered %q, want %q", line, got, want)
		}
	}
}

// TestSmallNumbers: numbers that are words of the language are ids all the same,
// and said once.
func TestSmallNumbers(t *testing.T) {
	lx := testLexicon(t)
	for n := range 40 {
		for _, verb := range []string{"show", "accept", "reject", "ack", "resolve"} {
			r := lx.Parse(nil, fmt.Sprintf("%s alert %d", verb, n), lx.Inventory().Now)
			if r.Status != OK || strings.Contains(r.Canonical, "alert alert") {
				t.Errorf("%s %d: %s %q", verb, n, r.Status, r.Canonical)
				continue
			}
			if again := lx.Parse(nil, r.Canonical, lx.Inventory().Now); again.Canonical != r.Canonical || planKey(again.Commands) != planKey(r.Commands) {
				t.Errorf("%q is read as %s %q", r.Canonical, again.Status, again.Canonical)
			}
		}
	}
}
