package workgroups

import (
	"context"
	"fmt"
	"time"
)

// Figures are counts and times of the alerts that were raised in a period.
type Figures struct {
	Raised   int
	Accepted int // somebody took them
	Resolved int
	Expired  int

	toAccept, toResolve time.Duration // of all that were
}

// Add counts one more alert.
func (f *Figures) Add(a Alert) {
	f.Raised++
	if !a.Accepted.IsZero() {
		f.Accepted++
		f.toAccept += a.Accepted.Sub(a.Raised)
	}
	switch a.State {
	case Resolved:
		f.Resolved++
		f.toResolve += a.Ended.Sub(a.Raised)
	case Expired:
		f.Expired++
	}
}

// ToAccept is the mean time from raised to first accepted (MTTA); 0: none was.
func (f *Figures) ToAccept() time.Duration { return mean(f.toAccept, f.Accepted) }

// ToResolve is the mean time from raised to resolved (MTTR); 0: none was.
func (f *Figures) ToResolve() time.Duration { return mean(f.toResolve, f.Resolved) }

func mean(sum time.Duration, n int) time.Duration {
	if n == 0 {
		return 0
	}
	return sum / time.Duration(n)
}

// Figures returns those of the alerts of a workgroup that were raised between two
// times, from included and until not; of all workgroups if the name is empty.
func (s *Service) Figures(ctx context.Context, workgroup string, from, until time.Time) (Figures, error) {
	if workgroup != "" && !s.has(workgroup) {
		return Figures{}, fmt.Errorf("%w: %q", ErrNoWorkgroup, cut(workgroup, 60))
	}
	f, err := s.cfg.Store.Figures(ctx, workgroup, from, until)
	if err != nil {
		err = fmt.Errorf("%w: %w", ErrStorage, err)
	}
	return f, err
}
