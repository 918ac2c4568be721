package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"mellium.im/xmpp/jid"

	"adminbot/workgroups"
)

// Workgroups configures the alert service, a component (XEP-0114).
type Workgroups struct {
	Domain      string        `toml:"domain" comment:"The component's domain; also where adminbot alert and the bot find it."`
	Component   string        `toml:"component" comment:"Where the server takes components. There is no encryption: keep it on loopback."`
	SecretFile  string        `toml:"secret_file" comment:"A file with the component's secret alone (0600)."`
	Policy      string        `toml:"policy" comment:"Who may raise, see and end alerts (TOML). Without it nobody may; workgroups still offer them to their members."`
	Rooms       string        `toml:"rooms" comment:"The service of rooms (XEP-0045): each alert that is taken gets one.\nEmpty: the one that the server names. \"none\": no rooms."`
	RoomMinutes int           `toml:"room_minutes" comment:"For how long a room can be written in after its alert has ended; then it can only be read."`
	RoomDays    int           `toml:"room_days" comment:"How long a room is kept after its alert has ended."`
	Bot         string        `toml:"bot" comment:"The bot, which is asked into every room: people ask hosts there."`
	Schedule    []Schedule    `toml:"schedule" comment:"Who is on call, and when."`
	Escalation  []Escalation  `toml:"escalation" comment:"In which order people are asked."`
	Maintenance []Maintenance `toml:"maintenance" comment:"When nobody is asked about some alerts, every week."`
	Group       []Workgroup   `toml:"group" comment:"The workgroups. Where none is named, the only one is meant, or the one called alerts."`
}

// Workgroup configures one workgroup.
type Workgroup struct {
	Name           string   `toml:"name" comment:"NAME@DOMAIN is its address."`
	Title          string   `toml:"title"`
	Description    string   `toml:"description"`
	Members        []Member `toml:"members,inline" comment:"Who may be asked to take an alert. \"*@example.net\" is everybody of that domain."`
	OfferSeconds   int      `toml:"offer_seconds" comment:"How long an offer stands before the next is asked."`
	RetrySeconds   int      `toml:"retry_seconds" comment:"When all have been asked, how long until they are again; doubles up to 5 minutes."`
	GraceSeconds   int      `toml:"grace_seconds" comment:"How long whoever took an alert may be gone before others are asked."`
	Parallel       int      `toml:"parallel" comment:"How many are asked at once; the first to accept has it."`
	Schedules      []string `toml:"schedules" comment:"Names of schedules; the first is meant by \"who is on call?\"."`
	Escalation     string   `toml:"escalation" comment:"Name of an escalation. Empty: bots, who is on call, everybody; without schedules one after the other."`
	GroupBy        []string `toml:"group_by" comment:"Labels, or host, severity, summary, source: what has the same values as an open alert joins it,\nand one person takes all of it. Empty: nothing joins."`
	GroupWait      int      `toml:"group_wait_seconds" comment:"How long an alert waits for others to join it before anybody is asked."`
	GroupInterval  int      `toml:"group_interval_seconds" comment:"Whoever is asked, or has taken it, is told at most so often of what has joined."`
	ConfirmSeconds int      `toml:"confirm_seconds" comment:"Whoever took an alert is asked after this time whether they are at it; silence gives it back. 0: never."`
}

// Member is somebody who may be asked.
type Member struct {
	JID    string   `toml:"jid"`
	Bot    bool     `toml:"bot,omitempty" comment:"Asked before people."`
	Max    int      `toml:"max,omitempty" comment:"Alerts at a time."`
	Skills []string `toml:"skills,omitempty" comment:"Labels of alerts to be asked for first: role=db."`
}

// defaultWorkgroup are the waits of a workgroup that says nothing else.
func (w *Workgroup) setDefaults() {
	orElse(&w.OfferSeconds, 60)
	orElse(&w.RetrySeconds, 30)
	orElse(&w.GraceSeconds, 300)
	orElse(&w.Parallel, 1)
	orElse(&w.GroupInterval, 300)
}

func orElse(n *int, def int) {
	if *n == 0 {
		*n = def
	}
}

// maxGroupWait is the longest that an alert waits before anybody is asked.
const maxGroupWait = 600

