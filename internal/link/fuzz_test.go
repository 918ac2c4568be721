package link

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"testing/iotest"

	"golang.org/x/tools/txtar"
)

// seeds adds every stanza of testdata/stanzas.txtar.
func seeds(f *testing.F) {
	raw, err := os.ReadFile("testdata/stanzas.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range txtar.Parse(raw).Files {
		for line := range strings.Lines(string(file.Data)) {
			if line = strings.TrimSpace(line); line != "" {
				f.Add([]byte(line))
			}
		}
	}
	f.Add([]byte(`<a xmlns='urn:a' xmlns:p='urn:p'><p:b p:c='&#x9;&amp;' d="'"><b xmlns=''/></p:b><![CDATA[<]]>]]&gt;</a>`))
	f.Add([]byte("<a\t\n b = 'c'\r\n/ >"))
	f.Add([]byte("<\xc3\xa9 \xc3\xa9='\xc3\xa9'>\xf0\x9f\xa4\x96</\xc3\xa9 >"))
}

// cut returns the first element of data as the framer finds it.
func cut(data []byte, oneByOne bool) ([]byte, error) {
	var r io.Reader = bytes.NewReader(data)
	if oneByOne {
		r = iotest.OneByteReader(r)
	}
	f := newFramer(r)
	kind, err := f.tag(4096)
	if err == nil && kind == closeTag {
		err = errStreamEnd
	}
	if err == nil && kind == openTag {
		err = f.body(4096, 16)
	}
	return f.frame, err
}

// FuzzStanza feeds the copier with anything. What it accepts, encoding/xml must
// understand in the same way, and what it makes of that must survive being
// written and read again.
func FuzzStanza(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		frame, err := cut(data, false)
		again, err2 := cut(data, true)
		if err != err2 || err == nil && !bytes.Equal(frame, again) {
			t.Fatalf("the size of reads matters: %q, %v and %q, %v", frame, err, again, err2)
		}
		if err != nil {
			return
		}
		if !bytes.HasPrefix(bytes.TrimLeft(data, " \t\r\n"), frame) {
			t.Fatalf("%q is not the beginning of %q", frame, data)
		}
		var known nameCache
		e, err := parseElement(frame, streamScope(), &known)
		if err != nil {
			return
		}
		got := append([]xml.Token{e.start}, append(e.inner, xml.EndElement{Name: e.start.Name})...)

		want, err := standard(frame)
		if err != nil {
			if !lenient(err) {
				t.Fatalf("encoding/xml refuses %q: %v", frame, err)
			}
		} else if !same(got, want) && !bytes.Contains(frame, []byte("\r")) { // which is kept here, see unescape
			t.Fatalf("%q\nis read as %s\nencoding/xml %s", frame, flat(got), flat(want))
		}

		if bytes.Contains(flat(got), []byte("start \"\" ")) {
			return // no namespace at all is written as the parent's
		}
		var s serialiser
		s.begin()
		if err := s.copy(&tokens{list: got}, 1<<20); err != nil {
			t.Fatalf("%q cannot be written: %v", frame, err)
		}
		back, err := cut(append(s.buf, "<next/>"...), false)
		if err != nil && !errors.Is(err, errTooBig) || err == nil && !bytes.Equal(back, s.buf) {
			t.Fatalf("%q was written, %q read: %v", s.buf, back, err)
		}
		e2, err := parseElement(s.buf, streamScope(), &known)
		if err != nil {
			t.Fatalf("%q was written: %v", s.buf, err)
		}
		got2 := append([]xml.Token{e2.start}, append(e2.inner, xml.EndElement{Name: e2.start.Name})...)
		if !same(got, got2) {
			t.Fatalf("%q was written, and read as %s\nwant %s", s.buf, flat(got2), flat(got))
		}
	})
}

// lenient reports whether err is about something in which encoding/xml is
// stricter than this package: which letters beyond ASCII may be in a name.
func lenient(err error) bool {
	return strings.Contains(err.Error(), "invalid XML name")
}

// standard reads frame with encoding/xml.
func standard(frame []byte) ([]xml.Token, error) {
	d := xml.NewDecoder(io.MultiReader(
		strings.NewReader(`<stream:stream xmlns="jabber:client" xmlns:stream="http://etherx.jabber.org/streams">`), bytes.NewReader(frame)))
	if _, err := d.Token(); err != nil {
		return nil, err
	}
	var list []xml.Token
	for depth := 0; ; {
		tok, err := d.Token()
		if err != nil {
			return nil, err
		}
		switch t := tok.(type) {
		case xml.StartElement:
			depth++
			var attrs []xml.Attr
			for _, a := range t.Attr {
				if a.Name.Space != "xmlns" && (a.Name.Space != "" || a.Name.Local != "xmlns") {
					attrs = append(attrs, a)
				}
			}
			t.Attr = attrs
			tok = rename(t)
		case xml.EndElement:
			depth--
			t.Name = renamed(t.Name)
			tok = t
		}
		list = append(list, xml.CopyToken(tok))
		if depth == 0 {
			return list, nil
		}
	}
}

func rename(t xml.StartElement) xml.StartElement {
	t.Name = renamed(t.Name)
	for i := range t.Attr {
		t.Attr[i].Name = renamed(t.Attr[i].Name)
	}
	return t
}

func renamed(n xml.Name) xml.Name {
	if n.Space == nsComponent {
		n.Space = "jabber:client"
	}
	return n
}

// same reports whether two lists of tokens mean the same: adjacent texts count
// as one.
func same(a, b []xml.Token) bool {
	return bytes.Equal(flat(a), flat(b))
}

func flat(list []xml.Token) []byte {
	var b bytes.Buffer
	text := false
	for _, tok := range list {
		if c, ok := tok.(xml.CharData); ok {
			if len(c) == 0 {
				continue
			}
			if !text {
				b.WriteString("\ntext ")
			}
			fmt.Fprintf(&b, "%x", []byte(c))
			text = true
			continue
		}
		text = false
		switch t := tok.(type) {
		case xml.StartElement:
			fmt.Fprintf(&b, "\nstart %q %q", t.Name.Space, t.Name.Local)
			for _, a := range t.Attr {
				fmt.Fprintf(&b, " %q %q %q", a.Name.Space, a.Name.Local, a.Value)
			}
		case xml.EndElement:
			fmt.Fprintf(&b, "\nend %q %q", t.Name.Space, t.Name.Local)
		}
	}
	return b.Bytes()
}
