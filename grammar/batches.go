package grammar

import (
	"slices"
	"strconv"
)

// maxBatches bounds the steps that a change is offered in.
const maxBatches = 8

// batch finds words that want a change on some hosts after others (one at a
// time, in batches of 2): where they stand, and how many hosts at once. size is 0
// when there are none.
func (r *reader) batch() (from, to, size int) {
	ws := r.la.words
	for i := range ws {
		for _, m := range r.la.matches[i] {
			for _, c := range m.n.closed {
				if c.class != "batch" || size > 0 {
					continue
				}
				from, to = i, i+m.len
				if c.value == "1" {
					size = 1
				} else if n := r.count(i - 1); n > 0 {
					from, size = i-1, n
				} else if n := r.count(to); n > 0 {
					to, size = to+1, n
				}
			}
		}
	}
	return from, to, size
}

// count is the number at i, 0 if there is none.
func (r *reader) count(i int) int {
	if i < 0 || i >= len(r.la.words) {
		return 0
	}
	if n, err := strconv.Atoi(r.la.words[i].text); err == nil && n > 0 && n < 10000 {
		return n
	}
	for _, m := range r.la.matches[i] {
		for _, c := range m.n.closed {
			if n, err := strconv.Atoi(c.value); err == nil && c.class == "num" && m.len == 1 {
				return n
			}
		}
	}
	return 0
}

// inSteps refuses a change that shall not be everywhere at once, and offers it
// as steps: each waits for the one before, and none follows one that failed.
func (r *reader) inSteps() (Reading, bool) {
	from, to, size := r.batch()
	if size == 0 || r.stats.Rereads >= maxRereads {
		return Reading{}, false
	}
	ws := slices.Clone(r.la.words[:from])
	if n := len(ws); n > 0 && ws[n-1].text == "," {
		ws = ws[:n-1]
	}
	ws = append(ws, r.la.words[to:]...)
	r.stats.Rereads++
	sub := &reader{lx: r.lx, prev: r.prev, now: r.now, strict: true, overlooked: -1, asName: -1}
	plan := sub.read(ws, r.la.odd)
	r.stats.Streams += sub.stats.Streams
	if plan.Status != OK || !r.writes(plan.Commands) {
		return Reading{}, false
	}
	steps, whole := batches(plan.Commands, size)
	if len(steps) == len(plan.Commands) && whole {
		return Reading{}, false // one after another is all at once
	}
	w := r.la.words[from]
	out := Reading{Status: Unknown, Problem: &Problem{Column: w.col, Word: w.raw},
		Question: "I don't run batches. In steps, each waits for the one before."}
	if !whole {
		out.Question = "I don't run batches, and that is many steps. This is the first."
	}
	s := r.lx.sentence(steps)
	if again, _ := r.lx.ParseStats(nil, s, r.now); again.Status == OK && again.Canonical == s {
		out.Suggestions = []string{s}
	}
	return out, true
}

// batches divides the hosts of each command. whole is false when there are more
// parts than can be offered; then it is the first.
func batches(commands []Command, size int) (steps []Command, whole bool) {
	for _, c := range commands {
		if len(c.Hosts) <= size {
			steps = append(steps, c)
			continue
		}
		for hosts := range slices.Chunk(c.Hosts, size) {
			one := c
			one.Hosts, one.On, one.asked = hosts, Names(hosts...), true
			steps = append(steps, one)
		}
	}
	if len(steps) > maxBatches {
		return steps[:1], false
	}
	return steps, true
}
