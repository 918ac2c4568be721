package bot

import (
	_ "embed"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"

	"adminbot/agentapi"
	"adminbot/grammar"
)

//go:embed vocabulary.txt
var vocabularyText string

// vocabulary is read once; nothing writes to it.
var vocabulary = sync.OnceValues(func() ([]grammar.Verb, error) {
	verbs, err := grammar.ReadVerbs(vocabularyText)
	if err != nil {
		return nil, fmt.Errorf("bot: %w", err)
	}
	told := map[string]bool{}
	for _, v := range verbs {
		told[v.Method] = true
	}
	for _, s := range agentapi.All() {
		// Not for people: introspection, the local socket.
		if !told[s.Name] && !s.Local && !strings.HasPrefix(s.Name, "system.") && !strings.HasPrefix(s.Name, "rpc.") && len(s.Words)+len(s.Sayings) > 0 {
			verbs = append(verbs, verbOf(s))
		}
	}
	for _, method := range slices.Sorted(maps.Keys(ownMethods)) {
		if v := ownMethods[method].verb; !told[method] && len(v.Words) > 0 {
			v.Method = method
			verbs = append(verbs, v)
		}
	}
	return verbs, nil
})

// Vocabulary is what can be said: the words that people use for the methods, in
// vocabulary.txt; the methods that file does not have, as their table describes
// them; and the bot's own. The verbs must not be written to.
func Vocabulary() ([]grammar.Verb, error) { return vocabulary() }

// Compile makes the lexicon of a fleet: it is what a [fleet.Config] wants.
func Compile(inv *grammar.Inventory) (*grammar.Lexicon, error) {
	verbs, err := Vocabulary()
	if err != nil {
		return nil, err
	}
	return grammar.Compile(verbs, inv)
}

// verbOf is a method of the table as speech sees it.
func verbOf(s agentapi.Spec) grammar.Verb {
	v := grammar.Verb{Method: s.Name, Write: s.Class.Changes(), Hosts: !s.Bot, Help: s.Help, Words: slices.Clone(s.Words)}
	for _, say := range s.Sayings {
		var carried []string
		for _, name := range slices.Sorted(maps.Keys(say.Args)) {
			carried = append(carried, name+"="+word(say.Args[name]))
		}
		v.Words = append(v.Words, strings.Join(say.Words, ", ")+" | "+strings.Join(carried, ", "))
	}
	for _, f := range s.ArgFields() {
		v.Args = append(v.Args, argOf(s, f))
	}
	for _, f := range s.Columns() {
		v.Fields = append(v.Fields, fieldOf(f))
	}
	return v
}

func argOf(s agentapi.Spec, f agentapi.Field) grammar.Arg {
	a := grammar.Arg{Name: f.Name, Kind: kindOf(s, f), List: f.Type == "array", Required: f.Required, Words: f.Words}
	for _, value := range f.Enum {
		a.Values = append(a.Values, grammar.Value{Value: value, Words: f.Values[value]})
	}
	if len(f.Enum) == 0 {
		for _, value := range slices.Sorted(maps.Keys(f.Values)) {
			a.Values = append(a.Values, grammar.Value{Value: typed(f, value), Words: f.Values[value]})
		}
	}
	if a.Kind == grammar.KindBool && len(a.Values) == 0 && len(f.Words) > 0 {
		a.Values = []grammar.Value{{Value: true, Words: f.Words}}
		a.Words = nil
	}
	return a
}

// typed is a value of the table, where all is text, as the argument's type.
func typed(f agentapi.Field, text string) any {
	switch f.Type {
	case "boolean":
		return text == "true"
	case "int", "double":
		if n, err := strconv.ParseFloat(text, 64); err == nil {
			return n
		}
	}
	return text
}

// kinds are the arguments whose names say what kind of thing they are, whatever
// the method.
var kinds = map[string]grammar.Kind{
	"unit": grammar.KindUnit, "path": grammar.KindPath, "match": grammar.KindRegexp, "app": grammar.KindApp, "component": grammar.KindComponent,
	"id": grammar.KindID, "version": grammar.KindVersion, "user": grammar.KindUser, "target": grammar.KindEndpoint, "host": grammar.KindDomain,
	"server": grammar.KindDomain, "to": grammar.KindPerson, "actor": grammar.KindPerson, "workgroup": grammar.KindWorkgroup, "mounts": grammar.KindPath,
	"keys": grammar.KindName,
}

// namesOf are the kinds of "name", "names" and "group", which differ by method.
var namesOf = map[string]grammar.Kind{
	"check": grammar.KindCheck, "backup": grammar.KindBackup, "code": grammar.KindCodeSet, "failover": grammar.KindFailover, "net": grammar.KindDomain,
}

func kindOf(s agentapi.Spec, f agentapi.Field) grammar.Kind {
	resource, _, _ := strings.Cut(s.Name, ".")
	if f.Name == "name" || f.Name == "names" || f.Name == "group" {
		if k, ok := namesOf[resource]; ok {
			return k
		}
		return grammar.KindName
	}
	if k, ok := kinds[f.Name]; ok {
		return k
	}
	typ := f.Type
	if typ == "array" {
		typ = f.Elem
	}
	switch {
	case len(f.Enum) > 0:
		return grammar.KindEnum
	case typ == "boolean":
		return grammar.KindBool
	case typ == "dateTime.iso8601":
		return grammar.KindTime
	case f.Unit == "seconds":
		return grammar.KindSeconds
	case f.Unit == "bytes":
		return grammar.KindBytes
	case f.Unit == "percent":
		return grammar.KindPercent
	case typ == "int":
		return grammar.KindInt
	case typ == "double":
		return grammar.KindNumber
	}
	return grammar.KindText
}

func fieldOf(f agentapi.Field) grammar.Field {
	g := grammar.Field{Name: f.Name, Words: f.Words, Most: f.Most, Least: f.Least}
	switch {
	case f.Type == "boolean":
		g.Kind = grammar.KindBool
		g.Values = []grammar.Value{{Value: true, Words: f.Words}}
	case f.Type == "dateTime.iso8601":
		g.Kind = grammar.KindTime
	case f.Unit == "percent", f.Unit == "bytes", f.Unit == "seconds":
		g.Kind = map[string]grammar.Kind{"percent": grammar.KindPercent, "bytes": grammar.KindBytes, "seconds": grammar.KindSeconds}[f.Unit]
	case f.Type == "int", f.Type == "double":
		g.Kind = grammar.KindNumber
	}
	for _, value := range slices.Sorted(maps.Keys(f.Values)) {
		g.Values = append(g.Values, grammar.Value{Value: typed(f, value), Words: f.Values[value]})
	}
	return g
}
