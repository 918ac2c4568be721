package bot

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"strings"

	"mellium.im/xmpp/jid"

	"adminbot/grammar"
	"adminbot/internal/alertrpc"
	"adminbot/rpc"
)

// Alerts is the alert service. [alertrpc.Client] is one. Ask calls one of its
// methods on behalf of a person.
type Alerts interface {
	Ask(ctx context.Context, actor jid.JID, method string, args map[string]any) (rpc.Value, error)
}

// Bounds of one answer.
const (
	maxListed    = 20 // alerts
	maxInstances = 12 // of one alert
	maxEntries   = 14 // of a timeline
)

// alertTalk reads the few sentences that people on call say, whatever the
// vocabulary: what follows the number, or a colon, is their own words.
func (t *turn) alertTalk() (grammar.Command, bool) {
	line := strings.TrimSpace(t.line)
	if m := alertShown.FindStringSubmatch(line); m != nil {
		return grammar.Command{Method: alertrpc.Show.Name, Args: map[string]any{"id": m[1] + m[2]}}, true
	}
	verb, id, words := "", "", ""
	if m := alertNumber.FindStringSubmatch(line); m != nil {
		verb, id, words = m[1], m[2], m[3]
	} else if m := alertAlone.FindStringSubmatch(line); m != nil && t.u.Room.Equal(jid.JID{}) {
		verb, id, words = m[1], t.alertBefore(), m[2]
	}
	args := map[string]any{}
	if id != "" { // else the alert service knows which is theirs
		args["id"] = id
	}
	words = strings.TrimSpace(words)
	switch verb = strings.ToLower(verb); {
	case verb == "", verb == "take" && words != "", verb == "note" && words == "":
		return grammar.Command{}, false
	case verb == "note":
		args["text"] = words
	case words != "":
		args["reason"] = words
	}
	return grammar.Command{Method: alertVerbs[verb], Args: args}, true
}

var (
	alertVerbs = map[string]string{
		"take": alertrpc.Accept.Name, "pass": alertrpc.Reject.Name, "ack": alertrpc.Ack.Name,
		"resolve": alertrpc.Resolve.Name, "note": alertrpc.Note.Name,
	}
	alertNumber = regexp.MustCompile(`(?i)^(take|pass|ack|resolve|note) +#?([1-9][0-9]{0,8})(?:[:,]? +(.{1,900}))?$`)
	alertAlone  = regexp.MustCompile(`(?i)^(take|pass|ack|resolve|note)(?: +(?:it|this))?[.!]?(?:[:,] *(.{1,900}))?$`)
	alertShown  = regexp.MustCompile(`(?i)^(?:(?:who +(?:has|owns)|(?:timeline|history|story) +(?:of|for)) +(?:alert +)?#?([1-9][0-9]{0,8})|what(?:'s| +is| +has)? +(?:happen(?:ed|ing)|going +on|up|new) +(?:to|with|on) +alert +#?([1-9][0-9]{0,8})) *\??$`)
)

// alertBefore is the number of the alert that the line before was about; "" if it
// was about something else.
func (t *turn) alertBefore() string {
	if n := len(t.before.readings); n > 0 {
		for _, c := range t.before.readings[n-1].Commands {
			if id, ok := c.Args["id"].(string); ok && strings.HasPrefix(c.Method, "alert.") {
				return id
			}
		}
	}
	return ""
}

// askAlerts has the alert service do what a person says, if the bot's policy lets
// them.
func (b *Bot) askAlerts(ctx context.Context, t *turn, s *Step) error {
	if b.cfg.Alerts == nil {
		return t.say(tell(ExitNotUnderstood, "✖ There is no alert service here. Nothing was run.", "hint: workgroups.domain in the bot's configuration"))
	}
	plan, v, answered, err := b.judgeOwn(ctx, t, s, t.line)
	if answered {
		return err
	}
	if err := b.record(ctx, t, plan, v, "run", ""); err != nil {
		return t.say(tell(ExitMixed, notAudited), err)
	}
	value, err := b.cfg.Alerts.Ask(ctx, t.person, s.Method, alertArgs(s))
	if err != nil {
		return t.say(alertTrouble(err))
	}
	text, err := alertText(s.Method, value, t.w)
	if err != nil {
		return t.say(tell(ExitMixed, "✖ The alert service's answer can't be read."), err)
	}
	if s.Changes() && t.aliased { // nothing asked for a yes: this is what the words stood for
		text = append(text, "= "+clean(s.Sentence, 200))
	}
	return t.say(tell(ExitOK, text...))
}

