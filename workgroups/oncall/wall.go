package oncall

import "time"

// wall is a time on the wall of a zone, in seconds since 1970-01-01 00:00 there.
type wall int64

const (
	minute wall = 60
	hour        = 60 * minute
	day         = 24 * hour
	week        = 7 * day
)

// shown is what the wall shows at t.
func shown(t time.Time) wall {
	_, offset := t.Zone()
	return wall(t.Unix()) + wall(offset)
}

// wallAt is the latest time that the wall has shown up to t: it stands still
// while the wall shows an hour for the second time.
func wallAt(t time.Time, zone *time.Location) wall {
	t = t.In(zone)
	now := shown(t)
	if changed, _ := t.ZoneBounds(); !changed.IsZero() {
		return max(now, shown(changed.Add(-time.Second)))
	}
	return now
}

// in is the first moment at which the wall of a zone has shown w, or more: the
// inverse of wallAt.
func (w wall) in(zone *time.Location) time.Time {
	u := time.Unix(int64(w), 0).UTC()
	t := time.Date(u.Year(), u.Month(), u.Day(), u.Hour(), u.Minute(), u.Second(), 0, zone)
	from, until := t.ZoneBounds()
	switch got := shown(t); {
	case got > w: // the wall skips it, and t is after that
		return from
	case got < w:
		return until
	}
	if from.IsZero() {
		return t
	}
	_, before := from.Add(-time.Second).Zone()
	_, after := t.Zone()
	if first := t.Add(time.Duration(after-before) * time.Second); first.Before(from) {
		return first
	}
	return t
}

// midnight is the beginning of the day.
func (w wall) midnight() wall { return w - mod(w, day) }

// weekday is that of a day. 1970-01-01 was a Thursday.
func (w wall) weekday() time.Weekday {
	return time.Weekday(mod((w-mod(w, day))/day+wall(time.Thursday), 7))
}

// mod is the remainder that is never negative.
func mod(a, b wall) wall { return (a%b + b) % b }

// div rounds down.
func div(a, b wall) wall { return (a - mod(a, b)) / b }
