// Package alertrpc is the alert service over Jabber-RPC (XEP-0009): what scripts,
// the bot and other programs call at the address of the workgroup component.
//
// The table of methods is [Methods]; [Mux] serves it for a
// [workgroups.Service]; [Client] calls it. A call is made on behalf of whoever
// makes it; of a bot's, on behalf of the actor it names. The policy decides by
// both.
package alertrpc

import (
	"time"

	"adminbot/agentapi"
)

// The methods.
var (
	Send = agentapi.Define[SendArgs, SendResult](agentapi.Spec{
		Name: "alert.send", Permission: "alert.send", Class: agentapi.Write, Timeout: timeout, Bot: true, Wire: true, Built: true,
		Help: "Raises an alert, or reports one that is open once more.",
	})
	List = agentapi.Define[ListArgs, ListResult](agentapi.Spec{
		Name: "alert.list", Permission: "alert.read", Class: agentapi.Read, Timeout: timeout, Bot: true, Wire: true, Built: true,
		Help: "Lists alerts that are open, or those that have ended.",
	})
	Show = agentapi.Define[ShowArgs, ShowResult](agentapi.Spec{
		Name: "alert.show", Permission: "alert.read", Class: agentapi.Read, Timeout: timeout, Bot: true, Wire: true, Built: true,
		Help: "Tells all about one alert, with its timeline.",
	})
	Accept = agentapi.Define[AnswerArgs, AnswerResult](agentapi.Spec{
		Name: "alert.accept", Permission: "alert.accept", Class: agentapi.Write, Timeout: timeout, Bot: true, Wire: true, Built: true,
		Help: "Takes an alert that nobody owns.",
	})
	Reject = agentapi.Define[AnswerArgs, AnswerResult](agentapi.Spec{
		Name: "alert.reject", Permission: "alert.accept", Class: agentapi.Write, Timeout: timeout, Bot: true, Wire: true, Built: true,
		Help: "Declines an alert that is offered, or gives one back.",
	})
	Resolve = agentapi.Define[AnswerArgs, AnswerResult](agentapi.Spec{
		Name: "alert.resolve", Permission: "alert.resolve", Class: agentapi.Write, Timeout: timeout, Bot: true, Wire: true, Built: true,
		Help: "Ends an alert.",
	})
	Ack = agentapi.Define[AnswerArgs, AnswerResult](agentapi.Spec{
		Name: "alert.ack", Permission: "alert.accept", Class: agentapi.Write, Timeout: timeout, Bot: true, Wire: true, Built: true,
		Help: "Says that one is at an alert: takes it if nobody owns it.",
	})
	Note = agentapi.Define[NoteArgs, AnswerResult](agentapi.Spec{
		Name: "alert.note", Permission: "alert.note", Class: agentapi.Write, Timeout: timeout, Bot: true, Wire: true, Built: true,
		Help: "Puts a line into the timeline of an alert.",
	})
	Transfer = agentapi.Define[TransferArgs, AnswerResult](agentapi.Spec{
		Name: "alert.transfer", Permission: "alert.accept", Class: agentapi.Write, Timeout: timeout, Bot: true, Wire: true, Built: true,
		Help: "Gives an alert that one owns to another member, who is asked to take it.",
	})
	Rooms = agentapi.Define[RoomsArgs, RoomsResult](agentapi.Spec{
		Name: "alert.rooms", Permission: "alert.read", Class: agentapi.Read, Timeout: timeout, Wire: true, Built: true,
		Help: "Lists the rooms of alerts that are open. Bots of the policy may always ask.",
	})
	Figures = agentapi.Define[FiguresArgs, FiguresResult](agentapi.Spec{
		Name: "alert.figures", Permission: "alert.read", Class: agentapi.Read, Timeout: timeout, Bot: true, Wire: true, Built: true,
		Help: "Counts the alerts that were raised in a period, and tells how long it took until they were taken and resolved.",
	})
	WorkgroupList = agentapi.Define[NoArgs, WorkgroupListResult](agentapi.Spec{
		Name: "workgroup.list", Permission: "workgroup.read", Class: agentapi.Read, Timeout: timeout, Bot: true, Wire: true, Built: true,
		Help: "Lists the workgroups. Bots of the policy may always ask.",
	})
	WorkgroupJoin = agentapi.Define[WorkgroupArgs, DutyResult](agentapi.Spec{
		Name: "workgroup.join", Permission: "workgroup.join", Class: agentapi.Write, Timeout: timeout, Bot: true, Wire: true, Built: true,
		Help: "Has a workgroup ask the caller, by chat, to take alerts.",
	})
	WorkgroupLeave = agentapi.Define[WorkgroupArgs, DutyResult](agentapi.Spec{
		Name: "workgroup.leave", Permission: "workgroup.leave", Class: agentapi.Write, Timeout: timeout, Bot: true, Wire: true, Built: true,
		Help: "Ends that. What the caller has taken stays theirs.",
	})
	WorkgroupStatus = agentapi.Define[WorkgroupArgs, WorkgroupStatusResult](agentapi.Spec{
		Name: "workgroup.status", Permission: "workgroup.read", Class: agentapi.Read, Timeout: timeout, Bot: true, Wire: true, Built: true,
		Help: "Tells how a workgroup stands: who is there, what waits.",
	})
)

