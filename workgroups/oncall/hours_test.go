package oncall_test

import (
	"strings"
	"testing"
	"time"

	"adminbot/workgroups/oncall"
)

func TestHours(t *testing.T) {
	zone, err := time.LoadLocation("Europe/Amsterdam")
	if err != nil {
		t.Fatal(err)
	}
	const layout = "Mon 2006-01-02 15:04"
	for _, tt := range []struct{ name, windows, at, want string }{
		{"before", "Sun 02:00-04:00", "Thu 2026-12-03 12:00", "Sun 2026-12-06 02:00 to Sun 2026-12-06 04:00"},
		{"within", "Sun 02:00-04:00", "Sun 2026-12-06 03:00", "Sun 2026-12-06 02:00 to Sun 2026-12-06 04:00"},
		{"begins", "Sun 02:00-04:00", "Sun 2026-12-06 02:00", "Sun 2026-12-06 02:00 to Sun 2026-12-06 04:00"},
		{"over", "Sun 02:00-04:00", "Sun 2026-12-06 04:00", "Sun 2026-12-13 02:00 to Sun 2026-12-13 04:00"},
		{"over midnight", "Sat 23:00-01:00", "Sun 2026-12-06 00:30", "Sat 2026-12-05 23:00 to Sun 2026-12-06 01:00"},
		{"touching", "Sat 22:00-24:00;Sun 00:00-02:00", "Sat 2026-12-05 23:00", "Sat 2026-12-05 22:00 to Sun 2026-12-06 02:00"},
		{"touching, later", "Sat 22:00-24:00;Sun 00:00-02:00", "Sun 2026-12-06 01:00", "Sat 2026-12-05 22:00 to Sun 2026-12-06 02:00"},
		{"overlapping", "Sat 20:00-23:00;Sat 22:00-24:00", "Sat 2026-12-05 12:00", "Sat 2026-12-05 20:00 to Sun 2026-12-06 00:00"},
		{"skipped hour", "Sun 02:00-04:00", "Sat 2026-03-28 12:00", "Sun 2026-03-29 03:00 to Sun 2026-03-29 04:00"},
		{"hour shown twice", "Sun 02:00-04:00", "Sat 2026-10-24 12:00", "Sun 2026-10-25 02:00 to Sun 2026-10-25 04:00"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := oncall.Hours{Zone: zone}
			for text := range strings.SplitSeq(tt.windows, ";") {
				w, err := oncall.ParseWindow(text)
				if err != nil {
					t.Fatal(err)
				}
				h.Windows = append(h.Windows, w)
			}
			at, err := time.ParseInLocation(layout, tt.at, zone)
			if err != nil {
				t.Fatal(err)
			}
			from, until := h.Next(at)
			if got := from.In(zone).Format(layout) + " to " + until.In(zone).Format(layout); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
	always := oncall.Hours{Windows: []oncall.Window{{Days: [7]bool{true, true, true, true, true, true, true}, To: 24 * 60}}}
	now := time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC)
	if from, until := always.Next(now); from.After(now) || until.Before(now.AddDate(0, 0, 13)) {
		t.Errorf("always: from %v until %v", from, until)
	}
	if err := (&oncall.Hours{}).Check(); err == nil {
		t.Error("no hours are taken for some")
	}
}
