package agentapi

import (
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Field is one argument, result member or member of a list's items, as read from
// the struct tags: rpc (the name on the wire), validate, default, agg, aside,
// unit, help.
type Field struct {
	Name     string
	Type     string // of XML-RPC: int, double, boolean, string, dateTime.iso8601, base64, array, struct, any
	Unit     string // bytes, percent, seconds, ms, per_s, bytes_per_s, celsius; empty: none
	Required bool
	Default  string // as text; empty: none
	Min, Max *float64
	Enum     []string
	Pattern  string
	Help     string

	Agg []string // what is worth computing over many hosts: avg, max, min, sum

	Elem   string  // of an array: the type of its items
	Fields []Field // of a struct, or of an array of structs: their members

	aside bool // a list beside what the result is about
	index []int
	typ   reflect.Type
}

// ArgFields lists the method's arguments in order.
func (s Spec) ArgFields() []Field { return slices.Clone(known(s.Args)) }

// ResultFields lists the members of the result; none for a result that is a list.
func (s Spec) ResultFields() []Field {
	if s.Result == nil || s.Result.Kind() != reflect.Struct {
		return nil
	}
	return slices.Clone(known(s.Result))
}

// Arg finds an argument by its name on the wire.
func (s Spec) Arg(name string) (Field, bool) {
	for _, f := range known(s.Args) {
		if f.Name == name {
			return f, true
		}
	}
	return Field{}, false
}

// Columns lists what can be filtered and sorted by, each name once: the scalar
// members of the result, then those of the items of the list that it is about.
// Lists that only illustrate (aside) have none.
func (s Spec) Columns() []Field {
	var out, items []Field
	for _, f := range s.ResultFields() {
		switch {
		case f.Type == "array" && f.Fields != nil && items == nil && !f.aside:
			items = f.Fields
		case f.Type != "array" && f.Type != "struct" && f.Type != "any":
			out = append(out, f)
		}
	}
	for _, m := range items {
		if m.Type != "array" && m.Type != "struct" && !slices.ContainsFunc(out, func(f Field) bool { return f.Name == m.Name }) {
			out = append(out, m)
		}
	}
	return out
}

// fields remembers what known was told of a type, as encoding/json does: tags do
// not change, and to read them takes longer than to render an answer.
var fields sync.Map // of reflect.Type to []Field

// known is fieldsOf, read once. Nobody may change the list.
func known(t reflect.Type) []Field {
	list, ok := fields.Load(t)
	if !ok {
		list, _ = fields.LoadOrStore(t, fieldsOf(t))
	}
	return list.([]Field)
}

// fieldsOf reads the tags of t's fields. Inside a type that contains itself, above
// holds the types it is in, and the members are not listed again.
func fieldsOf(t reflect.Type, above ...reflect.Type) []Field {
	if t == nil || t.Kind() != reflect.Struct || slices.Contains(above, t) {
		return nil
	}
	var out []Field
	for _, sf := range reflect.VisibleFields(t) {
		tag, ok := sf.Tag.Lookup("rpc")
		if !ok || !sf.IsExported() {
			continue
		}
		name, opts, _ := strings.Cut(tag, ",")
		f := Field{
			Name:    name,
			Default: sf.Tag.Get("default"),
			Help:    sf.Tag.Get("help"),
			Unit:    unitOf(name, sf.Tag),
			Agg:     list(sf.Tag.Get("agg"), ","),
			aside:   sf.Tag.Get("aside") != "",
			index:   sf.Index,
			typ:     sf.Type,
		}
		f.Required = opts == "" && f.Default == "" && sf.Type.Kind() != reflect.Pointer
		f.Type, f.Elem, f.Fields = wireType(sf.Type, append(above, t)...)
		f.bounds(sf.Tag.Get("validate"))
		out = append(out, f)
	}
	return out
}

// bounds reads the validator's tag, so that what is described is what is checked.
func (f *Field) bounds(tag string) {
	dive := false
	for _, rule := range strings.Split(tag, ",") {
		key, val, _ := strings.Cut(rule, "=")
		switch key {
		case "dive":
			dive = true
		case "min", "gte", "max", "lte":
			if dive {
				continue
			}
			n, err := strconv.ParseFloat(val, 64)
			if err != nil {
				continue
			}
			if key == "min" || key == "gte" {
				f.Min = &n
			} else {
				f.Max = &n
			}
		case "oneof":
			f.Enum = strings.Fields(val)
		default:
			if c, ok := customRules()[key]; ok {
				f.Pattern = c.pattern
				if c.min != 0 || c.max != 0 {
					f.Min, f.Max = &c.min, &c.max
				}
			}
		}
	}
}

var timeType = reflect.TypeFor[time.Time]()

// wireType names the XML-RPC type of a Go type (XEP-0009, its schema): 64 bit
// integers pass as double, since the schema's int has 32 bits.
func wireType(t reflect.Type, above ...reflect.Type) (typ, elem string, fields []Field) {
	switch {
	case t == timeType:
		return "dateTime.iso8601", "", nil
	case t.Kind() == reflect.Pointer:
		return wireType(t.Elem(), above...)
	}
	switch t.Kind() {
	case reflect.Bool:
		return "boolean", "", nil
	case reflect.Int8, reflect.Int16, reflect.Int32, reflect.Uint8, reflect.Uint16:
		return "int", "", nil
	case reflect.Int, reflect.Int64, reflect.Uint32, reflect.Uint64, reflect.Float32, reflect.Float64:
		return "double", "", nil
	case reflect.String:
		return "string", "", nil
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			return "base64", "", nil
		}
		elem, _, fields := wireType(t.Elem(), above...)
		return "array", elem, fields
	case reflect.Map:
		elem, _, _ := wireType(t.Elem(), above...)
		return "struct", elem, nil
	case reflect.Struct:
		return "struct", "", fieldsOf(t, above...)
	}
	return "any", "", nil
}

// unitOf reads the unit out of the name, where units live; the unit tag is for
// the few names that are only a unit's context (load1 has none at all).
func unitOf(name string, tag reflect.StructTag) string {
	if u, ok := tag.Lookup("unit"); ok {
		return u
	}
	for _, u := range []string{"bytes_per_s", "per_s", "bytes", "percent", "seconds", "ms", "celsius"} {
		if name == u || strings.HasSuffix(name, "_"+u) {
			return u
		}
	}
	return ""
}

func list(s, sep string) []string {
	if s == "" {
		return nil
	}
	parts := strings.Split(s, sep)
	for i := range parts {
		parts[i] = strings.TrimSpace(parts[i])
	}
	return parts
}
