package intake

import (
	"encoding/json"
	"fmt"
	"maps"
	"mime"
	"regexp"
	"slices"
	"strings"

	"adminbot/internal/textsafe"
	"adminbot/workgroups"
)

// A grafanaBody is what Grafana posts: a [webhook] with more around it since
// unified alerting, or one rule with its state before. Test messages may have a
// title and a message alone.
type grafanaBody struct {
	webhook
	Title   text `json:"title"`
	Message text `json:"message"`
	State   text `json:"state"`

	// Before unified alerting.
	OrgID       text              `json:"orgId"`
	RuleID      text              `json:"ruleId"`
	RuleName    text              `json:"ruleName"`
	RuleURL     text              `json:"ruleUrl"`
	EvalMatches []json.RawMessage `json:"evalMatches"`
	Tags        json.RawMessage   `json:"tags"`
}

// A match is a series that made a rule fire.
type match struct {
	Metric text            `json:"metric"`
	Value  text            `json:"value"`
	Tags   json.RawMessage `json:"tags"`
}

func readGrafana(r *request) ([]workgroups.Report, error) {
	if kind, _, _ := mime.ParseMediaType(r.http.Header.Get("Content-Type")); kind == "text/plain" {
		return readGeneric(r) // a payload that somebody wrote for themselves
	}
	var g grafanaBody
	if err := decode(r.body, &g); err != nil {
		return nil, err
	}
	title, tag := untagged(string(g.Title))
	switch {
	case g.Alerts != nil:
		g.title = title
		return g.reports(r.now)
	case g.RuleName != "" || g.RuleID != "" || g.EvalMatches != nil:
		return g.rule(title)
	case title == "" && g.Message == "":
		return nil, malformed("neither alerts nor ruleName nor title: this is nothing that Grafana sends")
	}
	rep := workgroups.Report{
		Summary: first(title, string(g.Message)), Details: string(g.Message), Labels: g.CommonLabels.strings(),
		Resolved: over(first(string(g.Status), string(g.State), tag)),
	}
	rep.Host, rep.Severity = hostOf(rep.Labels), severityIn(rep.Labels)
	return []workgroups.Report{rep}, nil
}

// rule reads what is one rule. It may be true of several series, and is over when
// it is over for all of them: so it is one alert.
func (g *grafanaBody) rule(title string) ([]workgroups.Report, error) {
	r := workgroups.Report{Summary: first(string(g.RuleName), title, string(g.Message)), Labels: looseLabels(g.Tags)}
	switch state := strings.ToLower(string(g.State)); state {
	case "alerting", "no_data", "":
	case "ok":
		r.Resolved = true
	case "pending", "paused", "unknown":
		return nil, nil
	default:
		return nil, malformed("state: %q is none of alerting, ok, no_data, paused, pending", textsafe.Line(state, 40))
	}
	if g.RuleID != "" && g.RuleID != "0" {
		r.Fingerprint = fmt.Sprintf("grafana rule %s/%s", first(string(g.OrgID), "1"), g.RuleID)
	} else {
		r.Fingerprint = "grafana rule " + hash(string(g.RuleName)+"\n"+string(g.RuleURL))
	}
	var values []string
	var common map[string]string // labels that all series have
	err := each("evalMatches", g.EvalMatches, func(i int, m *match) error {
		values = append(values, note(first(string(m.Metric), "value"), string(m.Value)))
		tags := looseLabels(m.Tags)
		if i == 0 {
			common = maps.Clone(tags)
			r.Host = hostOf(tags)
		}
		maps.DeleteFunc(common, func(name, value string) bool { return tags[name] != value })
		return nil
	})
	if err != nil {
		return nil, err
	}
	if r.Labels == nil {
		r.Labels = map[string]string{}
	}
	for _, name := range slices.Sorted(maps.Keys(common)) {
		if _, there := r.Labels[name]; !there {
			r.Labels[name] = common[name]
		}
	}
	r.Severity = severityIn(r.Labels)
	r.Host = first(hostOf(r.Labels), r.Host)
	r.Details = paragraphs(string(g.Message), paragraphs(values...), note("rule", string(g.RuleURL)))
	return []workgroups.Report{r}, nil
}

// looseLabels reads labels where a sender may also put something else, as Grafana
// does with an empty string.
func looseLabels(raw json.RawMessage) map[string]string {
	var l labels
	if json.Unmarshal(raw, &l) != nil {
		return nil
	}
	return l.strings()
}

// stateTag is what senders put before a title to say how things are: [FIRING:1],
// [RESOLVED], [OK].
var stateTag = regexp.MustCompile(`(?i)^\s*\[(firing|alerting|problem|no data|resolved|recovery|recovered|ok|closed?)(?::\s*\d+)?(?:,\s*\w+:\s*\d+)?\]\s*`)

// untagged is a title without its tag, and the tag.
func untagged(title string) (rest, tag string) {
	if m := stateTag.FindStringSubmatch(title); m != nil {
		return strings.TrimSpace(title[len(m[0]):]), strings.ToLower(m[1])
	}
	return strings.TrimSpace(title), ""
}
