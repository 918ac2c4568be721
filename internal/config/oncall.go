package config

import (
	"fmt"
	"strings"
	"time"

	"mellium.im/xmpp/jid"

	"adminbot/workgroups"
	"adminbot/workgroups/oncall"
)

// Schedule configures who is on call, and when.
type Schedule struct {
	Name  string  `toml:"name"`
	Zone  string  `toml:"zone" comment:"Whose clock the times are on: Europe/Amsterdam."`
	Layer []Layer `toml:"layer" comment:"People who take turns. Of layers that have somebody at a time, the last counts."`
}

// Layer configures people who take turns.
type Layer struct {
	Name     string   `toml:"name"`
	Who      []string `toml:"who" comment:"In the order of their turns."`
	Every    string   `toml:"every" comment:"How long a turn lasts: week, 2 weeks, day, 12 hours."`
	HandOver string   `toml:"hand_over" comment:"When the next takes over: Mon 09:00, or 09:00."`
	Start    string   `toml:"start" comment:"A day on which the first of who is on call. Set it when you change who."`
	Hours    []string `toml:"hours" comment:"Only then: Mon-Fri 18:00-08:00, Sat,Sun, 22:00-06:00. Empty: always."`
}

// Escalation configures in which order people are asked.
type Escalation struct {
	Name   string `toml:"name"`
	Repeat int    `toml:"repeat" comment:"After so many times all steps, the workgroup is told that nobody takes it."`
	Step   []Step `toml:"step" comment:"One after the other, until somebody takes the alert."`
}

// Step configures one step of an escalation.
type Step struct {
	Ask     []string `toml:"ask" comment:"bots, oncall or oncall:SCHEDULE, everybody, or addresses."`
	Seconds int      `toml:"seconds" comment:"How long it lasts at most. It is over as soon as nobody is left to ask."`
	AtOnce  int      `toml:"at_once" comment:"How many of the step are asked at once; 0: all."`
}

func (c *Schedule) schedule() (*oncall.Schedule, error) {
	zone, err := time.LoadLocation(c.Zone)
	if err != nil {
		return nil, fmt.Errorf("schedule %s: no time zone %q\nhint: like Europe/Amsterdam; the package tzdata has them", c.Name, c.Zone)
	}
	s := &oncall.Schedule{Name: c.Name, Zone: zone}
	for _, l := range c.Layer {
		layer := oncall.Layer{Name: l.Name}
		if layer.Start, err = oncall.ParseStart(l.Start, l.HandOver); err == nil {
			every := l.Every
			if every == "" {
				every = "week"
			}
			layer.Every, err = oncall.ParseEvery(every)
		}
		for _, hours := range l.Hours {
			w, werr := oncall.ParseWindow(hours)
			if werr != nil && err == nil {
				err = werr
			}
			layer.Hours = append(layer.Hours, w)
		}
		for _, who := range l.Who {
			j, jerr := jid.Parse(who)
			if (jerr != nil || j.Localpart() == "" || j.Resourcepart() != "") && err == nil {
				err = fmt.Errorf("%q is not the address of a person", who)
			}
			layer.Who = append(layer.Who, j.String())
		}
		if err != nil {
			return nil, fmt.Errorf("schedule %s, layer %s: %w", c.Name, l.Name, plain(err))
		}
		s.Layers = append(s.Layers, layer)
	}
	if err := s.Check(); err != nil {
		return nil, plain(err)
	}
	return s, nil
}

// plain is an error of a library without the library's name.
func plain(err error) error {
	return fmt.Errorf("%s", strings.TrimPrefix(err.Error(), "oncall: "))
}

// schedules returns all that are configured, by name.
func (c *Workgroups) schedules() (map[string]*oncall.Schedule, error) {
	all := map[string]*oncall.Schedule{}
	for i := range c.Schedule {
		s, err := c.Schedule[i].schedule()
		if err != nil {
			return nil, err
		}
		if all[s.Name] != nil {
			return nil, fmt.Errorf("two schedules are called %s", s.Name)
		}
		all[s.Name] = s
	}
	return all, nil
}

