package workgroups

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// belief is what a source knows of what it reports.
type belief struct {
	open    bool
	alert   int64 // that is about it, if it is open
	episode int64
	starts  time.Time
	ended   time.Time // if it is not open
}

// A cause is an open alert that what has the same labels is to join.
type cause struct {
	alert  int64
	things map[string]bool // all that have, also if they are over
}

// mayForget fails unless what has ended did so long enough ago.
func (w *world) mayForget(b *belief) {
	if b.episode > 0 && w.now.Sub(b.ended) <= Remember {
		w.fail("an episode that ended at %s is forgotten", b.ended)
	}
}

func (w *world) workgroup(name string) *Workgroup {
	return &w.groups[slices.IndexFunc(w.groups, func(g Workgroup) bool { return g.Name == name })]
}

// ended notes that all is over that an alert was about.
func (w *world) ended(a *Alert) {
	w.states[a.ID] = a.State
	for _, b := range w.raised {
		if b.open && b.alert == a.ID {
			b.open, b.ended = false, w.now
		}
	}
	for key, c := range w.causes {
		if c.alert == a.ID {
			delete(w.causes, key)
		}
	}
}

// report reports something: anew, once more, or that it is over.
func (w *world) report() {
	group, print := w.group(), "fp"+strconv.Itoa(w.rnd.IntN(25))
	key, th := group+" "+print, thing{group, "src", print}
	b := w.raised[key]
	if b == nil {
		b = &belief{}
		w.raised[key] = b
	}
	if _, known := w.m.recent[th]; !known && !b.open {
		w.mayForget(b)
		*b = belief{}
	}
	r := Report{
		Workgroup: group, Source: "src", Fingerprint: print, Summary: "x", Severity: []Severity{Critical, Warning, Info}[w.rnd.IntN(3)],
		Labels: map[string]string{"role": []string{"db", "web"}[w.rnd.IntN(2)]}, Resolved: w.rnd.IntN(4) == 0,
	}
	if w.rnd.IntN(8) == 0 {
		delete(r.Labels, "role")
	}
	late := false
	switch w.rnd.IntN(4) {
	case 0: // says no time
	case 1:
		if b.episode > 0 {
			r.Starts, late = b.starts.Add(-time.Second), true
		}
	default:
		if r.Starts = w.now; b.open {
			r.Starts = b.starts
		}
	}
	got, err := w.m.report(r, w.now)
	w.did("report %s %s %v resolved=%t starts=%s late=%t: %s %d (%v)", group, print, r.Labels, r.Resolved, r.Starts.Format("05.000"), late, got.Was, got.Alert.ID, err)
	if err != nil {
		w.fail("report: %v", err)
	}
	role := r.Labels["role"]
	max := w.workgroup(group).GroupMax
	c := w.causes[group+" "+role]
	want := Raised
	switch {
	case late, r.Resolved && !b.open && r.Starts.IsZero():
		want = Ignored
	case r.Resolved && !b.open && !r.Starts.After(b.starts):
		want = Ignored
	case r.Resolved:
		want = Over
	case b.open:
		want = Repeated
	case !r.Starts.IsZero() && r.Starts.Equal(b.starts) && got.Was == Ignored:
		want = Ignored // the source had said so itself: checked where it ends
	case c != nil:
		want = Grouped
	}
	if got.Was != want {
		w.fail("report is %s, want %s (%+v, %+v)", got.Was, want, b, c)
	}
	switch want {
	case Ignored:
		return
	case Raised:
		if max > 0 && role != "" {
			c = &cause{alert: got.Alert.ID, things: map[string]bool{print: true}}
			w.causes[group+" "+role] = c
		}
		b.episode++
	case Grouped:
		if got.Alert.ID != c.alert {
			w.fail("it joins %d, want %d", got.Alert.ID, c.alert)
		}
		if c.things[print] = true; len(c.things) == max {
			delete(w.causes, group+" "+role)
		}
		b.episode++
	case Over:
		if !b.open {
			b.episode++
			b.alert = got.Alert.ID
		}
	}
	if b.open && got.Alert.ID != b.alert {
		w.fail("it is said of %d, and it was of %d", got.Alert.ID, b.alert)
	}
	if b.alert = got.Alert.ID; !r.Starts.IsZero() && (want != Over || !b.open) {
		b.starts = r.Starts
	} else if !b.open {
		b.starts = w.now
	}
	b.open, b.ended = want != Over, w.now
	w.sourced(got.Alert, th, b)
	if want == Over && !w.anyOpen(got.Alert.ID) {
		w.ended(&got.Alert)
	}
	if live := w.m.alerts[got.Alert.ID]; (live != nil) != w.anyOpen(got.Alert.ID) {
		w.fail("alert %d is live: %t, and something that it is about is open: %t", got.Alert.ID, live != nil, w.anyOpen(got.Alert.ID))
	}
	w.states[got.Alert.ID] = got.Alert.State
}

