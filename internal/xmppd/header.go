package xmppd

import "bytes"

// Namespaces of streams, RFC 6120 and XEP-0114.
const (
	NSStream    = "http://etherx.jabber.org/streams"
	NSClient    = "jabber:client"
	NSComponent = "jabber:component:accept"
)

// A Header is the start tag of a stream (RFC 6120 4.7).
type Header struct {
	NS      string // default namespace
	To      string
	From    string
	Version string
	Lang    string

	name   string // as written
	prefix string
	ns     string // NS once more, for the scanner
}

// declaration reads an XML declaration and returns where it ends, 0 if b ends
// before.
func (s *Scanner) declaration(b []byte) (int, error) {
	const begin, maxLen = "<?xml", 128
	have := b[:min(len(b), len(begin))]
	if string(have) != begin[:len(have)] {
		return 0, s.fail("restricted-xml", "processing instruction", 0)
	}
	end := bytes.Index(b, []byte("?>"))
	if end < 0 {
		if len(b) > maxLen {
			return 0, s.fail("not-well-formed", "a broken XML declaration", 0)
		}
		return 0, nil
	}
	if end > maxLen {
		return 0, s.fail("not-well-formed", "a broken XML declaration", 0)
	}
	// Only what an XML declaration may hold, so that none of it needs an opinion.
	if !isSpace(b[len(begin)]) {
		return 0, s.fail("restricted-xml", "processing instruction", 0)
	}
	for _, c := range b[len(begin):end] {
		if c >= 0x80 || class[c]&plainText == 0 {
			return 0, s.fail("not-well-formed", "a broken XML declaration", 0)
		}
	}
	if i := bytes.Index(b[:end], []byte("encoding")); i >= 0 {
		enc := bytes.Trim(b[i+len("encoding"):end], " \t\r\n=\"'")
		if j := bytes.IndexAny(enc, "\"' "); j >= 0 {
			enc = enc[:j]
		}
		if !bytes.EqualFold(enc, []byte("utf-8")) {
			return 0, s.fail("unsupported-encoding", "an encoding other than UTF-8", i)
		}
	}
	s.declared = true
	return end + 2, nil
}

// readHeader takes the attributes of the tag just parsed as those of the
// stream header.
func (s *Scanner) readHeader(tag []byte) error {
	h := Header{name: string(tag[1 : 1+nameLen(tag[1:])])}
	prefix, local, ok := bytes.Cut([]byte(h.name), []byte(":"))
	if !ok {
		local, prefix = prefix, nil
	}
	uri, bound := s.lookup(tag, prefix)
	if !bound || len(prefix) == 0 {
		return s.fail("bad-namespace-prefix", "the stream header has no prefix of its own", 0)
	}
	if string(uri) != NSStream || string(local) != "stream" {
		return s.fail("invalid-namespace", "the first element is no stream header", 0)
	}
	h.prefix = string(prefix)
	if ns, ok := s.lookup(tag, nil); ok {
		h.NS = string(unescape(ns))
		h.ns = h.NS
	}
	for _, a := range s.attrs {
		v := string(unescape(a.value.of(tag)))
		switch name := string(a.name.of(tag)); {
		case string(a.prefix.of(tag)) == "xml" && name == "lang":
			h.Lang = v
		case !a.prefix.empty():
		case name == "to":
			h.To = v
		case name == "from":
			h.From = v
		case name == "version":
			h.Version = v
		}
	}
	s.header = h
	return nil
}

// nameLen returns the length of the name, with prefix, that b begins with.
func nameLen(b []byte) int {
	i := 0
	for i < len(b) && (class[b[i]]&namePart != 0 || b[i] == ':') {
		i++
	}
	return i
}
