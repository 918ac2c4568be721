package workgroups

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"mellium.im/xmpp/jid"
)

// NS is the namespace of XEP-0142.
const NS = "http://jabber.org/protocol/workgroup"

// NSJive is the namespace of what Fastpath and Smack add to it.
const NSJive = "http://jivesoftware.com/protocol/workgroup"

// Severity says how urgent an alert is.
type Severity string

// Severities, the most urgent first.
const (
	Critical Severity = "critical" // may be offered to who does not want to be disturbed
	Warning  Severity = "warning"
	Info     Severity = "info"
)

// rank orders severities: 0 is served first.
func (s Severity) rank() int {
	switch s {
	case Critical:
		return 0
	case Info:
		return 2
	}
	return 1
}

// Valid reports whether s is one of the constants.
func (s Severity) Valid() bool { return s == Critical || s == Warning || s == Info }

// State is where an alert is on its way.
type State string

// States.
const (
	Open     State = "open"     // waits for somebody to be offered to
	Offered  State = "offered"  // at least one offer is open
	Assigned State = "assigned" // somebody took it
	Resolved State = "resolved" // ended well
	Expired  State = "expired"  // ended otherwise: Alert.Reason says how
)

// Ended reports whether nothing happens to the alert any more.
func (s State) Ended() bool { return s == Resolved || s == Expired }

// An Alert is something that somebody has to look after. It is a value that may
// be kept; its Labels are never changed, only replaced.
type Alert struct {
	ID        int64 // from 1, in the order of arrival; people say "17"
	Workgroup string

	Source      string // who raised it: a bare address, or the name of an input
	Fingerprint string // what makes two reports of a source the same alert
	Episode     int64  // from 1: so many times has this been raised anew
	Severity    Severity
	Summary     string // one line
	Details     string
	Host        string // which it is about; may be empty
	Labels      map[string]string
	Starts      time.Time // since when, as the source says; else Raised

	User   jid.JID // to XEP-0142: the alert's own address, or the person who queues
	Notify bool    // the person asked to be told their place in the queue

	Raised   time.Time // taken in
	Updated  time.Time // reported again
	Count    int64     // so many reports
	Accepted time.Time // first accepted; zero: never
	Ended    time.Time
	EndedBy  string // bare address of the person; empty: the source said so, or nobody did
	State    State
	Reason   string // of the end, in words

	Owner jid.JID   // while assigned: the session that accepted, or a bare address
	Grant int64     // fencing number: grows with each owner; of two owners the one with the higher number is the owner
	Gone  time.Time // since when no session of the owner is there; zero: one is

	Room jid.JID // where whoever looks after it meets; zero: there is none, or none yet

	Due      time.Time // by when the owner has to say that they are at it; zero: never
	Reminded bool      // the owner was asked whether they are

	Step     int64     // of the workgroup's [Escalation], from 1; 0: it has not begun
	StepEnds time.Time // at the latest
	Muted    time.Time // until when nobody is asked, because of a [Silence]; zero: it is not muted

	Group     string    // what it has in common with what joins it, in words; empty: nothing joins it
	Gathers   time.Time // until when nobody is asked, for others to join; zero: it did not wait
	Instances int64     // so many things it is about; 0: one, and nothing has joined it. Of those
	Firing    int64     // so many are not over; 0: as above, or it has ended
	Told      time.Time // when the owner, or the first of those who hold an offer, knew last what had joined
	Tell      time.Time // when they are to be told again; zero: there is nothing to tell

	Round int64     // so many times everybody has been asked
	Wake  time.Time // when the machine must look at it again at the latest; zero: it waits for somebody's word
	Seq   int64     // of its last [Entry]
}

// Session is what XEP-0142 clients of the Fastpath family know the alert by.
func (a *Alert) Session() string { return sessionID(a.ID) }

func sessionID(id int64) string { return "alert-" + itoa(id) }

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

// parseSession is the inverse of sessionID; 0 if it is none.
func parseSession(s string) int64 {
	digits, ok := strings.CutPrefix(s, "alert-")
	if !ok || digits == "" || digits[0] == '0' || len(digits) > 18 {
		return 0
	}
	var n int64
	for _, c := range []byte(digits) {
		if c < '0' || c > '9' {
			return 0
		}
		n = n*10 + int64(c-'0')
	}
	return n
}

// waiting reports whether nobody looks after the alert.
func (a *Alert) waiting() bool { return a.State == Open || a.State == Offered }

// before is the order in which alerts are served: by severity, then by age.
func before(a, b *Alert) int {
	if d := a.Severity.rank() - b.Severity.rank(); d != 0 {
		return d
	}
	switch {
	case a.ID < b.ID:
		return -1
	case a.ID > b.ID:
		return 1
	}
	return 0
}

