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
	t, ok := parseClock(c.tok(k.Clock).text)
	if ok && k.Part != nil && !hasMeridiem(c.tok(k.Clock).text) {
		t = partOf(t, c.tok(k.Part).closedValue("meridiem"))
	}
	return t, ok
}

func hasMeridiem(s string) bool {
	s = strings.ToLower(s)
	return strings.HasSuffix(s, "am") || strings.HasSuffix(s, "pm")
}

// partOf is a time of day in a part of the day: eight in the evening.
func partOf(t hm, part string) hm {
	switch {
	case part == "pm" && t.h < 12, part == "night" && t.h >= 6 && t.h < 12:
		t.h += 12
	case (part == "am" || part == "night") && t.h == 12:
		t.h = 0
	}
	return t
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
	case "night":
		t = partOf(t, mer)
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

// dayParts are the parts of a day: the part's name, the day it is of, counted
// from today, and the hours it is from and to.
var dayParts = map[string]struct {
	mer            string
	day, from, end int
}{
	"tonight": {"night", 0, 20, 30}, "evening": {"pm", 0, 18, 24}, "morning": {"am", 0, 6, 12}, "afternoon": {"pm", 0, 12, 18}, "lastnight": {"night", -1, 20, 30},
	"week": {"", 0, 0, 7 * 24}, "month": {"", 0, 0, 31 * 24},
}

// day is midnight of a day word: today, tomorrow, monday; and the part of the
// day, if it says one. ahead chooses the next weekday, else the latest one.
func (c clockReader) day(r *ref, ahead bool) (time.Time, string, bool) {
	t := c.tok(r)
	y, m, d := c.now.Date()
	at := func(days int) time.Time { return time.Date(y, m, d+days, 0, 0, 0, 0, c.now.Location()) }
	switch t.class {
	case tDay:
		v := t.closedValue("day")
		p, ok := dayParts[v]
		switch {
		case v == "week": // it began on Monday
			return at(-(int(c.now.Weekday()) + 6) % 7), v, true
		case v == "month":
			return at(1 - d), v, true
		case ok:
			return at(p.day), v, true
		}
		n, err := strconv.Atoi(v)
		return at(n), "", err == nil
	case tWday:
		w, err := strconv.Atoi(t.closedValue("weekday"))
		diff := (w - int(c.now.Weekday()) + 7) % 7
		if !ahead {
			diff -= 7
			if diff == -7 {
				diff = 0
			}
		}
		return at(diff), "", err == nil
	case tStamp:
		when, err := time.ParseInLocation("2006-01-02", strings.ToLower(t.text[:10]), c.now.Location())
		return when, "", err == nil && len(t.text) == 10
	}
	return time.Time{}, "", false
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

func clockOf(t time.Time) hm { return hm{t.Hour(), t.Minute(), t.Second()} }

// A point is an instant as read: whole is set when only a day or a part of one
// was named, which lasts until end.
type point struct {
	at    time.Time
	whole bool
	end   time.Time
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
			return point{at: t}, err == nil
		}
		day, _, ok := c.day(i.Stamp.Date, ahead)
		if !ok {
			return point{}, false
		}
		return c.dayClock(day, "", nil, i.Stamp.Clock, i.Stamp.Plain, ahead, false)
	case i.Ago != nil:
		secs, ok := c.seconds(i.Ago)
		return point{at: c.now.Add(-time.Duration(secs * float64(time.Second)))}, ok
	case i.Day != nil:
		day, part, ok := c.day(i.Day.Day, ahead)
		if !ok {
			return point{}, false
		}
		return c.dayClock(day, part, i.Day.Part, i.Day.Clock, i.Day.Plain, ahead, c.tok(i.Day.Day).class == tWday)
	case i.Clock != nil:
		t, ok := c.clock(i.Clock.Clock)
		if !ok {
			return point{}, false
		}
		if i.Clock.Day != nil {
			return c.withDay(t, i.Clock.Clock, i.Clock.Day, i.Clock.Part, ahead)
		}
		return point{at: c.near(t, ahead)}, true
	}
	return point{}, false
}

