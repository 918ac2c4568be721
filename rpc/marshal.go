package rpc

import (
	"encoding"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"time"

	"mellium.im/xmpp/jid"
)

// Marshal makes a [Value] of a Go value:
//
//	bool                          boolean
//	int, int8…int32, uint8, uint16 int; an int that does not fit is an error
//	int64, uint, uint32, uint64   double; an error beyond 2^53
//	float32, float64              double; NaN and infinities are an error
//	string                        string, or base64 if XML cannot carry it
//	[]byte, [n]byte               base64
//	time.Time                     dateTime.iso8601 in UTC, whole seconds
//	jid.JID, TextMarshaler        string
//	slice, array                  array; a nil slice is an empty array
//	map with string keys          struct; members that are nil are left out
//	struct                        struct, by tags; see below
//	pointer, interface            what it holds; nil is left out of structs
//	Value, Marshaler              itself
//
// The name of a member is the first part of the field's tag rpc:"name", or the
// field's own name. Options follow after commas: omitempty leaves the member
// out when the field is zero; opt lets it be missing when read. Embedded
// structs without a tag add their fields; rpc:"-" hides a field.
//
// [time.Duration] is refused: on the wire a number has a unit in its name.
// What Marshal returns is always [Value.Valid].
func Marshal(in any) (Value, error) {
	if v, ok := in.(Value); ok {
		return v, v.Valid()
	}
	v, err := marshal(reflect.ValueOf(in), 1)
	if err != nil {
		return Value{}, err
	}
	if v.kind == KindNil {
		return Value{}, fmt.Errorf("rpc: marshal: %T is nil, which is never sent", in)
	}
	return v, nil
}

// marshal returns nil, which only a member of a struct may be, for pointers
// and interfaces that are nil.
func marshal(rv reflect.Value, depth int) (Value, error) {
	if !rv.IsValid() {
		return Value{}, nil
	}
	if depth > maxDepth {
		return Value{}, fmt.Errorf("rpc: marshal: nested deeper than %d", maxDepth)
	}
	t := rv.Type()
	switch t {
	case typeValue:
		v := rv.Interface().(Value)
		if v.kind == KindNil {
			return v, nil
		}
		if path, why := v.check(depth); why != "" {
			return Value{}, fmt.Errorf("rpc: marshal: %s", joinReason(path, why))
		}
		return v, nil
	case typeTime:
		v := DateTime(rv.Interface().(time.Time))
		return v, v.Valid()
	case typeJID:
		return String(rv.Interface().(jid.JID).String()), nil
	case typeDuration:
		return Value{}, fmt.Errorf("rpc: marshal: time.Duration has no unit on the wire: use a number with a unit in its name")
	}
	if k := t.Kind(); k == reflect.Pointer || k == reflect.Interface {
		if rv.IsNil() {
			return Value{}, nil
		}
	}
	if t.Implements(typeMarshaler) {
		v, err := rv.Interface().(Marshaler).MarshalRPC()
		if err != nil || v.kind == KindNil {
			return Value{}, err
		}
		return v, v.Valid()
	}
	if t.Implements(typeText) {
		b, err := rv.Interface().(encoding.TextMarshaler).MarshalText()
		if err != nil {
			return Value{}, fmt.Errorf("rpc: marshal: %w", err)
		}
		v := String(string(b))
		return v, v.Valid()
	}
	switch t.Kind() {
	case reflect.Bool:
		return Bool(rv.Bool()), nil
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32:
		n := rv.Int()
		if n < math.MinInt32 || n > math.MaxInt32 {
			return Value{}, fmt.Errorf("rpc: marshal: %d does not fit an int of 32 bits", n)
		}
		return Int(int32(n)), nil
	case reflect.Uint8, reflect.Uint16:
		return Int(int32(rv.Uint())), nil
	case reflect.Int64:
		n := rv.Int()
		if n > maxExact || n < -maxExact {
			return Value{}, fmt.Errorf("rpc: marshal: %d is not exact in a double", n)
		}
		return Double(float64(n)), nil
	case reflect.Uint, reflect.Uint32, reflect.Uint64:
		n := rv.Uint()
		if n > maxExact {
			return Value{}, fmt.Errorf("rpc: marshal: %d is not exact in a double", n)
		}
		return Double(float64(n)), nil
	case reflect.Float32, reflect.Float64:
		v := Double(rv.Float())
		return v, v.Valid()
	case reflect.String:
		s := rv.String()
		if !validText(s) {
			return Value{kind: KindBase64, str: s}, nil
		}
		return String(s), nil
	case reflect.Pointer, reflect.Interface:
		return marshal(rv.Elem(), depth)
	case reflect.Slice, reflect.Array:
		return marshalArray(rv, depth)
	case reflect.Map:
		return marshalMap(rv, depth)
	case reflect.Struct:
		return marshalStruct(rv, depth)
	}
	return Value{}, fmt.Errorf("rpc: marshal: no XML-RPC type for %s", t)
}

