package bot

import (
	"time"
)

// Outcome is what became of one call to one host. Whoever was asked has exactly
// one, so that the counts of an answer always add up to the hosts asked (R2).
type Outcome int

const (
	OK          Outcome = iota // the host answered with a result
	Failed                     // the host answered with a fault: it tried, or could not
	Refused                    // policy of the host, or of its server, said no: nothing was done
	Unreachable                // not sent, or returned undelivered: nothing was done, safe to send again
	NoAnswer                   // sent, and no answer in time: it may have run (R12)
	Expired                    // came too late to the host (fault 410): nothing was done
	Skipped                    // never sent because something before it went wrong
)

var outcomeWords = [...]string{"ok", "failed", "refused", "unreachable", "no answer", "expired", "skipped"}

// String is the word people read.
func (o Outcome) String() string { return outcomeWords[o] }

// MarshalText writes the name that JSON documents carry: no_answer for "no answer".
func (o Outcome) MarshalText() ([]byte, error) {
	if o == NoAnswer {
		return []byte("no_answer"), nil
	}
	return []byte(outcomeWords[o]), nil
}

// Result is what one host answered to one step of a plan.
type Result struct {
	Host    string        `json:"host"`
	Outcome Outcome       `json:"outcome"`
	Value   any           `json:"value,omitempty"` // plain data: maps, slices, float64, string, bool, time.Time, []byte
	Code    int           `json:"code,omitempty"`  // of the fault
	Why     string        `json:"why,omitempty"`   // peer text or ours; untrusted
	Took    time.Duration `json:"-"`
	Since   time.Time     `json:"since,omitzero"` // unreachable: offline since
	Key     string        `json:"key,omitempty"`  // idempotency key the call carried
	Late    bool          `json:"late,omitempty"` // answered after the reply had been given
}

// Counts sums up the results of a plan. Asked is the sum of all others.
type Counts struct {
	Asked       int `json:"asked"`
	OK          int `json:"ok"`
	Failed      int `json:"failed"`
	Refused     int `json:"refused"`
	Unreachable int `json:"unreachable"`
	TimedOut    int `json:"timed_out"` // no answer in time, or expired at the host
	Skipped     int `json:"skipped"`
}

func count(results []Result) Counts {
	var c Counts
	for _, r := range results {
		c.Asked++
		switch r.Outcome {
		case OK:
			c.OK++
		case Failed:
			c.Failed++
		case Refused:
			c.Refused++
		case Unreachable:
			c.Unreachable++
		case NoAnswer, Expired:
			c.TimedOut++
		case Skipped:
			c.Skipped++
		}
	}
	return c
}

func (c Counts) plus(d Counts) Counts {
	return Counts{c.Asked + d.Asked, c.OK + d.OK, c.Failed + d.Failed, c.Refused + d.Refused,
		c.Unreachable + d.Unreachable, c.TimedOut + d.TimedOut, c.Skipped + d.Skipped}
}

// The exit codes of the command line (docs/cli.md), which scripts depend on.
const (
	ExitOK            = 0
	ExitMixed         = 1 // anything mixed or failed
	ExitNotUnderstood = 2 // usage, not understood or invalid: nothing was sent
	ExitRefused       = 3 // all refused by policy
	ExitNeedsYes      = 4 // needs confirmation or approval: nothing was sent
	ExitNoAnswer      = 5 // none reachable or none answered in time
)

// Exit is the exit code by what the asked hosts did.
func (c Counts) Exit() int {
	switch c.Asked {
	case c.OK:
		return ExitOK
	case c.Refused:
		return ExitRefused
	case c.Unreachable + c.TimedOut:
		return ExitNoAnswer
	}
	return ExitMixed
}
