package link

import "encoding/xml"

// A nameCache remembers the tokens of elements without attributes: most of what
// is in an answer are the same few names over and over, and making a token of
// one allocates. Tokens are values that nobody can change, so that sharing them
// is safe. It belongs to one goroutine; the zero value is ready.
type nameCache struct{ slots [64]*knownName }

type knownName struct {
	raw, space string // as written, without a prefix, and its namespace
	start, end xml.Token
}

// slot is where a name would be.
func (c *nameCache) slot(raw string) **knownName {
	n := len(raw)
	return &c.slots[(n+7*int(raw[0])+13*int(raw[n/2])+31*int(raw[n-1]))%len(c.slots)]
}

func (c *nameCache) find(raw, space string) *knownName {
	if k := *c.slot(raw); k != nil && k.raw == raw && k.space == space {
		return k
	}
	return nil
}

// add remembers a name in the place of the one that had its slot.
func (c *nameCache) add(raw, space string) *knownName {
	name := xml.Name{Space: space, Local: raw}
	k := &knownName{raw, space, xml.StartElement{Name: name}, xml.EndElement{Name: name}}
	*c.slot(raw) = k
	return k
}
