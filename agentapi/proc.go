package agentapi

import "time"

// The methods about processes.
var (
	ProcList = Define[ProcListArgs, ProcListResult](Spec{
		Name: "proc.list", Permission: "proc.read", Class: Read, Timeout: 15 * time.Second, Built: true,
		Help: "Lists processes.",
	})
	ProcSignal = Define[ProcSignalArgs, ProcSignalResult](Spec{
		Name: "proc.signal", Permission: "proc.signal", Class: Disrupt, Timeout: 15 * time.Second,
		Privilege: "helper; never process 1, itself or the kernel's",
		Help:      "Sends a signal to one process, which must be the one that was looked at.",
	})
)

func procMethods() []Spec { return []Spec{Spec(ProcList), Spec(ProcSignal)} }

type ProcListArgs struct {
	Name  string `rpc:"name,omitempty" validate:"omitempty,re2" help:"a regular expression over the process's name"`
	User  string `rpc:"user,omitempty" validate:"omitempty,user"`
	PID   *int32 `rpc:"pid,omitempty" validate:"omitempty,min=1,max=4194304"`
	Sort  string `rpc:"sort,omitempty" validate:"oneof=cpu memory start" default:"cpu"`
	Limit int32  `rpc:"limit,omitempty" validate:"min=1,max=200" default:"20"`
	Args  bool   `rpc:"args,omitempty" raises:"S,proc.args" help:"also command lines, secrets cut out"`
	Next  string `rpc:"next,omitempty" validate:"max=128"`
}

type ProcListResult struct {
	Common
	Page
	Processes []Process `rpc:"processes"`
}

// Process is one process. Its cpu_percent is of one processor, measured over a
// short sample, or over its whole life where no sample was taken.
type Process struct {
	PID        int32     `rpc:"pid"`
	PPID       int32     `rpc:"ppid"`
	Name       string    `rpc:"name"`
	User       string    `rpc:"user"`
	State      string    `rpc:"state" help:"R running, S sleeping, D waiting for a device, Z zombie, T stopped, I idle"`
	CPUPercent float64   `rpc:"cpu_percent" agg:"sum,max"`
	RSSBytes   int64     `rpc:"rss_bytes" agg:"sum,max"`
	Threads    int32     `rpc:"threads" agg:"sum"`
	FDs        *int32    `rpc:"fds,omitempty" help:"absent for other users' processes"`
	StartAt    time.Time `rpc:"start_at"`
	Unit       string    `rpc:"unit,omitempty"`
	Cmdline    string    `rpc:"cmdline,omitempty" help:"secrets cut out"`
}

type ProcSignalArgs struct {
	PID     int32     `rpc:"pid" validate:"min=2,max=4194304"`
	StartAt time.Time `rpc:"start_at" validate:"required" help:"as proc.list gave it, so that a reused number is not hit"`
	Signal  string    `rpc:"signal" validate:"required,oneof=TERM KILL HUP INT USR1 USR2"`
}

type ProcSignalResult struct {
	Common
	Delivered    bool `rpc:"delivered"`
	StillRunning bool `rpc:"still_running"`
}
