package fleet

import "context"

// Fresh waits until the picture has all that hosts say of themselves: whoever is
// there has been asked, and a snapshot was made of that. It returns the latest
// one when ctx is done, and at once while nobody has told who is there. A host
// that came a moment ago has services that no sentence can name before.
func (f *Fleet) Fresh(ctx context.Context) *Snapshot {
	for {
		f.mu.Lock()
		made, learned, looked := f.made, f.learned, f.looked
		f.mu.Unlock()
		snap := f.snap.Load()
		if !looked || snap.learned == learned && f.complete() {
			return snap
		}
		select {
		case <-made:
		case <-ctx.Done():
			return f.snap.Load()
		}
	}
}
