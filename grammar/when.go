package grammar

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// A clockReader turns time productions into instants against one now.
type clockReader struct {
	toks []token
	now  time.Time // in the zone people speak in
}

func (c clockReader) tok(r *ref) *token { return &c.toks[r.Pos.Offset] }

// seconds is the length of a duration; ok is false beyond ten years.
func (c clockReader) seconds(d *duration) (float64, bool) {
	total, before := 0.0, math.Inf(1)
	for n := d; n != nil; n = n.More {
		from := total
		switch {
		case n.Glued != nil:
			total += c.tok(n.Glued).num
		case n.Half != nil:
			part := 0.5
			if c.tok(n.Half.Of).is("quarter") {
				part = 0.25
			}
			total += part * c.tok(n.Half.Unit).num
		case n.Count != nil:
			count := 1.0
			if n.Count.Num != nil {
				count = c.tok(n.Count.Num).num
			}
			if n.Count.Plus != nil || n.Count.Tail != nil {
				count += 0.5
			}
			total += count * c.tok(n.Count.Unit).num
		}
		// Two lengths add up only from large to small: 1 hour 30 minutes.
		if total-from >= before {
			return 0, false
		}
		before = total - from
	}
	return total, total >= 0 && total <= 10*366*86400
}

// hm is a time of day.
type hm struct{ h, m, s int }

// clock reads a time of day; bare numbers are hours.
func (c clockReader) clock(k *clock) (hm, bool) {
	if k.Hour != nil {
		h := int(c.tok(k.Hour.Num).num)
		return meridiem(hm{h, 0, 0}, c.tok(k.Hour.Mer).closedValue("meridiem"))
	}
	return parseClock(c.tok(k.Clock).text)
}

func (c clockReader) bare(b *bareClock) (hm, bool) {
	if b.Clock != nil {
		return c.clock(b.Clock)
	}
	n := c.tok(b.Num).num
	return hm{int(n), 0, 0}, n == float64(int(n)) && n >= 0 && n < 24
}

// parseClock reads 14:00, 3am, 3:30pm.
func parseClock(s string) (hm, bool) {
	s = strings.ToLower(s)
	mer := ""
	for _, m := range []string{"am", "pm"} {
		if base, ok := strings.CutSuffix(s, m); ok {
			s, mer = base, m
		}
	}
	parts := strings.Split(s, ":")
	var t hm
	for i, p := range parts {
		n, err := strconv.Atoi(p)
		if err != nil {
			return hm{}, false
		}
		switch i {
		case 0:
			t.h = n
		case 1:
			t.m = n
		case 2:
			t.s = n
		}
	}
	return meridiem(t, mer)
}

func meridiem(t hm, mer string) (hm, bool) {
	switch mer {
	case "am", "pm":
		if t.h < 1 || t.h > 12 {
			return t, false
		}
		t.h %= 12
		if mer == "pm" {
			t.h += 12
		}
	}
	return t, t.h < 24 && t.m < 60 && t.s < 60
}

// day is midnight of a day word: today, tomorrow, monday. ahead chooses the
// next weekday, else the latest one.
func (c clockReader) day(r *ref, ahead bool) (time.Time, *hm, bool) {
	t := c.tok(r)
	y, m, d := c.now.Date()
	at := func(days int) time.Time { return time.Date(y, m, d+days, 0, 0, 0, 0, c.now.Location()) }
	switch t.class {
	case tDay:
		v := t.closedValue("day")
		if v == "tonight" {
			return at(0), &hm{20, 0, 0}, true
		}
		n, err := strconv.Atoi(v)
		return at(n), nil, err == nil
	case tWday:
		w, err := strconv.Atoi(t.closedValue("weekday"))
		diff := (w - int(c.now.Weekday()) + 7) % 7
		if !ahead {
			diff -= 7
			if diff == -7 {
				diff = 0
			}
		}
		return at(diff), nil, err == nil
	case tStamp:
		when, err := time.ParseInLocation("2006-01-02", strings.ToLower(t.text[:10]), c.now.Location())
		return when, nil, err == nil && len(t.text) == 10
	}
	return time.Time{}, nil, false
}

func on(day time.Time, t hm) time.Time {
	y, m, d := day.Date()
	return time.Date(y, m, d, t.h, t.m, t.s, 0, day.Location())
}

// near is the next or latest moment with this time of day.
func (c clockReader) near(t hm, ahead bool) time.Time {
	when := on(c.now, t)
	y, m, d := c.now.Date()
	switch {
	case ahead && !when.After(c.now):
		when = time.Date(y, m, d+1, t.h, t.m, t.s, 0, c.now.Location())
	case !ahead && when.After(c.now):
		when = time.Date(y, m, d-1, t.h, t.m, t.s, 0, c.now.Location())
	}
	return when
}

