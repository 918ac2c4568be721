package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/stanza"

	"adminbot/agentapi"
	"adminbot/internal/alertrpc"
	"adminbot/internal/config"
	"adminbot/internal/link"
	"adminbot/internal/site"
	"adminbot/internal/textsafe"
	"adminbot/rpc"
)

type alertCmd struct {
	Send    alertSendCmd    `cmd:"" help:"Raise an alert."`
	List    alertListCmd    `cmd:"" help:"Alerts that are open."`
	Show    alertShowCmd    `cmd:"" help:"All about one alert."`
	Accept  alertAcceptCmd  `cmd:"" help:"Take an alert."`
	Reject  alertRejectCmd  `cmd:"" help:"Decline an alert that is offered, or give one back."`
	Ack     alertAckCmd     `cmd:"" help:"Say that you are at an alert; it is yours if nobody owns it."`
	Resolve alertResolveCmd `cmd:"" help:"End an alert."`

	Note     alertNoteCmd     `cmd:"" help:"Put a line into the timeline of an alert."`
	Transfer alertTransferCmd `cmd:"" help:"Give an alert that is yours to somebody who is there: they are asked to take it."`
	Figures  alertFiguresCmd  `cmd:"" help:"How many alerts there were, and how long until they were taken and resolved."`

	Silence  alertSilenceCmd  `cmd:"" help:"Have nobody asked about some alerts for a while."`
	Silences alertSilencesCmd `cmd:"" help:"The silences that have not ended."`
}

// alertFlags are common to the commands about alerts.
type alertFlags struct {
	loginFlags
	JSON    bool          `name:"json" help:"One JSON document."`
	Timeout time.Duration `default:"1m" help:"Wait for the answer no longer than this."`
}

type alertSendCmd struct {
	alertFlags
	Workgroup string            `placeholder:"NAME" help:"Where it waits; the only workgroup, or alerts, if not said."`
	Summary   string            `required:"" help:"What is wrong, in one line."`
	Details   string            `help:"More about it."`
	Severity  string            `enum:"critical,warning,info" default:"warning" help:"critical, warning or info."`
	Host      string            `help:"The host it is about."`
	Dedup     string            `placeholder:"KEY" help:"What makes two reports the same alert; summary, host and labels if not said."`
	Label     map[string]string `placeholder:"NAME=VALUE" help:"A label; may be given several times."`
	Resolved  bool              `help:"It is over: end the alert."`
}

type alertListCmd struct {
	alertFlags
	Workgroup string `placeholder:"NAME" help:"Only of this workgroup."`
	Ended     bool   `help:"Those that have ended, the latest first."`
	Limit     int32  `default:"50" help:"At most so many."`
}

type alertShowCmd struct {
	alertFlags
	ID string `arg:"" help:"The alert's number."`
}

type alertFiguresCmd struct {
	alertFlags
	Workgroup string        `placeholder:"NAME" help:"Only of this workgroup."`
	Since     time.Duration `default:"168h" help:"Of alerts raised in this time until now."`
}

type alertAnswer struct {
	alertFlags
	ID     string   `arg:"" help:"The alert's number."`
	Reason []string `arg:"" optional:"" help:"Why, or what was done."`
}

type (
	alertAcceptCmd  struct{ alertAnswer }
	alertRejectCmd  struct{ alertAnswer }
	alertAckCmd     struct{ alertAnswer }
	alertResolveCmd struct{ alertAnswer }
)

type alertNoteCmd struct {
	alertFlags
	ID   string   `arg:"" help:"The alert's number."`
	Text []string `arg:"" help:"What to remember."`
}

type alertTransferCmd struct {
	alertFlags
	ID     string   `arg:"" help:"The alert's number."`
	To     string   `arg:"" help:"The address of a member of its workgroup."`
	Reason []string `arg:"" optional:"" help:"Why."`
}

func (c alertSendCmd) Run(ctx context.Context, std streams, log *slog.Logger) error {
	args := alertrpc.SendArgs{
		Workgroup: c.Workgroup, Summary: c.Summary, Details: c.Details, Severity: c.Severity, Host: c.Host, Dedup: c.Dedup, Labels: c.Label, Resolved: c.Resolved,
	}
	return askAlerts(ctx, std, log, c.alertFlags, alertrpc.Send, args, func(r alertrpc.SendResult) {
		if r.Alert.ID == 0 || r.Outcome == "ignored" {
			fmt.Fprintln(std.out, "nothing to do: no such alert is open")
			return
		}
		fmt.Fprintf(std.out, "alert %d %s in %s\n", r.Alert.ID, r.Outcome, r.Alert.Workgroup)
	})
}

