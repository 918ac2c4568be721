package xmppd

import "fmt"

// ScanLimits bound what a [Scanner] takes. Zero fields mean no bound except
// where said.
type ScanLimits struct {
	Bytes int // of one top-level element; 0 means 256 KiB
	Depth int // nesting, the top-level element included; 0 means 64
	Attrs int // of one element; 0 means 64
	Binds int // namespace declarations in force at one place; 0 means 64
}

func (l ScanLimits) withDefaults() ScanLimits {
	set := func(p *int, v int) {
		if *p <= 0 {
			*p = v
		}
	}
	set(&l.Bytes, 256<<10)
	set(&l.Depth, 64)
	set(&l.Attrs, 64)
	set(&l.Binds, 64)
	return l
}

// A ScanError says why bytes were refused.
type ScanError struct {
	Condition string // stream error condition, RFC 6120 4.9.3
	Reason    string
	Offset    int // in the current top-level element
}

func (e *ScanError) Error() string {
	return fmt.Sprintf("xmppd: %s at byte %d (%s)", e.Reason, e.Offset, e.Condition)
}

// A Token is what [Scanner.Next] found.
type Token uint8

// The tokens.
const (
	More    Token = iota // nothing complete yet: call again with more bytes
	Space                // white space between elements, a keepalive
	Opened               // the stream header
	Element              // a complete top-level element
	Closed               // the end of the stream
)

// A Scanner finds the boundaries of the top-level elements of one XMPP stream
// and refuses whatever another peer's parser might refuse after it was
// forwarded: it accepts only what a namespace-aware expat and encoding/xml
// both accept, and of that neither comments, processing instructions, document
// types and entities (RFC 6120 11.1) nor element and attribute names outside
// ASCII. Prefixes must be declared inside the top-level element that uses
// them, since it will be forwarded into a stream with another header.
//
// The zero Scanner expects a stream header. Not safe for concurrent use.
type Scanner struct {
	Limits ScanLimits

	declared bool   // the XML declaration was read
	open     bool   // the header was read
	header   Header // of this stream

	pos    int    // bytes before it are done with
	state  uint8  // what pos is inside of
	find   int    // of an incomplete tag: bytes before it hold no end of it
	quote  byte   // of an incomplete tag: the quote that find is inside of
	depth  int    // len(stack)
	stack  []open // elements around pos
	binds  []bind // namespace declarations around pos, innermost last
	attrs  []attr // of the tag at hand
	stanza Stanza
}

const (
	inText  uint8 = iota // between tags
	inTag                // at the < of a tag that was incomplete
	inCDATA              // after <![CDATA[
)

// A span is a range of bytes of the current top-level element.
type span struct{ a, b uint32 }

func (s span) of(b []byte) []byte { return b[s.a:s.b] }
func (s span) empty() bool        { return s.a == s.b }

// An open element.
type open struct {
	name   span // as written, with prefix
	binds  int  // len(Scanner.binds) outside of it
	stream bool // it and all around it are in the stream's namespace
}

type bind struct {
	prefix span // empty for the default namespace
	uri    span // as written
}

type attr struct {
	prefix, name, value span
	start               uint32 // of the white space before it
}

// Reset makes the scanner expect a new stream header, as after TLS and SASL.
func (s *Scanner) Reset() {
	limits := s.Limits
	*s = Scanner{Limits: limits, stack: s.stack[:0], binds: s.binds[:0], attrs: s.attrs[:0]}
}

// Header returns the stream header, complete after Next returned Opened.
func (s *Scanner) Header() *Header { return &s.header }

// Stanza returns the element that Next just returned. It is valid until the
// next call of Next, and as long as the bytes given to Next are not changed.
func (s *Scanner) Stanza() *Stanza { return &s.stanza }

// Next looks at buf, which begins where the last token ended. After More it
// wants the same bytes again with some behind them. For every other token it
// returns how many bytes the token took. An error is a *[ScanError] and final.
func (s *Scanner) Next(buf []byte) (Token, int, error) {
	if s.Limits.Depth == 0 {
		s.Limits = s.Limits.withDefaults()
	}
	if s.depth == 0 && s.pos == 0 && s.state == inText {
		n := 0
		for n < len(buf) && isSpace(buf[n]) {
			n++
		}
		if n > 0 {
			return Space, n, nil
		}
		if len(buf) == 0 {
			return More, 0, nil
		}
		if buf[0] != '<' {
			return More, 0, &ScanError{"not-well-formed", "text between elements", 0}
		}
	}
	t, n, err := s.scan(buf)
	if err == nil && (n > s.Limits.Bytes || t == More && len(buf) > s.Limits.Bytes) {
		err = &ScanError{"policy-violation", "the element is too long", s.Limits.Bytes}
	}
	if err != nil {
		return More, 0, err
	}
	if t != More {
		s.pos, s.state, s.depth = 0, inText, 0
	}
	return t, n, nil
}

func (s *Scanner) scan(b []byte) (Token, int, error) {
	for {
		switch s.state {
		case inText:
			if s.depth > 0 {
				if err := s.text(b); err != nil {
					return More, 0, err
				}
			}
			if s.pos == len(b) || b[s.pos] != '<' {
				return More, 0, nil
			}
			s.state, s.find = inTag, 0
		case inCDATA:
			done, err := s.cdata(b)
			if err != nil || !done {
				return More, 0, err
			}
			s.state = inText
		case inTag:
			if s.find > 0 && !s.findEnd(b) {
				return More, 0, nil
			}
			t, n, err := s.tag(b)
			if err != nil {
				return More, 0, err
			}
			if n == 0 {
				// Incomplete: look only for its end from now on, so
				// that a tag that trickles in is not parsed each time.
				if s.find == 0 {
					s.find, s.quote = s.pos+1, 0
					s.findEnd(b)
				}
				return More, 0, nil
			}
			s.pos = n
			if t != More {
				return t, n, nil
			}
			if s.state == inTag {
				s.state = inText
			}
		}
	}
}

