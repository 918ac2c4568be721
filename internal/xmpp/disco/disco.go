// Package disco holds what an entity says of itself: XEP-0030 Service
// Discovery, its extension by forms (XEP-0128) and the hash of it all that
// travels in presence (XEP-0115 Entity Capabilities).
//
// Fill an [Info], answer queries with [Info.Element], and put [Info.Caps] into
// every available presence. The receiver checks with [Info.Hash] before it
// believes that an Info belongs to a hash.
package disco

import (
	"bytes"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"

	"adminbot/internal/xmpp/element"
	"mellium.im/xmpp/jid"
)

// Namespaces of the queries and of the caps element.
const (
	NSInfo  = "http://jabber.org/protocol/disco#info"
	NSItems = "http://jabber.org/protocol/disco#items"
	NSCaps  = "http://jabber.org/protocol/caps"
	NSData  = "jabber:x:data"
)

// An Identity says what kind of thing an entity is, as registered for
// XEP-0030.
type Identity struct {
	Category, Type string // both mandatory
	Lang, Name     string
}

// A Field is one line of a [Form]. The field FORM_TYPE is not among them.
type Field struct {
	Var    string
	Values []string
}

// A Form tells more than features can, XEP-0128.
type Form struct {
	Type   string // the value of FORM_TYPE
	Fields []Field
}

// Info is the answer to an info query.
type Info struct {
	Identities []Identity
	Features   []string
	Forms      []Form
}

// Has reports whether the entity supports feature.
func (i Info) Has(feature string) bool { return slices.Contains(i.Features, feature) }

// Element returns the answer to a query for node.
func (i Info) Element(node string) *element.Element {
	q := element.New(NSInfo, "query", "node", node)
	for _, id := range i.Identities {
		e := element.New(NSInfo, "identity", "category", id.Category, "type", id.Type, "name", id.Name)
		if id.Lang != "" {
			lang := element.New("", "", "lang", id.Lang).Attr[0]
			lang.Name.Space = "http://www.w3.org/XML/1998/namespace"
			e.Attr = append(e.Attr, lang)
		}
		q.Add(e)
	}
	for _, f := range i.Features {
		q.Add(element.New(NSInfo, "feature", "var", f))
	}
	for _, form := range i.Forms {
		x := element.New(NSData, "x", "type", "result")
		x.Add(element.New(NSData, "field", "var", "FORM_TYPE", "type", "hidden").AddText("value", form.Type))
		for _, f := range form.Fields {
			field := element.New(NSData, "field", "var", f.Var)
			for _, v := range f.Values {
				field.Add(&element.Element{Name: element.New(NSData, "value").Name, Text: v})
			}
			x.Add(field)
		}
		q.Add(x)
	}
	return q
}

// Query returns a request for what is at node, which may be empty.
func Query(node string) *element.Element { return element.New(NSInfo, "query", "node", node) }

// Parse reads an answer. It fails when the answer has what a hash must not be
// made of (XEP-0115#ver-proc): the same identity, feature or form twice.
func Parse(q *element.Element) (Info, error) {
	var i Info
	for _, c := range q.Children {
		switch {
		case c.Name.Space == NSInfo && c.Name.Local == "identity":
			id := Identity{Category: c.Get("category"), Type: c.Get("type"), Name: c.Get("name"), Lang: c.Lang()}
			for _, other := range i.Identities {
				if other.Category == id.Category && other.Type == id.Type && other.Lang == id.Lang {
					return i, fmt.Errorf("disco: identity %s/%s twice", id.Category, id.Type)
				}
			}
			i.Identities = append(i.Identities, id)
		case c.Name.Space == NSInfo && c.Name.Local == "feature":
			v := c.Get("var")
			if i.Has(v) {
				return i, fmt.Errorf("disco: feature %s twice", v)
			}
			i.Features = append(i.Features, v)
		case c.Name.Space == NSData && c.Name.Local == "x":
			form, ok, err := parseForm(c)
			if err != nil {
				return i, err
			}
			if !ok {
				continue
			}
			if slices.ContainsFunc(i.Forms, func(f Form) bool { return f.Type == form.Type }) {
				return i, fmt.Errorf("disco: form %s twice", form.Type)
			}
			i.Forms = append(i.Forms, form)
		}
	}
	return i, nil
}

