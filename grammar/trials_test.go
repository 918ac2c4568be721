package grammar

import (
	"strings"
	"testing"
	"time"
)

// TestTrials holds what people who tried the bot found wrong: conversations,
// and what their last line must (or must not) be read as. "" stands for any.
func TestTrials(t *testing.T) {
	inv := &Inventory{Hosts: []Host{
		{Name: "vm", Facts: map[string]string{"cpu_count": "2"}, Mood: "happy", Services: []string{"dbus"}},
		{Name: "web01", Facts: map[string]string{"cpu_count": "2", "role": "web"}, Mood: "happy", Services: []string{"nginx"}},
		{Name: "web02", Facts: map[string]string{"cpu_count": "2", "role": "web"}, Mood: "happy", Services: []string{"nginx"}},
		{Name: "db01", Facts: map[string]string{"cpu_count": "2", "role": "db"}, Mood: "happy"},
		// One host may call its services what it likes; that must not change
		// what is said of the others.
		{Name: "odd", Facts: map[string]string{"cpu_count": "2"}, Mood: "happy", Services: []string{"disk", "memory", "log", "restart", "on", "all"}},
	}}
	lx, err := Compile(testVerbs(t), inv)
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		turns     string // separated by |
		status    Status
		canonical string // "" is any
		never     string // what no suggestion or option may be
	}{
		// A complete question inherits nothing, whatever was said before.
		{"disk|which hosts are happy?", OK, "list hosts on mood=happy", ""},
		{"disk|which hosts are sad?", "", "", ""},
		{"disk on all but web01|which hosts are happy?", OK, "list hosts on mood=happy", ""},
		{"disk on web01|is nginx running on web02?", OK, "service status nginx on web02", ""},
		// A number is an answer to a menu or nothing: never hosts by a fact.
		{"restart nginx on web01|2", Unknown, "", "restart nginx on cpu_count=2"},
		{"restart nginx on 2 web hosts", Unknown, "", "restart nginx on cpu_count=2&role=web"},
		// What was named is never widened or swapped in a suggestion.
		{"restart nginx on nosuch", Unknown, "", "restart nginx on all hosts"},
		{"disk on nosuch", Unknown, "", "disk usage"},
		{"restart foo on web01", Unknown, "", "restart nginx on web01"},
		{"restart nginx on web 01", Unknown, "", "restart nginx on role=web"},
		{"restart nginx on web hosts with more than 10% disk used", "", "", "restart nginx on role=web"},
		{"reboot everything", "", "", "reboot on all hosts"},
		{"stop nginx on web01 and start apache on web02", "", "", "stop nginx on web01, then start nginx on web02"},
		{"yes web01", "", "", "confirm"},
		// "them" is what was asked about last, never something older.
		{"restart nginx on web01|disk on web02 and db01|restart nginx on them", "", "", "restart nginx on web01"},
		// What was not understood is not answered with something else.
		{"install htop on web01", Unknown, "", ""},
		{"who is logged in on web01?", Unknown, "", ""},
		{"freeze web01", Unknown, "", ""},
		{"ssh web01", Unknown, "", ""},
		{"are you there?", NotACommand, "", ""},
		{"disk|are you there?", NotACommand, "", ""},
		// Questions of the trade.
		{"which hosts have less than 10 GB free?", OK, "", "memory usage with available_bytes < 10000000000 bytes"},
		{"isn't nginx running on web01?", OK, "service status nginx on web01", ""},
		{"hosts with role web", OK, "list hosts on role=web", ""},
		{"restart nginx on all hosts except vm", OK, "restart nginx on all hosts except vm", ""},
		{"uptime of web01", OK, "", ""},
		{"swap", OK, "", ""},
		// Names of services that are words of the language.
		{"disk on web01", OK, "disk usage on web01", ""},
		{"memory on web01", OK, "memory usage on web01", ""},
		{"restart nginx on web01", OK, "restart nginx on web01", ""},
	}
	for _, tt := range tests {
		t.Run(tt.turns, func(t *testing.T) {
			var before []Reading
			for line := range strings.SplitSeq(tt.turns, "|") {
				before = append(before, lx.Parse(before, line, time.Date(2026, 11, 20, 14, 0, 0, 0, time.UTC)))
			}
			r := before[len(before)-1]
			if tt.status != "" && r.Status != tt.status {
				t.Errorf("status %s, want %s: %q", r.Status, tt.status, r.Canonical)
			}
			if tt.canonical != "" && r.Canonical != tt.canonical {
				t.Errorf("read as %q, want %q", r.Canonical, tt.canonical)
			}
			for _, s := range append(append([]string{r.Canonical}, r.Options...), r.Suggestions...) {
				if tt.never != "" && s == tt.never {
					t.Errorf("offers %q", s)
				}
			}
		})
	}
}
