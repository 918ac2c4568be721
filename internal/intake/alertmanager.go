package intake

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"adminbot/internal/textsafe"
	"adminbot/workgroups"
)

// A webhook is the body that Alertmanager posts, versions 3 and 4, and what
// Grafana's unified alerting makes of it. Only alerts is needed.
type webhook struct {
	Status            text              `json:"status"`
	Alerts            []json.RawMessage `json:"alerts"`
	CommonLabels      labels            `json:"commonLabels"`
	CommonAnnotations labels            `json:"commonAnnotations"`

	title string // of all of them, where Grafana gives one
}

// A webhookAlert is one alert of a [webhook].
type webhookAlert struct {
	Status       text   `json:"status"`
	Labels       labels `json:"labels"`
	Annotations  labels `json:"annotations"`
	StartsAt     text   `json:"startsAt"`
	EndsAt       text   `json:"endsAt"`
	GeneratorURL text   `json:"generatorURL"`
	Fingerprint  text   `json:"fingerprint"` // not in Alertmanager before 0.19

	// Of Grafana.
	ValueString  text `json:"valueString"`
	DashboardURL text `json:"dashboardURL"`
	PanelURL     text `json:"panelURL"`
	SilenceURL   text `json:"silenceURL"`
}

func readAlertmanager(r *request) ([]workgroups.Report, error) {
	var w webhook
	if err := decode(r.body, &w); err != nil {
		return nil, err
	}
	return w.reports(r.now)
}

func (w *webhook) reports(now time.Time) ([]workgroups.Report, error) {
	switch {
	case w.Alerts == nil:
		return nil, malformed("alerts: is missing")
	case len(w.Alerts) == 0:
		return nil, malformed("alerts: is empty")
	case len(w.Alerts) > MaxAlerts:
		return nil, tooMany(len(w.Alerts))
	}
	all := make([]workgroups.Report, 0, len(w.Alerts))
	group := alertGroup{status: string(w.Status), labels: w.CommonLabels.strings(), notes: w.CommonAnnotations.strings(), title: w.title}
	err := each("alerts", w.Alerts, func(_ int, a *webhookAlert) error {
		r, err := a.report(&group, now)
		all = append(all, r)
		return err
	})
	return all, err
}

// tooMany refuses a body with more alerts than are taken at once.
func tooMany(n int) error {
	return refusal(http.StatusRequestEntityTooLarge, "%d alerts in one request, %d are allowed\nhint: max_alerts in Alertmanager", n, MaxAlerts)
}

// An alertGroup is what the alerts of a body have in common. It stands in for
// what an alert leaves out, but never makes its fingerprint: which alerts come
// together changes.
type alertGroup struct {
	status        string
	labels, notes map[string]string
	title         string
}

func (a *webhookAlert) report(group *alertGroup, now time.Time) (workgroups.Report, error) {
	own, about := a.Labels.strings(), a.Annotations.strings()
	common, notes := group.labels, group.notes
	r := workgroups.Report{
		Fingerprint: first(string(a.Fingerprint)),
		Labels:      own,
		Severity:    severityIn(own, about, common, notes),
		Host:        hostOf(own, common),
	}
	if r.Fingerprint == "" {
		r.Fingerprint = hashLabels(own)
	}
	var ends time.Time
	var err error
	if r.Starts, err = timeOf("startsAt", a.StartsAt); err != nil {
		return r, err
	}
	if ends, err = timeOf("endsAt", a.EndsAt); err != nil {
		return r, err
	}
	switch state := strings.ToLower(first(string(a.Status), group.status)); state {
	case "firing":
	case "resolved":
		r.Resolved = true
	case "": // of a sender who leaves it to the times
		r.Resolved = ends.Year() > 1 && !ends.After(now)
	default:
		return r, malformed("status: %q is neither firing nor resolved", textsafe.Line(state, 40))
	}
	description := first(about["description"], notes["description"])
	r.Summary = first(about["summary"], about["title"], about["message"], notes["summary"], own["alertname"], description, group.title, common["alertname"])
	switch {
	case r.Summary != "":
	case len(own) > 0:
		r.Summary = "alert without a name"
	default:
		return r, malformed("it has neither labels nor annotations")
	}
	if description == r.Summary {
		description = ""
	}
	runbook := first(about["runbook_url"], about["runbook"], notes["runbook_url"])
	r.Details = paragraphs(description, note("value", string(a.ValueString)), note("runbook", runbook),
		note("dashboard", string(a.DashboardURL)), note("panel", string(a.PanelURL)), note("graph", string(a.GeneratorURL)), note("silence", string(a.SilenceURL)))
	return r, nil
}
