package rpc

import (
	"encoding"
	"fmt"
	"math"
	"reflect"
	"strconv"

	"mellium.im/xmpp/jid"
)

// A BindError says which part of a [Value] did not fit the Go type it was
// decoded into.
type BindError struct {
	Path   string // such as "args.filesystems[2].mount"; may be empty
	Reason string // such as "want string, got int"
}

// Error returns "path: reason", which can be shown to whoever made the call.
func (e *BindError) Error() string {
	if e.Path == "" {
		return e.Reason
	}
	return e.Path + ": " + e.Reason
}

// binder decodes values; unknown members are an error unless it is loose.
type binder struct {
	loose bool
}

// Decode stores v in what out points to, by the rules of [Marshal] backwards.
// It is strict: a member that the Go struct does not have is an error, and so
// is a field without omitempty, opt or default tag, and not a pointer, whose
// member is missing. An int is taken for a double, and a double for an integer
// if it is one; base64 is taken for a string. Into an empty interface goes what
// [Value.Any] returns. Fields of missing members keep what they held.
//
// The error is a [*BindError], unless out is not something to decode into.
func (v Value) Decode(out any) error { return (binder{}).decode(v, "", out) }

// DecodeKnown is [Value.Decode] that passes over members out does not know. It
// is for results, which newer peers may extend.
func (v Value) DecodeKnown(out any) error { return (binder{loose: true}).decode(v, "", out) }

func (b binder) decode(v Value, root string, out any) error {
	rv := reflect.ValueOf(out)
	if rv.Kind() != reflect.Pointer || rv.IsNil() {
		return fmt.Errorf("rpc: decode: want a pointer that is not nil, got %T", out)
	}
	if err := b.bind(v, rv.Elem()); err != nil {
		return placeBind(root, err)
	}
	return nil
}

func placeBind(head string, err error) error {
	if e, ok := err.(*BindError); ok {
		e.Path = joinPath(head, e.Path)
	}
	return err
}

func mismatch(want string, v Value) error {
	return &BindError{Reason: "want " + want + ", got " + v.kind.String()}
}

func (b binder) bind(v Value, rv reflect.Value) error {
	t := rv.Type()
	if t == typeValue {
		rv.Set(reflect.ValueOf(v))
		return nil
	}
	if t.Kind() == reflect.Pointer {
		if v.kind == KindNil {
			rv.SetZero()
			return nil
		}
		p := reflect.New(t.Elem())
		if err := b.bind(v, p.Elem()); err != nil {
			return err
		}
		rv.Set(p)
		return nil
	}
	if t.Kind() == reflect.Interface {
		if t.NumMethod() != 0 {
			return fmt.Errorf("rpc: decode: cannot decode into %s", t)
		}
		if x := v.Any(); x != nil {
			rv.Set(reflect.ValueOf(x))
		} else {
			rv.SetZero()
		}
		return nil
	}
	if v.kind == KindNil {
		return &BindError{Reason: "nil is not allowed here"}
	}
	switch t {
	case typeTime:
		if v.kind != KindDateTime {
			return mismatch("dateTime", v)
		}
		rv.Set(reflect.ValueOf(v.time()))
		return nil
	case typeJID:
		if v.kind != KindString {
			return mismatch("string", v)
		}
		if v.str == "" {
			rv.SetZero()
			return nil
		}
		j, err := jid.Parse(v.str)
		if err != nil {
			return &BindError{Reason: "not an XMPP address"}
		}
		rv.Set(reflect.ValueOf(j))
		return nil
	case typeDuration:
		return fmt.Errorf("rpc: decode: time.Duration has no unit on the wire")
	}
	if reflect.PointerTo(t).Implements(typeUnmarshaler) {
		if err := rv.Addr().Interface().(Unmarshaler).UnmarshalRPC(v); err != nil {
			if _, ok := err.(*BindError); ok {
				return err
			}
			return &BindError{Reason: err.Error()}
		}
		return nil
	}
	if reflect.PointerTo(t).Implements(typeUntext) {
		if v.kind != KindString {
			return mismatch("string", v)
		}
		if err := rv.Addr().Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(v.str)); err != nil {
			return &BindError{Reason: err.Error()}
		}
		return nil
	}
	switch t.Kind() {
	case reflect.Bool:
		if v.kind != KindBool {
			return mismatch("boolean", v)
		}
		rv.SetBool(v.num == 1)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return bindInt(v, rv)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return bindUint(v, rv)
	case reflect.Float32, reflect.Float64:
		f, ok := v.AsDouble()
		if !ok {
			return mismatch("double", v)
		}
		if rv.OverflowFloat(f) {
			return &BindError{Reason: "number too large"}
		}
		rv.SetFloat(f)
	case reflect.String:
		if v.kind != KindString && v.kind != KindBase64 {
			return mismatch("string", v)
		}
		rv.SetString(v.str)
	case reflect.Slice, reflect.Array:
		return b.bindArray(v, rv)
	case reflect.Map:
		return b.bindMap(v, rv)
	case reflect.Struct:
		return b.bindStruct(v, rv)
	default:
		return fmt.Errorf("rpc: decode: cannot decode into %s", t)
	}
	return nil
}

