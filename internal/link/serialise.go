package link

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"

	"mellium.im/xmpp/stanza"
)

// ErrUnsafe is wrapped by the error of a stanza that cannot be written as XML:
// a control character in a text, a name that is none, tags that do not match.
// Nothing of such a stanza is sent.
var ErrUnsafe = errors.New("not XML-safe")

// A serialiser appends tokens to a buffer as compact XML. It follows the
// default namespace, so that it is written only where it changes, and never
// makes up a prefix for an element. A name without a namespace inherits its
// parent's, which is what tokens made by hand mean.
type serialiser struct {
	buf  []byte
	open []writtenElement
	tag  bool // the last start tag still lacks its >

	children int // of the stanza
}

type writtenElement struct {
	name xml.Name // as the token had it
	ns   string   // the default namespace inside
}

// begin starts a stanza at the end of the buffer.
func (s *serialiser) begin() {
	s.open, s.tag, s.children = s.open[:0], false, 0
}

// copy appends the tokens of r up to io.EOF. The buffer must not grow beyond
// max bytes.
func (s *serialiser) copy(r xml.TokenReader, max int) error {
	if r == nil {
		return nil
	}
	for {
		tok, err := r.Token()
		if tok != nil {
			if err := s.token(tok); err != nil {
				return err
			}
			if len(s.buf) > max {
				return ErrTooLarge
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// An appender is a payload that writes itself: one element, well formed, with
// its namespace declared. Whoever offers this is trusted with that.
type appender interface {
	AppendXML(dst []byte) ([]byte, error)
}

// payload appends what r yields inside the stanza that was begun.
func (s *serialiser) payload(r xml.TokenReader, max int) error {
	a, ok := r.(appender)
	if !ok {
		return s.copy(r, max)
	}
	s.closeTag()
	s.children++
	buf, err := a.AppendXML(s.buf)
	if err != nil {
		return err
	}
	if s.buf = buf; len(buf) > max {
		return ErrTooLarge
	}
	return nil
}

// space returns the default namespace at this place.
func (s *serialiser) space() string {
	if len(s.open) == 0 {
		return stanza.NSClient
	}
	return s.open[len(s.open)-1].ns
}

func (s *serialiser) token(tok xml.Token) error {
	switch t := tok.(type) {
	case xml.StartElement:
		return s.start(&t)
	case xml.EndElement:
		return s.end(t.Name)
	case xml.CharData:
		if len(s.open) == 0 {
			return fmt.Errorf("%w: text outside of an element", ErrUnsafe)
		}
		s.closeTag()
		return s.text(t)
	}
	return fmt.Errorf("%w: token %T", ErrUnsafe, tok)
}

func (s *serialiser) closeTag() {
	if s.tag {
		s.buf = append(s.buf, '>')
		s.tag = false
	}
}

func (s *serialiser) start(t *xml.StartElement) error {
	s.closeTag()
	if !isName(t.Name.Local) {
		return fmt.Errorf("%w: element name %q", ErrUnsafe, t.Name.Local)
	}
	if len(s.open) == 1 {
		s.children++
	}
	outer := s.space()
	ns := t.Name.Space
	if ns == "" {
		ns = outer
		for i := range t.Attr { // made by hand: the namespace as an attribute
			if t.Attr[i].Name.Local == "xmlns" && t.Attr[i].Name.Space == "" {
				ns = t.Attr[i].Value
			}
		}
	}
	if ns == nsComponent {
		ns = stanza.NSClient
	}
	s.buf = append(s.buf, '<')
	s.buf = append(s.buf, t.Name.Local...)
	if ns != outer {
		if err := s.attr(" xmlns", ns); err != nil {
			return err
		}
	}
	for i := range t.Attr {
		if err := s.attribute(t.Attr, i); err != nil {
			return err
		}
	}
	s.tag = true
	s.open = append(s.open, writtenElement{t.Name, ns})
	return nil
}

func (s *serialiser) attribute(attrs []xml.Attr, i int) error {
	a := &attrs[i]
	if a.Name.Space == "xmlns" || a.Name.Space == "" && a.Name.Local == "xmlns" {
		return nil // names are resolved already
	}
	if !isName(a.Name.Local) {
		return fmt.Errorf("%w: attribute name %q", ErrUnsafe, a.Name.Local)
	}
	for j := range i {
		if attrs[j].Name == a.Name {
			return fmt.Errorf("%w: attribute %q twice", ErrUnsafe, a.Name.Local)
		}
	}
	switch a.Name.Space {
	case "":
		s.buf = append(s.buf, ' ')
	case nsXML, "xml":
		s.buf = append(s.buf, " xml:"...)
	default:
		prefix := fmt.Sprintf("a%d", i)
		if err := s.attr(" xmlns:"+prefix, a.Name.Space); err != nil {
			return err
		}
		s.buf = append(s.buf, ' ')
		s.buf = append(s.buf, prefix...)
		s.buf = append(s.buf, ':')
	}
	return s.attr(a.Name.Local, a.Value)
}

func (s *serialiser) attr(name, value string) error {
	s.buf = append(s.buf, name...)
	s.buf = append(s.buf, '=', '\'')
	if i := badChar(value); i >= 0 {
		return fmt.Errorf("%w: byte %#x in attribute %q", ErrUnsafe, value[i], name)
	}
	last := 0
	for i := range len(value) {
		if esc := escapes[value[i]]; esc != "" {
			s.buf = append(s.buf, value[last:i]...)
			s.buf = append(s.buf, esc...)
			last = i + 1
		}
	}
	s.buf = append(s.buf, value[last:]...)
	s.buf = append(s.buf, '\'')
	return nil
}

func (s *serialiser) text(text []byte) error {
	from := len(s.buf)
	last := 0
	for i, c := range text {
		if c == '<' || c == '>' || c == '&' || c == '\r' {
			s.buf = append(s.buf, text[last:i]...)
			s.buf = append(s.buf, escapes[c]...)
			last = i + 1
		}
	}
	s.buf = append(s.buf, text[last:]...)
	if i := badChar(s.buf[from:]); i >= 0 {
		return fmt.Errorf("%w: byte %#x in text", ErrUnsafe, s.buf[from+i])
	}
	return nil
}

var escapes = [256]string{
	'<': "&lt;", '>': "&gt;", '&': "&amp;", '\'': "&apos;",
	'\t': "&#x9;", '\n': "&#xA;", '\r': "&#xD;", // or they would be read as blanks
}

func (s *serialiser) end(name xml.Name) error {
	if len(s.open) == 0 {
		return fmt.Errorf("%w: </%s> was not opened", ErrUnsafe, name.Local)
	}
	top := s.open[len(s.open)-1]
	if top.name.Local != name.Local || top.name.Space != name.Space && name.Space != "" && top.name.Space != "" {
		return fmt.Errorf("%w: </%s> closes <%s>", ErrUnsafe, name.Local, top.name.Local)
	}
	s.open = s.open[:len(s.open)-1]
	if s.tag {
		s.buf = append(s.buf, '/', '>')
		s.tag = false
		return nil
	}
	s.buf = append(s.buf, '<', '/')
	s.buf = append(s.buf, name.Local...)
	s.buf = append(s.buf, '>')
	return nil
}
