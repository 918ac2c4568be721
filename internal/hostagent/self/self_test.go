package self

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"adminbot/agentapi"
)

func TestFill(t *testing.T) {
	now := time.Now()
	spin := now
	for time.Since(spin) < 20*time.Millisecond { // use some processor time
	}
	var got agentapi.AgentInfoResult
	Fill(&got, "1.2.3", now.Add(-time.Second), time.Now())
	if got.Version != "1.2.3" || got.Go == "" || got.RSSBytes < 1<<20 || got.Goroutines < 1 || got.CPUSeconds <= 0 || got.CPUPercent <= 0 {
		t.Errorf("%+v", got)
	}
	Fill(&got, "", now, now)
	if got.Version == "" || got.Version == "1.2.3" {
		t.Errorf("version %q, want the binary's own", got.Version)
	}
}

func TestPrometheus(t *testing.T) {
	text := Prometheus(time.Unix(1795179600, 0))
	line := regexp.MustCompile(`^(# (HELP|TYPE) [a-z_]+ .+|[a-z_]+ [0-9.]+)$`)
	for l := range strings.Lines(text) {
		if !line.MatchString(strings.TrimSuffix(l, "\n")) {
			t.Errorf("line %q", l)
		}
	}
	for _, name := range []string{"process_resident_memory_bytes ", "process_start_time_seconds 1795179600\n", "go_goroutines ", "go_gc_heap_live_bytes "} {
		if !strings.Contains(text, "\n"+name) {
			t.Errorf("no %q in\n%s", name, text)
		}
	}
}
