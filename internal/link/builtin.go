package link

import (
	"encoding/xml"
	"slices"

	"adminbot/internal/xmpp/disco"
	"adminbot/internal/xmpp/entitytime"
	"adminbot/internal/xmpp/ping"
	"adminbot/internal/xmpp/version"
	"mellium.im/xmpp/stanza"
)

// A builtin is what the session answers by itself, at once, on the goroutine
// that reads: even while every handler is busy, a peer sees that we are alive.
type builtin struct {
	kind    stanza.IQType
	feature string
	answer  func(*received) (xml.TokenReader, *stanza.Error)
}

func (s *Session) builtins() map[xml.Name]builtin {
	all := map[xml.Name]builtin{
		{Space: ping.NS, Local: "ping"}:        {stanza.GetIQ, ping.NS, noPayload},
		{Space: entitytime.NS, Local: "time"}:  {stanza.GetIQ, entitytime.NS, s.tellTime},
		{Space: disco.NSInfo, Local: "query"}:  {stanza.GetIQ, disco.NSInfo, s.tellInfo},
		{Space: disco.NSItems, Local: "query"}: {stanza.GetIQ, disco.NSItems, s.tellItems},
	}
	if s.cfg.Version != (version.Info{}) {
		all[xml.Name{Space: version.NS, Local: "query"}] = builtin{stanza.GetIQ, version.NS,
			func(*received) (xml.TokenReader, *stanza.Error) {
				return s.cfg.Version.Element().TokenReader(), nil
			}}
	}
	return all
}

func noPayload(*received) (xml.TokenReader, *stanza.Error) { return nil, nil }

func (s *Session) tellTime(*received) (xml.TokenReader, *stanza.Error) {
	return entitytime.Element(s.cfg.NowUTC().UTC()).TokenReader(), nil
}

// describe returns what the session is, from the one table that also feeds the
// hash in presence: the features of the configuration and its own.
func (s *Session) describe() disco.Info {
	info := s.cfg.Disco
	info.Features = slices.Clone(info.Features)
	for _, b := range s.builtin {
		info.Features = append(info.Features, b.feature)
	}
	info.Features = append(info.Features, disco.NSCaps)
	slices.Sort(info.Features)
	info.Features = slices.Compact(info.Features)
	if len(info.Identities) == 0 { // XEP-0030 wants at least one
		info.Identities = []disco.Identity{{Category: "client", Type: "bot"}}
	}
	return info
}

// Info returns what the session answers to disco#info.
func (s *Session) Info() disco.Info { return s.info }

// queryNode returns the attribute node of the payload.
func queryNode(e *received) string {
	for _, tok := range e.inner {
		if start, ok := tok.(xml.StartElement); ok {
			return attr(&start, "node")
		}
	}
	return ""
}

// tellInfo answers for the session itself and for the node of its caps
// (XEP-0115#discover), which must be mirrored. There are no others.
func (s *Session) tellInfo(e *received) (xml.TokenReader, *stanza.Error) {
	node := queryNode(e)
	if node != "" && node != s.caps.QueryNode() {
		return nil, &stanza.Error{Type: stanza.Cancel, Condition: stanza.ItemNotFound}
	}
	return s.info.Element(node).TokenReader(), nil
}

func (s *Session) tellItems(e *received) (xml.TokenReader, *stanza.Error) {
	if node := queryNode(e); node != "" {
		return nil, &stanza.Error{Type: stanza.Cancel, Condition: stanza.ItemNotFound}
	}
	return disco.ItemsElement("", nil).TokenReader(), nil
}
