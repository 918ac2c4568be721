package rpc

import (
	"context"
	"log/slog"
	"strconv"
)

// MaxMulticall is how many calls one system.multicall may hold.
const MaxMulticall = 32

// introspection registers the system.* methods, which nobody specified in one
// place but everybody has: positional parameters, answers as in xmlrpc-c.
func (m *ServeMux) introspection() {
	m.register("system.listMethods", Descriptor{
		Help:       "Returns the names of all methods.",
		Signatures: [][]string{{"array"}},
		Multicall:  true,
	}, HandlerFunc(m.listMethods))
	m.register("system.methodSignature", Descriptor{
		Help:       "Returns the signatures of a method: arrays of type names, result first; \"undef\" if they are not known.",
		Signatures: [][]string{{"array", "string"}},
		Multicall:  true,
	}, HandlerFunc(m.methodSignature))
	m.register("system.methodHelp", Descriptor{
		Help:       "Returns what a method does, in words.",
		Signatures: [][]string{{"string", "string"}},
		Multicall:  true,
	}, HandlerFunc(m.methodHelp))
	m.register("system.getCapabilities", Descriptor{
		Help:       "Returns which specifications beyond XML-RPC are obeyed.",
		Signatures: [][]string{{"struct"}},
		Multicall:  true,
	}, HandlerFunc(getCapabilities))
	m.register("system.multicall", Descriptor{
		Help: "Makes up to " + strconv.Itoa(MaxMulticall) + " calls of methods that only read, given as structs of methodName and params. " +
			"Returns an array with, for each, an array of the one result, or a fault struct.",
		Signatures: [][]string{{"array", "array"}},
	}, HandlerFunc(m.multicall))
}

func noParams(r *Request) error {
	if len(r.Params) != 0 {
		return Faultf(FaultParams, "want no parameters, got %d", len(r.Params))
	}
	return nil
}

func (m *ServeMux) listMethods(_ context.Context, r *Request) (Value, error) {
	if err := noParams(r); err != nil {
		return Value{}, err
	}
	var l list
	for _, name := range m.Methods() {
		l.elems = append(l.elems, String(name))
	}
	return Value{kind: KindArray, list: &l}, nil
}

// named returns the method that the one parameter of r names.
func (m *ServeMux) named(r *Request) (method, error) {
	if len(r.Params) != 1 || r.Params[0].kind != KindString {
		return method{}, Faultf(FaultParams, "want one string, the name of a method")
	}
	me, ok := m.lookup(r.Params[0].str)
	if !ok {
		return method{}, Faultf(FaultMethodNotFound, "no method %q here", cleanText(r.Params[0].str, MaxMethodName))
	}
	return me, nil
}

func (m *ServeMux) methodSignature(_ context.Context, r *Request) (Value, error) {
	me, err := m.named(r)
	if err != nil {
		return Value{}, err
	}
	if len(me.Signatures) == 0 {
		return String("undef"), nil
	}
	return Marshal(me.Signatures)
}

func (m *ServeMux) methodHelp(_ context.Context, r *Request) (Value, error) {
	me, err := m.named(r)
	if err != nil {
		return Value{}, err
	}
	return String(cleanText(me.Help, maxFaultMessage)), nil
}

func getCapabilities(_ context.Context, r *Request) (Value, error) {
	if err := noParams(r); err != nil {
		return Value{}, err
	}
	spec := func(url string, version int32) Value {
		return Struct(map[string]Value{"specUrl": String(url), "specVersion": Int(version)})
	}
	return Struct(map[string]Value{
		"xmlrpc":         spec("http://www.xmlrpc.com/spec", 1),
		"introspect":     spec("http://xmlrpc-c.sourceforge.net/xmlrpc-c/introspection.html", 1),
		"faults_interop": spec("http://xmlrpc-epi.sourceforge.net/specs/rfc.fault_codes.php", 20010516),
		"nil":            spec("http://www.ontosys.com/xml-rpc/extensions.php", 20010518),
		"i8":             spec("http://ws.apache.org/xmlrpc/types.html", 1),
		"x-ttl":          spec("https://xmpp.org/extensions/xep-0131.html", 1),
	}), nil
}

// In a multicall every member that has not had its turn keeps reserve bytes of
// the reply, so that it can say at least what went wrong.
const (
	reserve        = 512
	maxMemberFault = 256 // bytes of a message
)

// multicall makes its calls one after the other. Each goes through the whole
// handler of its method, middleware included, as if it had come by itself; the
// envelope is shared, but for the signature, which covers the whole only.
func (m *ServeMux) multicall(ctx context.Context, r *Request) (Value, error) {
	if len(r.Params) != 1 || r.Params[0].kind != KindArray {
		return Value{}, Faultf(FaultParams, "want one array of structs")
	}
	calls := r.Params[0].list.elems
	if len(calls) > MaxMulticall {
		return Value{}, Faultf(FaultTooLarge, "%d calls, the limit is %d", len(calls), MaxMulticall)
	}
	out := &list{elems: make([]Value, 0, len(calls))}
	left := m.replyBytes - responseFrame
	for i, c := range calls {
		name, _ := c.Member("methodName")
		log := m.log.With("from", r.From.String(), "id", r.ID, "method", name.str)
		v, err := m.member(ctx, log, r, c, left-reserve*(len(calls)-i))
		if err != nil {
			f := *m.logged(ctx, log, err)
			f.Message = cleanText(f.Message, maxMemberFault)
			v = f.value()
		} else {
			v = Array(v)
		}
		left -= len(v.AppendXML(nil))
		out.elems = append(out.elems, v)
	}
	return Value{kind: KindArray, list: out}, nil
}

// member makes one call of a multicall; its result may have room bytes.
func (m *ServeMux) member(ctx context.Context, log *slog.Logger, r *Request, c Value, room int) (Value, error) {
	name, ok := c.Member("methodName")
	if !ok || name.kind != KindString {
		return Value{}, Faultf(FaultParams, "want a struct of methodName and params")
	}
	params, ok := c.Member("params")
	if !ok || params.kind != KindArray || c.Len() != 2 {
		return Value{}, Faultf(FaultParams, "want a struct of methodName and params")
	}
	if name.str == "system.multicall" {
		return Value{}, Faultf(FaultParams, "system.multicall inside system.multicall")
	}
	me, ok := m.lookup(name.str)
	if !ok {
		return Value{}, Faultf(FaultMethodNotFound, "no method %q here", cleanText(name.str, MaxMethodName))
	}
	if !me.Multicall {
		return Value{}, Faultf(FaultDenied, "%s changes things, so it is not for system.multicall: call it by itself", name.str)
	}
	if room <= 0 {
		return Value{}, Faultf(FaultTooLarge, "the results before it have filled the reply")
	}
	member := *r
	member.Method, member.Params, member.Batch = name.str, params.Elems(), true
	member.Envelope.Signature = nil
	v, err := m.dispatch(ctx, log, &member)
	if err != nil {
		return Value{}, err
	}
	if n := len(v.AppendXML(nil)); n > room {
		return Value{}, tooLarge(n, room)
	}
	return v, nil
}
