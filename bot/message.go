package bot

import (
	"encoding/xml"
	"strings"
	"time"

	"adminbot/internal/xmpp/reply"
)

// Namespaces of what a message may carry.
const (
	nsDelay     = "urn:xmpp:delay"                        // XEP-0203
	nsCorrect   = "urn:xmpp:message-correct:0"            // XEP-0308
	nsIDs       = "urn:xmpp:sid:0"                        // XEP-0359
	nsEME       = "urn:xmpp:eme:0"                        // XEP-0380
	nsCarbons   = "urn:xmpp:carbons:2"                    // XEP-0280
	nsForward   = "urn:xmpp:forward:0"                    // XEP-0297
	nsArchive   = "urn:xmpp:mam:2"                        // XEP-0313
	nsStates    = "http://jabber.org/protocol/chatstates" // XEP-0085
	nsHints     = "urn:xmpp:hints"                        // XEP-0334
	nsMUCUser   = "http://jabber.org/protocol/muc#user"   // XEP-0045
	nsOMEMO     = "eu.siacs.conversations.axolotl"        // XEP-0384, as clients speak it
	nsOMEMO2    = "urn:xmpp:omemo:2"                      // XEP-0384
	nsOpenPGP   = "urn:xmpp:openpgp:0"                    // XEP-0373
	nsLegacyPGP = "jabber:x:encrypted"                    // XEP-0027
)

// maxBody bounds how much of a body is kept, in bytes.
const maxBody = 16 << 10

// message is what of a message stanza matters to a conversation.
type message struct {
	body      string
	has       bool // a body was there
	delay     time.Time
	late      bool // a delay was there, readable or not
	replaces  string
	originID  string
	stanzaIDs []stanzaID
	encrypted string // how
	keysOnly  bool   // an encrypted message that carries nothing for people
	invited   bool   // into the room that it comes from, by invitedBy
	invitedBy string
	foreign   bool // forwarded, archived, a carbon: not said here and now
	quoted    []reply.Part
}

type stanzaID struct{ by, id string }

// readMessage reads a message's children. It stops at what it cannot read; the
// transport has already bounded the size.
func readMessage(r xml.TokenReader) message {
	var m message
	for r != nil {
		t, err := r.Token()
		if start, ok := t.(xml.StartElement); ok {
			m.child(start, r)
		}
		if err != nil || t == nil {
			break
		}
	}
	if strings.HasPrefix(strings.TrimSpace(m.body), "?OTR") {
		m.encrypted = "OTR"
	}
	if m.encrypted != "" { // R14: nor its fallback
		m.body = ""
	}
	return m
}

func (m *message) child(start xml.StartElement, r xml.TokenReader) {
	switch n := start.Name; {
	case n.Local == "body" && (n.Space == "jabber:client" || n.Space == "jabber:component:accept" || n.Space == ""):
		if text := innerText(r); !m.has {
			m.body, m.has = text, true
		}
		return
	case n.Space == nsDelay && n.Local == "delay":
		m.late = true
		if t, err := time.Parse(time.RFC3339Nano, attr(start, "stamp")); err == nil && (m.delay.IsZero() || t.Before(m.delay)) {
			m.delay = t
		}
	case n.Space == nsCorrect && n.Local == "replace":
		m.replaces = attr(start, "id")
	case n.Space == nsIDs && n.Local == "origin-id":
		m.originID = attr(start, "id")
	case n.Space == nsIDs && n.Local == "stanza-id":
		if len(m.stanzaIDs) < 8 {
			m.stanzaIDs = append(m.stanzaIDs, stanzaID{attr(start, "by"), attr(start, "id")})
		}
	case n.Local == "encrypted" && (n.Space == nsOMEMO || n.Space == nsOMEMO2):
		m.encrypted = "OMEMO"
		m.keysOnly = !hasChild(r, "payload")
		return
	case n.Space == nsOpenPGP && n.Local == "openpgp", n.Space == nsLegacyPGP:
		m.encrypted = "OpenPGP"
	case n.Space == nsEME && n.Local == "encryption":
		if m.encrypted == "" {
			m.encrypted = clean(attr(start, "name"), 20)
		}
		if m.encrypted == "" {
			m.encrypted = "end to end"
		}
	case n.Space == nsMUCUser && n.Local == "x":
		m.invitation(r)
		return
	case n.Space == nsCarbons, n.Space == nsForward, n.Space == nsArchive:
		m.foreign = true
	case n.Space == reply.NSFallback && n.Local == "fallback" && attr(start, "for") == reply.NS: // XEP-0428, XEP-0461
		m.fallback(r)
		return
	}
	skip(r)
}

// invitation reads what a room says; that it invites matters here.
func (m *message) invitation(r xml.TokenReader) {
	for depth := 1; depth > 0; {
		t, err := r.Token()
		switch t := t.(type) {
		case xml.StartElement:
			if depth++; t.Name.Local == "invite" {
				m.invited, m.invitedBy = true, attr(t, "from")
			}
		case xml.EndElement:
			depth--
		}
		if err != nil || t == nil {
			return
		}
	}
}

// fallback reads which parts of the body are a quotation (XEP-0428).
func (m *message) fallback(r xml.TokenReader) {
	for depth := 1; depth > 0; {
		t, err := r.Token()
		switch t := t.(type) {
		case xml.StartElement:
			depth++
			if p, ok := reply.ParsePart(attr(t, "start"), attr(t, "end")); ok && t.Name.Local == "body" && len(m.quoted) < 4 {
				m.quoted = append(m.quoted, p)
			}
		case xml.EndElement:
			depth--
		}
		if err != nil || t == nil {
			return
		}
	}
}

// text is the body without the quotation of the message it replies to.
func (m message) text() string { return strings.TrimSpace(reply.Cut(m.body, m.quoted)) }

func attr(e xml.StartElement, name string) string {
	for _, a := range e.Attr {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

// innerText reads to the end of the element that has begun.
func innerText(r xml.TokenReader) string {
	var b strings.Builder
	for depth := 1; depth > 0; {
		t, err := r.Token()
		switch t := t.(type) {
		case xml.StartElement:
			depth++
		case xml.EndElement:
			depth--
		case xml.CharData:
			if depth == 1 && b.Len() < maxBody {
				b.Write(t)
			}
		}
		if err != nil || t == nil {
			break
		}
	}
	return b.String()
}

func skip(r xml.TokenReader) { hasChild(r, "") }

// hasChild reads to the end of the element that has begun, and reports whether
// one of its children has the name.
func hasChild(r xml.TokenReader, name string) bool {
	found := false
	for depth := 1; depth > 0; {
		t, err := r.Token()
		switch t := t.(type) {
		case xml.StartElement:
			found = found || depth == 1 && t.Name.Local == name
			depth++
		case xml.EndElement:
			depth--
		}
		if err != nil || t == nil {
			break
		}
	}
	return found
}
