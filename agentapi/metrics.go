package agentapi

import "time"

// The methods that measure.
var (
	CPUUsage = Define[CPUUsageArgs, CPUUsageResult](Spec{
		Name: "cpu.usage", Permission: "metrics.read", Class: Read, Timeout: 20 * time.Second, Built: true,
		Help: "Measures how busy the processors are, the load averages, and who uses the most.",
		Words: []string{"cpu", "cpu usage", "cpu load", "cpu utilization", "processor usage", "load", "load average", "loadavg",
			"how busy", "busy", "cpu time", "processor"},
	})
	MemUsage = Define[NoArgs, MemUsageResult](Spec{
		Name: "mem.usage", Permission: "metrics.read", Class: Read, Timeout: 10 * time.Second, Built: true,
		Help:  "Measures memory and swap, and who uses the most.",
		Words: []string{"memory", "mem", "ram", "memory usage", "mem usage", "ram usage", "free memory", "free", "swap", "swap usage", "available memory"},
	})
	DiskUsage = Define[DiskUsageArgs, DiskUsageResult](Spec{
		Name: "disk.usage", Permission: "metrics.read", Class: Read, Timeout: 15 * time.Second, Built: true,
		Help: "Measures how full each file system is, and the disks' traffic.",
		Words: []string{"disk", "disks", "disk usage", "disk space", "df", "free space", "free disk", "filesystems", "file systems",
			"space left", "storage usage", "how full", "disk free", "inodes", "mounts"},
	})
	DiskLargest = Define[DiskLargestArgs, DiskLargestResult](Spec{
		Name: "disk.largest", Permission: "files.list", Class: Read, Timeout: 70 * time.Second, Built: true,
		Privilege: "read access below the allowed directories",
		Help:      "Finds what takes the most space below a directory, on its one file system.",
		Words: []string{"largest files", "biggest files", "largest directories", "biggest directories", "du", "what is using the disk",
			"what is eating the disk", "what fills the disk", "disk hogs", "largest", "biggest", "space hogs"},
	})
)

func metricsMethods() []Spec {
	return []Spec{CPUUsage.Spec, MemUsage.Spec, DiskUsage.Spec, DiskLargest.Spec}
}

type CPUUsageArgs struct {
	Seconds int32 `rpc:"seconds,omitempty" validate:"min=1,max=10" default:"1" words:"sample,sampled over" help:"how long to measure"`
	PerCPU  bool  `rpc:"per_cpu,omitempty" words:"per cpu,each core" help:"also each processor alone"`
}

type CPUUsageResult struct {
	Common
	Percent             float64   `rpc:"percent" words:"cpu,cpu usage,usage,busy,utilization" most:"busiest,hottest,most loaded by cpu" least:"idlest,quietest" agg:"avg,max"`
	UserPercent         float64   `rpc:"user_percent" words:"user,user time" agg:"avg,max"`
	SystemPercent       float64   `rpc:"system_percent" words:"system,system time,kernel time" agg:"avg,max"`
	IOWaitPercent       float64   `rpc:"iowait_percent" words:"iowait,io wait,waiting for disk" agg:"avg,max"`
	StealPercent        float64   `rpc:"steal_percent" words:"steal,stolen" agg:"avg,max"`
	Load1               float64   `rpc:"load1" words:"load,load average,load 1,1 minute load" most:"most loaded,highest load,busiest" least:"least loaded,lowest load" agg:"avg,max"`
	Load5               float64   `rpc:"load5" words:"load 5,5 minute load" agg:"avg,max"`
	Load15              float64   `rpc:"load15" words:"load 15,15 minute load" agg:"avg,max"`
	LoadPerCPU          float64   `rpc:"load_per_cpu" words:"load per cpu,load per core" agg:"avg,max" help:"load1 over the number of processors"`
	PressureSomePercent *float64  `rpc:"pressure_some_percent,omitempty" words:"cpu pressure,pressure" agg:"avg,max" help:"time in which some task waited for a processor, over 10 s; absent where the kernel does not say"`
	CPUCount            int32     `rpc:"cpu_count" words:"cpus,cores" agg:"sum"`
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
	TotalBytes          int64    `rpc:"total_bytes" words:"total memory,memory size" agg:"sum"`
	AvailableBytes      int64    `rpc:"available_bytes" words:"available memory,available,free memory,memory free,memory available,free ram" least:"shortest of memory" agg:"min,sum"`
	AvailablePercent    float64  `rpc:"available_percent" words:"available memory percent,memory available,free memory percent" agg:"min,avg"`
	UsedPercent         float64  `rpc:"used_percent" words:"memory usage,used memory,memory used,memory,ram,mem" most:"using the most memory,most memory" least:"using the least memory" agg:"avg,max"`
	SwapTotalBytes      int64    `rpc:"swap_total_bytes" words:"swap size,total swap" agg:"sum"`
	SwapUsedBytes       int64    `rpc:"swap_used_bytes" words:"swap used,used swap,swap in use,swap usage,swap" most:"swapping the most" agg:"sum,max"`
	PressureSomePercent *float64 `rpc:"pressure_some_percent,omitempty" words:"memory pressure" agg:"avg,max" help:"time in which some task waited for memory, over 10 s; absent where the kernel does not say"`
	OOMKillsTotal       *int64   `rpc:"oom_kills_total,omitempty" words:"oom kills,out of memory kills" agg:"sum" help:"since boot"`
	Top                 []MemTop `rpc:"top" aside:"yes" help:"the processes with the most resident memory"`
}

