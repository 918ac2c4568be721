package workgroups

import (
	"math"
	"strings"
	"time"

	"mellium.im/xmpp/jid"
)

// Show says how available an agent is, as XEP-0142#agent-presence reads
// presence.
type Show string

// Shows. Available is presence without <show/>.
const (
	Chat      Show = "chat" // idle, wants work
	Available Show = ""
	Away      Show = "away" // busy; will probably reject
	ExtraAway Show = "xa"   // is not offered anything
	Busy      Show = "dnd"  // only what is critical
)

// rank orders shows: 0 is asked first. Whoever is away comes after all who are
// not, and whoever is not to be disturbed comes last.
func (s Show) rank() int {
	switch s {
	case Chat:
		return 0
	case Away:
		return 2
	case Busy:
		return 3
	}
	return 1
}

// takes reports whether an alert may be offered to an agent that shows s.
func (s Show) takes(sev Severity) bool {
	return s != ExtraAway && (s != Busy || sev == Critical)
}

// A Queue is what waits in a workgroup, for [Route].
type Queue struct {
	Timeout  time.Duration // of an offer
	Parallel int           // so many agents are offered one alert at once
	Waiting  []*Alert      // without an owner, in the order in which they are served
	Steps    []Ask         // by Alert.Step less one; nil: everybody may be asked at any time

	// Offers are those of this round, by alert: open ones, and those that have
	// ended and are not to be repeated.
	Offers map[int64][]*Offer
}

// An Agent is who offers can go to: a member of the workgroup who is there.
type Agent struct {
	JID    jid.JID // where an offer goes: a session, or a bare address for chat
	Show   Show
	Bot    bool     // asked before people
	Skills []string // labels ("role=db", or only "role") of alerts to be asked for first
	Max    int      // alerts at a time
	Chats  int      // alerts owned
	Offers int      // open offers
	Last   int64    // grows with each offer to whomever: whose is lowest has waited longest
}

// room reports how many more alerts may be offered to the agent: an open offer
// counts like an alert, so that accepting all never exceeds Max.
func (a *Agent) room() int { return a.Max - a.Chats - a.Offers }

// Route says which offers to make now. It is a function of its arguments alone.
//
// Bots are asked before people, whoever is not away before who is, members with
// the skill before those without any, and those before whoever has others. Then
// comes presence (chat, available, away, and dnd for what is critical), then who
// has the least to do, then who was not asked for the longest time. Nobody is
// offered more than they can take, nor the same alert twice in a round.
func Route(q Queue, agents []Agent, now time.Time) []Offer {
	var free []*Agent
	last := int64(0)
	for i := range agents {
		a := agents[i]
		last = max(last, a.Last)
		if a.room() > 0 && a.Show != ExtraAway {
			free = append(free, &a)
		}
	}
	var made []Offer
	for _, alert := range q.Waiting {
		if len(free) == 0 {
			break
		}
		ask, expires, ok := q.ask(alert, now)
		if !ok {
			continue
		}
		asked := q.Offers[alert.ID]
		open := 0
		for _, o := range asked {
			if o.Open() {
				open++
			}
		}
		var chosen []*Agent
		for open+len(chosen) < ask.Parallel {
			best, at := (*Agent)(nil), 0
			var rank [6]int64
			for i, a := range free {
				if a == nil || !a.Show.takes(alert.Severity) || !ask.of(a) || wasAsked(asked, a) || contains(chosen, a) {
					continue
				}
				if r := a.rank(alert); best == nil || less(r, rank) {
					best, at, rank = a, i, r
				}
			}
			if best == nil {
				break
			}
			chosen = append(chosen, best)
			last++
			best.Last, best.Offers = last, best.Offers+1
			if best.room() == 0 {
				free = append(free[:at], free[at+1:]...)
			}
			made = append(made, Offer{Alert: alert.ID, Agent: best.JID.Bare().String(), To: best.JID, Made: now, Expires: expires})
		}
	}
	return made
}

// ask says who may be asked about an alert, and until when an offer to them is
// open; false: nobody.
func (q *Queue) ask(alert *Alert, now time.Time) (ask Ask, expires time.Time, ok bool) {
	ask, expires = Ask{Parallel: max(q.Parallel, 1)}, now.Add(q.Timeout)
	if !alert.Muted.IsZero() || alert.gathers(now) {
		return ask, expires, false
	}
	if q.Steps == nil {
		return ask, expires, true
	}
	if alert.Step < 1 {
		return ask, expires, false
	}
	ask = q.Steps[min(int(alert.Step), len(q.Steps))-1]
	ends := alert.StepEnds
	switch {
	case ask.Parallel == 0:
		ask.Parallel = math.MaxInt
		if !ends.IsZero() {
			expires = ends
		}
	case !ends.IsZero() && ends.Before(expires):
		expires = ends
	}
	return ask, expires, expires.After(now)
}

// of reports whether the agent may be asked.
func (k *Ask) of(a *Agent) bool { return k.Who == nil || k.Who[a.JID.Bare().String()] }

func wasAsked(asked []*Offer, a *Agent) bool {
	if len(asked) == 0 {
		return false
	}
	bare := a.JID.Bare().String()
	for _, o := range asked {
		if o.Agent == bare {
			return true
		}
	}
	return false
}

func contains(chosen []*Agent, a *Agent) bool {
	for _, c := range chosen {
		if c == a {
			return true
		}
	}
	return false
}

// rank orders agents for an alert; the lowest is asked first. It is compared from
// the left.
func (a *Agent) rank(alert *Alert) [6]int64 {
	var r [6]int64
	if !a.Bot {
		r[0] = 1
	}
	if a.Show == Away || a.Show == Busy {
		r[1] = int64(a.Show.rank())
	}
	r[2] = a.skill(alert)
	r[3] = int64(a.Show.rank())
	r[4] = int64(a.Chats + a.Offers)
	r[5] = a.Last
	return r
}

func less(a, b [6]int64) bool {
	for i := range a {
		if a[i] != b[i] {
			return a[i] < b[i]
		}
	}
	return false
}

// skill is 0 if the agent has the skill for the alert, 1 if it has none in
// particular, and 2 if it has others.
func (a *Agent) skill(alert *Alert) int64 {
	if len(a.Skills) == 0 {
		return 1
	}
	for _, s := range a.Skills {
		name, want, valued := strings.Cut(s, "=")
		have, ok := alert.Labels[name]
		if name == "host" && !ok {
			have, ok = alert.Host, alert.Host != ""
		}
		if ok && (!valued || have == want) {
			return 0
		}
	}
	return 2
}
