package hostagent

import (
	"context"

	"adminbot/agentapi"
	"adminbot/internal/audit"
	"adminbot/rpc"
)

// auditTail answers audit.tail: who called what here, for whom, and how it was
// decided.
func (a *Agent) auditTail(_ context.Context, args agentapi.AuditTailArgs) (agentapi.AuditTailResult, error) {
	var res agentapi.AuditTailResult
	entries, found, err := a.cfg.Audit.Tail(audit.Query{Since: args.Since, Actor: args.Actor, Unit: args.Unit, Limit: int(args.Limit)})
	if err != nil {
		return res, rpc.Faultf(rpc.FaultHelper, "the audit log can't be read: %v", err)
	}
	res.Total, res.Truncated = int32(found), found > len(entries)
	res.Entries = make([]agentapi.AuditEntry, len(entries))
	for i, e := range entries {
		res.Entries[len(entries)-1-i] = agentapi.AuditEntry{
			At: e.At, ID: e.ID, From: e.From, Actor: e.Actor, Method: e.Method, Unit: e.Unit, ArgsDigest: e.ArgsDigest, Class: e.Class,
			Decision: e.Decision, Rule: e.Rule, Code: int32(e.Code), TookMS: int32(e.TookMS), PrevHash: e.PrevHash, Hash: e.Hash,
		}
	}
	return res, nil
}
