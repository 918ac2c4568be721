package rpc

import (
	"encoding/json"
	"fmt"
	"iter"
	"math"
	"slices"
	"sort"
	"strconv"
	"time"
	"unicode/utf8"
)

// Kind is the XML-RPC type of a [Value].
type Kind uint8

// The kinds of values. There is no 64 bit integer: XEP-0009's schema has none,
// and a double carries integers exactly up to 2^53.
const (
	KindNil      Kind = iota // absent; accepted as <nil/>, never sent
	KindInt                  // <int/>, 32 bit
	KindBool                 // <boolean/>
	KindString               // <string/>
	KindDouble               // <double/>, finite
	KindDateTime             // <dateTime.iso8601/>, UTC, whole seconds
	KindBase64               // <base64/>
	KindArray                // <array/>
	KindStruct               // <struct/>
)

// String returns the word used in error messages.
func (k Kind) String() string {
	switch k {
	case KindNil:
		return "nil"
	case KindInt:
		return "int"
	case KindBool:
		return "boolean"
	case KindString:
		return "string"
	case KindDouble:
		return "double"
	case KindDateTime:
		return "dateTime"
	case KindBase64:
		return "base64"
	case KindArray:
		return "array"
	case KindStruct:
		return "struct"
	}
	return "kind " + strconv.Itoa(int(k))
}

// A Value is one XML-RPC value. It does not change after it was made, so it
// may be copied, kept and read from any goroutine. The zero Value is nil.
//
// Constructors take what Go has; what XML-RPC cannot carry (NaN, infinities,
// control characters in a string, a year beyond four digits, nil in an array)
// is found by [Value.Valid], which everything that sends a value calls.
type Value struct {
	_    [0]func() // == would compare the address of list
	kind Kind
	num  uint64 // int, bool, bits of a double, Unix seconds
	str  string // string, or the bytes of a base64
	list *list  // array, struct
}

// list holds the elements of an array, or of a struct with names sorted.
type list struct {
	names []string // nil for an array
	elems []Value
}

// Nil returns the nil value, which stands for a member that is not there.
func Nil() Value { return Value{} }

// Int returns an int.
func Int(n int32) Value { return Value{kind: KindInt, num: uint64(int64(n))} }

// Bool returns a boolean.
func Bool(b bool) Value {
	v := Value{kind: KindBool}
	if b {
		v.num = 1
	}
	return v
}

// String returns a string. Text that XML cannot carry belongs into [Base64].
func String(s string) Value { return Value{kind: KindString, str: s} }

// Double returns a double. Negative zero becomes zero, so that equal values
// have one encoding.
func Double(f float64) Value {
	if f == 0 {
		f = 0 // also -0
	}
	return Value{kind: KindDouble, num: math.Float64bits(f)}
}

// DateTime returns a dateTime.iso8601: t in UTC, cut to whole seconds.
func DateTime(t time.Time) Value { return Value{kind: KindDateTime, num: uint64(t.Unix())} }

// Base64 returns a base64. It copies b.
func Base64(b []byte) Value { return Value{kind: KindBase64, str: string(b)} }

// Array returns an array. It copies elems.
func Array(elems ...Value) Value {
	return Value{kind: KindArray, list: &list{elems: slices.Clone(elems)}}
}

// Struct returns a struct. It copies members and leaves out those that are nil.
func Struct(members map[string]Value) Value {
	l := &list{names: make([]string, 0, len(members)), elems: make([]Value, 0, len(members))}
	for name, v := range members {
		if v.kind != KindNil {
			l.names = append(l.names, name)
		}
	}
	slices.Sort(l.names)
	for _, name := range l.names {
		l.elems = append(l.elems, members[name])
	}
	return Value{kind: KindStruct, list: l}
}

