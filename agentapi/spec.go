// Package agentapi is the contract between a bot and a host agent: one table of
// methods, each with its name, permission, class, lane, timeout, arguments and
// results, from which validation, rpc.describe, help, documents and forms are
// made. It has no network and no goroutines. What people say for a method is no
// part of it: the bot's vocabulary has the words.
//
// A caller looks a method up with [Lookup] (or names it: [DiskUsage]), turns
// words or a map into checked arguments with [Spec.Bind], and sends them. A
// responder makes its argument struct, calls [Spec.Defaults] before it decodes
// over it and [Spec.Check] after, and asks [Spec.For] which class and permission
// this call needs. [Spec.Describe] is the answer of rpc.describe, and [Ver] the
// hash under which a peer may keep it.
//
// Besides the table stand the other things both ends must agree on: [Mood], what
// presence carries; [Identity] and [Features], what discovery says; and the
// names of pubsub nodes.
//
// Everything here is safe for concurrent use.
package agentapi

import (
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"
)

// Class says how much harm a method can do, and so who may call it and what
// confirmation it needs.
type Class byte

const (
	Read      Class = 'R' // changes nothing, holds no secrets
	Sensitive Class = 'S' // changes nothing, may hold secrets: redacted and audited
	Write     Class = 'W' // a change that can be taken back
	Disrupt   Class = 'D' // disruptive or destructive
	Admin     Class = 'A' // administration of the host agent itself
)

// String is the class as one letter.
func (c Class) String() string { return string(rune(c)) }

// Changes reports whether calls of this class change the host: W, D and A.
func (c Class) Changes() bool { return c == Write || c == Disrupt || c == Admin }

// rank orders classes by harm.
func (c Class) rank() int { return strings.IndexByte("RSWDA", byte(c)) }

// Lane names a queue on the host: calls that share one run one at a time, in the
// order in which they arrived. The empty lane is free: such calls run beside all
// others.
type Lane string

const (
	LaneFree     Lane = ""         // reads, cancels, pauses, presence
	LaneHost     Lane = "host"     // services, reboots, failovers, updates of the agent
	LanePackages Lane = "packages" // what takes the package manager's lock
	LaneCode     Lane = "code"     // code sets
)

// Spec describes one method. The table's own values must not be changed.
type Spec struct {
	Name       string // as on the wire: "disk.usage"
	Permission string // "metrics.read"; empty: each member's own (system.multicall)
	Class      Class
	Lane       Lane
	Timeout    time.Duration // for the work on the host, once started
	Since      string        // the version of the contract that brought it
	Help       string        // one sentence
	Privilege  string        // what the host must grant beyond an ordinary user; empty: nothing

	Args   reflect.Type // a struct type
	Result reflect.Type // a struct type, or a slice for system.*

	Positional bool // arguments go as positional parameters, in the order of Args
	Job        bool // may answer with a job that runs on
	Local      bool // only over the local socket, not over XMPP
	Built      bool // false: the method is described, and answers fault 501
	Bot        bool // lives in the bot, not on hosts
	Wire       bool // of a bot's method: also answered as Jabber-RPC on the bot's own JID
	Deprecated string
}

// Method is a Spec whose argument and result types the compiler knows: Spec(m) is
// the same without. It has no methods of its own, which every instance would repeat.
type Method[A, R any] Spec

// Define makes a method of a spec that has everything but the types. The table's
// are made with it, and so can others be that do not live on hosts.
func Define[A, R any](s Spec) Method[A, R] {
	s.Args, s.Result = reflect.TypeFor[A](), reflect.TypeFor[R]()
	if s.Since == "" {
		s.Since = "1.0"
	}
	return Method[A, R](s)
}

// NewArgs returns a pointer to a new zero argument struct with the defaults set.
func (s Spec) NewArgs() any {
	p := reflect.New(s.Args)
	setDefaults(p.Elem())
	return p.Interface()
}

// For returns the class and permission that this call needs, which some arguments
// raise: proc.list is R, and S under another permission when it shows command
// lines. args is a pointer to a struct of type s.Args, after Defaults.
func (s Spec) For(args any) (Class, string) {
	class, perm := s.Class, s.Permission
	v := reflect.Indirect(reflect.ValueOf(args))
	if !v.IsValid() || v.Type() != s.Args {
		return class, perm
	}
	for _, sf := range reflect.VisibleFields(v.Type()) {
		raises := sf.Tag.Get("raises")
		if raises == "" || isZero(v.FieldByIndex(sf.Index)) {
			continue
		}
		c, p, _ := strings.Cut(raises, ",")
		if c := Class(c[0]); c.rank() > class.rank() {
			class = c
		}
		if p != "" {
			perm = p
		}
	}
	return class, perm
}

// isZero is true for what says nothing: a zero value, or a pointer to one.
func isZero(v reflect.Value) bool {
	if v.Kind() == reflect.Pointer {
		return v.IsNil() || v.Elem().IsZero()
	}
	return v.IsZero()
}

// Common is what every result says about itself. Result structs embed it.
type Common struct {
	At     time.Time `rpc:"at" help:"when the answer was made, by the host's clock"`
	TookMS int32     `rpc:"took_ms" help:"how long the work took"`
}

// Stamp fills the common members. Whoever runs the method calls it.
func (c *Common) Stamp(at time.Time, took time.Duration) {
	c.At, c.TookMS = at.UTC(), int32(min(took.Milliseconds(), 1<<31-1))
}

// Stamper is what a result with common members is.
type Stamper interface {
	Stamp(at time.Time, took time.Duration)
}

// Page is what a result that lists things says about the list.
type Page struct {
	Truncated bool   `rpc:"truncated,omitempty" help:"the list was cut"`
	Total     int32  `rpc:"total,omitempty" help:"how many there are in all"`
	Next      string `rpc:"next,omitempty" help:"cursor for the rest"`
}

// table is built on first use and sorted by name.
var table = sync.OnceValue(func() []Spec {
	all := slices.Concat(
		introspectionMethods(), hostMethods(), metricsMethods(), procMethods(), serviceMethods(),
		packageMethods(), logMethods(), fileMethods(), netMethods(), checkMethods(), presenceMethods(),
		jobMethods(), agentMethods(), codeMethods(),
	)
	slices.SortFunc(all, func(a, b Spec) int { return strings.Compare(a.Name, b.Name) })
	return all
})

// All returns the host agent's methods, sorted by name. The caller owns the slice.
func All() []Spec { return slices.Clone(table()) }

// Lookup finds a method by its name.
func Lookup(name string) (Spec, bool) {
	t := table()
	i, ok := slices.BinarySearchFunc(t, name, func(s Spec, n string) int { return strings.Compare(s.Name, n) })
	if !ok {
		return Spec{}, false
	}
	return t[i], true
}
