package link

import (
	"encoding/xml"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"mellium.im/xmpp/stanza"
)

// Namespaces that a stream brings along.
const (
	nsXML       = "http://www.w3.org/XML/1998/namespace"
	nsXMLNS     = "http://www.w3.org/2000/xmlns/"
	nsStreams   = "http://etherx.jabber.org/streams"
	nsStreamErr = "urn:ietf:params:xml:ns:xmpp-streams"
	nsComponent = "jabber:component:accept" // read as jabber:client, so that handlers know one name
)

// maxAttrs bounds the attributes of one element.
const maxAttrs = 64

// errBadStanza is wrapped by what is wrong inside one element: it is dropped,
// the stream goes on behind it.
var errBadStanza = errors.New("bad stanza")

// A binding is a namespace declaration in scope.
type binding struct {
	prefix, uri string
	depth       int // of the element that declares it
}

// A scope is what is declared around the elements of a stream.
type scope []binding

func streamScope() scope {
	return scope{{"", stanza.NSClient, 0}, {"stream", nsStreams, 0}, {"xml", nsXML, 0}}
}

// A parser reads one frame. It understands what XMPP allows of XML (RFC 6120
// 11): no DTD, hence only the five entities, no comments, no instructions.
type parser struct {
	src   string // the frame
	pos   int
	scope scope
	depth int
}

// parseElement reads frame, which holds exactly one element. The declarations
// of outer are in scope. An error that wraps errBadStanza leaves the stream
// usable: the frame ends where its element ends, whatever it holds. Known may
// be shared by calls of one goroutine.
func parseElement(frame []byte, outer scope, known *nameCache) (*received, error) {
	p := parser{src: string(frame), scope: outer[:len(outer):len(outer)]}
	if err := checkChars(p.src); err != nil {
		return nil, err
	}
	start, empty, err := p.startTag()
	if err != nil {
		return nil, err
	}
	e := &received{start: start}
	if empty {
		return e, nil
	}
	e.inner = newList(2 + strings.Count(p.src, "<")*4/3) // a text for three tags at most, mostly
	texts := make([]byte, 0, len(p.src)/4)               // the memory of the character data
	var deep [16]openElement
	open := deep[:0]
	for {
		i := strings.IndexByte(p.src[p.pos:], '<')
		if i < 0 {
			return nil, errNotWellFormed
		}
		if i > 0 {
			text, err := unescape(p.src[p.pos:p.pos+i], false)
			if err != nil {
				return nil, err
			}
			p.pos += i
			from := len(texts)
			texts = append(texts, text...)
			e.inner = append(e.inner, xml.CharData(texts[from:len(texts):len(texts)]))
		}
		switch rest := p.src[p.pos:]; {
		case strings.HasPrefix(rest, "</"):
			name, err := p.endTag()
			if err != nil {
				return nil, err
			}
			if len(open) == 0 {
				if name != p.src[1:1+len(name)] || isNamePart(p.src[1+len(name)]) {
					return nil, errNotWellFormed
				}
				if p.pos != len(p.src) {
					return nil, errNotWellFormed
				}
				return e, nil
			}
			top := open[len(open)-1]
			if top.raw != name {
				return nil, errNotWellFormed
			}
			open = open[:len(open)-1]
			p.leave()
			e.inner = append(e.inner, top.end)
		case strings.HasPrefix(rest, "<![CDATA["):
			end := strings.Index(rest, "]]>")
			if end < 0 {
				return nil, errNotWellFormed
			}
			e.inner = append(e.inner, xml.CharData(rest[len("<![CDATA["):end]))
			p.pos += end + len("]]>")
		default:
			raw := p.rawName(1)
			if k := p.bareTag(raw, known); k != nil {
				e.inner = append(e.inner, k.start)
				open = append(open, openElement{raw, k.end})
				continue
			}
			start, empty, err := p.startTag()
			if err != nil {
				return nil, err
			}
			end := xml.EndElement{Name: start.Name}
			e.inner = append(e.inner, start)
			if empty {
				p.leave()
				e.inner = append(e.inner, end)
			} else {
				open = append(open, openElement{raw, end})
			}
		}
	}
}

// bareTag enters the element at pos if its start tag is a name and nothing else,
// without a prefix, and returns its tokens. Otherwise it is nil and nothing has
// happened.
func (p *parser) bareTag(raw string, known *nameCache) *knownName {
	end := p.pos + 1 + len(raw)
	if raw == "" || end >= len(p.src) || p.src[end] != '>' {
		return nil
	}
	space, ok := p.lookup("")
	if !ok {
		return nil
	}
	k := known.find(raw, space)
	if k == nil {
		if !isName(raw) {
			return nil
		}
		k = known.add(strings.Clone(raw), space)
	}
	p.pos = end + 1
	p.depth++
	return k
}

