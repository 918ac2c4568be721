package workgroups

import (
	"fmt"
	"time"
)

// Whoever has taken an alert owns it until it ends, but not in silence: after the
// workgroup's Confirm they are asked whether they are at it, and if they do not
// say so the alert is offered anew.

// expect begins the time in which the owner is not asked.
func (m *machine) expect(a *Alert, now time.Time) {
	a.Due, a.Reminded = time.Time{}, false
	if confirm := m.groups[a.Workgroup].Confirm; confirm > 0 {
		a.Due = now.Add(confirm)
	}
	m.touch(a)
	m.wakeAssigned(a)
}

// confirm is the owner's word that they are at it.
func (m *machine) confirm(a *Alert, now time.Time) {
	if a.Due.IsZero() {
		return
	}
	if a.Reminded {
		m.note(a, now, "confirmed", a.Owner.Bare().String(), "")
	}
	m.expect(a, now)
}

// overdue asks the owner, or, if that was done, takes the alert away.
func (m *machine) overdue(a *Alert, now time.Time) {
	g := m.groups[a.Workgroup]
	owner := a.Owner
	if !a.Reminded {
		a.Reminded, a.Due = true, now.Add(g.Timeout)
		m.note(a, now, "reminded", owner.Bare().String(), "")
		m.sendAbout(MessageNote, a, owner, fmt.Sprintf("Alert %[1]d has been yours for %[2]s: %[3]s\nAre you at it? take %[1]d · resolve %[1]d · pass %[1]d · within %[4]s",
			a.ID, spell(g.Confirm), a.title(), spell(g.Timeout)), now)
		m.wakeAssigned(a)
		return
	}
	m.sendAbout(MessageNote, a, owner, fmt.Sprintf("Alert %d goes to somebody else: no word from you", a.ID), now)
	m.release(a, TimedOut, now)
	m.note(a, now, "released", owner.Bare().String(), "no word from its owner")
}

// spell is a duration in words.
func spell(d time.Duration) string {
	if d >= time.Minute && d%time.Minute == 0 {
		return fmt.Sprintf("%d min", d/time.Minute)
	}
	return fmt.Sprintf("%d s", d/time.Second)
}

// deserted reports whether the owner has been gone for too long.
func (m *machine) deserted(a *Alert, now time.Time) bool {
	return !a.Gone.IsZero() && !a.Gone.Add(m.grace(a)).After(now)
}

// grace is how long the owner may be gone.
func (m *machine) grace(a *Alert) time.Duration {
	g := m.groups[a.Workgroup]
	if g.agent(a.Owner.Bare().String()).Bot {
		return 0
	}
	return g.Grace
}

// wakeAssigned looks again when the owner has been gone for too long, is due to
// say something, or to be told something.
func (m *machine) wakeAssigned(a *Alert) {
	at := a.Due
	if !a.Gone.IsZero() {
		if until := a.Gone.Add(m.grace(a)); at.IsZero() || until.Before(at) {
			at = until
		}
	}
	if !a.Tell.IsZero() && (at.IsZero() || a.Tell.Before(at)) {
		at = a.Tell
	}
	m.wake(a, at)
}