// sortMembers puts l in the order of names and reports the name that occurs
// twice, if there is one.
func (l *list) sortMembers() (twice string, dup bool) {
	if !slices.IsSorted(l.names) {
		sort.Stable((*byName)(l))
	}
	for i := 1; i < len(l.names); i++ {
		if l.names[i] == l.names[i-1] {
			return l.names[i], true
		}
	}
	return "", false
}

type byName list

func (l *byName) Len() int           { return len(l.names) }
func (l *byName) Less(i, j int) bool { return l.names[i] < l.names[j] }
func (l *byName) Swap(i, j int) {
	l.names[i], l.names[j] = l.names[j], l.names[i]
	l.elems[i], l.elems[j] = l.elems[j], l.elems[i]
}

// Kind returns the type of v.
func (v Value) Kind() Kind { return v.kind }

// IsNil reports whether v is nil.
func (v Value) IsNil() bool { return v.kind == KindNil }

// AsInt returns the number if v is an int.
func (v Value) AsInt() (int32, bool) { return int32(v.num), v.kind == KindInt }

// AsBool returns the truth if v is a boolean.
func (v Value) AsBool() (bool, bool) { return v.kind == KindBool && v.num == 1, v.kind == KindBool }

// AsString returns the text if v is a string.
func (v Value) AsString() (string, bool) {
	if v.kind != KindString {
		return "", false
	}
	return v.str, true
}

// AsDouble returns the number if v is a double or an int.
func (v Value) AsDouble() (float64, bool) {
	switch v.kind {
	case KindDouble:
		return math.Float64frombits(v.num), true
	case KindInt:
		return float64(int32(v.num)), true
	}
	return 0, false
}

// AsDateTime returns the time in UTC if v is a dateTime.iso8601.
func (v Value) AsDateTime() (time.Time, bool) {
	if v.kind != KindDateTime {
		return time.Time{}, false
	}
	return v.time(), true
}

func (v Value) time() time.Time { return time.Unix(int64(v.num), 0).UTC() }

// AsBase64 returns a copy of the bytes if v is a base64.
func (v Value) AsBase64() ([]byte, bool) {
	if v.kind != KindBase64 {
		return nil, false
	}
	return []byte(v.str), true
}

// Len returns the number of elements of an array or members of a struct, and
// zero for everything else.
func (v Value) Len() int {
	if v.list == nil {
		return 0
	}
	return len(v.list.elems)
}

// Index returns element i of an array. It panics if v is no array or i is out
// of range, as indexing a slice does.
func (v Value) Index(i int) Value {
	if v.kind != KindArray {
		panic("rpc: Index of " + v.kind.String())
	}
	return v.list.elems[i]
}

// Elems returns the elements of an array in a slice that the caller owns; nil
// if v is no array.
func (v Value) Elems() []Value {
	if v.kind != KindArray {
		return nil
	}
	return slices.Clone(v.list.elems)
}

// Member returns the member of a struct with that name.
func (v Value) Member(name string) (Value, bool) {
	if v.kind != KindStruct {
		return Value{}, false
	}
	i, ok := slices.BinarySearch(v.list.names, name)
	if !ok {
		return Value{}, false
	}
	return v.list.elems[i], true
}

// Members yields the members of a struct in the order of their names.
func (v Value) Members() iter.Seq2[string, Value] {
	return func(yield func(string, Value) bool) {
		if v.kind != KindStruct {
			return
		}
		for i, name := range v.list.names {
			if !yield(name, v.list.elems[i]) {
				return
			}
		}
	}
}

// Equal reports whether v and w are of one kind and equal. An int and a double
// are never equal. (NaN, which cannot be sent, equals itself.)
func (v Value) Equal(w Value) bool {
	if v.kind != w.kind || v.num != w.num || v.str != w.str || v.Len() != w.Len() {
		return false
	}
	if v.Len() == 0 || v.list == w.list {
		return true
	}
	if !slices.Equal(v.list.names, w.list.names) {
		return false
	}
	for i := range v.list.elems {
		if !v.list.elems[i].Equal(w.list.elems[i]) {
			return false
		}
	}
	return true
}

