package metrics

import (
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/prometheus/procfs"

	"adminbot/agentapi"
)

func write(t *testing.T, root, name, text string) {
	t.Helper()
	file := filepath.Join(root, name)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

const (
	statBefore = "cpu  100 0 50 800 50 0 0 0 0 0\ncpu0 50 0 25 400 25 0 0 0 0 0\ncpu2 50 0 25 400 25 0 0 0 0 0\nbtime 1795179600\n"
	statAfter  = "cpu  160 0 70 890 70 5 5 0 0 0\ncpu0 100 0 45 400 25 5 5 0 0 0\ncpu2 60 0 25 490 45 0 0 0 0 0\nbtime 1795179600\n"
	procBefore = "40 (nginx) S 1 40 40 0 -1 0 1 2 3 4 100 0 0 0 20 0 3 0 400 1000 3000 1\n"
	procAfter  = "40 (nginx) S 1 40 40 0 -1 0 1 2 3 4 130 0 0 0 20 0 3 0 400 1000 3000 1\n"
)

func fixture(t *testing.T) string {
	root := t.TempDir()
	write(t, root, "stat", statBefore)
	write(t, root, "40/stat", procBefore)
	write(t, root, "loadavg", "1.50 0.75 0.25 2/345 6789\n")
	write(t, root, "pressure/cpu", "some avg10=12.50 avg60=1.00 avg300=0.10 total=1\n")
	write(t, root, "pressure/memory", "some avg10=0.00 avg60=0.00 avg300=0.00 total=0\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n")
	write(t, root, "meminfo", "MemTotal: 8000000 kB\nMemFree: 100000 kB\nMemAvailable: 2000000 kB\nBuffers: 1 kB\nCached: 2 kB\nSwapTotal: 1000000 kB\nSwapFree: 600000 kB\n")
	write(t, root, "vmstat", "nr_free_pages 7\noom_kill 3\npgfault 9\n")
	return root
}

func TestCPU(t *testing.T) {
	root := fixture(t)
	synctest.Test(t, func(t *testing.T) {
		go func() {
			<-time.After(time.Second)
			write(t, root, "stat", statAfter)
			write(t, root, "40/stat", procAfter)
		}()
		got, err := New(root).CPU(t.Context(), agentapi.CPUUsageArgs{Seconds: 2, PerCPU: true})
		if err != nil {
			t.Fatal(err)
		}
		psi := 12.5
		want := agentapi.CPUUsageResult{
			Percent: 45, UserPercent: 30, SystemPercent: 15, IOWaitPercent: 10,
			Load1: 1.5, Load5: 0.75, Load15: 0.25, LoadPerCPU: 0.75, PressureSomePercent: &psi, CPUCount: 2,
			PerCPUPercent: []float64{100, 8.33},
			Top:           []agentapi.CPUTop{{PID: 40, Name: "nginx", Percent: 15}},
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("-want +got:\n%s", d)
		}
	})
}

func TestMemory(t *testing.T) {
	got, err := New(fixture(t)).Memory(t.Context(), agentapi.NoArgs{})
	if err != nil {
		t.Fatal(err)
	}
	none, kills := 0.0, int64(3)
	want := agentapi.MemUsageResult{
		TotalBytes: 8000000 << 10, AvailableBytes: 2000000 << 10, AvailablePercent: 25, UsedPercent: 75,
		SwapTotalBytes: 1000000 << 10, SwapUsedBytes: 400000 << 10, PressureSomePercent: &none, OOMKillsTotal: &kills,
		Top: []agentapi.MemTop{{PID: 40, Name: "nginx", RSSBytes: 3000 * int64(os.Getpagesize())}},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}

func TestOldKernel(t *testing.T) {
	root := fixture(t)
	write(t, root, "meminfo", "MemTotal: 1000 kB\nMemFree: 100 kB\nBuffers: 50 kB\nCached: 100 kB\n")
	write(t, root, "vmstat", "pgfault 9\n")
	if err := os.RemoveAll(filepath.Join(root, "pressure")); err != nil {
		t.Fatal(err)
	}
	got, err := New(root).Memory(t.Context(), agentapi.NoArgs{})
	if err != nil {
		t.Fatal(err)
	}
	if got.AvailableBytes != 250<<10 || got.UsedPercent != 75 || got.PressureSomePercent != nil || got.OOMKillsTotal != nil {
		t.Errorf("%+v", got)
	}
}

func TestGlance(t *testing.T) {
	root := fixture(t)
	m := New(root)
	first, err := m.Glance()
	if err != nil {
		t.Fatal(err)
	}
	write(t, root, "stat", statAfter)
	second, err := m.Glance()
	if err != nil {
		t.Fatal(err)
	}
	cpu, mem, load := 45.0, 75.0, 1.5
	want := Numbers{MemUsedPercent: &mem, Load1: &load, CPUCount: 2}
	if d := cmp.Diff(want, first); d != "" {
		t.Errorf("the first: -want +got:\n%s", d)
	}
	want.CPUPercent = &cpu
	if d := cmp.Diff(want, second, cmpopts.EquateEmpty()); d != "" {
		t.Errorf("the second: -want +got:\n%s", d)
	}
}

func TestShareOf(t *testing.T) {
	tests := []struct {
		name string
		a, b procfs.CPUStat
		want share
	}{
		{"nothing passed", procfs.CPUStat{User: 1}, procfs.CPUStat{User: 1}, share{}},
		{"stolen time is busy", procfs.CPUStat{}, procfs.CPUStat{Steal: 1, Idle: 3}, share{busy: 25, steal: 25}},
		{"iowait stepped back", procfs.CPUStat{Iowait: 5}, procfs.CPUStat{User: 1, Idle: 1, Iowait: 4}, share{busy: 50, user: 50}},
	}
	for _, tt := range tests {
		if got := shareOf(tt.a, tt.b); got != tt.want {
			t.Errorf("%s: %+v, want %+v", tt.name, got, tt.want)
		}
	}
}

func TestRealMachine(t *testing.T) {
	m := New("")
	stop := make(chan struct{})
	defer close(stop)
	go func() {
		for n := 0; ; n++ {
			select {
			case <-stop:
				return
			default:
			}
		}
	}()
	cpu, err := m.CPU(t.Context(), agentapi.CPUUsageArgs{Seconds: 1})
	if err != nil {
		t.Fatal(err)
	}
	if cpu.Percent <= 0 || cpu.Percent > 100 || cpu.CPUCount < 1 || len(cpu.Top) == 0 {
		t.Errorf("%+v", cpu)
	}
	mem, err := m.Memory(t.Context(), agentapi.NoArgs{})
	if err != nil {
		t.Fatal(err)
	}
	if mem.TotalBytes < 1<<26 || mem.AvailableBytes <= 0 || mem.AvailableBytes > mem.TotalBytes || len(mem.Top) == 0 {
		t.Errorf("%+v", mem)
	}
	if n, err := m.Glance(); err != nil || n.Load1 == nil || n.MemUsedPercent == nil {
		t.Errorf("%+v, %v", n, err)
	}
	if _, err := New(t.TempDir()).CPU(t.Context(), agentapi.CPUUsageArgs{Seconds: 1}); err == nil {
		t.Error("no /proc, and it answers")
	}
}

func BenchmarkGlance(b *testing.B) {
	m := New("")
	for b.Loop() {
		if _, err := m.Glance(); err != nil {
			b.Fatal(err)
		}
	}
}
