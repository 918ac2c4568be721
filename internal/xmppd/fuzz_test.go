package xmppd

import (
	"bytes"
	"encoding/xml"
	"testing"

	"adminbot/internal/account"
)

// FuzzHeader feeds the scanner the beginning of a stream: what it takes for a
// header must be one to encoding/xml as well, and say the same.
func FuzzHeader(f *testing.F) {
	f.Add([]byte(clientHeader))
	f.Add([]byte("<s:stream xmlns:s='http://etherx.jabber.org/streams' xmlns='jabber:component:accept' to='a&amp;b'>"))
	f.Add([]byte(`<?xml version="1.0" encoding="utf-8"?> <stream:stream xmlns:stream='http://etherx.jabber.org/streams' to='x' xml:lang="en" version='1.0'>`))
	f.Fuzz(func(t *testing.T, b []byte) {
		var s Scanner
		rest := b
		for {
			tok, n, err := s.Next(rest)
			if err != nil || tok == More {
				return
			}
			if tok == Opened {
				rest = rest[:n]
				break
			}
			rest = rest[n:]
		}
		h := s.Header()
		tok, err := xml.NewDecoder(bytes.NewReader(rest)).Token()
		start, ok := tok.(xml.StartElement)
		if err != nil || !ok {
			t.Fatalf("%q: encoding/xml says %v, %v", rest, tok, err)
		}
		if start.Name.Space != NSStream || start.Name.Local != "stream" {
			t.Fatalf("%q: %v", rest, start.Name)
		}
		for _, a := range start.Attr {
			if a.Name == (xml.Name{Local: "to"}) && a.Value != h.To || a.Name == (xml.Name{Local: "xmlns"}) && a.Value != h.NS {
				t.Fatalf("%q: %v, we say %+v", rest, a, h)
			}
		}
	})
}

// FuzzScram feeds an exchange messages of which none holds the password.
func FuzzScram(f *testing.F) {
	f.Add("n,,n=alice,r=0123456789abcdef", "c=biws,r=0123456789abcdef,p=AAAA")
	f.Add("y,,n=a=2Cb=3D,r=0123456789abcdef", "c=eSws,r=x,p=")
	f.Add("p=tls-exporter,a=alice,n=alice,r=0123456789abcdef", "c=,r=,p=x")
	h, _ := hashOf("SCRAM-SHA-256")
	cred, err := account.NewCredential(h, "a secret that no fuzzer finds", []byte("salt"), 1)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, first, final string) {
		for _, plus := range []bool{false, true} {
			x := &scram{hash: h, plus: plus, binding: []byte("x"), credential: func(string) (account.Credential, bool) { return cred, true }}
			if _, _, err := x.step([]byte(first)); err != nil {
				continue
			}
			if _, done, err := x.step([]byte(final)); done || err == nil {
				t.Fatalf("%q, %q: logged in", first, final)
			}
		}
	})
}
