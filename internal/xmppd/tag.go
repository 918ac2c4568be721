package xmppd

import "bytes"

const (
	nsXML   = "http://www.w3.org/XML/1998/namespace"
	nsXMLNS = "http://www.w3.org/2000/xmlns/"
)

var xmlNamespace = []byte(nsXML)

// startTag parses the start tag at pos, enters the element, and returns where
// the tag ends; 0 if b ends before.
func (s *Scanner) startTag(b []byte) (end int, selfClosing bool, err error) {
	start := s.pos
	i := start + 1
	if s.depth == 0 {
		s.stanza.reset()
	}
	prefix, name, i, err := s.name(b, i)
	if err != nil || i == 0 {
		return 0, false, err
	}
	s.attrs = s.attrs[:0]
	declares := false
	for {
		gap := i
		for i < len(b) && isSpace(b[i]) {
			i++
		}
		if i == len(b) {
			return 0, false, nil
		}
		if b[i] == '>' {
			i++
			break
		}
		if b[i] == '/' {
			if i+1 == len(b) {
				return 0, false, nil
			}
			if b[i+1] != '>' {
				return 0, false, s.fail("not-well-formed", "a stray / in a tag", i)
			}
			i += 2
			selfClosing = true
			break
		}
		if i == gap {
			return 0, false, s.fail("not-well-formed", "no white space before an attribute", i)
		}
		if len(s.attrs) >= s.Limits.Attrs {
			return 0, false, s.fail("policy-violation", "too many attributes", i)
		}
		var a attr
		a.start = uint32(gap)
		if a.prefix, a.name, i, err = s.name(b, i); err != nil || i == 0 {
			return 0, false, err
		}
		for i < len(b) && isSpace(b[i]) {
			i++
		}
		if i == len(b) {
			return 0, false, nil
		}
		if b[i] != '=' {
			return 0, false, s.fail("not-well-formed", "an attribute without a value", i)
		}
		for i++; i < len(b) && isSpace(b[i]); i++ {
		}
		if i == len(b) {
			return 0, false, nil
		}
		quote := b[i]
		if quote != '"' && quote != '\'' {
			return 0, false, s.fail("not-well-formed", "an attribute value without quotes", i)
		}
		i++
		a.value.a = uint32(i)
		for {
			for i < len(b) && b[i] != quote && class[b[i]]&plainValue != 0 {
				i++
			}
			if i == len(b) {
				return 0, false, nil
			}
			if b[i] == quote {
				break
			}
			if b[i] == '<' {
				return 0, false, s.fail("not-well-formed", "< in an attribute value", i)
			}
			n, reason := character(b[i:])
			if reason != "" {
				return 0, false, s.fail(conditionOf(reason), reason, i)
			}
			if n == 0 {
				return 0, false, nil
			}
			i += n
		}
		a.value.b = uint32(i)
		i++
		s.attrs = append(s.attrs, a)
		declares = declares || !a.prefix.empty() || b[a.name.a] == 'x'
	}
	if s.depth >= s.Limits.Depth {
		return 0, false, s.fail("policy-violation", "elements too deep inside each other", start)
	}
	o := open{name: span{uint32(start + 1), name.b}, binds: len(s.binds)}
	o.stream = prefix.empty() && (s.depth == 0 || s.stack[s.depth-1].stream)
	if declares {
		if err := s.declare(b, &o); err != nil {
			return 0, false, err
		}
	}
	if s.open && !prefix.empty() {
		if _, ok := s.lookup(b, prefix.of(b)); !ok {
			// The only thing that may use the stream's own prefix.
			if s.depth > 0 || string(prefix.of(b)) != s.header.prefix {
				return 0, false, s.fail("not-well-formed", "a prefix that is not declared inside the stanza", start)
			}
		}
	}
	for k := range s.attrs {
		if err := s.unique(b, k); err != nil {
			return 0, false, err
		}
	}
	if s.open {
		switch s.depth {
		case 0:
			s.stanza.begin(s, b, prefix, name)
		case 1:
			s.stanza.addKid(s, b, uint32(start), prefix, name, &o)
		}
		s.push(o)
	}
	return i, selfClosing, nil
}

