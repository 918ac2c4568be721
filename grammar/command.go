package grammar

import (
	"bytes"
	"encoding/json"
	"time"
)

// Status is the outcome of reading one line.
type Status string

// The outcomes.
const (
	OK          Status = "ok"            // exactly one plan explains the words
	Ambiguous   Status = "ambiguous"     // several plans do: Options lists them
	Incomplete  Status = "incomplete"    // the verb is clear, something is missing: Question asks for it
	Unknown     Status = "unknown"       // not understood: Suggestions may help
	NotACommand Status = "not_a_command" // nothing to run: a statement, advice, quoted speech, thanks
)

// A Command is one call on a set of hosts.
type Command struct {
	Method string
	// Args holds what was said or implied, never defaults. Values are
	// string, bool, int64, float64, []string or time.Time (UTC).
	Args map[string]any
	// On is the selection as it was said, to be resolved again at "yes".
	On Selector
	// Hosts is On resolved against the inventory at reading time: sorted,
	// nil for methods that run in the bot. It may be shared: do not write to it.
	Hosts  []string
	Where  []Filter
	Sort   string // field, with a leading "-" for descending
	Limit  int
	At     time.Time     // when it runs, zero for now
	Every  time.Duration // how often it runs, zero for once
	DryRun bool

	asked bool     // hosts were named, not defaulted to all
	about []string // fields that were named without a comparison
}

// Asked reports whether the line, or one before it, said which hosts; if not, the
// command is for all there are.
func (c Command) Asked() bool { return c.asked }

// A Filter keeps the results whose field compares as said.
type Filter struct {
	Field string `json:"field"`
	Op    string `json:"op"`    // < <= > >= = != contains
	Value any    `json:"value"` // int64, float64, string or bool
}

type commandJSON struct {
	Method string         `json:"method"`
	Args   map[string]any `json:"args"`
	Hosts  *[]string      `json:"hosts,omitempty"`
	Where  []Filter       `json:"where,omitempty"`
	Sort   string         `json:"sort,omitempty"`
	Limit  int            `json:"limit,omitempty"`
	At     time.Time      `json:"at,omitzero"`
	Every  int64          `json:"every_seconds,omitempty"`
	DryRun bool           `json:"dry_run,omitempty"`
}

// MarshalJSON writes the command as `adminbot parse` prints it. Equal
// commands give equal bytes.
func (c Command) MarshalJSON() ([]byte, error) {
	j := commandJSON{c.Method, c.Args, nil, c.Where, c.Sort, c.Limit, c.At, int64(c.Every / time.Second), c.DryRun}
	if j.Args == nil {
		j.Args = map[string]any{}
	}
	if c.Hosts != nil {
		j.Hosts = &c.Hosts
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false) // "<" is an operator here
	err := enc.Encode(j)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}

// A Reading is what one line means, in the light of the readings before it.
type Reading struct {
	ID          string    `json:"id,omitempty"` // free for the caller
	Status      Status    `json:"status"`
	Canonical   string    `json:"canonical,omitempty"`
	Commands    []Command `json:"commands,omitempty"`
	Options     []string  `json:"options,omitempty"`     // canonical sentences, best first
	Suggestions []string  `json:"suggestions,omitempty"` // canonical sentences the grammar accepts, at most three
	Question    string    `json:"question,omitempty"`
	Aliases     []string  `json:"aliases,omitempty"` // that were said in place of other words
	// Problem is the first word that was not understood, if one was.
	Problem *Problem `json:"problem,omitempty"`

	// pending is what was understood of an incomplete line, missing the
	// argument it lacks, empty whether the selection held no host.
	pending     []Command
	missing     string
	empty       bool
	optionPlans [][]Command
}

// A Problem points at a word.
type Problem struct {
	Column  int    `json:"column"` // counted in characters from 1
	Word    string `json:"word"`
	Nearest string `json:"nearest,omitempty"` // the nearest known word, if one is near

	// Missing says what the word would name if there were such a thing: one of
	// the Missing constants, the [Kind] of a list of the inventory, or "". Among
	// are some that there are, Hosts those where a service was looked for.
	Missing string   `json:"missing,omitempty"`
	Among   []string `json:"among,omitempty"`
	Hosts   []string `json:"hosts,omitempty"`
}
