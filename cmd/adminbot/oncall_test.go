package main

import (
	"testing"
	"time"

	"adminbot/internal/alertrpc"
)

// TestExportedShifts: a calendar has what is running with its true beginning,
// nothing that is over, and no two events that begin together.
func TestExportedShifts(t *testing.T) {
	now := time.Date(2026, 11, 28, 16, 29, 4, 0, time.UTC)
	monday := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	if from := wholeShifts(now); !from.Equal(time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("asked from %s", from)
	}
	list := events([]alertrpc.Shift{
		{Who: "ann", Since: monday.AddDate(0, 0, -7), Until: monday},
		{Who: "bob", Since: monday, Until: now.Add(time.Hour)},
		{Who: "ann", Since: now.Add(time.Hour), Until: now.Add(time.Hour)}, // an override that was ended in the second it began
		{Who: "bob", Since: now.Add(time.Hour), Until: monday.AddDate(0, 0, 7)},
		{Since: monday.AddDate(0, 0, 7), Until: monday.AddDate(0, 0, 8)}, // nobody
	}, now)
	if len(list) != 2 || !list[0].From.Equal(monday) || list[0].Attendee != "bob" || !list[1].From.Equal(now.Add(time.Hour)) || list[1].Attendee != "bob" {
		t.Errorf("%+v", list)
	}
}
