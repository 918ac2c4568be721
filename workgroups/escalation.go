package workgroups

import (
	"fmt"
	"slices"
	"time"

	"mellium.im/xmpp/jid"

	"adminbot/workgroups/oncall"
)

// An Escalation says in which order the members of a workgroup are asked to take
// an alert. A step is over when its time is, or as soon as nobody of it is left
// to ask; who was asked in a step before is not asked again.
type Escalation struct {
	Steps  []Step
	Repeat int // so many times all steps, before the workgroup is told that nobody takes it; 0: 3
}

// A Step of an escalation is people to ask. Bots and all others it speaks of have
// to be members.
type Step struct {
	Bots      bool
	OnCall    *oncall.Schedule // whoever has it; nil: none
	Who       []jid.JID
	Everybody bool
	Wait      time.Duration // that it lasts at most; 0: 5 minutes
	Parallel  int           // asked at once, the others after the workgroup's Timeout; 0: all
}

// Waits and rounds if nothing else is said.
const (
	defaultWait   = 5 * time.Minute
	defaultRepeat = 3
)

// An Ask is who may be asked in a step, for [Route].
type Ask struct {
	Who      map[string]bool // bare addresses; nil: everybody
	Parallel int             // asked at once; 0: all
}

func (e *Escalation) check(name string) error {
	for i, s := range e.Steps {
		switch {
		case s.Wait < 0 || s.Parallel < 0 || e.Repeat < 0:
			return fmt.Errorf("workgroups: %s: a number of its escalation is negative", name)
		case !s.Bots && !s.Everybody && s.OnCall == nil && len(s.Who) == 0:
			return fmt.Errorf("workgroups: %s: step %d of its escalation asks nobody", name, i+1)
		}
	}
	return nil
}

// participants are the accounts that the escalation names, or the schedules.
func (w *Workgroup) participants() []jid.JID {
	var all []jid.JID
	for _, s := range w.Schedules {
		for _, l := range s.Layers {
			for _, who := range l.Who {
				if j, err := jid.Parse(who); err == nil {
					all = append(all, j.Bare())
				}
			}
		}
	}
	for _, s := range w.Escalation.Steps {
		all = append(all, s.Who...)
	}
	return all
}

// has reports whether the step itself is of somebody.
func (s *Step) has(a *agent, onCall string) bool {
	return s.Everybody || s.Bots && a.Bot || onCall != "" && a.bare == onCall ||
		slices.ContainsFunc(s.Who, func(j jid.JID) bool { return j.Bare().String() == a.bare })
}

// onCall is who has the schedule of a step.
func (m *machine) onCall(s *Step, now time.Time) string {
	if s.OnCall == nil {
		return ""
	}
	return s.OnCall.At(now, m.overrides).Who
}

// asks are who may be asked in each step, or in one before it. One more is for
// alerts for which all steps are over: who comes then is asked.
func (m *machine) asks(g *group, now time.Time) []Ask {
	var asks []Ask
	all := map[string]bool{}
	for i := range g.Escalation.Steps {
		s := &g.Escalation.Steps[i]
		onCall := m.onCall(s, now)
		who := make(map[string]bool, len(all))
		for _, a := range g.order {
			if all[a.bare] || s.has(a, onCall) {
				who[a.bare] = true
			}
		}
		asks = append(asks, Ask{Who: who, Parallel: s.Parallel})
		all = who
	}
	return append(asks, Ask{Who: all, Parallel: g.Parallel})
}

// escalate brings the alerts of which nobody holds an offer to their next step.
// It reports whether there are any: then somebody may have to be asked.
func (m *machine) escalate(g *group, now time.Time) bool {
	steps := g.Escalation.Steps
	moved := false
	for _, a := range g.queue {
		if a.Step > int64(len(steps)) || m.held(a.ID) || !a.Muted.IsZero() || a.gathers(now) {
			continue
		}
		moved = true
		a.Step++
		m.touch(a)
		if a.Step > int64(len(steps)) {
			m.exhausted(g, a, now)
			continue
		}
		s := &steps[a.Step-1]
		a.StepEnds = now.Add(s.Wait)
		if a.Round < int64(g.Escalation.Repeat) {
			m.announce(g, a, s, now)
		}
	}
	return moved
}

// held reports whether somebody holds an open offer of the alert.
func (m *machine) held(id int64) bool {
	return slices.ContainsFunc(m.offers[id], (*Offer).Open)
}

// announce notes that a step begins. Who is on call and not there is written to:
// what their server keeps for them, or sends on, may reach them.
func (m *machine) announce(g *group, a *Alert, s *Step, now time.Time) {
	onCall := m.onCall(s, now)
	if !slices.ContainsFunc(g.order, func(a *agent) bool { return s.has(a, onCall) }) {
		return
	}
	m.note(a, now, "escalated", onCall, fmt.Sprintf("step %d", a.Step))
	if on := g.agents[onCall]; on != nil && len(on.sessions) == 0 {
		m.sendAbout(MessageNote, a, on.JID, fmt.Sprintf("You are on call, and alert %d waits: %s\ntake %[1]d", a.ID, a.title()), now)
	}
}

// exhausted is what happens when all steps are over: after a while they begin
// again.
func (m *machine) exhausted(g *group, a *Alert, now time.Time) {
	a.StepEnds = time.Time{}
	m.wake(a, now.Add(m.retry(a)))
	if a.Round+1 != int64(g.Escalation.Repeat) {
		return
	}
	text := fmt.Sprintf("Nobody takes alert %d, all were asked: %s\ntake %[1]d", a.ID, a.title())
	m.note(a, now, "note", "", "nobody takes it")
	for _, who := range g.order {
		if to := who.reachable(); !to.Equal(jid.JID{}) {
			m.sendAbout(MessageNote, a, to, text, now)
		}
	}
}

// rewind has the escalation of an alert begin anew.
func (a *Alert) rewind() { a.Step, a.StepEnds = 0, time.Time{} }
