package agentapi

import "time"

// The methods about checks, service levels, backups and failover.
var (
	CheckList = Define[CheckListArgs, CheckListResult](Spec{
		Name: "check.list", Permission: "check.read", Class: Read, Timeout: 10 * time.Second,
		Help: "Lists the checks that the host runs.",
	})
	CheckStatus = Define[CheckStatusArgs, CheckStatusResult](Spec{
		Name: "check.status", Permission: "check.read", Class: Read, Timeout: 10 * time.Second,
		Help: "Says how checks stand.",
	})
	CheckRun = Define[CheckNameArgs, CheckRunResult](Spec{
		Name: "check.run", Permission: "check.run", Class: Read, Timeout: 2 * time.Minute,
		Privilege: "the check's own user",
		Help:      "Runs one check now.",
	})
	CheckHistory = Define[CheckHistoryArgs, CheckHistoryResult](Spec{
		Name: "check.history", Permission: "check.read", Class: Read, Timeout: 10 * time.Second,
		Help: "Shows how a check has changed, and how much of the time it was ok.",
	})
	CheckPause = Define[CheckPauseArgs, CheckPauseResult](Spec{
		Name: "check.pause", Permission: "check.pause", Class: Write, Timeout: 10 * time.Second,
		Help: "Pauses checks for a while; the host's mood says so.",
	})
	CheckSubmit = Define[CheckSubmitArgs, AcceptedResult](Spec{
		Name: "check.submit", Permission: "check.submit", Class: Write, Timeout: 5 * time.Second, Local: true,
		Privilege: "the local socket knows who submits",
		Help:      "Takes the result of a check that something else ran.",
	})
	SLAGet = Define[SLAGetArgs, SLAGetResult](Spec{
		Name: "sla.get", Permission: "sla.read", Class: Read, Timeout: 15 * time.Second,
		Privilege: "the groups that may read the logs it counts",
		Help:      "Says how components stand against their service levels.",
	})
	FailoverStatus = Define[FailoverStatusArgs, FailoverStatusResult](Spec{
		Name: "failover.status", Permission: "failover.read", Class: Read, Timeout: 30 * time.Second,
		Privilege: "the hook's own user",
		Help:      "Says who is primary in a failover group and whether the other is ready.",
	})
	FailoverRun = Define[FailoverRunArgs, FailoverRunResult](Spec{
		Name: "failover.run", Permission: "failover.run", Class: Disrupt, Lane: LaneHost, Timeout: 5 * time.Minute, Job: true,
		Privilege: "the hook's own user",
		Help:      "Does one step of a failover; an old epoch is refused.",
	})
	BackupStatus = Define[BackupStatusArgs, BackupStatusResult](Spec{
		Name: "backup.status", Permission: "backup.read", Class: Read, Timeout: 10 * time.Second,
		Help: "Says when backups last went well, and how large they were.",
	})
	BackupSubmit = Define[BackupSubmitArgs, AcceptedResult](Spec{
		Name: "backup.submit", Permission: "backup.submit", Class: Write, Timeout: 5 * time.Second, Local: true,
		Privilege: "the local socket knows who submits",
		Help:      "Takes the result of a backup that ran.",
	})
)

func checkMethods() []Spec {
	return []Spec{Spec(CheckList), Spec(CheckStatus), Spec(CheckRun), Spec(CheckHistory), Spec(CheckPause), Spec(CheckSubmit),
		Spec(SLAGet), Spec(FailoverStatus), Spec(FailoverRun), Spec(BackupStatus), Spec(BackupSubmit)}
}

type CheckListArgs struct {
	Tag string `rpc:"tag,omitempty" validate:"omitempty,id"`
}

type CheckListResult struct {
	Common
	Page
	Checks []CheckInfo `rpc:"checks"`
}

type CheckInfo struct {
	Name            string             `rpc:"name"`
	Description     string             `rpc:"description,omitempty"`
	IntervalSeconds float64            `rpc:"interval_seconds"`
	TimeoutSeconds  float64            `rpc:"timeout_seconds"`
	Source          string             `rpc:"source"`
	Version         string             `rpc:"version,omitempty"`
	PausedUntil     time.Time          `rpc:"paused_until,omitempty"`
	Thresholds      map[string]float64 `rpc:"thresholds,omitempty"`
	Weight          int32              `rpc:"weight"`
}

type CheckStatusArgs struct {
	Names []string `rpc:"names,omitempty" validate:"max=64,dive,id"`
	NotOK bool     `rpc:"not_ok,omitempty"`
}

type CheckStatusResult struct {
	Common
	Page
	Checks []CheckState `rpc:"checks"`
}

type CheckState struct {
	Name       string    `rpc:"name"`
	State      string    `rpc:"state" help:"ok, warning, critical, unknown"`
	Hard       bool      `rpc:"hard" help:"seen often enough in a row to be believed"`
	Since      time.Time `rpc:"since"`
	LastAt     time.Time `rpc:"last_at"`
	AgeSeconds float64   `rpc:"age_seconds" agg:"max"`
	Fresh      bool      `rpc:"fresh"`
	Text       string    `rpc:"text"`
	Perf       []Perf    `rpc:"perf,omitempty"`
	Flapping   bool      `rpc:"flapping,omitempty"`
	Score      int32     `rpc:"score" agg:"sum,max"`
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
	Name string `rpc:"name" validate:"required,id"`
}

