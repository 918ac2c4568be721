package fleet

import (
	"errors"
	"time"
)

// ErrGone is why the answer of a host is not waited for any more.
var ErrGone = errors.New("the host went away")

// lastWord is how long after a host went away its server may still say what
// became of a stanza that was on its way to it.
const lastWord = time.Second

// A watch waits for a host to go away.
type watch struct {
	do    func()
	timer *time.Timer // set when it has gone
}

// Gone has do called, on a goroutine of its own, when a host that is there now
// has gone away: what it has not answered by then it most likely will not answer
// any more. That the bot itself lost its session says nothing about a host. After
// stop do is not called, unless it was about to be.
func (f *Fleet) Gone(name string, do func()) (stop func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	h := f.names[name]
	if h == nil || !h.Online {
		return func() {}
	}
	w := &watch{do: do}
	if h.watched == nil {
		h.watched = make(map[*watch]struct{})
	}
	h.watched[w] = struct{}{}
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(h.watched, w)
		if w.timer != nil {
			w.timer.Stop()
		}
	}
}

// left tells who watches the host that it has gone. The caller holds the
// fleet's lock.
func (h *host) left() {
	for w := range h.watched {
		w.timer = time.AfterFunc(lastWord, w.do)
	}
	h.watched = nil
}
