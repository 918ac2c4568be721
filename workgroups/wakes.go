package workgroups

import (
	"container/heap"
	"time"
)

// wakes are the times at which alerts must be looked at, the first first. An
// alert may be in it several times; that costs a look.
type wakes struct{ heap wakeHeap }

type wake struct {
	at time.Time
	id int64
}

func (w *wakes) push(at time.Time, id int64) {
	if !at.IsZero() {
		heap.Push(&w.heap, wake{at, id})
	}
}

// due takes the first one whose time has come.
func (w *wakes) due(now time.Time) (id int64, ok bool) {
	if len(w.heap) == 0 || w.heap[0].at.After(now) {
		return 0, false
	}
	return heap.Pop(&w.heap).(wake).id, true
}

func (w *wakes) next() (time.Time, bool) {
	if len(w.heap) == 0 {
		return time.Time{}, false
	}
	return w.heap[0].at, true
}

type wakeHeap []wake

func (h wakeHeap) Len() int           { return len(h) }
func (h wakeHeap) Less(i, j int) bool { return h[i].at.Before(h[j].at) }
func (h wakeHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *wakeHeap) Push(x any)        { *h = append(*h, x.(wake)) }
func (h *wakeHeap) Pop() any {
	old := *h
	last := old[len(old)-1]
	*h = old[:len(old)-1]
	return last
}