// findEnd moves find on to the end of the incomplete tag and reports whether
// it is there.
func (s *Scanner) findEnd(b []byte) bool {
	for i := s.find; i < len(b); i++ {
		switch c := b[i]; {
		case s.quote != 0:
			if c == s.quote {
				s.quote = 0
			}
		case c == '"' || c == '\'':
			s.quote = c
		case c == '>' || c == '<' || c == '[' || c == '?' || c == '!':
			// The end, or something that tag has an opinion of.
			s.find = i
			return true
		}
	}
	s.find = len(b)
	return false
}

// tag parses the tag at pos and returns where it ends, 0 if b ends before.
func (s *Scanner) tag(b []byte) (Token, int, error) {
	i := s.pos
	if i+1 >= len(b) {
		return More, 0, nil
	}
	switch b[i+1] {
	case '/':
		return s.endTag(b)
	case '!':
		return s.bang(b)
	case '?':
		if s.open || s.declared {
			return More, 0, s.fail("restricted-xml", "processing instruction", i)
		}
		n, err := s.declaration(b)
		return Space, n, err
	}
	n, selfClosing, err := s.startTag(b)
	if n == 0 || err != nil {
		return More, 0, err
	}
	if !s.open {
		if selfClosing {
			return More, 0, s.fail("not-well-formed", "the stream header is empty", i)
		}
		if err := s.readHeader(b[:n]); err != nil {
			return More, 0, err
		}
		s.open, s.binds = true, s.binds[:0]
		return Opened, n, nil
	}
	if selfClosing {
		s.pop(uint32(n))
		if s.depth == 0 {
			s.stanza.finish(b[:n], 0)
			return Element, n, nil
		}
	}
	return More, n, nil
}

// bang parses what begins with <! at pos: only CDATA sections may.
func (s *Scanner) bang(b []byte) (Token, int, error) {
	const cdata = "<![CDATA["
	i := s.pos
	have := b[i:min(len(b), i+len(cdata))]
	if string(have) != cdata[:len(have)] {
		return More, 0, s.fail("restricted-xml", "comment or document type", i)
	}
	if len(have) < len(cdata) {
		return More, 0, nil
	}
	if s.depth == 0 {
		return More, 0, s.fail("not-well-formed", "text between elements", i)
	}
	if s.depth == 1 {
		s.stanza.text = true
	}
	s.state = inCDATA
	return More, i + len(cdata), nil
}

func (s *Scanner) endTag(b []byte) (Token, int, error) {
	i := s.pos + 2
	var want []byte
	if s.depth > 0 {
		want = s.stack[s.depth-1].name.of(b)
	} else {
		if !s.open {
			return More, 0, s.fail("not-well-formed", "end tag without a start tag", s.pos)
		}
		want = []byte(s.header.name)
	}
	have := b[i:min(len(b), i+len(want))]
	if string(have) != string(want[:len(have)]) {
		return More, 0, s.fail("not-well-formed", "the end tag is not that of the open element", s.pos)
	}
	for i += len(have); i < len(b) && isSpace(b[i]); i++ {
	}
	if len(have) < len(want) || i == len(b) {
		return More, 0, nil
	}
	if b[i] != '>' {
		return More, 0, s.fail("not-well-formed", "the end tag is not that of the open element", s.pos)
	}
	i++
	if s.depth == 0 {
		return Closed, i, nil
	}
	start := s.pos
	s.pop(uint32(i))
	if s.depth == 0 {
		s.stanza.finish(b[:i], uint32(start))
		return Element, i, nil
	}
	return More, i, nil
}

// push enters an element.
func (s *Scanner) push(o open) {
	s.stack = append(s.stack[:s.depth], o)
	s.depth++
}

// pop leaves the innermost element, which ended at end.
func (s *Scanner) pop(end uint32) {
	s.depth--
	s.binds = s.binds[:s.stack[s.depth].binds]
	if s.depth == 1 {
		s.stanza.endKid(end)
	}
}

func (s *Scanner) fail(condition, reason string, at int) error {
	return &ScanError{condition, reason, at}
}

// attribute returns an attribute of the element just returned, nil if it has
// none or has children.
func (s *Scanner) attribute(st *Stanza, name string) []byte {
	if st.nkids > 0 {
		return nil
	}
	for _, a := range s.attrs {
		if a.prefix.empty() && string(a.name.of(st.raw)) == name {
			return unescape(a.value.of(st.raw))
		}
	}
	return nil
}

// shrink gives back memory that an unusual element needed. Between elements
// only: inside of one the memory is in use.
func (s *Scanner) shrink() {
	if s.depth > 0 || s.pos > 0 || s.state != inText {
		return
	}
	if cap(s.stack) > 16 {
		s.stack = nil
	}
	if cap(s.attrs) > 16 {
		s.attrs = nil
	}
	if cap(s.binds) > 16 {
		s.binds = nil
	}
	if cap(s.stanza.kids) > 8 {
		s.stanza.kids = nil
	}
}