// grouping gives a workgroup what it groups alerts by.
func (w *Workgroup) grouping(to *workgroups.Workgroup) error {
	switch {
	case len(w.GroupBy) > workgroups.MaxGroupBy:
		return fmt.Errorf("group_by has %d names, %d are allowed", len(w.GroupBy), workgroups.MaxGroupBy)
	case w.GroupWait < 0 || w.GroupWait > maxGroupWait:
		return fmt.Errorf("group_wait_seconds is %d: 0 to %d are allowed, nobody is asked meanwhile", w.GroupWait, maxGroupWait)
	case w.GroupInterval < 0:
		return errors.New("group_interval_seconds is negative")
	case w.GroupWait > 0 && len(w.GroupBy) == 0:
		return errors.New("group_wait_seconds without group_by\nhint: group_by = [\"check\"]")
	}
	for i, name := range w.GroupBy {
		switch {
		case strings.TrimSpace(name) == "" || strings.ContainsAny(name, " =~!\""):
			return fmt.Errorf("group_by: %q is not the name of a label\nhint: group_by = [\"check\", \"host\"]", name)
		case len(name) > workgroups.MaxName:
			return fmt.Errorf("group_by: a name is longer than %d bytes", workgroups.MaxName)
		case slices.Contains(w.GroupBy[:i], name):
			return fmt.Errorf("group_by names %s twice", name)
		}
	}
	to.GroupBy = w.GroupBy
	to.GroupWait, to.GroupInterval = time.Duration(w.GroupWait)*time.Second, time.Duration(w.GroupInterval)*time.Second
	return nil
}

// RoomSetup says which rooms alerts get; nil: none.
func (c *Workgroups) RoomSetup() (*workgroups.Rooms, error) {
	if c.Rooms == "none" {
		return nil, nil
	}
	if c.RoomDays < 0 || c.RoomMinutes < 0 {
		return nil, errors.New("workgroups.room_days or room_minutes is negative")
	}
	r := workgroups.Rooms{Open: time.Duration(c.RoomMinutes) * time.Minute, Keep: time.Duration(c.RoomDays) * 24 * time.Hour}
	var err error
	if c.Rooms != "" {
		if r.Service, err = jid.Parse(c.Rooms); err != nil || r.Service.Localpart() != "" || r.Service.Resourcepart() != "" {
			return nil, fmt.Errorf("workgroups.rooms %q is not a domain", c.Rooms)
		}
	}
	if c.Bot != "" {
		if r.Bot, err = jid.Parse(c.Bot); err != nil || r.Bot.Localpart() == "" {
			return nil, fmt.Errorf("workgroups.bot %q is not an account", c.Bot)
		}
	}
	return &r, nil
}

// Workgroups returns the workgroups as the service takes them.
func (c *Workgroups) Workgroups() ([]workgroups.Workgroup, error) {
	if len(c.Group) == 0 {
		return nil, errors.New("no workgroup\nhint: [[workgroups.group]]")
	}
	schedules, err := c.schedules()
	if err != nil {
		return nil, err
	}
	var all []workgroups.Workgroup
	for i := range c.Group {
		g := c.Group[i]
		g.setDefaults()
		if g.OfferSeconds < 0 || g.RetrySeconds < 0 || g.GraceSeconds < 0 || g.Parallel < 0 || g.ConfirmSeconds < 0 {
			return nil, fmt.Errorf("workgroup %s: a number is negative", g.Name)
		}
		w := workgroups.Workgroup{
			Name: g.Name, Title: g.Title, Description: g.Description, Parallel: g.Parallel,
			Timeout: time.Duration(g.OfferSeconds) * time.Second, Retry: time.Duration(g.RetrySeconds) * time.Second, Grace: time.Duration(g.GraceSeconds) * time.Second,
			Confirm: time.Duration(g.ConfirmSeconds) * time.Second,
		}
		if err := g.grouping(&w); err != nil {
			return nil, fmt.Errorf("workgroup %s: %w", g.Name, err)
		}
		for _, m := range g.Members {
			if domain, all := strings.CutPrefix(m.JID, "*@"); all {
				if m.Bot || m.Max != 0 || len(m.Skills) > 0 {
					return nil, fmt.Errorf("workgroup %s: %s cannot be a bot, or have a limit or skills of its own", g.Name, m.JID)
				}
				w.Domains = append(w.Domains, domain)
				continue
			}
			j, err := jid.Parse(m.JID)
			if err != nil {
				return nil, fmt.Errorf("workgroup %s: member %q is not a JID: %w", g.Name, m.JID, err)
			}
			w.Members = append(w.Members, workgroups.Member{JID: j, Bot: m.Bot, Max: m.Max, Skills: m.Skills})
		}
		if err := c.duty(&g, &w, schedules); err != nil {
			return nil, err
		}
		if w.Maintenance, err = c.maintenance(g.Name); err != nil {
			return nil, err
		}
		all = append(all, w)
	}
	return all, nil
}
