package agentapi

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestDescribe(t *testing.T) {
	n := func(f float64) *float64 { return &f }
	got := Spec(DiskLargest).Describe()
	want := Description{
		Name: "disk.largest", Class: "R", Permission: "files.list", Since: "1.0", TimeoutSeconds: 70, Built: true,
		Help: "Finds what takes the most space below a directory, on its one file system.",
		Args: []FieldDescription{
			{Name: "path", Type: "string", Required: true, Pattern: "^/.*"},
			{Name: "depth", Type: "int", Default: "2", Min: n(1), Max: n(4), Help: "how far below path directories are named; files are at any depth"},
			{Name: "limit", Type: "int", Default: "20", Min: n(1), Max: n(50)},
			{Name: "seconds", Type: "int", Unit: "seconds", Default: "20", Min: n(1), Max: n(60), Help: "how long to look at most"},
		},
		Result: []FieldDescription{
			{Name: "at", Type: "dateTime.iso8601", Required: true, Help: "when the answer was made, by the host's clock"},
			{Name: "took_ms", Type: "int", Unit: "ms", Required: true, Help: "how long the work took"},
			{Name: "truncated", Type: "boolean", Help: "the list was cut"},
			{Name: "total", Type: "int", Help: "how many there are in all"},
			{Name: "next", Type: "string", Help: "cursor for the rest"},
			{Name: "path", Type: "string", Required: true},
			{Name: "entries", Type: "array", Elem: "struct", Required: true, Fields: []FieldDescription{
				{Name: "path", Type: "string", Required: true},
				{Name: "size_bytes", Type: "double", Unit: "bytes", Required: true},
				{Name: "files", Type: "int", Required: true},
			}},
			{Name: "skipped", Type: "int", Help: "directories that could not be read or lie on another file system"},
		},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}

func TestAggregatesAndColumns(t *testing.T) {
	want := []string{"sum(read_bytes_per_s)", "max(read_bytes_per_s)", "sum(write_bytes_per_s)", "max(write_bytes_per_s)",
		"sum(size_bytes)", "sum(used_bytes)", "max(used_percent)", "avg(used_percent)", "min(free_bytes)", "sum(free_bytes)",
		"min(free_percent)", "avg(free_percent)", "min(inodes_free_percent)"}
	if d := cmp.Diff(want, Spec(DiskUsage).Describe().Aggregates); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	columns := map[string]string{}
	for _, f := range Spec(DiskUsage).Columns() {
		columns[f.Name] = f.Unit
	}
	if columns["free_percent"] != "percent" || columns["read_bytes_per_s"] != "bytes_per_s" || columns["mount"] != "" {
		t.Errorf("%v", columns)
	}
}

// What speech filters and sorts by must be there under these names.
func TestFieldsInReachOfSpeech(t *testing.T) {
	for method, fields := range map[string][]string{
		"host.info":      {"os", "kernel", "uptime_seconds", "reboot_required"},
		"cpu.usage":      {"percent", "load1", "load5", "load15"},
		"mem.usage":      {"used_percent", "available_percent", "available_bytes", "swap_used_bytes"},
		"disk.usage":     {"used_percent", "free_percent", "free_bytes", "inodes_free_percent"},
		"service.status": {"active"},
		"check.status":   {"state", "score"},
		"presence.get":   {"mood", "score"},
		"sla.get":        {"actual_percent"},
		"backup.status":  {"age_seconds", "size_bytes", "last_state"},
	} {
		s, ok := Lookup(method)
		if !ok {
			t.Fatalf("no %s", method)
		}
		have := map[string]bool{}
		for _, f := range s.Columns() {
			have[f.Name] = true
		}
		for _, f := range fields {
			if !have[f] {
				t.Errorf("%s: no column %s", method, f)
			}
		}
	}
}

func TestSignature(t *testing.T) {
	for _, tt := range []struct {
		spec Spec
		want []string
	}{
		{Spec(SystemListMethods), []string{"array"}},
		{Spec(SystemMethodHelp), []string{"string", "string"}},
		{Spec(SystemMulticall), []string{"array", "array"}},
		{Spec(MemUsage), []string{"struct"}},
		{Spec(DiskUsage), []string{"struct", "struct"}},
	} {
		if d := cmp.Diff(tt.want, tt.spec.Signature()); d != "" {
			t.Errorf("%s: -want +got:\n%s", tt.spec.Name, d)
		}
	}
}

func TestVer(t *testing.T) {
	if v := Ver(); len(v) != 20 || v != Ver() {
		t.Errorf("ver %q", v)
	}
}

func BenchmarkDescribeAll(b *testing.B) {
	for b.Loop() {
		for _, s := range All() {
			s.Describe()
		}
	}
}

func BenchmarkBind(b *testing.B) {
	in := map[string]any{"name": "nginx", "limit": 5}
	for b.Loop() {
		if _, _, err := Spec(ProcList).Bind(in); err != nil {
			b.Fatal(err)
		}
	}
}
