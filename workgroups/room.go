package workgroups

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"time"

	"mellium.im/xmpp/jid"
)

// Rooms says where those who look after an alert meet: each alert that somebody
// accepts gets a room (XEP-0045) of its own.
type Rooms struct {
	Service jid.JID       // which has the rooms; zero: the first that the server of the component names
	Bot     jid.JID       // is asked into every room; zero: nobody is
	Open    time.Duration // after the end of their alert rooms can be written in for so long; 0: 1 hour
	Keep    time.Duration // rooms after the end of their alert, to be read; 0: 30 days
}

// ErrNoRoom says that an alert has no room, or none yet.
var ErrNoRoom = errors.New("workgroups: the alert has no room")

// Invite has somebody asked into the room of an alert that is somebody's. Whether
// they may come is for the caller to know. The error wraps [ErrNotFound],
// [ErrOver] or [ErrNoRoom].
func (s *Service) Invite(ctx context.Context, id int64, who jid.JID) error {
	return s.do(ctx, func(m *machine, now time.Time) error {
		a, err := m.live(id)
		switch {
		case err != nil:
			return err
		case m.rooms == nil || a.State != Assigned || a.Room.Equal(jid.JID{}):
			return fmt.Errorf("%w: %d", ErrNoRoom, id)
		}
		m.openRoom(a, who, now)
		return nil
	})
}

// askAgainAfter is when somebody is asked in whom a busy room did not ask.
const askAgainAfter = 10 * time.Second

// Times of rooms after the end of their alert.
const (
	defaultOpen = time.Hour
	defaultKeep = 30 * 24 * time.Hour
)

// openRoom has somebody asked into the room of an alert, which is made if there is
// none. Clients of the Fastpath family open it when the reason is the session.
func (m *machine) openRoom(a *Alert, who jid.JID, now time.Time) {
	if m.rooms == nil {
		return
	}
	reason := fmt.Sprintf("Alert %d: %s", a.ID, a.title())
	if who.Resourcepart() != "" {
		reason = a.Session()
	}
	m.sendAbout(MessageRoom, a, who, reason, now)
}

// askAgain has the owner of an alert asked into its room once more, a little later.
func (m *machine) askAgain(id int64, room jid.JID, now time.Time) {
	a := m.alerts[id]
	if m.rooms == nil || a == nil || a.State != Assigned || !a.Room.Equal(room) {
		return
	}
	m.send(Message{Kind: MessageRoom, Workgroup: a.Workgroup, To: a.Owner, Alert: a.ID, User: a.User, Grant: a.Grant, Text: a.Session(), Due: now.Add(askAgainAfter)}, now)
}

// opened notes that an alert has a room, and that somebody is about to be asked
// in: whoever comes may ask the service which alert the room is of. It is false if
// nobody is to be asked in any more; if the alert has ended meanwhile the room goes
// again. Without first it is tried once more.
func (m *machine) opened(msg Message, room jid.JID, first bool, now time.Time) bool {
	a := m.alerts[msg.Alert]
	if a == nil {
		m.arrived([]int64{msg.ID})
		m.send(Message{Kind: MessageDestroy, Workgroup: msg.Workgroup, To: room, Alert: msg.Alert, User: msg.User}, now)
		return false
	}
	if !a.Room.Equal(room) {
		a.Room = room
		m.note(a, now, "room", "", room.String())
	}
	if !m.current(msg) {
		m.arrived([]int64{msg.ID})
		return false
	}
	if first {
		m.note(a, now, "invited", msg.To.Bare().String(), "")
	}
	return true
}

// joined notes that somebody has come into the room of an alert.
func (m *machine) joined(id int64, who jid.JID, now time.Time) {
	if a := m.alerts[id]; a != nil {
		m.note(a, now, "joined", who.Bare().String(), "")
	}
}

// roomNames are the names that the room of an alert may have: the second if the first
// cannot be had. They are always the same, so that a room that was made and not noted
// is found again; nobody can guess the second.
func (a *Alert) roomNames() [2]string {
	sum := sha256.Sum256(strconv.AppendInt(nil, a.Raised.UnixNano(), 10))
	return [2]string{a.Session(), a.Session() + "-" + hex.EncodeToString(sum[:4])}
}

// roomMark tells the room of an alert from one of an alert that had the same number.
func (a *Alert) roomMark() string {
	return fmt.Sprintf("Alert %d, raised %s", a.ID, a.Raised.UTC().Format(time.RFC3339Nano))
}

// closeRoom has everybody in the room told that the alert has ended, the room sealed
// when they have had time to say what is left to say, and destroyed in the end.
func (m *machine) closeRoom(a *Alert, now time.Time) {
	switch {
	case m.rooms == nil:
	case !a.Room.Equal(jid.JID{}):
		m.sendAbout(MessageClose, a, a.Room, a.outcome(), now)
		open, end := m.rooms.ends(a)
		m.sendLater(MessageSeal, a, open, now)
		m.sendLater(MessageDestroy, a, end, now)
	case a.Grant > 0: // it may be there, and not be noted yet
		m.sendLater(MessageDestroy, a, now, now)
	}
}

// outcome is how an alert has ended.
func (a *Alert) outcome() string {
	text := fmt.Sprintf("Alert %d is %s", a.ID, a.State)
	if a.EndedBy != "" {
		text += " by " + a.EndedBy
	}
	if a.Reason != "" {
		text += ": " + a.Reason
	}
	return text
}

// ends is until when the room of an alert that has ended can be written in, and read.
func (r *Rooms) ends(a *Alert) (open, end time.Time) {
	keep := cmp.Or(r.Keep, defaultKeep)
	return a.Ended.Add(min(cmp.Or(r.Open, defaultOpen), keep)), a.Ended.Add(keep)
}

// sendLater queues a message to the room of an alert.
func (m *machine) sendLater(kind MessageKind, a *Alert, due, now time.Time) {
	m.send(Message{Kind: kind, Workgroup: a.Workgroup, To: a.Room, Alert: a.ID, User: a.User, Due: due}, now)
}