// Valid returns an error that names the place if v cannot be sent.
func (v Value) Valid() error {
	if path, why := v.check(1); why != "" {
		if path != "" {
			return fmt.Errorf("rpc: %s: %s", path, why)
		}
		return fmt.Errorf("rpc: %s", why)
	}
	return nil
}

// maxDepth bounds the nesting of values made in this process. It is the bound
// of the default limits too: what is deeper, nobody would read.
const maxDepth = 32

func (v Value) check(depth int) (path, why string) {
	switch v.kind {
	case KindNil:
		return "", "nil is never sent: leave the member out"
	case KindString:
		if !validText(v.str) {
			return "", "string holds bytes that XML cannot carry: send base64"
		}
	case KindDouble:
		if f := math.Float64frombits(v.num); math.IsNaN(f) || math.IsInf(f, 0) {
			return "", "double is not a finite number"
		}
	case KindDateTime:
		if y := v.time().Year(); y < 0 || y > 9999 {
			return "", "dateTime has a year that does not fit four digits"
		}
	case KindArray, KindStruct:
		if depth >= maxDepth && len(v.list.elems) > 0 {
			return "", "values are nested deeper than " + strconv.Itoa(maxDepth)
		}
		for i, e := range v.list.elems {
			if v.kind == KindStruct && !validText(v.list.names[i]) {
				return "", fmt.Sprintf("member name %q cannot be written in XML", v.list.names[i])
			}
			if p, why := e.check(depth + 1); why != "" {
				if v.kind == KindArray {
					return joinPath("["+strconv.Itoa(i)+"]", p), why
				}
				return joinPath(v.list.names[i], p), why
			}
		}
	}
	return "", ""
}

// joinPath writes the place of a value in the way Go writes it: a.b[3].c.
func joinPath(head, tail string) string {
	switch {
	case head == "":
		return tail
	case tail == "":
		return head
	case tail[0] == '[':
		return head + tail
	}
	return head + "." + tail
}

// validText reports whether s is UTF-8 of characters that XML 1.0 allows.
func validText(s string) bool {
	ascii := true
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c < 0x20 && c != '\t' && c != '\n' && c != '\r' {
			return false
		}
		if c >= utf8.RuneSelf {
			ascii = false
		}
	}
	if ascii {
		return true
	}
	if !utf8.ValidString(s) {
		return false
	}
	for _, r := range s {
		if r == 0xFFFE || r == 0xFFFF {
			return false
		}
	}
	return true
}

// Any returns v in plain Go: nil, int32, bool, string, float64, [time.Time],
// []byte, []any or map[string]any.
func (v Value) Any() any {
	switch v.kind {
	case KindInt:
		return int32(v.num)
	case KindBool:
		return v.num == 1
	case KindString:
		return v.str
	case KindDouble:
		return math.Float64frombits(v.num)
	case KindDateTime:
		return v.time()
	case KindBase64:
		return []byte(v.str)
	case KindArray:
		out := make([]any, len(v.list.elems))
		for i, e := range v.list.elems {
			out[i] = e.Any()
		}
		return out
	case KindStruct:
		out := make(map[string]any, len(v.list.elems))
		for i, e := range v.list.elems {
			out[v.list.names[i]] = e.Any()
		}
		return out
	}
	return nil
}

// MarshalJSON writes plain JSON: numbers, strings, RFC 3339 times in UTC,
// standard base64, members sorted by name. The kinds int and double, and
// string, dateTime and base64, cannot be told apart afterwards.
func (v Value) MarshalJSON() ([]byte, error) { return json.Marshal(v.Any()) }

// String returns v as JSON, for logs and test failures.
func (v Value) String() string {
	b, err := v.MarshalJSON()
	if err != nil { // NaN or an infinity
		return "(" + err.Error() + ")"
	}
	return string(b)
}
