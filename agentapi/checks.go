package agentapi

import "time"

// The methods about checks, service levels, backups and failover.
var (
	CheckList = Define[CheckListArgs, CheckListResult](Spec{
		Name: "check.list", Permission: "check.read", Class: Read, Timeout: 10 * time.Second,
		Help:  "Lists the checks that the host runs.",
		Words: []string{"list checks", "check list", "which checks", "what checks", "configured checks"},
	})
	CheckStatus = Define[CheckStatusArgs, CheckStatusResult](Spec{
		Name: "check.status", Permission: "check.read", Class: Read, Timeout: 10 * time.Second,
		Help:  "Says how checks stand.",
		Words: []string{"checks", "check status", "check results", "state of checks", "status of check"},
		Sayings: []Saying{
			{Words: []string{"failing checks", "broken checks", "checks not ok", "what is failing", "problems"}, Args: map[string]any{"not_ok": true}},
		},
	})
	CheckRun = Define[CheckNameArgs, CheckRunResult](Spec{
		Name: "check.run", Permission: "check.run", Class: Read, Timeout: 2 * time.Minute,
		Privilege: "the check's own user",
		Help:      "Runs one check now.",
		Words:     []string{"run check", "rerun check", "run the check", "recheck", "execute check"},
	})
	CheckHistory = Define[CheckHistoryArgs, CheckHistoryResult](Spec{
		Name: "check.history", Permission: "check.read", Class: Read, Timeout: 10 * time.Second,
		Help:  "Shows how a check has changed, and how much of the time it was ok.",
		Words: []string{"check history", "history of check", "when did the check change", "past of check"},
	})
	CheckPause = Define[CheckPauseArgs, CheckPauseResult](Spec{
		Name: "check.pause", Permission: "check.pause", Class: Write, Timeout: 10 * time.Second,
		Help:  "Pauses checks for a while; the host's mood says so.",
		Words: []string{"pause check", "pause checks", "pause", "mute check", "snooze check", "suspend check", "disable check"},
		Sayings: []Saying{
			{Words: []string{"resume check", "resume checks", "unpause check", "enable check", "unmute check"}, Args: map[string]any{"seconds": 0}},
		},
	})
	CheckSubmit = Define[CheckSubmitArgs, AcceptedResult](Spec{
		Name: "check.submit", Permission: "check.submit", Class: Write, Timeout: 5 * time.Second, Local: true,
		Privilege: "the local socket knows who submits",
		Help:      "Takes the result of a check that something else ran.",
		Words:     []string{"submit check result", "report check"},
	})
	SLAGet = Define[SLAGetArgs, SLAGetResult](Spec{
		Name: "sla.get", Permission: "sla.read", Class: Read, Timeout: 15 * time.Second,
		Privilege: "the groups that may read the logs it counts",
		Help:      "Says how components stand against their service levels.",
		Words:     []string{"sla", "service level", "service levels", "slo", "availability", "error budget", "burn rate", "how available"},
	})
	FailoverStatus = Define[FailoverStatusArgs, FailoverStatusResult](Spec{
		Name: "failover.status", Permission: "failover.read", Class: Read, Timeout: 30 * time.Second,
		Privilege: "the hook's own user",
		Help:      "Says who is primary in a failover group and whether the other is ready.",
		Words:     []string{"failover status", "replication status", "replication lag", "who is primary", "which is primary", "failover state"},
	})
	FailoverRun = Define[FailoverRunArgs, FailoverRunResult](Spec{
		Name: "failover.run", Permission: "failover.run", Class: Disrupt, Lane: LaneHost, Timeout: 5 * time.Minute, Job: true,
		Privilege: "the hook's own user",
		Help:      "Does one step of a failover; an old epoch is refused.",
		Words:     []string{"failover", "fail over", "run failover", "switch over", "switchover"},
		Sayings: []Saying{
			{Words: []string{"promote"}, Args: map[string]any{"step": "promote"}},
			{Words: []string{"demote"}, Args: map[string]any{"step": "demote"}},
			{Words: []string{"prepare failover"}, Args: map[string]any{"step": "prepare"}},
			{Words: []string{"verify failover"}, Args: map[string]any{"step": "verify"}},
			{Words: []string{"abort failover"}, Args: map[string]any{"step": "abort"}},
		},
	})
	BackupStatus = Define[BackupStatusArgs, BackupStatusResult](Spec{
		Name: "backup.status", Permission: "backup.read", Class: Read, Timeout: 10 * time.Second,
		Help:  "Says when backups last went well, and how large they were.",
		Words: []string{"backup", "backups", "backup status", "last backup", "how old is the backup", "when was the last backup"},
	})
	BackupSubmit = Define[BackupSubmitArgs, AcceptedResult](Spec{
		Name: "backup.submit", Permission: "backup.submit", Class: Write, Timeout: 5 * time.Second, Local: true,
		Privilege: "the local socket knows who submits",
		Help:      "Takes the result of a backup that ran.",
		Words:     []string{"submit backup result", "report backup"},
	})
)

