package muc_test

import (
	"encoding/xml"
	"strings"
)

func decoder(s string) *xml.Decoder { return xml.NewDecoder(strings.NewReader(s)) }
