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
		if c.Name.Space == muc.NSAdmin && c.Name.Local == "item" {
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
	var all []assignment
	var casts []func()
	for _, item := range items {
		c := change{actor: by.nick, reason: item.ChildText("reason")}
		if len(c.reason) > r.s.lim.TextBytes {
			return errTooLong
		}
		if item.Get("affiliation") == "" {
			o, to, e := r.casting(by, item)
			if e != nil {
				return e
			}
			casts = append(casts, func() { r.cast(o, to, c) })
			continue
		}
		a, e := r.assignment(by, item)
		if e != nil {
			return e
		}
		a.change = c
		all = append(all, a)
	}
	if len(all) > 0 {
		if e := r.affiliate(ctx, all...); e != nil {
			return e
		}
	}
	for _, cast := range casts {
		cast()
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

// An assignment makes somebody something else to the room.
type assignment struct {
	who jid.JID // bare
	to  Affiliation
	change
}

// assignment reads one, and checks whether it may be asked for.
func (r *room) assignment(by administrator, item *element.Element) (a assignment, e *stanzaError) {
	to, ok := parseAffiliation(item.Get("affiliation"))
	if !ok || item.Get("role") != "" {
		return a, errBadRequest
	}
	if a.who, e = r.meant(item); e != nil {
		return a, e
	}
	a.to = to
	return a, r.mayAffiliate(by, a.who, to)
}

// casting reads who is to get which role, and checks whether that may be asked
// for.
func (r *room) casting(by administrator, item *element.Element) (*occupant, role, *stanzaError) {
	to, ok := parseRole(item.Get("role"))
	o := r.byNick[item.Get("nick")]
	switch {
	case !ok:
		return nil, noRole, errBadRequest
	case o == nil:
		return nil, noRole, errNotFound
	}
	return o, to, r.mayCast(by, o, to)
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

// affiliate makes people something else to the room, whether they are in it or
// not: all of them or none.
func (r *room) affiliate(ctx context.Context, all ...assignment) *stanzaError {
	old := maps.Clone(r.affiliations)
	for _, a := range all {
		if a.to == None {
			delete(r.affiliations, a.who.String())
		} else {
			r.affiliations[a.who.String()] = a.to
		}
	}
	var e *stanzaError
	switch {
	case r.owners() == 0:
		e = errConflict // XEP-0045#revokeowner: somebody must be
	case len(r.affiliations) > r.s.lim.Affiliations:
		e = errTooMany
	default:
		e = r.save(ctx)
	}
	if e != nil {
		r.affiliations = old
		return e
	}
	for _, a := range all {
		if old[a.who.String()] != a.to {
			r.enact(a)
		}
	}
	return nil
}

// enact makes what somebody is to the room true of those who are in it.
func (r *room) enact(a assignment) {
	here := false
	for _, o := range slices.Clone(r.occupants) {
		if o.bare != a.who.String() && o.who().Domainpart() != a.who.String() {
			continue
		}
		here = true
		c := a.change
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
		r.tellAffiliation(a.who.String(), a.to)
	}
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
	q := element.New(muc.NSAdmin, "query")
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
				item := element.New(muc.NSAdmin, "item", "affiliation", name, "jid", who)
				if i := slices.IndexFunc(r.occupants, func(o *occupant) bool { return o.bare == who }); i >= 0 {
					o := r.occupants[i]
					item = element.New(muc.NSAdmin, "item", "affiliation", name, "jid", who, "nick", o.nick, "role", o.role.String())
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
			q.Add(element.New(muc.NSAdmin, "item", "affiliation", o.affiliation(r).String(), "role", want.String(), "nick", o.nick, "jid", o.who().String()))
		}
	}
	r.s.result(p, st, q)
	return nil
}
