package link

import (
	"context"
	"sync/atomic"
)

// Settle returns when the stanzas that have arrived so far have been handled,
// or their handlers have yielded. After [Session.Barrier] that is everything
// the server had sent before it took what was sent here.
func (s *Session) Settle(ctx context.Context) error {
	settled := s.work.settled()
	select {
	case <-settled:
		return nil
	case <-ctx.Done():
		return &Error{Err: ctx.Err()}
	}
}

// settled returns a channel that is closed when all queues have come to where
// they are now: a mark goes to the end of each.
func (d *dispatcher) settled() <-chan struct{} {
	done := make(chan struct{})
	d.mu.Lock()
	defer d.mu.Unlock()
	left := int64(len(d.boxes))
	if left == 0 {
		close(done)
		return done
	}
	var passed atomic.Int64
	mark := func() {
		if passed.Add(1) == left {
			close(done)
		}
	}
	for _, box := range d.boxes { // in ready, or put there after its turn
		box.queue = append(box.queue, &work{mark: mark})
		d.waiting++
	}
	return done
}