// integer returns a number that is whole and exact.
func integer(v Value) (int64, error) {
	switch v.kind {
	case KindInt:
		return int64(int32(v.num)), nil
	case KindDouble:
		f := math.Float64frombits(v.num)
		if f != math.Trunc(f) {
			return 0, &BindError{Reason: "want a whole number"}
		}
		if math.Abs(f) > maxExact {
			return 0, &BindError{Reason: "number too large to be exact"}
		}
		return int64(f), nil
	}
	return 0, mismatch("int", v)
}

func bindInt(v Value, rv reflect.Value) error {
	n, err := integer(v)
	if err != nil {
		return err
	}
	if rv.OverflowInt(n) {
		return &BindError{Reason: "number too large"}
	}
	rv.SetInt(n)
	return nil
}

func bindUint(v Value, rv reflect.Value) error {
	n, err := integer(v)
	if err != nil {
		return err
	}
	if n < 0 {
		return &BindError{Reason: "want a number that is not negative"}
	}
	if rv.OverflowUint(uint64(n)) {
		return &BindError{Reason: "number too large"}
	}
	rv.SetUint(uint64(n))
	return nil
}

func (b binder) bindArray(v Value, rv reflect.Value) error {
	if rv.Type().Elem().Kind() == reflect.Uint8 {
		if v.kind != KindBase64 {
			return mismatch("base64", v)
		}
		if rv.Kind() == reflect.Slice {
			rv.SetBytes([]byte(v.str))
			return nil
		}
		if rv.Len() != len(v.str) {
			return &BindError{Reason: fmt.Sprintf("want %d bytes, got %d", rv.Len(), len(v.str))}
		}
		reflect.Copy(rv, reflect.ValueOf([]byte(v.str)))
		return nil
	}
	if v.kind != KindArray {
		return mismatch("array", v)
	}
	into := rv
	if rv.Kind() == reflect.Slice {
		into = reflect.MakeSlice(rv.Type(), len(v.list.elems), len(v.list.elems))
	} else if rv.Len() != len(v.list.elems) {
		return &BindError{Reason: fmt.Sprintf("want %d elements, got %d", rv.Len(), len(v.list.elems))}
	}
	for i, e := range v.list.elems {
		if err := b.bind(e, into.Index(i)); err != nil {
			return placeBind("["+strconv.Itoa(i)+"]", err)
		}
	}
	if rv.Kind() == reflect.Slice {
		rv.Set(into)
	}
	return nil
}

func (b binder) bindMap(v Value, rv reflect.Value) error {
	t := rv.Type()
	if t.Key().Kind() != reflect.String {
		return fmt.Errorf("rpc: decode: cannot decode into %s", t)
	}
	if v.kind != KindStruct {
		return mismatch("struct", v)
	}
	m := reflect.MakeMapWithSize(t, len(v.list.elems))
	for i, e := range v.list.elems {
		name := v.list.names[i]
		x := reflect.New(t.Elem()).Elem()
		if err := b.bind(e, x); err != nil {
			return placeBind(name, err)
		}
		m.SetMapIndex(reflect.ValueOf(name).Convert(t.Key()), x)
	}
	rv.Set(m)
	return nil
}

func (b binder) bindStruct(v Value, rv reflect.Value) error {
	if v.kind != KindStruct {
		return mismatch("struct", v)
	}
	lay := layoutOf(rv.Type())
	if lay.err != nil {
		return lay.err
	}
	// Both lists are sorted by name: walk them side by side.
	next := 0
	missing := func(until string, last bool) error {
		for next < len(lay.fields) && (last || lay.fields[next].name < until) {
			if f := &lay.fields[next]; !f.optional {
				return &BindError{Path: f.name, Reason: "is missing"}
			}
			next++
		}
		return nil
	}
	for i, e := range v.list.elems {
		name := v.list.names[i]
		if err := missing(name, false); err != nil {
			return err
		}
		if next == len(lay.fields) || lay.fields[next].name != name {
			if b.loose {
				continue
			}
			return &BindError{Path: name, Reason: "no such member"}
		}
		if err := b.bind(e, rv.FieldByIndex(lay.fields[next].index)); err != nil {
			return placeBind(name, err)
		}
		next++
	}
	return missing("", true)
}
