package agentapi

import "time"

// The methods about processes.
var (
	ProcList = Define[ProcListArgs, ProcListResult](Spec{
		Name: "proc.list", Permission: "proc.read", Class: Read, Timeout: 15 * time.Second, Built: true,
		Help:  "Lists processes.",
		Words: []string{"processes", "process list", "ps", "procs", "running processes", "list processes"},
		Sayings: []Saying{
			{Words: []string{"top", "top processes", "cpu hogs", "what is eating the cpu", "what is hogging the cpu", "what is hogging cpu",
				"what is using the cpu", "busiest processes", "who is eating the cpu"}, Args: map[string]any{"sort": "cpu"}},
			{Words: []string{"mem hogs", "memory hogs", "what is eating the memory", "what is eating memory", "what is using the memory",
				"what is hogging the memory", "what is eating the ram", "fattest processes"}, Args: map[string]any{"sort": "memory"}},
			{Words: []string{"newest processes", "latest processes"}, Args: map[string]any{"sort": "start"}},
		},
	})
	ProcSignal = Define[ProcSignalArgs, ProcSignalResult](Spec{
		Name: "proc.signal", Permission: "proc.signal", Class: Disrupt, Timeout: 15 * time.Second,
		Privilege: "helper; never process 1, itself or the kernel's",
		Help:      "Sends a signal to one process, which must be the one that was looked at.",
		Words:     []string{"kill process", "signal process", "send signal", "terminate process"},
	})
)

func procMethods() []Spec { return []Spec{ProcList.Spec, ProcSignal.Spec} }

type ProcListArgs struct {
	Name  string `rpc:"name,omitempty" validate:"omitempty,re2" words:"named,called,matching" help:"a regular expression over the process's name"`
	User  string `rpc:"user,omitempty" validate:"omitempty,user" words:"user,of user,owned by,belonging to"`
	PID   *int32 `rpc:"pid,omitempty" validate:"omitempty,min=1,max=4194304" words:"pid,process"`
	Sort  string `rpc:"sort,omitempty" validate:"oneof=cpu memory start" default:"cpu" words:"by,sort by,sorted by" values:"cpu=cpu|processor|load;memory=memory|mem|ram|rss;start=start|age|newest"`
	Limit int32  `rpc:"limit,omitempty" validate:"min=1,max=200" default:"20" words:"top,limit,first"`
	Args  bool   `rpc:"args,omitempty" raises:"S,proc.args" words:"with arguments,with command lines,full command" help:"also command lines, secrets cut out"`
}

type ProcListResult struct {
	Common
	Page
	Processes []Process `rpc:"processes"`
}

// Process is one process. Its cpu_percent is of one processor, measured over a
// short sample, or over its whole life where no sample was taken.
type Process struct {
	PID        int32     `rpc:"pid" words:"pid"`
	PPID       int32     `rpc:"ppid" words:"parent"`
	Name       string    `rpc:"name" words:"name,process"`
	User       string    `rpc:"user" words:"user,owner"`
	State      string    `rpc:"state" words:"state" help:"R running, S sleeping, D waiting for a device, Z zombie, T stopped, I idle"`
	CPUPercent float64   `rpc:"cpu_percent" words:"cpu,cpu usage" most:"busiest" agg:"sum,max"`
	RSSBytes   int64     `rpc:"rss_bytes" words:"memory,mem,ram,rss,resident memory" most:"fattest,largest" agg:"sum,max"`
	Threads    int32     `rpc:"threads" words:"threads" agg:"sum"`
	FDs        *int32    `rpc:"fds,omitempty" words:"open files,file descriptors,fds" help:"absent for other users' processes"`
	StartAt    time.Time `rpc:"start_at" words:"started,start time" most:"newest" least:"oldest"`
	Unit       string    `rpc:"unit,omitempty" words:"unit,service"`
	Cmdline    string    `rpc:"cmdline,omitempty" words:"command line,command" help:"secrets cut out"`
}

type ProcSignalArgs struct {
	PID     int32     `rpc:"pid" validate:"min=2,max=4194304" words:"pid,process"`
	StartAt time.Time `rpc:"start_at" validate:"required" words:"started at" help:"as proc.list gave it, so that a reused number is not hit"`
	Signal  string    `rpc:"signal" validate:"required,oneof=TERM KILL HUP INT USR1 USR2" words:"signal,with"`
}

type ProcSignalResult struct {
	Common
	Delivered    bool `rpc:"delivered"`
	StillRunning bool `rpc:"still_running"`
}
