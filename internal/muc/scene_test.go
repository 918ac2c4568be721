package muc_test

import (
	"encoding/xml"
	"strings"

	"adminbot/internal/xmpp/element"
)

func decoder(s string) *xml.Decoder { return xml.NewDecoder(strings.NewReader(s)) }

func readFirst(s string) (*element.Element, error) { return element.Read(decoder(s)) }
