package muc

import (
	"strings"

	"adminbot/internal/xmpp/element"
	"adminbot/internal/xmpp/muc"
)

// nickAllowed reports whether a nickname can be told from others. As a part of an
// address it has nothing that is invisible (RFC 7622 3.4).
func nickAllowed(nick string, bytes int) bool {
	return len(nick) <= bytes && strings.TrimSpace(nick) == nick
}

// enter lets somebody in, or says why not (XEP-0045#enter).
func (r *room) enter(p Peer, st *Stanza) *stanzaError {
	affiliation := r.affiliation(st.From)
	nick := st.To.Resourcepart()
	o := r.byNick[nick]
	switch {
	case r.locked && st.From.Bare().String() != r.maker:
		return errNotFound
	case affiliation == Outcast:
		return errForbidden
	case r.cfg.MembersOnly && affiliation < Member:
		return errMembersOnly
	case r.cfg.Password != "" && affiliation < Owner && st.password() != r.cfg.Password:
		return errPassword
	case o != nil && o.bare != st.From.Bare().String():
		return errConflict
	case len(r.byAddress) >= r.s.lim.Occupants, len(r.byAddress) >= r.cfg.MaxUsers && affiliation < Admin:
		return errFull
	case !r.s.arrives(p, st.From, r):
		return errTooMany
	}
	v := &visit{who: st.From, to: appendAttr(nil, "to", st.From.String()), peer: p}
	v.keep(st)
	created := r.locked && len(r.occupants) == 0
	r.add(v, nick)
	r.welcome(v, st, created)
	return nil
}

// password is the one that somebody enters with.
func (st *Stanza) password() string {
	k := st.kid(muc.NS, "x")
	if k == nil {
		return ""
	}
	x, err := st.read(k)
	if err != nil {
		return ""
	}
	return x.ChildText("password")
}

// welcome tells who has come who is there, the others that he has come, then
// him that he is in and what was said before (XEP-0045#order).
func (r *room) welcome(v *visit, st *Stanza, created bool) {
	o := v.occupant
	for _, other := range r.occupants {
		if other != o {
			v.send(Presence, r.presenceTail(other, r.knows(o), change{}))
		}
	}
	r.announceBut(o, v, change{})
	var status []int
	if !r.cfg.SemiAnonymous {
		status = append(status, statusNonAnonymous)
	}
	status = append(status, muc.StatusSelf)
	if r.cfg.Archived {
		status = append(status, statusLogged)
	}
	if created {
		status = append(status, muc.StatusCreated)
	}
	v.send(Presence, r.presenceTail(o, true, change{id: st.ID}, status...))
	r.replay(v, st)
	r.tellSubject(v)
}

// rename gives an occupant another nickname (XEP-0045#changenick).
func (r *room) rename(v *visit, st *Stanza) *stanzaError {
	o, nick := v.occupant, st.To.Resourcepart()
	other := r.byNick[nick]
	switch {
	case other != nil && other.bare != o.bare:
		return errConflict
	case other != nil || len(o.visits) > 1:
		// One of several clients goes by another name: the rest stay.
		g := gone{change: change{status: []int{statusNewNick}, nick: nick}}
		peer, who := v.peer, v.who
		r.leave(v, g)
		if !r.s.arrives(peer, who, r) {
			return errTooMany
		}
		again := &visit{who: who, to: v.to, peer: peer}
		again.keep(st)
		now := r.add(again, nick)
		if len(o.visits) > 0 {
			again.send(Presence, r.presenceTail(o, r.knows(now), change{}))
		}
		r.announce(now, change{id: st.ID})
		return nil
	}
	r.farewell(o, nick)
	delete(r.byNick, o.nick)
	o.nick = nick
	r.byNick[nick] = o
	v.keep(st)
	r.announce(o, change{id: st.ID})
	return nil
}

// farewell tells all that an occupant has another nickname from now on.
func (r *room) farewell(o *occupant, nick string) {
	v := o.seen()
	c := change{nick: nick}
	for _, to := range r.occupants {
		status := []int{statusNewNick}
		if to == o {
			status = append(status, muc.StatusSelf)
		}
		x := userX(r.item(v, o.role, to == o || r.knows(to), c), status...)
		to.send(Presence, appendTail(nil, Presence, r.address(o.nick), "unavailable", "", nil, encode(x)))
	}
}

// tellSubject tells somebody who has come the subject, also that there is none:
// that is the end of what is not live.
func (r *room) tellSubject(v *visit) {
	from := r.jid
	if r.subject.Nick != "" {
		from = r.address(r.subject.Nick)
	}
	e := element.New("", "subject")
	e.Text = r.subject.Text
	kids := encode(e)
	if !r.subject.At.IsZero() {
		kids = append(kids, encode(r.delayed(r.subject.At))...)
	}
	v.send(Message, appendTail(nil, Message, from, "groupchat", "", nil, kids))
}
