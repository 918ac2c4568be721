package agentapi

import "time"

// The methods about work that runs on after its answer.
var (
	JobList = Define[JobListArgs, JobListResult](Spec{
		Name: "job.list", Permission: "job.read", Class: Read, Timeout: 10 * time.Second, Built: true,
		Help: "Lists the jobs that run or have run.",
	})
	JobGet = Define[JobGetArgs, JobGetResult](Spec{
		Name: "job.get", Permission: "job.read", Class: Sensitive, Timeout: 10 * time.Second, Built: true,
		Help: "Shows one job and its output.",
	})
	JobCancel = Define[JobCancelArgs, JobCancelResult](Spec{
		Name: "job.cancel", Permission: "job.cancel", Class: Disrupt, Timeout: 75 * time.Second,
		Privilege: "the job's own control group",
		Help:      "Ends a job and every process it started.",
	})
)

func jobMethods() []Spec { return []Spec{Spec(JobList), Spec(JobGet), Spec(JobCancel)} }

type JobListArgs struct {
	State string `rpc:"state,omitempty" validate:"oneof=running done failed all" default:"all"`
	Limit int32  `rpc:"limit,omitempty" validate:"min=1,max=200" default:"50"`
	Next  string `rpc:"next,omitempty" validate:"max=128"`
}

type JobListResult struct {
	Common
	Page
	Jobs []Job `rpc:"jobs" help:"newest first"`
}

type Job struct {
	ID        string    `rpc:"id"`
	Method    string    `rpc:"method"`
	Actor     string    `rpc:"actor,omitempty"`
	State     string    `rpc:"state" help:"running, done, failed, interrupted"`
	Percent   *float64  `rpc:"percent,omitempty"`
	StartedAt time.Time `rpc:"started_at"`
	EndedAt   time.Time `rpc:"ended_at,omitempty"`
	ExitCode  *int32    `rpc:"exit_code,omitempty" help:"0, or the fault's code"`
}

type JobGetArgs struct {
	ID         string  `rpc:"id,omitempty" validate:"required_without=Key,omitempty,id"`
	Key        string  `rpc:"key,omitempty" validate:"max=128" help:"the idempotency key of the call that started it"`
	Offset     float64 `rpc:"offset,omitempty" validate:"min=0" unit:"bytes" help:"where in the output to begin"`
	LimitBytes *int32  `rpc:"limit_bytes,omitempty" validate:"omitempty,min=0,max=32768" default:"8192" help:"how much of the output"`
}

type JobGetResult struct {
	Common
	Job
	Out       string `rpc:"out,omitempty" help:"output as text"`
	OutBase64 []byte `rpc:"out_base64,omitempty" help:"output that is not text"`
	Err       string `rpc:"err,omitempty" help:"why it failed"`
	Next      string `rpc:"next,omitempty" help:"the offset of the rest"`
}

type JobCancelArgs struct {
	ID           string `rpc:"id" validate:"required,id"`
	GraceSeconds *int32 `rpc:"grace_seconds,omitempty" validate:"omitempty,min=0,max=60" default:"5"`
}

type JobCancelResult struct {
	Common
	State           string `rpc:"state"`
	ProcessesKilled int32  `rpc:"processes_killed"`
}
