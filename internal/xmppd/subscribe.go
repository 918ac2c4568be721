package xmppd

import (
	"context"

	"adminbot/internal/account"
)

// subscription carries out one of the four presence types that manage
// subscriptions (RFC 6121 3), first on the list of the sender, then on that of
// the addressee. The caller holds rosterMu. With forward the stanza itself is
// handed on; otherwise a plain one is.
func (srv *Server) subscription(ctx context.Context, in *inbound, a address, typ string, forward bool) {
	to := address{local: a.local, domain: a.domain}
	seen := false // the addressee sees the sender
	if in.local != "" {
		if to.bare() == in.bare {
			return
		}
		if srv.groupOf(in.s.role, to.bare()) != "" {
			if typ == "subscribe" { // it is so already
				in.s.send([]byte("<presence type='subscribed'"), attribute("from", to.bare()), attribute("to", in.bare), []byte("/>"))
			}
			return
		}
		if srv.cfg.Rosters == nil || in.s.role == account.Host {
			in.s.reply(in, errNotAllowed)
			return
		}
		if own, err := srv.loadContacts(ctx, in.local); err == nil {
			sub := own.byJID[to.bare()].Subscription
			seen = sub == "from" || sub == "both"
		}
		if !srv.subscribeOut(ctx, in, to, typ) {
			return
		}
	}
	stanza := func(component bool) []byte {
		if forward {
			// RFC 6121 3.1.2: from bare address to bare address.
			return in.fromBareToBare(component, to)
		}
		b := append([]byte("<presence type='"+typ+"'"), attribute("from", in.bare)...)
		return append(append(b, attribute("to", to.bare())...), "/>"...)
	}
	if to.domain != srv.cfg.Domain {
		srv.sendComponent(to.bare(), stanza(true))
	} else {
		srv.subscribeIn(ctx, in, to, typ, stanza(false))
	}
	if in.local != "" {
		srv.presMu.Lock()
		defer srv.presMu.Unlock()
		switch {
		case typ == "subscribed":
			srv.show(in.local, to, true)
		case typ == "unsubscribed" && seen:
			srv.show(in.local, to, false)
		}
	}
}

// subscribeOut changes the sender's list and reports whether the stanza goes on.
func (srv *Server) subscribeOut(ctx context.Context, in *inbound, to address, typ string) bool {
	own, err := srv.loadContacts(ctx, in.local)
	if err != nil {
		in.s.reply(in, errInternal)
		return false
	}
	c, known := own.byJID[to.bare()]
	if !known {
		c = account.Contact{JID: to.bare(), Subscription: "none"}
	}
	was := c
	switch typ {
	case "subscribe":
		if !srv.room(own, c) {
			in.s.reply(in, errResource)
			return false
		}
		c.Listed = true
		c.Ask = c.Ask || c.Subscription == "none" || c.Subscription == "from"
	case "subscribed":
		if !c.Pending {
			return false
		}
		c.Pending, c.Listed = false, true
		c.Subscription = with(c.Subscription, "from")
	case "unsubscribe":
		c.Ask = false
		c.Subscription = without(c.Subscription, "to")
	case "unsubscribed":
		c.Pending = false
		c.Subscription = without(c.Subscription, "from")
	}
	if same(c, was) && known {
		return typ == "subscribe" || typ == "unsubscribe"
	}
	if !known && typ != "subscribe" {
		return false
	}
	if _, err := srv.putContact(ctx, in.local, own, c); err != nil {
		in.s.reply(in, errInternal)
		return false
	}
	return true
}

// subscribeIn changes the addressee's list and tells it.
func (srv *Server) subscribeIn(ctx context.Context, in *inbound, to address, typ string, stanza []byte) {
	role := srv.role(to.local)
	if role == "" || srv.cfg.Rosters == nil {
		return // RFC 6121 3.1.3: as if nobody answered
	}
	own, err := srv.loadContacts(ctx, to.local)
	if err != nil {
		return
	}
	c, known := own.byJID[in.bare]
	if !known {
		c = account.Contact{JID: in.bare, Subscription: "none"}
	}
	was := c
	tell := false
	switch typ {
	case "subscribe":
		if c.Subscription == "from" || c.Subscription == "both" {
			answer := append([]byte("<presence type='subscribed'"), attribute("from", to.bare())...)
			srv.sendTo(in, append(append(answer, attribute("to", in.bare)...), "/>"...))
			return
		}
		if role == account.Host || !srv.room(own, c) {
			return
		}
		tell, c.Pending = true, true
	case "subscribed":
		if !c.Ask {
			return
		}
		tell, c.Ask = true, false
		c.Subscription = with(c.Subscription, "to")
	case "unsubscribe":
		c.Pending = false
		c.Subscription = without(c.Subscription, "from")
		tell = c.Subscription != was.Subscription
	case "unsubscribed":
		c.Ask = false
		c.Subscription = without(c.Subscription, "to")
		tell = !same(c, was)
	}
	if !same(c, was) {
		if _, err := srv.putContact(ctx, to.local, own, c); err != nil {
			return
		}
	}
	srv.presMu.Lock()
	defer srv.presMu.Unlock()
	if tell {
		for _, t := range srv.resources(to.local) {
			if t.isAvailable() {
				t.send(stanza)
			}
		}
	}
	if typ == "unsubscribe" && tell {
		a, ok := parseAddress([]byte(in.bare))
		if ok {
			srv.show(to.local, a, false)
		}
	}
}

// sendTo sends something to the account or component that sent in.
func (srv *Server) sendTo(in *inbound, b []byte) {
	if in.local == "" {
		in.s.send(b)
		return
	}
	for _, t := range srv.resources(in.local) {
		if t.isAvailable() {
			t.send(b)
		}
	}
}

// show sends the presence of an account's resources to one address, as it is
// or as if they had left. The caller holds presMu.
func (srv *Server) show(name string, to address, there bool) {
	for _, s := range srv.resources(name) {
		if !s.isAvailable() {
			continue
		}
		tail := s.presence
		if !there {
			tail = append(append([]byte(nil), s.fromFull...), " type='unavailable'/>"...)
		}
		if to.domain != srv.cfg.Domain {
			srv.sendComponent(to.bare(), s.presenceTo(to.bare(), tail))
			continue
		}
		if audible(s.role, srv.role(to.local)) {
			continue // seen by role, whatever the lists say
		}
		for _, t := range srv.resources(to.local) {
			if t.isAvailable() {
				t.sendPresence(tail)
			}
		}
	}
}

// with and without add and take away one half of a subscription.
func with(sub, half string) string {
	switch sub {
	case "none", half:
		return half
	}
	return "both"
}

func without(sub, half string) string {
	switch {
	case sub == half:
		return "none"
	case sub == "both" && half == "to":
		return "from"
	case sub == "both":
		return "to"
	}
	return sub
}

// same reports whether the subscription of two states of a contact is the same.
func same(a, b account.Contact) bool {
	return a.Subscription == b.Subscription && a.Ask == b.Ask && a.Pending == b.Pending && a.Listed == b.Listed
}
