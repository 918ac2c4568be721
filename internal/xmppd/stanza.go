package xmppd

import "bytes"

// A Kind of top-level element.
type Kind uint8

// The kinds.
const (
	Foreign  Kind = iota // in another namespace than the stream's, or an unknown name
	Message              // RFC 6121 5
	Presence             // RFC 6121 4
	IQ                   // RFC 6120 8.2.3
	Prefixed             // with a prefix, which RFC 6120 4.8.5 lets a server refuse
	Stream               // in the stream's own namespace: an error
)

// A Stanza is a top-level element as it was read, with the places of what a
// router needs. All of it is only valid as long as the bytes it was read from.
type Stanza struct {
	Kind Kind

	raw     []byte // the element
	name    span   // local name
	ns      span   // declared namespace as written; empty: the stream's
	insert  uint32 // new attributes go here
	endTag  uint32 // start of the end tag; 0 if there is none
	to      value
	from    value
	typ     value
	id      value
	kids    []kid
	nkids   int    // kids seen, of which the first maxKids are in kids
	text    bool   // text other than white space directly inside
	own     value  // xmlns, where it says what the stream says
	borders []span // xmlns attributes further in that say what the stream says
}

// A value is the place of an attribute.
type value struct {
	start uint32 // of the white space before it
	v     span   // without quotes
}

func (v value) ok() bool { return v.start != 0 }

// of returns the text of the attribute, nil without one.
func (v value) of(b []byte) []byte {
	if !v.ok() {
		return nil
	}
	return unescape(v.v.of(b))
}

// quoted returns the attribute's value as written, with its quotes.
func (v value) quoted(b []byte) []byte { return b[v.v.a-1 : v.v.b+1] }

// A kid is an element directly inside a stanza.
type kid struct {
	start, end uint32
	name       span // local
	ns         span // as written; empty: the stanza's
	other      bool // its namespace is not that of the stanza
}

// maxKids is how many children a Stanza remembers; it counts all of them.
const maxKids = 64

// reset forgets the last element.
func (st *Stanza) reset() {
	*st = Stanza{kids: st.kids[:0], borders: st.borders[:0]}
}

// markNS notes a declaration of the stream's namespace, which is left out
// where the stanza crosses into a stream with another one.
func (st *Stanza) markNS(top bool, at span) {
	if top {
		st.own = value{start: at.a, v: at}
		return
	}
	st.borders = append(st.borders, at)
}

// begin notes the start tag of the element, which ends at end.
func (st *Stanza) begin(s *Scanner, b []byte, prefix, name span) {
	st.name, st.insert = name, name.b
	foreign := false
	for i := range s.attrs {
		a := &s.attrs[i]
		if !a.prefix.empty() {
			continue
		}
		v := value{start: a.start, v: a.value}
		switch string(a.name.of(b)) {
		case "to":
			st.to = v
		case "from":
			st.from = v
		case "type":
			st.typ = v
		case "id":
			st.id = v
		case "xmlns":
			if !st.own.ok() {
				st.ns, foreign = a.value, true
			}
		}
	}
	switch {
	case !prefix.empty():
		st.Kind = Prefixed
		if _, declared := s.lookup(b, prefix.of(b)); !declared {
			st.Kind = Stream
		}
	case foreign:
		st.Kind = Foreign
	default:
		switch string(name.of(b)) {
		case "message":
			st.Kind = Message
		case "presence":
			st.Kind = Presence
		case "iq":
			st.Kind = IQ
		}
	}
}

// addKid notes a child, whose start tag begins at start.
func (st *Stanza) addKid(s *Scanner, b []byte, start uint32, prefix, name span, o *open) {
	st.nkids++
	if len(st.kids) == maxKids {
		return
	}
	k := kid{start: start, name: name, other: !o.stream}
	if k.other {
		for i := len(s.binds) - 1; i >= 0; i-- {
			if d := &s.binds[i]; bytes.Equal(d.prefix.of(b), prefix.of(b)) {
				k.ns = d.uri
				break
			}
		}
	}
	st.kids = append(st.kids, k)
}

// endKid notes that the last child ended at end.
func (st *Stanza) endKid(end uint32) {
	if st.nkids == len(st.kids) {
		st.kids[len(st.kids)-1].end = end
	}
}

// finish notes the end of the element; endTag is 0 for an empty one.
func (st *Stanza) finish(raw []byte, endTag uint32) { st.raw, st.endTag = raw, endTag }

// isA reports whether the type attribute is t.
func (st *Stanza) isA(t string) bool {
	return st.typ.ok() && string(st.typ.v.of(st.raw)) == t
}

// find returns the first child with a name and namespace.
func (st *Stanza) find(ns, name string) *kid {
	for i := range st.kids {
		k := &st.kids[i]
		if string(k.name.of(st.raw)) == name && st.kidNS(k, ns) {
			return k
		}
	}
	return nil
}

// kidNS reports whether a child is in a namespace; "" is the stanza's own.
func (st *Stanza) kidNS(k *kid, ns string) bool {
	if !k.other {
		return ns == ""
	}
	return ns != "" && string(unescape(k.ns.of(st.raw))) == ns
}

// payload returns the namespace and name of the first child.
func (st *Stanza) payload() (ns, name []byte) {
	if len(st.kids) == 0 {
		return nil, nil
	}
	k := &st.kids[0]
	return unescape(k.ns.of(st.raw)), k.name.of(st.raw)
}

// bytes returns the child as it was read.
func (st *Stanza) bytes(k *kid) []byte { return st.raw[k.start:k.end] }
