package hostagent

import "testing"

// TestSlotsAreShared: floods of some callers leave room for others.
func TestSlotsAreShared(t *testing.T) {
	s := newSlots(48)
	fill := func(caller string) (n int) {
		for {
			if _, _, ok := s.take(caller); !ok {
				return n
			}
			n++
		}
	}
	first, second, third := fill("a"), fill("b"), fill("c")
	if first != 32 || second < 8 || third < 2 {
		t.Errorf("the first got %d, the second %d, the third %d", first, second, third)
	}
	release, running, ok := s.take("d")
	if !ok {
		t.Fatalf("with %d running there is no room for one more", running)
	}
	release()
	if s.held["d"] != 0 || s.used != running-1 {
		t.Errorf("after the release %d are used, %d of them by d", s.used, s.held["d"])
	}
}
