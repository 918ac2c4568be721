package agentapi

// Fault codes of the contract: the reserved ones of XML-RPC's interoperability
// list (negative), then ours, which mean what HTTP's do.
const (
	FaultParse       = -32700
	FaultNotXMLRPC   = -32600
	FaultNoMethod    = -32601
	FaultBadParams   = -32602
	FaultInternal    = -32603
	FaultDenied      = 403 // the policy says no; the text names the missing permission
	FaultNotFound    = 404
	FaultTimeout     = 408 // the text says whether the work had started
	FaultConflict    = 409 // already running, or not in the expected state
	FaultExpired     = 410 // nothing was done
	FaultTooLarge    = 413
	FaultPaused      = 423
	FaultRateLimit   = 429
	FaultCancelled   = 499
	FaultUnsupported = 501 // this host cannot do that
	FaultDependency  = 503
	FaultHelper      = 520
)

// FaultName is a fault code in a word or two; empty for codes that are not ours.
func FaultName(code int) string {
	switch code {
	case FaultParse:
		return "parse error"
	case FaultNotXMLRPC:
		return "not a call"
	case FaultNoMethod:
		return "no such method"
	case FaultBadParams:
		return "bad arguments"
	case FaultInternal:
		return "internal error"
	case FaultDenied:
		return "denied"
	case FaultNotFound:
		return "not found"
	case FaultTimeout:
		return "timed out"
	case FaultConflict:
		return "conflict"
	case FaultExpired:
		return "expired"
	case FaultTooLarge:
		return "too large"
	case FaultPaused:
		return "paused"
	case FaultRateLimit:
		return "too many calls"
	case FaultCancelled:
		return "cancelled"
	case FaultUnsupported:
		return "not supported"
	case FaultDependency:
		return "something it needs is down"
	case FaultHelper:
		return "helper failed"
	}
	return ""
}
