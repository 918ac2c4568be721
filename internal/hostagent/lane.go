package hostagent

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

// Reasons for which a call does not get its turn.
var (
	errLaneFull = errors.New("too many calls wait in this lane")
	errTooLate  = errors.New("the call's time was over before its turn came")
)

// lane lets one call at a time through, in the order in which the calls
// arrived. It may be used from any goroutine.
type lane struct {
	max int // how many may wait

	mu      sync.Mutex
	busy    bool
	waiting []*waiter // by arrival
}

type waiter struct {
	arrived time.Time
	turn    chan struct{} // closed when it is this one's
}

// acquire waits for the turn of a call that arrived at the given time. It
// gives up after patience, and when ctx is done. The turn is given back with
// release. placed is called once the call has its place in the order.
func (l *lane) acquire(ctx context.Context, arrived time.Time, patience time.Duration, placed func()) error {
	l.mu.Lock()
	if !l.busy {
		l.busy = true
		l.mu.Unlock()
		placed()
		return nil
	}
	if len(l.waiting) >= l.max {
		l.mu.Unlock()
		return errLaneFull
	}
	w := &waiter{arrived: arrived, turn: make(chan struct{})}
	// Handlers of different callers are started in the order of arrival but
	// may reach this line in another.
	at := len(l.waiting)
	for at > 0 && l.waiting[at-1].arrived.After(arrived) {
		at--
	}
	l.waiting = slices.Insert(l.waiting, at, w)
	l.mu.Unlock()
	placed()

	timer := time.NewTimer(patience)
	defer timer.Stop()
	err := errTooLate
	select {
	case <-w.turn:
		return nil
	case <-ctx.Done():
		err = ctx.Err()
	case <-timer.C:
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if i := slices.Index(l.waiting, w); i >= 0 {
		l.waiting = slices.Delete(l.waiting, i, i+1)
		return err
	}
	l.next() // the turn came at the same moment: pass it on
	return err
}

// release gives the turn to the next.
func (l *lane) release() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.next()
}

func (l *lane) next() {
	if len(l.waiting) == 0 {
		l.busy = false
		return
	}
	w := l.waiting[0]
	l.waiting = slices.Delete(l.waiting, 0, 1)
	close(w.turn)
}
