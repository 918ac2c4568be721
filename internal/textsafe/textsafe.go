// Package textsafe makes text that somebody else wrote harmless to show: [Line]
// leaves one line of valid XML 1.0 text in which nothing commands a terminal or
// turns the direction of what follows, [Text] does so with each of several lines,
// and [EscapeLen] finds the end of a
// terminal escape sequence.
package textsafe

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Line returns s as one line. Terminal escape sequences and characters that
// take no room are left out; line ends and tabs become a blank; other control
// and formatting characters (C0, C1, bidi) and what is no UTF-8 become U+FFFD.
// At most limit bytes of it remain, at least 4; limit 0 means all. What Line
// returned, it returns again unchanged.
func Line(s string, limit int) string {
	if plain(s) && (limit == 0 || len(s) <= limit) {
		return s
	}
	more := false
	if limit > 0 && len(s) > 4*limit { // whatever is cut out, the rest fills it
		s, more = s[:4*limit], true
	}
	var b strings.Builder
	b.Grow(len(s))
	for len(s) > 0 {
		if n := EscapeLen(s); n > 0 {
			s = s[n:]
			continue
		}
		r, n := utf8.DecodeRuneInString(s)
		switch {
		case r == '\n', r == '\t', r == '\u0085', r == '\u2028', r == '\u2029':
			b.WriteByte(' ')
		case r == '\r' && len(s) == n: // the end of a line from elsewhere
		case r == utf8.RuneError && n == 1, r == 0xFFFE, r == 0xFFFF, unicode.IsControl(r):
			b.WriteRune(utf8.RuneError)
		case joins(r):
		case Hidden(r):
			b.WriteRune(utf8.RuneError)
		default:
			b.WriteString(s[:n])
		}
		s = s[n:]
	}
	return cut(b.String(), limit, more)
}

// Text returns s with every line of it as [Line] returns it. At most limit bytes
// of it remain, at least 4; limit 0 means all. What Text returned, it returns
// again unchanged.
func Text(s string, limit int) string {
	more := false
	if limit > 0 && len(s) > 4*limit {
		s, more = s[:4*limit], true
	}
	lines := strings.Split(s, "\n")
	for i, l := range lines {
		lines[i] = Line(l, 0)
	}
	return cut(strings.Join(lines, "\n"), limit, more)
}

// cut leaves at most limit bytes of s, and says so at its end if it had more.
func cut(s string, limit int, more bool) string {
	if limit == 0 || !more && len(s) <= limit {
		return s
	}
	s = s[:min(len(s), max(0, limit-len("…")))]
	for len(s) > 0 { // not in the middle of a letter
		if r, n := utf8.DecodeLastRuneInString(s); r != utf8.RuneError || n != 1 {
			break
		}
		s = s[:len(s)-1]
	}
	return s + "…"
}

// Hidden reports characters that cannot be seen: formatting ones (bidi, zero
// width, tags), line and paragraph separators, variation selectors, fillers.
func Hidden(r rune) bool {
	switch r {
	case '\u034F', '\u115F', '\u1160', '\u17B4', '\u17B5', '\u2028', '\u2029', '\u3164', '\uFFA0':
		return true
	}
	return r >= 0x80 && unicode.In(r, unicode.Cf, unicode.Variation_Selector)
}

// joins reports the hidden characters that ordinary text has between letters
// and in emoji: it stays readable without them.
func joins(r rune) bool {
	return r == '\u200C' || r == '\u200D' || unicode.Is(unicode.Variation_Selector, r)
}

// plain is true for printable ASCII, which is most of all text.
func plain(s string) bool {
	for i := range len(s) {
		if s[i] < 0x20 || s[i] > 0x7e {
			return false
		}
	}
	return true
}

// Bounds of one escape sequence: one that goes on is broken.
const (
	maxCSI    = 64
	maxString = 512
)

// EscapeLen is the length in bytes of the terminal escape sequence s begins
// with (ECMA-48 5.4), or 0: CSI, also as the one character U+009B, parameters up
// to a final byte; an OSC, DCS, APC, PM or SOS string up to BEL or ST; else ESC
// and one byte.
func EscapeLen(s string) int {
	switch {
	case strings.HasPrefix(s, "\u009b"):
		return csi(s, len("\u009b"))
	case strings.HasPrefix(s, "\u009d"), strings.HasPrefix(s, "\u0090"): // OSC, DCS
		return ended(s, len("\u009d"))
	case s == "" || s[0] != 0x1b:
		return 0
	case len(s) == 1:
		return 1
	}
	switch s[1] {
	case '[':
		return csi(s, 2)
	case ']', 'P', '_', '^', 'X':
		return ended(s, 2)
	}
	if s[1] >= 0x20 && s[1] < 0x7f {
		return 2
	}
	return 1
}

func csi(s string, i int) int {
	for ; i < len(s) && i < maxCSI; i++ {
		if s[i] >= 0x40 && s[i] <= 0x7e {
			return i + 1
		}
		if s[i] < 0x20 || s[i] > 0x3f {
			return i
		}
	}
	return min(len(s), maxCSI)
}

// ended is the length of a control string with its end; without one, only what
// begins it is left out, not what may be the rest of the text.
func ended(s string, begin int) int {
	for i := begin; i < len(s) && i < maxString; i++ {
		switch {
		case s[i] == 0x07:
			return i + 1
		case strings.HasPrefix(s[i:], "\u009c"):
			return i + len("\u009c")
		case strings.HasPrefix(s[i:], "\x1b\\"):
			return i + 2
		case s[i] == 0x1b:
			return i
		}
	}
	return begin
}
