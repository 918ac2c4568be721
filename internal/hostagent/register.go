package hostagent

import (
	"context"
	"reflect"
	"slices"
	"strings"

	"adminbot/agentapi"
	"adminbot/rpc"
)

// register puts a typed function behind the guard and on the mux. What is done
// with every method alike is not here, where each would have it once more.
func register[A, R any](mux *rpc.ServeMux, g *guard, m agentapi.Method[A, R], f func(context.Context, A) (R, error)) {
	serve(mux, g, agentapi.Spec(m), func(ctx context.Context, args any) (any, error) {
		result, err := f(ctx, *args.(*A))
		return &result, err
	})
}

// serve puts a function, which takes a pointer to the argument struct and returns
// one to the result, behind the guard and on the mux.
func serve(mux *rpc.ServeMux, g *guard, s agentapi.Spec, f func(context.Context, any) (any, error)) {
	mux.HandleMethod(s.Name, describe(s), rpc.HandlerFunc(func(ctx context.Context, r *rpc.Request) (rpc.Value, error) {
		return g.serve(ctx, s, r, work{
			bind: func(r *rpc.Request) (any, error) { return bind(s, r) },
			run:  func(ctx context.Context, args any) (rpc.Value, error) { return g.answer(ctx, args, f) },
		})
	}))
}

// unbuilt answers 501 to those who may call the method.
func unbuilt(mux *rpc.ServeMux, g *guard, s agentapi.Spec) {
	s.Built = false
	mux.HandleMethod(s.Name, describe(s), rpc.HandlerFunc(func(ctx context.Context, r *rpc.Request) (rpc.Value, error) {
		return g.serve(ctx, s, r, work{bind: func(r *rpc.Request) (any, error) { return bind(s, r) }})
	}))
}

func describe(s agentapi.Spec) rpc.Descriptor {
	d := rpc.Descriptor{Help: s.Help, Signatures: [][]string{s.Signature()}, Multicall: !s.Class.Changes()}
	if !s.Built {
		d.Help += " Not built yet: it answers fault 501."
	}
	return d
}

// answer is the work of a method: its result is stamped and cut to what an
// answer may hold.
func (g *guard) answer(ctx context.Context, args any, f func(context.Context, any) (any, error)) (rpc.Value, error) {
	began := g.now()
	result, err := f(ctx, args)
	if err != nil {
		return rpc.Value{}, err
	}
	if s, ok := result.(agentapi.Stamper); ok {
		now := g.now()
		s.Stamp(now, now.Sub(began))
	}
	return page(result, args, g.limits.ReplyBytes)
}

// bind makes checked arguments of a request: a pointer to the method's
// argument struct, which is returned with an error too, as far as it was
// filled.
func bind(s agentapi.Spec, r *rpc.Request) (any, error) {
	args := s.NewArgs()
	if err := r.Bind(args); err != nil {
		return s.NewArgs(), err
	}
	unitNames(reflect.ValueOf(args).Elem())
	return args, s.Check(args)
}

// unitNames gives bare unit names their ending, so that rules and services
// see one name for one unit.
func unitNames(v reflect.Value) {
	for _, sf := range reflect.VisibleFields(v.Type()) {
		if sf.Type.Kind() == reflect.String && slices.Contains(strings.Split(sf.Tag.Get("validate"), ","), "unit") {
			f := v.FieldByIndex(sf.Index)
			f.SetString(agentapi.UnitName(f.String()))
		}
	}
}