// alertArgs are the arguments of a step, with its hosts.
func alertArgs(s *Step) map[string]any {
	if len(s.Hosts) == 0 {
		return s.Args
	}
	args := maps.Clone(s.Args)
	args["hosts"] = s.Hosts
	return args
}

// alertTrouble says why the alert service did nothing.
func alertTrouble(err error) Reply {
	var fault *rpc.Fault
	switch {
	case errors.As(err, &fault) && fault.Code == rpc.FaultDenied:
		return tell(ExitRefused, "⛔ "+capital(clean(fault.Message, 300))+".", "Nothing was done.")
	case errors.As(err, &fault):
		return tell(ExitMixed, "✖ "+capital(clean(fault.Message, 300))+".")
	case !rpc.Sent(err):
		return tell(ExitNoAnswer, "✖ The alert service can't be reached. Nothing was done.")
	}
	return tell(ExitNoAnswer, "✖ The alert service does not answer.")
}

// alertText is an answer of the alert service as people read it.
func alertText(method string, v rpc.Value, w when) ([]string, error) {
	switch method {
	case alertrpc.List.Name:
		return decoded(v, func(r alertrpc.ListResult) []string { return listedAlerts(r, w) })
	case alertrpc.Show.Name:
		return decoded(v, func(r alertrpc.ShowResult) []string { return shownAlert(r, w) })
	case alertrpc.Figures.Name:
		return decoded(v, func(r alertrpc.FiguresResult) []string { return figures(r, w) })
	case alertrpc.OnCallWho.Name:
		return decoded(v, func(r alertrpc.OnCallResult) []string { return onCall(r, w) })
	case alertrpc.OnCallOverride.Name:
		return decoded(v, func(r alertrpc.OverrideResult) []string {
			return []string{fmt.Sprintf("✔ %s in %s", shiftText(r.OnCall, w), r.Workgroup)}
		})
	case alertrpc.Silence.Name:
		return decoded(v, func(r alertrpc.SilenceResult) []string { return silenced(r, w) })
	case alertrpc.Silences.Name:
		return decoded(v, func(r alertrpc.SilencesResult) []string { return listedSilences(r, w) })
	case alertrpc.WorkgroupList.Name:
		return decoded(v, listedWorkgroups)
	case alertrpc.WorkgroupJoin.Name, alertrpc.WorkgroupLeave.Name:
		return decoded(v, onDuty)
	case alertrpc.WorkgroupStatus.Name:
		return decoded(v, func(r alertrpc.WorkgroupStatusResult) []string { return workgroupStanding(r, w) })
	}
	return decoded(v, func(r alertrpc.AnswerResult) []string { return answeredAlert(method, r.Alert) })
}

// decoded is the text of a result.
func decoded[R any](v rpc.Value, text func(R) []string) ([]string, error) {
	var r R
	if err := v.DecodeKnown(&r); err != nil {
		return nil, err
	}
	return text(r), nil
}

// answeredAlert says what became of an alert by what somebody did.
func answeredAlert(method string, a alertrpc.Alert) []string {
	head := fmt.Sprintf("✔ Alert %d ", a.ID)
	switch method {
	case alertrpc.Accept.Name, alertrpc.Ack.Name:
		return []string{head + "is yours", alertTitle(a), fmt.Sprintf("resolve %d what was done · pass %d", a.ID, a.ID)}
	case alertrpc.Reject.Name:
		return []string{head + "goes to somebody else"}
	case alertrpc.Note.Name:
		return []string{head + "has your note"}
	case alertrpc.Transfer.Name:
		return []string{head + "is offered to whom you named"}
	}
	return []string{head + "is resolved"}
}

func alertTitle(a alertrpc.Alert) string {
	parts := []string{a.Severity}
	if a.Host != "" {
		parts = append(parts, clean(a.Host, 60))
	}
	title := strings.Join(append(parts, clean(a.Summary, 120)), " · ")
	if n := a.More(); n > 0 {
		title += fmt.Sprintf(" and %d more", n)
	}
	return title
}

// whose says who looks after an alert.
func whose(a alertrpc.Alert) string {
	switch {
	case a.EndedBy != "":
		return a.State + " by " + a.EndedBy
	case a.Owner != "" && a.State == "assigned":
		return a.Owner + " has it"
	case a.State == "open":
		return "nobody has it"
	}
	return a.State
}

