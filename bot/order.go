package bot

import (
	"context"
	"sync"

	"adminbot/agentapi"
)

// queues keep the changes to one host in the order in which they were permitted,
// whoever asked and however many calls are in flight: each waits for the one
// before it in its lane. Reads never wait.
type queues struct {
	mu   sync.Mutex
	tail map[lane]chan struct{}
}

type lane struct {
	host string
	lane agentapi.Lane
}

// place is a place in a queue.
type place struct {
	before <-chan struct{} // closed when the one before has left; nil for the first
	mine   chan struct{}
	leave  func()
}

// enter takes the last place in the lane.
func (q *queues) enter(l lane) place {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.tail == nil {
		q.tail = map[lane]chan struct{}{}
	}
	mine := make(chan struct{})
	before := q.tail[l]
	q.tail[l] = mine
	return place{before: before, mine: mine, leave: sync.OnceFunc(func() {
		q.mu.Lock()
		defer q.mu.Unlock()
		if q.tail[l] == mine {
			delete(q.tail, l)
		}
		close(mine)
	})}
}

// wait waits for the turn, or for the end of ctx. Whoever gives up still has to
// leave; those behind then follow whoever is in front.
func (p place) wait(ctx context.Context) error {
	if p.before == nil {
		return nil
	}
	select {
	case <-p.before:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
