package rpc

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Fault codes. The negative ones are reserved by the interoperability
// specification of xmlrpc-epi (rfc.fault_codes); the positive ones follow
// HTTP where HTTP has a word for it.
const (
	FaultParse          = -32700 // not well formed; over XMPP the stream dies first
	FaultInvalidRequest = -32600 // XML, but not XML-RPC
	FaultMethodNotFound = -32601 // no such method
	FaultParams         = -32602 // wrong number, type or content of parameters or headers
	FaultInternal       = -32603 // the responder broke
	FaultApplication    = -32500 // said by foreign peers, not by this package
	FaultSystem         = -32400 // the same
	FaultTransport      = -32300 // the same

	FaultDenied      = 403 // known caller, method not permitted
	FaultNotFound    = 404 // no such object
	FaultTimeout     = 408 // started and did not finish in time
	FaultConflict    = 409 // contradicts the present state, or is already running
	FaultExpired     = 410 // older than its TTL: nothing was done
	FaultTooLarge    = 413 // request or reply over its limit
	FaultPaused      = 423 // somebody paused this
	FaultRateLimit   = 429 // too many calls: try again later
	FaultCancelled   = 499 // cancelled on request
	FaultUnsupported = 501 // this host cannot do that
	FaultDependency  = 503 // something it needs is down
	FaultHelper      = 520 // the privileged helper failed, or may have run before a crash
)

// FaultName returns what a fault code means in a few words, or "" if it has no
// meaning here.
func FaultName(code int) string {
	switch code {
	case FaultParse:
		return "parse error"
	case FaultInvalidRequest:
		return "not XML-RPC"
	case FaultMethodNotFound:
		return "no such method"
	case FaultParams:
		return "bad parameters"
	case FaultInternal:
		return "internal error"
	case FaultApplication:
		return "application error"
	case FaultSystem:
		return "system error"
	case FaultTransport:
		return "transport error"
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
		return "rate limit"
	case FaultCancelled:
		return "cancelled"
	case FaultUnsupported:
		return "not supported"
	case FaultDependency:
		return "dependency down"
	case FaultHelper:
		return "helper failed"
	}
	return ""
}

// A Fault is what the method answered instead of a value. [Client.Call]
// returns it as the error; a [Handler] returns it to have it sent.
type Fault struct {
	Code    int
	Message string
}

// Faultf returns a fault with a formatted message.
func Faultf(code int, format string, args ...any) *Fault {
	return &Fault{Code: code, Message: fmt.Sprintf(format, args...)}
}

// Error returns code, name and message.
func (f *Fault) Error() string {
	var b strings.Builder
	b.WriteString("rpc: fault ")
	b.WriteString(strconv.Itoa(f.Code))
	if name := FaultName(f.Code); name != "" {
		b.WriteString(" (" + name + ")")
	}
	if f.Message != "" {
		b.WriteString(": " + f.Message)
	}
	return b.String()
}

// Is makes errors.Is(err, &Fault{Code: c}) match any fault with that code.
func (f *Fault) Is(target error) bool {
	t, ok := target.(*Fault)
	return ok && t.Code == f.Code && (t.Message == "" || t.Message == f.Message)
}

// FaultCode returns the code if err is or wraps a [Fault], and zero if not.
func FaultCode(err error) int {
	var f *Fault
	if errors.As(err, &f) {
		return f.Code
	}
	return 0
}

// maxFaultMessage bounds a message that is sent, in bytes.
const maxFaultMessage = 2048

// value returns the struct that XML-RPC wants for a fault, with a message made
// fit to send.
func (f *Fault) value() Value {
	msg := cleanText(f.Message, maxFaultMessage)
	return Value{kind: KindStruct, list: &list{
		names: []string{"faultCode", "faultString"},
		elems: []Value{Int(int32(f.Code)), String(msg)},
	}}
}

// cleanText replaces what XML cannot carry and cuts s to at most max bytes.
func cleanText(s string, max int) string {
	if !validText(s) {
		s = strings.Map(func(r rune) rune {
			if r < 0x20 && r != '\t' && r != '\n' && r != '\r' || r == 0xFFFE || r == 0xFFFF {
				return '\uFFFD'
			}
			return r
		}, strings.ToValidUTF8(s, "\uFFFD"))
	}
	if len(s) > max {
		s = strings.ToValidUTF8(s[:max], "") + "…"
	}
	return s
}

// faultOf reads the struct of a fault. Members beyond the two are tolerated.
func faultOf(v Value) (*Fault, bool) {
	code, ok := v.Member("faultCode")
	if !ok {
		return nil, false
	}
	n, ok := code.AsInt()
	if !ok {
		return nil, false
	}
	msg, ok := v.Member("faultString")
	if !ok {
		return nil, false
	}
	text, ok := msg.AsString()
	if !ok {
		return nil, false
	}
	return &Fault{Code: int(n), Message: text}, true
}
