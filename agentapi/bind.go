package agentapi

import (
	"encoding/base64"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Defaults sets every zero argument that has a default. Call it before decoding
// over the struct: then what the caller sent as zero stays zero, and is checked.
// args is a pointer to a struct of type s.Args.
func (s Spec) Defaults(args any) {
	if v := reflect.ValueOf(args); v.Kind() == reflect.Pointer && !v.IsNil() && v.Elem().Type() == s.Args {
		setDefaults(v.Elem())
	}
}

func setDefaults(v reflect.Value) {
	for _, sf := range reflect.VisibleFields(v.Type()) {
		text, ok := sf.Tag.Lookup("default")
		if f := v.FieldByIndex(sf.Index); ok && f.IsZero() {
			// A default that does not fit its field is found by the table's test.
			_ = assign(f, text)
		}
	}
}

// Bind makes checked arguments of named values: Go values as a parser or JSON
// gives them, or text as a command line gives it. args is a pointer to s.Args
// with the defaults filled in; wire has exactly the given names, each with the
// Go type that the wire asks for. Unit names get their .service.
func (s Spec) Bind(values map[string]any) (args any, wire map[string]any, err error) {
	args = s.NewArgs()
	v := reflect.ValueOf(args).Elem()
	fields := s.ArgFields()
	wire = make(map[string]any, len(values))
	for _, name := range sortedKeys(values) {
		i := slices.IndexFunc(fields, func(f Field) bool { return f.Name == name })
		if i < 0 {
			return nil, nil, s.unknownArg(name, fields)
		}
		f := fields[i]
		dst := v.FieldByIndex(f.index)
		if err := assign(dst, values[name]); err != nil {
			return nil, nil, &CheckError{Method: s.Name, Arg: name, Value: quote(values[name]), Want: err.Error()}
		}
		if sf := s.Args.FieldByIndex(f.index); dst.Kind() == reflect.String && slices.Contains(strings.Split(sf.Tag.Get("validate"), ","), "unit") {
			dst.SetString(UnitName(dst.String()))
		}
		wire[name] = wireValue(dst)
	}
	for _, f := range fields {
		if _, given := wire[f.Name]; f.Required && !given {
			return nil, nil, &CheckError{Method: s.Name, Arg: f.Name, Want: "it is needed"}
		}
	}
	if err := s.Check(args); err != nil {
		return nil, nil, err
	}
	return args, wire, nil
}

func (s Spec) unknownArg(name string, fields []Field) error {
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.Name
	}
	want := "the method takes no arguments"
	if len(names) > 0 {
		want = "the method has no such argument; it takes " + strings.Join(names, ", ")
	}
	return &CheckError{Method: s.Name, Arg: name, Want: want}
}

func sortedKeys(m map[string]any) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// wireValue is the field as int32, float64, bool, string, time.Time, []byte, a
// slice or a map.
func wireValue(v reflect.Value) any {
	if v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	switch v.Kind() {
	case reflect.Int64:
		return float64(v.Int())
	default:
		return v.Interface()
	}
}

// assign puts in into dst, which may be a pointer, converting what converts
// without loss. Its errors say what was wanted.
func assign(dst reflect.Value, in any) error {
	if dst.Kind() == reflect.Pointer {
		p := reflect.New(dst.Type().Elem())
		if err := assign(p.Elem(), in); err != nil {
			return err
		}
		dst.Set(p)
		return nil
	}
	if dst.Type() == timeType {
		return assignTime(dst, in)
	}
	switch dst.Kind() {
	case reflect.Bool:
		return assignBool(dst, in)
	case reflect.Int32, reflect.Int64, reflect.Float64:
		return assignNumber(dst, in)
	case reflect.String:
		if s, ok := in.(string); ok {
			dst.SetString(s)
			return nil
		}
		return fmt.Errorf("want text")
	case reflect.Slice:
		return assignSlice(dst, in)
	case reflect.Map:
		return assignMap(dst, in)
	case reflect.Interface:
		if in != nil {
			dst.Set(reflect.ValueOf(in))
		}
		return nil
	}
	return fmt.Errorf("want a value that names can carry")
}

