package muc

import (
	"context"
	"maps"
	"slices"

	"mellium.im/xmpp/jid"

	"adminbot/internal/xmpp/element"
	"adminbot/internal/xmpp/muc"
)

// administer answers requests for lists of people, and changes them
// (XEP-0045#moderator, #admin).
func (r *room) administer(ctx context.Context, p Peer, st *Stanza, q *element.Element) *stanzaError {
	var items []*element.Element
	for _, c := range q.Children {
		if c.Name.Space == nsAdmin && c.Name.Local == "item" {
			items = append(items, c)
		}
	}
	if len(items) == 0 || len(items) > r.s.lim.Affiliations {
		return errBadRequest
	}
	if st.Type == "get" {
		if len(items) != 1 {
			return errBadRequest
		}
		return r.list(p, st, items[0])
	}
	by := r.administrator(st.From)
	// All of it or nothing.
	var do []func() *stanzaError
	for _, item := range items {
		f, e := r.administration(ctx, by, item)
		if e != nil {
			return e
		}
		do = append(do, f)
	}
	for _, f := range do {
		if e := f(); e != nil {
			return e
		}
	}
	r.s.result(p, st)
	return nil
}

// An administrator is who asks for changes.
type administrator struct {
	affiliation Affiliation
	role        role
	nick        string // "" if he is not in the room
}

func (r *room) administrator(who jid.JID) administrator {
	a := administrator{affiliation: r.affiliation(who)}
	if v := r.byAddress[who.String()]; v != nil {
		a.role, a.nick = v.occupant.role, v.occupant.nick
	}
	return a
}

// administration checks one change and returns what makes it.
func (r *room) administration(ctx context.Context, by administrator, item *element.Element) (func() *stanzaError, *stanzaError) {
	c := change{actor: by.nick, reason: item.ChildText("reason")}
	if len(c.reason) > r.s.lim.TextBytes {
		return nil, errTooLong
	}
	if name := item.Get("affiliation"); name != "" {
		to, ok := parseAffiliation(name)
		who, e := r.meant(item)
		switch {
		case !ok || e == nil && item.Get("role") != "":
			return nil, errBadRequest
		case e != nil:
			return nil, e
		}
		if e := r.mayAffiliate(by, who, to); e != nil {
			return nil, e
		}
		return func() *stanzaError { return r.affiliate(ctx, who, to, c) }, nil
	}
	to, ok := parseRole(item.Get("role"))
	o := r.byNick[item.Get("nick")]
	switch {
	case !ok:
		return nil, errBadRequest
	case o == nil:
		return nil, errNotFound
	}
	if e := r.mayCast(by, o, to); e != nil {
		return nil, e
	}
	return func() *stanzaError { r.cast(o, to, c); return nil }, nil
}

// meant is whose affiliation is to change.
func (r *room) meant(item *element.Element) (jid.JID, *stanzaError) {
	if nick := item.Get("nick"); nick != "" && item.Get("jid") == "" {
		o := r.byNick[nick]
		if o == nil {
			return jid.JID{}, errNotFound
		}
		return o.who().Bare(), nil
	}
	who, err := jid.Parse(item.Get("jid"))
	if err != nil {
		return jid.JID{}, errBadRequest
	}
	return who.Bare(), nil
}

// mayAffiliate reports what is against a change of somebody's affiliation
// (XEP-0045#affil-priv, #affil-changes).
func (r *room) mayAffiliate(by administrator, who jid.JID, to Affiliation) *stanzaError {
	is := r.affiliation(who)
	switch {
	case by.affiliation < Admin:
		return errForbidden
	case by.affiliation < Owner && to >= Admin:
		return errForbidden
	case by.affiliation < Owner && is >= Admin:
		return errNotAllowed
	case is == Owner && to < Owner && r.owners() == 1:
		return errConflict // XEP-0045#revokeowner: somebody must be
	}
	return nil
}

func (r *room) owners() int {
	n := 0
	for _, a := range r.affiliations {
		if a == Owner {
			n++
		}
	}
	return n
}