// A point is an instant as read: whole is set when only a day was named.
type point struct {
	at    time.Time
	whole bool
}

func (c clockReader) instant(i *instant, ahead bool) (point, bool) {
	switch {
	case i.Stamp != nil:
		text := strings.ToUpper(c.tok(i.Stamp.Date).text)
		if len(text) > 10 {
			t, err := time.Parse(time.RFC3339, text)
			if err != nil {
				if t, err = time.ParseInLocation("2006-01-02T15:04", text, c.now.Location()); err != nil {
					t, err = time.ParseInLocation("2006-01-02T15:04:05", text, c.now.Location())
				}
			}
			return point{t, false}, err == nil
		}
		day, _, ok := c.day(i.Stamp.Date, ahead)
		if !ok {
			return point{}, false
		}
		return c.dayClock(day, nil, i.Stamp.Clock, i.Stamp.Plain, ahead, false)
	case i.Ago != nil:
		secs, ok := c.seconds(i.Ago)
		return point{c.now.Add(-time.Duration(secs * float64(time.Second))), false}, ok
	case i.Day != nil:
		day, def, ok := c.day(i.Day.Day, ahead)
		if !ok {
			return point{}, false
		}
		return c.dayClock(day, def, i.Day.Clock, i.Day.Plain, ahead, c.tok(i.Day.Day).class == tWday)
	case i.Clock != nil:
		t, ok := c.clock(i.Clock.Clock)
		if !ok {
			return point{}, false
		}
		if i.Clock.Day != nil {
			return c.withDay(t, i.Clock.Day, ahead)
		}
		return point{c.near(t, ahead), false}, true
	}
	return point{}, false
}

func (c clockReader) dayClock(day time.Time, def *hm, at *bareClock, plain *clock, ahead, weekday bool) (point, bool) {
	var t hm
	ok := true
	switch {
	case at != nil:
		t, ok = c.bare(at)
	case plain != nil:
		t, ok = c.clock(plain)
	case def != nil: // tonight: an hour for questions, not for orders
		return point{on(day, *def), true}, true
	default:
		return point{day, true}, true
	}
	if def != nil {
		return point{c.night(day, t, at, plain), false}, ok
	}
	when := on(day, t)
	if weekday && ahead && !when.After(c.now) {
		when = when.AddDate(0, 0, 7)
	}
	if weekday && !ahead && when.After(c.now) {
		when = when.AddDate(0, 0, -7)
	}
	return point{when, false}, ok
}

// night is a time of day tonight: eleven is 23:00, two is the small hours.
func (c clockReader) night(day time.Time, t hm, at *bareClock, plain *clock) time.Time {
	if t.h >= 6 && t.h < 12 && !c.morning(at, plain) {
		t.h += 12
	}
	when := on(day, t)
	if !when.After(c.now) {
		y, m, d := day.Date()
		when = time.Date(y, m, d+1, t.h, t.m, t.s, 0, day.Location())
	}
	return when
}

// morning reports whether the clock says am.
func (c clockReader) morning(at *bareClock, plain *clock) bool {
	if at != nil && at.Clock != nil {
		plain = at.Clock
	}
	switch {
	case plain == nil:
		return false
	case plain.Hour != nil:
		return c.tok(plain.Hour.Mer).closedValue("meridiem") == "am"
	}
	return strings.HasSuffix(strings.ToLower(c.tok(plain.Clock).text), "am")
}

func (c clockReader) withDay(t hm, r *ref, ahead bool) (point, bool) {
	day, def, ok := c.day(r, ahead)
	if !ok {
		return point{}, false
	}
	if def != nil {
		return point{c.night(day, t, nil, nil), false}, true
	}
	when := on(day, t)
	if c.tok(r).class == tWday && ahead && !when.After(c.now) {
		when = when.AddDate(0, 0, 7)
	}
	return point{when, false}, true
}

func (c clockReader) atClock(a *atClock, ahead bool) (point, bool) {
	t, ok := c.bare(a.Clock)
	if !ok {
		return point{}, false
	}
	if a.Day != nil {
		return c.withDay(t, a.Day, ahead)
	}
	return point{c.near(t, ahead), false}, true
}

func (c clockReader) moment(m *moment, ahead bool) (point, bool) {
	switch {
	case m.Instant != nil:
		return c.instant(m.Instant, ahead)
	case m.At != nil:
		return c.atClock(m.At, ahead)
	}
	t, ok := c.bare(m.Clock)
	return point{c.near(t, ahead), false}, ok
}
