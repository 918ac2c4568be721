package hostagent

import (
	"encoding/xml"

	"mellium.im/xmlstream"
	"mellium.im/xmpp/stanza"

	"adminbot/agentapi"
	"adminbot/internal/xmpp/disco"
)

// Presence is a mood as a buddy list shows it, with the numbers for programs. A
// negative priority keeps people's messages away from host agents (RFC 6121
// 4.7.2.3).
func Presence(m agentapi.Mood) (stanza.Presence, xml.TokenReader) {
	text := func(local, value string) xml.TokenReader {
		if value == "" {
			return xmlstream.MultiReader()
		}
		return xmlstream.Wrap(xmlstream.Token(xml.CharData(value)), xml.StartElement{Name: xml.Name{Space: stanza.NSClient, Local: local}})
	}
	return stanza.Presence{}, xmlstream.MultiReader(
		text("show", m.Show()), text("status", m.Status()), text("priority", "-1"), m.TokenReader())
}

// Disco is what the session of a host agent tells of itself.
func Disco() disco.Info {
	i := agentapi.AgentIdentity()
	return disco.Info{
		Identities: []disco.Identity{{Category: i.Category, Type: i.Type, Name: i.Name}},
		Features:   agentapi.Features(false),
	}
}