// timeout is for the work of any method: at worst a slow disk.
const timeout = 30 * time.Second

// Methods returns the table.
func Methods() []agentapi.Spec {
	return []agentapi.Spec{
		agentapi.Spec(Send), agentapi.Spec(List), agentapi.Spec(Show), agentapi.Spec(Accept), agentapi.Spec(Reject), agentapi.Spec(Ack), agentapi.Spec(Resolve), agentapi.Spec(Note), agentapi.Spec(Transfer), agentapi.Spec(Silence), agentapi.Spec(Silences),
		agentapi.Spec(Rooms), agentapi.Spec(Figures), agentapi.Spec(WorkgroupList), agentapi.Spec(WorkgroupJoin), agentapi.Spec(WorkgroupLeave), agentapi.Spec(WorkgroupStatus), agentapi.Spec(OnCallWho), agentapi.Spec(OnCallShifts), agentapi.Spec(OnCallOverride),
	}
}

// Lookup returns the method of that name.
func Lookup(name string) (agentapi.Spec, bool) {
	for _, s := range Methods() {
		if s.Name == name {
			return s, true
		}
	}
	return agentapi.Spec{}, false
}

// Arguments and results.
type (
	NoArgs struct{}

	WorkgroupArgs struct {
		Workgroup string `rpc:"workgroup,omitempty" validate:"max=128" help:"empty: the only one, or the one called alerts"`
	}

	SendArgs struct {
		Workgroup string            `rpc:"workgroup,omitempty" validate:"max=128" help:"empty: the only one, or the one called alerts"`
		Summary   string            `rpc:"summary" validate:"required,max=1024" help:"one line"`
		Details   string            `rpc:"details,omitempty" validate:"max=16384"`
		Severity  string            `rpc:"severity,omitempty" validate:"oneof=critical warning info" default:"warning"`
		Host      string            `rpc:"host,omitempty" validate:"max=256"`
		Dedup     string            `rpc:"dedup,omitempty" validate:"max=256" help:"what makes two reports the same alert; empty: summary, host and labels"`
		Labels    map[string]string `rpc:"labels,omitempty"`
		Resolved  bool              `rpc:"resolved,omitempty" help:"it is over: end the alert"`
	}
	SendResult struct {
		Alert   Alert  `rpc:"alert"`
		Outcome string `rpc:"outcome" help:"raised, grouped, repeated, resolved, ignored"`
	}

	ListArgs struct {
		Workgroup string `rpc:"workgroup,omitempty" validate:"max=128" help:"empty: all"`
		Ended     bool   `rpc:"ended,omitempty" help:"those that have ended, the latest first"`
		Limit     int32  `rpc:"limit,omitempty" validate:"min=1,max=200" default:"50"`
	}
	ListResult struct {
		Alerts []Alert `rpc:"alerts"`
		Total  int     `rpc:"total" help:"of those that are open, in the answer or not"`
	}

	ShowArgs struct {
		ID string `rpc:"id" validate:"required,max=32" help:"the alert's number"`
	}
	ShowResult struct {
		Alert     Alert      `rpc:"alert"`
		Instances []Instance `rpc:"instances,omitempty" help:"of a grouped alert: the first, those that are not over before those that are"`
		Timeline  []Entry    `rpc:"timeline" help:"the last; what joined in a row is one"`
	}

	AnswerArgs struct {
		ID     string `rpc:"id,omitempty" validate:"max=32" help:"the alert's number; empty: the only one that is offered to you, or yours"`
		Reason string `rpc:"reason,omitempty" validate:"max=1024"`
	}
	NoteArgs struct {
		ID   string `rpc:"id,omitempty" validate:"max=32" help:"the alert's number; empty: the only one that is yours"`
		Text string `rpc:"text" validate:"required,max=4096"`
	}
	TransferArgs struct {
		ID     string `rpc:"id" validate:"required,max=32" help:"the alert's number"`
		To     string `rpc:"to" validate:"required,max=3071" help:"the address of a member who is there"`
		Reason string `rpc:"reason,omitempty" validate:"max=1024"`
	}
	AnswerResult struct {
		Alert Alert `rpc:"alert"`
	}

	DutyResult struct {
		Workgroup string `rpc:"workgroup"`
		OnDuty    bool   `rpc:"on_duty"`
	}

	RoomsArgs struct {
		Room string `rpc:"room,omitempty" validate:"max=3071" help:"only this one"`
	}
	RoomsResult struct {
		Rooms []Room `rpc:"rooms"`
	}

	FiguresArgs struct {
		Workgroup string    `rpc:"workgroup,omitempty" validate:"max=128" help:"empty: all"`
		From      time.Time `rpc:"from" validate:"required"`
		Until     time.Time `rpc:"until,omitempty" help:"not included; empty: now"`
	}
	FiguresResult struct {
		From      time.Time `rpc:"from"`
		Until     time.Time `rpc:"until"`
		Raised    int       `rpc:"raised"`
		Accepted  int       `rpc:"accepted" help:"of these, that somebody took"`
		Resolved  int       `rpc:"resolved"`
		Expired   int       `rpc:"expired"`
		ToAccept  float64   `rpc:"mtta_seconds" help:"mean from raised to first accepted"`
		ToResolve float64   `rpc:"mttr_seconds" help:"mean from raised to resolved"`
	}

	WorkgroupListResult struct {
		Workgroups []Workgroup `rpc:"workgroups"`
	}
	WorkgroupStatusResult struct {
		Workgroup Workgroup `rpc:"workgroup"`
		Agents    []Agent   `rpc:"agents" help:"as many as fit into the answer"`
		Total     int       `rpc:"total" help:"agents there are"`
	}
)

