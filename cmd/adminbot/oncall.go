package main

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"text/tabwriter"
	"time"

	"adminbot/internal/alertrpc"
	"adminbot/internal/ical"
)

type oncallCmd struct {
	Who      oncallWhoCmd      `cmd:"" help:"Who is on call."`
	Shifts   oncallShiftsCmd   `cmd:"" help:"Who is on call between two times."`
	Override oncallOverrideCmd `cmd:"" help:"Put somebody in the place of whoever is on call."`
	Export   oncallExportCmd   `cmd:"" help:"Shifts as a calendar (iCalendar, RFC 5545) on standard output."`
}

// oncallFlags are common to the commands about who is on call.
type oncallFlags struct {
	alertFlags
	Workgroup string `placeholder:"NAME" help:"Of this workgroup; the only one, or alerts, if not said."`
	Schedule  string `placeholder:"NAME" help:"By this schedule of the workgroup."`
}

type oncallWhoCmd struct {
	oncallFlags
	At string `placeholder:"TIME" help:"Then, and not now: 18:00, 2026-12-24, \"2026-12-24 18:00\", 3h."`
}

type oncallShiftsCmd struct {
	oncallFlags
	Since string `placeholder:"TIME" help:"From then on, and not from now."`
	Until string `placeholder:"TIME" help:"To then, and not for four weeks."`
}

type oncallOverrideCmd struct {
	oncallFlags
	Who   string `arg:"" optional:"" help:"The address of who takes over."`
	Since string `placeholder:"TIME" help:"From then on, and not from now."`
	Until string `placeholder:"TIME" help:"Until then: 18:00, \"2026-12-24 18:00\", 3h."`
	End   bool   `help:"End the overrides that are in force."`
}

type oncallExportCmd struct{ oncallShiftsCmd }

// parseMoment reads a time as people write it, in the zone of this machine: a
// time of day is the next one.
func parseMoment(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if d, err := parseDuration(text); err == nil {
		return now.Add(d).UTC().Truncate(time.Second), nil
	}
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t.UTC(), nil
	}
	for _, layout := range []string{"2006-01-02 15:04", "2006-01-02T15:04", time.DateOnly} {
		if t, err := time.ParseInLocation(layout, text, now.Location()); err == nil {
			return t.UTC(), nil
		}
	}
	clock, err := time.Parse("15:04", text)
	if err != nil {
		return time.Time{}, usage("%q is not a time\nhint: 18:00, 2026-12-24, \"2026-12-24 18:00\", 3h", text)
	}
	t := time.Date(now.Year(), now.Month(), now.Day(), clock.Hour(), clock.Minute(), 0, 0, now.Location())
	if !t.After(now) {
		t = time.Date(now.Year(), now.Month(), now.Day()+1, clock.Hour(), clock.Minute(), 0, 0, now.Location())
	}
	return t.UTC(), nil
}

func (c oncallWhoCmd) Run(ctx context.Context, std streams, log *slog.Logger) error {
	at, err := parseMoment(c.At, time.Now())
	if err != nil {
		return err
	}
	args := alertrpc.OnCallArgs{Workgroup: c.Workgroup, Schedule: c.Schedule, At: at}
	return askAlerts(ctx, std, log, c.alertFlags, alertrpc.OnCallWho, args, func(r alertrpc.OnCallResult) {
		if len(r.OnCall) == 0 {
			fmt.Fprintf(std.out, "%s has no schedule: everybody there is asked\n", r.Workgroup)
		}
		w := tabwriter.NewWriter(std.out, 0, 0, 2, ' ', 0)
		for _, s := range r.OnCall {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", s.Schedule, shiftOf(s), untilOf(s), harmless(s.Reason))
		}
		w.Flush()
	})
}

func shiftOf(s alertrpc.Shift) string {
	if s.Who == "" {
		return "nobody"
	}
	return harmless(s.Who)
}

func untilOf(s alertrpc.Shift) string {
	if s.Until.IsZero() {
		return "for long"
	}
	return "until " + s.Until.Local().Format("Mon 2006-01-02 15:04")
}

// period is the time that is asked about.
func (c oncallShiftsCmd) period(now time.Time) (since, until time.Time, err error) {
	if since, err = parseMoment(c.Since, now); err != nil {
		return since, until, err
	}
	if until, err = parseMoment(c.Until, now); err != nil {
		return since, until, err
	}
	if since.IsZero() {
		since = now.UTC().Truncate(time.Minute)
	}
	if until.IsZero() {
		until = since.AddDate(0, 0, 28)
	}
	return since, until, nil
}