func (c clockReader) dayClock(day time.Time, part string, mer *ref, at *bareClock, plain *clock, ahead, weekday bool) (point, bool) {
	var t hm
	ok := true
	switch {
	case at != nil:
		t, ok = c.bare(at)
	case plain != nil:
		t, ok = c.clock(plain)
	case part != "": // an hour for questions, not for orders
		p := dayParts[part]
		from, end := on(day, hm{p.from, 0, 0}), on(day, hm{p.end, 0, 0})
		if part == "tonight" && ahead && from.Before(c.now) && end.After(c.now) {
			from = c.now // tonight, said at eleven
		}
		return point{from, true, end}, true
	case mer != nil:
		p := dayParts["morning"]
		if c.tok(mer).closedValue("meridiem") != "am" {
			p = dayParts["evening"]
		}
		if strings.EqualFold(c.tok(mer).text, "afternoon") {
			p = dayParts["afternoon"]
		}
		return point{on(day, hm{p.from, 0, 0}), true, on(day, hm{p.end, 0, 0})}, true
	default:
		return point{day, true, day.AddDate(0, 0, 1)}, true
	}
	if c.saysMeridiem(at, plain) {
		mer = nil
		if part == "tonight" || part == "lastnight" {
			return point{at: c.smallHours(day, part, t)}, ok
		}
		part = ""
	}
	if part != "" {
		return point{at: c.during(day, part, t)}, ok
	}
	if mer != nil {
		t = partOf(t, c.tok(mer).closedValue("meridiem"))
	}
	when := on(day, t)
	if weekday && ahead && !when.After(c.now) {
		when = when.AddDate(0, 0, 7)
	}
	if weekday && !ahead && when.After(c.now) {
		when = when.AddDate(0, 0, -7)
	}
	return point{at: when}, ok
}

// during is a time of day in a part of a day: tonight eleven is 23:00, two is
// the small hours.
func (c clockReader) during(day time.Time, part string, t hm) time.Time {
	return c.smallHours(day, part, partOf(t, dayParts[part].mer))
}

// smallHours moves what is past midnight to the next day.
func (c clockReader) smallHours(day time.Time, part string, t hm) time.Time {
	when := on(day, t)
	y, m, d := day.Date()
	next := time.Date(y, m, d+1, t.h, t.m, t.s, 0, day.Location())
	switch {
	case part == "tonight" && !when.After(c.now), part == "lastnight" && t.h < 12:
		return next
	}
	return when
}

// saysMeridiem reports whether the clock itself says am or pm.
func (c clockReader) saysMeridiem(at *bareClock, plain *clock) bool {
	if at != nil && at.Clock != nil {
		plain = at.Clock
	}
	switch {
	case plain == nil:
		return false
	case plain.Hour != nil || plain.Part != nil:
		return true
	}
	return hasMeridiem(c.tok(plain.Clock).text)
}

func (c clockReader) withDay(t hm, clock *clock, r, mer *ref, ahead bool) (point, bool) {
	day, part, ok := c.day(r, ahead)
	if !ok {
		return point{}, false
	}
	says := c.saysMeridiem(nil, clock)
	switch {
	case part == "tonight" && says, part == "lastnight" && says:
		return point{at: c.smallHours(day, part, t)}, true
	case part != "" && !says:
		return point{at: c.during(day, part, t)}, true
	case mer != nil && !says:
		t = partOf(t, c.tok(mer).closedValue("meridiem"))
	}
	when := on(day, t)
	if c.tok(r).class == tWday && ahead && !when.After(c.now) {
		when = when.AddDate(0, 0, 7)
	}
	return point{at: when}, true
}

func (c clockReader) atClock(a *atClock, ahead bool) (point, bool) {
	t, ok := c.bare(a.Clock)
	if !ok {
		return point{}, false
	}
	if a.Day != nil {
		return c.withDay(t, a.Clock.Clock, a.Day, a.Part, ahead)
	}
	return point{at: c.near(t, ahead)}, true
}

func (c clockReader) moment(m *moment, ahead bool) (point, bool) {
	switch {
	case m.Instant != nil:
		return c.instant(m.Instant, ahead)
	case m.At != nil:
		return c.atClock(m.At, ahead)
	}
	t, ok := c.bare(m.Clock)
	return point{at: c.near(t, ahead)}, ok
}
