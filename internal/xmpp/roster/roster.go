// Package roster holds the items of a contact list, RFC 6121 2.
package roster

import (
	"fmt"

	"adminbot/internal/xmpp/address"
	"adminbot/internal/xmpp/element"
	"mellium.im/xmpp/jid"
)

// NS is the namespace of a roster query.
const NS = "jabber:iq:roster"

// The subscription states of an item, RFC 6121 2.1.2.5.
const (
	None   = "none"   // neither sees the other's presence
	To     = "to"     // the owner of the roster sees the contact
	From   = "from"   // the contact sees the owner
	Both   = "both"   // each sees the other
	Remove = "remove" // in a push: the item is gone
)

// An Item is one contact.
type Item struct {
	JID          jid.JID
	Name         string
	Subscription string // one of the constants above
	Ask          string // "subscribe" while a request is pending
	Groups       []string
}

// Query returns an empty query, the request for all items.
func Query() *element.Element { return element.New(NS, "query") }

// Element returns i as an item element.
func (i Item) Element() *element.Element {
	e := element.New(NS, "item", "jid", i.JID.String(), "name", i.Name, "subscription", i.Subscription, "ask", i.Ask)
	for _, g := range i.Groups {
		e.AddText("group", g)
	}
	return e
}

// ParseItem reads an item element.
func ParseItem(e *element.Element) (Item, error) {
	if e.Name.Space != NS || e.Name.Local != "item" {
		return Item{}, fmt.Errorf("roster: <%s> is not an item", e.Name.Local)
	}
	j, err := address.Parse(e.Get("jid"))
	if err != nil {
		return Item{}, fmt.Errorf("roster: item %q: %w", e.Get("jid"), err)
	}
	i := Item{JID: j, Name: e.Get("name"), Subscription: e.Get("subscription"), Ask: e.Get("ask")}
	if i.Subscription == "" {
		i.Subscription = None
	}
	for _, c := range e.Children {
		if c.Name.Local == "group" && c.Name.Space == NS && c.Text != "" {
			i.Groups = append(i.Groups, c.Text)
		}
	}
	return i, nil
}
