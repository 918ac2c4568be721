package muctest

import (
	"bytes"
	"encoding/xml"
	"io"
	"strings"
	"sync"
	"testing"

	"mellium.im/xmpp/jid"

	"adminbot/internal/muc"
	"adminbot/internal/xmpp/element"
)

// A Client is a peer that keeps what it gets. It is safe for concurrent use.
type Client struct {
	mu  sync.Mutex
	got []string
}

// Send keeps one stanza.
func (c *Client) Send(parts ...[]byte) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.got = append(c.got, string(bytes.Join(parts, nil)))
	return true
}

// SendAll keeps several.
func (c *Client) SendAll(stanzas ...[]byte) bool {
	for _, s := range stanzas {
		c.Send(s)
	}
	return true
}

// Take returns what came since it was called last.
func (c *Client) Take() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	got := c.got
	c.got = nil
	return got
}

// Stanza reads a stanza as a client writes it. It fails the test if it is none;
// prefixes are only for children.
func Stanza(t testing.TB, text string) *muc.Stanza {
	t.Helper()
	st, err := parse(text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return st
}

func parse(text string) (*muc.Stanza, error) {
	d := xml.NewDecoder(strings.NewReader(text))
	tok, err := d.Token()
	if err != nil {
		return nil, err
	}
	start, ok := tok.(xml.StartElement)
	if !ok {
		return nil, io.ErrUnexpectedEOF
	}
	st := &muc.Stanza{Kind: map[string]muc.Kind{"message": muc.Message, "presence": muc.Presence, "iq": muc.IQ}[start.Name.Local]}
	for _, a := range start.Attr {
		switch a.Name {
		case xml.Name{Local: "from"}:
			st.From, err = jid.Parse(a.Value)
		case xml.Name{Local: "to"}:
			st.To, err = jid.Parse(a.Value)
		case xml.Name{Local: "type"}:
			st.Type = a.Value
		case xml.Name{Local: "id"}:
			st.ID = a.Value
		case xml.Name{Local: "xmlns"}:
		default:
			name := a.Name.Local
			if a.Name.Space != "" {
				name = map[string]string{"xmlns": "xmlns:"}[a.Name.Space] + name
			}
			if a.Name.Local == "lang" {
				name = "xml:lang"
			}
			st.Attrs = append(st.Attrs, " "+name+"='"...)
			st.Attrs = append(element.AppendEscaped(st.Attrs, a.Value), '\'')
		}
		if err != nil {
			return nil, err
		}
	}
	for {
		begin := d.InputOffset()
		tok, err := d.Token()
		if err != nil {
			return nil, err
		}
		switch tok := tok.(type) {
		case xml.StartElement:
			if err := d.Skip(); err != nil {
				return nil, err
			}
			if tok.Name.Space == "jabber:client" {
				tok.Name.Space = ""
			}
			st.Kids = append(st.Kids, muc.Kid{Name: tok.Name, XML: []byte(text[begin:d.InputOffset()])})
		case xml.EndElement:
			return st, nil
		}
	}
}