// name parses a name with an optional prefix at i and returns where it ends; 0
// if b ends before.
func (s *Scanner) name(b []byte, i int) (prefix, local span, end int, err error) {
	start := i
	if i == len(b) {
		return span{}, span{}, 0, nil
	}
	if class[b[i]]&nameStart == 0 {
		return span{}, span{}, 0, s.badName(b, i)
	}
	for i++; i < len(b) && class[b[i]]&namePart != 0; i++ {
	}
	local = span{uint32(start), uint32(i)}
	if i < len(b) && b[i] == ':' {
		prefix = local
		i++
		if i == len(b) {
			return span{}, span{}, 0, nil
		}
		start = i
		if class[b[i]]&nameStart == 0 {
			return span{}, span{}, 0, s.badName(b, i)
		}
		for i++; i < len(b) && class[b[i]]&namePart != 0; i++ {
		}
		local = span{uint32(start), uint32(i)}
	}
	if i == len(b) {
		return span{}, span{}, 0, nil
	}
	if c := b[i]; c == ':' || c >= 0x80 {
		return span{}, span{}, 0, s.badName(b, i)
	}
	return prefix, local, i, nil
}

func (s *Scanner) badName(b []byte, i int) error {
	if b[i] >= 0x80 {
		return s.fail("not-well-formed", "a name outside ASCII", i)
	}
	return s.fail("not-well-formed", "a broken name", i)
}

// declare puts the namespace declarations among the attributes into force.
func (s *Scanner) declare(b []byte, o *open) error {
	for k := range s.attrs {
		a := &s.attrs[k]
		var d bind
		switch {
		case a.prefix.empty() && string(a.name.of(b)) == "xmlns":
		case !a.prefix.empty() && string(a.prefix.of(b)) == "xmlns":
			d.prefix = a.name
			if p := string(a.name.of(b)); p == "xml" || p == "xmlns" {
				return s.fail("not-well-formed", "the prefix "+p+" declared again", int(a.start))
			}
			if a.value.empty() {
				return s.fail("not-well-formed", "a prefix declared as nothing", int(a.start))
			}
		default:
			continue
		}
		d.uri = a.value
		uri := unescape(d.uri.of(b))
		for _, c := range uri {
			// Peers join namespace and name by a character that cannot
			// stand in a URI, and refuse namespaces that hold it.
			if c < 0x80 && class[c]&uriChar == 0 {
				return s.fail("not-well-formed", "a namespace that is no URI", int(a.start))
			}
		}
		if u := string(uri); u == nsXML || u == nsXMLNS {
			return s.fail("not-well-formed", "a reserved namespace declared", int(a.start))
		}
		if len(s.binds) >= s.Limits.Binds {
			return s.fail("policy-violation", "too many namespace declarations", int(a.start))
		}
		s.binds = append(s.binds, d)
		if d.prefix.empty() && s.open {
			if o.stream && string(uri) == s.header.ns {
				s.stanza.markNS(s.depth == 0, span{a.start, a.value.b + 1})
			} else {
				o.stream = false
			}
		}
	}
	return nil
}

// lookup returns the namespace that a prefix, or "" for the default, stands
// for inside the stanza, as written.
func (s *Scanner) lookup(b, prefix []byte) (uri []byte, ok bool) {
	for k := len(s.binds) - 1; k >= 0; k-- {
		if bytes.Equal(s.binds[k].prefix.of(b), prefix) {
			return s.binds[k].uri.of(b), true
		}
	}
	if string(prefix) == "xml" {
		return xmlNamespace, true
	}
	return nil, false
}

// unique checks that attribute k has a declared prefix and differs from those
// before it, by name and by namespace.
func (s *Scanner) unique(b []byte, k int) error {
	a := &s.attrs[k]
	name, prefix := a.name.of(b), a.prefix.of(b)
	var ns []byte
	declaration := string(prefix) == "xmlns"
	if s.open && len(prefix) > 0 && !declaration {
		uri, ok := s.lookup(b, prefix)
		if !ok {
			return s.fail("not-well-formed", "a prefix that is not declared inside the stanza", int(a.start))
		}
		ns = uri
	}
	for j := range s.attrs[:k] {
		o := &s.attrs[j]
		if !bytes.Equal(name, o.name.of(b)) {
			continue
		}
		op := o.prefix.of(b)
		same := bytes.Equal(prefix, op)
		if !same && ns != nil && len(op) > 0 && string(op) != "xmlns" {
			uri, _ := s.lookup(b, op)
			same = bytes.Equal(unescape(ns), unescape(uri))
		}
		if same {
			return s.fail("not-well-formed", "the same attribute twice", int(a.start))
		}
	}
	return nil
}
