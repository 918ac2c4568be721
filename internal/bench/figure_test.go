package bench

import (
	"strings"
	"testing"
)

func TestFigure(t *testing.T) {
	var hundred []float64
	for i := range 100 {
		hundred = append(hundred, float64(100-i))
	}
	tests := []struct {
		name                       string
		samples                    []float64
		median, p95, p99, min, max float64
	}{
		{"one", []float64{7}, 7, 7, 7, 7, 7},
		{"two", []float64{3, 1}, 2, 3, 3, 1, 3},
		{"three", []float64{9, 1, 5}, 5, 9, 9, 1, 9},
		{"hundred", hundred, 50.5, 95, 99, 1, 100},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := of("x", "s", 0, tt.samples...)
			want := Figure{Name: "x", Unit: "s", N: len(tt.samples), Median: tt.median, P95: tt.p95, P99: tt.p99, Min: tt.min, Max: tt.max}
			if got != want {
				t.Errorf("%+v\nwant %+v", got, want)
			}
		})
	}
}

func TestTable(t *testing.T) {
	var b strings.Builder
	report := Report{
		Machine: Machine{CPU: "a CPU", Cores: 2, MemoryMB: 100, OS: "linux", Go: "go1", Version: "v1"},
		Figures: []Figure{
			of("fanout", "s", 1000, 0.123456, 0.2), {Name: "router", Server: "Prosody", Unit: "stanzas/s", N: 1, Median: 4321.9, P95: 12.34, P99: 1.234},
		},
	}
	if err := report.Table(&b); err != nil {
		t.Fatal(err)
	}
	const want = `2 × a CPU, 100 MiB of memory, linux, go1, adminbot v1
                 size  median   p95   p99  n           
          fanout  1000   0.162   0.2   0.2  2          s
router, Prosody          4322  12.3  1.23  1  stanzas/s
`
	if got := b.String(); strings.Join(strings.Fields(got), " ") != strings.Join(strings.Fields(want), " ") {
		t.Errorf("\n%s\nwant\n%s", got, want)
	}
}