func listedAlerts(r alertrpc.ListResult, w when) []string {
	if r.Total == 0 {
		return []string{"✔ No alerts are open"}
	}
	lines := []string{"✔ " + plural(r.Total, "alert") + " open"}
	for _, a := range r.Alerts[:min(len(r.Alerts), maxListed)] {
		lines = append(lines, fmt.Sprintf("%d  %s · %s · since %s", a.ID, alertTitle(a), whose(a), w.moment(a.Starts)))
	}
	if more := r.Total - len(lines) + 1; more > 0 {
		lines = append(lines, fmt.Sprintf("and %d more", more))
	}
	return lines
}

func shownAlert(r alertrpc.ShowResult, w when) []string {
	a := r.Alert
	lines := []string{fmt.Sprintf("✔ Alert %d: %s", a.ID, whose(a)), alertTitle(a)}
	lines = append(lines, cleanLines(a.Details, 10, 200)...)
	if a.LeftOut != "" {
		lines = append(lines, "left out: "+clean(a.LeftOut, 100))
	}
	lines = append(lines, fmt.Sprintf("since %s, from %s, in %s", w.moment(a.Starts), clean(a.Source, 80), a.Workgroup))
	if took := tookUntil(a); took != "" {
		lines = append(lines, took)
	}
	lines = append(lines, instances(r)...)
	for _, e := range r.Timeline[max(0, len(r.Timeline)-maxEntries):] {
		line := w.clock(float64(e.At.Unix())) + "  " + e.What
		if e.Who != "" {
			line += " " + clean(e.Who, 80)
		}
		if e.Text != "" {
			line += ": " + clean(e.Text, 200)
		}
		lines = append(lines, line)
	}
	return lines
}

// instances are the first few things that a grouped alert is about.
func instances(r alertrpc.ShowResult) []string {
	a := r.Alert
	if a.Instances == 0 {
		return nil
	}
	head := fmt.Sprintf("%d of %d are not over", a.Firing, a.Instances)
	if !a.Ended.IsZero() {
		head = fmt.Sprintf("%d in all", a.Instances)
	}
	lines := []string{head + " (" + clean(a.GroupedBy, 120) + ")"}
	for _, i := range r.Instances[:min(len(r.Instances), maxInstances)] {
		line := alertTitle(alertrpc.Alert{Severity: i.Severity, Host: i.Host, Summary: i.Summary})
		if !i.Over.IsZero() {
			line += " · over"
		}
		lines = append(lines, line)
	}
	if more := a.Instances - len(lines) + 1; more > 0 {
		lines = append(lines, fmt.Sprintf("and %d more", more))
	}
	return lines
}

func listedWorkgroups(r alertrpc.WorkgroupListResult) []string {
	lines := []string{"✔ " + plural(len(r.Workgroups), "workgroup")}
	for _, g := range r.Workgroups {
		lines = append(lines, fmt.Sprintf("%s  %d wait, %d taken, %d there", g.Name, g.Waiting, g.Assigned, g.Here))
	}
	return lines
}

func onDuty(r alertrpc.DutyResult) []string {
	if r.OnDuty {
		return []string{"✔ " + r.Workgroup + " asks you to take alerts, by chat, until you say: leave " + r.Workgroup}
	}
	return []string{"✔ " + r.Workgroup + " does not ask you any more", "What you have taken stays yours."}
}

func workgroupStanding(r alertrpc.WorkgroupStatusResult, w when) []string {
	g := r.Workgroup
	head := fmt.Sprintf("✔ %s: %d wait, %d taken, %d there", g.Name, g.Waiting, g.Assigned, g.Here)
	if !g.Oldest.IsZero() {
		head += ", the oldest since " + w.moment(g.Oldest)
	}
	lines := []string{head}
	for _, a := range r.Agents {
		show := a.Show
		switch {
		case !a.Here:
			show = "not there"
		case show == "":
			show = "available"
		}
		lines = append(lines, fmt.Sprintf("%s  %s, has %d of %d", clean(a.JID, 80), show, a.Alerts, a.Max))
	}
	if more := r.Total - len(r.Agents); more > 0 {
		lines = append(lines, fmt.Sprintf("and %d more", more))
	}
	return lines
}