type MemTop struct {
	PID      int32  `rpc:"pid"`
	Name     string `rpc:"name"`
	RSSBytes int64  `rpc:"rss_bytes"`
}

type DiskUsageArgs struct {
	Mounts         []string `rpc:"mounts,omitempty" validate:"max=64,dive,abspath" words:"mount,mounts,filesystem,on" help:"mount points, or paths below them; all without it"`
	All            bool     `rpc:"all,omitempty" words:"including pseudo" help:"also pseudo file systems"`
	MinUsedPercent *float64 `rpc:"min_used_percent,omitempty" validate:"omitempty,min=0,max=100" help:"leave out what is less full"`
}

type DiskUsageResult struct {
	Common
	Filesystems    []Filesystem `rpc:"filesystems"`
	ReadBytesPerS  float64      `rpc:"read_bytes_per_s" words:"disk reads,read rate,reading" most:"reading the most" agg:"sum,max"`
	WriteBytesPerS float64      `rpc:"write_bytes_per_s" words:"disk writes,write rate,writing" most:"writing the most" agg:"sum,max"`
}

// Filesystem is one mounted file system. Free space is what an ordinary user can
// still take, and percentages leave the reserved blocks out, as df does.
type Filesystem struct {
	Mount             string  `rpc:"mount" words:"mount,mount point"`
	Device            string  `rpc:"device" words:"device"`
	Type              string  `rpc:"type" words:"type,filesystem type"`
	SizeBytes         int64   `rpc:"size_bytes,omitempty" words:"size,disk size" most:"largest" least:"smallest" agg:"sum"`
	UsedBytes         int64   `rpc:"used_bytes,omitempty" words:"used,used space" agg:"sum"`
	UsedPercent       float64 `rpc:"used_percent,omitempty" words:"full,used percent,disk usage,disk used,usage,disk" most:"fullest,most full" least:"emptiest,least full" agg:"max,avg"`
	FreeBytes         int64   `rpc:"free_bytes,omitempty" words:"free,free space,space left,disk free,left,available" most:"most free space" least:"least free space,shortest of space" agg:"min,sum"`
	FreePercent       float64 `rpc:"free_percent,omitempty" words:"free percent,disk free,free,free disk,available" agg:"min,avg"`
	InodesFreePercent float64 `rpc:"inodes_free_percent,omitempty" words:"inodes free,free inodes,inodes" agg:"min"`
	ReadOnly          bool    `rpc:"read_only,omitempty" words:"read only,readonly,mounted read only"`
	Stale             bool    `rpc:"stale,omitempty" words:"stale,hanging,hung" help:"it did not answer within 2 s; sizes are absent"`
	Error             string  `rpc:"error,omitempty" help:"why its sizes are absent"`
}

type DiskLargestArgs struct {
	Path    string `rpc:"path" validate:"required,abspath" words:"in,under,below,path,directory"`
	Depth   int32  `rpc:"depth,omitempty" validate:"min=1,max=4" default:"2" words:"depth,levels" help:"how far below path directories are named; files are at any depth"`
	Limit   int32  `rpc:"limit,omitempty" validate:"min=1,max=50" default:"20" words:"top,limit"`
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
	Path      string `rpc:"path" words:"path,file,directory"`
	SizeBytes int64  `rpc:"size_bytes" words:"size" most:"largest,biggest" least:"smallest"`
	Files     int32  `rpc:"files" words:"files,number of files"`
}
