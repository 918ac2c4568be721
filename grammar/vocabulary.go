package grammar

import (
	"fmt"
	"slices"
	"strings"
)

// ReadVerbs reads vocabulary as text: how the words of methods are written
// down where no Go table holds them, by plugins, sites and tests.
//
//	method service.restart write hosts
//	say restart, bounce, kick
//	arg unit unit required
//	ask Which service?
//
//	method disk.usage hosts
//	say disk usage, df
//	arg mounts path list: mount, mounted on
//	field free_percent: free
//	val true: words          values of the argument or field above
//	more: older              comparatives and superlatives of the field above:
//	                         more, less, most, least
//
// A line is one entry; "#" begins a comment line.
func ReadVerbs(text string) ([]Verb, error) {
	var out []Verb
	onField := false
	for n, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		fail := func(what string) error { return fmt.Errorf("grammar: vocabulary line %d: %s", n+1, what) }
		key, rest, _ := strings.Cut(line, " ")
		if key == "method" {
			f := strings.Fields(rest)
			if len(f) == 0 {
				return nil, fail("method without a name")
			}
			v := Verb{Method: f[0]}
			for _, flag := range f[1:] {
				switch flag {
				case "write":
					v.Write = true
				case "hosts":
					v.Hosts = true
				default:
					return nil, fail("unknown flag " + flag)
				}
			}
			out = append(out, v)
			continue
		}
		if len(out) == 0 {
			return nil, fail("no method yet")
		}
		v := &out[len(out)-1]
		head, words, _ := strings.Cut(rest, ":")
		fields := strings.Fields(head)
		var bad error
		list := func() []string {
			ws, err := phraseList(words)
			bad = err
			return slices.DeleteFunc(ws, func(w string) bool { return w == "" })
		}
		switch key {
		case "say":
			v.Words = append(v.Words, rest)
		case "help":
			v.Help = rest
		case "ask":
			if len(v.Args) == 0 {
				return nil, fail("ask before an argument")
			}
			v.Args[len(v.Args)-1].Ask = rest
		case "arg":
			if len(fields) < 2 {
				return nil, fail("want arg NAME KIND")
			}
			a := Arg{Name: fields[0], Kind: Kind(fields[1]), Words: list()}
			for _, flag := range fields[2:] {
				switch flag {
				case "list":
					a.List = true
				case "required":
					a.Required = true
				default:
					return nil, fail("unknown flag " + flag)
				}
			}
			v.Args = append(v.Args, a)
			onField = false
		case "field":
			if len(fields) < 1 {
				return nil, fail("want field NAME")
			}
			f := Field{Name: fields[0], Words: list()}
			for _, flag := range fields[1:] {
				if flag == "main" {
					f.Main = true
				} else {
					f.Kind = Kind(flag)
				}
			}
			v.Fields = append(v.Fields, f)
			onField = true
		case "val":
			if len(fields) != 1 {
				return nil, fail("want val VALUE: words")
			}
			x := Value{Value: literal(fields[0]), Words: list()}
			switch {
			case onField && len(v.Fields) > 0:
				f := &v.Fields[len(v.Fields)-1]
				f.Values = append(f.Values, x)
			case !onField && len(v.Args) > 0:
				a := &v.Args[len(v.Args)-1]
				a.Values = append(a.Values, x)
			default:
				return nil, fail("val before an argument or field")
			}
		case "more:", "less:", "most:", "least:":
			if !onField || len(v.Fields) == 0 {
				return nil, fail(key + " before a field")
			}
			f := &v.Fields[len(v.Fields)-1]
			words = rest
			switch key {
			case "more:":
				f.More = append(f.More, list()...)
			case "less:":
				f.Less = append(f.Less, list()...)
			case "most:":
				f.Most = append(f.Most, list()...)
			default:
				f.Least = append(f.Least, list()...)
			}
		default:
			return nil, fail("unknown entry " + key)
		}
		if bad != nil {
			return nil, fail(bad.Error())
		}
	}
	return out, nil
}
