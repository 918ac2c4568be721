package grammar

import (
	"fmt"
	"strings"
)

// Kind says what a spoken value may be and how it is read.
type Kind string

// The kinds of arguments and result fields. Kinds named after an inventory
// list accept exactly its names; open kinds accept any identifier, but only
// where the sentence has room for it (after the verb or an introducing word).
const (
	KindText       Kind = "text"       // free text: quoted, or the rest of the clause after an introducing word
	KindInt        Kind = "int"        // a whole number
	KindNumber     Kind = "number"     // any number
	KindBool       Kind = "bool"       // spoken through Values
	KindEnum       Kind = "enum"       // spoken through Values
	KindSeconds    Kind = "seconds"    // a length of time, held in seconds
	KindTime       Kind = "time"       // an instant
	KindBytes      Kind = "bytes"      // a size, held in bytes
	KindPercent    Kind = "percent"    // 0-100
	KindUnit       Kind = "unit"       // a service unit; a bare name gets ".service"
	KindPath       Kind = "path"       // an absolute path
	KindRegexp     Kind = "regexp"     // what to look for in text; spoken as literal text
	KindID         Kind = "id"         // open: an identifier such as a job or alert number
	KindName       Kind = "name"       // open: a package, a code set, a plugin's object
	KindUser       Kind = "user"       // open: a login name
	KindVersion    Kind = "version"    // open: 2.3.1
	KindDomain     Kind = "domain"     // a DNS name
	KindEndpoint   Kind = "endpoint"   // host:port or an http(s) URL
	KindTopic      Kind = "topic"      // open: what help is wanted about
	KindHosts      Kind = "hosts"      // a selection of hosts as an argument
	KindCheck      Kind = "check"      // from Inventory.Checks
	KindApp        Kind = "app"        // from Inventory.Apps
	KindComponent  Kind = "component"  // from Inventory.Components
	KindBackup     Kind = "backup"     // from Inventory.Backups
	KindFailover   Kind = "failover"   // from Inventory.FailoverGroups
	KindWorkgroup  Kind = "workgroup"  // from Inventory.Workgroups
	KindPerson     Kind = "person"     // from Inventory.People
	KindCodeSet    Kind = "codeset"    // open, but words of Inventory.CodeSets are known names
	KindPopulation Kind = "population" // how many hosts a confirmation is for
)

// A Verb is one method as speech sees it: vocabulary as data. What the method
// does, who may call it and how it is checked live with the method table.
type Verb struct {
	Method string `json:"method"`
	// Write is set for every method that changes something (classes W, D
	// and A). The reader of a write forgives nothing.
	Write bool `json:"write,omitempty"`
	// Hosts is set for methods that run on hosts; the others run in the bot.
	Hosts bool `json:"hosts,omitempty"`
	// Words are the phrases people say for the method, most usual first
	// (the first is used in canonical sentences). See [Phrase] for the notation.
	Words []string `json:"words"`
	// Forms are whole lines with places for words that are taken as they are
	// said, whatever they mean: "alias {name} = {sentence}". A method with forms
	// is said by these and its Words, and not by its name.
	Forms  []string `json:"forms,omitempty"`
	Args   []Arg    `json:"args,omitempty"`
	Fields []Field  `json:"fields,omitempty"`
	// Help is one sentence about the method.
	Help string `json:"help,omitempty"`
}

// An Arg is one named argument.
type Arg struct {
	Name     string   `json:"name"`
	Kind     Kind     `json:"kind"`
	List     bool     `json:"list,omitempty"`     // the value is an array; several may be spoken
	Required bool     `json:"required,omitempty"` // without it the reading is incomplete
	Words    []string `json:"words,omitempty"`    // what introduces the value: "port", "user", "to"
	Values   []Value  `json:"values,omitempty"`   // for enum and bool, and for words that stand for a value
	Ask      string   `json:"ask,omitempty"`      // the question when it is missing
}

