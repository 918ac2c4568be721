package bot

import (
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"mellium.im/xmpp/jid"

	"adminbot/grammar"
)

// Bounds of answers kept for "more", "details" and "retry".
const (
	answerLife     = time.Hour
	maxAnswers     = 500
	maxPerPerson   = 20
	maxAnswerBytes = 64 << 20 // of all together, as estimated by weigh
)

// Answer is a reply as data: what `adminbot say --json` prints and bot.say
// returns.
type Answer struct {
	ID        string            `json:"id,omitempty"`
	Text      string            `json:"text"`
	Canonical string            `json:"canonical,omitempty"`
	Status    string            `json:"status,omitempty"` // of the reading, when it is no plan
	Reading   *grammar.Reading  `json:"reading,omitempty"`
	Plan      []grammar.Command `json:"plan,omitempty"`
	Hash      string            `json:"hash,omitempty"`
	Actor     string            `json:"actor,omitempty"`    // who asked
	Approved  string            `json:"approved,omitempty"` // "approved by bob@example.net"
	Needs     string            `json:"needs,omitempty"`    // what a card asks for: confirm, count, second
	Expires   time.Time         `json:"expires,omitzero"`
	*Counts   `json:",omitempty"`
	TookMS    int64      `json:"took_ms,omitempty"`
	Results   [][]Result `json:"results,omitempty"` // by command
	Exit      int        `json:"exit"`
}

func commandsOf(p Plan) []grammar.Command {
	out := make([]grammar.Command, len(p.Steps))
	for i, s := range p.Steps {
		out[i] = s.command
		out[i].Hosts = s.Hosts
	}
	return out
}

// kept is an answer that was given.
type kept struct {
	report
	asker  jid.JID
	room   jid.JID
	rest   []line // what the last page left
	alone  bool   // that is for the asker alone
	at     time.Time
	weight int
}

// answers are the answers a bot remembers. Safe for concurrent use.
type answers struct {
	mu    sync.Mutex
	now   func() time.Time
	byID  map[string]*kept
	order []string // oldest first
	bytes int
	drawn map[string]bool // ids given out, answers not yet kept
}

func (as *answers) has(id string) bool {
	as.mu.Lock()
	defer as.mu.Unlock()
	return as.byID[id] != nil || as.drawn[id]
}

// newID draws an id for an answer to come.
func (as *answers) newID(random io.Reader, taken func(string) bool) string {
	id, err := newID(random, func(id string) bool { return taken(id) || as.has(id) })
	if err != nil { // the system's random source never fails; an answer without an id is still one
		return "–"
	}
	as.mu.Lock()
	defer as.mu.Unlock()
	if as.drawn == nil {
		as.drawn = map[string]bool{}
	}
	as.drawn[id] = true
	return id
}

// keep remembers an answer and forgets the oldest beyond the bounds.
func (as *answers) keep(asker, room jid.JID, r report) {
	k := &kept{report: r, asker: asker, room: room, at: as.now()}
	for _, results := range r.results {
		for _, res := range results {
			k.weight += 100 + weigh(res.Value)
		}
	}
	as.mu.Lock()
	defer as.mu.Unlock()
	delete(as.drawn, r.id)
	if as.byID[r.id] == nil {
		as.order = append(as.order, r.id)
	} else {
		as.bytes -= as.byID[r.id].weight
	}
	as.byID[r.id] = k
	as.bytes += k.weight
	mine := 0
	for _, id := range as.order {
		if as.byID[id].asker.Equal(asker) {
			mine++
		}
	}
	as.order = slices.DeleteFunc(as.order, func(id string) bool {
		old := as.byID[id]
		drop := k.at.Sub(old.at) > answerLife || len(as.byID) > maxAnswers || as.bytes > maxAnswerBytes && old != k ||
			mine > maxPerPerson && old.asker.Equal(asker)
		if drop {
			if old.asker.Equal(asker) {
				mine--
			}
			as.bytes -= old.weight
			delete(as.byID, id)
		}
		return drop
	})
}

// get is an answer of this person. Nobody sees another's.
func (as *answers) get(id string, asker jid.JID) (kept, bool) {
	as.mu.Lock()
	defer as.mu.Unlock()
	k := as.byID[id]
	if k == nil || !k.asker.Equal(asker) || as.now().Sub(k.at) > answerLife {
		return kept{}, false
	}
	return *k, true
}

// left notes what a page did not show, and whether only the asker may see it.
func (as *answers) left(id string, rest []line, alone bool) {
	as.mu.Lock()
	defer as.mu.Unlock()
	if k := as.byID[id]; k != nil {
		k.rest, k.alone = rest, alone
	}
}

// of lists a person's answers, latest first.
func (as *answers) of(asker jid.JID) []kept {
	as.mu.Lock()
	defer as.mu.Unlock()
	var out []kept
	for _, id := range slices.Backward(as.order) {
		if k := as.byID[id]; k.asker.Equal(asker) {
			out = append(out, *k)
		}
	}
	return out
}

// late puts a late answer in its place and says what to tell.
func (as *answers) late(id string, step int, r Result, now time.Time) (Reply, bool) {
	as.mu.Lock()
	defer as.mu.Unlock()
	k := as.byID[id]
	if k == nil || step >= len(k.results) {
		return Reply{}, false
	}
	// Readers hold the old slice: it is replaced, never written to.
	k.results = slices.Clone(k.results)
	k.results[step] = slices.Clone(k.results[step])
	for i, old := range k.results[step] {
		if old.Host == r.Host && old.Outcome == NoAnswer {
			k.results[step][i] = r
			s := k.plan.Steps[step]
			what := fromArgs(faceOf(s.Method).noun, s.Args, k.w)
			if s.Changes() {
				what = fromArgs(faceOf(s.Method).do, s.Args, k.w)
			}
			text := fmt.Sprintf("⌛ %s answered after %s: %s %s · %s", r.Host, span(r.Took), cut(what, 24), r.Outcome, id)
			return Reply{To: k.asker, Room: k.room, ID: id, Text: text}, true
		}
	}
	return Reply{}, false
}

// weigh estimates how much memory a result holds.
func weigh(v any) int {
	switch v := v.(type) {
	case string:
		return 16 + len(v)
	case []byte:
		return 24 + len(v)
	case []any:
		n := 24
		for _, e := range v {
			n += 16 + weigh(e)
		}
		return n
	case map[string]any:
		n := 48
		for k, e := range v {
			n += 32 + len(k) + weigh(e)
		}
		return n
	}
	return 16
}
