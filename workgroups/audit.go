package workgroups

import (
	"context"
	"time"
)

// auditEvery is how often it is proved that no alert is forgotten.
const auditEvery = time.Minute

// idle are alerts without an owner that nobody will look at any more. There are
// none, or the machine is wrong; whoever asks is told, and they are looked at
// again.
func (m *machine) idle(now time.Time) []int64 {
	var lost []int64
	for _, g := range m.groups {
		for _, a := range g.queue {
			if !a.Wake.IsZero() && now.Sub(a.Wake) < auditEvery {
				continue
			}
			lost = append(lost, a.ID)
			m.wake(a, now)
		}
	}
	return lost
}

// audit proves every minute that no alert without an owner is idle.
func (s *Service) audit(ctx context.Context) {
	tick := time.NewTicker(auditEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		var lost []int64
		err := s.do(ctx, func(m *machine, now time.Time) error {
			lost = m.idle(now)
			return nil
		})
		if len(lost) > 0 {
			s.log.ErrorContext(ctx, "alerts had been forgotten, they are offered again", "alerts", lost)
		}
		if err != nil && ctx.Err() == nil {
			s.log.ErrorContext(ctx, "whether alerts are forgotten cannot be told", "err", err)
		}
	}
}
