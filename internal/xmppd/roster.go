package xmppd

import (
	"context"
	"crypto/rand"
	"maps"
	"reflect"
	"sort"

	"adminbot/internal/account"
	"adminbot/internal/xmpp/element"
)

// contacts are those that one account added itself, a snapshot: changes make a
// new one.
type contacts struct {
	revision int64
	byJID    map[string]account.Contact
}

// loadContacts returns an account's contacts. The caller holds rosterMu, or can
// do with what was true a moment ago.
func (srv *Server) loadContacts(ctx context.Context, name string) (*contacts, error) {
	srv.mu.RLock()
	u := srv.users[name]
	srv.mu.RUnlock()
	if u != nil {
		srv.presMu.Lock()
		defer srv.presMu.Unlock()
		return u.contacts, nil
	}
	if srv.cfg.Rosters == nil {
		return new(contacts), nil
	}
	list, rev, err := srv.cfg.Rosters.Contacts(ctx, name)
	if err != nil {
		srv.log.Error("xmppd: contacts could not be read", "name", name, "err", err)
		return nil, err
	}
	c := &contacts{revision: rev}
	if len(list) > 0 {
		c.byJID = make(map[string]account.Contact, len(list))
	}
	for _, i := range list {
		c.byJID[i.JID] = i
	}
	return c, nil
}

// room reports whether an account may add a contact to those it has, or put it
// in the place of one. What makes it no longer is always allowed.
func (srv *Server) room(own *contacts, c account.Contact) bool {
	was, known := own.byJID[c.JID]
	if !known && len(own.byJID) >= srv.cfg.Limits.Contacts {
		return false
	}
	n := contactBytes(c)
	if known {
		if n -= contactBytes(was); n <= 0 {
			return true
		}
	}
	for _, o := range own.byJID {
		n += contactBytes(o)
	}
	return n <= srv.cfg.Limits.ContactBytes
}

func contactBytes(c account.Contact) int {
	n := len(c.JID) + len(c.Name)
	for _, g := range c.Groups {
		n += len(g)
	}
	return n
}

// putContact stores one contact of an account, or deletes it if nothing of it
// is left, and tells the account's resources. The caller holds rosterMu.
func (srv *Server) putContact(ctx context.Context, name string, old *contacts, c account.Contact) (*contacts, error) {
	next := &contacts{byJID: maps.Clone(old.byJID)}
	if next.byJID == nil {
		next.byJID = make(map[string]account.Contact)
	}
	was := old.byJID[c.JID]
	var err error
	if !c.Listed && !c.Pending {
		delete(next.byJID, c.JID)
		next.revision, err = srv.cfg.Rosters.DeleteContact(ctx, name, c.JID)
	} else {
		next.byJID[c.JID] = c
		next.revision, err = srv.cfg.Rosters.PutContact(ctx, name, c)
	}
	if err != nil {
		srv.log.Error("xmppd: a contact could not be stored", "name", name, "err", err)
		return nil, err
	}
	srv.presMu.Lock()
	defer srv.presMu.Unlock()
	srv.mu.RLock()
	u := srv.users[name]
	srv.mu.RUnlock()
	if u == nil {
		return next, nil
	}
	u.contacts = next
	item := itemOf(c)
	if !c.Listed {
		if !was.Listed {
			return next, nil // a request that only this server knows of
		}
		item = rosterItem{jid: c.JID, subscription: "remove"}
	} else if was.Listed && reflect.DeepEqual(item, itemOf(was)) {
		return next, nil
	}
	for _, t := range srv.resources(name) {
		if t.interested.Load() {
			t.send(srv.push(t, item, version(srv.dir.Load().revision, next.revision)))
		}
	}
	return next, nil
}

// A rosterItem is one line of a contact list as clients see it.
type rosterItem struct {
	jid, name, subscription string
	ask                     bool
	groups                  []string
}

func itemOf(c account.Contact) rosterItem {
	return rosterItem{c.JID, c.Name, c.Subscription, c.Ask, c.Groups}
}

func (i rosterItem) append(b []byte) []byte {
	b = append(b, "<item jid='"...)
	b = element.AppendEscaped(b, i.jid)
	if i.name != "" {
		b = append(b, "' name='"...)
		b = element.AppendEscaped(b, i.name)
	}
	b = append(b, "' subscription='"...)
	b = append(b, i.subscription...)
	if i.ask {
		b = append(b, "' ask='subscribe"...)
	}
	if len(i.groups) == 0 {
		return append(b, "'/>"...)
	}
	b = append(b, "'>"...)
	for _, g := range i.groups {
		b = append(b, "<group>"...)
		b = element.AppendEscaped(b, g)
		b = append(b, "</group>"...)
	}
	return append(b, "</item>"...)
}

