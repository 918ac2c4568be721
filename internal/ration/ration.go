// Package ration lets so much of each kind through in a while and counts the
// rest, so that nobody fills a log with what is worth a line of it.
package ration

import (
	"sync"
	"time"
)

// A Ration is used through [Ration.Take] and given back with [Ration.End]. Its
// methods are safe for concurrent use; the fields are set before.
type Ration struct {
	Each  int           // of one kind, at a time
	Every time.Duration // how long a time is; it begins with the first of a kind
	Kinds int           // at most so many at once, all others count as the kind ""; 0: there are few

	// More is told at the end of a time how many of a kind were not let through,
	// if any, and since when; on a goroutine of its own.
	More func(kind string, n int, since time.Time)

	mu    sync.Mutex
	kinds map[string]*used
	over  bool
}

type used struct {
	since time.Time
	taken int
	more  int
	timer *time.Timer // that forgets it
}

// Take reports whether one more of a kind is let through.
func (r *Ration) Take(kind string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.over {
		return true
	}
	u := r.kinds[kind]
	if u == nil && r.Kinds > 0 && len(r.kinds) >= r.Kinds {
		kind = ""
		u = r.kinds[kind]
	}
	if u == nil {
		u = &used{since: time.Now()}
		u.timer = time.AfterFunc(r.Every, func() { r.forget(kind, u) })
		if r.kinds == nil {
			r.kinds = make(map[string]*used)
		}
		r.kinds[kind] = u
	}
	if u.taken < r.Each {
		u.taken++
		return true
	}
	u.more++
	return false
}

func (r *Ration) forget(kind string, u *used) {
	r.mu.Lock()
	mine := r.kinds[kind] == u
	if mine {
		delete(r.kinds, kind) // nobody counts in u any more
	}
	r.mu.Unlock()
	if mine && u.more > 0 {
		r.More(kind, u.more, u.since)
	}
}

// End tells at once what is to be told. Afterwards everything is let through.
func (r *Ration) End() {
	r.mu.Lock()
	kinds := r.kinds
	r.kinds, r.over = nil, true
	r.mu.Unlock()
	for kind, u := range kinds {
		u.timer.Stop()
		if u.more > 0 {
			r.More(kind, u.more, u.since)
		}
	}
}
