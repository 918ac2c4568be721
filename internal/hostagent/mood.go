package hostagent

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"adminbot/agentapi"
)

// moodEvery is how often the host looks at itself.
const moodEvery = time.Minute

// vitals are the numbers a mood is made of; nil is not known.
type vitals struct {
	cpuPercent, memUsedPercent, load1 *float64
	cpus                              int
	disks                             []agentapi.Filesystem
	// quick is set for a first look that did not take its time: it says
	// nothing about how long the load has been what it is.
	quick bool
}

// A threshold makes the host sad from raise on, and happy again only below
// clear, so that a number that wavers does not make the mood waver.
type threshold struct {
	raise, clear float64
	points       int32
}

// The built-in thresholds. Of several that a number has passed, the last
// counts.
var (
	diskFull   = []threshold{{90, 87, 30}, {95, 93, 50}, {98, 97, 70}}
	inodesFull = []threshold{{95, 92, 30}, {99, 98, 60}}
	memoryFull = []threshold{{90, 87, 30}, {96, 94, 60}}
	loadPerCPU = []threshold{{2, 1.5, 30}, {6, 5, 50}}
)

// loadLooks is how many times in a row the load must be high: one look at the
// load of a minute may catch a burst.
const loadLooks = 2

// feelings turns vitals into a mood, remembering what it takes to be calm
// about a number that wavers. It belongs to one goroutine at a time.
type feelings struct {
	points  map[string]int32 // of each check that is raised
	highFor int              // looks for which the load has been high
	mood    agentapi.Mood
}

// level is the points of a number, given the points it had.
func level(ts []threshold, value float64, had int32) int32 {
	var points int32
	for _, t := range ts {
		if value >= t.raise || had >= t.points && value >= t.clear {
			points = t.points
		}
	}
	return points
}

// feel takes in new numbers and reports whether the mood is another one: in
// its name, or in what is wrong and how badly. The texts follow along without
// being news.
func (f *feelings) feel(v vitals, now time.Time) (changed bool) {
	if f.points == nil {
		f.points = make(map[string]int32)
	}
	var reasons []agentapi.MoodReason
	raised := make(map[string]int32)
	judge := func(check string, ts []threshold, value float64, text string) {
		if p := level(ts, value, f.points[check]); p > 0 {
			raised[check] = p
			reasons = append(reasons, agentapi.MoodReason{Check: check, Points: p, Text: text})
		}
	}
	for _, d := range v.disks {
		if d.UsedPercent == nil || d.ReadOnly || d.Stale || d.Error != "" {
			continue
		}
		judge("disk:"+d.Mount, diskFull, *d.UsedPercent, fmt.Sprintf("need more disk (%s %.0f%% full)", d.Mount, *d.UsedPercent))
		if d.InodesFreePercent != nil {
			used := 100 - *d.InodesFreePercent
			judge("inodes:"+d.Mount, inodesFull, used, fmt.Sprintf("need more inodes (%s %.0f%% used)", d.Mount, used))
		}
	}
	if v.memUsedPercent != nil {
		judge("memory", memoryFull, *v.memUsedPercent, fmt.Sprintf("need more memory (%.0f%% used)", *v.memUsedPercent))
	}
	if v.load1 != nil && v.cpus > 0 && !v.quick {
		per := *v.load1 / float64(v.cpus)
		if level(loadPerCPU, per, f.points["load"]) > 0 {
			f.highFor++
		} else {
			f.highFor = 0
		}
		if f.highFor >= loadLooks || f.points["load"] > 0 {
			judge("load", loadPerCPU, per, fmt.Sprintf("need more CPU (load %.1f on %s)", *v.load1, processors(v.cpus)))
		}
	}
	slices.SortStableFunc(reasons, func(a, b agentapi.MoodReason) int { return int(b.Points - a.Points) })

	next := agentapi.Mood{
		Mood: agentapi.Happy, Reasons: reasons, Since: f.mood.Since, Sequence: f.mood.Sequence,
		CPUPercent: v.cpuPercent, MemUsedPercent: v.memUsedPercent, Load1: v.load1, DiskUsedPercent: fullest(v.disks),
	}
	for _, r := range reasons {
		next.Mood = agentapi.Sad
		next.Score = min(100, next.Score+r.Points)
	}
	changed = next.Mood != f.mood.Mood || !equalPoints(raised, f.points)
	if next.Mood != f.mood.Mood {
		next.Since = now.UTC()
	}
	if changed {
		next.Sequence++
	}
	f.mood, f.points = next, raised
	return changed
}

func processors(n int) string {
	if n == 1 {
		return "1 processor"
	}
	return fmt.Sprintf("%d processors", n)
}

func fullest(disks []agentapi.Filesystem) *float64 {
	var most *float64
	for _, d := range disks {
		if d.UsedPercent != nil && !d.ReadOnly && (most == nil || *d.UsedPercent > *most) {
			most = d.UsedPercent
		}
	}
	return most
}

func equalPoints(a, b map[string]int32) bool {
	if len(a) != len(b) {
		return false
	}
	for k, v := range a {
		if b[k] != v {
			return false
		}
	}
	return true
}

// monitor keeps the mood up to date.
type monitor struct {
	look func(ctx context.Context, quick bool) vitals
	now  func() time.Time
	tell func(context.Context, agentapi.Mood) // of every change; may be nil

	mu    sync.Mutex // one look at a time
	feels feelings
	last  time.Time
}

// current is the latest mood; before there is one, it looks.
func (m *monitor) current(ctx context.Context) agentapi.Mood {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.last.IsZero() {
		m.lookLocked(ctx)
	}
	return m.feels.mood
}

// refresh looks now and reports whether the mood has changed.
func (m *monitor) refresh(ctx context.Context) (agentapi.Mood, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	changed := m.lookLocked(ctx)
	return m.feels.mood, changed
}

func (m *monitor) lookLocked(ctx context.Context) (changed bool) {
	v := m.look(ctx, m.last.IsZero()) // the first look must not hold up a login
	m.last = m.now()
	return m.feels.feel(v, m.last)
}

// run looks once a minute until ctx is done, and tells of the first mood and
// of every change.
func (m *monitor) run(ctx context.Context) {
	t := time.NewTicker(moodEvery)
	defer t.Stop()
	tell := func(mood agentapi.Mood) {
		if m.tell != nil && ctx.Err() == nil {
			m.tell(ctx, mood)
		}
	}
	tell(m.current(ctx))
	for {
		if mood, changed := m.refresh(ctx); changed {
			tell(mood)
		}
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
	}
}

// presence answers presence.get with the latest mood.
func (m *monitor) presence(ctx context.Context, _ agentapi.NoArgs) (agentapi.PresenceGetResult, error) {
	mood := m.current(ctx)
	return agentapi.PresenceGetResult{
		Show: mood.Show(), Status: mood.Status(), Mood: mood.Mood, Score: mood.Score,
		Reasons: mood.Reasons, Since: mood.Since, Sequence: mood.Sequence,
	}, nil
}
