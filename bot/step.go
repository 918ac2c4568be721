package bot

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"adminbot/agentapi"
	"adminbot/grammar"
)

// Plan is what a line means, before anybody was asked whether it may happen. It
// does not change once made; a confirmation card keeps it.
type Plan struct {
	Sentence string // canonical: parsing it again gives this plan
	Steps    []Step // in order
	Hash     string // sha256:… over what will be done to whom, as it was said
}

// Step is one command of a plan: one method on a set of hosts, or one method of
// the bot itself.
type Step struct {
	Method     string
	Permission string
	Class      agentapi.Class
	Lane       agentapi.Lane
	Timeout    time.Duration // of the method, on the host
	Own        bool          // answered by the bot itself
	Sentence   string        // canonical, this command alone
	Args       map[string]any
	Hosts      []string // sorted; empty for most own methods
	All        bool     // every host was meant: "all hosts", "everywhere"
	Where      []Filter
	Sort       string
	Limit      int
	At         time.Time
	Every      time.Duration
	DryRun     bool

	command grammar.Command
	keys    map[string]string // idempotency keys by host, of a retry
}

// Changes reports whether carrying the step out changes anything. A dry run
// never does.
func (s Step) Changes() bool { return s.Class.Changes() && !s.DryRun }

// Changes reports whether any step of the plan changes anything.
func (p Plan) Changes() bool { return slices.ContainsFunc(p.Steps, Step.Changes) }

// Hosts are the hosts of all steps together, sorted, each once.
func (p Plan) Hosts() []string {
	var all []string
	for _, s := range p.Steps {
		all = append(all, s.Hosts...)
	}
	slices.SortFunc(all, natural)
	return slices.Compact(all)
}

// oneSet reports whether all steps are for the same hosts.
func (p Plan) oneSet() bool {
	return !slices.ContainsFunc(p.Steps, func(s Step) bool { return !slices.Equal(s.Hosts, p.Steps[0].Hosts) })
}

// Class is the most demanding class of the plan's steps. A dry run counts as a
// read.
func (p Plan) Class() agentapi.Class {
	worst := agentapi.Read
	for _, s := range p.Steps {
		c := s.Class
		if s.DryRun && c.Changes() {
			c = agentapi.Read
		}
		if strings.IndexByte("RSWDA", byte(c)) > strings.IndexByte("RSWDA", byte(worst)) {
			worst = c
		}
	}
	return worst
}

// hash covers methods, arguments, hosts, filters and times. A time goes in as the
// words of the line it was said in, not as the moment it meant: so the same
// sentence has the same hash while its hosts are the same.
func hash(steps []Step, line string) string {
	type step struct {
		Method string         `json:"method"`
		Args   map[string]any `json:"args,omitempty"`
		Hosts  []string       `json:"hosts,omitempty"`
		Where  []Filter       `json:"where,omitempty"`
		Sort   string         `json:"sort,omitempty"`
		Limit  int            `json:"limit,omitempty"`
		At     bool           `json:"at,omitempty"`
		Every  float64        `json:"every_seconds,omitempty"`
		DryRun bool           `json:"dry_run,omitempty"`
	}
	var doc struct {
		Steps []step `json:"steps"`
		Said  string `json:"said,omitempty"`
	}
	for _, s := range steps {
		args, relative := asSaid(s.Args)
		if relative || !s.At.IsZero() {
			doc.Said = strings.ToLower(strings.Join(strings.Fields(line), " "))
		}
		doc.Steps = append(doc.Steps, step{s.Method, args, s.Hosts, s.Where, s.Sort, s.Limit, !s.At.IsZero(), s.Every.Seconds(), s.DryRun})
	}
	// Encoding cannot fail: arguments are the plain data that agentapi binds, and
	// encoding/json sorts the members of maps.
	text, _ := json.Marshal(doc)
	sum := sha256.Sum256(text)
	return "sha256:" + hex.EncodeToString(sum[:])
}
