package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"adminbot/internal/alertrpc"
)

type alertSilenceCmd struct {
	alertFlags
	Match     []string      `arg:"" optional:"" help:"Which alerts: host=web01, role!=db, host=~web.*, severity=info. All have to be so."`
	For       time.Duration `placeholder:"DURATION" help:"For so long: 2h, 45m."`
	Since     string        `placeholder:"TIME" help:"From then on, and not from now: 22:00, \"2026-12-24 22:00\"."`
	Workgroup string        `placeholder:"NAME" help:"Only in this workgroup."`
	Reason    string        `help:"Why."`
	End       bool          `help:"End the silence that was made with the same words."`
	ID        int32         `name:"id" placeholder:"NUMBER" help:"With --end: the one of this number."`
}

type alertSilencesCmd struct{ alertFlags }

func (c alertSilenceCmd) Run(ctx context.Context, std streams, log *slog.Logger) error {
	since, err := parseMoment(c.Since, time.Now())
	switch {
	case err != nil:
		return err
	case c.End != (c.For == 0):
		return usage("for how long?\nhint: --for 2h, or --end")
	case c.ID != 0 && !c.End:
		return usage("--id is for --end")
	case len(c.Match) == 0 && c.ID == 0:
		return usage("which alerts?\nhint: host=web01")
	}
	args := alertrpc.SilenceArgs{ID: c.ID, Workgroup: c.Workgroup, Match: c.Match, Since: since, Seconds: int32(c.For / time.Second), Reason: c.Reason}
	return askAlerts(ctx, std, log, c.alertFlags, alertrpc.Silence, args, func(r alertrpc.SilenceResult) {
		for _, s := range r.Silences {
			if r.Ended {
				fmt.Fprintf(std.out, "silence %d of %s has ended\n", s.ID, harmless(s.Match))
				continue
			}
			fmt.Fprintf(std.out, "silence %d: nobody is asked about %s until %s\n", s.ID, harmless(s.Match), s.Until.Local().Format("Mon 2006-01-02 15:04"))
		}
		andMore(std.out, r.Total-len(r.Silences))
	})
}

// andMore says how many there are that an answer had no room for.
func andMore(w io.Writer, n int) {
	if n > 0 {
		fmt.Fprintf(w, "and %d more\n", n)
	}
}

func (c alertSilencesCmd) Run(ctx context.Context, std streams, log *slog.Logger) error {
	return askAlerts(ctx, std, log, c.alertFlags, alertrpc.Silences, alertrpc.NoArgs{}, func(r alertrpc.SilencesResult) {
		if len(r.Silences) == 0 {
			fmt.Fprintln(std.out, "No silences.")
			return
		}
		w := tabwriter.NewWriter(std.out, 0, 0, 2, ' ', 0)
		for _, s := range r.Silences {
			number := "-" // of maintenance, which comes again
			if s.ID > 0 {
				number = strconv.Itoa(s.ID)
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s to %s\t%s\t%s\n", number, s.Workgroup, harmless(s.Match),
				s.Since.Local().Format("Mon 2006-01-02 15:04"), s.Until.Local().Format("Mon 2006-01-02 15:04"), s.By, strings.TrimSpace(harmless(s.Reason)))
		}
		w.Flush()
		andMore(std.out, r.Total-len(r.Silences))
	})
}