// An Alert as it is on the wire.
type Alert struct {
	ID        int               `rpc:"id"`
	JID       string            `rpc:"jid" help:"its address, as XEP-0142's user"`
	Workgroup string            `rpc:"workgroup"`
	State     string            `rpc:"state" help:"open, offered, assigned, resolved, expired"`
	Severity  string            `rpc:"severity"`
	Summary   string            `rpc:"summary"`
	Details   string            `rpc:"details,omitempty"`
	Host      string            `rpc:"host,omitempty"`
	Labels    map[string]string `rpc:"labels,omitempty"`
	Source    string            `rpc:"source"`
	Dedup     string            `rpc:"dedup"`
	Episode   int               `rpc:"episode" help:"so many times has this been raised anew"`
	Count     int               `rpc:"count" help:"so many reports"`
	Owner     string            `rpc:"owner,omitempty"`
	Grant     int               `rpc:"grant,omitempty" help:"grows with each owner"`
	Room      string            `rpc:"room,omitempty" help:"where those who look after it meet"`
	Reason    string            `rpc:"reason,omitempty"`
	EndedBy   string            `rpc:"ended_by,omitempty"`
	Starts    time.Time         `rpc:"starts_at"`
	Raised    time.Time         `rpc:"raised_at"`
	Updated   time.Time         `rpc:"updated_at"`
	Accepted  time.Time         `rpc:"accepted_at,omitempty"`
	GroupedBy string            `rpc:"grouped_by,omitempty" help:"what it has in common with what joins it"`
	Instances int               `rpc:"instances,omitempty" help:"so many things a grouped alert is about"`
	Firing    int               `rpc:"firing,omitempty" help:"so many of these are not over"`
	Muted     time.Time         `rpc:"muted_until,omitempty" help:"a silence: until then nobody is asked"`
	Ended     time.Time         `rpc:"ended_at,omitempty"`
	LeftOut   string            `rpc:"left_out,omitempty" help:"what did not fit into the answer: 12 labels and 900 bytes of the details"`
}

// More is how many other things a grouped alert is about beside what it says, or was
// when it ended.
func (a *Alert) More() int {
	if a.Ended.IsZero() {
		return max(0, a.Firing-1)
	}
	return max(0, a.Instances-1)
}

// An Instance is one of the things that a grouped alert is about.
type Instance struct {
	Severity string    `rpc:"severity"`
	Summary  string    `rpc:"summary"`
	Host     string    `rpc:"host,omitempty"`
	Source   string    `rpc:"source"`
	Dedup    string    `rpc:"dedup"`
	Count    int       `rpc:"count" help:"so many reports"`
	Starts   time.Time `rpc:"starts_at"`
	Over     time.Time `rpc:"over_at,omitempty" help:"the source says so"`
}

// A Room where those who look after an alert meet (XEP-0045).
type Room struct {
	JID   string `rpc:"jid"`
	Alert int    `rpc:"alert"`
	Host  string `rpc:"host,omitempty" help:"which the alert is about"`
}

// An Entry of an alert's timeline.
type Entry struct {
	At   time.Time `rpc:"at"`
	What string    `rpc:"what"`
	Who  string    `rpc:"who,omitempty"`
	Text string    `rpc:"text,omitempty"`
}

// A Workgroup and how it stands.
type Workgroup struct {
	Name     string    `rpc:"name"`
	JID      string    `rpc:"jid"`
	Title    string    `rpc:"title"`
	Waiting  int       `rpc:"waiting" help:"alerts that nobody owns"`
	Assigned int       `rpc:"assigned"`
	Oldest   time.Time `rpc:"oldest_at,omitempty" help:"since when the oldest of those waits"`
	Here     int       `rpc:"here" help:"agents that can be asked"`
}

// An Agent of a workgroup.
type Agent struct {
	JID    string `rpc:"jid"`
	Bot    bool   `rpc:"bot"`
	Here   bool   `rpc:"here"`
	Show   string `rpc:"show,omitempty"`
	Status string `rpc:"status,omitempty"`
	Alerts int    `rpc:"alerts" help:"that it owns"`
	Offers int    `rpc:"offers"`
	Max    int    `rpc:"max"`
}