func marshalArray(rv reflect.Value, depth int) (Value, error) {
	if rv.Type().Elem().Kind() == reflect.Uint8 {
		b := make([]byte, rv.Len())
		reflect.Copy(reflect.ValueOf(b), rv)
		return Value{kind: KindBase64, str: string(b)}, nil
	}
	l := &list{elems: make([]Value, 0, rv.Len())}
	for i := range rv.Len() {
		v, err := marshal(rv.Index(i), depth+1)
		if err == nil && v.kind == KindNil {
			err = fmt.Errorf("rpc: marshal: nil in an array")
		}
		if err != nil {
			return Value{}, placed("["+strconv.Itoa(i)+"]", err)
		}
		l.elems = append(l.elems, v)
	}
	return Value{kind: KindArray, list: l}, nil
}

func marshalMap(rv reflect.Value, depth int) (Value, error) {
	if rv.Type().Key().Kind() != reflect.String {
		return Value{}, fmt.Errorf("rpc: marshal: no XML-RPC type for %s: keys must be strings", rv.Type())
	}
	l := &list{}
	for key, e := range rv.Seq2() {
		name := key.String()
		if !validText(name) {
			return Value{}, fmt.Errorf("rpc: marshal: member name %q cannot be written in XML", name)
		}
		v, err := marshal(e, depth+1)
		if err != nil {
			return Value{}, placed(name, err)
		}
		if v.kind != KindNil {
			l.names = append(l.names, name)
			l.elems = append(l.elems, v)
		}
	}
	l.sortMembers()
	return Value{kind: KindStruct, list: l}, nil
}

func marshalStruct(rv reflect.Value, depth int) (Value, error) {
	lay := layoutOf(rv.Type())
	if lay.err != nil {
		return Value{}, lay.err
	}
	l := &list{names: make([]string, 0, len(lay.fields)), elems: make([]Value, 0, len(lay.fields))}
	for i := range lay.fields {
		f := &lay.fields[i]
		fv := rv.FieldByIndex(f.index)
		if f.omitempty && empty(fv) {
			continue
		}
		v, err := marshal(fv, depth+1)
		if err != nil {
			return Value{}, placed(f.name, err)
		}
		if v.kind != KindNil {
			l.names = append(l.names, f.name)
			l.elems = append(l.elems, v)
		}
	}
	l.names = slices.Clip(l.names)
	return Value{kind: KindStruct, list: l}, nil
}

func empty(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Slice, reflect.Map:
		return v.Len() == 0
	}
	return v.IsZero()
}

// placeError carries the place of a value that could not be marshalled.
type placeError struct {
	path string
	err  error
}

func placed(head string, err error) error {
	if e, ok := err.(*placeError); ok {
		e.path = joinPath(head, e.path)
		return e
	}
	return &placeError{path: head, err: err}
}

func (e *placeError) Error() string { return e.err.Error() + " (at " + e.path + ")" }
func (e *placeError) Unwrap() error { return e.err }

func joinReason(path, why string) string {
	if path == "" {
		return why
	}
	return path + ": " + why
}
