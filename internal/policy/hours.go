package policy

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// hours is a weekly window in one zone, by the clock on the wall there.
type hours struct {
	text     string
	days     [7]bool // by time.Weekday
	from, to int     // minutes of the day; to <= from runs past midnight
	zone     *time.Location
}

// contain reports whether t is inside. A window past midnight belongs to the
// day on which it begins: "Fri 22:00-06:00" ends on Saturday morning.
func (h *hours) contain(t time.Time) bool {
	t = t.In(h.zone)
	minute := t.Hour()*60 + t.Minute()
	today := h.days[t.Weekday()]
	if h.from < h.to {
		return today && minute >= h.from && minute < h.to
	}
	yesterday := h.days[(t.Weekday()+6)%7]
	return today && minute >= h.from || yesterday && minute < h.to
}

var weekdays = map[string]time.Weekday{
	"sun": time.Sunday, "mon": time.Monday, "tue": time.Tuesday, "wed": time.Wednesday,
	"thu": time.Thursday, "fri": time.Friday, "sat": time.Saturday,
}

// parseHours reads "Mon-Fri 08:00-18:00 Europe/Amsterdam"; the days may be a
// list ("Mon,Wed,Fri") or left out.
func parseHours(s string) (*hours, error) {
	h := &hours{text: s}
	f := strings.Fields(s)
	if len(f) == 2 {
		f = append([]string{"Sun-Sat"}, f...)
	}
	if len(f) != 3 {
		return nil, errors.New(`want days, a span and a zone, as in "Mon-Fri 08:00-18:00 Europe/Amsterdam"`)
	}
	for _, part := range strings.Split(f[0], ",") {
		first, last, isRange := strings.Cut(part, "-")
		if !isRange {
			last = first
		}
		a, okA := weekdays[strings.ToLower(first)]
		b, okB := weekdays[strings.ToLower(last)]
		if !okA || !okB {
			return nil, fmt.Errorf("no days %q: days are Mon Tue Wed Thu Fri Sat Sun", part)
		}
		for d := a; ; d = (d + 1) % 7 {
			h.days[d] = true
			if d == b {
				break
			}
		}
	}
	from, to, ok := strings.Cut(f[1], "-")
	var okF, okT bool
	h.from, okF = clock(from)
	h.to, okT = clock(to)
	if !ok || !okF || !okT || h.from == 24*60 || h.from == h.to {
		return nil, fmt.Errorf("no span %q: want 08:00-18:00", f[1])
	}
	zone, err := time.LoadLocation(f[2])
	if err != nil || f[2] == "Local" {
		return nil, fmt.Errorf("no zone %q: want one of the IANA names, as in Europe/Amsterdam or UTC", f[2])
	}
	h.zone = zone
	return h, nil
}

// clock reads "08:30" as minutes of the day; 24:00 is the end of it.
func clock(s string) (int, bool) {
	if len(s) != 5 || s[2] != ':' || strings.ContainsAny(s, "+-") {
		return 0, false
	}
	hour, err1 := strconv.Atoi(s[:2])
	minute, err2 := strconv.Atoi(s[3:])
	if err1 != nil || err2 != nil || minute > 59 || hour > 24 || hour == 24 && minute != 0 {
		return 0, false
	}
	return hour*60 + minute, true
}
