package hostagent

import "sync"

// slots is the room for calls that run beside each other, shared so that no
// caller can take all of it: whoever holds twice as many as are free gets no
// more. One alone may have two thirds, a second most of the rest, and there is
// always some for one who has none. It may be used from any goroutine.
type slots struct {
	mu   sync.Mutex
	max  int
	used int
	held map[string]int // by caller
}

func newSlots(max int) *slots { return &slots{max: max, held: map[string]int{}} }

// take takes a slot for a caller, if it may have one. Release gives it back.
// Running is how many are in use.
func (s *slots) take(caller string) (release func(), running int, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if free := s.max - s.used; s.held[caller] >= 2*free {
		return nil, s.used, false
	}
	s.used++
	s.held[caller]++
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.used--
		if s.held[caller]--; s.held[caller] == 0 {
			delete(s.held, caller)
		}
	}, s.used, true
}
