package agentapi

import "time"

// The methods about the host agent itself.
var (
	AgentInfo = Define[AgentInfoArgs, AgentInfoResult](Spec{
		Name: "agent.info", Permission: "agent.read", Class: Read, Timeout: 10 * time.Second, Built: true,
		Help: "Says which host agent this is, what it uses and how its connection has been.",
	})
	AgentReload = Define[NoArgs, AgentReloadResult](Spec{
		Name: "agent.reload", Permission: "agent.admin", Class: Admin, Timeout: 30 * time.Second, Built: true,
		Help: "Makes the host agent read its configuration and policy again; on an error it keeps the old.",
	})
)

func agentMethods() []Spec { return []Spec{Spec(AgentInfo), Spec(AgentReload)} }

type AgentInfoArgs struct {
	Metrics bool `rpc:"metrics,omitempty" help:"also all counters as Prometheus text"`
}

type AgentInfoResult struct {
	Common
	Version        string     `rpc:"version"`
	Go             string     `rpc:"go"`
	Commit         string     `rpc:"commit,omitempty"`
	StartedAt      time.Time  `rpc:"started_at"`
	RSSBytes       int64      `rpc:"rss_bytes" agg:"avg,max"`
	Goroutines     int32      `rpc:"goroutines" agg:"max"`
	CPUPercent     float64    `rpc:"cpu_percent" agg:"avg,max" help:"of one processor, over the agent's life"`
	CPUSeconds     float64    `rpc:"cpu_seconds" agg:"sum" help:"processor time the agent has used"`
	ConnectedSince time.Time  `rpc:"connected_since,omitempty"`
	Reconnects     int32      `rpc:"reconnects" agg:"sum,max"`
	Spool          *SpoolInfo `rpc:"spool,omitempty"`
	CodeSets       []string   `rpc:"code_sets,omitempty"`
	PolicyHash     string     `rpc:"policy_hash,omitempty"`
	ClockOffsetMS  *float64   `rpc:"clock_offset_ms,omitempty" help:"against the server's clock"`
	Limits         LimitsInfo `rpc:"limits"`
	LastLimitHit   string     `rpc:"last_limit_hit,omitempty"`
	Demo           bool       `rpc:"demo,omitempty" help:"another name for a machine that has its own host agent"`
	Metrics        string     `rpc:"metrics,omitempty" help:"Prometheus text format"`
}

// SpoolInfo says what waits for delivery.
type SpoolInfo struct {
	Messages int32     `rpc:"messages"`
	Bytes    int64     `rpc:"bytes"`
	OldestAt time.Time `rpc:"oldest_at,omitempty"`
	Dropped  int32     `rpc:"dropped"`
}

// LimitsInfo are the bounds that the host agent holds itself to.
type LimitsInfo struct {
	Concurrent   int32 `rpc:"concurrent" help:"calls running at once"`
	Queued       int32 `rpc:"queued" help:"calls waiting in one lane"`
	ReplyBytes   int32 `rpc:"reply_bytes" help:"size of an answer"`
	Jobs         int32 `rpc:"jobs" help:"jobs remembered"`
	CallsPerS    int32 `rpc:"calls_per_s,omitempty" help:"calls of one caller; absent: no limit"`
	KeptAnswers  int32 `rpc:"kept_answers" help:"answers kept for repeated keys"`
	KeptSeconds  int32 `rpc:"kept_seconds" help:"and how long"`
	RequestBytes int32 `rpc:"request_bytes,omitempty" help:"size of a call"`
}

type AgentReloadResult struct {
	Common
	Changed []string `rpc:"changed,omitempty"`
	Errors  []string `rpc:"errors,omitempty"`
}