func (c alertListCmd) Run(ctx context.Context, std streams, log *slog.Logger) error {
	args := alertrpc.ListArgs{Workgroup: c.Workgroup, Ended: c.Ended, Limit: c.Limit}
	return askAlerts(ctx, std, log, c.alertFlags, alertrpc.List, args, func(r alertrpc.ListResult) {
		if len(r.Alerts) == 0 {
			fmt.Fprintln(std.out, "No alerts.")
			return
		}
		w := tabwriter.NewWriter(std.out, 0, 0, 2, ' ', 0)
		for _, a := range r.Alerts {
			fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%s\t%s\n", a.ID, a.Severity, alertState(a), harmless(a.Host), textsafe.Line(alertSummary(a), 120), since(a.Starts))
		}
		w.Flush()
		if more := r.Total - len(r.Alerts); more > 0 {
			fmt.Fprintf(std.out, "and %d more\n", more)
		}
	})
}

// alertSummary is what an alert is about, in one line.
func alertSummary(a alertrpc.Alert) string {
	if n := a.More(); n > 0 {
		return fmt.Sprintf("%s and %d more", harmless(a.Summary), n)
	}
	return harmless(a.Summary)
}

func alertState(a alertrpc.Alert) string {
	if a.Owner != "" {
		return a.Owner
	}
	return a.State
}

func (c alertShowCmd) Run(ctx context.Context, std streams, log *slog.Logger) error {
	return askAlerts(ctx, std, log, c.alertFlags, alertrpc.Show, alertrpc.ShowArgs{ID: c.ID}, func(r alertrpc.ShowResult) {
		a := r.Alert
		fmt.Fprintf(std.out, "alert %d in %s: %s, %s\n%s\n", a.ID, a.Workgroup, a.Severity, a.State, alertSummary(a))
		for _, row := range []struct{ name, value string }{
			{"host", a.Host}, {"owner", a.Owner}, {"source", a.Source}, {"labels", labelsOf(a)}, {"grouped", a.GroupedBy}, {"reason", a.Reason}, {"room", a.Room}, {"since", a.Starts.Local().Format(time.DateTime)},
		} {
			if row.value != "" {
				fmt.Fprintf(std.out, "%-8s%s\n", row.name, harmless(row.value))
			}
		}
		if a.Details != "" {
			fmt.Fprintf(std.out, "%s\n", harmless(a.Details))
		}
		if a.LeftOut != "" {
			fmt.Fprintf(std.out, "left out: %s\n", harmless(a.LeftOut))
		}
		for _, i := range r.Instances {
			line := strings.TrimSpace(i.Host + "  " + i.Summary)
			if !i.Over.IsZero() {
				line += ", over since " + i.Over.Local().Format(time.DateTime)
			}
			fmt.Fprintln(std.out, "  "+i.Severity+"  "+harmless(line))
		}
		if left := a.Instances - len(r.Instances); left > 0 {
			fmt.Fprintf(std.out, "  and %d more\n", left)
		}
		for _, e := range r.Timeline {
			line := e.At.Local().Format(time.DateTime) + "  " + e.What
			if e.Who != "" {
				line += " " + e.Who
			}
			if e.Text != "" {
				line += ": " + e.Text
			}
			fmt.Fprintln(std.out, harmless(line))
		}
	})
}

func labelsOf(a alertrpc.Alert) string {
	var list []string
	for _, name := range slices.Sorted(maps.Keys(a.Labels)) {
		list = append(list, name+"="+a.Labels[name])
	}
	return strings.Join(list, " ")
}

func (c alertFiguresCmd) Run(ctx context.Context, std streams, log *slog.Logger) error {
	args := alertrpc.FiguresArgs{Workgroup: c.Workgroup, From: time.Now().Add(-c.Since)}
	return askAlerts(ctx, std, log, c.alertFlags, alertrpc.Figures, args, func(r alertrpc.FiguresResult) {
		mean := func(seconds float64, n int) string {
			if n == 0 {
				return "-"
			}
			return time.Duration(seconds * float64(time.Second)).Round(time.Second).String()
		}
		fmt.Fprintf(std.out, "raised    %d since %s\n", r.Raised, r.From.Local().Format(time.DateTime))
		fmt.Fprintf(std.out, "taken     %d, MTTA %s\nresolved  %d, MTTR %s\nexpired   %d\n", r.Accepted, mean(r.ToAccept, r.Accepted), r.Resolved, mean(r.ToResolve, r.Resolved), r.Expired)
	})
}

func (c alertAcceptCmd) Run(ctx context.Context, std streams, log *slog.Logger) error {
	return c.answer(ctx, std, log, alertrpc.Accept, "is yours")
}

func (c alertNoteCmd) Run(ctx context.Context, std streams, log *slog.Logger) error {
	args := alertrpc.NoteArgs{ID: c.ID, Text: strings.Join(c.Text, " ")}
	return askAlerts(ctx, std, log, c.alertFlags, alertrpc.Note, args, func(r alertrpc.AnswerResult) {
		fmt.Fprintf(std.out, "alert %d has your note\n", r.Alert.ID)
	})
}