// ask asks for the shifts, all of them if they come in several answers.
func (c oncallShiftsCmd) ask(ctx context.Context, std streams, log *slog.Logger, since, until time.Time, show func(alertrpc.ShiftsResult)) error {
	args := alertrpc.ShiftsArgs{Workgroup: c.Workgroup, Schedule: c.Schedule, Since: since, Until: until}
	var all alertrpc.ShiftsResult
	for again := true; again; again = all.Truncated {
		err := askAlerts(ctx, std, log, c.alertFlags, alertrpc.OnCallShifts, args, func(r alertrpc.ShiftsResult) {
			r.Shifts = append(all.Shifts, r.Shifts...)
			all = r
		})
		if err != nil || c.JSON {
			return err
		}
		args.Since = all.Shifts[len(all.Shifts)-1].Until
	}
	show(all)
	return nil
}

func (c oncallShiftsCmd) Run(ctx context.Context, std streams, log *slog.Logger) error {
	since, until, err := c.period(time.Now())
	if err != nil {
		return err
	}
	return c.ask(ctx, std, log, since, until, func(r alertrpc.ShiftsResult) {
		w := tabwriter.NewWriter(std.out, 0, 0, 2, ' ', 0)
		for _, s := range r.Shifts {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", s.Since.Local().Format("Mon 2006-01-02 15:04"), untilOf(s), shiftOf(s), harmless(s.Reason))
		}
		w.Flush()
	})
}

func (c oncallOverrideCmd) Run(ctx context.Context, std streams, log *slog.Logger) error {
	now := time.Now()
	since, err := parseMoment(c.Since, now)
	if err != nil {
		return err
	}
	until, err := parseMoment(c.Until, now)
	switch {
	case err != nil:
		return err
	case c.End == (c.Who != ""):
		return usage("who takes over? An address and --until, or --end")
	case !c.End && until.IsZero():
		return usage("until when?\nhint: --until 18:00")
	}
	args := alertrpc.OverrideArgs{Workgroup: c.Workgroup, Schedule: c.Schedule, Who: c.Who, Since: since, Until: until}
	return askAlerts(ctx, std, log, c.alertFlags, alertrpc.OnCallOverride, args, func(r alertrpc.OverrideResult) {
		if c.End && r.Ended == 0 {
			fmt.Fprintf(std.out, "nothing to end: nobody had taken over in %s\n", r.Schedule)
			return
		}
		if c.End {
			fmt.Fprintf(std.out, "%s: %s no longer takes over\n", r.Schedule, shiftOf(r.OnCall))
			return
		}
		line := fmt.Sprintf("%s: %s is on call", r.Schedule, shiftOf(r.OnCall))
		if !since.IsZero() {
			line += " from " + r.OnCall.Since.Local().Format("Mon 2006-01-02 15:04")
		}
		fmt.Fprintln(std.out, strings.TrimSpace(line+" "+untilOf(r.OnCall)))
	})
}

func (c oncallExportCmd) Run(ctx context.Context, std streams, log *slog.Logger) error {
	if c.JSON {
		return usage("a calendar is not JSON\nhint: adminbot oncall shifts --json")
	}
	since, until, err := c.period(time.Now())
	if err != nil {
		return err
	}
	var werr error
	err = c.ask(ctx, std, log, wholeShifts(since), until, func(r alertrpc.ShiftsResult) {
		cal := ical.Calendar{Name: r.Workgroup + " " + r.Schedule, UID: r.Schedule + "." + r.Workgroup, Made: time.Now(), Events: events(r.Shifts, since)}
		werr = cal.Write(std.out)
	})
	if err != nil {
		return err
	}
	return werr
}

// wholeShifts is from when on to ask, so that what is running at a time comes with
// its true beginning: the UID of its event is made of that. What is longer than
// five weeks begins anew with a month.
func wholeShifts(since time.Time) time.Time {
	back := since.UTC().AddDate(0, 0, -35)
	return time.Date(back.Year(), back.Month(), 1, 0, 0, 0, 0, time.UTC)
}

// events are those shifts that somebody has, and has for some time after since.
func events(shifts []alertrpc.Shift, since time.Time) []ical.Event {
	var list []ical.Event
	for _, s := range shifts {
		if s.Who != "" && !s.Since.IsZero() && s.Until.After(s.Since) && s.Until.After(since) {
			list = append(list, ical.Event{Summary: s.Who + " is on call", Description: s.Reason, Attendee: s.Who, From: s.Since, Until: s.Until})
		}
	}
	return list
}
