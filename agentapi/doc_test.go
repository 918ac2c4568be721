package agentapi

import (
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write docs/methods.md anew")

// docs/methods.md is made from the table; with a stale one this test fails, and
// go test ./agentapi -run TestMethodsPage -update writes it.
func TestMethodsPage(t *testing.T) {
	const file = "../docs/methods.md"
	want := methodsPage()
	if *update {
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, string(got)); d != "" {
		t.Errorf("the page is stale; run go test ./agentapi -run TestMethodsPage -update\n%s", d)
	}
}

func methodsPage() string {
	var b strings.Builder
	b.WriteString(`# Methods of a host agent

Made from the table in agentapi; do not edit.

A call is Jabber-RPC (XEP-0009) with one struct of named arguments; system.* take theirs by position. Numbers have
their unit at the end of their name. What is not marked as needed may be left out. Every result
has at (when, by the host's clock) and took_ms; a list that was cut has truncated, total and next.

Classes: **R** read · **S** sensitive read, redacted and audited · **W** change that can be taken back · **D** disruptive
or destructive · **A** administration of the host agent. An argument marked with a class raises the call to it.
Methods marked as not built are described here and by rpc.describe, and answer fault 501.
How people say them is in [language.md](language.md).

| method | class | permission | |
|---|---|---|---|
`)
	for _, s := range All() {
		fmt.Fprintf(&b, "| [%s](#%s) | %s | %s | %s%s |\n", s.Name, anchor(s.Name), s.Class, or(s.Permission, "each call's own"), s.Help, unbuilt(s))
	}
	for _, s := range All() {
		writeMethod(&b, s)
	}
	return b.String()
}

func anchor(name string) string { return strings.ToLower(strings.ReplaceAll(name, ".", "")) }

func or(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

func unbuilt(s Spec) string {
	if s.Built {
		return ""
	}
	return " *(not built)*"
}

func writeMethod(b *strings.Builder, s Spec) {
	fmt.Fprintf(b, "\n## %s\n\n%s%s\n\n", s.Name, s.Help, unbuilt(s))
	facts := []string{"class " + s.Class.String(), "permission " + or(s.Permission, "each call's own"), "at most " + s.Timeout.String(), "since " + s.Since}
	if s.Lane != LaneFree {
		facts = append(facts, "one at a time in lane "+string(s.Lane))
	}
	if s.Job {
		facts = append(facts, "may become a job")
	}
	if s.Local {
		facts = append(facts, "local socket only")
	}
	if s.Privilege != "" {
		facts = append(facts, "needs: "+s.Privilege)
	}
	b.WriteString(strings.Join(facts, " · ") + "\n")
	if args := s.ArgFields(); len(args) > 0 {
		b.WriteString("\n| argument | type | | |\n|---|---|---|---|\n")
		for _, f := range args {
			writeField(b, f, s.Args.FieldByIndex(f.index).Tag.Get("raises"), "", true)
		}
	}
	if result := s.ResultFields(); len(result) > 0 {
		b.WriteString("\n| result | type | | |\n|---|---|---|---|\n")
		for _, f := range result {
			switch f.Name {
			case "at", "took_ms", "truncated", "total", "next":
				continue
			}
			writeField(b, f, "", "", false)
			for _, m := range f.Fields {
				writeField(b, m, "", f.Name+"[].", false)
			}
		}
	}
}

func writeField(b *strings.Builder, f Field, raises, prefix string, arg bool) {
	typ := f.Type
	if f.Type == "array" {
		typ = "array of " + f.Elem
	}
	var bounds []string
	number := func(p *float64) string { return strconv.FormatFloat(*p, 'f', -1, 64) }
	switch {
	case len(f.Enum) > 0:
		bounds = append(bounds, strings.Join(f.Enum, ", "))
	case f.Min != nil && f.Max != nil:
		bounds = append(bounds, number(f.Min)+" to "+number(f.Max))
	case f.Min != nil:
		bounds = append(bounds, "at least "+number(f.Min))
	case f.Max != nil:
		bounds = append(bounds, "at most "+number(f.Max))
	}
	if f.Type == "array" && f.Max != nil {
		bounds = []string{"at most " + number(f.Max) + " items"}
	}
	if f.Type == "string" && f.Max != nil {
		bounds = []string{"at most " + number(f.Max) + " characters"}
	}
	if arg {
		switch {
		case f.Default != "":
			bounds = append(bounds, "default "+f.Default)
		case f.Required:
			bounds = append(bounds, "needed")
		}
	}
	if raises != "" {
		class, perm, _ := strings.Cut(raises, ",")
		bounds = append(bounds, strings.TrimSpace("class "+class+" "+perm))
	}
	fmt.Fprintf(b, "| %s%s | %s | %s | %s |\n", prefix, f.Name, typ, strings.Join(bounds, "; "), strings.ReplaceAll(f.Help, "|", `\|`))
}
