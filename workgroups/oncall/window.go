package oncall

import (
	"fmt"
	"strings"
	"time"
)

// A Window is hours of some days of the week: Mon-Fri 18:00-08:00. One that ends
// before it begins ends on the next day.
type Window struct {
	Days [7]bool // by time.Weekday, on which it begins
	From int     // minutes after midnight, 0 to 1439
	To   int     // 1 to 1440; up to From: on the next day
}

var dayNames = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

// ParseWindow reads "Mon-Fri 18:00-08:00", "Sat,Sun" or "22:00-06:00".
func ParseWindow(text string) (Window, error) {
	w := Window{To: 24 * 60}
	fields := strings.Fields(strings.ToLower(text))
	if len(fields) == 0 || len(fields) > 2 {
		return w, fmt.Errorf("oncall: hours %q are not like \"Mon-Fri 18:00-08:00\"", text)
	}
	days, hours := fields[0], ""
	switch {
	case len(fields) == 2:
		hours = fields[1]
	case strings.Contains(fields[0], ":"):
		days, hours = "mon-sun", fields[0]
	}
	for part := range strings.SplitSeq(days, ",") {
		first, last, ranged := strings.Cut(part, "-")
		from, err := parseDay(first)
		if err != nil {
			return w, err
		}
		to := from
		if ranged {
			if to, err = parseDay(last); err != nil {
				return w, err
			}
		}
		for d := from; ; d = (d + 1) % 7 {
			w.Days[d] = true
			if d == to {
				break
			}
		}
	}
	if hours == "" {
		return w, nil
	}
	from, to, ok := strings.Cut(hours, "-")
	if !ok {
		return w, fmt.Errorf("oncall: hours %q have no end", text)
	}
	var err error
	if w.From, err = parseClock(from); err != nil {
		return w, err
	}
	if w.To, err = parseClock(to); err != nil {
		return w, err
	}
	if w.From == 24*60 {
		return w, fmt.Errorf("oncall: hours %q begin at 24:00", text)
	}
	if w.To == 0 {
		w.To = 24 * 60
	}
	return w, nil
}

// parseDay reads the first three letters of a day, or more of them.
func parseDay(text string) (time.Weekday, error) {
	for d, name := range dayNames {
		if strings.HasPrefix(text, name) && strings.HasPrefix(strings.ToLower(time.Weekday(d).String()), text) {
			return time.Weekday(d), nil
		}
	}
	return 0, fmt.Errorf("oncall: %q is not a day of the week: Mon, Tue, Wed, Thu, Fri, Sat, Sun", text)
}

// parseClock reads 09:00 as minutes after midnight.
func parseClock(text string) (int, error) {
	var h, m int
	if n, err := fmt.Sscanf(text, "%d:%d", &h, &m); n != 2 || err != nil || h < 0 || m < 0 || m > 59 || h*60+m > 24*60 || len(text) > 5 {
		return 0, fmt.Errorf("oncall: %q is not a time of day like 09:00", text)
	}
	return h*60 + m, nil
}

// span is the window that begins on the day of midnight.
func (w *Window) span(midnight wall) (from, to wall) {
	from, to = midnight+wall(w.From)*minute, midnight+wall(w.To)*minute
	if to <= from {
		to += day
	}
	return from, to
}

// covers reports whether now is in the window.
func (w *Window) covers(now wall) bool {
	for _, d := range [...]wall{now.midnight() - day, now.midnight()} {
		if from, to := w.span(d); w.Days[d.weekday()] && from <= now && now < to {
			return true
		}
	}
	return false
}

// edges are the last time up to now at which the window began or ended, and the
// next after it.
func (w *Window) edges(now wall) (last, next wall) {
	last, next = now-2*week, now+2*week
	for d := now.midnight() - week - day; d <= now.midnight()+week; d += day {
		if !w.Days[d.weekday()] {
			continue
		}
		from, to := w.span(d)
		for _, at := range [...]wall{from, to} {
			if at <= now {
				last = max(last, at)
			} else {
				next = min(next, at)
			}
		}
	}
	return last, next
}

func (w *Window) check() error {
	if w.Days == [7]bool{} || w.From < 0 || w.From >= 24*60 || w.To < 1 || w.To > 24*60 {
		return fmt.Errorf("oncall: hours without days, or outside of a day")
	}
	return nil
}
