package rpc

import (
	"context"
	"fmt"

	"mellium.im/xmpp/jid"
)

// A Subcall is one of the calls in a [Client.Multicall].
type Subcall struct {
	Method string
	In     any // parameters as in Client.Call
	Out    any // where the result goes; nil drops it
}

// Multicall makes calls with one IQ, by system.multicall. All share env. The
// first result has an error for each call, nil for those that succeeded: a
// [*Fault] of the method, or a [*CallError] if the result did not fit Out. The
// second is set if there is no answer to the whole, and then as from
// [Client.Call].
//
// More than [MaxMulticall] calls are refused before anything is sent, as is a
// nested system.multicall.
func (c *Client) Multicall(ctx context.Context, to jid.JID, env Envelope, calls []Subcall) ([]error, error) {
	const name = "system.multicall"
	fail := func(sent bool, format string, args ...any) ([]error, error) {
		return nil, &CallError{To: to, Method: name, Err: fmt.Errorf(format, args...), sent: sent}
	}
	if len(calls) > MaxMulticall {
		return fail(false, "rpc: %d calls, the limit is %d", len(calls), MaxMulticall)
	}
	members := &list{elems: make([]Value, 0, len(calls))}
	for i, call := range calls {
		if call.Method == name {
			return fail(false, "rpc: calls[%d]: a multicall inside a multicall", i)
		}
		params, err := marshalParams(call.In)
		if err != nil {
			return fail(false, "calls[%d]: %w", i, err)
		}
		members.elems = append(members.elems, Value{kind: KindStruct, list: &list{
			names: []string{"methodName", "params"},
			elems: []Value{String(call.Method), Array(params...)},
		}})
	}
	answer, err := c.Do(ctx, to, MethodCall{
		Method:   name,
		Params:   []Value{{kind: KindArray, list: members}},
		Envelope: env,
	})
	if err != nil {
		return nil, err
	}
	if answer.kind != KindArray || answer.Len() != len(calls) {
		return fail(true, "rpc: response: want an array of %d, got %s of %d", len(calls), answer.kind, answer.Len())
	}
	errs := make([]error, len(calls))
	for i, v := range answer.list.elems {
		switch {
		case v.kind == KindArray && v.Len() == 1:
			if calls[i].Out == nil {
				continue
			}
			if err := (binder{loose: true}).decode(v.Index(0), "result", calls[i].Out); err != nil {
				errs[i] = &CallError{To: to, Method: calls[i].Method, Err: err, sent: true}
			}
		default:
			f, ok := faultOf(v)
			if !ok {
				return fail(true, "rpc: response: [%d] is neither a result nor a fault", i)
			}
			errs[i] = f
		}
	}
	return errs, nil
}
