package workgroups

import (
	"cmp"
	"context"
	"errors"
	"time"

	"mellium.im/xmpp/jid"

	"adminbot/workgroups/oncall"
)

// ErrNotFound is returned for an alert that there is not.
var ErrNotFound = errors.New("workgroups: no such alert")

// A Store keeps what must survive. Package storetest has the test that every
// implementation must pass. Commit is called from one goroutine at a time; the
// other methods may be called at any time.
type Store interface {
	// Load returns everything that is not over.
	Load(context.Context) (Image, error)

	// Commit makes all changes, or none. When it returns nil they survive the
	// loss of power. After an error nobody knows; Load tells.
	Commit(context.Context, []Change) error

	// Alert returns one alert and its timeline, or ErrNotFound.
	Alert(ctx context.Context, id int64) (Alert, []Entry, error)

	// Instances returns those of an alert, by their number.
	Instances(ctx context.Context, alert int64) ([]Instance, error)

	// Ended returns alerts of a workgroup that have ended, the latest first; of
	// all workgroups if the name is empty.
	Ended(ctx context.Context, workgroup string, limit int) ([]Alert, error)

	// Figures returns those of the alerts of a workgroup that were raised in
	// [from, until); of all workgroups if the name is empty.
	Figures(ctx context.Context, workgroup string, from, until time.Time) (Figures, error)
}

// An Image is what a [Store] holds of what is not over.
type Image struct {
	Alerts    []Alert    // those that have not ended
	Instances []Instance // of these alerts, by alert and number
	Recent    []Past     // by end, alert, source and fingerprint: see there
	Offers    []Offer    // of these alerts
	Presence  []Session  // of agents
	Messages  []Message  // not known to have arrived

	Overrides []oncall.Override // by ID
	Silences  []Silence         // by ID
	LastID    int64             // highest number of an alert ever
	LastSent  int64             // highest number of a message ever
}

// A Past is the end of what a source had reported, by which what it says later is
// known to be late. An [Image] has the last of each thing that ended with, or in, an
// alert which ended in the time of [Remember] before the last end of all. Of two at
// the same time the last is that of the higher episode, then of the higher alert. An
// alert has one of each of its instances, or its own if it has none. That of a
// person who queues, whose User is not named [Alert.Session], has none.
type Past struct {
	Workgroup, Source, Fingerprint string

	Alert    int64 // that was about it
	Episode  int64
	Starts   time.Time
	Ended    time.Time
	BySource bool // the source itself had said that it is over
}

func (p *Past) thing() thing { return thing{p.Workgroup, p.Source, p.Fingerprint} }

// before reports whether p is not the last of two ends of a thing.
func (p *Past) before(q Past) bool {
	return cmp.Or(p.Ended.Compare(q.Ended), cmp.Compare(p.Episode, q.Episode), cmp.Compare(p.Alert, q.Alert)) < 0
}

// Remember is for how long the end of an alert is remembered by whoever routes:
// a report that is older than it is late, and ignored.
const Remember = 24 * time.Hour

// A Change is a row as it is to be. It is one of [PutAlert], [PutInstance], [PutOffer],
// [DropOffer], [PutSession], [DropSession], [PutMessage], [DropMessage],
// [AddEntry],
// [PutOverride], [DropOverride], [PutSilence] and [DropSilence].
type Change interface{ isChange() }

// Changes. Put replaces the row with the same key; dropping what is not there
// changes nothing.
type (
	PutAlert    struct{ Alert Alert }       // key: ID
	PutInstance struct{ Instance Instance } // key: Alert, N
	PutOffer    struct{ Offer Offer }       // key: Alert, Agent
	DropOffer   struct {
		Alert int64
		Agent string // empty: all of the alert
	}
	PutSession  struct{ Session Session } // key: Workgroup, JID
	DropSession struct {
		Workgroup string
		JID       jid.JID
	}
	PutMessage  struct{ Message Message } // key: ID
	DropMessage struct{ ID int64 }
	AddEntry    struct{ Entry Entry } // key: Alert, Seq; there is none yet

	PutOverride  struct{ Override oncall.Override } // key: ID
	DropOverride struct{ ID int64 }
	PutSilence   struct{ Silence Silence } // key: ID
	DropSilence  struct{ ID int64 }
)

func (PutAlert) isChange()    {}
func (PutInstance) isChange() {}
func (PutOffer) isChange()    {}
func (DropOffer) isChange()   {}
func (PutSession) isChange()  {}
func (DropSession) isChange() {}
func (PutMessage) isChange()  {}
func (DropMessage) isChange() {}
func (AddEntry) isChange()    {}

func (PutOverride) isChange()  {}
func (DropOverride) isChange() {}
func (PutSilence) isChange()   {}
func (DropSilence) isChange()  {}

// A Session is one way to reach an agent: a client that speaks XEP-0142, or, with
// a bare address, a person who reads and writes chat.
type Session struct {
	Workgroup string
	JID       jid.JID
	Show      Show
	Status    string // in words
	Max       int    // alerts at a time, as asked for; 0: not said
	Since     time.Time
}

// A Message is what is to be told to somebody, until it has arrived.
type Message struct {
	ID        int64 // from 1, in order; the stanza's id is made of it
	Kind      MessageKind
	Workgroup string
	To        jid.JID
	Alert     int64   // 0: about none
	User      jid.JID // of that alert
	Grant     int64   // of an invitation
	Text      string
	Made      time.Time
	Due       time.Time // not to be sent before; zero: at once
	Repeat    bool      // it may have been sent before
}

// MessageKind is what a message is for.
type MessageKind string

// room reports whether a message is for the rooms to do.
func (k MessageKind) room() bool {
	return k == MessageRoom || k == MessageClose || k == MessageSeal || k == MessageDestroy
}

// Kinds of messages.
const (
	MessageOffer  MessageKind = "offer"  // to an agent: will you take it?
	MessageRevoke MessageKind = "revoke" // to an agent: it is no longer offered; Text says why
	MessageInvite MessageKind = "invite" // to who accepted: it is yours
	MessageDepart MessageKind = "depart" // to a person who queued: you are out of the queue
	MessageNote   MessageKind = "note"   // to an agent: Text

	// About the alert's room.
	MessageRoom    MessageKind = "room"    // asks To in, and makes it if it is not there; Text is the reason
	MessageClose   MessageKind = "close"   // to a room: the alert has ended; Text says how
	MessageSeal    MessageKind = "seal"    // to a room: it can only be read from now on
	MessageDestroy MessageKind = "destroy" // to a room: it goes
)
