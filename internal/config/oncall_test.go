package config

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// loadText loads a configuration file.
func loadText(t *testing.T, text string) (Config, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "adminbot.toml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return Load(path)
}

// TestOnCallPage loads what docs/oncall.md shows.
func TestOnCallPage(t *testing.T) {
	page, err := os.ReadFile("../../docs/oncall.md")
	if err != nil {
		t.Fatal(err)
	}
	_, text, found := strings.Cut(string(page), "```toml\n")
	text, _, ended := strings.Cut(text, "```")
	if !found || !ended {
		t.Fatal("docs/oncall.md has no example")
	}
	c, err := loadText(t, text)
	if err != nil {
		t.Fatal(err)
	}
	groups, err := c.Workgroups.Workgroups()
	if err != nil {
		t.Fatal(err)
	}
	g := groups[0]
	if len(g.Schedules) != 1 || len(g.Escalation.Steps) != 4 || g.Escalation.Repeat != 3 || g.Confirm != 30*time.Minute {
		t.Fatalf("got %+v", g)
	}
	if s := g.Escalation.Steps; !s[0].Bots || s[1].OnCall != g.Schedules[0] || len(s[2].Who) != 1 || !s[3].Everybody || s[1].Wait != 5*time.Minute {
		t.Errorf("steps %+v", s)
	}
	for at, want := range map[string]string{
		"2026-12-02 12:00": "alice@example.net", "2026-12-08 12:00": "bob@example.net", // a Wednesday, the next Tuesday
		"2026-12-05 23:00": "alice@example.net", // a Saturday
	} {
		when, err := time.ParseInLocation("2006-01-02 15:04", at, g.Schedules[0].Location())
		if err != nil {
			t.Fatal(err)
		}
		if got := g.Schedules[0].At(when, nil).Who; got != want {
			t.Errorf("%s: %s is on call, want %s", at, got, want)
		}
	}
	night := time.Date(2026, 12, 2, 23, 0, 0, 0, g.Schedules[0].Location())
	one, next := g.Schedules[0].At(night, nil), g.Schedules[0].At(night.AddDate(0, 0, 1), nil)
	if one.Layer != "nights" || next.Layer != "nights" || one.Who == next.Who {
		t.Errorf("two nights: %+v, %+v", one, next)
	}
}

// TestOnCallUsual: schedules without an escalation have the usual one.
func TestOnCallUsual(t *testing.T) {
	c, err := loadText(t, `
[[workgroups.schedule]]
name = "s"
[[workgroups.schedule.layer]]
name = "l"
who = ["alice@example.net"]
[[workgroups.group]]
name = "alerts"
schedules = ["s"]
`)
	if err != nil {
		t.Fatal(err)
	}
	groups, err := c.Workgroups.Workgroups()
	if err != nil {
		t.Fatal(err)
	}
	if s := groups[0].Escalation.Steps; len(s) != 3 || !s[0].Bots || s[1].OnCall == nil || !s[2].Everybody {
		t.Errorf("steps %+v", s)
	}
}

// TestMaintenance loads the second example of docs/oncall.md.
func TestMaintenance(t *testing.T) {
	page, err := os.ReadFile("../../docs/oncall.md")
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(string(page), "```toml\n")
	if len(parts) != 3 {
		t.Fatalf("docs/oncall.md has %d examples", len(parts)-1)
	}
	text, _, _ := strings.Cut(parts[2], "```")
	c, err := loadText(t, text+"[[workgroups.group]]\nname = \"alerts\"\n[[workgroups.group]]\nname = \"dba\"\n")
	if err != nil {
		t.Fatal(err)
	}
	groups, err := c.Workgroups.Workgroups()
	if err != nil {
		t.Fatal(err)
	}
	if len(groups[0].Maintenance) != 1 || len(groups[1].Maintenance) != 0 {
		t.Fatalf("%+v", groups)
	}
	m := groups[0].Maintenance[0]
	from, until := m.Hours.Next(time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC))
	if want := time.Date(2026, 12, 6, 1, 0, 0, 0, time.UTC); !from.Equal(want) || until.Sub(from) != 2*time.Hour || len(m.Match) != 2 {
		t.Errorf("from %v until %v, %v", from, until, m.Match)
	}
}

