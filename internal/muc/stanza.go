package muc

import (
	"bytes"
	"encoding/xml"
	"io"
	"slices"

	"mellium.im/xmpp/jid"

	"adminbot/internal/xmpp/element"
	"adminbot/internal/xmpp/form"
	"adminbot/internal/xmpp/muc"
)

// A Kind of stanza.
type Kind uint8

// The kinds.
const (
	Message Kind = iota
	Presence
	IQ
)

var starts = [...][]byte{Message: []byte("<message"), Presence: []byte("<presence"), IQ: []byte("<iq")}
var ends = [...][]byte{Message: []byte("</message>"), Presence: []byte("</presence>"), IQ: []byte("</iq>")}

// A Stanza is one that came for the service. It is only looked at while
// [Service.Handle] runs: what is kept of it is copied.
type Stanza struct {
	Kind     Kind
	From, To jid.JID
	Type, ID string
	// Attrs are the other attributes as they were written, each with white
	// space before it, but for declarations of the stream's own namespace:
	// a language and the prefixes of the children.
	Attrs []byte
	Kids  []Kid
}

// A Kid is an element directly inside a stanza. The namespace of what is in the
// stream's own is empty, and its XML does not declare that.
type Kid struct {
	Name xml.Name
	XML  []byte
}

// kid returns the first child with that name, or nil.
func (st *Stanza) kid(space, local string) *Kid {
	for i := range st.Kids {
		if k := &st.Kids[i]; k.Name.Local == local && k.Name.Space == space {
			return k
		}
	}
	return nil
}

// read decodes a child.
func (st *Stanza) read(k *Kid) (*element.Element, error) {
	d := xml.NewDecoder(io.MultiReader(bytes.NewReader(slices.Concat([]byte("<x"), st.Attrs, []byte(">"))), bytes.NewReader(k.XML), bytes.NewReader([]byte("</x>"))))
	if _, err := d.Token(); err != nil {
		return nil, err
	}
	return element.Read(d)
}

// form decodes the form that is beside other children (XEP-0004).
func (st *Stanza) form() (form.Form, bool) {
	k := st.kid(form.NS, "x")
	if k == nil {
		return form.Form{}, false
	}
	e, err := st.read(k)
	if err != nil {
		return form.Form{}, false
	}
	return form.Parse(e)
}

// payload decodes the only child of an IQ, nil if there is none.
func (st *Stanza) payload() *element.Element {
	if len(st.Kids) == 0 {
		return nil
	}
	e, err := st.read(&st.Kids[0])
	if err != nil {
		return nil
	}
	return e
}

// passed appends the children that occupants may give to each other: without
// those in which only the room says something.
func (st *Stanza) passed(b []byte) []byte {
	for i := range st.Kids {
		if !st.forged(&st.Kids[i]) {
			b = append(b, st.Kids[i].XML...)
		}
	}
	return b
}

// forged reports whether a child says what only the room may say.
func (st *Stanza) forged(k *Kid) bool {
	attr := ""
	switch k.Name {
	case xml.Name{Space: muc.NSUser, Local: "x"}, xml.Name{Space: muc.NS, Local: "x"}, xml.Name{Space: nsOccupantID, Local: "occupant-id"}:
		return true
	case xml.Name{Space: nsStanzaID, Local: "stanza-id"}: // XEP-0359#rules
		attr = "by"
	case xml.Name{Space: nsDelay, Local: "delay"}:
		attr = "from"
	default:
		return false
	}
	e, err := st.read(k)
	if err != nil {
		return true
	}
	by, err := jid.Parse(e.Get(attr))
	return err == nil && by.Bare().Equal(st.To.Bare())
}

// appendTail appends a stanza behind the address that it goes to, which is the
// first attribute: one tail is good for many addressees. Kids are XML.
func appendTail(b []byte, kind Kind, from jid.JID, typ, id string, attrs []byte, kids ...[]byte) []byte {
	b = appendAttr(b, "from", from.String())
	if typ != "" {
		b = appendAttr(b, "type", typ)
	}
	if id != "" {
		b = appendAttr(b, "id", id)
	}
	b = append(b, attrs...)
	b = append(b, '>')
	for _, k := range kids {
		b = append(b, k...)
	}
	return append(b, ends[kind]...)
}

func appendAttr(b []byte, name, value string) []byte {
	b = append(b, ' ')
	b = append(b, name...)
	b = append(b, "='"...)
	b = element.AppendEscaped(b, value)
	return append(b, '\'')
}

// encode returns elements as they stand inside a stanza.
func encode(all ...*element.Element) []byte {
	var b []byte
	for _, e := range all {
		b = e.Append(b, "")
	}
	return b
}

// whole returns a stanza to an address.
func whole(kind Kind, to string, tail []byte) []byte {
	return slices.Concat(starts[kind], appendAttr(nil, "to", to), tail)
}
