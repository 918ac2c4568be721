package config

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"adminbot/workgroups"
	"adminbot/workgroups/oncall"
)

// Maintenance configures when nobody is asked about some alerts, every week.
type Maintenance struct {
	Name      string   `toml:"name"`
	Workgroup string   `toml:"workgroup" comment:"Whose alerts. Empty: those of all."`
	Zone      string   `toml:"zone" comment:"Whose clock the hours are on: Europe/Amsterdam."`
	Hours     []string `toml:"hours" comment:"Sun 02:00-04:00, Mon-Fri 22:00-06:00."`
	Match     []string `toml:"match" comment:"Which alerts, as for adminbot alert silence: host=~db.*, severity!=critical. All of them have to be so."`
}

// maintenance is what is configured for a workgroup.
func (c *Workgroups) maintenance(workgroup string) ([]workgroups.Maintenance, error) {
	var all []workgroups.Maintenance
	for i := range c.Maintenance {
		m := &c.Maintenance[i]
		if m.Workgroup != "" && !slices.ContainsFunc(c.Group, func(g Workgroup) bool { return g.Name == m.Workgroup }) {
			return nil, fmt.Errorf("maintenance %s: no workgroup %q", m.Name, m.Workgroup)
		}
		if m.Workgroup != "" && m.Workgroup != workgroup {
			continue
		}
		one, err := m.maintenance()
		if err != nil {
			return nil, fmt.Errorf("maintenance %s: %s", m.Name, strings.TrimPrefix(strings.TrimPrefix(err.Error(), "oncall: "), "workgroups: "))
		}
		all = append(all, one)
	}
	return all, nil
}

func (m *Maintenance) maintenance() (one workgroups.Maintenance, err error) {
	one.Name = m.Name
	if one.Hours.Zone, err = time.LoadLocation(m.Zone); err != nil {
		return one, fmt.Errorf("no time zone %q\nhint: like Europe/Amsterdam; the package tzdata has them", m.Zone)
	}
	for _, text := range m.Hours {
		w, err := oncall.ParseWindow(text)
		if err != nil {
			return one, err
		}
		one.Hours.Windows = append(one.Hours.Windows, w)
	}
	if err := one.Hours.Check(); err != nil {
		return one, err
	}
	if len(m.Match) == 0 {
		return one, fmt.Errorf("which alerts? match = [\"host=~db.*\"]")
	}
	for _, text := range m.Match {
		matcher, err := workgroups.ParseMatcher(text)
		if err != nil {
			return one, err
		}
		one.Match = append(one.Match, matcher)
	}
	return one, nil
}
