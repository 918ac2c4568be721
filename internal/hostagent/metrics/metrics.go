// Package metrics measures processor and memory: [Meter.CPU] answers cpu.usage,
// [Meter.Memory] mem.usage, and [Meter.Glance] gives the few numbers that go into
// presence without waiting for a sample.
package metrics

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/procfs"

	"adminbot/agentapi"
	"adminbot/internal/hostagent/process"
)

// topSize is how many processes an answer names.
const topSize = 5

// Meter reads one /proc. It is safe for concurrent use.
type Meter struct {
	proc  string
	fs    func() (procfs.FS, error)
	procs *process.Reader

	mu   sync.Mutex
	last procfs.CPUStat // of the latest Glance
}

// New measures by the /proc that is mounted at proc; "" is /proc.
func New(proc string) *Meter {
	if proc == "" {
		proc = "/proc"
	}
	return &Meter{
		proc:  proc,
		fs:    sync.OnceValues(func() (procfs.FS, error) { return procfs.NewFS(proc) }),
		procs: process.New(proc),
	}
}

// CPU answers cpu.usage. It takes as long as it is asked to measure.
func (m *Meter) CPU(ctx context.Context, args agentapi.CPUUsageArgs) (agentapi.CPUUsageResult, error) {
	var res agentapi.CPUUsageResult
	fs, err := m.fs()
	if err != nil {
		return res, fmt.Errorf("metrics: %w", err)
	}
	before, err := fs.Stat()
	if err != nil {
		return res, fmt.Errorf("metrics: %w", err)
	}
	procsBefore, err := m.procs.Scan(ctx)
	if err != nil {
		return res, err
	}
	began := time.Now()
	if err := process.Wait(ctx, time.Duration(max(args.Seconds, 1))*time.Second); err != nil {
		return res, err
	}
	after, err := fs.Stat()
	if err != nil {
		return res, fmt.Errorf("metrics: %w", err)
	}
	procsAfter, err := m.procs.Scan(ctx)
	if err != nil {
		return res, err
	}

	s := shareOf(before.CPUTotal, after.CPUTotal)
	res.Percent, res.UserPercent, res.SystemPercent = s.busy, s.user, s.system
	res.IOWaitPercent, res.StealPercent = s.iowait, s.steal
	res.CPUCount = int32(len(after.CPU))
	if args.PerCPU {
		for _, id := range slices.Sorted(maps.Keys(after.CPU)) { // a processor that is off is not there
			res.PerCPUPercent = append(res.PerCPUPercent, shareOf(before.CPU[id], after.CPU[id]).busy)
		}
	}
	res.Top = process.Busiest(procsBefore, procsAfter, time.Since(began), topSize)

	load, err := fs.LoadAvg()
	if err != nil {
		return res, fmt.Errorf("metrics: %w", err)
	}
	res.Load1, res.Load5, res.Load15 = load.Load1, load.Load5, load.Load15
	if res.CPUCount > 0 {
		res.LoadPerCPU = round(load.Load1 / float64(res.CPUCount))
	}
	res.PressureSomePercent = pressure(fs, "cpu")
	return res, nil
}

// share is how one processor, or all together, spent its time, in percent.
type share struct{ busy, user, system, iowait, steal float64 }

// shareOf compares two readings. A guest's time is part of its user time
// already, and counters may step back by a tick on some kernels (proc(5)).
func shareOf(a, b procfs.CPUStat) share {
	d := func(x, y float64) float64 { return math.Max(0, y-x) }
	user := d(a.User, b.User) + d(a.Nice, b.Nice)
	system := d(a.System, b.System) + d(a.IRQ, b.IRQ) + d(a.SoftIRQ, b.SoftIRQ)
	iowait, steal, idle := d(a.Iowait, b.Iowait), d(a.Steal, b.Steal), d(a.Idle, b.Idle)
	total := user + system + iowait + steal + idle
	if total <= 0 {
		return share{}
	}
	pc := func(x float64) float64 { return round(x / total * 100) }
	return share{pc(user + system + steal), pc(user), pc(system), pc(iowait), pc(steal)}
}

