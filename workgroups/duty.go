package workgroups

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"mellium.im/xmpp/jid"

	"adminbot/workgroups/oncall"
)

// ErrNoSchedule is wrapped by errors about a schedule that a workgroup has not.
var ErrNoSchedule = errors.New("workgroups: no such schedule")

// Bounds of what is asked of schedules and kept of what has ended.
const (
	MaxShifts = 366 * 24 * time.Hour // between the first and the last shift of a list
	keepEnded = 90 * 24 * time.Hour
	maxKept   = 10_000 // overrides, and silences
)

// schedule returns the one of that name; without a name, the first.
func (w *Workgroup) schedule(name string) (*oncall.Schedule, error) {
	for _, s := range w.Schedules {
		if name == "" || s.Name == name {
			return s, nil
		}
	}
	if name == "" {
		return nil, fmt.Errorf("%w: %s has none", ErrNoSchedule, w.Name)
	}
	return nil, fmt.Errorf("%w in %s: %q", ErrNoSchedule, w.Name, cut(name, 60))
}

// override puts somebody in the place of whoever a schedule has, from now on or
// from a time to come.
func (m *machine) override(g *group, o oncall.Override, now time.Time) (oncall.Override, error) {
	who, err := jid.Parse(o.Who)
	if err != nil || g.member(who) == nil {
		return o, fmt.Errorf("%w %s: %s", ErrNotMember, g.Name, cut(o.Who, 60))
	}
	o.Who, o.Made = who.Bare().String(), now
	if o.From.Before(now) {
		o.From = now
	}
	if !o.Until.After(o.From) {
		return o, invalid("it would be over before it begins")
	}
	if len(m.overrides) >= maxKept {
		return o, ErrBusy
	}
	o.ID = 1
	if n := len(m.overrides); n > 0 {
		o.ID = m.overrides[n-1].ID + 1
	}
	m.overrides = append(m.overrides, o)
	m.changes = append(m.changes, PutOverride{o})
	m.dirty[g.Name] = struct{}{}
	return o, nil
}

// endOverrides ends what of a schedule's overrides is in force.
func (m *machine) endOverrides(g *group, schedule string, now time.Time) []oncall.Override {
	var ended []oncall.Override
	all := slices.Clone(m.overrides) // shifts that were handed out speak of the old one
	for i := range all {
		o := &all[i]
		if o.Schedule == schedule && !o.From.After(now) && o.Until.After(now) {
			o.Until = now
			ended = append(ended, *o)
			m.changes = append(m.changes, PutOverride{*o})
		}
	}
	m.overrides = all
	m.dirty[g.Name] = struct{}{}
	return ended
}

// forgetEnded drops overrides and silences that ended long ago.
func (m *machine) forgetEnded(now time.Time) {
	old := now.Add(-keepEnded)
	m.overrides = slices.DeleteFunc(m.overrides, func(o oncall.Override) bool {
		if o.Until.After(old) {
			return false
		}
		m.changes = append(m.changes, DropOverride{o.ID})
		return true
	})
	m.silences = slices.DeleteFunc(m.silences, func(s *silence) bool {
		if s.Until.After(old) {
			return false
		}
		m.changes = append(m.changes, DropSilence{s.ID})
		return true
	})
}

// A Duty is who is on call in a workgroup by one of its schedules.
type Duty struct {
	Schedule *oncall.Schedule
	Shift    oncall.Shift
}

// String says who it is, and until when.
func (d Duty) String() string {
	who := "nobody"
	if d.Shift.Who != "" {
		who = d.Shift.Who
	}
	text := d.Schedule.Name + ": " + who
	if until := d.Shift.Until; !until.IsZero() {
		text += " until " + until.In(d.Schedule.Location()).Format("Mon 2006-01-02 15:04 MST")
	}
	return text
}

