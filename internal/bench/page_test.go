package bench

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the page and the plot anew")

// docs is where make bench writes.
const docs = "../../docs/"

// TestDocs: the page and the plot are those of the figures beside them.
func TestDocs(t *testing.T) {
	data, err := os.ReadFile(docs + "performance.json")
	if err != nil {
		t.Fatal(err)
	}
	var r Report
	if err := json.Unmarshal(data, &r); err != nil {
		t.Fatal(err)
	}
	page, err := Page(r)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string][]byte{"performance.md": page, "fanout.svg": r.Plot()} {
		if *update {
			if err := os.WriteFile(docs+name, want, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		got, err := os.ReadFile(docs + name)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(got)); diff != "" {
			t.Errorf("docs/%s does not follow from docs/performance.json (go test ./internal/bench -run TestDocs -update writes it):\n%s", name, diff)
		}
	}
}

func TestPage(t *testing.T) {
	r := Report{Figures: []Figure{
		of("fanout", "s", 1000, 0.4), of("fanout", "s", 9500, 2),
		{Name: "router", Server: "embedded", Unit: "stanzas/s", N: 3, Median: 60000},
		{Name: "router", Server: "Prosody 0.12", Unit: "stanzas/s", N: 3, Median: 5000},
		{Name: "one RPC", Server: "embedded", Unit: "ms", N: 3, Median: 0.4},
		{Name: alertToOffer, Size: 1000, Unit: "ms", N: 1000, Median: 60, P95: 70, P99: 80},
	}}
	page, err := Page(r)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		"| fanout | 1000 | 0.4 |  |  | s | 1 | ≤ 0.5 | ✔ |",
		"| fanout | 9500 | 2 |  |  | s | 1 | ≤ 1.50 | ✘ |",
		"| alert to its offer | 1000 | 60 | 70 | 80 | ms | 1000 | p99 ≤ 50 | ✘ |",
		"| router |  | 60000 | 0 | 0 | stanzas/s | 3 | ≥ 60000 | ✔ |",
		"| router |  | stanzas/s | 60000 | 5000 (1/12) |",
	} {
		if !strings.Contains(string(page), line+"\n") {
			t.Errorf("no line %s in\n%s", line, page)
		}
	}
	if strings.Contains(string(page), "| one RPC |  | ms |") {
		t.Error("a figure of one server is set beside nothing")
	}
}

func TestPlot(t *testing.T) {
	if (Report{Figures: []Figure{of("fanout per host", "µs", 100, 5)}}).Plot() != nil {
		t.Error("a plot of one point")
	}
	plot := Report{Figures: []Figure{of("fanout per host", "µs", 100, 200), of("fanout", "s", 1000, 1), of("fanout per host", "µs", 1000, 150)}}.Plot()
	points := 0
	d := xml.NewDecoder(strings.NewReader(string(plot)))
	for {
		tok, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if start, ok := tok.(xml.StartElement); ok && start.Name.Local == "circle" {
			points++
		}
	}
	if points != 2 {
		t.Errorf("%d points, want 2", points)
	}
}

func TestNiceStep(t *testing.T) {
	for v, want := range map[float64]float64{0.9: 1, 1: 1, 1.1: 2, 30: 50, 51: 100, 240: 500} {
		if got := niceStep(v); got != want {
			t.Errorf("niceStep(%g) = %g, want %g", v, got, want)
		}
	}
}
