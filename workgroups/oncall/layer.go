package oncall

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// A Layer is people who take turns.
type Layer struct {
	Name  string
	Who   []string      // in the order of their turns; addresses
	Every time.Duration // of the wall's time, that a turn lasts; whole minutes, an hour at least
	Start Start
	Hours []Window // in which somebody is on call; empty: always
}

// Start is when the first of a layer takes over, on the wall. It only says whose
// turn is when: there were turns before it, too.
type Start struct {
	Year         int
	Month        time.Month
	Day          int
	Hour, Minute int
}

func (s Start) wall() wall {
	return wall(time.Date(s.Year, s.Month, s.Day, s.Hour, s.Minute, 0, 0, time.UTC).Unix())
}

// ParseEvery reads how long a turn lasts: "week", "2 weeks", "1 day", "12 hours".
func ParseEvery(text string) (time.Duration, error) {
	fields := strings.Fields(text)
	n := 1
	if len(fields) == 2 {
		var err error
		if n, err = strconv.Atoi(fields[0]); err != nil || n < 1 || n > 1000 {
			return 0, everyError(text)
		}
		fields = fields[1:]
	}
	if len(fields) != 1 {
		return 0, everyError(text)
	}
	units := map[string]time.Duration{"hour": time.Hour, "day": 24 * time.Hour, "week": 7 * 24 * time.Hour}
	unit, ok := units[strings.TrimSuffix(fields[0], "s")]
	if !ok {
		return 0, everyError(text)
	}
	return time.Duration(n) * unit, nil
}

func everyError(text string) error {
	return fmt.Errorf("oncall: %q is not how long a turn lasts: 12 hours, day, 2 weeks", text)
}

// ParseStart puts together the day on which the first of a layer is on call
// ("2026-11-30"; empty: a Monday long ago) and when turns begin ("Mon 09:00",
// "09:00"; empty: at midnight). With a day of the week it is the last such day up
// to the date.
func ParseStart(date, handOver string) (Start, error) {
	d := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
	if date != "" {
		var err error
		if d, err = time.Parse(time.DateOnly, date); err != nil {
			return Start{}, fmt.Errorf("oncall: %q is not a date like 2026-11-30", date)
		}
	}
	clock := 0
	switch fields := strings.Fields(strings.ToLower(handOver)); len(fields) {
	case 0:
	case 1, 2:
		if len(fields) == 2 || !strings.Contains(fields[0], ":") {
			weekday, err := parseDay(fields[0])
			if err != nil {
				return Start{}, err
			}
			d = d.AddDate(0, 0, -int(mod(wall(d.Weekday()-weekday), 7)))
			fields = fields[1:]
		}
		if len(fields) == 1 {
			var err error
			if clock, err = parseClock(fields[0]); err != nil || clock == 24*60 {
				return Start{}, fmt.Errorf("oncall: hand-over %q is not a time like \"Mon 09:00\"", handOver)
			}
		}
	default:
		return Start{}, fmt.Errorf("oncall: hand-over %q is not a time like \"Mon 09:00\"", handOver)
	}
	return Start{d.Year(), d.Month(), d.Day(), clock / 60, clock % 60}, nil
}

func (l *Layer) check() error {
	switch {
	case len(l.Who) == 0:
		return fmt.Errorf("oncall: layer %q has nobody", l.Name)
	case l.Every < time.Hour || l.Every%time.Minute != 0:
		return fmt.Errorf("oncall: layer %q: a turn lasts whole minutes, at least an hour, not %v", l.Name, l.Every)
	}
	for i := range l.Hours {
		if err := l.Hours[i].check(); err != nil {
			return fmt.Errorf("%w (layer %q)", err, l.Name)
		}
	}
	return nil
}

func (l *Layer) every() wall { return wall(l.Every / time.Second) }

// has returns whose turn it is; false: it is not in the layer's hours.
func (l *Layer) has(now wall) (who string, ok bool) {
	ok = len(l.Hours) == 0
	for i := range l.Hours {
		ok = ok || l.Hours[i].covers(now)
	}
	turn := div(now-l.Start.wall(), l.every())
	return l.Who[mod(turn, wall(len(l.Who)))], ok
}

// edges are the last time up to now, and the next after it, at which something
// may change.
func (l *Layer) edges(now wall) (last, next wall) {
	last = now - mod(now-l.Start.wall(), l.every())
	next = last + l.every()
	for i := range l.Hours {
		a, b := l.Hours[i].edges(now)
		last, next = max(last, a), min(next, b)
	}
	return last, next
}