// duty gives a workgroup its schedules and its escalation.
func (c *Workgroups) duty(g *Workgroup, w *workgroups.Workgroup, schedules map[string]*oncall.Schedule) error {
	for _, name := range g.Schedules {
		s := schedules[name]
		if s == nil {
			return fmt.Errorf("workgroup %s: no schedule %q", g.Name, name)
		}
		w.Schedules = append(w.Schedules, s)
	}
	if g.Escalation == "" {
		if len(w.Schedules) > 0 {
			w.Escalation = usual(w)
		}
		return nil
	}
	for i := range c.Escalation {
		if e := &c.Escalation[i]; e.Name == g.Escalation {
			return e.escalation(g, w)
		}
	}
	return fmt.Errorf("workgroup %s: no escalation %q", g.Name, g.Escalation)
}

// usual is the escalation of a workgroup that has schedules and says nothing else.
func usual(w *workgroups.Workgroup) workgroups.Escalation {
	steps := []workgroups.Step{{Bots: true}}
	for _, s := range w.Schedules {
		steps = append(steps, workgroups.Step{OnCall: s})
	}
	return workgroups.Escalation{Steps: append(steps, workgroups.Step{Everybody: true})}
}

func (e *Escalation) escalation(g *Workgroup, w *workgroups.Workgroup) error {
	w.Escalation.Repeat = e.Repeat
	for i, step := range e.Step {
		s := workgroups.Step{Wait: time.Duration(step.Seconds) * time.Second, Parallel: step.AtOnce}
		for _, ask := range step.Ask {
			name, onCall := strings.CutPrefix(ask, "oncall")
			switch {
			case ask == "bots":
				s.Bots = true
			case ask == "everybody":
				s.Everybody = true
			case onCall && (name == "" || name[0] == ':'):
				if s.OnCall != nil {
					return fmt.Errorf("escalation %s, step %d: who is on call by one schedule, not two", e.Name, i+1)
				}
				for _, sched := range w.Schedules {
					if s.OnCall == nil && (name == "" || sched.Name == name[1:]) {
						s.OnCall = sched
					}
				}
				if s.OnCall == nil {
					return fmt.Errorf("escalation %s, step %d: workgroup %s has no schedule %q", e.Name, i+1, g.Name, strings.TrimPrefix(name, ":"))
				}
			default:
				j, err := jid.Parse(ask)
				if err != nil || j.Localpart() == "" {
					return fmt.Errorf("escalation %s, step %d: %q is none of bots, oncall, everybody, and no address", e.Name, i+1, ask)
				}
				s.Who = append(s.Who, j.Bare())
			}
		}
		w.Escalation.Steps = append(w.Escalation.Steps, s)
	}
	return nil
}

// describeOnCall completes the example.
func describeOnCall(c *Workgroups) {
	c.Schedule = []Schedule{{Name: "primary", Zone: "Europe/Amsterdam", Layer: []Layer{
		{Name: "weeks", Who: []string{"alice@example.net", "bob@example.net"}, Every: "week", HandOver: "Mon 09:00", Start: "2026-11-30"},
		{Name: "nights", Who: []string{"carol@example.net"}, Every: "day", HandOver: "12:00", Hours: []string{"Mon-Fri 22:00-06:00"}},
	}}}
	c.Escalation = []Escalation{{Name: "usual", Repeat: 3, Step: []Step{
		{Ask: []string{"bots"}, Seconds: 60}, {Ask: []string{"oncall"}, Seconds: 300},
		{Ask: []string{"oncall", "dave@example.net"}, Seconds: 300}, {Ask: []string{"everybody"}, Seconds: 600},
	}}}
	c.Maintenance = []Maintenance{{Name: "backups", Zone: "Europe/Amsterdam", Hours: []string{"Sun 02:00-04:00"}, Match: []string{"host=~db.*", "severity!=critical"}}}
	c.Group[0].Schedules, c.Group[0].Escalation, c.Group[0].ConfirmSeconds = []string{"primary"}, "usual", 1800
}