func assignBool(dst reflect.Value, in any) error {
	switch b := in.(type) {
	case bool:
		dst.SetBool(b)
		return nil
	case string:
		switch strings.ToLower(b) {
		case "true", "yes", "on", "1":
			dst.SetBool(true)
			return nil
		case "false", "no", "off", "0":
			dst.SetBool(false)
			return nil
		}
	}
	return fmt.Errorf("want true or false")
}

func assignTime(dst reflect.Value, in any) error {
	switch t := in.(type) {
	case time.Time:
		dst.Set(reflect.ValueOf(t.UTC()))
		return nil
	case string:
		for _, layout := range []string{time.RFC3339Nano, "20060102T15:04:05", "2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02 15:04", "2006-01-02"} {
			if at, err := time.Parse(layout, t); err == nil {
				dst.Set(reflect.ValueOf(at.UTC()))
				return nil
			}
		}
	}
	return fmt.Errorf("want a time such as 2026-11-20T14:00:00Z")
}

func assignNumber(dst reflect.Value, in any) error {
	var n float64
	switch x := in.(type) {
	case string:
		var err error
		if n, err = strconv.ParseFloat(x, 64); err != nil || strings.ContainsAny(x, "xXpP_") {
			return fmt.Errorf("want a number")
		}
	default:
		v := reflect.ValueOf(in)
		switch {
		case !v.IsValid():
			return fmt.Errorf("want a number")
		case v.CanInt():
			n = float64(v.Int())
		case v.CanUint():
			n = float64(v.Uint())
		case v.CanFloat():
			n = v.Float()
		default:
			return fmt.Errorf("want a number")
		}
	}
	switch {
	case math.IsNaN(n) || math.IsInf(n, 0):
		return fmt.Errorf("want a number")
	case dst.Kind() == reflect.Float64:
		dst.SetFloat(n)
	case n != math.Trunc(n):
		return fmt.Errorf("want a whole number")
	case dst.Kind() == reflect.Int32 && (n > math.MaxInt32 || n < math.MinInt32), math.Abs(n) > 1<<53:
		return fmt.Errorf("the number is too large")
	default:
		dst.SetInt(int64(n))
	}
	return nil
}

func assignSlice(dst reflect.Value, in any) error {
	if dst.Type().Elem().Kind() == reflect.Uint8 {
		switch b := in.(type) {
		case []byte:
			dst.SetBytes(b)
			return nil
		case string:
			if raw, err := base64.StdEncoding.DecodeString(b); err == nil {
				dst.SetBytes(raw)
				return nil
			}
		}
		return fmt.Errorf("want bytes, as base64")
	}
	if s, ok := in.(string); ok {
		in = list(s, ",")
	}
	src := reflect.ValueOf(in)
	if src.Kind() != reflect.Slice {
		return fmt.Errorf("want a list")
	}
	out := reflect.MakeSlice(dst.Type(), src.Len(), src.Len())
	for i := range src.Len() {
		if err := assign(out.Index(i), src.Index(i).Interface()); err != nil {
			return fmt.Errorf("item %d: %w", i+1, err)
		}
	}
	dst.Set(out)
	return nil
}

func assignMap(dst reflect.Value, in any) error {
	src := reflect.ValueOf(in)
	if src.Kind() != reflect.Map || src.Type().Key().Kind() != reflect.String {
		return fmt.Errorf("want named values")
	}
	out := reflect.MakeMapWithSize(dst.Type(), src.Len())
	for it := src.MapRange(); it.Next(); {
		item := reflect.New(dst.Type().Elem()).Elem()
		if err := assign(item, it.Value().Interface()); err != nil {
			return fmt.Errorf("%s: %w", it.Key(), err)
		}
		out.SetMapIndex(it.Key(), item)
	}
	dst.Set(out)
	return nil
}
