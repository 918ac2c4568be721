package xmppd

import "adminbot/internal/xmpp/element"

const nsStanzas = "urn:ietf:params:xml:ns:xmpp-stanzas"

// A stanzaError is an answer to a stanza that was not to be (RFC 6120 8.3).
type stanzaError struct{ typ, condition, text string }

var (
	errBadRequest   = &stanzaError{"modify", "bad-request", ""}
	errNotAllowed   = &stanzaError{"cancel", "not-allowed", ""}
	errUnavailable  = &stanzaError{"cancel", "service-unavailable", ""}
	errNotFound     = &stanzaError{"cancel", "item-not-found", ""}
	errJIDMalformed = &stanzaError{"modify", "jid-malformed", ""}
	errRemote       = &stanzaError{"cancel", "remote-server-not-found", "this server does not talk to others"}
	errResource     = &stanzaError{"wait", "resource-constraint", ""}
	errInternal     = &stanzaError{"wait", "internal-server-error", ""}
	errLost         = &stanzaError{"wait", "recipient-unavailable", "the connection was lost before it was acknowledged"}
	errTooLong      = &stanzaError{"modify", "policy-violation", "too long"}
)

var nameOf = [...]string{Message: "message", Presence: "presence", IQ: "iq"}

// reply answers a stanza with an error, unless it is an answer itself.
func (s *session) reply(in *inbound, e *stanzaError) {
	st := in.st
	if st.isA("error") || st.Kind == IQ && st.isA("result") {
		return // RFC 6120 8.3.1
	}
	b := make([]byte, 0, 256)
	b = append(b, '<')
	b = append(b, nameOf[st.Kind]...)
	b = append(b, " type='error'"...)
	b = in.appendReplyTo(b)
	b = append(b, "><error type='"...)
	b = append(b, e.typ...)
	b = append(b, "'><"...)
	b = append(b, e.condition...)
	b = append(b, " xmlns='"+nsStanzas+"'/>"...)
	if e.text != "" {
		b = append(b, "<text xmlns='"+nsStanzas+"' xml:lang='en'>"...)
		b = element.AppendEscaped(b, e.text)
		b = append(b, "</text>"...)
	}
	b = append(b, "</error></"...)
	b = append(b, nameOf[st.Kind]...)
	b = append(b, '>')
	s.send(b)
}

// appendReplyTo appends the attributes id, from and to of an answer.
func (in *inbound) appendReplyTo(b []byte) []byte {
	st := in.st
	if st.id.ok() {
		b = append(b, " id="...)
		b = append(b, st.id.quoted(st.raw)...)
	}
	if st.to.ok() {
		b = append(b, " from="...)
		b = append(b, st.to.quoted(st.raw)...)
	}
	if in.full != "" {
		b = append(b, " to="...)
		b = append(b, in.from[len(" from="):]...)
	}
	return b
}

// result answers an IQ with a payload, which may be empty.
func (s *session) result(in *inbound, payload []byte) {
	s.send(in.appendResult(make([]byte, 0, 128+len(payload)), payload))
}

func (in *inbound) appendResult(b, payload []byte) []byte {
	b = append(b, "<iq type='result'"...)
	b = in.appendReplyTo(b)
	if len(payload) == 0 {
		return append(b, "/>"...)
	}
	b = append(b, '>')
	b = append(b, payload...)
	return append(b, "</iq>"...)
}
