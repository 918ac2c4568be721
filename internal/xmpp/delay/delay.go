// Package delay holds the payload of XEP-0203: Delayed Delivery.
//
// Anybody can write a delay. Only one whose From is the own server or the room
// that the stanza came from says anything.
package delay

import (
	"fmt"
	"time"

	"adminbot/internal/xmpp/element"
	"adminbot/internal/xmpp/entitytime"
	"mellium.im/xmpp/jid"
)

// NS is the namespace of a delay.
const NS = "urn:xmpp:delay"

// A Delay tells when and by whom a stanza was held back.
type Delay struct {
	From   jid.JID // who held it; zero if not said
	Stamp  time.Time
	Reason string
}

// Element returns d as an element.
func (d Delay) Element() *element.Element {
	e := element.New(NS, "delay", "from", d.From.String(), "stamp", entitytime.Format(d.Stamp))
	e.Text = d.Reason
	return e
}

// Parse reads a delay element.
func Parse(e *element.Element) (Delay, error) {
	d := Delay{Reason: e.Text}
	var err error
	if from := e.Get("from"); from != "" {
		if d.From, err = jid.Parse(from); err != nil {
			return d, fmt.Errorf("delay: from: %w", err)
		}
	}
	if d.Stamp, err = entitytime.ParseTime(e.Get("stamp")); err != nil {
		return d, fmt.Errorf("delay: %w", err)
	}
	return d, nil
}

// Find returns the first valid delay among the children of a stanza.
func Find(children []*element.Element) (Delay, bool) {
	for _, e := range children {
		if e.Name.Space == NS && e.Name.Local == "delay" {
			if d, err := Parse(e); err == nil {
				return d, true
			}
		}
	}
	return Delay{}, false
}