// parseTag reads a frame that holds one start tag only and returns it with the
// scope inside it.
func parseTag(frame []byte, outer scope) (xml.StartElement, scope, error) {
	p := parser{src: string(frame), scope: slices.Clone(outer)}
	if err := checkChars(p.src); err != nil {
		return xml.StartElement{}, nil, err
	}
	start, _, err := p.startTag()
	for i := range p.scope {
		p.scope[i].depth = 0
	}
	return start, p.scope, err
}

type openElement struct {
	raw string // the name as written
	end xml.Token
}

// leave forgets the declarations of the element that ends.
func (p *parser) leave() {
	for n := len(p.scope); n > 0 && p.scope[n-1].depth == p.depth; n-- {
		p.scope = p.scope[:n-1]
	}
	p.depth--
}

func (p *parser) lookup(prefix string) (string, bool) {
	for i := len(p.scope) - 1; i >= 0; i-- {
		if p.scope[i].prefix == prefix {
			return p.scope[i].uri, true
		}
	}
	return "", false
}

// rawName returns the name at pos+skip as it is written.
func (p *parser) rawName(skip int) string {
	i := p.pos + skip
	for i < len(p.src) && isNamePart(p.src[i]) {
		i++
	}
	return p.src[p.pos+skip : i]
}

func (p *parser) space() bool {
	from := p.pos
	for p.pos < len(p.src) && isSpace(p.src[p.pos]) {
		p.pos++
	}
	return p.pos > from
}

func (p *parser) endTag() (string, error) {
	name := p.rawName(2)
	p.pos += 2 + len(name)
	p.space()
	if p.pos == len(p.src) || p.src[p.pos] != '>' {
		return "", errNotWellFormed
	}
	p.pos++
	return name, nil
}

// startTag reads a start tag at pos and enters its element.
func (p *parser) startTag() (start xml.StartElement, empty bool, err error) {
	if len(p.src) <= p.pos {
		return start, false, errNotWellFormed
	}
	raw := p.rawName(1)
	p.pos += 1 + len(raw)
	p.depth++
	if p.depth == 1 {
		start.Attr = make([]xml.Attr, 0, 5) // a stanza has most of them
	}
	for {
		spaced := p.space()
		if p.pos == len(p.src) {
			return start, false, errNotWellFormed
		}
		if p.src[p.pos] == '>' {
			p.pos++
			break
		}
		if p.src[p.pos] == '/' {
			if p.pos+1 >= len(p.src) || p.src[p.pos+1] != '>' {
				return start, false, errNotWellFormed
			}
			p.pos += 2
			empty = true
			break
		}
		name := p.rawName(0)
		p.pos += len(name)
		p.space()
		if name == "" || !spaced || p.pos+1 >= len(p.src) || p.src[p.pos] != '=' {
			return start, false, errNotWellFormed
		}
		p.pos++
		p.space()
		if p.pos == len(p.src) || p.src[p.pos] != '"' && p.src[p.pos] != '\'' {
			return start, false, errNotWellFormed
		}
		end := strings.IndexByte(p.src[p.pos+1:], p.src[p.pos])
		if end < 0 {
			return start, false, errNotWellFormed
		}
		value, err := unescape(p.src[p.pos+1:p.pos+1+end], true)
		if err != nil {
			return start, false, err
		}
		p.pos += end + 2
		prefix, local, prefixed := strings.Cut(name, ":")
		switch {
		case name == "xmlns":
			if err := p.declare("", value); err != nil {
				return start, false, err
			}
			continue
		case prefixed && prefix == "xmlns":
			if !isName(local) {
				return start, false, fmt.Errorf("%w: %q is not a name", errBadStanza, name)
			}
			if err := p.declare(local, value); err != nil {
				return start, false, err
			}
			continue
		case !prefixed:
			prefix, local = "", name
		case !isName(prefix):
			return start, false, fmt.Errorf("%w: %q is not a name", errBadStanza, name)
		}
		if len(start.Attr) == maxAttrs {
			return start, false, fmt.Errorf("%w: more than %d attributes", errBadStanza, maxAttrs)
		}
		start.Attr = append(start.Attr, xml.Attr{Name: xml.Name{Space: prefix, Local: local}, Value: value})
	}
	for i := range start.Attr {
		name := &start.Attr[i].Name
		if name.Space != "" {
			uri, ok := p.lookup(name.Space)
			if !ok {
				return start, false, fmt.Errorf("%w: prefix %q is not declared", errBadStanza, name.Space)
			}
			name.Space = uri
		}
		if !isName(name.Local) {
			return start, false, fmt.Errorf("%w: %q is not a name", errBadStanza, name.Local)
		}
		for j := range i {
			if start.Attr[j].Name == *name {
				return start, false, fmt.Errorf("%w: attribute %q twice", errBadStanza, name.Local)
			}
		}
	}
	prefix, local, prefixed := strings.Cut(raw, ":")
	if !prefixed {
		prefix, local = "", raw
	}
	uri, ok := p.lookup(prefix)
	if !ok {
		return start, false, fmt.Errorf("%w: prefix %q is not declared", errBadStanza, prefix)
	}
	if prefixed && prefix == "" || !isName(local) {
		return start, false, fmt.Errorf("%w: %q is not a name", errBadStanza, raw)
	}
	start.Name = xml.Name{Space: uri, Local: local}
	return start, empty, nil
}

