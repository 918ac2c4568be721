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

// when returns since when it has been so without a break.
func (s *since) when() moment { return moment(s.nano.Load()) }

// A moment is the time when something began to be so; 0 if it is not.
type moment int64

// by reports whether it was so by then, and has been since.
func (m moment) by(then time.Time) bool { return m != 0 && int64(m) <= then.UnixNano() }
