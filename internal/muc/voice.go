package muc

import (
	"crypto/rand"
	"slices"
	"strconv"

	"adminbot/internal/xmpp/form"
)

// The fields of a request for voice (XEP-0045#registrar-formtype-request).
const (
	fieldRole  = "muc#role"
	fieldJID   = "muc#jid"
	fieldNick  = "muc#roomnick"
	fieldAllow = "muc#request_allow"
)

// voice takes a request for voice from a visitor (XEP-0045#requestvoice), which goes to
// those who moderate, or the answer of one of these.
func (r *room) voice(st *Stanza, f form.Form) *stanzaError {
	v := r.byAddress[st.From.String()]
	switch {
	case v == nil:
		return errNotIn
	case f.Type != "submit" || f.Get(fieldRole) != participant.String():
		return errBadRequest
	case v.occupant.role == moderator:
		return r.approve(v.occupant, f)
	case v.occupant.role != visitor:
		return nil // it has what it asks for
	case !r.s.affords(st.From, 5):
		return errTooFast
	}
	question := appendTail(nil, Message, r.jid, "", rand.Text(), nil, encode(request(v).Element()))
	there := false
	for _, o := range r.occupants {
		if o.role == moderator {
			there = true
			o.send(Message, question)
		}
	}
	if !there {
		return errNoModerator
	}
	return nil
}

// request is what those who moderate are asked (XEP-0045#voiceapprove).
func request(v *visit) form.Form {
	return form.Form{Type: "form", Title: "Voice request", Instructions: v.occupant.nick + " asks to be allowed to speak in this room.", Fields: []form.Field{
		{Var: formType, Type: "hidden", Values: []string{nsRequest}},
		{Var: fieldRole, Type: "list-single", Label: "Requested role", Values: []string{participant.String()}, Options: []form.Option{{Value: participant.String()}}},
		{Var: fieldJID, Type: "jid-single", Label: "Who asks", Values: []string{v.who.String()}},
		{Var: fieldNick, Type: "text-single", Label: "Nickname", Values: []string{v.occupant.nick}},
		{Var: fieldAllow, Type: "boolean", Label: "May speak", Values: []string{"false"}},
	}}
}

// approve gives a visitor voice because who moderates says so. Who asked must still be
// there by that name.
func (r *room) approve(by *occupant, f form.Form) *stanzaError {
	o := r.byNick[f.Get(fieldNick)]
	switch allow, err := strconv.ParseBool(f.Get(fieldAllow)); {
	case err != nil:
		return errBadRequest
	case !allow:
		return nil
	case o == nil || !slices.ContainsFunc(o.visits, func(v *visit) bool { return v.who.String() == f.Get(fieldJID) }):
		return errNotFound
	case o.role == visitor:
		r.cast(o, participant, change{actor: by.nick})
	}
	return nil
}