// TestGrouping loads the example of docs/alerts.md.
func TestGrouping(t *testing.T) {
	page, err := os.ReadFile("../../docs/alerts.md")
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(string(page), "## Many alerts with one cause")
	_, text, _ = strings.Cut(text, "```toml\n")
	text, _, _ = strings.Cut(text, "```")
	c, err := loadText(t, text+"[[workgroups.group]]\nname = \"dba\"\n")
	if err != nil {
		t.Fatal(err)
	}
	groups, err := c.Workgroups.Workgroups()
	if err != nil {
		t.Fatal(err)
	}
	if g := groups[0]; !slices.Equal(g.GroupBy, []string{"rack"}) || g.GroupWait != 30*time.Second || g.GroupInterval != 5*time.Minute {
		t.Errorf("by %v, wait %s, interval %s", g.GroupBy, g.GroupWait, g.GroupInterval)
	}
	if g := groups[1]; len(g.GroupBy) > 0 || g.GroupWait != 0 {
		t.Errorf("a workgroup that says nothing: by %v, wait %s", g.GroupBy, g.GroupWait)
	}
}

func TestOnCallRefuses(t *testing.T) {
	schedule := "[[workgroups.schedule]]\nname = \"s\"\nzone = \"UTC\"\n[[workgroups.schedule.layer]]\nname = \"l\"\n"
	who := "who = [\"alice@example.net\"]\n"
	group := "[[workgroups.group]]\nname = \"alerts\"\n"
	for _, tt := range []struct{ name, text, want string }{
		{"zone", strings.Replace(schedule, "UTC", "Mars", 1) + who + group, `no time zone "Mars"`},
		{"nobody", schedule + group, "has nobody"},
		{"every", schedule + who + "every = \"month\"\n" + group, `"month" is not how long a turn lasts`},
		{"hours", schedule + who + "hours = [\"Mo 9-17\"]\n" + group, "layer l"},
		{"hand-over", schedule + who + "hand_over = \"noon\"\n" + group, `"noon"`},
		{"start", schedule + who + "start = \"30.11.2026\"\n" + group, "is not a date"},
		{"address", schedule + "who = [\"example.net\"]\n" + group, "is not the address of a person"},
		{"twice", schedule + who + schedule + who + group, "two schedules are called s"},
		{"unknown schedule", group + "schedules = [\"t\"]\n", `no schedule "t"`},
		{"unknown escalation", group + "escalation = \"e\"\n", `no escalation "e"`},
		{"no schedule to ask", group + "escalation = \"e\"\n[[workgroups.escalation]]\nname = \"e\"\n[[workgroups.escalation.step]]\nask = [\"oncall\"]\n", "has no schedule"},
		{"maintenance of nothing", group + "[[workgroups.maintenance]]\nname = \"m\"\nhours = [\"Sun\"]\n", "maintenance m: which alerts?"},
		{"maintenance at no time", group + "[[workgroups.maintenance]]\nname = \"m\"\nmatch = [\"host=a\"]\n", "no hours"},
		{"maintenance nowhere", group + "[[workgroups.maintenance]]\nname = \"m\"\nworkgroup = \"w\"\n", "no workgroup \"w\""},
		{"maintenance by a pattern", group + "[[workgroups.maintenance]]\nname = \"m\"\nhours = [\"Sun\"]\nmatch = [\"host=~(\"]\n", "is not a regular expression"},
		{"group by nothing", group + "group_by = [\"\"]\n", `group_by: "" is not the name of a label`},
		{"group by a matcher", group + "group_by = [\"host=web01\"]\n", `"host=web01" is not the name of a label`},
		{"group by one twice", group + "group_by = [\"check\", \"check\"]\n", "group_by names check twice"},
		{"group by too much", group + "group_by = [\"a\", \"b\", \"c\", \"d\", \"e\", \"f\", \"g\", \"h\", \"i\"]\n", "9 names, 8 are allowed"},
		{"group by a long name", group + "group_by = [\"" + strings.Repeat("x", 257) + "\"]\n", "longer than 256 bytes"},
		{"wait for nothing", group + "group_wait_seconds = 30\n", "without group_by"},
		{"wait backwards", group + "group_by = [\"check\"]\ngroup_wait_seconds = -1\n", "0 to 600 are allowed"},
		{"wait for long", group + "group_by = [\"check\"]\ngroup_wait_seconds = 601\n", "0 to 600 are allowed"},
		{"tell backwards", group + "group_by = [\"check\"]\ngroup_interval_seconds = -1\n", "is negative"},
		{"word", group + "escalation = \"e\"\n[[workgroups.escalation]]\nname = \"e\"\n[[workgroups.escalation.step]]\nask = [\"all\"]\n", `"all" is none of bots`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := loadText(t, tt.text); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}