func checkMethods() []Spec {
	return []Spec{CheckList.Spec, CheckStatus.Spec, CheckRun.Spec, CheckHistory.Spec, CheckPause.Spec, CheckSubmit.Spec,
		SLAGet.Spec, FailoverStatus.Spec, FailoverRun.Spec, BackupStatus.Spec, BackupSubmit.Spec}
}

type CheckListArgs struct {
	Tag string `rpc:"tag,omitempty" validate:"omitempty,id" words:"tagged,tag"`
}

type CheckListResult struct {
	Common
	Page
	Checks []CheckInfo `rpc:"checks"`
}

type CheckInfo struct {
	Name            string             `rpc:"name" words:"check,name"`
	Description     string             `rpc:"description,omitempty" words:"description"`
	IntervalSeconds float64            `rpc:"interval_seconds" words:"interval"`
	TimeoutSeconds  float64            `rpc:"timeout_seconds" words:"timeout"`
	Source          string             `rpc:"source" words:"source"`
	Version         string             `rpc:"version,omitempty" words:"version"`
	PausedUntil     time.Time          `rpc:"paused_until,omitempty" words:"paused"`
	Thresholds      map[string]float64 `rpc:"thresholds,omitempty"`
	Weight          int32              `rpc:"weight" words:"weight"`
}

type CheckStatusArgs struct {
	Names []string `rpc:"names,omitempty" validate:"max=64,dive,id" words:"check,checks"`
	NotOK bool     `rpc:"not_ok,omitempty" words:"failing,not ok,broken"`
}

type CheckStatusResult struct {
	Common
	Page
	Checks []CheckState `rpc:"checks"`
}

type CheckState struct {
	Name       string    `rpc:"name" words:"check,name"`
	State      string    `rpc:"state" words:"state,status" values:"ok=ok|green|passing;warning=warning|warn|yellow;critical=critical|crit|red|failing;unknown=unknown|stale" help:"ok, warning, critical, unknown"`
	Hard       bool      `rpc:"hard" help:"seen often enough in a row to be believed"`
	Since      time.Time `rpc:"since" words:"since"`
	LastAt     time.Time `rpc:"last_at" words:"last run"`
	AgeSeconds float64   `rpc:"age_seconds" words:"age" most:"stalest" agg:"max"`
	Fresh      bool      `rpc:"fresh" words:"fresh"`
	Text       string    `rpc:"text" words:"text,message"`
	Perf       []Perf    `rpc:"perf,omitempty"`
	Flapping   bool      `rpc:"flapping,omitempty" words:"flapping"`
	Score      int32     `rpc:"score" words:"score,points" most:"worst" least:"best" agg:"sum,max"`
}

// Perf is one number that a check reports, with the unit it says itself.
type Perf struct {
	Label string   `rpc:"label"`
	Value float64  `rpc:"value"`
	Unit  string   `rpc:"unit,omitempty"`
	Warn  string   `rpc:"warn,omitempty" help:"a Nagios range"`
	Crit  string   `rpc:"crit,omitempty"`
	Min   *float64 `rpc:"min,omitempty"`
	Max   *float64 `rpc:"max,omitempty"`
}

type CheckNameArgs struct {
	Name string `rpc:"name" validate:"required,id" words:"check"`
}

type CheckRunResult struct {
	Common
	CheckState
}

type CheckHistoryArgs struct {
	Name  string `rpc:"name" validate:"required,id" words:"check"`
	Limit int32  `rpc:"limit,omitempty" validate:"min=1,max=200" default:"30" words:"last,limit"`
}

type CheckHistoryResult struct {
	Common
	Page
	Changes []CheckChange      `rpc:"changes" help:"newest first"`
	Uptime  map[string]float64 `rpc:"uptime_percent,omitempty" help:"by window: 1h, 24h, 7d, 30d"`
}

type CheckChange struct {
	At   time.Time `rpc:"at" words:"when"`
	From string    `rpc:"from" words:"from"`
	To   string    `rpc:"to" words:"to"`
	Text string    `rpc:"text,omitempty" words:"text"`
}

type CheckPauseArgs struct {
	Names   []string `rpc:"names" validate:"required,min=1,max=64,dive,id" words:"check,checks"`
	Seconds int32    `rpc:"seconds" validate:"min=0,max=604800" words:"for,until" help:"0 resumes"`
	Reason  string   `rpc:"reason,omitempty" validate:"max=200" words:"reason,because"`
}

type CheckPauseResult struct {
	Common
	Paused  []string `rpc:"paused,omitempty"`
	Resumed []string `rpc:"resumed,omitempty"`
}

type CheckSubmitArgs struct {
	Name       string `rpc:"name" validate:"required,id"`
	State      string `rpc:"state" validate:"required,oneof=ok warning critical unknown"`
	Text       string `rpc:"text" validate:"max=4096"`
	Perf       string `rpc:"perf,omitempty" validate:"max=4096" help:"Nagios performance data"`
	TTLSeconds int32  `rpc:"ttl_seconds" validate:"min=60,max=604800" help:"without news after this it is unknown"`
}

type AcceptedResult struct {
	Common
	Accepted bool `rpc:"accepted"`
}