func (p *parser) declare(prefix, uri string) error {
	switch {
	case prefix == "xml" && uri == nsXML:
		return nil
	case prefix == "xml" || prefix == "xmlns" || uri == nsXML || uri == nsXMLNS:
		return fmt.Errorf("%w: namespace %q is reserved", errBadStanza, prefix)
	case prefix != "" && uri == "":
		return fmt.Errorf("%w: bad declaration of prefix %q", errBadStanza, prefix)
	}
	for i := len(p.scope) - 1; i >= 0 && p.scope[i].depth == p.depth; i-- {
		if p.scope[i].prefix == prefix {
			return fmt.Errorf("%w: prefix %q is declared twice", errBadStanza, prefix)
		}
	}
	if uri == nsComponent {
		uri = stanza.NSClient
	}
	p.scope = append(p.scope, binding{prefix, uri, p.depth})
	return nil
}

func isSpace(c byte) bool { return c == ' ' || c == '\n' || c == '\t' || c == '\r' }

func isNamePart(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' ||
		c == '-' || c == '_' || c == '.' || c == ':' || c >= utf8.RuneSelf
}

// isName reports whether s may be the name of an element or attribute without
// its prefix. Beyond ASCII it is more lenient than XML.
func isName(s string) bool {
	if s == "" || s[0] == '-' || s[0] == '.' || s[0] >= '0' && s[0] <= '9' {
		return false
	}
	for i := range len(s) {
		if s[i] == ':' || !isNamePart(s[i]) {
			return false
		}
	}
	return true
}

// checkChars refuses what cannot be written in XML 1.0 at all.
func checkChars(s string) error {
	if i := badChar(s); i >= 0 {
		return fmt.Errorf("%w: byte %#x cannot stand in XML", errBadStanza, s[i])
	}
	return nil
}

// badChar returns the place of the first byte of s that XML 1.0 cannot carry,
// even escaped, or -1.
func badChar[T string | []byte](s T) int {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c >= 0x20 && c < utf8.RuneSelf || c == '\t' || c == '\n' || c == '\r' {
			continue
		}
		if c < 0x20 {
			return i
		}
		r, n := utf8.DecodeRuneInString(string(s[i:min(i+utf8.UTFMax, len(s))]))
		if r == utf8.RuneError && n <= 1 || r == 0xFFFE || r == 0xFFFF {
			return i
		}
		i += n - 1
	}
	return -1
}

// unescape resolves references. It leaves line ends and other white space as
// they are: a server's own parser has normalised them already (XML 1.0 2.11 and
// 3.3.3), so what is left was written as a reference, and Prosody passes it on
// without one.
func unescape(s string, value bool) (string, error) {
	if value && strings.IndexByte(s, '<') >= 0 {
		return "", errNotWellFormed
	}
	if !value && strings.Contains(s, "]]>") {
		return "", fmt.Errorf("%w: ]]> in text", errBadStanza)
	}
	i := strings.IndexByte(s, '&')
	if i < 0 {
		return s, nil
	}
	var b strings.Builder
	b.Grow(len(s))
	for i >= 0 {
		b.WriteString(s[:i])
		s = s[i+1:]
		end := strings.IndexByte(s[:min(len(s), 12)], ';')
		if end < 0 {
			return "", fmt.Errorf("%w: & without ;", errBadStanza)
		}
		r, ok := reference(s[:end])
		if !ok {
			return "", fmt.Errorf("%w: unknown reference &%s;", errBadStanza, s[:end])
		}
		b.WriteRune(r)
		s = s[end+1:]
		i = strings.IndexByte(s, '&')
	}
	b.WriteString(s)
	return b.String(), nil
}

func reference(name string) (rune, bool) {
	switch name {
	case "amp":
		return '&', true
	case "lt":
		return '<', true
	case "gt":
		return '>', true
	case "quot":
		return '"', true
	case "apos":
		return '\'', true
	}
	digits, ok := strings.CutPrefix(name, "#")
	if !ok || digits == "" {
		return 0, false
	}
	base := rune(10)
	if digits[0] == 'x' {
		base, digits = 16, digits[1:]
	}
	if digits == "" {
		return 0, false
	}
	var r rune
	for _, c := range []byte(digits) {
		d := rune(0)
		switch {
		case c >= '0' && c <= '9':
			d = rune(c - '0')
		case base == 16 && c >= 'a' && c <= 'f':
			d = rune(c-'a') + 10
		case base == 16 && c >= 'A' && c <= 'F':
			d = rune(c-'A') + 10
		default:
			return 0, false
		}
		if r = r*base + d; r > utf8.MaxRune {
			return 0, false
		}
	}
	ok = r == '\t' || r == '\n' || r == '\r' || r >= 0x20 && r != 0xFFFE && r != 0xFFFF && utf8.ValidRune(r)
	return r, ok
}
