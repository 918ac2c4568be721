package xmppd

import "unicode/utf8"

// Classes of bytes.
const (
	plainText  = 1 << iota // stands for itself between tags
	plainValue             // stands for itself in an attribute value, quotes too
	nameStart              // may begin a name
	namePart               // may go on in a name
	uriChar                // may stand in a namespace name, RFC 3986 2
)

var class = func() (t [256]uint8) {
	for c := 0x20; c < 0x80; c++ {
		t[c] = plainText | plainValue
	}
	for _, c := range "\t\n\r" {
		t[c] = plainText | plainValue
	}
	for _, c := range "<&" {
		t[c] &^= plainText | plainValue
	}
	t['>'] &^= plainText // part of ]]> perhaps
	for c := 'a'; c <= 'z'; c++ {
		t[c] |= nameStart | namePart | uriChar
		t[c-'a'+'A'] |= nameStart | namePart | uriChar
	}
	for c := '0'; c <= '9'; c++ {
		t[c] |= namePart | uriChar
	}
	t['_'] |= nameStart | namePart
	t['-'] |= namePart
	t['.'] |= namePart
	for _, c := range "-._~:/?#[]@!$&'()*+,;=%" {
		t[c] |= uriChar
	}
	return t
}()

func isSpace(c byte) bool { return c == ' ' || c == '\n' || c == '\t' || c == '\r' }

// text moves pos over character data to the next tag or to the end of b, or
// to a reference or character that b does not hold completely.
func (s *Scanner) text(b []byte) error {
	i := s.pos
	if s.depth == 1 {
		// Text directly inside a stanza matters: an IQ must not have any.
		for i < len(b) && isSpace(b[i]) {
			i++
		}
		if i < len(b) && b[i] != '<' {
			s.stanza.text = true
		}
	}
	for i < len(b) {
		c := b[i]
		if class[c]&plainText != 0 {
			i++
			continue
		}
		switch {
		case c == '<':
			s.pos = i
			return nil
		case c == '>':
			if i >= 2 && b[i-1] == ']' && b[i-2] == ']' {
				return s.fail("not-well-formed", "]]> in text", i)
			}
			i++
		default:
			n, reason := character(b[i:])
			if reason != "" {
				return s.fail(conditionOf(reason), reason, i)
			}
			if n == 0 {
				s.pos = i
				return nil
			}
			i += n
		}
	}
	s.pos = i
	return nil
}

// cdata moves pos over the inside of a CDATA section and reports whether its
// end was there.
func (s *Scanner) cdata(b []byte) (bool, error) {
	i := s.pos
	for i < len(b) {
		c := b[i]
		switch {
		case c == ']':
			if i+2 >= len(b) {
				s.pos = i
				return false, nil
			}
			if b[i+1] == ']' && b[i+2] == '>' {
				s.pos = i + 3
				return true, nil
			}
			i++
		case c == '<' || c == '&' || class[c]&plainValue != 0:
			i++
		default:
			n, reason := character(b[i:])
			if reason != "" {
				return false, s.fail(conditionOf(reason), reason, i)
			}
			if n == 0 {
				s.pos = i
				return false, nil
			}
			i += n
		}
	}
	s.pos = i
	return false, nil
}

const (
	badChar   = "a character that XML forbids"
	badUTF8   = "invalid UTF-8"
	badEntity = "an entity other than the five of XML"
	badRef    = "a broken reference"
	// maxRef bounds references like &#00000065;.
	maxRef = 16
)

func conditionOf(reason string) string {
	switch reason {
	case badUTF8:
		return "unsupported-encoding"
	case badEntity:
		return "restricted-xml"
	}
	return "not-well-formed"
}

// character returns the length of the reference or of the character outside
// ASCII that b begins with: 0 if b is too short to tell, a reason if it is
// refused.
func character(b []byte) (n int, reason string) {
	if b[0] == '&' {
		_, n, reason = reference(b)
		return n, reason
	}
	if b[0] < utf8.RuneSelf {
		return 0, badChar
	}
	r, n := utf8.DecodeRune(b)
	if r == utf8.RuneError && n == 1 {
		if !utf8.FullRune(b) {
			return 0, ""
		}
		return 0, badUTF8
	}
	if r == 0xFFFE || r == 0xFFFF {
		return 0, badChar
	}
	return n, ""
}

// reference reads the reference that b begins with.
func reference(b []byte) (r rune, n int, reason string) {
	end := 1
	for ; end < len(b) && b[end] != ';'; end++ {
		c := b[end]
		if end >= maxRef || c != '#' && class[c]&namePart == 0 {
			return 0, 0, badRef
		}
	}
	if end == len(b) {
		if end > maxRef {
			return 0, 0, badRef
		}
		return 0, 0, ""
	}
	body := b[1:end]
	n = end + 1
	if len(body) == 0 {
		return 0, 0, badRef
	}
	if body[0] != '#' {
		switch string(body) {
		case "lt":
			return '<', n, ""
		case "gt":
			return '>', n, ""
		case "amp":
			return '&', n, ""
		case "quot":
			return '"', n, ""
		case "apos":
			return '\'', n, ""
		}
		return 0, 0, badEntity
	}
	digits, base := body[1:], rune(10)
	if len(digits) > 0 && digits[0] == 'x' {
		digits, base = digits[1:], 16
	}
	if len(digits) == 0 {
		return 0, 0, badRef
	}
	for _, c := range digits {
		var d rune
		switch {
		case '0' <= c && c <= '9':
			d = rune(c - '0')
		case base == 16 && 'a' <= c && c <= 'f':
			d = rune(c-'a') + 10
		case base == 16 && 'A' <= c && c <= 'F':
			d = rune(c-'A') + 10
		default:
			return 0, 0, badRef
		}
		if r = r*base + d; r > utf8.MaxRune {
			return 0, 0, badChar
		}
	}
	ok := r == '\t' || r == '\n' || r == '\r' || r >= 0x20 && r < 0xD800 || r >= 0xE000 && r < 0xFFFE || r >= 0x10000
	if !ok {
		return 0, 0, badChar
	}
	return r, n, ""
}

// unescape returns the text that an attribute value or character data without
// markup stands for. It returns b itself where nothing is escaped. White space
// is left as it is. The value must have passed the scanner.
func unescape(b []byte) []byte {
	i := 0
	for i < len(b) && b[i] != '&' {
		i++
	}
	if i == len(b) {
		return b
	}
	out := append([]byte(nil), b[:i]...)
	for i < len(b) {
		if b[i] != '&' {
			out = append(out, b[i])
			i++
			continue
		}
		r, n, _ := reference(b[i:])
		if n == 0 {
			return out
		}
		out = utf8.AppendRune(out, r)
		i += n
	}
	return out
}
