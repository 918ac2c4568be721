package bot

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"mellium.im/xmpp/jid"

	"adminbot/grammar"
	"adminbot/internal/alertrpc"
)

var (
	takeover    = regexp.MustCompile(`(?i)^(\S+) +(?:takes? over|covers?) +(?:(?:for|in) +(\S+) +)?(?:until|till) +(.{1,60}?)[.!]?$`)
	takeoverEnd = regexp.MustCompile(`(?i)^(?:end|cancel) +(?:the +)?(?:override|takeover)(?: +(?:for|in|of) +(\S+?))?[.!]?$`)
)

// takeover reads "bob takes over until 6pm" and "end the override". The time is
// read by the grammar, as that of a question who is on call then.
func (t *turn) takeover() (grammar.Command, bool) {
	c := grammar.Command{Method: "oncall.override", Args: map[string]any{}}
	if m := takeoverEnd.FindStringSubmatch(t.line); m != nil {
		if m[1] != "" {
			c.Args["workgroup"] = m[1]
		}
		return c, true
	}
	m := takeover.FindStringSubmatch(t.line)
	if m == nil {
		return c, false
	}
	who, ok := t.someone(m[1])
	if !ok {
		return c, false
	}
	then := t.fleet.Lexicon.Parse(nil, "who is on call at "+m[3], t.now)
	if then.Status != grammar.OK || len(then.Commands) != 1 || then.Commands[0].Method != "oncall.who" {
		return c, false
	}
	until, timed := then.Commands[0].Args["at"]
	if !timed || len(then.Commands[0].Args) != 1 {
		return c, false
	}
	c.Args["who"], c.Args["until"] = who, until
	if m[2] != "" {
		c.Args["workgroup"] = m[2]
	}
	return c, true
}

// someone finds the person that a word means.
func (t *turn) someone(word string) (address string, ok bool) {
	if strings.EqualFold(word, "i") {
		return t.person.String(), true
	}
	for _, p := range t.fleet.Inventory.People {
		if name, _, _ := strings.Cut(p, "@"); strings.EqualFold(word, p) || strings.EqualFold(word, name) {
			return p, true
		}
	}
	if j, err := jid.Parse(word); err == nil && j.Localpart() != "" && j.Resourcepart() == "" {
		return j.String(), true
	}
	return "", false
}

// onCall says who is on call. The first schedule is the first line.
func onCall(r alertrpc.OnCallResult, w when) []string {
	if len(r.OnCall) == 0 {
		return []string{"✔ " + r.Workgroup + " has no schedule: everybody there is asked"}
	}
	var lines []string
	for i, s := range r.OnCall {
		line := shiftText(s, w)
		if i == 0 {
			line = "✔ " + line + " in " + r.Workgroup
		} else {
			line = s.Schedule + "  " + line
		}
		lines = append(lines, line)
	}
	if first := r.OnCall[:min(len(r.OnCall), 1)]; len(first) > 0 && first[0].Who != "" {
		lines = append(lines, clean(first[0].Reason, 120))
	}
	return lines
}

// shiftText is who has a shift, and until when.
func shiftText(s alertrpc.Shift, w when) string {
	text := "nobody is on call"
	if s.Who != "" {
		text = clean(s.Who, 80) + " is on call"
	}
	if s.Since.Sub(w.now) >= time.Minute { // what begins with the answer has begun
		text += " from " + w.moment(s.Since)
	}
	if !s.Until.IsZero() {
		text += " until " + w.moment(s.Until)
	}
	return text
}

// listedSilences are the silences that have not ended.
func listedSilences(r alertrpc.SilencesResult, w when) []string {
	if len(r.Silences) == 0 {
		return []string{"✔ Nothing is silenced"}
	}
	lines := []string{"✔ " + plural(max(r.Total, len(r.Silences)), "silence")}
	for _, s := range r.Silences[:min(len(r.Silences), maxListed)] {
		line := clean(strings.TrimPrefix(s.Match, "host="), 80)
		if s.Since.After(w.now) {
			line += " from " + w.moment(s.Since)
		}
		line += " until " + w.moment(s.Until) + ", by " + clean(s.By, 80)
		if s.Reason != "" {
			line += ": " + clean(s.Reason, 120)
		}
		lines = append(lines, line)
	}
	if more := max(r.Total, len(r.Silences)) - len(lines) + 1; more > 0 {
		lines = append(lines, fmt.Sprintf("and %d more", more))
	}
	return lines
}

// silenced says what nobody is asked about.
func silenced(r alertrpc.SilenceResult, w when) []string {
	var all []string
	for _, s := range r.Silences {
		all = append(all, clean(strings.TrimPrefix(s.Match, "host="), 80))
	}
	shown := foldHosts(all)
	if more := r.Total - len(all); more > 0 {
		shown += fmt.Sprintf(" and %d more", more)
	}
	switch {
	case r.Ended:
		return []string{"✔ silence ended on " + shown}
	case len(r.Silences) == 0:
		return []string{"✔ nothing to silence"}
	}
	lines := []string{fmt.Sprintf("✔ %s silenced until %s", shown, w.moment(r.Silences[0].Until)), "Alerts about it are kept and counted; nobody is asked."}
	if len(all) > 1 {
		lines[1] = "Alerts about them are kept and counted; nobody is asked."
	}
	return lines
}
