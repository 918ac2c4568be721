package workgroups

import (
	"fmt"
	"strings"
	"time"

	"adminbot/workgroups/oncall"
)

// A Maintenance is a [Silence] that comes again every week: while backups run, say.
// It is part of the configuration, and nobody ends it by a word.
type Maintenance struct {
	Name  string
	Hours oncall.Hours
	Match []Matcher
}

func (w *Workgroup) checkMaintenance() error {
	for i := range w.Maintenance {
		m := &w.Maintenance[i]
		err := m.Hours.Check()
		if err == nil {
			s := m.silence(w.Name, time.Now())
			err = s.Check()
		}
		if err != nil {
			return fmt.Errorf("workgroups: %s: maintenance %s: %s", w.Name, m.Name, strings.TrimPrefix(strings.TrimPrefix(err.Error(), "workgroups: "), "oncall: "))
		}
	}
	return nil
}

// silence is the time of maintenance in which now is, or the next.
func (m *Maintenance) silence(workgroup string, now time.Time) Silence {
	from, until := m.Hours.Next(now)
	return Silence{Workgroup: workgroup, Match: m.Match, From: from, Until: until, Reason: strings.TrimSpace("maintenance " + m.Name)}
}

// maintain finds out when there is maintenance next, or until when there is.
func (g *group) maintain(now time.Time) {
	g.maintained = nil
	for i := range g.Maintenance {
		g.maintained = append(g.maintained, newSilence(g.Maintenance[i].silence(g.Name, now)))
	}
}
