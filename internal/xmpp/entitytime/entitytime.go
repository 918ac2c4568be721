// Package entitytime holds the payload of XEP-0202: Entity Time, and the
// timestamps of XEP-0082.
package entitytime

import (
	"fmt"
	"strings"
	"time"

	"adminbot/internal/xmpp/element"
)

// NS is the namespace of a time query.
const NS = "urn:xmpp:time"

// Query returns the request.
func Query() *element.Element { return element.New(NS, "time") }

// Element returns the answer for t, with the offset of its location.
func Element(t time.Time) *element.Element {
	return element.New(NS, "time").AddText("tzo", t.Format("-07:00")).AddText("utc", Format(t))
}

// Parse reads an answer. Precise is whether it told fractions of a second.
func Parse(answer *element.Element) (t time.Time, precise bool, err error) {
	utc := strings.TrimSpace(answer.ChildText("utc"))
	t, err = ParseTime(utc)
	return t, strings.Contains(utc, "."), err
}

// Format writes t as XEP-0082 wants it, in UTC and to the millisecond.
func Format(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// ParseTime reads a timestamp of XEP-0082, which must have an offset.
func ParseTime(s string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return time.Time{}, fmt.Errorf("entitytime: %q is not a timestamp of XEP-0082", s)
	}
	return t.UTC(), nil
}
