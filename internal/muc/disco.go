package muc

import (
	"cmp"
	"slices"
	"strconv"
	"unicode/utf8"

	"adminbot/internal/xmpp/disco"
	"adminbot/internal/xmpp/element"
	"adminbot/internal/xmpp/muc"
)

// The node at which clients ask for the nickname that a room has reserved for
// them (XEP-0045#reservednick).
const nodeReservedNick = "x-roomuser-item"

func (s *Service) serviceInfo(p Peer, st *Stanza, q *element.Element) {
	if q.Get("node") != "" {
		s.refuse(p, st, errNotFound)
		return
	}
	info := disco.Info{
		Identities: []disco.Identity{{Category: "conference", Type: "text", Name: "Rooms"}},
		Features:   []string{muc.NS, disco.NSInfo, disco.NSItems, nsPing},
	}
	s.result(p, st, info.Element(""))
}

// serviceItems lists the rooms that somebody may know of.
func (s *Service) serviceItems(p Peer, st *Stanza, q *element.Element) {
	if q.Get("node") != "" {
		s.refuse(p, st, errNotFound)
		return
	}
	s.mu.Lock()
	rooms := make([]*room, 0, len(s.rooms))
	for _, r := range s.rooms {
		rooms = append(rooms, r)
	}
	s.mu.Unlock()
	slices.SortFunc(rooms, func(a, b *room) int { return cmp.Compare(a.name(), b.name()) })
	var items []disco.Item
	for _, r := range rooms {
		r.mu.Lock()
		if !r.ended && !r.locked && (r.cfg.Public || r.affiliation(st.From) >= Member) {
			items = append(items, disco.Item{JID: r.jid, Name: cmp.Or(cut(r.cfg.Name, s.lim.NameBytes), r.name())})
		}
		r.mu.Unlock()
	}
	s.result(p, st, disco.ItemsElement("", items))
}

// cut returns the beginning of a text, of so many bytes at most.
func cut(text string, bytes int) string {
	if len(text) <= bytes {
		return text
	}
	for bytes > 0 && !utf8.RuneStart(text[bytes]) {
		bytes--
	}
	return text[:bytes]
}

// info tells what a room is like (XEP-0045#disco-roominfo). What a room that
// is not on the list is about is told to those whom it knows.
func (r *room) info(p Peer, st *Stanza, q *element.Element) *stanzaError {
	switch q.Get("node") {
	case "":
	case nodeReservedNick:
		r.s.result(p, st, disco.Info{}.Element(nodeReservedNick))
		return nil
	default:
		return errNotFound
	}
	either := func(is bool, yes, no string) string {
		if is {
			return yes
		}
		return no
	}
	c := &r.cfg
	info := disco.Info{
		Identities: []disco.Identity{{Category: "conference", Type: "text", Name: r.name()}},
		Features: []string{
			muc.NS, disco.NSInfo, disco.NSItems, nsRequest, nsStanzaID, "http://jabber.org/protocol/muc#stable_id", "http://jabber.org/protocol/muc#self-ping-optimization",
			either(c.Public, "muc_public", "muc_hidden"),
			either(c.Persistent, "muc_persistent", "muc_temporary"),
			either(c.MembersOnly, "muc_membersonly", "muc_open"),
			either(c.Moderated, "muc_moderated", "muc_unmoderated"),
			either(c.SemiAnonymous, "muc_semianonymous", "muc_nonanonymous"),
			either(c.Password != "", "muc_passwordprotected", "muc_unsecured"),
		},
	}
	if c.Archived {
		info.Features = append(info.Features, nsArchive, nsArchiveExtended)
	}
	if c.Public || r.affiliation(st.From) >= Member || r.holds(st.From) {
		info.Identities[0].Name = cmp.Or(c.Name, r.name())
		info.Forms = []disco.Form{{Type: nsInfo, Fields: []disco.Field{
			{Var: "muc#roominfo_description", Values: []string{c.Description}},
			{Var: "muc#roominfo_subject", Values: []string{r.subject.Text}},
			{Var: "muc#roominfo_occupants", Values: []string{strconv.Itoa(len(r.occupants))}},
			{Var: fieldName, Values: []string{c.Name}},
		}}}
	}
	r.s.result(p, st, info.Element(""))
	return nil
}

// items lists who is in a room, for those who could look for themselves.
func (r *room) items(p Peer, st *Stanza, q *element.Element) *stanzaError {
	if q.Get("node") != "" {
		return errNotFound
	}
	var items []disco.Item
	if r.holds(st.From) || r.mayRead(st.From) && r.cfg.Public {
		for _, o := range r.occupants {
			items = append(items, disco.Item{JID: r.address(o.nick)})
		}
	}
	r.s.result(p, st, disco.ItemsElement("", items))
	return nil
}
