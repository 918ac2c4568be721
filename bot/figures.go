package bot

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"adminbot/grammar"
	"adminbot/internal/alertrpc"
)

// figuresOf are the sentences that ask how long it takes until alerts are taken and
// resolved.
var figuresOf = regexp.MustCompile(`(?i)^(?:show +|what +(?:is|was|are|were) +|what's +)?(?:the +|our +)?(?:mtta|mttr|mtta +and +mttr|alert +(?:figures|statistics|stats))` +
	`(?: +(?:of|for|in) +(?:the +)?([a-z][\w.-]*))??(?: +(today|yesterday|this +week|last +week|this +month|last +month|(?:(?:in|of|for) +)?(?:the +)?(?:last|past) +([1-9][0-9]{0,2}) +(hour|day|week)s?))? *\??$`)

// figures reads such a sentence. Without a period it is the last seven days.
func (t *turn) figures() (grammar.Command, bool) {
	m := figuresOf.FindStringSubmatch(t.line)
	if m == nil {
		return grammar.Command{}, false
	}
	zone := t.w.zone
	if zone == nil {
		zone = time.UTC
	}
	from, until := period(t.now.In(zone), strings.ToLower(strings.Join(strings.Fields(m[2]), " ")), m[3], strings.ToLower(m[4]))
	c := grammar.Command{Method: alertrpc.Figures.Name, Args: map[string]any{"from": from.UTC()}}
	if !until.IsZero() {
		c.Args["until"] = until.UTC()
	}
	if m[1] != "" {
		c.Args["workgroup"] = m[1]
	}
	return c, true
}

// period is from when until when; a zero until is now. Weeks begin on Monday.
func period(now time.Time, words, n, unit string) (from, until time.Time) {
	today := time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, now.Location())
	monday := today.AddDate(0, 0, -(int(today.Weekday())+6)%7)
	first := today.AddDate(0, 0, 1-today.Day())
	count, _ := strconv.Atoi(n) // digits only
	switch {
	case words == "today":
		return today, until
	case words == "yesterday":
		return today.AddDate(0, 0, -1), today
	case words == "this week":
		return monday, until
	case words == "last week":
		return monday.AddDate(0, 0, -7), monday
	case words == "this month":
		return first, until
	case words == "last month":
		return first.AddDate(0, -1, 0), first
	case unit == "hour":
		return now.Add(-time.Duration(count) * time.Hour), until
	case unit == "day":
		return now.AddDate(0, 0, -count), until
	case unit == "week":
		return now.AddDate(0, 0, -7*count), until
	}
	return now.AddDate(0, 0, -7), until
}

// figures says how many alerts there were, and how long they took.
func figures(r alertrpc.FiguresResult, w when) []string {
	since := "since " + w.moment(r.From)
	if w.now.Sub(r.Until) > time.Minute {
		since = "from " + w.moment(r.From) + " until " + w.moment(r.Until)
	}
	if r.Raised == 0 {
		return []string{"✔ No alerts " + since}
	}
	mean := func(name string, seconds float64, n int, done string) string {
		if n == 0 {
			return name + "  none " + done
		}
		return fmt.Sprintf("%s  %s (%d %s)", name, span(time.Duration(seconds*float64(time.Second)).Round(time.Second)), n, done)
	}
	lines := []string{
		"✔ " + plural(r.Raised, "alert") + " " + since,
		mean("MTTA", r.ToAccept, r.Accepted, "taken"),
		mean("MTTR", r.ToResolve, r.Resolved, "resolved"),
	}
	if open := r.Raised - r.Resolved - r.Expired; open > 0 {
		lines = append(lines, fmt.Sprintf("%d open", open))
	}
	return lines
}

// tookUntil says how long it took until an alert was taken, and resolved.
func tookUntil(a alertrpc.Alert) string {
	var parts []string
	for _, p := range []struct {
		what string
		at   time.Time
	}{{"taken", a.Accepted}, {a.State, a.Ended}} {
		if !p.at.IsZero() {
			parts = append(parts, p.what+" after "+span(p.at.Sub(a.Raised).Round(time.Second)))
		}
	}
	return strings.Join(parts, ", ")
}
