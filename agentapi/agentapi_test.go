package agentapi

import (
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// everything is the whole table: hosts' methods and the bot's.
func everything() []Spec { return All() }

var methodName = regexp.MustCompile(`^(system\.[a-zA-Z]+|[a-z]+(\.[a-z]+)+)$`)

func TestTable(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range everything() {
		t.Run(s.Name, func(t *testing.T) {
			if !methodName.MatchString(s.Name) || seen[s.Name] {
				t.Errorf("name %q is malformed or there twice", s.Name)
			}
			seen[s.Name] = true
			if s.Permission == "" && s.Name != "system.multicall" {
				t.Error("no permission")
			}
			if s.Class.rank() < 0 {
				t.Errorf("class %q", s.Class)
			}
			if !s.Class.Changes() && s.Lane != LaneFree {
				t.Errorf("a read in lane %q", s.Lane)
			}
			if s.Timeout <= 0 || s.Since == "" {
				t.Errorf("timeout %v, since %q", s.Timeout, s.Since)
			}
			if n := len(s.Help); n < 12 || n > 120 || !strings.HasSuffix(s.Help, ".") || strings.ToUpper(s.Help[:1]) != s.Help[:1] {
				t.Errorf("help is no sentence: %q", s.Help)
			}
			if s.Args.Kind() != reflect.Struct {
				t.Fatalf("args are %v", s.Args)
			}
			if !s.Positional {
				if _, ok := reflect.New(s.Result).Interface().(Stamper); !ok {
					t.Errorf("result %v does not embed Common", s.Result)
				}
			}
			names := map[string]bool{}
			for _, f := range s.ArgFields() {
				checkField(t, f, names)
				checkDefault(t, s, f)
			}
			names = map[string]bool{}
			for _, f := range s.ResultFields() {
				checkField(t, f, names)
			}
			if got, ok := Lookup(s.Name); !s.Bot && (!ok || got.Name != s.Name) {
				t.Errorf("Lookup finds %q, %v", got.Name, ok)
			}
		})
	}
}

// withRequired is an example for each needed argument.
func withRequired(s Spec) map[string]any {
	args := map[string]any{}
	for _, f := range s.ArgFields() {
		if f.Required {
			args[f.Name] = Example(f)
		}
	}
	for _, f := range s.ArgFields() {
		if strings.Contains(s.Args.FieldByIndex(f.index).Tag.Get("validate"), "required_without") {
			args[f.Name] = Example(f)
		}
	}
	return args
}

var (
	fieldName = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)
	sized     = regexp.MustCompile(`(byte|percent|second|_ms|per_s$|celsius|size|elapsed|duration|interval|timeout)`)
)

func checkField(t *testing.T, f Field, names map[string]bool) {
	t.Helper()
	if !fieldName.MatchString(f.Name) && f.Name != "methodName" || names[f.Name] {
		t.Errorf("field %q is malformed or there twice", f.Name)
	}
	names[f.Name] = true
	number := f.Type == "int" || f.Type == "double"
	if number && f.Unit == "" && sized.MatchString(f.Name) {
		t.Errorf("%s measures something and names no unit at its end", f.Name)
	}
	if f.Type == "array" && f.Elem == "" || f.Elem == "array" && f.Fields != nil {
		t.Errorf("%s: array of what?", f.Name)
	}
	inner := map[string]bool{}
	for _, m := range f.Fields {
		checkField(t, m, inner)
	}
}

func checkDefault(t *testing.T, s Spec, f Field) {
	t.Helper()
	sf := s.Args.FieldByIndex(f.index)
	if f.Default != "" {
		v := reflect.New(f.typ).Elem()
		if err := assign(v, f.Default); err != nil {
			t.Errorf("%s: default %q: %v", f.Name, f.Default, err)
		}
	}
	if f.Required && strings.Contains(sf.Tag.Get("rpc"), ",") {
		t.Errorf("%s is required and may be left out", f.Name)
	}
	if !f.Required && !strings.Contains(sf.Tag.Get("rpc"), ",omitempty") {
		t.Errorf("%s may be left out, but its tag does not say so", f.Name)
	}
	// A zero that means something beside a default that is not zero needs a
	// pointer, or a caller could not send it.
	if f.Default != "" && f.Min != nil && *f.Min <= 0 && f.Default != "0" && f.typ.Kind() != reflect.Pointer {
		t.Errorf("%s: 0 is allowed, but means %s", f.Name, f.Default)
	}
	if f.Default == "true" && f.typ.Kind() != reflect.Pointer {
		t.Errorf("%s: false could not be sent", f.Name)
	}
	if err := s.Check(s.NewArgs()); err != nil {
		if e := err.(*CheckError); e.Arg == f.Name && f.Default != "" {
			t.Errorf("the default itself: %v", err)
		}
	}
}

func TestExamplesBind(t *testing.T) {
	for _, s := range everything() {
		t.Run(s.Name, func(t *testing.T) {
			all := map[string]any{}
			for _, f := range s.ArgFields() {
				if f.Type != "struct" && f.Elem != "struct" {
					all[f.Name] = Example(f)
				}
			}
			if args := withRequired(s); !slices.ContainsFunc(s.ArgFields(), func(f Field) bool { return f.Required && f.Elem == "struct" }) {
				if _, _, err := s.Bind(args); err != nil {
					t.Errorf("%v: %v", args, err)
				}
			}
			for name, v := range all {
				args := withRequired(s)
				args[name] = v
				if name == "path" {
					delete(args, "unit") // one or the other
				}
				if _, _, err := s.Bind(args); err != nil {
					t.Errorf("%s=%v: %v", name, v, err)
				}
			}
		})
	}
}

func TestLookupMisses(t *testing.T) {
	for _, name := range []string{"", "disk", "disk.usag", "disk.usage.", "zzz", "shell.exec"} {
		if s, ok := Lookup(name); ok {
			t.Errorf("%q finds %s", name, s.Name)
		}
	}
}
