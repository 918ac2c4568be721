package bot

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"adminbot/internal/alertrpc"
)

// TestGroupedAlert: an alert about many things is read on a phone.
func TestGroupedAlert(t *testing.T) {
	now := time.Date(2026, 11, 28, 10, 30, 0, 0, time.UTC)
	r := alertrpc.ShowResult{
		Alert: alertrpc.Alert{
			ID: 17, State: "open", Severity: "critical", Host: "web01", Summary: "no answer", Source: "prometheus", Workgroup: "alerts",
			Starts: now, Raised: now, GroupedBy: "rack=r7", Instances: 300, Firing: 299,
		},
		Timeline: []alertrpc.Entry{{At: now, What: "raised", Who: "prometheus"}},
	}
	for n := 1; n <= 20; n++ {
		i := alertrpc.Instance{Severity: "warning", Host: fmt.Sprintf("web%02d", n), Summary: "no answer"}
		if n == 2 {
			i.Over = now
		}
		r.Instances = append(r.Instances, i)
	}
	got := shownAlert(r, when{now: now, zone: time.UTC})
	want := []string{
		"✔ Alert 17: nobody has it", "critical · web01 · no answer and 298 more", "since 10:30, from prometheus, in alerts",
		"299 of 300 are not over (rack=r7)", "warning · web01 · no answer", "warning · web02 · no answer · over",
	}
	if diff := cmp.Diff(want, got[:min(len(got), len(want))]); diff != "" {
		t.Error(diff)
	}
	if tail := strings.Join(got[max(0, len(got)-3):], "\n"); tail != "warning · web12 · no answer\nand 288 more\n10:30:00  raised prometheus" {
		t.Errorf("it ends\n%s", tail)
	}
	r.Alert.Ended, r.Alert.State = now, "resolved"
	if got := shownAlert(r, when{now: now, zone: time.UTC}); got[1] != "critical · web01 · no answer and 299 more" || got[4] != "300 in all (rack=r7)" {
		t.Errorf("ended: %s", strings.Join(got, "\n"))
	}
	if lines := instances(alertrpc.ShowResult{}); lines != nil {
		t.Errorf("an alert that is not grouped: %s", lines)
	}
}
