package agentapi

import "time"

// The methods that measure.
var (
	CPUUsage = Define[CPUUsageArgs, CPUUsageResult](Spec{
		Name: "cpu.usage", Permission: "metrics.read", Class: Read, Timeout: 20 * time.Second, Built: true,
		Help: "Measures how busy the processors are, the load averages, and who uses the most.",
	})
	MemUsage = Define[NoArgs, MemUsageResult](Spec{
		Name: "mem.usage", Permission: "metrics.read", Class: Read, Timeout: 10 * time.Second, Built: true,
		Help: "Measures memory and swap, and who uses the most.",
	})
	DiskUsage = Define[DiskUsageArgs, DiskUsageResult](Spec{
		Name: "disk.usage", Permission: "metrics.read", Class: Read, Timeout: 15 * time.Second, Built: true,
		Help: "Measures how full each file system is, and the disks' traffic.",
	})
	DiskLargest = Define[DiskLargestArgs, DiskLargestResult](Spec{
		Name: "disk.largest", Permission: "files.list", Class: Read, Timeout: 70 * time.Second, Built: true,
		Privilege: "read access below the allowed directories",
		Help:      "Finds what takes the most space below a directory, on its one file system.",
	})
	DiskClean = Define[DiskCleanArgs, DiskCleanResult](Spec{
		Name: "disk.clean", Permission: "disk.clean", Class: Disrupt, Lane: LaneHost, Timeout: 70 * time.Second, Built: true,
		Privilege: "write access below the directories that may be cleaned",
		Help:      "Deletes old files below a directory that the host lets be cleaned.",
	})
)

func metricsMethods() []Spec {
	return []Spec{Spec(CPUUsage), Spec(MemUsage), Spec(DiskUsage), Spec(DiskLargest), Spec(DiskClean)}
}

type CPUUsageArgs struct {
	Seconds int32 `rpc:"seconds,omitempty" validate:"min=1,max=10" default:"1" help:"how long to measure"`
	PerCPU  bool  `rpc:"per_cpu,omitempty" help:"also each processor alone"`
}

type CPUUsageResult struct {
	Common
	Percent             float64   `rpc:"percent" agg:"avg,max"`
	UserPercent         float64   `rpc:"user_percent" agg:"avg,max"`
	SystemPercent       float64   `rpc:"system_percent" agg:"avg,max"`
	IOWaitPercent       float64   `rpc:"iowait_percent" agg:"avg,max"`
	StealPercent        float64   `rpc:"steal_percent" agg:"avg,max"`
	Load1               float64   `rpc:"load1" agg:"avg,max"`
	Load5               float64   `rpc:"load5" agg:"avg,max"`
	Load15              float64   `rpc:"load15" agg:"avg,max"`
	LoadPerCPU          float64   `rpc:"load_per_cpu" agg:"avg,max" help:"load1 over the number of processors"`
	PressureSomePercent *float64  `rpc:"pressure_some_percent,omitempty" agg:"avg,max" help:"time in which some task waited for a processor, over 10 s; absent where the kernel does not say"`
	CPUCount            int32     `rpc:"cpu_count" agg:"sum"`
	PerCPUPercent       []float64 `rpc:"per_cpu_percent,omitempty"`
	Top                 []CPUTop  `rpc:"top" aside:"yes" help:"the processes that used the most while measuring"`
}

// CPUTop is a process and its use of one processor: 200 is two whole processors.
type CPUTop struct {
	PID     int32   `rpc:"pid"`
	Name    string  `rpc:"name"`
	Percent float64 `rpc:"percent"`
}

type MemUsageResult struct {
	Common
	TotalBytes          int64    `rpc:"total_bytes" agg:"sum"`
	AvailableBytes      int64    `rpc:"available_bytes" agg:"min,sum"`
	AvailablePercent    float64  `rpc:"available_percent" agg:"min,avg"`
	UsedPercent         float64  `rpc:"used_percent" agg:"avg,max"`
	SwapTotalBytes      int64    `rpc:"swap_total_bytes" agg:"sum"`
	SwapUsedBytes       int64    `rpc:"swap_used_bytes" agg:"sum,max"`
	PressureSomePercent *float64 `rpc:"pressure_some_percent,omitempty" agg:"avg,max" help:"time in which some task waited for memory, over 10 s; absent where the kernel does not say"`
	OOMKillsTotal       *int64   `rpc:"oom_kills_total,omitempty" agg:"sum" help:"since boot"`
	Top                 []MemTop `rpc:"top" aside:"yes" help:"the processes with the most resident memory"`
}