type SLAGetArgs struct {
	Component     string `rpc:"component,omitempty" validate:"omitempty,id" words:"component,for,of"`
	WindowSeconds int32  `rpc:"window_seconds,omitempty" validate:"omitempty,min=60,max=2592000" words:"over,last,window,in the last"`
}

type SLAGetResult struct {
	Common
	Page
	Components []ComponentLevel `rpc:"components"`
}

type ComponentLevel struct {
	Name              string    `rpc:"name" words:"component,name"`
	ObjectivePercent  float64   `rpc:"objective_percent" words:"objective,target"`
	ActualPercent     float64   `rpc:"actual_percent" words:"sla,actual,availability,service level" most:"best" least:"worst" agg:"min,avg"`
	Good              float64   `rpc:"good" words:"good" agg:"sum"`
	Bad               float64   `rpc:"bad" words:"bad" agg:"sum"`
	Total             float64   `rpc:"total" words:"total" agg:"sum"`
	WindowSeconds     float64   `rpc:"window_seconds" words:"window"`
	BudgetLeftPercent float64   `rpc:"budget_left_percent" words:"budget left,error budget" agg:"min"`
	BurnRate          float64   `rpc:"burn_rate" words:"burn rate" most:"burning fastest" agg:"max"`
	LastBadAt         time.Time `rpc:"last_bad_at,omitempty" words:"last bad"`
	Sources           []string  `rpc:"sources,omitempty"`
	CoveragePercent   float64   `rpc:"coverage_percent" words:"coverage" agg:"min" help:"of the window, how much was really measured"`
}

type FailoverStatusArgs struct {
	Group string `rpc:"group,omitempty" validate:"omitempty,id" words:"group,of"`
}

type FailoverStatusResult struct {
	Common
	Page
	Groups []FailoverGroup `rpc:"groups"`
}

type FailoverGroup struct {
	Name                  string   `rpc:"name" words:"group,name"`
	Role                  string   `rpc:"role" words:"role" values:"primary=primary|master|leader;standby=standby|replica|secondary|follower" help:"primary, standby, unknown"`
	Peer                  string   `rpc:"peer,omitempty" words:"peer"`
	ReplicationLagSeconds *float64 `rpc:"replication_lag_seconds,omitempty" words:"lag,replication lag" most:"furthest behind" agg:"max"`
	Ready                 bool     `rpc:"ready" words:"ready"`
	Blockers              []string `rpc:"blockers,omitempty"`
	Epoch                 int32    `rpc:"epoch" words:"epoch"`
}

type FailoverRunArgs struct {
	Group  string `rpc:"group" validate:"required,id" words:"group"`
	Step   string `rpc:"step" validate:"required,oneof=prepare demote promote verify abort" words:"step"`
	Epoch  *int32 `rpc:"epoch,omitempty" validate:"omitempty,min=0" words:"epoch" help:"of the status it was decided on"`
	Reason string `rpc:"reason,omitempty" validate:"max=200" words:"reason,because"`
}

type FailoverRunResult struct {
	Common
	Role  string `rpc:"role"`
	Epoch int32  `rpc:"epoch"`
	Job   string `rpc:"job,omitempty"`
}

type BackupStatusArgs struct {
	Name string `rpc:"name,omitempty" validate:"omitempty,id" words:"backup,named"`
}

type BackupStatusResult struct {
	Common
	Page
	Backups []Backup `rpc:"backups"`
}

type Backup struct {
	Name              string    `rpc:"name" words:"backup,name"`
	LastOKAt          time.Time `rpc:"last_ok_at,omitempty" words:"last good"`
	AgeSeconds        *float64  `rpc:"age_seconds,omitempty" words:"age,old,older" most:"oldest" least:"newest" agg:"max"`
	Fresh             bool      `rpc:"fresh" words:"fresh"`
	LastState         string    `rpc:"last_state" words:"last state,state,status" values:"ok=ok|good|succeeded;failed=failed|broken" help:"ok, failed, running, unknown"`
	SizeBytes         *float64  `rpc:"size_bytes,omitempty" words:"size,large,small,smaller,larger" most:"largest" least:"smallest" agg:"sum"`
	SizeChangePercent *float64  `rpc:"size_change_percent,omitempty" words:"size change"`
	DurationSeconds   *float64  `rpc:"duration_seconds,omitempty" words:"duration,took" most:"slowest" agg:"max"`
	Files             *float64  `rpc:"files,omitempty" words:"files"`
	NextDueAt         time.Time `rpc:"next_due_at,omitempty" words:"next due"`
	VerifiedAt        time.Time `rpc:"verified_at,omitempty" words:"verified"`
}

type BackupSubmitArgs struct {
	Name            string  `rpc:"name" validate:"required,id"`
	State           string  `rpc:"state" validate:"required,oneof=ok failed running"`
	SizeBytes       float64 `rpc:"size_bytes" validate:"min=0"`
	DurationSeconds float64 `rpc:"duration_seconds" validate:"min=0"`
	Files           float64 `rpc:"files" validate:"min=0"`
	LogTail         string  `rpc:"log_tail" validate:"max=8192"`
}
