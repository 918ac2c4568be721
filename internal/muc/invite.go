package muc

import (
	"context"
	"slices"

	"mellium.im/xmpp/jid"

	"adminbot/internal/xmpp/element"
	"adminbot/internal/xmpp/muc"
)

// mediate passes invitations and their refusals on (XEP-0045#invite-mediated), and
// requests for voice.
func (r *room) mediate(ctx context.Context, st *Stanza) *stanzaError {
	if f, ok := st.form(); ok && f.Get(formType) == nsRequest {
		return r.voice(st, f)
	}
	k := st.kid(muc.NSUser, "x")
	if k == nil {
		return errNotAcceptable
	}
	x, err := st.read(k)
	if err != nil {
		return errBadRequest
	}
	if decline := x.Child("", "decline"); decline != nil {
		return r.decline(st, decline)
	}
	var all []*element.Element
	for _, c := range x.Children {
		if c.Name.Space == muc.NSUser && c.Name.Local == "invite" {
			all = append(all, c)
		}
	}
	switch {
	case len(all) == 0:
		return errBadRequest
	case len(all) > r.s.lim.Invitations:
		return errTooMany
	case !r.s.affords(st.From, 5*len(all)):
		return errTooFast
	}
	return r.invite(ctx, st, all)
}

// invite invites people. Into a room for members an invitation makes one.
func (r *room) invite(ctx context.Context, st *Stanza, all []*element.Element) *stanzaError {
	affiliation := r.affiliation(st.From)
	v := r.byAddress[st.From.String()]
	switch {
	case r.locked:
		return errNotFound
	case v == nil && affiliation < Admin:
		return errNotIn
	case r.cfg.MembersOnly && affiliation < Admin && !r.cfg.AllowInvites, v != nil && v.occupant.role < participant:
		return errForbidden
	}
	invited := make([]jid.JID, len(all))
	for i, in := range all {
		to, err := jid.Parse(in.Get("to"))
		switch {
		case err != nil:
			return errBadRequest
		case r.affiliation(to) == Outcast:
			return errForbidden
		case len(in.ChildText("reason")) > r.s.lim.TextBytes:
			return errTooLong
		case !r.s.opt.Exists(to):
			return errNotFound
		}
		invited[i] = to
	}
	var members []assignment
	for _, to := range invited {
		if r.cfg.MembersOnly && r.affiliation(to) < Member {
			members = append(members, assignment{who: to.Bare(), to: Member})
		}
	}
	if len(members) > 0 {
		if e := r.affiliate(ctx, members...); e != nil {
			return e
		}
	}
	for i, in := range all {
		to := invited[i]
		invite := element.New(muc.NSUser, "invite", "from", st.From.String()).AddText("reason", in.ChildText("reason"))
		if c := in.Child("", "continue"); c != nil {
			invite.Add(element.New(muc.NSUser, "continue", "thread", c.Get("thread")))
		}
		x := userX(nil)
		x.Add(invite).AddText("password", r.cfg.Password)
		more := []*element.Element{}
		if st.kid("", "body") == nil { // for clients that do not know rooms, and for mailboxes
			body := element.New("", "body")
			body.Text = st.From.Bare().String() + " invites you to the room " + r.jid.String()
			more = append(more, body)
		}
		direct := element.New(nsDirect, "x", "jid", r.jid.String(), "password", r.cfg.Password, "reason", in.ChildText("reason"))
		r.write(Message, to.String(), appendTail(nil, Message, r.jid, "", st.ID, st.Attrs, encode(x), st.passed(nil), encode(append(more, direct)...)))
	}
	return nil
}

// decline tells who invited somebody that he will not come.
func (r *room) decline(st *Stanza, decline *element.Element) *stanzaError {
	to, err := jid.Parse(decline.Get("to"))
	reason := decline.ChildText("reason")
	switch {
	case err != nil:
		return errBadRequest
	case len(reason) > r.s.lim.TextBytes:
		return errTooLong
	case r.affiliation(to) < Member && !r.holds(to): // he has invited nobody
		return errForbidden
	}
	x := userX(nil)
	x.Add(element.New(muc.NSUser, "decline", "from", st.From.Bare().String()).AddText("reason", reason))
	tail := appendTail(nil, Message, r.jid, "", st.ID, st.Attrs, encode(x))
	for _, o := range r.occupants {
		if o.bare == to.Bare().String() {
			o.send(Message, tail)
			return nil
		}
	}
	r.write(Message, to.String(), tail)
	return nil
}

// holds reports whether an account is in the room.
func (r *room) holds(who jid.JID) bool {
	return slices.ContainsFunc(r.occupants, func(o *occupant) bool { return o.bare == who.Bare().String() })
}
