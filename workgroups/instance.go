package workgroups

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// An Instance is one of the things that a grouped alert is about. Its Labels are
// never changed, only replaced.
type Instance struct {
	Alert int64
	N     int64 // from 1, in the order in which they came

	Source      string
	Fingerprint string
	Episode     int64
	Severity    Severity
	Summary     string
	Details     string
	Host        string
	Labels      map[string]string
	Starts      time.Time

	Raised time.Time // taken in; anew, if it was over
	Count  int64     // so many reports
	Over   time.Time // its source said so; zero: it is not, or only since its alert has ended
}

// title is the instance in one line.
func (i *Instance) title() string { return title(i.Severity, i.Host, i.Summary) }

// fill takes over what a report says.
func (i *Instance) fill(r Report) {
	i.Severity, i.Summary, i.Details, i.Host, i.Labels = r.Severity, r.Summary, r.Details, r.Host, r.Labels
	if !r.Starts.IsZero() {
		i.Starts = r.Starts
	}
	i.Count++
}

func (i *Instance) thing(workgroup string) thing { return thing{workgroup, i.Source, i.Fingerprint} }

// show has an alert say of itself what one of its instances says.
func (a *Alert) show(i *Instance) {
	a.Source, a.Fingerprint, a.Episode = i.Source, i.Fingerprint, i.Episode
	a.Summary, a.Details, a.Host, a.Labels, a.Starts = i.Summary, i.Details, i.Host, i.Labels, i.Starts
}

// shows reports whether it is this instance that the alert speaks of.
func (a *Alert) shows(i *Instance) bool {
	return a.Source == i.Source && a.Fingerprint == i.Fingerprint
}

// instances are those of an open alert, as the machine has them.
type instances struct {
	order   []*Instance // by N
	byThing map[thing]*Instance
	firing  [3]int // so many are not over, by the rank of their severity

	silenced []*silence // by N, from 1: what lasts longest of what has nobody asked about it; nil: nothing does
	mutes    int64      // of the machine, when that was found out of all
}

func newInstances() *instances { return &instances{byThing: map[thing]*Instance{}} }

// of is the instance of a thing, or nil.
func (p *instances) of(th thing) *Instance {
	if p == nil {
		return nil
	}
	return p.byThing[th]
}

func (p *instances) add(i *Instance, workgroup string) {
	p.order = append(p.order, i)
	p.silenced = append(p.silenced, nil)
	p.byThing[i.thing(workgroup)] = i
	if i.Over.IsZero() {
		p.firing[i.Severity.rank()]++
	}
}

// worst is the severity of the most urgent that is not over.
func (p *instances) worst() Severity {
	for _, s := range [...]Severity{Critical, Warning} {
		if p.firing[s.rank()] > 0 {
			return s
		}
	}
	return Info
}

// live are those that are not over.
func (p *instances) live() []*Instance {
	var all []*Instance
	if p != nil {
		for _, i := range p.order {
			if i.Over.IsZero() {
				all = append(all, i)
			}
		}
	}
	return all
}

// first is the most urgent that is not over, of equals the first that came. There
// is one.
func (p *instances) first() *Instance {
	worst := p.worst()
	return p.order[slices.IndexFunc(p.order, func(i *Instance) bool { return i.Over.IsZero() && i.Severity == worst })]
}

// alone is the alert as if it were about one of its instances only.
func (i *Instance) alone(a *Alert) *Alert {
	one := *a
	one.show(i)
	one.Severity = i.Severity
	return &one
}

// naming says what tells instances from what the title of their alert says: the
// host, or on the same host the summary. It names a few, and says how many more
// there are.
func naming(of []*Instance, a *Alert) string {
	var names []string
	times := map[string]int{}
	for _, i := range of {
		name := i.Host
		if name == "" || name == a.Host {
			name = cut(i.Summary, 60)
		}
		if times[name]++; times[name] == 1 {
			names = append(names, name)
		}
	}
	more := len(of)
	var said []string
	for _, name := range names[:min(len(names), maxNamed)] {
		n := times[name]
		more -= n
		if n > 1 {
			name += fmt.Sprintf(" (%d)", n)
		}
		said = append(said, name)
	}
	text := strings.Join(said, ", ")
	if more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// Timeline is a timeline as people read it: what joined an alert in a row, and what
// was over, is one entry.
func Timeline(entries []Entry) []Entry {
	var all []Entry
	more := 0
	for n, e := range entries {
		inRow := n+1 < len(entries) && (e.What == "grouped" || e.What == "over") && entries[n+1].What == e.What
		switch {
		case more == 0:
			all = append(all, e)
		case !inRow:
			all[len(all)-1].Text += fmt.Sprintf(" and %d more", more)
		}
		if more++; !inRow {
			more = 0
		}
	}
	return all
}

// listing is the first few of an alert's instances, one a line.
func listing(a *Alert, all []Instance) string {
	var b strings.Builder
	if a.State.Ended() {
		fmt.Fprintf(&b, "%d in all (%s)", len(all), cut(a.Group, 120))
	} else {
		fmt.Fprintf(&b, "%d of %d are not over (%s)", a.Firing, len(all), cut(a.Group, 120))
	}
	for n := range all[:min(len(all), maxListed)] {
		b.WriteString("\n" + all[n].title())
		if !all[n].Over.IsZero() {
			b.WriteString(" · over")
		}
	}
	if more := len(all) - maxListed; more > 0 {
		fmt.Fprintf(&b, "\nand %d more", more)
	}
	return b.String()
}

// past is what is remembered of an instance of the alert that is over.
func (a *Alert) past(i *Instance) Past {
	p := Past{
		Workgroup: a.Workgroup, Source: i.Source, Fingerprint: i.Fingerprint, Alert: a.ID, Episode: i.Episode, Starts: i.Starts,
		Ended: i.Over, BySource: true,
	}
	if i.Over.IsZero() {
		p.Ended, p.BySource = a.Ended, a.EndedBy == ""
	}
	return p
}

// pasts are what is remembered of an alert that has ended with these instances.
func (a *Alert) pasts(all []*Instance) []Past {
	if a.queued() {
		return nil
	}
	if a.Instances == 0 {
		return []Past{{
			Workgroup: a.Workgroup, Source: a.Source, Fingerprint: a.Fingerprint, Alert: a.ID, Episode: a.Episode, Starts: a.Starts,
			Ended: a.Ended, BySource: a.EndedBy == "",
		}}
	}
	var pasts []Past
	for _, i := range all {
		pasts = append(pasts, a.past(i))
	}
	return pasts
}
