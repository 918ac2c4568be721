package client

import (
	"strconv"
	"strings"
	"time"

	"mellium.im/xmpp/jid"

	"adminbot/internal/xmpp/element"
	"adminbot/workgroups"
)

const (
	nsMUCUser = "http://jabber.org/protocol/muc#user"
	nsDirect  = "jabber:x:conference" // XEP-0249
)

// An Invitation is what an accepted offer, or the time in a queue, ends with.
type Invitation struct {
	Workgroup jid.JID
	User      jid.JID // of the offer; zero for who has queued
	Room      jid.JID // where both meet; zero: the workgroup has no rooms
	Password  string  // of the room
	Reason    string  // in words
	Session   string  // what the Fastpath family knows the request by
	Grant     int64   // of an alert: grows with each owner; 0: not said

	own bool // the workgroup itself has sent it
}

// parseInvitation reads an invitation (XEP-0142#proto-agent-invite,
// XEP-0045#invite, XEP-0249) in a message. Its Workgroup is who it says has
// invited.
func parseInvitation(from jid.JID, children []*element.Element) (inv Invitation, ok bool) {
	for _, e := range children {
		switch e.Name.Space + " " + e.Name.Local {
		case nsMUCUser + " x":
			invite := e.Child("", "invite")
			if invite == nil || invite.Get("from") == "" {
				continue
			}
			by, err := jid.Parse(invite.Get("from"))
			if err != nil {
				return inv, false
			}
			inv.Workgroup, inv.Room, ok = by.Bare(), from.Bare(), true
			inv.Reason, inv.Password = words(invite.ChildText("reason")), e.ChildText("password")
		case nsDirect + " x":
			room, err := jid.Parse(e.Get("jid"))
			if err != nil {
				return inv, false
			}
			inv.Workgroup, inv.Room, inv.own, ok = from.Bare(), room.Bare(), true, true
			inv.Reason, inv.Password = words(e.Get("reason")), e.Get("password")
		case workgroups.NS + " offer":
			inv.User, _ = jid.Parse(e.Get("jid"))
		case workgroups.NSJive + " session":
			inv.Session = e.Get("id")
			inv.Grant, _ = strconv.ParseInt(e.Get("grant"), 10, 64)
			if at, err := jid.Parse(e.Get("workgroup")); err == nil && at.Equal(from.Bare()) && !ok {
				inv.Workgroup, inv.own, ok = at, true, true // no room
			}
		case workgroups.NS + " queue-status", workgroups.NS + " depart-queue":
			return inv, false
		}
	}
	return inv, ok
}

// words is text of several lines as one.
func words(s string) string { return strings.Join(strings.Fields(s), " ") }

// metadata is what an offer says of its user, by name: what Fastpath calls
// metadata, and the leaves of elements of other namespaces.
func metadata(offer *element.Element) map[string]string {
	all := map[string]string{}
	add := func(name, value string) {
		if _, there := all[name]; !there && name != "" && value != "" {
			all[name] = value
		}
	}
	for _, e := range offer.Children {
		switch {
		case e.Name.Space == workgroups.NS:
		case e.Name.Space == workgroups.NSJive && e.Name.Local == "metadata":
			for _, v := range e.Children {
				add(v.Get("name"), v.Text)
			}
		case e.Name.Space != workgroups.NSJive:
			for _, leaf := range e.Leaves() {
				add(leaf.Name.Local, words(leaf.Text))
			}
		}
	}
	return all
}

// number reads a count; false: there is none, or it is less than nothing.
func number(s string) (int, bool) {
	n, err := strconv.Atoi(strings.TrimSpace(s))
	return n, err == nil && n >= 0
}

// seconds reads a duration as XEP-0142 writes it; 0: not said.
func seconds(s string) time.Duration {
	n, _ := number(s)
	return min(time.Duration(n), 1<<31) * time.Second
}

// stamps are the times that services write: XEP-0082, and what the XEP prints and
// Fastpath sends.
var stamps = []string{time.RFC3339, "20060102T15:04:05Z", "20060102T15:04:05", "2006-01-02T15:04:05"}

// stamp reads a time; zero: there is none.
func stamp(s string) time.Time {
	for _, layout := range stamps {
		if t, err := time.Parse(layout, strings.TrimSpace(s)); err == nil {
			return t.UTC()
		}
	}
	return time.Time{}
}
