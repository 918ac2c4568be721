package workgroups

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"mellium.im/xmpp/jid"

	"adminbot/internal/xmpp/form"
	"adminbot/workgroups/oncall"
)

// verbs are the commands of a workgroup, in the order in which they are listed.
var verbs = []verb{
	{"list", "List alerts", nil, says("list")},
	{"take", "Take an alert", []ask{alertThat(isFree, "Nothing waits to be taken.")}, says("take")},
	{"pass", "Decline or give back an alert", []ask{alertThat(isHeld, "No alert is offered to you, and you have none."), why("Why?")}, says("pass")},
	{"ack", "Say that you are at an alert", []ask{alertThat(isFreeOrOwned, "Nothing waits, and you have no alert.")}, says("ack")},
	{"resolve", "Resolve an alert", []ask{alertThat(isAny, "There are no alerts."), why("What was done?")}, says("resolve")},
	{"show", "Show an alert", []ask{alertThat(isAny, "There are no alerts.")}, says("show")},
	{"silence", "Silence alerts", []ask{askSilence}, silenceBy},
	{"oncall", "Who is on call", nil, says("oncall")},
	{"takeover", "Take over on call", []ask{askTakeover}, takeOver},
	{"join", "Be asked here", nil, says("join")},
	{"leave", "Not be asked here any more", nil, says("leave")},
}

// says has a verb do what it does in chat.
func says(verb string) func(context.Context, *Service, *Workgroup, jid.JID, map[string]string) string {
	return func(ctx context.Context, s *Service, g *Workgroup, who jid.JID, values map[string]string) string {
		id, _ := strconv.ParseInt(values["alert"], 10, 64) // one of the options, which are numbers
		answer := s.hear(ctx, g, who, said{verb: verb, id: id, text: values["note"]})
		if answer == "" { // in chat the invitation says it
			answer = fmt.Sprintf("Alert %d is yours.", id)
		}
		return answer
	}
}

// A chooser says whether an alert is one to choose.
type chooser func(a *Alert, held map[int64]bool) bool

func isAny(*Alert, map[int64]bool) bool                { return true }
func isFree(a *Alert, _ map[int64]bool) bool           { return a.waiting() }
func isHeld(a *Alert, held map[int64]bool) bool        { return held[a.ID] }
func isFreeOrOwned(a *Alert, held map[int64]bool) bool { return a.waiting() || held[a.ID] }

// maxChoices bounds the alerts to choose from.
const maxChoices = 50

// alertThat asks which alert is meant.
func alertThat(is chooser, none string) ask {
	return func(ctx context.Context, s *Service, g *Workgroup, who jid.JID, _ map[string]string) (form.Form, string) {
		all, err := s.Alerts(ctx, g.Name)
		if err != nil {
			return form.Form{}, s.sorry(0, err)
		}
		offers, owned, err := s.held(ctx, g, who)
		if err != nil {
			return form.Form{}, s.sorry(0, err)
		}
		held := map[int64]bool{}
		for _, id := range slices.Concat(offers, owned) {
			held[id] = true
		}
		field := form.Field{Var: "alert", Type: "list-single", Label: "Alert", Required: true}
		for i := range all {
			if is(&all[i], held) && len(field.Options) < maxChoices {
				field.Options = append(field.Options, form.Option{Label: cut(itoa(all[i].ID)+" · "+all[i].title(), 120), Value: itoa(all[i].ID)})
			}
		}
		switch len(field.Options) {
		case 0:
			return form.Form{}, none
		case 1:
			field.Values = []string{field.Options[0].Value}
		}
		return form.Form{Fields: []form.Field{field}}, ""
	}
}

// why asks for a few words about the alert that was chosen.
func why(label string) ask {
	return func(ctx context.Context, s *Service, _ *Workgroup, _ jid.JID, values map[string]string) (form.Form, string) {
		id, _ := strconv.ParseInt(values["alert"], 10, 64) // one of the options
		a, _, err := s.Alert(ctx, id)
		if err != nil {
			return form.Form{}, s.sorry(id, err)
		}
		return form.Form{Instructions: fmt.Sprintf("Alert %d · %s", a.ID, a.title()), Fields: []form.Field{{Var: "note", Type: "text-multi", Label: label}}}, ""
	}
}

