package grammar

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// A Vocabulary is what can be said: the words of methods, and what a site or a
// person says in place of other words.
type Vocabulary struct {
	Verbs []Verb
	// Aliases are words and the words they stand for, anywhere in a line:
	// "frobnicate" for "restart", "morning round" for "disk on all hosts over 80%".
	Aliases map[string]string
}

// ReadVocabulary reads a vocabulary as text: how words are written down by the
// bot, by plugins and by sites.
//
//	method service.restart write hosts
//	help Restart a service.
//	say restart, bounce, give ... a kick
//	arg unit unit required: service
//	ask Which service?
//
//	method disk.usage hosts
//	say disk usage, df, [free] disk space
//	arg mounts path list: mount, mounted on
//	field free_percent: free
//	val true: words          values of the argument or field above
//	more: fuller than        comparatives and superlatives of the field above:
//	                         more, less, most, least
//
//	method bot.alias write
//	form alias {name} = {sentence}   a whole line; what stands in its places is
//	arg name text required           taken as it is said
//	arg sentence text required
//
//	alias frobnicate = restart
//
// A line is one entry; "#" begins a comment line. [Verb] says what the entries
// mean, and its Words how phrases are written.
func ReadVocabulary(text string) (Vocabulary, error) {
	r := vocabularyReader{out: Vocabulary{Aliases: map[string]string{}}}
	for n, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		key, rest, _ := strings.Cut(line, " ")
		if err := r.entry(strings.TrimSuffix(key, ":"), strings.TrimSpace(rest)); err != nil {
			return Vocabulary{}, fmt.Errorf("grammar: vocabulary line %d: %w", n+1, err)
		}
	}
	return r.out, nil
}

// With is v and what more adds to it: other methods, more words for methods
// that v has, other aliases. What a method of v is (its class, where it runs,
// its arguments) more cannot change.
func (v Vocabulary) With(more Vocabulary) (Vocabulary, error) {
	out := Vocabulary{Verbs: slices.Clone(v.Verbs), Aliases: maps.Clone(v.Aliases)}
	if out.Aliases == nil {
		out.Aliases = map[string]string{}
	}
	maps.Copy(out.Aliases, more.Aliases)
	for _, add := range more.Verbs {
		i := slices.IndexFunc(out.Verbs, func(old Verb) bool { return old.Method == add.Method })
		if i < 0 {
			out.Verbs = append(out.Verbs, add)
			continue
		}
		old := &out.Verbs[i]
		if (add.Write || add.Hosts) && (add.Write != old.Write || add.Hosts != old.Hosts) || len(add.Args)+len(add.Fields) > 0 {
			return Vocabulary{}, fmt.Errorf("grammar: %s is there already: only words can be added to it", add.Method)
		}
		old.Words = append(slices.Clone(old.Words), add.Words...)
		old.Forms = append(slices.Clone(old.Forms), add.Forms...)
	}
	return out, nil
}

// A vocabularyReader builds a vocabulary entry by entry.
type vocabularyReader struct {
	out   Vocabulary
	field bool // the last thing said was a field, not an argument
}

func (r *vocabularyReader) entry(key, rest string) error {
	switch key {
	case "method":
		return r.method(strings.Fields(rest))
	case "alias":
		return r.alias(rest)
	}
	if len(r.out.Verbs) == 0 {
		return fmt.Errorf("%s: no method yet", key)
	}
	v := &r.out.Verbs[len(r.out.Verbs)-1]
	switch key {
	case "say":
		v.Words = append(v.Words, rest)
		return nil
	case "form":
		v.Forms = append(v.Forms, rest)
		return nil
	case "help":
		v.Help = rest
		return nil
	case "ask":
		if len(v.Args) == 0 {
			return fmt.Errorf("ask before an argument")
		}
		v.Args[len(v.Args)-1].Ask = rest
		return nil
	case "more", "less", "most", "least":
		return r.comparative(v, key, rest)
	}
	head, list, _ := strings.Cut(rest, ":")
	words, err := wordList(list)
	if err != nil {
		return err
	}
	switch fields := strings.Fields(head); key {
	case "arg":
		return r.arg(v, fields, words)
	case "field":
		return r.addField(v, fields, words)
	case "val":
		return r.val(v, fields, words)
	}
	return fmt.Errorf("unknown entry %s", key)
}

func (r *vocabularyReader) method(fields []string) error {
	if len(fields) == 0 {
		return fmt.Errorf("method without a name")
	}
	v := Verb{Method: fields[0]}
	for _, flag := range fields[1:] {
		switch flag {
		case "write":
			v.Write = true
		case "hosts":
			v.Hosts = true
		default:
			return fmt.Errorf("unknown flag %s", flag)
		}
	}
	r.out.Verbs = append(r.out.Verbs, v)
	return nil
}

func (r *vocabularyReader) alias(rest string) error {
	name, means, ok := strings.Cut(rest, "=")
	name, means = strings.TrimSpace(strings.ToLower(name)), strings.TrimSpace(means)
	if !ok || name == "" || means == "" {
		return fmt.Errorf("want alias WORDS = WORDS")
	}
	if _, dup := r.out.Aliases[name]; dup {
		return fmt.Errorf("alias %s twice", name)
	}
	r.out.Aliases[name] = means
	return nil
}

func (r *vocabularyReader) arg(v *Verb, fields, words []string) error {
	if len(fields) < 2 {
		return fmt.Errorf("want arg NAME KIND")
	}
	a := Arg{Name: fields[0], Kind: Kind(fields[1]), Words: words}
	for _, flag := range fields[2:] {
		switch flag {
		case "list":
			a.List = true
		case "required":
			a.Required = true
		default:
			return fmt.Errorf("unknown flag %s", flag)
		}
	}
	v.Args = append(v.Args, a)
	r.field = false
	return nil
}

func (r *vocabularyReader) addField(v *Verb, fields, words []string) error {
	if len(fields) == 0 {
		return fmt.Errorf("want field NAME")
	}
	f := Field{Name: fields[0], Words: words}
	for _, flag := range fields[1:] {
		if flag == "main" {
			f.Main = true
		} else {
			f.Kind = Kind(flag)
		}
	}
	v.Fields = append(v.Fields, f)
	r.field = true
	return nil
}

func (r *vocabularyReader) val(v *Verb, fields, words []string) error {
	if len(fields) != 1 {
		return fmt.Errorf("want val VALUE: words")
	}
	x := Value{Value: literal(fields[0]), Words: words}
	switch {
	case r.field && len(v.Fields) > 0:
		f := &v.Fields[len(v.Fields)-1]
		f.Values = append(f.Values, x)
	case !r.field && len(v.Args) > 0:
		a := &v.Args[len(v.Args)-1]
		a.Values = append(a.Values, x)
	default:
		return fmt.Errorf("val before an argument or field")
	}
	return nil
}

func (r *vocabularyReader) comparative(v *Verb, key, list string) error {
	if !r.field || len(v.Fields) == 0 {
		return fmt.Errorf("%s before a field", key)
	}
	words, err := wordList(list)
	f := &v.Fields[len(v.Fields)-1]
	to := map[string]*[]string{"more": &f.More, "less": &f.Less, "most": &f.Most, "least": &f.Least}[key]
	*to = append(*to, words...)
	return err
}

// wordList writes out a list of patterns, without the empty ones.
func wordList(text string) ([]string, error) {
	words, err := phraseList(text)
	return slices.DeleteFunc(words, func(w string) bool { return w == "" }), err
}