// push returns a roster push for t (RFC 6121 2.1.6).
func (srv *Server) push(t *session, i rosterItem, ver string) []byte {
	b := []byte("<iq type='set' id='push-")
	b = append(b, rand.Text()[:10]...)
	b = append(b, "' to="...)
	b = append(b, t.fromFull[len(" from="):]...)
	b = append(b, "><query xmlns='"+NSRoster+"' ver='"...)
	b = append(b, ver...)
	b = append(b, "'>"...)
	b = i.append(b)
	return append(b, "</query></iq>"...)
}

func (srv *Server) rosterGet(ctx context.Context, in *inbound) {
	var q struct {
		Query struct {
			Ver *string `xml:"ver,attr"`
		} `xml:"jabber:iq:roster query"`
	}
	if !in.decode(&q) {
		in.s.reply(in, errBadRequest)
		return
	}
	if !in.s.settle() {
		return
	}
	srv.presMu.Lock()
	defer srv.presMu.Unlock()
	in.s.interested.Store(true)
	dir, own := srv.dir.Load(), in.s.user.contacts
	ver := version(dir.revision, own.revision)
	if q.Query.Ver != nil && *q.Query.Ver == ver {
		in.s.result(in, nil)
		return
	}
	b := make([]byte, 0, 256+100*len(dir.names)/4)
	b = append(b, "<iq type='result'"...)
	b = in.appendReplyTo(b)
	b = append(b, "><query xmlns='"+NSRoster+"' ver='"...)
	b = append(b, ver...)
	b = append(b, "'>"...)
	for _, name := range dir.names {
		if g := group(in.s.role, dir.entries[name].Role); g != "" && name != in.local {
			b = rosterItem{jid: name + "@" + srv.cfg.Domain, name: name, groups: []string{g}, subscription: "both"}.append(b)
		}
	}
	jids := make([]string, 0, len(own.byJID))
	for j, c := range own.byJID {
		if c.Listed && srv.groupOf(in.s.role, j) == "" {
			jids = append(jids, j)
		}
	}
	sort.Strings(jids)
	for _, j := range jids {
		b = itemOf(own.byJID[j]).append(b)
	}
	in.s.sendBulk(append(b, "</query></iq>"...))
}

// groupOf returns the group in which an account of a role sees a bare address
// by role alone.
func (srv *Server) groupOf(who account.Role, jid string) string {
	if n := len(jid) - len(srv.cfg.Domain) - 1; n > 0 && jid[n:] == "@"+srv.cfg.Domain {
		return group(who, srv.role(jid[:n]))
	}
	return ""
}

func (srv *Server) rosterSet(ctx context.Context, in *inbound) {
	var q struct {
		Query struct {
			Items []struct {
				JID          string   `xml:"jid,attr"`
				Name         string   `xml:"name,attr"`
				Subscription string   `xml:"subscription,attr"`
				Groups       []string `xml:"group"`
			} `xml:"item"`
		} `xml:"jabber:iq:roster query"`
	}
	if !in.decode(&q) || len(q.Query.Items) != 1 {
		in.s.reply(in, errBadRequest)
		return
	}
	item := q.Query.Items[0]
	a, ok := parseAddress([]byte(item.JID))
	switch {
	case !ok || a.resource != "":
		in.s.reply(in, errJIDMalformed)
		return
	case srv.cfg.Rosters == nil || in.s.role == account.Host || srv.groupOf(in.s.role, a.bare()) != "" || a.bare() == in.bare:
		in.s.reply(in, errNotAllowed) // the list follows from roles here
		return
	case len(item.Name) > 1023 || len(item.Groups) > 50:
		in.s.reply(in, errTooLong)
		return
	}
	for _, g := range item.Groups {
		if g == "" || len(g) > 1023 {
			in.s.reply(in, &stanzaError{"modify", "not-acceptable", ""})
			return
		}
	}
	srv.rosterMu.Lock()
	defer srv.rosterMu.Unlock()
	own, err := srv.loadContacts(ctx, in.local)
	if err != nil {
		in.s.reply(in, errInternal)
		return
	}
	c, known := own.byJID[a.bare()]
	if item.Subscription == "remove" {
		if !known || !c.Listed {
			in.s.reply(in, errNotFound)
			return
		}
		// RFC 6121 2.5.1: the subscriptions end with the contact.
		if c.Subscription == "to" || c.Subscription == "both" || c.Ask {
			srv.subscription(ctx, in, a, "unsubscribe", false)
		}
		if c.Subscription == "from" || c.Subscription == "both" || c.Pending {
			srv.subscription(ctx, in, a, "unsubscribed", false)
		}
		own, err = srv.loadContacts(ctx, in.local)
		if err == nil {
			_, err = srv.putContact(ctx, in.local, own, account.Contact{JID: a.bare()})
		}
	} else {
		if !known {
			c = account.Contact{JID: a.bare(), Subscription: "none"}
		}
		c.Listed, c.Name, c.Groups = true, item.Name, item.Groups
		if !srv.room(own, c) {
			in.s.reply(in, errResource)
			return
		}
		_, err = srv.putContact(ctx, in.local, own, c)
	}
	if err != nil {
		in.s.reply(in, errInternal)
		return
	}
	in.s.result(in, nil)
}
