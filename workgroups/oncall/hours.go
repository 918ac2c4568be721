package oncall

import (
	"errors"
	"time"
)

// Hours are windows on the wall of a zone, week after week.
type Hours struct {
	Zone    *time.Location // nil: UTC
	Windows []Window
}

// Check returns what is wrong with them.
func (h *Hours) Check() error {
	if len(h.Windows) == 0 {
		return errors.New("oncall: no hours")
	}
	for i := range h.Windows {
		if err := h.Windows[i].check(); err != nil {
			return err
		}
	}
	return nil
}

// Next is the time in one of the windows that t is in, or else the next after it.
// Windows that touch are one. The end of a time that does not end is two weeks
// away. The hours have been checked.
func (h *Hours) Next(t time.Time) (from, until time.Time) {
	zone := h.Zone
	if zone == nil {
		zone = time.UTC
	}
	now := wallAt(t, zone)
	begin := now
	if h.covers(now) {
		for last := begin; last > now-2*week && h.covers(last-1); {
			last = h.last(last - 1)
			begin = last
		}
	} else {
		begin = h.next(now)
	}
	end := max(begin, now)
	for limit := end + 2*week; end < limit && h.covers(end); {
		end = h.next(end)
	}
	return begin.in(zone), end.in(zone)
}

func (h *Hours) covers(at wall) bool {
	for i := range h.Windows {
		if h.Windows[i].covers(at) {
			return true
		}
	}
	return false
}

// next is the first edge of a window after a time.
func (h *Hours) next(at wall) wall {
	first := at + 2*week
	for i := range h.Windows {
		_, next := h.Windows[i].edges(at)
		first = min(first, next)
	}
	return first
}

// last is the last edge of a window up to a time.
func (h *Hours) last(at wall) wall {
	latest := at - 2*week
	for i := range h.Windows {
		last, _ := h.Windows[i].edges(at)
		latest = max(latest, last)
	}
	return latest
}
