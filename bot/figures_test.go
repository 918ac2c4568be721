package bot

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"mellium.im/xmpp/jid"

	"adminbot/internal/alertrpc"
)

func TestFiguresOf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		// A Saturday.
		now := time.Date(2026, 11, 28, 10, 30, 0, 0, time.UTC)
		for _, tt := range []struct{ line, want string }{
			{"mtta this week", "2026-11-23 00:00 -"},
			{"MTTR today?", "2026-11-28 00:00 -"},
			{"what was the mtta yesterday", "2026-11-27 00:00 2026-11-28 00:00"},
			{"mtta last week", "2026-11-16 00:00 2026-11-23 00:00"},
			{"alert figures last month", "2026-10-01 00:00 2026-11-01 00:00"},
			{"show mttr this month", "2026-11-01 00:00 -"},
			{"mtta and mttr", "2026-11-21 10:30 -"},
			{"mtta in the last 3 days", "2026-11-25 10:30 -"},
			{"mttr for the last 36 hours", "2026-11-26 22:30 -"},
			{"mtta of dba this week", "2026-11-23 00:00 - dba"},
			{"mtta of web01 and restart nginx", ""},
			{"disk", ""},
			{"mtta the week after next", ""},
		} {
			turn := w.bot.begin(Utterance{From: jid.MustParse("alice@example.net/x"), Text: tt.line}, nil)
			turn.now = now
			c, ok := turn.figures()
			if !ok {
				if tt.want != "" {
					t.Errorf("%s: not understood", tt.line)
				}
				continue
			}
			got := c.Args["from"].(time.Time).Format("2006-01-02 15:04") + " "
			if until, ok := c.Args["until"].(time.Time); ok {
				got += until.Format("2006-01-02 15:04")
			} else {
				got += "-"
			}
			if group, ok := c.Args["workgroup"].(string); ok {
				got += " " + group
			}
			if got != tt.want {
				t.Errorf("%s: %s, want %s", tt.line, got, tt.want)
			}
		}
	})
}

func TestFigures(t *testing.T) {
	now := time.Date(2026, 11, 28, 10, 30, 0, 0, time.UTC)
	w := when{now: now, zone: time.UTC}
	for _, tt := range []struct {
		name string
		r    alertrpc.FiguresResult
		want string
	}{
		{"none", alertrpc.FiguresResult{From: now.Add(-time.Hour), Until: now}, "✔ No alerts since 09:30"},
		{"some", alertrpc.FiguresResult{From: now.Add(-time.Hour), Until: now, Raised: 5, Accepted: 3, Resolved: 2, Expired: 1, ToAccept: 75.4, ToResolve: 3720},
			"✔ 5 alerts since 09:30\nMTTA  1 m 15 s (3 taken)\nMTTR  1 h 2 m (2 resolved)\n2 open"},
		{"a day that is over", alertrpc.FiguresResult{From: now.AddDate(0, 0, -2), Until: now.AddDate(0, 0, -1), Raised: 1},
			"✔ 1 alert from 26 Nov 10:30 until 27 Nov 10:30\nMTTA  none taken\nMTTR  none resolved\n1 open"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := strings.Join(figures(tt.r, w), "\n"); got != tt.want {
				t.Errorf("got\n%s\nwant\n%s", got, tt.want)
			}
		})
	}
}
