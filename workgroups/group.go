package workgroups

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"mellium.im/xmpp/jid"

	"adminbot/workgroups/oncall"
)

// ErrNoWorkgroup is wrapped by errors about a workgroup that there is not.
var ErrNoWorkgroup = errors.New("workgroups: no such workgroup")

// A Workgroup is one queue and those who serve it.
type Workgroup struct {
	Name        string // local part of its address: "alerts"
	Title       string // for people; empty: the name
	Description string
	Members     []Member    // who may serve it
	Domains     []string    // whose accounts may all serve it
	Serves      Accounts    // which of these are people, or programs that take alerts; nil: all
	Form        []FormField // what people who queue have to say

	Timeout  time.Duration // of an offer; 0: one minute
	Parallel int           // agents asked at once for one alert; 0: one
	Retry    time.Duration // before everybody is asked again; grows; 0: 30 s
	Grace    time.Duration // until an alert is taken from an owner who is gone; 0: 5 minutes; from a bot: at once
	Confirm  time.Duration // until an owner is asked whether they are at it still; 0: never

	GroupBy       []string      // labels, or what a [Matcher] may name: what has the same values joins an alert that is open; none: nothing does
	GroupWait     time.Duration // before anybody is asked about an alert that others may join
	GroupInterval time.Duration // at least so long between two notes to who has it, or is asked, of what has joined; 0: 5 minutes
	GroupMax      int           // instances of an alert; 0: [MaxInstances]

	Schedules   []*oncall.Schedule // the first is meant where none is named
	Maintenance []Maintenance      // when nobody is asked about some alerts, every week
	Escalation  Escalation         // without steps all members are asked, one after the other
}

// Accounts tells some accounts of a domain, by their bare addresses, from the
// others. It may be called from any goroutine, for many a stanza.
type Accounts func(bare jid.JID) bool

// A Member may serve a workgroup as an agent.
type Member struct {
	JID    jid.JID // bare
	Bot    bool    // asked before people
	Max    int     // alerts at a time; 0: 3, of a bot 16
	Skills []string
}

// Alerts that a member takes at a time if nothing else is said.
const (
	defaultMax    = 3
	defaultBotMax = 16
)

// maxRetry is the longest wait before everybody is asked again.
const maxRetry = 5 * time.Minute

func (w *Workgroup) setDefaults() {
	w.Title = cmp.Or(w.Title, w.Name)
	w.Timeout = cmp.Or(w.Timeout, time.Minute)
	w.Parallel = cmp.Or(w.Parallel, 1)
	w.Retry = cmp.Or(w.Retry, 30*time.Second)
	w.Grace = cmp.Or(w.Grace, 5*time.Minute)
	w.GroupInterval = cmp.Or(w.GroupInterval, defaultGroupInterval)
	w.GroupMax = cmp.Or(w.GroupMax, MaxInstances)
	w.Members = slices.Clone(w.Members)
	for i := range w.Members {
		m := &w.Members[i]
		m.JID = m.JID.Bare()
		if m.Max == 0 {
			m.Max = defaultMax
			if m.Bot {
				m.Max = defaultBotMax
			}
		}
	}
	for _, who := range w.participants() {
		if !w.admits(who) {
			w.Members = append(w.Members, Member{JID: who, Max: defaultMax})
		}
	}
	w.Escalation.Repeat = cmp.Or(w.Escalation.Repeat, defaultRepeat)
	w.Escalation.Steps = slices.Clone(w.Escalation.Steps)
	for i := range w.Escalation.Steps {
		s := &w.Escalation.Steps[i]
		s.Wait = cmp.Or(s.Wait, defaultWait)
	}
}

// check returns what is wrong with the workgroup; domain is the service's.
func (w *Workgroup) check(domain jid.JID) error {
	addr, err := jid.New(w.Name, domain.Domainpart(), "")
	switch {
	case err != nil || addr.Localpart() != w.Name || w.Name == "":
		return fmt.Errorf("workgroups: %q cannot be the name of a workgroup", w.Name)
	case parseSession(w.Name) != 0:
		return fmt.Errorf("workgroups: %q is what an alert is called, not a workgroup", w.Name)
	case w.Timeout < 0 || w.Parallel < 0 || w.Retry < 0 || w.Grace < 0 || w.Confirm < 0:
		return fmt.Errorf("workgroups: %s: a number is negative", w.Name)
	}
	for _, s := range w.Schedules {
		if err := s.Check(); err != nil {
			return err
		}
	}
	if err := w.Escalation.check(w.Name); err != nil {
		return err
	}
	if err := w.checkGrouping(); err != nil {
		return err
	}
	if err := w.checkMaintenance(); err != nil {
		return err
	}
	seen := map[string]bool{}
	for _, m := range w.Members {
		bare := m.JID.Bare().String()
		if m.JID.Localpart() == "" || seen[bare] || m.Max < 0 {
			return fmt.Errorf("workgroups: %s: member %q is no account, is there twice, or takes less than nothing", w.Name, bare)
		}
		seen[bare] = true
	}
	return nil
}

