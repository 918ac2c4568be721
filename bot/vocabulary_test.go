package bot

import (
	"slices"
	"strings"
	"testing"

	"adminbot/agentapi"
	"adminbot/grammar"
)

// TestVocabulary holds the words against the method table: a method, argument
// or field that can be said but does not exist would be a plan nobody can carry
// out.
func TestVocabulary(t *testing.T) {
	vocabulary, err := Vocabulary()
	if err != nil {
		t.Fatal(err)
	}
	verbs := vocabulary.Verbs
	said := map[string]bool{}
	for _, v := range verbs {
		if said[v.Method] {
			t.Errorf("%s is there twice", v.Method)
		}
		said[v.Method] = true
		if n := len(v.Help); n < 11 || n > 100 || !strings.ContainsAny(v.Help[n-1:], ".?") {
			t.Errorf("%s: help is no sentence: %q", v.Method, v.Help)
		}
		if len(v.Words)+len(v.Forms) == 0 {
			t.Errorf("%s has no words", v.Method)
		}
		spec, ok := agentapi.Lookup(v.Method)
		if !ok {
			continue
		}
		if v.Write != spec.Class.Changes() {
			t.Errorf("%s: write is %v, its class is %s", v.Method, v.Write, spec.Class)
		}
		for _, a := range v.Args {
			f, ok := spec.Arg(a.Name)
			if !ok {
				t.Errorf("%s has no argument %s", v.Method, a.Name)
				continue
			}
			for _, value := range a.Values {
				if s, isText := value.Value.(string); isText && len(f.Enum) > 0 && !slices.Contains(f.Enum, s) {
					t.Errorf("%s: %s is never %q", v.Method, a.Name, s)
				}
			}
		}
		var columns []string
		for _, f := range spec.Columns() {
			columns = append(columns, f.Name)
		}
		for _, f := range v.Fields {
			if !slices.Contains(columns, f.Name) {
				t.Errorf("%s has no result %s", v.Method, f.Name)
			}
		}
	}
	for _, s := range agentapi.All() {
		if !said[s.Name] && !s.Local && !strings.HasPrefix(s.Name, "system.") && !strings.HasPrefix(s.Name, "rpc.") && s.Name != "proc.signal" {
			t.Errorf("nobody can say %s", s.Name)
		}
	}
	if _, err := Compile(&grammar.Inventory{}); err != nil {
		t.Error(err)
	}
}
