package bot

import (
	"testing"
	"time"

	"adminbot/internal/alertrpc"
)

// TestShiftText: a takeover that begins with the answer, a moment after the line
// was said, has begun.
func TestShiftText(t *testing.T) {
	now := time.Date(2026, 11, 20, 10, 6, 59, 0, time.UTC)
	w := when{now: now, zone: time.UTC}
	until := now.Add(3 * time.Hour)
	for _, tt := range []struct {
		since time.Time
		want  string
	}{
		{time.Time{}, "bob is on call until 13:06"},
		{now.Add(-time.Hour), "bob is on call until 13:06"},
		{now.Add(time.Second), "bob is on call until 13:06"},
		{now.Add(2 * time.Minute), "bob is on call from 10:08 until 13:06"},
	} {
		if got := shiftText(alertrpc.Shift{Who: "bob", Since: tt.since, Until: until}, w); got != tt.want {
			t.Errorf("since %v: %s, want %s", tt.since, got, tt.want)
		}
	}
}
