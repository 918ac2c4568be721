package workgroups

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"adminbot/internal/xmpp/element"
	"adminbot/internal/xmpp/form"
	"mellium.im/xmpp/jid"
)

// stamp is a time as clients of the Fastpath family read it. XEP-0142 wants that
// of XEP-0082, but prints this one, and Java clients take nothing else; a zone is
// the most they bear.
func stamp(t time.Time) string { return t.UTC().Format("20060102T15:04:05Z") }

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// seconds is a duration as XEP-0142 writes it.
func seconds(d time.Duration) string { return itoa(max(0, int64(d/time.Second))) }

// A metadatum is a name and a value that clients show beside an offer.
type metadatum struct{ name, value string }

// offer is an offer on the wire (XEP-0142#proto-agent-offer): what the XEP says,
// and what Fastpath adds.
type offer struct {
	ID        string // Smack answers by it alone
	JID       jid.JID
	Workgroup jid.JID
	Timeout   time.Duration
	Metadata  []metadatum
}

func (o offer) element() *element.Element {
	e := element.New(NS, "offer", "id", o.ID, "jid", o.JID.String())
	data := element.New(NSJive, "metadata")
	for _, d := range o.Metadata {
		if d.value != "" {
			v := element.New(NSJive, "value", "name", d.name)
			v.Text = d.value
			data.Add(v)
		}
	}
	if len(data.Children) > 0 {
		e.Add(data)
	}
	if o.Timeout > 0 {
		e.AddText("timeout", itoa(max(1, int64(o.Timeout/time.Second))))
	}
	if o.ID != "" {
		e.Add(sessionElement(o.ID, o.Workgroup, 0), element.New(NS, "user-request"))
	}
	return e
}

// sessionElement names the alert to clients of the Fastpath family, and the
// owner's fencing number to those who know it.
func sessionElement(id string, workgroup jid.JID, grant int64) *element.Element {
	e := element.New(NSJive, "session", "id", id, "workgroup", workgroup.String())
	if grant > 0 {
		e.Attr = append(e.Attr, element.New("", "", "grant", itoa(grant)).Attr...)
	}
	return e
}

// revoke takes an offer back (XEP-0142#proto-agent-revoke).
type revoke struct {
	ID        string
	JID       jid.JID
	Workgroup jid.JID
	Reason    string
}

func (r revoke) element() *element.Element {
	e := element.New(NS, "offer-revoke", "id", r.ID, "jid", r.JID.String()).AddText("reason", r.Reason)
	if r.ID != "" {
		e.Add(sessionElement(r.ID, r.Workgroup, 0))
	}
	return e
}

// answerTo reads which alert an offer-accept or offer-reject is about, by the
// address of its user or by the session. Zero: neither is given.
type answerTo struct {
	Session string
	JID     jid.JID
}

func parseAnswer(e *element.Element) answerTo {
	a := answerTo{Session: e.Get("id")}
	if s := e.Child(NSJive, "session"); s != nil && a.Session == "" {
		a.Session = s.Get("id")
	}
	a.JID, _ = jid.Parse(e.Get("jid"))
	return a
}

// agentStatus is what an agent's client says in its presence.
type agentStatus struct{ Max int }

// parseAgentStatus finds it among the children of a presence. Smack writes the
// limit with an underscore; what is no number is not said.
func parseAgentStatus(children []*element.Element) (s agentStatus, ok bool) {
	for _, c := range children {
		if c.Name.Space != NS || c.Name.Local != "agent-status" {
			continue
		}
		for _, name := range []string{"max-chats", "max_chats"} {
			if n, err := strconv.Atoi(strings.TrimSpace(c.ChildText(name))); err == nil && n > 0 {
				s.Max = n
			}
		}
		return s, true
	}
	return s, false
}

// join is a join-queue on the wire (XEP-0142#proto-user-join).
type join struct {
	Notify bool
	User   string // Fastpath: who an anonymous session speaks for
	Fields []metadatum
}

func parseJoin(e *element.Element) join {
	j := join{Notify: e.Child(NS, "queue-notifications") != nil}
	if u := e.Child(NSJive, "user"); u != nil {
		j.User = u.Get("id")
	}
	seen := map[string]bool{}
	for _, x := range e.Children {
		f, ok := form.Parse(x)
		if !ok {
			if x.Name.Space != NS && x.Name.Space != NSJive { // R13: anybody's data
				for _, leaf := range x.Leaves() {
					j.Fields = append(j.Fields, metadatum{leaf.Name.Local, strings.Join(strings.Fields(leaf.Text), " ")})
				}
			}
			continue
		}
		for _, field := range f.Fields { // Smack sends the form twice
			if field.Var == "" || field.Var == "FORM_TYPE" || seen[field.Var] {
				continue
			}
			seen[field.Var] = true
			for i := range field.Values {
				field.Values[i] = strings.TrimSpace(field.Values[i])
			}
			j.Fields = append(j.Fields, metadatum{field.Var, strings.Join(field.Values, ", ")})
		}
	}
	return j
}

// queueStatus tells a person their place (XEP-0142#proto-user-status).
type queueStatus struct {
	Position  int // from 0: being offered now
	Time      time.Duration
	ID        string // of the session, for clients of the Fastpath family
	Workgroup jid.JID
}

func (s queueStatus) element() *element.Element {
	return element.New(NS, "queue-status").AddText("position", strconv.Itoa(s.Position)).AddText("time", seconds(s.Time)).
		Add(sessionElement(s.ID, s.Workgroup, 0))
}

// notifyAgents tells agents about the agents (XEP-0142#proto-agent-workgroupstatus).
// Smack needs all three numbers.
type notifyAgents struct{ Available, Chats, Max int }

func (n notifyAgents) element() *element.Element {
	return element.New(NS, "notify-agents").AddText("available", strconv.Itoa(n.Available)).
		AddText("current-chats", strconv.Itoa(n.Chats)).AddText("max-chats", strconv.Itoa(n.Max))
}

// notifyQueue tells agents about the queue (XEP-0142#proto-agent-queuestatus).
type notifyQueue struct {
	Count  int
	Oldest time.Time
	Time   time.Duration
	Status string // open, active or closed
}

func (n notifyQueue) element() *element.Element {
	e := element.New(NS, "notify-queue").AddText("count", strconv.Itoa(n.Count))
	if !n.Oldest.IsZero() {
		e.AddText("oldest", stamp(n.Oldest))
	}
	return e.AddText("time", seconds(n.Time)).AddText("status", n.Status)
}

// queueUser is one of those who queue, in notify-queue-details.
type queueUser struct {
	JID      jid.JID
	Position int
	Time     time.Duration
	Joined   time.Time
}

func queueDetails(users []queueUser) *element.Element {
	e := element.New(NS, "notify-queue-details")
	for _, u := range users {
		e.Add(element.New(NS, "user", "jid", u.JID.String()).AddText("position", strconv.Itoa(u.Position)).
			AddText("time", seconds(u.Time)).AddText("join-time", stamp(u.Joined)))
	}
	return e
}
