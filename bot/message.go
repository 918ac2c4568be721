package bot

import (
	"encoding/xml"
	"strings"
	"time"

	"adminbot/internal/xmpp/element"
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
		e, err := element.Read(r)
		if err != nil {
			break
		}
		m.child(e)
	}
	if strings.HasPrefix(strings.TrimSpace(m.body), "?OTR") {
		m.encrypted = "OTR"
	}
	if m.encrypted != "" { // R14: nor its fallback
		m.body = ""
	}
	return m
}

func (m *message) child(e *element.Element) {
	switch n := e.Name; {
	case n.Local == "body" && (n.Space == "jabber:client" || n.Space == "jabber:component:accept" || n.Space == ""):
		if !m.has {
			m.body, m.has = e.Text, true
		}
	case n.Space == nsDelay && n.Local == "delay":
		m.late = true
		if t, err := time.Parse(time.RFC3339Nano, e.Get("stamp")); err == nil && (m.delay.IsZero() || t.Before(m.delay)) {
			m.delay = t
		}
	case n.Space == nsCorrect && n.Local == "replace":
		m.replaces = e.Get("id")
	case n.Space == nsIDs && n.Local == "origin-id":
		m.originID = e.Get("id")
	case n.Space == nsIDs && n.Local == "stanza-id":
		if len(m.stanzaIDs) < 8 {
			m.stanzaIDs = append(m.stanzaIDs, stanzaID{e.Get("by"), e.Get("id")})
		}
	case n.Local == "encrypted" && (n.Space == nsOMEMO || n.Space == nsOMEMO2):
		m.encrypted = "OMEMO"
		m.keysOnly = e.Child("", "payload") == nil
	case n.Space == nsOpenPGP && n.Local == "openpgp", n.Space == nsLegacyPGP:
		m.encrypted = "OpenPGP"
	case n.Space == nsEME && n.Local == "encryption":
		if m.encrypted == "" {
			m.encrypted = clean(e.Get("name"), 20)
		}
		if m.encrypted == "" {
			m.encrypted = "end to end"
		}
	case n.Space == nsMUCUser && n.Local == "x":
		if invite := e.Child("", "invite"); invite != nil {
			m.invited, m.invitedBy = true, invite.Get("from")
		}
	case n.Space == nsCarbons, n.Space == nsForward, n.Space == nsArchive:
		m.foreign = true
	case n.Space == reply.NSFallback && n.Local == "fallback" && e.Get("for") == reply.NS: // XEP-0428, XEP-0461
		for _, part := range e.Children {
			if p, ok := reply.ParsePart(part.Get("start"), part.Get("end")); ok && part.Name.Local == "body" && len(m.quoted) < 4 {
				m.quoted = append(m.quoted, p)
			}
		}
	}
}

// text is the body without the quotation of the message it replies to.
func (m message) text() string { return strings.TrimSpace(reply.Cut(m.body, m.quoted)) }
