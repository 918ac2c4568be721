package oncall

import (
	"fmt"
	"time"
)

// A Schedule says who is on call. It is not changed once it is in use, and then
// safe for concurrent use.
type Schedule struct {
	Name   string
	Zone   *time.Location // nil: UTC
	Layers []Layer        // of those that have somebody, the last counts
}

// An Override puts somebody in the place of whoever a schedule has.
type Override struct {
	ID          int64 // from 1; of two that overlap, the one with the higher number counts
	Schedule    string
	Who         string
	From, Until time.Time // Until itself is not in it
	By          string    // who said so
	Made        time.Time
}

// A Shift is a time in which one person is on call for one reason.
type Shift struct {
	Who         string    // empty: nobody
	From, Until time.Time // zero: more than five weeks away
	Layer       string    // whose turn it is
	Override    *Override // if it is one that says so
}

// Reason says in words why it is whose shift it is.
func (s *Shift) Reason() string {
	switch {
	case s.Override != nil && s.Override.By != "" && s.Override.By != s.Who:
		return "takes over, says " + s.Override.By
	case s.Override != nil:
		return "takes over"
	case s.Who == "":
		return "no layer has anybody"
	}
	return "turn in " + s.Layer
}

// Check returns what is wrong with the schedule.
func (s *Schedule) Check() error {
	if s.Name == "" || len(s.Layers) == 0 {
		return fmt.Errorf("oncall: schedule %q has no name, or no layers", s.Name)
	}
	for i := range s.Layers {
		if err := s.Layers[i].check(); err != nil {
			return fmt.Errorf("%w (schedule %s)", err, s.Name)
		}
	}
	return nil
}

// Location is the zone of the schedule.
func (s *Schedule) Location() *time.Location {
	if s.Zone == nil {
		return time.UTC
	}
	return s.Zone
}

// At says who is on call at a time. Overrides of other schedules do not count.
func (s *Schedule) At(t time.Time, overrides []Override) Shift {
	sh := s.holder(t, overrides)
	sh.From, sh.Until = s.begin(t, sh, overrides), s.end(t, sh, overrides)
	return sh
}

// Shifts lists who is on call from one time until another, without gaps: where
// nobody is, Who is empty. The first and the last are cut off there.
func (s *Schedule) Shifts(from, until time.Time, overrides []Override) []Shift {
	var all []Shift
	for t := from; t.Before(until); {
		sh := s.holder(t, overrides)
		_, next := s.edges(t, overrides)
		if next.After(until) {
			next = until
		}
		if n := len(all); n > 0 && all[n-1].same(&sh) {
			all[n-1].Until = next
		} else {
			sh.From, sh.Until = t, next
			all = append(all, sh)
		}
		t = next
	}
	return all
}

// same reports whether one shift goes on in the other.
func (s *Shift) same(o *Shift) bool {
	if s.Who != o.Who || s.Layer != o.Layer || (s.Override == nil) != (o.Override == nil) {
		return false
	}
	return s.Override == nil || s.Override.ID == o.Override.ID
}

// horizon is how far is looked for the ends of a shift.
const horizon = 35 * 24 * time.Hour

func (s *Schedule) end(t time.Time, sh Shift, overrides []Override) time.Time {
	for limit := t.Add(horizon); t.Before(limit); {
		_, t = s.edges(t, overrides)
		if next := s.holder(t, overrides); !next.same(&sh) {
			return t
		}
	}
	return time.Time{}
}

func (s *Schedule) begin(t time.Time, sh Shift, overrides []Override) time.Time {
	for limit := t.Add(-horizon); t.After(limit); t = t.Add(-time.Nanosecond) {
		last, _ := s.edges(t, overrides)
		if before := s.holder(last.Add(-time.Nanosecond), overrides); !before.same(&sh) {
			return last
		}
		t = last
	}
	return time.Time{}
}

// holder is who has it at t.
func (s *Schedule) holder(t time.Time, overrides []Override) Shift {
	var over *Override
	for i := range overrides {
		o := &overrides[i]
		if o.Schedule == s.Name && !t.Before(o.From) && t.Before(o.Until) && (over == nil || over.ID < o.ID) {
			over = o
		}
	}
	if over != nil {
		c := *over
		return Shift{Who: c.Who, Override: &c}
	}
	now := wallAt(t, s.Location())
	for i := len(s.Layers) - 1; i >= 0; i-- {
		if who, ok := s.Layers[i].has(now); ok {
			return Shift{Who: who, Layer: s.Layers[i].Name}
		}
	}
	return Shift{}
}

// edges are the last moment up to t, and the first after it, at which it may be
// somebody else's turn.
func (s *Schedule) edges(t time.Time, overrides []Override) (last, next time.Time) {
	now := wallAt(t, s.Location())
	from, to := now-4*week, now+4*week
	for i := range s.Layers {
		a, b := s.Layers[i].edges(now)
		from, to = max(from, a), min(to, b)
	}
	last, next = from.in(s.Location()), to.in(s.Location())
	for _, o := range overrides {
		if o.Schedule != s.Name {
			continue
		}
		for _, at := range [...]time.Time{o.From, o.Until} {
			if at.After(t) {
				if at.Before(next) {
					next = at
				}
			} else if at.After(last) {
				last = at
			}
		}
	}
	return last, next
}