// parseForm reads a form; one without a hidden FORM_TYPE does not count.
func parseForm(x *element.Element) (form Form, ok bool, err error) {
	for _, c := range x.Children {
		if c.Name.Space != NSData || c.Name.Local != "field" {
			continue
		}
		var values []string
		for _, v := range c.Children {
			if v.Name.Space == NSData && v.Name.Local == "value" {
				values = append(values, v.Text)
			}
		}
		if c.Get("var") != "FORM_TYPE" {
			form.Fields = append(form.Fields, Field{c.Get("var"), values})
			continue
		}
		if c.Get("type") != "hidden" || len(values) == 0 {
			return form, false, nil
		}
		for _, v := range values[1:] {
			if v != values[0] {
				return form, false, fmt.Errorf("disco: a form of two types, %s and %s", values[0], v)
			}
		}
		form.Type, ok = values[0], true
	}
	return form, ok, nil
}

// Hash returns the verification string of i, XEP-0115#ver-gen, with SHA-1.
func (i Info) Hash() string {
	var b bytes.Buffer
	ids := make([]string, len(i.Identities))
	for n, id := range i.Identities {
		ids[n] = id.Category + "/" + id.Type + "/" + id.Lang + "/" + id.Name
	}
	list(&b, ids)
	list(&b, slices.Clone(i.Features))
	forms := slices.SortedFunc(slices.Values(i.Forms), func(a, b Form) int { return strings.Compare(a.Type, b.Type) })
	for _, form := range forms {
		b.WriteString(form.Type + "<")
		fields := slices.SortedFunc(slices.Values(form.Fields), func(a, b Field) int { return strings.Compare(a.Var, b.Var) })
		for _, f := range fields {
			b.WriteString(f.Var + "<")
			list(&b, slices.Clone(f.Values))
		}
	}
	sum := sha1.Sum(b.Bytes())
	return base64.StdEncoding.EncodeToString(sum[:])
}

// list writes the elements in bytewise order, each followed by a <.
func list(b *bytes.Buffer, elems []string) {
	slices.Sort(elems)
	for _, e := range elems {
		b.WriteString(e + "<")
	}
}

// Caps is the element of XEP-0115 in a presence.
type Caps struct {
	Node string // a URI that names the software
	Ver  string // see [Info.Hash]
	Hash string // the name of the hash function
}

// Caps returns the caps of i for the software called node.
func (i Info) Caps(node string) Caps { return Caps{Node: node, Ver: i.Hash(), Hash: "sha-1"} }

// QueryNode returns the node to ask for the Info behind c.
func (c Caps) QueryNode() string { return c.Node + "#" + c.Ver }

// Element returns c as an element.
func (c Caps) Element() *element.Element {
	return element.New(NSCaps, "c", "hash", c.Hash, "node", c.Node, "ver", c.Ver)
}

// ParseCaps returns the caps among the children of a presence.
func ParseCaps(children []*element.Element) (Caps, bool) {
	for _, e := range children {
		if e.Name.Space == NSCaps && e.Name.Local == "c" {
			c := Caps{Node: e.Get("node"), Ver: e.Get("ver"), Hash: e.Get("hash")}
			return c, c.Node != "" && c.Ver != ""
		}
	}
	return Caps{}, false
}

// An Item is something that an entity has, XEP-0030#items.
type Item struct {
	JID  jid.JID
	Node string
	Name string
}

// ItemsElement returns the answer to an items query for node.
func ItemsElement(node string, items []Item) *element.Element {
	q := element.New(NSItems, "query", "node", node)
	for _, i := range items {
		q.Add(element.New(NSItems, "item", "jid", i.JID.String(), "node", i.Node, "name", i.Name))
	}
	return q
}

// ParseItems reads an answer to an items query.
func ParseItems(q *element.Element) ([]Item, error) {
	var items []Item
	for _, c := range q.Children {
		if c.Name.Space != NSItems || c.Name.Local != "item" {
			continue
		}
		j, err := jid.Parse(c.Get("jid"))
		if err != nil {
			return nil, fmt.Errorf("disco: item %q: %w", c.Get("jid"), err)
		}
		items = append(items, Item{JID: j, Node: c.Get("node"), Name: c.Get("name")})
	}
	return items, nil
}
