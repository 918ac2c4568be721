package xmppd

import (
	"sync/atomic"
	"time"
)

// A since is when something began to be so, if it is. Safe for concurrent use.
type since struct{ nano atomic.Int64 }

// set notes that it is so from now on, unless it was already, or that it is
// not.
func (s *since) set(so bool) {
	if so {
		s.nano.CompareAndSwap(0, time.Now().UnixNano())
	} else {
		s.nano.Store(0)
	}
}

// now reports whether it is so.
func (s *since) now() bool { return s.nano.Load() != 0 }

// at reports whether it has been so without a break since then.
func (s *since) at(then time.Time) bool {
	n := s.nano.Load()
	return n != 0 && n <= then.UnixNano()
}