func round(f float64) float64 { return math.Round(f*100) / 100 }

// pressure is the share of the last 10 seconds in which some task waited for the
// resource; nil where the kernel does not measure it.
func pressure(fs procfs.FS, resource string) *float64 {
	psi, err := fs.PSIStatsForResource(resource)
	if err != nil || psi.Some == nil {
		return nil
	}
	return &psi.Some.Avg10
}

// Memory answers mem.usage.
func (m *Meter) Memory(ctx context.Context, _ agentapi.NoArgs) (agentapi.MemUsageResult, error) {
	var res agentapi.MemUsageResult
	fs, err := m.fs()
	if err != nil {
		return res, fmt.Errorf("metrics: %w", err)
	}
	mem, err := fs.Meminfo()
	if err != nil {
		return res, fmt.Errorf("metrics: %w", err)
	}
	bytesOf := func(v *uint64) int64 {
		if v == nil {
			return 0
		}
		return int64(*v)
	}
	res.TotalBytes = bytesOf(mem.MemTotalBytes)
	res.AvailableBytes = bytesOf(mem.MemAvailableBytes)
	if mem.MemAvailableBytes == nil { // kernels before 3.14
		res.AvailableBytes = bytesOf(mem.MemFreeBytes) + bytesOf(mem.BuffersBytes) + bytesOf(mem.CachedBytes)
	}
	if res.TotalBytes > 0 {
		res.AvailablePercent = round(float64(res.AvailableBytes) / float64(res.TotalBytes) * 100)
		res.UsedPercent = round(100 - res.AvailablePercent)
	}
	res.SwapTotalBytes = bytesOf(mem.SwapTotalBytes)
	res.SwapUsedBytes = res.SwapTotalBytes - bytesOf(mem.SwapFreeBytes)
	res.PressureSomePercent = pressure(fs, "memory")
	res.OOMKillsTotal = m.oomKills()
	procs, err := m.procs.Scan(ctx)
	if err != nil {
		return res, err
	}
	res.Top = process.Largest(procs, topSize)
	return res, nil
}

// oomKills counts since boot; nil on kernels that do not (before 4.13).
func (m *Meter) oomKills() *int64 {
	b, err := os.ReadFile(filepath.Join(m.proc, "vmstat"))
	if err != nil {
		return nil
	}
	for line := range bytes.Lines(b) {
		if rest, ok := bytes.CutPrefix(line, []byte("oom_kill ")); ok {
			if n, err := strconv.ParseInt(string(bytes.TrimSpace(rest)), 10, 64); err == nil {
				return &n
			}
		}
	}
	return nil
}

// Numbers are measured at a glance; nil where the kernel does not say.
type Numbers struct {
	CPUPercent     *float64 // since the glance before; nil for the first one
	MemUsedPercent *float64
	Load1          *float64
	CPUCount       int
}

// Glance reads the numbers that presence shows. It costs two small files and no
// waiting: processor use is that since the glance before.
func (m *Meter) Glance() (Numbers, error) {
	var n Numbers
	fs, err := m.fs()
	if err != nil {
		return n, fmt.Errorf("metrics: %w", err)
	}
	st, err := fs.Stat()
	if err != nil {
		return n, fmt.Errorf("metrics: %w", err)
	}
	n.CPUCount = len(st.CPU)
	m.mu.Lock()
	before := m.last
	m.last = st.CPUTotal
	m.mu.Unlock()
	if before != (procfs.CPUStat{}) {
		busy := shareOf(before, st.CPUTotal).busy
		n.CPUPercent = &busy
	}
	if load, err := fs.LoadAvg(); err == nil {
		n.Load1 = &load.Load1
	}
	if mem, err := fs.Meminfo(); err == nil && mem.MemTotalBytes != nil && mem.MemAvailableBytes != nil && *mem.MemTotalBytes > 0 {
		used := round(100 - float64(*mem.MemAvailableBytes)/float64(*mem.MemTotalBytes)*100)
		n.MemUsedPercent = &used
	}
	return n, nil
}
