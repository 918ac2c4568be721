// Package self measures the program that it is linked into: what of agent.info
// concerns the process and not its work.
package self

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"adminbot/agentapi"
)

// Build is which program this is.
type Build struct {
	Version string // as released; "devel" where the build does not say
	Go      string
	Commit  string // empty where the build does not say
}

// readBuild reads what the Go linker left.
var readBuild = sync.OnceValue(func() Build {
	b := Build{Version: "devel", Go: strings.TrimPrefix(runtime.Version(), "go")}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		b.Version = v
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			b.Commit = s.Value
		}
	}
	return b
})

// Fill sets the members of info that are about this process, which started at
// the given time. A version that is given wins over the one in the binary.
func Fill(info *agentapi.AgentInfoResult, version string, started, now time.Time) {
	b := readBuild()
	info.Version, info.Go, info.Commit = b.Version, b.Go, b.Commit
	if version != "" {
		info.Version = version
	}
	info.StartedAt = started.UTC()
	info.RSSBytes = RSSBytes()
	info.Goroutines = int32(runtime.NumGoroutine())
	info.CPUSeconds = CPUSeconds()
	if life := now.Sub(started).Seconds(); life > 0 {
		info.CPUPercent = float64(int64(info.CPUSeconds/life*100*100+0.5)) / 100
	}
}

// RSSBytes is the memory that the process has resident; 0 where /proc does not
// say.
func RSSBytes() int64 {
	b, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	f := strings.Fields(string(b))
	if len(f) < 2 {
		return 0
	}
	pages, err := strconv.ParseInt(f[1], 10, 64)
	if err != nil {
		return 0
	}
	return pages * int64(os.Getpagesize())
}

// CPUSeconds is the processor time that the process has used, for itself and in
// the kernel.
func CPUSeconds() float64 {
	var ru syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &ru); err != nil {
		return 0
	}
	return time.Duration(ru.Utime.Nano() + ru.Stime.Nano()).Seconds()
}

// shown are the runtime's metrics that say something about a small daemon.
var shown = [...]struct{ from, name, kind, help string }{
	{"/gc/cycles/total:gc-cycles", "go_gc_cycles_total", "counter", "Completed garbage collections."},
	{"/gc/heap/allocs:bytes", "go_gc_heap_allocs_bytes_total", "counter", "Bytes allocated on the heap."},
	{"/gc/heap/live:bytes", "go_gc_heap_live_bytes", "gauge", "Heap that the last collection found in use."},
	{"/gc/heap/objects:objects", "go_gc_heap_objects", "gauge", "Objects on the heap."},
	{"/memory/classes/total:bytes", "go_memory_classes_total_bytes", "gauge", "Memory mapped by the Go runtime."},
	{"/memory/classes/heap/released:bytes", "go_memory_classes_heap_released_bytes", "gauge", "Of that, memory given back."},
	{"/sched/goroutines:goroutines", "go_goroutines", "gauge", "Goroutines that exist."},
}

// Prometheus writes the process's own numbers in Prometheus' text format.
func Prometheus(started time.Time) string {
	var b strings.Builder
	line := func(name, kind, help string, value float64) {
		b.WriteString("# HELP " + name + " " + help + "\n# TYPE " + name + " " + kind + "\n" + name + " ")
		b.WriteString(strconv.FormatFloat(value, 'f', -1, 64))
		b.WriteByte('\n')
	}
	line("process_resident_memory_bytes", "gauge", "Resident memory.", float64(RSSBytes()))
	line("process_cpu_seconds_total", "counter", "Processor time used.", CPUSeconds())
	line("process_start_time_seconds", "gauge", "When the process started, in seconds since 1970.", float64(started.Unix()))
	samples := make([]metrics.Sample, len(shown))
	for i, s := range shown {
		samples[i].Name = s.from
	}
	metrics.Read(samples)
	for i, s := range shown {
		switch v := samples[i].Value; v.Kind() {
		case metrics.KindUint64:
			line(s.name, s.kind, s.help, float64(v.Uint64()))
		case metrics.KindFloat64:
			line(s.name, s.kind, s.help, v.Float64())
		}
	}
	return b.String()
}