type MemTop struct {
	PID      int32  `rpc:"pid"`
	Name     string `rpc:"name"`
	RSSBytes int64  `rpc:"rss_bytes"`
}

type DiskUsageArgs struct {
	Mounts         []string `rpc:"mounts,omitempty" validate:"max=64,dive,abspath" help:"mount points, or paths below them; all without it"`
	All            bool     `rpc:"all,omitempty" help:"also pseudo file systems"`
	MinUsedPercent *float64 `rpc:"min_used_percent,omitempty" validate:"omitempty,min=0,max=100" help:"leave out what is less full"`
}

type DiskUsageResult struct {
	Common
	Filesystems    []Filesystem `rpc:"filesystems"`
	ReadBytesPerS  float64      `rpc:"read_bytes_per_s" agg:"sum,max"`
	WriteBytesPerS float64      `rpc:"write_bytes_per_s" agg:"sum,max"`
}

// Filesystem is one mounted file system. Free space is what an ordinary user can
// still take, and percentages leave the reserved blocks out, as df does. Sizes
// are nil when they are not known: a full disk has 0 bytes free, which is known.
type Filesystem struct {
	Mount             string   `rpc:"mount"`
	Device            string   `rpc:"device"`
	Type              string   `rpc:"type"`
	SizeBytes         *int64   `rpc:"size_bytes,omitempty" agg:"sum"`
	UsedBytes         *int64   `rpc:"used_bytes,omitempty" agg:"sum"`
	UsedPercent       *float64 `rpc:"used_percent,omitempty" agg:"max,avg"`
	FreeBytes         *int64   `rpc:"free_bytes,omitempty" agg:"min,sum"`
	FreePercent       *float64 `rpc:"free_percent,omitempty" agg:"min,avg"`
	InodesFreePercent *float64 `rpc:"inodes_free_percent,omitempty" agg:"min"`
	ReadOnly          bool     `rpc:"read_only,omitempty"`
	Stale             bool     `rpc:"stale,omitempty" help:"it did not answer within 2 s; sizes are absent"`
	Error             string   `rpc:"error,omitempty" help:"why its sizes are absent"`
}

type DiskLargestArgs struct {
	Path    string `rpc:"path" validate:"required,abspath"`
	Depth   int32  `rpc:"depth,omitempty" validate:"min=1,max=4" default:"2" help:"how far below path directories are named; files are at any depth"`
	Limit   int32  `rpc:"limit,omitempty" validate:"min=1,max=50" default:"20"`
	Seconds int32  `rpc:"seconds,omitempty" validate:"min=1,max=60" default:"20" help:"how long to look at most"`
}

type DiskLargestResult struct {
	Common
	Page
	Path    string         `rpc:"path"`
	Entries []LargestEntry `rpc:"entries"`
	Skipped int32          `rpc:"skipped,omitempty" help:"directories that could not be read or lie on another file system"`
}

// LargestEntry is a directory or file with all that lies below it, in bytes that
// it occupies on disk.
type LargestEntry struct {
	Path      string `rpc:"path"`
	SizeBytes int64  `rpc:"size_bytes"`
	Files     int32  `rpc:"files"`
}

type DiskCleanArgs struct {
	Path         string `rpc:"path" validate:"required,abspath"`
	OlderSeconds int32  `rpc:"older_seconds,omitempty" validate:"min=60,max=315360000" default:"86400" help:"only files that were not changed for so long"`
	Seconds      int32  `rpc:"seconds,omitempty" validate:"min=1,max=60" default:"60" help:"how long to work at most"`
}

// DiskCleanResult counts plain files: directories, links and whatever else there
// is stay.
type DiskCleanResult struct {
	Common
	Path       string `rpc:"path"`
	Files      int32  `rpc:"files" agg:"sum" help:"deleted"`
	FreedBytes int64  `rpc:"freed_bytes" agg:"sum" help:"what they occupied on disk"`
	Kept       int32  `rpc:"kept" agg:"sum" help:"files that are younger"`
	Skipped    int32  `rpc:"skipped,omitempty" help:"what could not be read or deleted, or lies on another file system"`
	Truncated  bool   `rpc:"truncated,omitempty" help:"its time was over before all was seen"`
}