func (c alertTransferCmd) Run(ctx context.Context, std streams, log *slog.Logger) error {
	args := alertrpc.TransferArgs{ID: c.ID, To: c.To, Reason: strings.Join(c.Reason, " ")}
	return askAlerts(ctx, std, log, c.alertFlags, alertrpc.Transfer, args, func(r alertrpc.AnswerResult) {
		fmt.Fprintf(std.out, "alert %d is offered to %s\n", r.Alert.ID, harmless(c.To))
	})
}

func (c alertRejectCmd) Run(ctx context.Context, std streams, log *slog.Logger) error {
	return c.answer(ctx, std, log, alertrpc.Reject, "goes to somebody else")
}

func (c alertAckCmd) Run(ctx context.Context, std streams, log *slog.Logger) error {
	return c.answer(ctx, std, log, alertrpc.Ack, "is yours")
}

func (c alertResolveCmd) Run(ctx context.Context, std streams, log *slog.Logger) error {
	return c.answer(ctx, std, log, alertrpc.Resolve, "is resolved")
}

func (c alertAnswer) answer(ctx context.Context, std streams, log *slog.Logger, m agentapi.Method[alertrpc.AnswerArgs, alertrpc.AnswerResult], done string) error {
	args := alertrpc.AnswerArgs{ID: c.ID, Reason: strings.Join(c.Reason, " ")}
	return askAlerts(ctx, std, log, c.alertFlags, m, args, func(r alertrpc.AnswerResult) {
		fmt.Fprintf(std.out, "alert %d %s\n", r.Alert.ID, done)
	})
}

// askAlerts calls a method of the alert service and prints what it answers.
func askAlerts[A, R any](ctx context.Context, std streams, log *slog.Logger, f alertFlags, m agentapi.Method[A, R], args A, show func(R)) error {
	var result R
	err := f.connected(ctx, log, m.Timeout, func(ctx context.Context, client *alertrpc.Client) (err error) {
		result, err = alertrpc.Call(ctx, client, m, jid.JID{}, args)
		return err
	})
	switch {
	case err != nil:
		return err
	case f.JSON:
		return printResult(std, result)
	}
	show(result)
	return nil
}

func printResult(std streams, result any) error {
	value, err := rpc.Marshal(result)
	if err != nil {
		return err
	}
	return printJSON(std, value)
}

// connected has call ask the alert service over a connection of its own.
func (f alertFlags) connected(ctx context.Context, log *slog.Logger, timeout time.Duration, call func(context.Context, *alertrpc.Client) error) error {
	acct, service, err := f.workgroup()
	if err != nil {
		return err
	}
	to, err := jid.Parse(service)
	if err != nil {
		return usage("workgroups.domain %q: %w", service, err)
	}
	lc, err := linkConfig(acct, "alert-"+strings.ToLower(rand.Text()[:8]), log)
	if err != nil {
		return exit(exitUsage, err)
	}
	lc.Once = true
	s := link.New(lc)
	ctx, cancel := context.WithTimeout(ctx, f.Timeout)
	defer cancel()
	disconnect, err := connect(ctx, s)
	if err != nil {
		return err
	}
	defer disconnect()
	err = call(ctx, &alertrpc.Client{RPC: &rpc.Client{Transport: s, Now: serverClock(s), Timeout: func(string) time.Duration { return timeout }}, To: to})
	if err != nil {
		return alertError(service, err)
	}
	return nil
}

// workgroup finds the login, and the address of the alert service.
func (f loginFlags) workgroup() (acct config.Account, service string, err error) {
	acct, _, err = f.account()
	if err != nil {
		return acct, "", err
	}
	hint := "workgroups.domain in " + f.Config
	if f.Config != "" {
		conf, err := config.Load(f.Config)
		if err != nil {
			return acct, "", exit(exitUsage, err)
		}
		service = conf.Workgroups.Domain
	} else {
		dir, err := stateDir(f.Dir)
		if err != nil {
			return acct, "", exit(exitUsage, err)
		}
		access, err := site.ReadAccess(dir)
		if err != nil {
			return acct, "", exit(exitUnreachable, err)
		}
		service, hint = access.Workgroup, "is a newer adminbot up running?"
	}
	if service == "" {
		return acct, "", usage("where is the alert service?\nhint: %s", hint)
	}
	return acct, service, nil
}

// alertError says why there is no answer of the alert service, with the exit
// code.
func alertError(service string, err error) error {
	var fault *rpc.Fault
	var se stanza.Error
	switch {
	case errors.As(err, &fault):
		code := exitFailed
		switch fault.Code {
		case rpc.FaultDenied:
			code = exitRefused
		case rpc.FaultParams:
			code = exitUsage
		}
		return exit(code, errors.New(fault.Message))
	case errors.As(err, &se) && se.Condition == stanza.Forbidden:
		return exit(exitRefused, fmt.Errorf("%s does not listen to this account\nhint: callers in its policy", service))
	case errors.As(err, &se):
		return exit(exitUnreachable, fmt.Errorf("%s is not there (%s)\nhint: is adminbot up or adminbot workgroups running?", service, se.Condition))
	}
	return exit(exitUnreachable, err)
}
