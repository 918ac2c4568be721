package bot

import (
	"cmp"
	"fmt"
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
	rank := map[Outcome]int{Failed: 0, Refused: 1, NoAnswer: 2, Expired: 3, Unreachable: 4, Skipped: 5}
	slices.SortStableFunc(order, func(a, b kind) int {
		return cmp.Or(rank[a.outcome]-rank[b.outcome], len(groups[b])-len(groups[a]), strings.Compare(a.why, b.why))
	})
	var out []line
	if len(results) == 1 { // the first line has said who and how
		if k := order; len(k) == 1 && k[0].why != "" && k[0].outcome != Unreachable {
			out = append(out, line{cut(k[0].why, wideWidth), true})
		}
		return out
	}
	for _, k := range order {
		word := strings.ToUpper(k.outcome.String())
		switch {
		case k.outcome == Unreachable && !write:
			word = "OFFLINE"
		case k.outcome == Unreachable:
			word = "NOT SENT"
		case k.outcome == Skipped:
			word = "NOT STARTED"
		case k.outcome == Expired:
			word = "NOT RUN"
		}
		head := fmt.Sprintf("%s %d", word, len(groups[k]))
		hosts := someHosts(groups[k], 60)
		if width(head)+width(k.why)+width(hosts)+4 <= blockWidth {
			out = append(out, line{join(head, k.why, hosts), true})
			continue
		}
		out = append(out, line{join(head, hosts), true})
		if k.why != "" {
			out = append(out, line{"  " + cut(k.why, wideWidth), true})
		}
	}
	return out
}

func join(parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), "  ")
}

// reason says why a host is not ok.
func (r report) reason(res Result, write bool) string {
	why := clean(res.Why, wideWidth)
	switch res.Outcome {
	case Failed:
		if why == "" {
			return fmt.Sprintf("fault %d", res.Code)
		}
	case NoAnswer:
		if write {
			return cmp.Or(why, "no answer in "+span(res.Took)) + " (may have run)"
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