// spans are the times to choose from.
func spans(name, label string, all ...time.Duration) form.Field {
	field := form.Field{Var: name, Type: "list-single", Label: label, Required: true}
	for _, d := range all {
		text := fmt.Sprintf("%d hours", d/time.Hour)
		if d < 2*time.Hour {
			text = fmt.Sprintf("%d minutes", d/time.Minute)
		}
		field.Options = append(field.Options, form.Option{Label: text, Value: seconds(d)})
	}
	field.Values = []string{field.Options[0].Value}
	return field
}

// span reads one of them.
func span(value string) time.Duration {
	n, _ := strconv.Atoi(value) // one of the options
	return time.Duration(n) * time.Second
}

func (s *Service) may(who jid.JID, method string) error {
	if s.cfg.May == nil {
		return nil
	}
	return s.cfg.May(who, method)
}

func askSilence(_ context.Context, s *Service, _ *Workgroup, who jid.JID, _ map[string]string) (form.Form, string) {
	if err := s.may(who, "alert.silence"); err != nil {
		return form.Form{}, s.sorry(0, err)
	}
	return form.Form{
		Instructions: "Nobody is asked about alerts that are like this. They are there all the same.",
		Fields: []form.Field{
			{Var: "host", Type: "text-single", Label: "Host"},
			{Var: "match", Type: "text-multi", Label: "And also", Desc: "one a line: role=db, severity!=critical, host=~web.*"},
			spans("for", "For", 30*time.Minute, time.Hour, 4*time.Hour, 12*time.Hour, 24*time.Hour, 72*time.Hour),
			{Var: "note", Type: "text-single", Label: "Why?"},
		},
	}, ""
}

// silenceBy makes the silence that a form describes.
func silenceBy(ctx context.Context, s *Service, g *Workgroup, who jid.JID, values map[string]string) string {
	if err := s.may(who, "alert.silence"); err != nil {
		return s.sorry(0, err)
	}
	var match []Matcher
	if host := values["host"]; host != "" {
		match = append(match, Matcher{Name: "host", Value: host})
	}
	for line := range strings.Lines(values["match"]) {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		m, err := ParseMatcher(line)
		if err != nil {
			return s.sorry(0, err)
		}
		match = append(match, m)
	}
	if len(match) == 0 {
		return "Which alerts? Nothing was done: name a host, or what else they have in common."
	}
	now := s.cfg.Now().UTC()
	made, err := s.Silence(ctx, Silence{Workgroup: g.Name, Match: match, From: now, Until: now.Add(span(values["for"])), By: who.String(), Reason: values["note"]})
	if err != nil {
		return s.sorry(0, err)
	}
	return fmt.Sprintf("Nobody is asked about %s until %s.", made[0].String(), made[0].Until.Format("2006-01-02 15:04 MST"))
}

func askTakeover(_ context.Context, s *Service, g *Workgroup, who jid.JID, _ map[string]string) (form.Form, string) {
	if err := s.may(who, "oncall.override"); err != nil {
		return form.Form{}, s.sorry(0, err)
	}
	if len(g.Schedules) == 0 {
		return form.Form{}, noSchedule
	}
	f := form.Form{Instructions: "You are on call in the place of whoever is, from now on."}
	if len(g.Schedules) > 1 {
		field := form.Field{Var: "schedule", Type: "list-single", Label: "Schedule", Required: true, Values: []string{g.Schedules[0].Name}}
		for _, sched := range g.Schedules {
			field.Options = append(field.Options, form.Option{Value: sched.Name})
		}
		f.Fields = append(f.Fields, field)
	}
	f.Fields = append(f.Fields, spans("for", "For", time.Hour, 2*time.Hour, 4*time.Hour, 8*time.Hour, 12*time.Hour, 24*time.Hour))
	return f, ""
}

// takeOver puts who on call.
func takeOver(ctx context.Context, s *Service, g *Workgroup, who jid.JID, values map[string]string) string {
	if err := s.may(who, "oncall.override"); err != nil {
		return s.sorry(0, err)
	}
	until := s.cfg.Now().UTC().Add(span(values["for"]))
	_, err := s.Override(ctx, g.Name, oncall.Override{Schedule: values["schedule"], Who: who.String(), Until: until, By: who.String()})
	if err != nil {
		return s.sorry(0, err)
	}
	return s.onCallNow(ctx, g)
}