// An Offer is an alert held out to one agent. At most one agent has it open at a
// time, unless the workgroup offers in parallel; one that has ended stays until
// everybody has been asked, so that nobody is asked twice.
type Offer struct {
	Alert   int64
	Agent   string  // bare address
	To      jid.JID // where it was sent: a session, or the bare address of who reads it as chat
	Made    time.Time
	Expires time.Time
	End     OfferEnd // empty: it is open
}

// OfferEnd says how an offer ended.
type OfferEnd string

// Ends of an offer. One that was accepted, that lost to another, or whose agent
// left is not kept.
const (
	Rejected OfferEnd = "rejected"
	TimedOut OfferEnd = "timed out"
	LeftOut  OfferEnd = "undelivered"
)

// Open reports whether the agent may accept.
func (o *Offer) Open() bool { return o.End == "" }

// An Entry is a line of an alert's timeline. Entries are only ever added.
type Entry struct {
	Alert int64
	Seq   int64 // from 1, without gaps
	At    time.Time
	What  string // raised, grouped, repeated, over, offered, accepted, rejected, timed out, gone, released, resolved, expired, room, invited, joined, note
	Who   string // bare address; empty: the service itself
	Text  string
}

// String is the entry as people read it, without its time.
func (e Entry) String() string {
	s := e.What
	if e.Who != "" {
		s += " " + e.Who
	}
	if e.Text != "" {
		s += ": " + e.Text
	}
	return s
}

// A Report is what a source says about something: that it is so, or that it is
// over.
type Report struct {
	Workgroup   string
	Source      string
	Fingerprint string // empty: made of the summary, the host and the labels
	Resolved    bool
	Severity    Severity // empty: Warning
	Summary     string
	Details     string
	Host        string
	Labels      map[string]string
	Starts      time.Time // zero: now

	// User is who queues, if the report is a person's join-queue.
	User   jid.JID
	Notify bool
}

// A Receipt says what became of a report.
type Receipt struct {
	Alert Alert
	Was   Outcome
}

// Outcome of a report.
type Outcome string

// Outcomes.
const (
	Raised   Outcome = "raised"   // a new alert
	Grouped  Outcome = "grouped"  // it joined an alert that was open
	Repeated Outcome = "repeated" // it was open already
	Over     Outcome = "resolved" // it ended the alert, or its part of it
	Ignored  Outcome = "ignored"  // late: it speaks of an episode that has ended, or resolves what is not open
)

// Limits of what a report may hold, in bytes; of labels, in number.
const (
	MaxSummary = 1024
	MaxDetails = 16 << 10
	MaxName    = 256 // host, source, fingerprint, name of a label
	MaxLabel   = 1024
	MaxLabels  = 64
)

// Check returns an error that says what is wrong with the report.
func (r *Report) Check() error {
	switch {
	case r.Workgroup == "":
		return invalid("no workgroup")
	case strings.TrimSpace(r.Summary) == "" && !(r.Resolved && r.Fingerprint != ""):
		return invalid("no summary")
	case len(r.Summary) > MaxSummary:
		return invalid("the summary has %d bytes, %d are allowed", len(r.Summary), MaxSummary)
	case len(r.Details) > MaxDetails:
		return invalid("the details have %d bytes, %d are allowed", len(r.Details), MaxDetails)
	case len(r.Host) > MaxName:
		return invalid("the host's name is longer than %d bytes", MaxName)
	case len(r.Source) > MaxName:
		return invalid("the source's name is longer than %d bytes", MaxName)
	case len(r.Fingerprint) > MaxName:
		return invalid("the fingerprint is longer than %d bytes", MaxName)
	case r.Severity != "" && !r.Severity.Valid():
		return invalid("severity %q is none of critical, warning, info", cut(string(r.Severity), 40))
	case len(r.Labels) > MaxLabels:
		return invalid("%d labels, %d are allowed", len(r.Labels), MaxLabels)
	}
	for name, value := range r.Labels {
		if name == "" || len(name) > MaxName || len(value) > MaxLabel {
			return invalid("label %q: a name has 1 to %d bytes, a value up to %d", cut(name, 40), MaxName, MaxLabel)
		}
	}
	return nil
}

// InvalidError says what is wrong with a report.
type InvalidError struct{ Text string }

// Error returns what is wrong.
func (e *InvalidError) Error() string { return "workgroups: " + e.Text }

func invalid(format string, args ...any) error { return &InvalidError{fmt.Sprintf(format, args...)} }

// cut shortens text to n bytes, at a rune.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && s[n]&0xC0 == 0x80 {
		n--
	}
	return s[:n] + "…"
}
