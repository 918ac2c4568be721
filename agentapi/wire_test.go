package agentapi_test

import (
	"reflect"
	"testing"
	"time"

	"adminbot/agentapi"
	"adminbot/rpc"
)

// Everything in the table must be able to travel, by the tags that describe it.
func TestTypesTravel(t *testing.T) {
	for _, s := range agentapi.All() {
		t.Run(s.Name, func(t *testing.T) {
			for _, typ := range []reflect.Type{s.Args, s.Result} {
				in := reflect.New(typ)
				fill(in.Elem(), 0)
				v, err := rpc.Marshal(in.Interface())
				if err != nil {
					t.Fatalf("%v: %v", typ, err)
				}
				out := reflect.New(typ)
				if err := v.Decode(out.Interface()); err != nil {
					t.Fatalf("%v: %v", typ, err)
				}
				back, err := rpc.Marshal(out.Interface())
				if err != nil || !back.Equal(v) {
					t.Errorf("%v came back as %v (%v), was %v", typ, back, err, v)
				}
			}
		})
	}
}

// Without its optional arguments a call must decode over the defaults.
func TestArgumentsMayBeLeftOut(t *testing.T) {
	for _, s := range agentapi.All() {
		if s.Positional {
			continue
		}
		members := map[string]rpc.Value{}
		for _, f := range s.ArgFields() {
			if f.Required {
				_, wire, err := s.Bind(map[string]any{f.Name: agentapi.Example(f)})
				if err == nil {
					members[f.Name], err = rpc.Marshal(wire[f.Name])
				}
				if err != nil {
					// Another argument is needed too: any value of the type will do.
					v := reflect.New(fieldType(s.Args, f.Name)).Elem()
					fill(v, 0)
					if members[f.Name], err = rpc.Marshal(v.Interface()); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
		args := s.NewArgs()
		if err := rpc.Struct(members).Decode(args); err != nil {
			t.Errorf("%s: %v", s.Name, err)
		}
	}
}

func fieldType(t reflect.Type, name string) reflect.Type {
	for _, sf := range reflect.VisibleFields(t) {
		if sf.Tag.Get("rpc") == name {
			return sf.Type
		}
	}
	return nil
}

// fill sets every field to something that is not zero.
func fill(v reflect.Value, depth int) {
	if v.Type() == reflect.TypeFor[time.Time]() {
		v.Set(reflect.ValueOf(time.Date(2026, 11, 20, 14, 0, 0, 0, time.UTC)))
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), depth)
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), depth+1)
		}
	case reflect.Slice:
		if depth > 6 {
			return
		}
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0), depth+1)
	case reflect.Map:
		e := reflect.New(v.Type().Elem()).Elem()
		fill(e, depth+1)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(reflect.ValueOf("key"), e)
	case reflect.Interface:
		v.Set(reflect.ValueOf("any"))
	case reflect.String:
		v.SetString("x")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int32, reflect.Int64:
		v.SetInt(7)
	case reflect.Uint8:
		v.SetUint(7)
	case reflect.Float64:
		v.SetFloat(7.25)
	default:
		panic("the table has a field of kind " + v.Kind().String())
	}
}
