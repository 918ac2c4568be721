package muc

import (
	"adminbot/internal/xmpp/element"
	"adminbot/internal/xmpp/muc"
)

const nsStanzas = "urn:ietf:params:xml:ns:xmpp-stanzas"

// A stanzaError is an answer to a stanza that was not to be (RFC 6120 8.3).
type stanzaError struct{ typ, condition, text string }

var (
	errBadRequest    = &stanzaError{"modify", "bad-request", ""}
	errForbidden     = &stanzaError{"auth", "forbidden", ""}
	errNotAllowed    = &stanzaError{"cancel", "not-allowed", ""}
	errUnavailable   = &stanzaError{"cancel", "service-unavailable", ""}
	errNotFound      = &stanzaError{"cancel", "item-not-found", ""}
	errNoNick        = &stanzaError{"modify", "jid-malformed", "a nickname is needed, as in room@service/nickname"}
	errBadNick       = &stanzaError{"modify", "not-acceptable", "this cannot be a nickname here"}
	errBadName       = &stanzaError{"modify", "not-acceptable", "the name of the room is too long"}
	errConflict      = &stanzaError{"cancel", "conflict", ""}
	errMembersOnly   = &stanzaError{"auth", "registration-required", "the room is for members"}
	errPassword      = &stanzaError{"auth", "not-authorized", "the room has a password"}
	errFull          = &stanzaError{"wait", "service-unavailable", "the room is full"}
	errTooManyRooms  = &stanzaError{"wait", "resource-constraint", "there are too many rooms"}
	errTooMany       = &stanzaError{"wait", "resource-constraint", ""}
	errTooFast       = &stanzaError{"wait", "policy-violation", "too much at a time"}
	errTooLong       = &stanzaError{"modify", "policy-violation", "too long"}
	errNotIn         = &stanzaError{"modify", "not-acceptable", "only who is in the room may do that"}
	errNoModerator   = &stanzaError{"wait", "recipient-unavailable", "nobody who moderates is there"}
	errNotAcceptable = &stanzaError{"modify", "not-acceptable", ""}
	errInternal      = &stanzaError{"wait", "internal-server-error", ""}
)

// refuse answers a stanza with an error, unless it is an answer itself.
func (s *Service) refuse(p Peer, st *Stanza, e *stanzaError) {
	if st.Type == "error" || st.Kind == IQ && st.Type == "result" {
		return // RFC 6120 8.3.1
	}
	kid := element.New("", "error", "by", st.To.Bare().String(), "type", e.typ).Add(element.New(nsStanzas, e.condition))
	if e.text != "" {
		text := element.New(nsStanzas, "text")
		text.Text = e.text
		kid.Add(text)
	}
	if st.Kind == Presence { // slixmpp looks for that
		s.answer(p, st, "error", element.New(muc.NS, "x"), kid)
		return
	}
	s.answer(p, st, "error", kid)
}

// answer sends an answer to a stanza.
func (s *Service) answer(p Peer, st *Stanza, typ string, payload ...*element.Element) {
	p.Send(whole(st.Kind, st.From.String(), appendTail(nil, st.Kind, st.To, typ, st.ID, nil, encode(payload...))))
}

// result answers an IQ.
func (s *Service) result(p Peer, st *Stanza, payload ...*element.Element) {
	s.answer(p, st, "result", payload...)
}
