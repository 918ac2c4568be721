package agentapi

import "time"

// The methods about work that runs on after its answer.
var (
	JobList = Define[JobListArgs, JobListResult](Spec{
		Name: "job.list", Permission: "job.read", Class: Read, Timeout: 10 * time.Second, Built: true,
		Help:  "Lists the jobs that run or have run.",
		Words: []string{"jobs", "job list", "list jobs", "what is running in the background", "background jobs"},
		Sayings: []Saying{
			{Words: []string{"running jobs", "jobs still running"}, Args: map[string]any{"state": "running"}},
			{Words: []string{"failed jobs"}, Args: map[string]any{"state": "failed"}},
			{Words: []string{"finished jobs", "done jobs"}, Args: map[string]any{"state": "done"}},
		},
	})
	JobGet = Define[JobGetArgs, JobGetResult](Spec{
		Name: "job.get", Permission: "job.read", Class: Sensitive, Timeout: 10 * time.Second, Built: true,
		Help:  "Shows one job and its output.",
		Words: []string{"job", "output of job", "show job", "job status", "job output"},
	})
	JobCancel = Define[JobCancelArgs, JobCancelResult](Spec{
		Name: "job.cancel", Permission: "job.cancel", Class: Disrupt, Timeout: 75 * time.Second,
		Privilege: "the job's own control group",
		Help:      "Ends a job and every process it started.",
		Words:     []string{"cancel job", "kill job", "abort job", "stop job"},
	})
)

func jobMethods() []Spec { return []Spec{JobList.Spec, JobGet.Spec, JobCancel.Spec} }

type JobListArgs struct {
	State string `rpc:"state,omitempty" validate:"oneof=running done failed all" default:"all" words:"state" values:"running=running|still running|active;done=done|finished|complete;failed=failed|broken"`
	Limit int32  `rpc:"limit,omitempty" validate:"min=1,max=200" default:"50" words:"last,limit"`
	Next  string `rpc:"next,omitempty" validate:"max=128"`
}

type JobListResult struct {
	Common
	Page
	Jobs []Job `rpc:"jobs" help:"newest first"`
}

type Job struct {
	ID        string    `rpc:"id" words:"id,job"`
	Method    string    `rpc:"method" words:"method"`
	Actor     string    `rpc:"actor,omitempty" words:"actor,started by,who"`
	State     string    `rpc:"state" words:"state" help:"running, done, failed, interrupted"`
	Percent   *float64  `rpc:"percent,omitempty" words:"progress"`
	StartedAt time.Time `rpc:"started_at" words:"started" most:"newest" least:"oldest"`
	EndedAt   time.Time `rpc:"ended_at,omitempty" words:"ended"`
	ExitCode  *int32    `rpc:"exit_code,omitempty" words:"exit code" help:"0, or the fault's code"`
}

type JobGetArgs struct {
	ID         string  `rpc:"id,omitempty" validate:"required_without=Key,omitempty,id" words:"job,id"`
	Key        string  `rpc:"key,omitempty" validate:"max=128" words:"key" help:"the idempotency key of the call that started it"`
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
	ID           string `rpc:"id" validate:"required,id" words:"job,id"`
	GraceSeconds *int32 `rpc:"grace_seconds,omitempty" validate:"omitempty,min=0,max=60" default:"5" words:"grace"`
}

type JobCancelResult struct {
	Common
	State           string `rpc:"state"`
	ProcessesKilled int32  `rpc:"processes_killed"`
}