// mayCast reports what is against a change of somebody's role
// (XEP-0045#roles-priv, #role-changes).
func (r *room) mayCast(by administrator, o *occupant, to role) *stanzaError {
	his := o.affiliation(r)
	switch {
	case by.role < moderator && by.affiliation < Admin:
		return errForbidden
	case (to == moderator || o.role == moderator && to != noRole) && by.affiliation < Admin:
		return errForbidden
	case to < moderator && his >= Admin && (to != noRole || his >= by.affiliation):
		return errNotAllowed
	case to == noRole && his > by.affiliation:
		return errNotAllowed
	}
	return nil
}

// cast gives somebody another role, or kicks him.
func (r *room) cast(o *occupant, to role, c change) {
	switch {
	case r.byNick[o.nick] != o || o.role == to: // he is gone, or it is so already
	case to == noRole:
		c.status = []int{statusKicked}
		r.expel(o, gone{change: c})
	default:
		o.role = to
		r.announce(o, c)
	}
}

// affiliate makes somebody something else to the room, whether he is in it or
// not.
func (r *room) affiliate(ctx context.Context, who jid.JID, to Affiliation, c change) *stanzaError {
	key := who.Bare().String()
	was, had := r.affiliations[key]
	switch {
	case to == None:
		delete(r.affiliations, key)
	case !had && len(r.affiliations) >= r.s.lim.Affiliations:
		return errTooMany
	default:
		r.affiliations[key] = to
	}
	if e := r.save(ctx); e != nil {
		delete(r.affiliations, key)
		if had {
			r.affiliations[key] = was
		}
		return e
	}
	if was == to {
		return nil
	}
	here := false
	for _, o := range slices.Clone(r.occupants) {
		if o.bare != key && o.who().Domainpart() != key {
			continue
		}
		here = true
		switch is := o.affiliation(r); {
		case is == Outcast:
			c.status = []int{statusBanned}
			r.expel(o, gone{change: c})
		case is < Member && r.cfg.MembersOnly:
			c.status = []int{statusNotMember}
			r.expel(o, gone{change: c})
		default:
			o.role = r.cfg.roleOf(is)
			r.announce(o, c)
		}
	}
	if !here {
		r.tellAffiliation(key, to)
	}
	return nil
}

// tellAffiliation tells who knows addresses what somebody is who is not there.
func (r *room) tellAffiliation(who string, is Affiliation) {
	x := userX(element.New(muc.NSUser, "item", "affiliation", is.String(), "role", noRole.String(), "jid", who))
	tail := appendTail(nil, Message, r.jid, "", "", nil, encode(x))
	for _, o := range r.occupants {
		if r.knows(o) {
			o.send(Message, tail)
		}
	}
}

// list tells who has an affiliation or a role.
func (r *room) list(p Peer, st *Stanza, item *element.Element) *stanzaError {
	by := r.administrator(st.From)
	q := element.New(nsAdmin, "query")
	if name := item.Get("affiliation"); name != "" {
		want, ok := parseAffiliation(name)
		switch {
		case !ok || want == None:
			return errBadRequest
		case by.affiliation < Admin && (want == Outcast || by.affiliation < Member || r.cfg.SemiAnonymous):
			return errForbidden
		}
		for _, who := range slices.Sorted(maps.Keys(r.affiliations)) {
			if r.affiliations[who] == want {
				item := element.New(nsAdmin, "item", "affiliation", name, "jid", who)
				if i := slices.IndexFunc(r.occupants, func(o *occupant) bool { return o.bare == who }); i >= 0 {
					o := r.occupants[i]
					item = element.New(nsAdmin, "item", "affiliation", name, "jid", who, "nick", o.nick, "role", o.role.String())
				}
				q.Add(item)
			}
		}
		r.s.result(p, st, q)
		return nil
	}
	want, ok := parseRole(item.Get("role"))
	switch {
	case !ok || want == noRole:
		return errBadRequest
	case by.role < moderator && by.affiliation < Admin:
		return errForbidden
	}
	for _, o := range r.occupants {
		if o.role == want {
			q.Add(element.New(nsAdmin, "item", "affiliation", o.affiliation(r).String(), "role", want.String(), "nick", o.nick, "jid", o.who().String()))
		}
	}
	r.s.result(p, st, q)
	return nil
}
