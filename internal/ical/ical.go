// Package ical writes calendars (iCalendar, RFC 5545) that other programs
// subscribe to or import: make a [Calendar] and call [Calendar.Write].
package ical

import (
	"fmt"
	"io"
	"time"

	ics "github.com/arran4/golang-ical"
)

// A Calendar is events under a name.
type Calendar struct {
	Name   string
	UID    string // what makes the names of its events its own
	Made   time.Time
	Events []Event
}

// An Event is a span of time.
type Event struct {
	Summary     string
	Description string
	Attendee    string // a bare address
	From, Until time.Time
}

// Write writes the calendar. An event that is written again has the same UID, so
// that who imports it twice has it once.
func (c *Calendar) Write(w io.Writer) error {
	cal := ics.NewCalendar()
	cal.SetMethod(ics.MethodPublish)
	cal.SetProductId("-//AdminBot//On call//EN")
	cal.SetName(c.Name)
	cal.SetXWRCalName(c.Name)
	for _, e := range c.Events {
		ev := cal.AddEvent(fmt.Sprintf("%d.%s@adminbot", e.From.Unix(), c.UID))
		ev.SetDtStampTime(c.Made)
		ev.SetStartAt(e.From)
		ev.SetEndAt(e.Until)
		ev.SetSummary(e.Summary)
		ev.SetDescription(e.Description)
		ev.SetTimeTransparency(ics.TransparencyTransparent) // who is on call may have other things to do
		if e.Attendee != "" {
			ev.AddProperty(ics.ComponentPropertyContact, e.Attendee)
		}
	}
	if err := cal.SerializeTo(w, ics.WithNewLineWindows); err != nil {
		return fmt.Errorf("ical: %w", err)
	}
	return nil
}
