package bot

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// troubles are the counts other than ok, for a first line (R2).
func (c Counts) troubles() string {
	var b strings.Builder
	for _, t := range []struct {
		n    int
		word string
	}{{c.Failed, "failed"}, {c.Refused, "refused"}, {c.Unreachable, "NOT reached"}, {c.TimedOut, "no answer"}, {c.Skipped, "not started"}} {
		if t.n > 0 {
			fmt.Fprintf(&b, " · %d %s", t.n, t.word)
		}
	}
	return b.String()
}

// beside is a first line with the counts of what is not ok. The counts come
// before the words when there is no room for both.
func (c Counts) beside(head string) string {
	room := headWidth - width("✔ ") - width(" · 7f3x")
	counts := c.troublesWithin(room - width(head))
	return cut(head, room-width(counts)) + counts
}

// troublesWithin is troubles in at most limit characters: kinds that a reader
// treats alike are added up when there is no room for each.
func (c Counts) troublesWithin(limit int) string {
	s := c.troubles()
	if width(s) <= limit {
		return s
	}
	c.Unreachable, c.TimedOut = c.Unreachable+c.TimedOut, 0
	if s = c.troubles(); width(s) <= limit {
		return s
	}
	return fmt.Sprintf(" · %d NOT ok", c.Asked-c.OK)
}

// troubles are the lines about everyone who is not ok: worst first, the same
// reason once, with the hosts it holds for (R3). Text of hosts is inside the
// block and cleaned.
func (r report) troubles(s Step, results []Result, write bool) []line {
	type kind struct {
		outcome Outcome
		why     string
	}
	groups := map[kind][]string{}
	var order []kind
	for _, res := range results {
		if res.Outcome == OK {
			continue
		}
		k := kind{res.Outcome, r.reason(res, write)}
		if groups[k] == nil {
			order = append(order, k)
		}
		groups[k] = append(groups[k], res.Host)
	}
	slices.SortStableFunc(order, func(a, b kind) int {
		return cmp.Or(a.outcome.rank()-b.outcome.rank(), len(groups[b])-len(groups[a]), strings.Compare(a.why, b.why))
	})
	var out []line
	if len(results) == 1 { // the first line has said who and how
		if k := order; len(k) == 1 && k[0].why != "" && (k[0].outcome != Unreachable || results[0].apart()) {
			out = append(out, line{text: cut(k[0].why, wideWidth), block: true})
		}
		return out
	}
	var rows [][3]string
	for _, k := range order {
		rows = append(rows, [3]string{fmt.Sprintf("%s %d", k.outcome.loud(write || Result{Outcome: k.outcome, Why: k.why}.apart()), len(groups[k])), k.why, someHosts(groups[k], 60)})
	}
	// In columns where all of it has room beside each other.
	var wide [2]int
	for _, row := range rows {
		if row[1] != "" {
			wide[0], wide[1] = max(wide[0], width(row[0])), max(wide[1], width(row[1]))
		}
	}
	aligned := !slices.ContainsFunc(rows, func(row [3]string) bool { return row[1] != "" && wide[0]+wide[1]+width(row[2])+4 > blockWidth })
	for _, row := range rows {
		switch {
		case aligned && row[1] != "":
			out = append(out, line{text: fmt.Sprintf("%-*s  %-*s  %s", wide[0], row[0], wide[1], row[1], row[2]), block: true})
		case width(row[0])+width(row[1])+width(row[2])+4 <= blockWidth:
			out = append(out, line{text: join(row[0], row[1], row[2]), block: true})
		default:
			out = append(out, line{text: join(row[0], row[2]), block: true})
			if row[1] != "" {
				out = append(out, line{text: "  " + cut(row[1], wideWidth), block: true})
			}
		}
	}
	return out
}

// rank orders outcomes by how much they matter to whoever reads (R5).
func (o Outcome) rank() int {
	return slices.Index([]Outcome{Failed, Refused, NoAnswer, Expired, Unreachable, Skipped, OK}, o)
}

func worstFirst(results []Result) []Result {
	return slices.SortedStableFunc(slices.Values(results), func(a, b Result) int { return a.Outcome.rank() - b.Outcome.rank() })
}

// loud is the outcome as it stands before hosts that are not ok: what was not
// sent to a host says more about the host only if that was what kept it.
func (o Outcome) loud(write bool) string {
	switch {
	case o == Unreachable && !write:
		return "OFFLINE"
	case o == Unreachable:
		return "NOT SENT"
	case o == Skipped:
		return "NOT STARTED"
	case o == Expired:
		return "NOT RUN"
	}
	return strings.ToUpper(o.String())
}

func join(parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), "  ")
}

// reason says why a host is not ok.
func (r report) reason(res Result, write bool) string {
	why := clean(printed(res.Why), wideWidth)
	switch res.Outcome {
	case Failed:
		if why == "" {
			return fmt.Sprintf("fault %d", res.Code)
		}
	case NoAnswer:
		if write {
			if why == "" {
				return "may have run: check"
			}
			return why + " (may have run)"
		}
		return cmp.Or(why, "no answer in "+span(res.Took))
	case Unreachable:
		if !res.Since.IsZero() {
			return "since " + r.w.moment(res.Since)
		}
	case Expired:
		return cmp.Or(why, "arrived too late")
	}
	return why
}

// failedScript is how a host agent begins to say that an init script failed; what
// the script itself printed follows on the next lines.
var failedScript = regexp.MustCompile(`^[a-z]+ of \S+ failed: exit status \d+\n`)

// printed is what a fault says beyond what its reply has said: of a script that
// failed, what it printed.
func printed(why string) string { return failedScript.ReplaceAllString(why, "") }
