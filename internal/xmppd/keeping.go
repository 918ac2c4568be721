package xmppd

import (
	"context"
	"sync"
)

// keeping knows for which accounts messages are being kept right now. Somebody
// who comes waits for those: a message that was on its way into the store when
// they came would else stay there until the next time. Safe for concurrent use.
type keeping struct {
	mu sync.Mutex
	of map[string]*kept
}

type kept struct {
	n    int
	none chan struct{} // closed when n is back at 0
}

// begin counts a message for the account; end must be called when it is kept.
// Whoever calls it looks afterwards whether the person has come meanwhile.
func (k *keeping) begin(name string) (end func()) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.of == nil {
		k.of = map[string]*kept{}
	}
	e := k.of[name]
	if e == nil {
		e = &kept{none: make(chan struct{})}
		k.of[name] = e
	}
	e.n++
	return func() {
		k.mu.Lock()
		defer k.mu.Unlock()
		if e.n--; e.n == 0 {
			delete(k.of, name)
			close(e.none)
		}
	}
}

// wait returns when no message is on its way, or ctx is done.
func (k *keeping) wait(ctx context.Context, name string) {
	k.mu.Lock()
	e := k.of[name]
	k.mu.Unlock()
	if e == nil {
		return
	}
	select {
	case <-e.none:
	case <-ctx.Done():
	}
}
