package workgroups

import "time"

// belief is what a source knows of what it reports.
type belief struct {
	open    bool
	episode int64
	starts  time.Time
	ended   time.Time // if it is not open
}

// mayForget fails unless what has ended did so long enough ago.
func (w *world) mayForget(b *belief) {
	if b.episode > 0 && w.now.Sub(b.ended) <= Remember {
		w.fail("an episode that ended at %s is forgotten", b.ended)
	}
}
