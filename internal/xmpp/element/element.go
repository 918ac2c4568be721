// Package element holds one XML element as a value, for payloads that are
// small enough to be read whole.
//
// [Read] makes it from tokens, [Element.TokenReader] makes tokens of it again.
// Elements have no prefixes and no namespace declarations: names are resolved.
package element

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"
)

// An Element is an XML element: its name, its attributes and what is inside.
type Element struct {
	Name     xml.Name
	Attr     []xml.Attr
	Children []*Element
	Text     string // of the element itself, that of its children left out
}

// New returns an element with the given name and attributes, which are pairs
// of a name and a value; an attribute with an empty value is left out.
func New(space, local string, attrs ...string) *Element {
	e := &Element{Name: xml.Name{Space: space, Local: local}}
	for i := 0; i+1 < len(attrs); i += 2 {
		if attrs[i+1] != "" {
			e.Attr = append(e.Attr, xml.Attr{Name: xml.Name{Local: attrs[i]}, Value: attrs[i+1]})
		}
	}
	return e
}

// Add appends children and returns e.
func (e *Element) Add(children ...*Element) *Element {
	e.Children = append(e.Children, children...)
	return e
}

// AddText appends a child that holds text, named in the namespace of e, and
// returns e. An empty text adds nothing.
func (e *Element) AddText(local, text string) *Element {
	if text != "" {
		e.Children = append(e.Children, &Element{Name: xml.Name{Space: e.Name.Space, Local: local}, Text: text})
	}
	return e
}

// Get returns the value of the attribute without a namespace called name.
func (e *Element) Get(name string) string {
	for _, a := range e.Attr {
		if a.Name.Local == name && a.Name.Space == "" {
			return a.Value
		}
	}
	return ""
}

// Lang returns the xml:lang of e itself.
func (e *Element) Lang() string {
	for _, a := range e.Attr {
		if a.Name.Local == "lang" && a.Name.Space != "" {
			return a.Value
		}
	}
	return ""
}

// Child returns the first child with that name, or nil. An empty space stands
// for the namespace of e.
func (e *Element) Child(space, local string) *Element {
	if space == "" {
		space = e.Name.Space
	}
	for _, c := range e.Children {
		if c.Name.Local == local && c.Name.Space == space {
			return c
		}
	}
	return nil
}

// ChildText returns the text of the first child called local in the namespace
// of e.
func (e *Element) ChildText(local string) string {
	if c := e.Child("", local); c != nil {
		return c.Text
	}
	return ""
}

// Leaves returns the elements below e that have no children themselves, in their
// order; e itself if it has none.
func (e *Element) Leaves() []*Element {
	if len(e.Children) == 0 {
		return []*Element{e}
	}
	var all []*Element
	for _, c := range e.Children {
		all = append(all, c.Leaves()...)
	}
	return all
}

// Read returns the first element of r, which is read to the end of that
// element. Text before it is skipped. It returns io.EOF when there is none.
func Read(r xml.TokenReader) (*Element, error) {
	for {
		tok, err := r.Token()
		if start, ok := tok.(xml.StartElement); ok {
			if err != nil && err != io.EOF {
				return nil, err
			}
			return ReadInner(r, start)
		}
		if err != nil {
			return nil, err
		}
		if tok == nil {
			return nil, io.ErrNoProgress
		}
	}
}

// ReadAll returns all elements of r.
func ReadAll(r xml.TokenReader) ([]*Element, error) {
	var all []*Element
	for {
		e, err := Read(r)
		if err == io.EOF {
			return all, nil
		}
		if err != nil {
			return all, err
		}
		all = append(all, e)
	}
}

// ReadInner is like [Read] after the start tag has been read.
func ReadInner(r xml.TokenReader, start xml.StartElement) (*Element, error) {
	e := &Element{Name: start.Name}
	for i, a := range start.Attr {
		if a.Name.Space == "xmlns" || a.Name.Space == "" && a.Name.Local == "xmlns" {
			continue
		}
		if e.Attr == nil {
			e.Attr = make([]xml.Attr, 0, len(start.Attr)-i)
		}
		e.Attr = append(e.Attr, a)
	}
	var text strings.Builder
	for {
		tok, err := r.Token()
		switch t := tok.(type) {
		case xml.StartElement:
			child, err := ReadInner(r, t)
			if err != nil {
				return nil, err
			}
			e.Children = append(e.Children, child)
		case xml.EndElement:
			e.Text = text.String()
			return e, nil
		case xml.CharData:
			text.Write(t)
		}
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return nil, fmt.Errorf("element: in <%s>: %w", start.Name.Local, err)
		}
		if tok == nil {
			return nil, io.ErrNoProgress
		}
	}
}

// TokenReader returns a reader of e as tokens. The reader ends with io.EOF.
// Text comes before children. E must not be changed while it is read.
func (e *Element) TokenReader() xml.TokenReader {
	return &reader{stack: []level{{e: e}}}
}

// TokenReader returns a reader of all elements one after the other.
func TokenReader(all ...*Element) xml.TokenReader {
	r := &reader{}
	for i := len(all) - 1; i >= 0; i-- {
		r.stack = append(r.stack, level{e: all[i]})
	}
	return r
}

type reader struct{ stack []level }

type level struct {
	e    *Element
	next int // 0 start tag, 1 text, then children
}

func (r *reader) Token() (xml.Token, error) {
	for len(r.stack) > 0 {
		top := &r.stack[len(r.stack)-1]
		at := top.next
		top.next++
		switch {
		case at == 0:
			return xml.StartElement{Name: top.e.Name, Attr: top.e.Attr}, nil
		case at == 1:
			if top.e.Text != "" {
				return xml.CharData(top.e.Text), nil
			}
		case at-2 < len(top.e.Children):
			r.stack = append(r.stack, level{e: top.e.Children[at-2]})
		default:
			end := xml.EndElement{Name: top.e.Name}
			r.stack = r.stack[:len(r.stack)-1]
			return end, nil
		}
	}
	return nil, io.EOF
}

// String is the element as XML that a person may read: names without their
// namespaces.
func (e *Element) String() string {
	var b strings.Builder
	e.write(&b)
	return b.String()
}

func (e *Element) write(b *strings.Builder) {
	b.WriteString("<" + e.Name.Local)
	for _, a := range e.Attr {
		fmt.Fprintf(b, " %s=%q", a.Name.Local, a.Value)
	}
	if e.Text == "" && len(e.Children) == 0 {
		b.WriteString("/>")
		return
	}
	b.WriteString(">")
	xml.EscapeText(b, []byte(e.Text)) // a strings.Builder takes everything
	for _, c := range e.Children {
		c.write(b)
	}
	b.WriteString("</" + e.Name.Local + ">")
}
