package rpc

import (
	"encoding"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"mellium.im/xmpp/jid"
)

// Marshaler is implemented by types that make their own [Value].
type Marshaler interface {
	MarshalRPC() (Value, error)
}

// Unmarshaler is implemented by types that read themselves from a [Value],
// which is never nil.
type Unmarshaler interface {
	UnmarshalRPC(Value) error
}

var (
	typeValue       = reflect.TypeFor[Value]()
	typeTime        = reflect.TypeFor[time.Time]()
	typeDuration    = reflect.TypeFor[time.Duration]()
	typeJID         = reflect.TypeFor[jid.JID]()
	typeMarshaler   = reflect.TypeFor[Marshaler]()
	typeUnmarshaler = reflect.TypeFor[Unmarshaler]()
	typeText        = reflect.TypeFor[encoding.TextMarshaler]()
	typeUntext      = reflect.TypeFor[encoding.TextUnmarshaler]()
)

// field is a member of a Go struct as it is on the wire.
type field struct {
	name      string
	index     []int
	omitempty bool // left out when zero
	optional  bool // may be missing when read
}

// layout is what the tags of a struct type say, fields sorted by name.
type layout struct {
	fields []field
	err    error
}

// layouts remembers the layout of each struct type. An entry depends on the
// type alone, so it does not matter who stored it.
var layouts sync.Map // reflect.Type -> *layout

func layoutOf(t reflect.Type) *layout {
	if l, ok := layouts.Load(t); ok {
		return l.(*layout)
	}
	l := &layout{}
	l.err = l.add(t, nil)
	slices.SortFunc(l.fields, func(a, b field) int { return strings.Compare(a.name, b.name) })
	for i := 1; i < len(l.fields) && l.err == nil; i++ {
		if l.fields[i].name == l.fields[i-1].name {
			l.err = fmt.Errorf("rpc: %s has two fields named %s", t, l.fields[i].name)
		}
	}
	got, _ := layouts.LoadOrStore(t, l)
	return got.(*layout)
}

// add appends the fields of t, those of embedded structs among them.
func (l *layout) add(t reflect.Type, index []int) error {
	for f := range t.Fields() {
		tag, tagged := f.Tag.Lookup("rpc")
		if tag == "-" {
			continue
		}
		at := append(slices.Clone(index), f.Index...)
		if f.Anonymous && !tagged {
			if f.Type.Kind() != reflect.Struct {
				return fmt.Errorf("rpc: %s embeds %s: embed a struct or give it a tag", t, f.Type)
			}
			if err := l.add(f.Type, at); err != nil {
				return err
			}
			continue
		}
		if !f.IsExported() {
			if tagged {
				return fmt.Errorf("rpc: %s.%s has a tag but is not exported", t, f.Name)
			}
			continue
		}
		name, options, _ := strings.Cut(tag, ",")
		if name == "" {
			name = f.Name
		}
		m := field{name: name, index: at, optional: f.Type.Kind() == reflect.Pointer}
		for o := range strings.SplitSeq(options, ",") {
			switch o {
			case "":
			case "omitempty":
				m.omitempty, m.optional = true, true
			case "opt":
				m.optional = true
			default:
				return fmt.Errorf("rpc: %s.%s: unknown tag option %q", t, f.Name, o)
			}
		}
		if _, ok := f.Tag.Lookup("default"); ok {
			m.optional = true
		}
		l.fields = append(l.fields, m)
	}
	return nil
}
