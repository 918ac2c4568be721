package intake

import (
	"flag"
	"fmt"
	"maps"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"adminbot/workgroups"
)

var update = flag.Bool("update", false, "rewrite testdata/reports.txtar")

// testNow is after everything in the payloads.
var testNow = time.Date(2026, 11, 28, 7, 0, 0, 0, time.UTC)

// paths that a payload is meant for; one that is not here is meant for another
// program, and people would send it to /generic.
func paths(name string) []string {
	switch {
	case strings.Contains(name, "mock"):
	case strings.Contains(name, "grafana_alert"), strings.Contains(name, "grafana__"), strings.Contains(name, "grafana_example"), strings.HasSuffix(name, "oncall__grafana.json"):
		return []string{"/grafana"}
	case strings.Contains(name, "grafana-legacy"):
		return []string{"/grafana", "/generic"}
	case strings.Contains(name, "alertmanager"), strings.Contains(name, "prometheus"):
		return []string{"/alertmanager", "/grafana"}
	case strings.Contains(name, "icinga-notifications"):
		return []string{"/icinga"}
	}
	return []string{"/generic"}
}

// TestPayloads reads real bodies of other systems (testdata/origins.json says
// whose) and compares the reports they become with testdata/reports.txtar.
func TestPayloads(t *testing.T) {
	files, err := filepath.Glob("testdata/payloads/*.json")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	got := &txtar.Archive{Comment: []byte("What bodies become: go test -run TestPayloads -update\n")}
	for _, file := range files {
		body, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Base(file)
		for _, path := range paths(name) {
			r := &request{http: httptest.NewRequest("POST", path, nil), body: body, now: testNow}
			r.http.Header.Set("Content-Type", "application/json")
			got.Files = append(got.Files, txtar.File{Name: name + " " + path, Data: []byte(describe(formats[path].read(r)))})
		}
	}
	if *update {
		if err := os.WriteFile("testdata/reports.txtar", txtar.Format(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := txtar.ParseFile("testdata/reports.txtar")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(txtar.Format(want)), string(txtar.Format(got))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// describe is what came of a body, as text.
func describe(reports []workgroups.Report, err error) string {
	if err != nil {
		status, text := explain(err)
		return fmt.Sprintf("%d %s\n", status, text)
	}
	if len(reports) == 0 {
		return "no alert\n"
	}
	var b strings.Builder
	for _, r := range reports {
		bound(&r, testNow)
		if r.Resolved {
			b.WriteString("over ")
		}
		fmt.Fprintf(&b, "%s %q\n", r.Severity, r.Summary)
		if r.Host != "" {
			fmt.Fprintf(&b, "  host %s\n", r.Host)
		}
		if r.Fingerprint != "" {
			fmt.Fprintf(&b, "  fingerprint %s\n", r.Fingerprint)
		}
		if !r.Starts.IsZero() {
			fmt.Fprintf(&b, "  since %s\n", r.Starts.Format(time.RFC3339Nano))
		}
		for _, name := range slices.Sorted(maps.Keys(r.Labels)) {
			fmt.Fprintf(&b, "  %s=%q\n", name, r.Labels[name])
		}
		for line := range strings.SplitSeq(r.Details, "\n") {
			if r.Details == "" {
				break
			}
			fmt.Fprintf(&b, "  | %s\n", line)
		}
		r.Workgroup = "alerts"
		if err := r.Check(); err != nil {
			fmt.Fprintf(&b, "  but %v\n", err)
		}
	}
	return b.String()
}