// anyOpen reports whether something that an alert is about is not over.
func (w *world) anyOpen(id int64) bool {
	for _, b := range w.raised {
		if b.open && b.alert == id {
			return true
		}
	}
	return false
}

// sourced checks what an alert says of something that a source reports.
func (w *world) sourced(a Alert, th thing, b *belief) {
	episode, starts := a.Episode, a.Starts
	if i := w.m.instances[a.ID].of(th); i != nil {
		episode, starts = i.Episode, i.Starts
	} else if a.Instances > 0 {
		return // it has ended
	}
	if episode != b.episode || !starts.Equal(b.starts) {
		w.fail("episode %d since %s, want %d since %s", episode, starts, b.episode, b.starts)
	}
}

// anyHolds reports whether somebody believes that an alert is offered to them.
func (w *world) anyHolds(id int64) bool {
	for _, held := range w.held {
		if held[id] {
			return true
		}
	}
	return false
}

// grown: an owner, or who is asked, is told what has joined the alert: all that they
// do not know, and not too often.
func (w *world) grown(msg outgoing) {
	said, _, is := strings.Cut(msg.Text, " more, ")
	if !is {
		return
	}
	w.did("  note %d to %s: %s", msg.Alert, msg.To, msg.Text)
	g, bare := w.m.groups[msg.Workgroup], msg.To.Bare().String()
	if last := w.news[msg.Alert]; len(g.GroupBy) == 0 || !msg.Made.Equal(last) && msg.Made.Sub(last) < g.GroupInterval {
		w.fail("who has %d is told at %s, and was at %s", msg.Alert, msg.Made, last)
	}
	w.news[msg.Alert] = msg.Made
	if a := w.m.alerts[msg.Alert]; !w.held[bare][msg.Alert] && (a.State != Assigned || w.owners[msg.Alert] != bare) {
		w.fail("%s is told of %d, which they do not have", bare, msg.Alert)
	}
	fresh, told := 0, 0
	for _, i := range w.m.instances[msg.Alert].order {
		if i.Over.IsZero() && i.Raised.After(w.knows[bare][msg.Alert]) && !w.silenced(i.Labels["role"], i.Severity) {
			fresh++
		}
	}
	// Fewer than that, where some were silenced when the others were told.
	if _, err := fmt.Sscanf(said, fmt.Sprintf("Alert %d has %%d", msg.Alert), &told); err != nil || told < 1 || told > fresh {
		w.fail("%s is told %q, and does not know %d", bare, said, fresh)
	}
	w.knows[bare][msg.Alert] = msg.Made
}

// checkInstances looks at alerts that are about several things.
func (w *world) checkInstances() {
	for _, a := range w.m.alerts {
		p := w.m.instances[a.ID]
		if (p != nil) != (a.Instances > 0) || p != nil && (int64(len(p.order)) != a.Instances || len(p.order) > w.m.groups[a.Workgroup].GroupMax) {
			w.fail("alert %d has instances %v, it says %d", a.ID, p, a.Instances)
		}
		if !a.Tell.IsZero() && (a.State == Open || a.Wake.IsZero() || a.Wake.After(a.Tell)) {
			w.fail("alert %d is %s: who has it is to be told at %s, and somebody looks at %s", a.ID, a.State, a.Tell, a.Wake)
		}
		if p == nil {
			continue
		}
		if joined := slices.ContainsFunc(p.order, func(i *Instance) bool { return i.Raised.After(a.Told) }); joined && a.State != Open && a.Tell.IsZero() {
			w.fail("alert %d has grown since %s, and nobody will tell who has it", a.ID, a.Told)
		}
		var firing [3]int
		live := 0
		for n, i := range p.order {
			if i.N != int64(n+1) || i.Alert != a.ID {
				w.fail("alert %d: its instance %d is %+v", a.ID, n+1, i)
			}
			th := i.thing(a.Workgroup)
			if is := w.m.firing[th] == a; is != i.Over.IsZero() {
				w.fail("alert %d: %v is over at %s, and the source finds it: %t", a.ID, th, i.Over, is)
			}
			if i.Over.IsZero() {
				firing[i.Severity.rank()]++
				live++
			}
		}
		worst := slices.IndexFunc(firing[:], func(n int) bool { return n > 0 })
		if firing != p.firing || int64(live) != a.Firing || live == 0 || a.Severity.rank() != worst || !a.shows(p.first()) {
			w.fail("alert %d is %s and says %d, %v; %v of its instances are not over", a.ID, a.Severity, a.Firing, p.firing, firing)
		}
	}
	for key, a := range w.m.grouped {
		if w.m.alerts[a.ID] != a || a.Group != key.values || a.Instances >= int64(w.m.groups[a.Workgroup].GroupMax) {
			w.fail("%q joins %+v", key, a)
		}
	}
}