// OnCall says who is on call in a workgroup at a time, by each of its schedules,
// or by the one that is named. The error wraps [ErrNoWorkgroup] or
// [ErrNoSchedule].
func (s *Service) OnCall(ctx context.Context, workgroup, schedule string, at time.Time) (all []Duty, err error) {
	err = s.look(ctx, func(m *machine, _ time.Time) error {
		g, err := m.group(workgroup)
		if err != nil {
			return err
		}
		first, err := g.schedule(schedule)
		if err != nil {
			return err
		}
		for _, sched := range g.Schedules {
			if schedule == "" || sched == first {
				all = append(all, Duty{sched, sched.At(at, m.overrides)})
			}
		}
		return nil
	})
	return all, err
}

// Shifts lists who is on call between two times, up to [MaxShifts] apart. Without
// a name it is by the workgroup's first schedule.
func (s *Service) Shifts(ctx context.Context, workgroup, schedule string, from, until time.Time) (*oncall.Schedule, []oncall.Shift, error) {
	if until.Sub(from) > MaxShifts || !until.After(from) {
		return nil, nil, invalid("shifts from %s until %s: at most %d days, at least one moment", from.Format(time.DateOnly), until.Format(time.DateOnly), MaxShifts/(24*time.Hour))
	}
	var sched *oncall.Schedule
	var overrides []oncall.Override
	err := s.look(ctx, func(m *machine, _ time.Time) error {
		g, err := m.group(workgroup)
		if err != nil {
			return err
		}
		sched, err = g.schedule(schedule)
		overrides = slices.Clone(m.overrides)
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	return sched, sched.Shifts(from, until, overrides), nil
}

// Override puts Who in the place of whoever a schedule of a workgroup has. Without
// a schedule's name it is the first; a From that is past is now. The error wraps
// [ErrNoWorkgroup], [ErrNoSchedule] or [ErrNotMember], or is an [InvalidError].
func (s *Service) Override(ctx context.Context, workgroup string, o oncall.Override) (made oncall.Override, err error) {
	err = s.do(ctx, func(m *machine, now time.Time) error {
		g, err := m.group(workgroup)
		if err != nil {
			return err
		}
		sched, err := g.schedule(o.Schedule)
		if err != nil {
			return err
		}
		o.Schedule = sched.Name
		made, err = m.override(g, o, now)
		return err
	})
	return made, err
}

// EndOverrides ends the overrides of a schedule that are in force, and returns
// them.
func (s *Service) EndOverrides(ctx context.Context, workgroup, schedule string) (ended []oncall.Override, err error) {
	err = s.do(ctx, func(m *machine, now time.Time) error {
		g, err := m.group(workgroup)
		if err != nil {
			return err
		}
		sched, err := g.schedule(schedule)
		if err != nil {
			return err
		}
		ended = m.endOverrides(g, sched.Name, now)
		return nil
	})
	return ended, err
}

// Silence has nobody asked about some alerts for a while: all of what is given,
// or, with an error, nothing. The error wraps [ErrNoWorkgroup] or [ErrBusy], or is
// an [InvalidError].
func (s *Service) Silence(ctx context.Context, silences ...Silence) (made []Silence, err error) {
	err = s.do(ctx, func(m *machine, now time.Time) (err error) {
		made, err = m.silence(silences, now)
		return err
	})
	return made, err
}

// EndSilences ends those that have not ended and that chosen is true of, and
// returns them.
func (s *Service) EndSilences(ctx context.Context, chosen func(*Silence) bool) (ended []Silence, err error) {
	err = s.do(ctx, func(m *machine, now time.Time) error {
		ended = m.endSilences(chosen, now)
		return nil
	})
	return ended, err
}

// Silences returns those that have not ended, also those to come, and of each
// [Maintenance], which has no number, the one that is or the next.
func (s *Service) Silences(ctx context.Context) (all []Silence, err error) {
	err = s.look(ctx, func(m *machine, now time.Time) error {
		for _, s := range m.silences {
			if s.Until.After(now) {
				all = append(all, s.Silence)
			}
		}
		for _, name := range sortedKeys(m.groups) {
			for _, s := range m.groups[name].maintained {
				all = append(all, s.Silence)
			}
		}
		return nil
	})
	return all, err
}
