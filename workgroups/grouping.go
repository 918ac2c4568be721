package workgroups

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"mellium.im/xmpp/jid"
)

// A switch that fails makes a hundred alerts, and one person has to look at one
// thing. With [Workgroup].GroupBy, what is raised while an alert is open that has
// the same values of those labels joins it: it is one more [Instance] of that
// alert, which is offered, taken and ended as a whole. Each instance is still on
// the disk before its source is told so, and is over when its source says so; the
// alert is over with the last of them.
//
// An alert that nothing has joined has no instances: it is itself what it is
// about.

// Bounds of grouping.
const (
	MaxGroupBy    = 8      // names
	MaxInstances  = 1000   // of one alert, those that are over included; what comes then begins another alert
	maxGroupedSeq = 10_000 // entries of a timeline; of what joins and is over later on only the numbers change
	maxNamed      = 5      // instances that a message names
	maxListed     = 12     // of them, that an answer lists

	defaultGroupInterval = 5 * time.Minute
)

// gathers reports whether the alert waits for others to join it, before anybody is
// asked.
func (a *Alert) gathers(now time.Time) bool { return a.Gathers.After(now) }

// checkGrouping returns what is wrong with how a workgroup groups.
func (w *Workgroup) checkGrouping() error {
	if len(w.GroupBy) > MaxGroupBy {
		return fmt.Errorf("workgroups: %s: groups by %d names, %d are allowed", w.Name, len(w.GroupBy), MaxGroupBy)
	}
	for i, name := range w.GroupBy {
		if name == "" || len(name) > MaxName || slices.Contains(w.GroupBy[:i], name) {
			return fmt.Errorf("workgroups: %s: groups by %q, which is no name of a label, or is there twice", w.Name, cut(name, 60))
		}
	}
	switch {
	case w.GroupWait < 0 || w.GroupInterval < 0 || w.GroupMax < 0 || w.GroupMax == 1:
		return fmt.Errorf("workgroups: %s: a number of its grouping is negative, or it groups one alert with none", w.Name)
	case w.GroupWait > 0 && len(w.GroupBy) == 0:
		return fmt.Errorf("workgroups: %s: waits for alerts to group, and does not say by what", w.Name)
	}
	return nil
}

// grouping is what alerts have in common with a, in words; empty: a is on its own.
// One that has none of the labels is: nothing says that it has to do with others.
func (w *Workgroup) grouping(a *Alert) string {
	var parts []string
	some := false
	for _, name := range w.GroupBy {
		v := a.value(name)
		some = some || v != ""
		if v == "" || strings.ContainsAny(v, " \"\\\n\t") { // so that two are the same only if all values are
			v = strconv.Quote(v)
		}
		parts = append(parts, name+"="+v)
	}
	if !some {
		return ""
	}
	return strings.Join(parts, " ")
}

// groupKey is by what an open alert is found that others may join.
type groupKey struct{ workgroup, values string }

// joinable is the open alert that what is reported joins, or nil.
func (m *machine) joinable(r *Report) *Alert {
	g := m.groups[r.Workgroup]
	if len(g.GroupBy) == 0 {
		return nil
	}
	like := Alert{Source: r.Source, Severity: r.Severity, Summary: r.Summary, Host: r.Host, Labels: r.Labels}
	return m.grouped[groupKey{r.Workgroup, g.grouping(&like)}]
}

// gather has others join an alert from now on.
func (m *machine) gather(a *Alert, now time.Time) {
	g := m.groups[a.Workgroup]
	if a.Group = g.grouping(a); a.Group == "" {
		return
	}
	m.grouped[groupKey{a.Workgroup, a.Group}] = a
	if g.GroupWait > 0 {
		a.Gathers = now.Add(g.GroupWait)
	}
}

// disband has nothing join an alert any more. It reports whether anything would
// have.
func (m *machine) disband(a *Alert) bool {
	key := groupKey{a.Workgroup, a.Group}
	if m.grouped[key] != a {
		return false
	}
	delete(m.grouped, key)
	return true
}

// part makes an alert that something is about to join one of several.
func (m *machine) part(a *Alert) *instances {
	if p := m.instances[a.ID]; p != nil {
		return p
	}
	p := newInstances()
	i := &Instance{
		Alert: a.ID, N: 1, Source: a.Source, Fingerprint: a.Fingerprint, Episode: a.Episode, Severity: a.Severity,
		Summary: a.Summary, Details: a.Details, Host: a.Host, Labels: a.Labels, Starts: a.Starts, Raised: a.Raised, Count: a.Count,
	}
	p.add(i, a.Workgroup)
	a.Instances, a.Firing = 1, 1
	m.instances[a.ID] = p
	m.changes = append(m.changes, PutInstance{*i})
	return p
}

