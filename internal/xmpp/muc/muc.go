// Package muc holds what a client of rooms (XEP-0045) sends and reads: joining,
// inviting, configuring, destroying. It has no sessions; stanzas are sent by its
// callers.
package muc

import (
	"slices"
	"strconv"

	"mellium.im/xmpp/jid"

	"adminbot/internal/xmpp/element"
)

// Namespaces.
const (
	NS      = "http://jabber.org/protocol/muc"
	NSUser  = NS + "#user"
	NSOwner = NS + "#owner"
	NSAdmin = NS + "#admin"

	nsData   = "jabber:x:data" // XEP-0004
	formType = NS + "#roomconfig"
)

// Statuses that a room gives with presence (XEP-0045#registrar-statuscodes).
const (
	StatusSelf    = 110 // the presence is the receiver's own
	StatusCreated = 201 // the room is new, and waits to be configured
)

// Join is what presence to ROOM/NICK holds to enter a room, without what was said
// there before.
func Join() *element.Element {
	return element.New(NS, "x").Add(element.New(NS, "history", "maxstanzas", "0"))
}

// A User is what a room says of an occupant with its presence.
type User struct {
	JID         jid.JID // the real address; zero where the room does not show it
	Affiliation string
	Role        string
	Statuses    []int
	Destroyed   bool // the room is no more
}

// Is reports whether the room gave the status.
func (u *User) Is(status int) bool { return slices.Contains(u.Statuses, status) }

// ParseUser finds it among the children of a presence.
func ParseUser(children []*element.Element) (u User, ok bool) {
	x := child(children, NSUser, "x")
	if x == nil {
		return u, false
	}
	if item := x.Child("", "item"); item != nil {
		u.JID, _ = jid.Parse(item.Get("jid"))
		u.Affiliation, u.Role = item.Get("affiliation"), item.Get("role")
	}
	for _, c := range x.Children {
		if c.Name.Local == "status" {
			if n, err := strconv.Atoi(c.Get("code")); err == nil {
				u.Statuses = append(u.Statuses, n)
			}
		}
	}
	u.Destroyed = x.Child("", "destroy") != nil
	return u, true
}

// An Invitation asks somebody into a room, through the room
// (XEP-0045#invite-mediated).
type Invitation struct {
	From, To jid.JID
	Reason   string
}

// Element is what a message to the room holds. The room fills in From.
func (i Invitation) Element() *element.Element {
	invite := element.New(NSUser, "invite", "to", i.To.String())
	return element.New(NSUser, "x").Add(invite.AddText("reason", i.Reason))
}

// ParseInvitation finds one among the children of a message. To is zero: it is
// whoever the message was sent to.
func ParseInvitation(children []*element.Element) (i Invitation, ok bool) {
	x := child(children, NSUser, "x")
	if x == nil {
		return i, false
	}
	invite := x.Child("", "invite")
	if invite == nil {
		return i, false
	}
	i.From, _ = jid.Parse(invite.Get("from"))
	i.Reason = invite.ChildText("reason")
	return i, true
}

// AskConfig asks for the form that configures a room.
func AskConfig() *element.Element { return element.New(NSOwner, "query") }

// Configure answers the form that a room gave (the answer to [AskConfig]): of
// want, what the form has. An empty answer takes the room as it is; either way a
// new room is open after it (XEP-0045#createroom).
func Configure(query *element.Element, want map[string]string) *element.Element {
	submit := element.New(nsData, "x", "type", "submit")
	if form := query.Child(nsData, "x"); form != nil {
		submit.Add(field("FORM_TYPE", formType))
		for _, f := range form.Children {
			if value, ok := want[f.Get("var")]; ok && f.Name.Local == "field" {
				submit.Add(field(f.Get("var"), value))
			}
		}
	}
	return element.New(NSOwner, "query").Add(submit)
}

func field(name, value string) *element.Element {
	return element.New(nsData, "field", "var", name).Add(&element.Element{Name: element.New(nsData, "value").Name, Text: value})
}

// RevokeVoice takes from somebody the right to speak in a moderated room
// (XEP-0045#revokevoice). Only moderators can do that.
func RevokeVoice(nick string) *element.Element {
	return element.New(NSAdmin, "query").Add(element.New(NSAdmin, "item", "nick", nick, "role", "visitor"))
}

// Destroy ends a room for everybody (XEP-0045#destroyroom).
func Destroy(reason string) *element.Element {
	return element.New(NSOwner, "query").Add(element.New(NSOwner, "destroy").AddText("reason", reason))
}

func child(children []*element.Element, space, local string) *element.Element {
	for _, c := range children {
		if c.Name.Space == space && c.Name.Local == local {
			return c
		}
	}
	return nil
}
