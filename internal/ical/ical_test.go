package ical

import (
	"bytes"
	"strings"
	"testing"
	"time"

	ics "github.com/arran4/golang-ical"
)

// TestReadBack: what is written is read back the same, whatever the text holds.
func TestReadBack(t *testing.T) {
	zone, err := time.LoadLocation("Europe/Amsterdam")
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 10, 25, 1, 30, 0, 0, zone)
	c := Calendar{Name: "alerts; weeks", UID: "weeks.alerts", Made: at, Events: []Event{
		{Summary: "alice@example.net is on call", Description: "turn in weeks, nights; and \\ more\nlines", Attendee: "alice@example.net", From: at, Until: at.Add(3 * time.Hour)},
		{Summary: strings.Repeat("naïve ", 40), From: at.Add(3 * time.Hour), Until: at.Add(168 * time.Hour)},
	}}
	var out bytes.Buffer
	if err := c.Write(&out); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(out.String()) {
		if !strings.HasSuffix(line, "\r\n") || len(line) > 77 { // RFC 5545 3.1
			t.Errorf("line %q", line)
		}
	}
	cal, err := ics.ParseCalendar(&out)
	if err != nil {
		t.Fatal(err)
	}
	events := cal.Events()
	if len(events) != len(c.Events) {
		t.Fatalf("%d events", len(events))
	}
	seen := map[string]bool{}
	for i, e := range events {
		from, err1 := e.GetStartAt()
		until, err2 := e.GetEndAt()
		want := c.Events[i]
		if err1 != nil || err2 != nil || !from.Equal(want.From) || !until.Equal(want.Until) {
			t.Errorf("event %d is from %s until %s (%v, %v), want %s, %s", i, from, until, err1, err2, want.From, want.Until)
		}
		if got := ics.FromText(e.GetProperty(ics.ComponentPropertySummary).Value); got != want.Summary {
			t.Errorf("summary %q, want %q", got, want.Summary)
		}
		if got := ics.FromText(e.GetProperty(ics.ComponentPropertyDescription).Value); got != want.Description {
			t.Errorf("description %q, want %q", got, want.Description)
		}
		if seen[e.Id()] || e.Id() == "" {
			t.Errorf("UID %q twice, or none", e.Id())
		}
		seen[e.Id()] = true
	}
}
