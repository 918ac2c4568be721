package client

import (
	"strings"
	"time"

	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/stanza"

	"adminbot/internal/xmpp/element"
	"adminbot/workgroups"
)

// A Status is how a workgroup stands, as it tells its agents. A workgroup need not
// tell anything: what it has not told is zero.
type Status struct {
	Here bool // the workgroup takes this session for an agent

	// XEP-0142#proto-agent-workgroupstatus
	Available int // agents who could take something
	Chats     int // in all
	Max       int // that all agents together take

	// XEP-0142#proto-agent-queuestatus
	Open    string // open, active or closed
	Waiting int
	Oldest  time.Time     // since when the oldest waits; zero: none, or not said
	Time    time.Duration // until somebody is taken, lately
	Users   []QueueUser   // those who wait, the next first
}

// A QueueUser is somebody, or something, that waits.
type QueueUser struct {
	JID      jid.JID
	Position int // from 0
	Time     time.Duration
	Joined   time.Time
}

// A Colleague is another agent of a workgroup (XEP-0142#proto-agent-agentstatus).
type Colleague struct {
	JID   jid.JID // with the resource
	Here  bool
	Show  workgroups.Show
	Chats int
	Max   int // 0: not said
}

// Bounds of what a workgroup may tell.
const (
	maxUsers      = 1000
	maxColleagues = 10_000
)

// update takes over what a presence of the workgroup says; false: it says nothing
// of that kind.
func (s *Status) update(children []*element.Element) (changed bool) {
	for _, e := range children {
		if e.Name.Space != workgroups.NS {
			continue
		}
		switch e.Name.Local {
		case "notify-agents":
			s.Available, _ = number(e.ChildText("available"))
			s.Chats, _ = number(e.ChildText("current-chats"))
			s.Max, _ = number(e.ChildText("max-chats"))
		case "notify-queue":
			s.Waiting, _ = number(e.ChildText("count"))
			s.Oldest, s.Time, s.Open = stamp(e.ChildText("oldest")), seconds(e.ChildText("time")), strings.TrimSpace(e.ChildText("status"))
		case "notify-queue-details":
			s.Users = nil // a new list: the old one was handed out
			for _, u := range e.Children {
				who, err := jid.Parse(u.Get("jid"))
				if u.Name.Local != "user" || err != nil || len(s.Users) == maxUsers {
					continue
				}
				at, _ := number(u.ChildText("position"))
				s.Users = append(s.Users, QueueUser{JID: who, Position: at, Time: seconds(u.ChildText("time")), Joined: stamp(u.ChildText("join-time"))})
			}
		default:
			continue
		}
		changed = true
	}
	return changed
}

// parseColleague reads the presence of another agent. The number of chats is
// XEP-0142's, or that of Fastpath's list of them.
func parseColleague(p stanza.Presence, status *element.Element, children []*element.Element) Colleague {
	c := Colleague{JID: p.From, Here: p.Type == stanza.AvailablePresence}
	for _, e := range children {
		if e.Name.Local == "show" {
			c.Show = workgroups.Show(strings.TrimSpace(e.Text))
		}
	}
	c.Max, _ = number(status.ChildText("max-chats"))
	c.Chats, _ = number(status.ChildText("current-chats"))
	if list := status.Child(workgroups.NSJive, "current-chats"); list != nil {
		c.Chats = len(list.Children)
	}
	return c
}
