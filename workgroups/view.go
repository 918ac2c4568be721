package workgroups

import (
	"time"

	"mellium.im/xmpp/jid"
)

// Bounds of what agents are told.
const maxDetails = 50 // of the queue's first, in notify-queue-details

// Status is how a workgroup stands.
type Status struct {
	Workgroup Workgroup
	Waiting   int           // alerts without an owner
	Oldest    time.Time     // since when the oldest of them waits; zero: none
	Assigned  int           // alerts with one
	Firing    int           // things that all of these are about and that are not over: more than alerts, where those are grouped
	Grouped   int           // things that are not over, beside the first, that these alerts are about
	Wait      time.Duration // it lately took so long until somebody had taken an alert
	Agents    []AgentStatus // members who are there or own something, by address
}

// AgentStatus is how an agent stands.
type AgentStatus struct {
	JID    jid.JID // bare
	Bot    bool
	Here   bool
	Show   Show
	Status string
	Max    int
	Chats  int // alerts owned
	Offers int // open offers
}

// view is what agents and people in the queue are told of a workgroup.
type view struct {
	addr     jid.JID
	agents   notifyAgents
	queue    notifyQueue
	details  []queueUser
	sessions []jid.JID // of agents who speak XEP-0142
	users    []place   // who asked to be told
}

type place struct {
	user   jid.JID
	status queueStatus
}

// state is open if somebody could be offered an alert, and closed if nobody is
// there. Alerts are taken in all the same.
func (g *group) state() string {
	if len(g.available()) > 0 {
		return "open"
	}
	for _, a := range g.order {
		if len(a.owned) > 0 {
			return "active"
		}
	}
	return "closed"
}

func (m *machine) view(g *group) view {
	v := view{addr: g.addr, queue: notifyQueue{Count: len(g.queue), Time: g.wait, Status: g.state()}}
	for _, a := range g.queue {
		if v.queue.Oldest.IsZero() || a.Raised.Before(v.queue.Oldest) {
			v.queue.Oldest = a.Raised
		}
	}
	for i, a := range g.queue {
		if i < maxDetails {
			v.details = append(v.details, queueUser{JID: a.User, Position: i, Time: g.wait, Joined: a.Raised})
		}
		if a.Notify && a.queued() {
			v.users = append(v.users, place{a.User, g.place(a)})
		}
	}
	for _, a := range g.order {
		best := a.best()
		if best != nil && !a.former {
			v.agents.Max += a.limit(best)
			if len(a.owned)+len(a.open) < a.limit(best) {
				v.agents.Available++
			}
		}
		v.agents.Chats += len(a.owned)
		for _, s := range a.sessions {
			if !s.chat() {
				v.sessions = append(v.sessions, s.JID)
			}
		}
	}
	return v
}

// place is where an alert is in the queue: 0 while it is offered to somebody.
func (g *group) place(a *Alert) queueStatus {
	st := queueStatus{Position: g.position(a) + 1, Time: g.wait, ID: a.Session(), Workgroup: g.addr}
	if a.State == Offered {
		st.Position = 0
	}
	return st
}

// place is that of a person who queues.
func (m *machine) place(workgroup string, user jid.JID) (queueStatus, bool) {
	a := m.users[userKey{workgroup, user.String()}]
	if a == nil || !a.waiting() {
		return queueStatus{}, false
	}
	return m.groups[workgroup].place(a), true
}

func (m *machine) status(g *group) Status {
	st := Status{Workgroup: g.Workgroup, Waiting: len(g.queue), Wait: g.wait}
	for _, a := range g.queue {
		st.Firing += int(max(1, a.Firing))
		if st.Oldest.IsZero() || a.Raised.Before(st.Oldest) {
			st.Oldest = a.Raised
		}
	}
	for _, a := range g.order {
		best := a.best()
		st.Assigned += len(a.owned)
		for _, owned := range a.owned {
			st.Firing += int(max(1, owned.Firing))
		}
		if len(a.sessions) == 0 && len(a.owned) == 0 {
			continue
		}
		as := AgentStatus{JID: a.JID, Bot: a.Bot, Here: best != nil, Chats: len(a.owned), Offers: len(a.open), Max: a.Max}
		switch {
		case best != nil:
			as.Show, as.Status, as.Max = best.Show, best.Status, a.limit(best)
		case len(a.sessions) > 0:
			as.Show, as.Status = a.sessions[0].Show, a.sessions[0].Status
		}
		st.Agents = append(st.Agents, as)
	}
	return st
}