type CheckRunResult struct {
	Common
	CheckState
}

type CheckHistoryArgs struct {
	Name  string `rpc:"name" validate:"required,id"`
	Limit int32  `rpc:"limit,omitempty" validate:"min=1,max=200" default:"30"`
}

type CheckHistoryResult struct {
	Common
	Page
	Changes []CheckChange      `rpc:"changes" help:"newest first"`
	Uptime  map[string]float64 `rpc:"uptime_percent,omitempty" help:"by window: 1h, 24h, 7d, 30d"`
}

type CheckChange struct {
	At   time.Time `rpc:"at"`
	From string    `rpc:"from"`
	To   string    `rpc:"to"`
	Text string    `rpc:"text,omitempty"`
}

type CheckPauseArgs struct {
	Names   []string `rpc:"names" validate:"required,min=1,max=64,dive,id"`
	Seconds int32    `rpc:"seconds" validate:"min=0,max=604800" help:"0 resumes"`
	Reason  string   `rpc:"reason,omitempty" validate:"max=200"`
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
	Component     string `rpc:"component,omitempty" validate:"omitempty,id"`
	WindowSeconds int32  `rpc:"window_seconds,omitempty" validate:"omitempty,min=60,max=2592000"`
}

type SLAGetResult struct {
	Common
	Page
	Components []ComponentLevel `rpc:"components"`
}

type ComponentLevel struct {
	Name              string    `rpc:"name"`
	ObjectivePercent  float64   `rpc:"objective_percent"`
	ActualPercent     float64   `rpc:"actual_percent" agg:"min,avg"`
	Good              float64   `rpc:"good" agg:"sum"`
	Bad               float64   `rpc:"bad" agg:"sum"`
	Total             float64   `rpc:"total" agg:"sum"`
	WindowSeconds     float64   `rpc:"window_seconds"`
	BudgetLeftPercent float64   `rpc:"budget_left_percent" agg:"min"`
	BurnRate          float64   `rpc:"burn_rate" agg:"max"`
	LastBadAt         time.Time `rpc:"last_bad_at,omitempty"`
	Sources           []string  `rpc:"sources,omitempty"`
	CoveragePercent   float64   `rpc:"coverage_percent" agg:"min" help:"of the window, how much was really measured"`
}

type FailoverStatusArgs struct {
	Group string `rpc:"group,omitempty" validate:"omitempty,id"`
}

type FailoverStatusResult struct {
	Common
	Page
	Groups []FailoverGroup `rpc:"groups"`
}

type FailoverGroup struct {
	Name                  string   `rpc:"name"`
	Role                  string   `rpc:"role" help:"primary, standby, unknown"`
	Peer                  string   `rpc:"peer,omitempty"`
	ReplicationLagSeconds *float64 `rpc:"replication_lag_seconds,omitempty" agg:"max"`
	Ready                 bool     `rpc:"ready"`
	Blockers              []string `rpc:"blockers,omitempty"`
	Epoch                 int32    `rpc:"epoch"`
}

type FailoverRunArgs struct {
	Group  string `rpc:"group" validate:"required,id"`
	Step   string `rpc:"step" validate:"required,oneof=prepare demote promote verify abort"`
	Epoch  *int32 `rpc:"epoch,omitempty" validate:"omitempty,min=0" help:"of the status it was decided on"`
	Reason string `rpc:"reason,omitempty" validate:"max=200"`
}

type FailoverRunResult struct {
	Common
	Role  string `rpc:"role"`
	Epoch int32  `rpc:"epoch"`
	Job   string `rpc:"job,omitempty"`
}

type BackupStatusArgs struct {
	Name string `rpc:"name,omitempty" validate:"omitempty,id"`
}

type BackupStatusResult struct {
	Common
	Page
	Backups []Backup `rpc:"backups"`
}

type Backup struct {
	Name              string    `rpc:"name"`
	LastOKAt          time.Time `rpc:"last_ok_at,omitempty"`
	AgeSeconds        *float64  `rpc:"age_seconds,omitempty" agg:"max"`
	Fresh             bool      `rpc:"fresh"`
	LastState         string    `rpc:"last_state" help:"ok, failed, running, unknown"`
	SizeBytes         *float64  `rpc:"size_bytes,omitempty" agg:"sum"`
	SizeChangePercent *float64  `rpc:"size_change_percent,omitempty"`
	DurationSeconds   *float64  `rpc:"duration_seconds,omitempty" agg:"max"`
	Files             *float64  `rpc:"files,omitempty"`
	NextDueAt         time.Time `rpc:"next_due_at,omitempty"`
	VerifiedAt        time.Time `rpc:"verified_at,omitempty"`
}

type BackupSubmitArgs struct {
	Name            string  `rpc:"name" validate:"required,id"`
	State           string  `rpc:"state" validate:"required,oneof=ok failed running"`
	SizeBytes       float64 `rpc:"size_bytes" validate:"min=0"`
	DurationSeconds float64 `rpc:"duration_seconds" validate:"min=0"`
	Files           float64 `rpc:"files" validate:"min=0"`
	LogTail         string  `rpc:"log_tail" validate:"max=8192"`
}