// A group is a workgroup as it is now. It belongs to the machine.
type group struct {
	Workgroup
	addr   jid.JID
	queue  []*Alert // without an owner, in the order in which they are served
	agents map[string]*agent
	order  []*agent      // the same, by address
	wait   time.Duration // until an alert was taken, lately

	maintained []*silence // one for each Maintenance: the one that is, or the next
}

// An agent is a member, there or not, or a former one who still owns alerts.
type agent struct {
	Member
	bare     string
	former   bool
	sessions []*Session
	owned    map[int64]*Alert
	open     map[int64]*Offer
	last     int64 // of the offers made, the number of the last to this agent
}

func newGroup(w Workgroup, domain jid.JID) (*group, error) {
	addr, err := jid.New(w.Name, domain.Domainpart(), "")
	if err != nil {
		return nil, err
	}
	g := &group{Workgroup: w, addr: addr, agents: map[string]*agent{}}
	for _, m := range w.Members {
		g.add(m)
	}
	return g, nil
}

func (g *group) add(m Member) *agent {
	a := &agent{Member: m, bare: m.JID.String(), owned: map[int64]*Alert{}, open: map[int64]*Offer{}}
	g.agents[a.bare] = a
	i, _ := slices.BinarySearchFunc(g.order, a, func(x, y *agent) int { return strings.Compare(x.bare, y.bare) })
	g.order = slices.Insert(g.order, i, a)
	return a
}

// agent returns the agent of a bare address, making one for who is no member any
// more.
func (g *group) agent(bare string) *agent {
	a := g.agents[bare]
	if a == nil {
		who, _ := jid.Parse(bare)
		a = g.add(Member{JID: who})
		a.former = true
	}
	return a
}

// member returns the agent of somebody who may serve the workgroup, or nil.
func (g *group) member(who jid.JID) *agent {
	switch a := g.agents[who.Bare().String()]; {
	case a != nil && !a.former:
		return a
	case !g.admits(who):
		return nil
	case a != nil:
		a.former, a.Max = false, defaultMax
		return a
	}
	return g.add(Member{JID: who.Bare(), Max: defaultMax})
}

// admits reports whether who may serve the workgroup.
func (w *Workgroup) admits(who jid.JID) bool {
	bare := who.Bare()
	for i := range w.Members {
		if w.Members[i].JID.Equal(bare) {
			return true
		}
	}
	return bare.Localpart() != "" && slices.Contains(w.Domains, bare.Domainpart()) && (w.Serves == nil || w.Serves(bare))
}

// enqueue puts an alert in its place.
func (g *group) enqueue(a *Alert) {
	i, there := slices.BinarySearchFunc(g.queue, a, before)
	if !there {
		g.queue = slices.Insert(g.queue, i, a)
	}
}

func (g *group) dequeue(a *Alert) {
	i, there := slices.BinarySearchFunc(g.queue, a, before)
	if there {
		g.queue = slices.Delete(g.queue, i, i+1)
	}
}

// position is the place of an alert in the queue, from 0; -1 if it is not in it.
func (g *group) position(a *Alert) int {
	i, there := slices.BinarySearchFunc(g.queue, a, before)
	if !there {
		return -1
	}
	return i
}

// session returns the session of that address, or nil.
func (a *agent) session(at jid.JID) *Session {
	for _, s := range a.sessions {
		if s.JID.Equal(at) {
			return s
		}
	}
	return nil
}

// best is the session that an offer goes to: the most available one, rather a
// client of XEP-0142 than chat, the latest of equals. Nil: the agent is not there.
func (a *agent) best() *Session {
	var best *Session
	for _, s := range a.sessions {
		if s.Show != ExtraAway && (best == nil || s.better(best)) {
			best = s
		}
	}
	return best
}

func (s *Session) better(t *Session) bool {
	if a, b := s.Show.rank(), t.Show.rank(); a != b {
		return a < b
	}
	if a, b := s.chat(), t.chat(); a != b {
		return b
	}
	return s.Since.After(t.Since)
}

// chat reports whether the session is a person who reads chat, by any client.
func (s *Session) chat() bool { return s.JID.Resourcepart() == "" }

// limit is how many alerts the agent takes through a session: what the client
// asked for, within what the workgroup allows (XEP-0142#agent-presence).
func (a *agent) limit(s *Session) int {
	if s.Max > 0 {
		return min(s.Max, a.Max)
	}
	return a.Max
}

// available are the agents who can be offered something, as [Route] sees them,
// in the order of their addresses.
func (g *group) available() []Agent {
	var all []Agent
	for _, a := range g.order {
		s := a.best()
		if s == nil || a.former {
			continue
		}
		all = append(all, Agent{
			JID: s.JID, Show: s.Show, Bot: a.Bot, Skills: a.Skills,
			Max: a.limit(s), Chats: len(a.owned), Offers: len(a.open), Last: a.last,
		})
	}
	return all
}
