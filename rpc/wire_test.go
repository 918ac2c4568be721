package rpc

import (
	"bytes"
	"context"
	"encoding/xml"
	"io"
	"strings"
	"testing"

	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/stanza"
)

// write serialises tokens as a transport does: unprefixed, declaring a default
// namespace where it changes. It refuses what this package promises not to
// produce.
func write(tb testing.TB, r xml.TokenReader) string {
	tb.Helper()
	var b bytes.Buffer
	spaces := []string{""}
	for {
		tok, err := r.Token()
		if err == io.EOF && tok == nil {
			return b.String()
		}
		if err != nil && err != io.EOF {
			tb.Fatalf("token: %v", err)
		}
		switch t := tok.(type) {
		case xml.StartElement:
			b.WriteString("<" + t.Name.Local)
			if t.Name.Space != spaces[len(spaces)-1] {
				b.WriteString(` xmlns="` + t.Name.Space + `"`)
			}
			spaces = append(spaces, t.Name.Space)
			for _, a := range t.Attr {
				if a.Name.Local == "xmlns" || a.Name.Space == "xmlns" {
					tb.Fatalf("<%s> carries an xmlns token", t.Name.Local)
				}
				b.WriteString(" " + a.Name.Local + `="`)
				_ = xml.EscapeText(&b, []byte(a.Value)) // a bytes.Buffer takes all
				b.WriteString(`"`)
			}
			b.WriteString(">")
		case xml.EndElement:
			b.WriteString("</" + t.Name.Local + ">")
			spaces = spaces[:len(spaces)-1]
		case xml.CharData:
			_ = xml.EscapeText(&b, t) // a bytes.Buffer takes all
		default:
			tb.Fatalf("unexpected token %T", tok)
		}
		if err == io.EOF {
			return b.String()
		}
	}
}

// parse reads text whose elements are in NS unless they say otherwise.
func parse(s string) xml.TokenReader {
	d := xml.NewDecoder(strings.NewReader(`<stream xmlns="` + NS + `" xmlns:ex="` + nsExtensions + `">` + s + `</stream>`))
	if _, err := d.Token(); err != nil {
		panic(err)
	}
	return &unwrapped{d: d}
}

// unwrapped reads the children of an element whose start was read.
type unwrapped struct {
	d     *xml.Decoder
	depth int
}

func (u *unwrapped) Token() (xml.Token, error) {
	tok, err := u.d.Token()
	if err != nil {
		return nil, err
	}
	switch tok.(type) {
	case xml.StartElement:
		u.depth++
	case xml.EndElement:
		if u.depth == 0 {
			return nil, io.EOF
		}
		u.depth--
	}
	return tok, nil
}

// A wire is a transport to a mux that puts everything through text, and keeps
// the text.
type wire struct {
	tb       testing.TB
	mux      *ServeMux
	from     jid.JID
	request  string
	response string
}

func (w *wire) RoundTripIQ(ctx context.Context, iq stanza.IQ, payload xml.TokenReader) (stanza.IQ, xml.TokenReader, error) {
	w.request = write(w.tb, payload)
	iq.From = w.from
	reply, err := w.mux.HandleIQ(ctx, iq, parse(w.request))
	if err != nil {
		return stanza.IQ{}, nil, err
	}
	w.response = write(w.tb, reply)
	return stanza.IQ{ID: iq.ID, From: iq.To, To: iq.From, Type: stanza.ResultIQ}, parse(w.response), nil
}

var (
	botJID  = jid.MustParse("bot@hosts.example/bot")
	hostJID = jid.MustParse("web01@hosts.example/agent")
)

func everybody(jid.JID) bool { return true }

// tokens reads a list of tokens.
type tokens struct{ list []xml.Token }

func (t *tokens) Token() (xml.Token, error) {
	if len(t.list) == 0 {
		return nil, io.EOF
	}
	tok := t.list[0]
	t.list = t.list[1:]
	return tok, nil
}

// all returns the tokens that r has.
func all(t testing.TB, r xml.TokenReader) []xml.Token {
	t.Helper()
	var list []xml.Token
	for {
		tok, err := r.Token()
		if tok != nil {
			list = append(list, tok)
		}
		if err == io.EOF {
			return list
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}