// joins has what a report says join an open alert.
func (m *machine) joins(a *Alert, r Report, episode int64, now time.Time) {
	p, th := m.part(a), thing{r.Workgroup, r.Source, r.Fingerprint}
	if r.Starts.IsZero() {
		r.Starts = now
	}
	i := p.of(th)
	if i == nil {
		i = &Instance{Alert: a.ID, N: int64(len(p.order)) + 1, Source: r.Source, Fingerprint: r.Fingerprint}
		i.fill(r)
		p.add(i, a.Workgroup)
	} else { // it was over
		i.Over = time.Time{}
		i.fill(r)
		p.firing[i.Severity.rank()]++
	}
	i.Episode, i.Raised = episode, now
	m.look(a, i, now)
	m.fires(th, a)
	m.changes = append(m.changes, PutInstance{*i})
	a.Instances, a.Updated = int64(len(p.order)), now
	a.Firing++
	a.Count++
	m.noteInstance(a, now, "grouped", i, "")
	if len(p.order) >= m.groups[a.Workgroup].GroupMax && m.disband(a) {
		m.note(a, now, "note", "", fmt.Sprintf("it holds no more than %d: what comes now begins another alert", len(p.order)))
	}
	m.regroup(a, p, now)
	if a.State == Open || !a.Tell.IsZero() { // who is asked next is told all
		return
	}
	g := m.groups[a.Workgroup]
	a.Tell = now.Add(g.GroupWait)
	if next := a.Told.Add(g.GroupInterval); next.After(a.Tell) {
		a.Tell = next
	}
	m.wakeTold(a, now)
}

// renew takes over what a source says anew of one instance.
func (m *machine) renew(a *Alert, i *Instance, r Report, now time.Time) {
	p := m.instances[a.ID]
	p.firing[i.Severity.rank()]--
	if i.Severity != r.Severity {
		m.noteInstance(a, now, "repeated", i, " · now "+string(r.Severity))
	}
	i.fill(r)
	p.firing[i.Severity.rank()]++
	m.look(a, i, now)
	m.changes = append(m.changes, PutInstance{*i})
	m.regroup(a, p, now)
}

// over notes that one of several that an alert is about is over.
func (m *machine) over(a *Alert, i *Instance, now time.Time) {
	p := m.instances[a.ID]
	i.Over = now
	p.firing[i.Severity.rank()]--
	a.Firing--
	a.Updated = now
	m.rests(a.past(i))
	m.changes = append(m.changes, PutInstance{*i})
	m.noteInstance(a, now, "over", i, "")
	m.regroup(a, p, now)
}

// regroup finds out what an alert speaks of, how urgent it is, and whether it is
// muted, after its instances have changed.
func (m *machine) regroup(a *Alert, p *instances, now time.Time) {
	m.touch(a)
	i := p.first()
	a.show(i)
	m.rate(a, i.Severity)
	if a.waiting() {
		m.mute(a, now)
	}
}

// rate sets how urgent an alert is.
func (m *machine) rate(a *Alert, s Severity) {
	if a.Severity == s {
		return
	}
	if a.waiting() {
		g := m.groups[a.Workgroup]
		g.dequeue(a)
		defer g.enqueue(a)
		m.dirty[a.Workgroup] = struct{}{}
	}
	a.Severity = s
}

// noteInstance notes what became of one of several, unless the timeline has grown
// too long.
func (m *machine) noteInstance(a *Alert, now time.Time, what string, i *Instance, more string) {
	switch {
	case a.Seq < maxGroupedSeq:
		m.note(a, now, what, i.Source, i.title()+more)
	case a.Seq == maxGroupedSeq:
		m.note(a, now, "note", "", "what else joins or is over is counted, and not noted")
	}
}

// tell tells the owner of an alert, or who is asked to take it, what has joined it
// since they knew last. An offer stays as it is.
func (m *machine) tell(a *Alert, now time.Time) {
	fresh := slices.DeleteFunc(m.instances[a.ID].live(), func(i *Instance) bool {
		return !i.Raised.After(a.Told) || m.silencing(i.alone(a), now) != nil
	})
	say := func(to jid.JID, fresh []*Instance, answers string) {
		if len(fresh) > 0 {
			m.sendAbout(MessageNote, a, to, fmt.Sprintf("Alert %d has %d more, %d in all: %s\n%s", a.ID, len(fresh), a.Firing, naming(fresh, a), answers), now)
		}
	}
	if a.State == Assigned {
		say(a.Owner, fresh, fmt.Sprintf("show %d", a.ID))
	}
	for _, o := range m.offers[a.ID] {
		if o.Open() {
			unknown := slices.DeleteFunc(slices.Clone(fresh), func(i *Instance) bool { return !i.Raised.After(o.Made) })
			say(o.To, unknown, fmt.Sprintf("take %d · pass %[1]d", a.ID))
		}
	}
	a.Told, a.Tell = now, time.Time{}
	m.touch(a)
	m.wakeTold(a, now)
}

// wakeTold looks again when somebody is to be told something.
func (m *machine) wakeTold(a *Alert, now time.Time) {
	if a.State == Assigned {
		m.wakeAssigned(a)
	} else {
		m.wakeWaiting(a, now)
	}
}

// others names what an alert is about beside what its title says; empty: nothing.
func (m *machine) others(a *Alert) string {
	return naming(slices.DeleteFunc(m.instances[a.ID].live(), a.shows), a)
}

// loadInstances takes over those of open alerts.
func (m *machine) loadInstances(all []Instance) {
	for i := range all {
		one := &all[i]
		a := m.alerts[one.Alert]
		if a == nil {
			continue
		}
		p := m.instances[a.ID]
		if p == nil {
			p = newInstances()
			m.instances[a.ID] = p
		}
		p.add(one, a.Workgroup)
		if one.Over.IsZero() {
			m.fires(one.thing(a.Workgroup), a)
		} else {
			m.remember(a.past(one))
		}
		if len(p.order) >= m.groups[a.Workgroup].GroupMax {
			m.disband(a)
		}
	}
	slices.SortStableFunc(m.order, func(x, y ended) int { return x.at.Compare(y.at) })
}
