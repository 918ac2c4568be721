package bot

import (
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"adminbot/agentapi"
	"adminbot/rpc"
)

var member = regexp.MustCompile(`\{(\w+)\}`)

// TestFaces holds the table of faces against the method table: every method has
// a face, and every name in a template is an argument or a result.
func TestFaces(t *testing.T) {
	for _, s := range agentapi.All() {
		if _, ok := faces[s.Name]; !ok && !strings.HasPrefix(s.Name, "system.") && !s.Local && s.Name != "rpc.check" {
			t.Errorf("%s has no face", s.Name)
		}
	}
	for method, f := range faces {
		s, ok := agentapi.Lookup(method)
		if !ok {
			continue
		}
		var args, top, rows []string
		for _, a := range s.ArgFields() {
			args = append(args, a.Name)
		}
		for _, r := range s.ResultFields() {
			top = append(top, r.Name)
			if r.Name == f.list {
				for _, m := range r.Fields {
					rows = append(rows, m.Name)
				}
			}
		}
		if f.list != "" && !slices.Contains(top, f.list) {
			t.Errorf("%s answers no list %s", method, f.list)
		}
		check := func(what, template string, known ...string) {
			for _, m := range member.FindAllStringSubmatch(template, -1) {
				if !slices.Contains(known, m[1]) {
					t.Errorf("%s: %s names {%s}, which it does not have", method, what, m[1])
				}
			}
		}
		check("do", f.do, args...)
		check("done", f.done, args...)
		check("noun", f.noun, append(args, top...)...)
		check("one", f.one, append(top, rows...)...)
		for _, c := range f.cols {
			check("cols", c, rows...)
		}
		for what, by := range map[string]string{"worst": strings.TrimPrefix(f.worst, "-"), "tally": f.tally} {
			if by != "" && !slices.Contains(append(top, rows...), by) {
				t.Errorf("%s: %s is by %s, which it does not have", method, what, by)
			}
		}
	}
}

// TestEveryMethodRenders makes up a full answer for every method and renders
// it for one host, for several and with trouble.
func TestEveryMethodRenders(t *testing.T) {
	for _, s := range agentapi.All() {
		if s.Result == nil || s.Result.Kind() != reflect.Struct {
			continue
		}
		made := reflect.New(s.Result).Elem()
		fillValue(made, 0)
		v, err := rpc.Marshal(made.Interface())
		if err != nil {
			t.Fatalf("%s: %v", s.Name, err)
		}
		args := map[string]any{}
		for _, a := range s.ArgFields() {
			if a.Required {
				args[a.Name] = agentapi.Example(a)
			}
		}
		step := Step{Method: s.Name, Class: s.Class, Args: args, Timeout: s.Timeout}
		for _, results := range [][]Result{
			{{Host: "web01", Value: v.Any()}},
			{{Host: "web01", Value: v.Any()}, {Host: "web02", Value: v.Any()}, {Host: "db01", Outcome: NoAnswer, Took: time.Minute}},
			{{Host: "web01", Outcome: Failed, Why: "no"}},
			{{Host: "web01", Value: nil}},
			{{Host: "web01", Value: map[string]any{}}},
			{{Host: "web01", Value: []any{"a", 1.0}}},
		} {
			step.Hosts = nil
			for _, r := range results {
				step.Hosts = append(step.Hosts, r.Host)
			}
			r := report{id: "7f3", plan: Plan{Steps: []Step{step}}, results: [][]Result{results}, w: when{now: time.Date(2026, 11, 20, 14, 0, 0, 0, time.UTC)}}
			text, _ := page(r.render(), chatRoom, r.id)
			checkReply(t, text, chatLines)
			if strings.Contains(text, "{") || strings.Contains(text, "map[") || strings.Contains(text, "%!") {
				t.Errorf("%s: %s", s.Name, text)
			}
			page(r.everything(), chatRoom, r.id)
			if testing.Verbose() && len(results) == 1 && results[0].Outcome == OK && results[0].Value != nil {
				t.Logf("%s\n%s", s.Name, text)
			}
		}
	}
}

// fillValue puts something into every field.
func fillValue(v reflect.Value, depth int) {
	switch {
	case v.Type() == reflect.TypeFor[time.Time]():
		v.Set(reflect.ValueOf(time.Date(2026, 11, 20, 13, 0, 0, 0, time.UTC)))
		return
	case depth > 6:
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fillValue(v.Elem(), depth+1)
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Field(i).CanSet() {
				fillValue(v.Field(i), depth+1)
			}
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fillValue(v.Index(0), depth+1)
		fillValue(v.Index(1), depth+1)
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		e := reflect.New(v.Type().Elem()).Elem()
		fillValue(e, depth+1)
		v.SetMapIndex(reflect.ValueOf("role"), e)
	case reflect.String:
		v.SetString("text")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int32, reflect.Int64, reflect.Int:
		v.SetInt(42)
	case reflect.Float64:
		v.SetFloat(42.5)
	case reflect.Uint8:
		v.SetUint('x')
	case reflect.Interface:
		v.Set(reflect.ValueOf("text"))
	}
}
