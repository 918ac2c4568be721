// Package ping holds the payload of XEP-0199: XMPP Ping.
package ping

import (
	"encoding/xml"

	"adminbot/internal/xmpp/element"
)

// NS is the namespace of a ping.
const NS = "urn:xmpp:ping"

// TokenReader returns the payload of a request. The answer has none; an error
// answers it just as well, whoever sends one is alive.
func TokenReader() xml.TokenReader { return element.New(NS, "ping").TokenReader() }