// A Field is one result field that can be filtered and sorted on. Its unit
// is the Kind, or the ending of its name (_percent, _bytes, _seconds) when
// Kind is empty.
type Field struct {
	Name   string   `json:"name"`
	Kind   Kind     `json:"kind,omitempty"`
	Words  []string `json:"words,omitempty"` // spoken names; the name itself without its unit always works
	More   []string `json:"more,omitempty"`  // comparatives: "older", "bigger" (than)
	Less   []string `json:"less,omitempty"`  // "newer", "smaller"
	Most   []string `json:"most,omitempty"`  // superlatives: "busiest", "oldest"
	Least  []string `json:"least,omitempty"`
	Values []Value  `json:"values,omitempty"` // adjectives: state=critical; reboot_required=true
	Main   bool     `json:"main,omitempty"`   // what a bare number of its unit is compared with
}

// A Value is one value of an argument or field with the words that mean it.
// The value's own text is always understood.
type Value struct {
	Value any      `json:"value"`
	Words []string `json:"words,omitempty"`
}

func (f Field) kind() Kind {
	switch {
	case f.Kind != "":
		return f.Kind
	case strings.HasSuffix(f.Name, "_percent") || f.Name == "percent":
		return KindPercent
	case strings.HasSuffix(f.Name, "_bytes"):
		return KindBytes
	case strings.HasSuffix(f.Name, "_seconds"):
		return KindSeconds
	}
	return KindText
}

// spoken is the field's name as words, without its unit.
func (f Field) spoken() string {
	n := f.Name
	for _, suffix := range []string{"_percent", "_bytes", "_seconds"} {
		n = strings.TrimSuffix(n, suffix)
	}
	return strings.ReplaceAll(n, "_", " ")
}

// A phrase is one way to say a method:
//
//	restart                     the word
//	roll ... back               words with something between them
//	up {unit}                   says this method only when the unit is also named
//	failed services | state=failed   carries arguments
//	busiest | sort=-percent     carries an order; limit=1 carries a limit
//	busy {-hosts}               says it only when hosts are not named
//	{names}                     no word of its own: naming a check is enough
//
//	apply/install [the] updates  alternatives, and what may be left out
//
// Several phrases may be joined by commas before the bar: "df, disk space".
type phrase struct {
	pieces [][]string        // each piece is a run of words
	needs  []string          // arguments (or "hosts") that must be named
	set    map[string]string // what it carries
	order  int               // place among the verb's phrases
	entry  int               // place of its entry: alternatives of one entry mean the same
}

// parsePhrases reads one entry of [Verb.Words].
func parsePhrases(entry string) ([]phrase, error) {
	text, carried, hasSet := strings.Cut(entry, "|")
	alts, err := phraseList(text)
	if err != nil {
		return nil, err
	}
	set := map[string]string{}
	if hasSet {
		for _, kv := range strings.Split(carried, ",") {
			k, v, ok := strings.Cut(strings.TrimSpace(kv), "=")
			if !ok || k == "" {
				return nil, fmt.Errorf("grammar: phrase %q: want name=value after the bar", entry)
			}
			set[strings.TrimSpace(k)] = strings.TrimSpace(v)
		}
	}
	var out []phrase
	for _, alt := range alts {
		p := phrase{set: set}
		var piece []string
		flush := func() {
			if len(piece) > 0 {
				p.pieces = append(p.pieces, piece)
				piece = nil
			}
		}
		for _, w := range phraseWords(alt) {
			switch {
			case w == "...":
				flush()
			case strings.HasPrefix(w, "{") && strings.HasSuffix(w, "}"):
				flush()
				p.needs = append(p.needs, w[1:len(w)-1])
			default:
				piece = append(piece, w)
			}
		}
		flush()
		if len(p.pieces) == 0 && len(p.needs) == 0 {
			return nil, fmt.Errorf("grammar: empty phrase in %q", entry)
		}
		out = append(out, p)
	}
	return out, nil
}

// phraseList cuts a list of patterns at its commas and writes them out.
func phraseList(text string) ([]string, error) {
	var out []string
	for _, pattern := range strings.Split(text, ",") {
		alts, err := expand(strings.TrimSpace(pattern))
		if err != nil {
			return nil, err
		}
		out = append(out, alts...)
		if len(alts) == 0 {
			out = append(out, "") // an empty phrase, for the caller to refuse
		}
	}
	return out, nil
}
