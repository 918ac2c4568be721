package agentapi

import "time"

// The methods that change the host agent's own code, and the audit log.
var (
	AgentUpdate = Define[AgentUpdateArgs, AgentUpdateResult](Spec{
		Name: "agent.update", Permission: "agent.update", Class: Admin, Lane: LaneHost, Timeout: 10 * time.Minute, Job: true,
		Privilege: "helper that keeps two versions and goes back by itself",
		Help:      "Puts another version of the host agent in place; it goes back if that one does not come up.",
	})
	CodeList = Define[NoArgs, CodeListResult](Spec{
		Name: "code.list", Permission: "code.read", Class: Read, Timeout: 10 * time.Second,
		Help: "Lists the code sets that are installed.",
	})
	CodeSync = Define[CodeSyncArgs, CodeSyncResult](Spec{
		Name: "code.sync", Permission: "code.sync", Class: Admin, Lane: LaneCode, Timeout: 10 * time.Minute, Job: true,
		Help: "Fetches the code sets that the signed list names.",
	})
	CodeRollback = Define[CodeRollbackArgs, CodeRollbackResult](Spec{
		Name: "code.rollback", Permission: "code.sync", Class: Admin, Lane: LaneCode, Timeout: time.Minute,
		Help: "Puts the previous version of a code set back.",
	})
	AuditTail = Define[AuditTailArgs, AuditTailResult](Spec{
		Name: "audit.tail", Permission: "audit.read", Class: Sensitive, Timeout: 15 * time.Second, Built: true,
		Help: "Shows the host's record of calls: who, what, and how it was decided.",
	})
)

func codeMethods() []Spec {
	return []Spec{Spec(AgentUpdate), Spec(CodeList), Spec(CodeSync), Spec(CodeRollback), Spec(AuditTail)}
}

type AgentUpdateArgs struct {
	Version string `rpc:"version" validate:"required,id"`
	SHA256  string `rpc:"sha256,omitempty" validate:"omitempty,sha256hex"`
	Source  string `rpc:"source,omitempty" validate:"max=2048" help:"a JID or URL"`
}

type AgentUpdateResult struct {
	Common
	From       string `rpc:"from"`
	To         string `rpc:"to"`
	RolledBack bool   `rpc:"rolled_back,omitempty"`
	Job        string `rpc:"job,omitempty"`
}

type CodeListResult struct {
	Common
	Page
	Sets []CodeSet `rpc:"sets"`
}

type CodeSet struct {
	Name        string    `rpc:"name"`
	Version     string    `rpc:"version"`
	SHA256      string    `rpc:"sha256"`
	Signer      string    `rpc:"signer"`
	Active      bool      `rpc:"active"`
	Previous    string    `rpc:"previous,omitempty"`
	InstalledAt time.Time `rpc:"installed_at"`
	VerifiedAt  time.Time `rpc:"verified_at,omitempty"`
	Methods     []string  `rpc:"methods,omitempty"`
	Checks      []string  `rpc:"checks,omitempty"`
}

type CodeSyncArgs struct {
	Names []string `rpc:"names,omitempty" validate:"max=64,dive,id"`
	Force bool     `rpc:"force,omitempty" help:"also what is there already"`
}

type CodeSyncResult struct {
	Common
	Added   []string      `rpc:"added,omitempty"`
	Removed []string      `rpc:"removed,omitempty"`
	Kept    []string      `rpc:"kept,omitempty"`
	Failed  []CodeFailure `rpc:"failed,omitempty"`
	Job     string        `rpc:"job,omitempty"`
}

type CodeFailure struct {
	Name string `rpc:"name"`
	Why  string `rpc:"why"`
}

type CodeRollbackArgs struct {
	Name string `rpc:"name" validate:"required,id"`
}

type CodeRollbackResult struct {
	Common
	Before string `rpc:"before"`
	After  string `rpc:"after"`
}

type AuditTailArgs struct {
	Since time.Time `rpc:"since,omitempty"`
	Limit int32     `rpc:"limit,omitempty" validate:"min=1,max=500" default:"50"`
	Actor string    `rpc:"actor,omitempty" validate:"max=1023" help:"a bare JID"`
	Unit  string    `rpc:"unit,omitempty" validate:"omitempty,unit"`
}

type AuditTailResult struct {
	Common
	Page
	Entries []AuditEntry `rpc:"entries" help:"newest first"`
}

type AuditEntry struct {
	At         time.Time `rpc:"at"`
	ID         string    `rpc:"id"`
	From       string    `rpc:"from" help:"the caller's address"`
	Actor      string    `rpc:"actor,omitempty" help:"the person it spoke for"`
	Method     string    `rpc:"method"`
	Unit       string    `rpc:"unit,omitempty" help:"the service it was about"`
	ArgsDigest string    `rpc:"args_digest"`
	Class      string    `rpc:"class"`
	Decision   string    `rpc:"decision"`
	Rule       string    `rpc:"rule,omitempty"`
	Code       int32     `rpc:"code" help:"0, or the fault's"`
	TookMS     int32     `rpc:"took_ms"`
	PrevHash   string    `rpc:"prev_hash"`
	Hash       string    `rpc:"hash"`
}
