package bot

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Everything a host says about itself (fault messages, log lines, process
// names, mount points, mood texts) was written by somebody else. It reaches a
// reply only through clean or cleanLines.

const (
	maxCell = 160     // runes of peer text kept in one cell of a reply
	maxPath = 4 << 10 // of a path, which nobody can use in part
	maxMark = 2       // combining marks kept on one letter
)

// clean makes one line of peer text fit to be shown: escape sequences, control
// characters, invisible and direction-changing characters go, white space
// becomes one blank, anything that could pass for a sentence of this bot or end
// a code block is defaced, and what is longer than limit runes is cut.
func clean(s string, limit int) string {
	if limit <= 0 {
		limit = maxCell
	}
	// Nothing past this many bytes can matter for limit runes of output: peers
	// may send much, and this runs for every cell.
	if n := limit * 16; len(s) > n {
		s = strings.ToValidUTF8(s[:n], "") + "…"
	}
	var b strings.Builder
	var marks, ticks int
	blank := true // leading white space is dropped
	for i := 0; i < len(s); {
		if n := escapeLen(s[i:]); n > 0 {
			i += n
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		i += n
		if r != '`' {
			ticks = 0
		}
		switch {
		case r == utf8.RuneError && n <= 1, r == 0xFFFE, r == 0xFFFF:
			r = utf8.RuneError
		case unicode.IsSpace(r), r == '\u2028', r == '\u2029', r == '\u2800', r == '\u3164', r == '\uFFA0':
			if !blank {
				b.WriteByte(' ')
			}
			blank = true
			continue
		case unicode.IsControl(r), invisible(r):
			continue
		case unicode.In(r, unicode.Mn, unicode.Me):
			if marks++; marks > maxMark {
				continue
			}
			b.WriteRune(r)
			continue
		case r == '`':
			if ticks++; ticks > 2 { // three would end a code block (XEP-0393)
				r = '\''
			}
		case strings.ContainsRune(ownMarks, r):
			r = '?'
		}
		marks, blank = 0, false
		b.WriteRune(r)
	}
	return cut(deface(strings.TrimRight(b.String(), " ")), limit)
}

// lineEnds makes all line ends one.
var lineEnds = strings.NewReplacer("\r\n", "\n", "\r", "\n", "\u2028", "\n", "\u2029", "\n")

// cleanLines is clean for text of several lines, of which at most max are kept.
func cleanLines(s string, max, limit int) []string {
	s = lineEnds.Replace(s)
	var out []string
	for line := range strings.SplitSeq(s, "\n") {
		if len(out) == max {
			break
		}
		out = append(out, clean(line, limit))
	}
	for len(out) > 0 && out[len(out)-1] == "" {
		out = out[:len(out)-1]
	}
	return out
}

// ownMarks begin this bot's own sentences (R1); no peer may write them.
const ownMarks = "✔✖⚠⏸⛔⌛❌✅"

// invisible reports characters that take no room or change the direction of
// what follows: zero-width ones, bidi controls, tags, variation selectors.
func invisible(r rune) bool {
	return unicode.In(r, unicode.Cf, unicode.Variation_Selector, unicode.Co, unicode.Cs) || r == '\u034F' || r == '\u115F' || r == '\u1160' || r == '\u17B4' || r == '\u17B5'
}

// escapeLen is the length of the terminal escape sequence s begins with (ECMA-48
// CSI, OSC and the short ones), or 0.
func escapeLen(s string) int {
	i := 0
	switch {
	case strings.HasPrefix(s, "\x1b"):
		i = 1
	case strings.HasPrefix(s, "\u009b"): // CSI as one character
		return csiLen(s, len("\u009b"))
	default:
		return 0
	}
	if i == len(s) {
		return i
	}
	switch s[i] {
	case '[':
		return csiLen(s, i+1)
	case ']', 'P', '_', '^', 'X': // strings, ended by BEL or ESC \
		for j := i + 1; j < len(s); j++ {
			if s[j] == '\a' {
				return j + 1
			}
			if s[j] == 0x1b {
				return j
			}
		}
		return len(s)
	}
	if s[i] < utf8.RuneSelf && s[i] >= ' ' {
		return i + 1
	}
	return i
}

func csiLen(s string, i int) int {
	for i < len(s) && s[i] >= 0x20 && s[i] <= 0x3f {
		i++
	}
	if i < len(s) && s[i] >= 0x40 && s[i] <= 0x7e {
		i++
	}
	return i
}

// deface breaks what reads like a line to answer a card with ("yes 7f3", "approve
// 8tz 6"): the blank becomes an underscore, so that neither a hurried eye nor a
// copied line confirms what a host made up.
func deface(s string) string {
	words := strings.Split(s, " ")
	var b strings.Builder
	for i, w := range words {
		switch {
		case i == 0:
		case confirming[letters(words[i-1])] && looksLikeID(strings.TrimFunc(w, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })):
			b.WriteByte('_')
		default:
			b.WriteByte(' ')
		}
		b.WriteString(w)
	}
	return b.String()
}

var confirming = map[string]bool{"yes": true, "approve": true, "reject": true, "confirm": true}

// letters is w in lower case without what stands around its letters.
func letters(w string) string {
	return strings.ToLower(strings.TrimFunc(w, func(r rune) bool { return !unicode.IsLetter(r) }))
}

// cut shortens s to at most limit runes, showing that it did.
func cut(s string, limit int) string {
	if len(s) <= limit || utf8.RuneCountInString(s) <= limit {
		return s
	}
	n := 0
	for i := range s {
		if n == limit-1 {
			return s[:i] + "…"
		}
		n++
	}
	return s
}

// shorten is cut for what is known by its end: of a path it keeps the last
// element, of "name (4112)" the number, and takes out of the middle.
func shorten(s string, limit int) string {
	if width(s) <= limit {
		return s
	}
	from := 0
	switch {
	case isPath(s):
		from = strings.LastIndexByte(strings.TrimRight(s, "/"), '/')
	case strings.HasSuffix(s, ")"):
		from = strings.LastIndex(s, " (")
	}
	end := []rune(s[max(from, 0):])
	switch room := limit - 1; {
	case from <= 0 && !isPath(s), limit < 4:
		return cut(s, limit)
	case len(end) > room*3/4: // the end alone is too long: so much of it
		end = end[len(end)-room*3/4:]
	}
	return string([]rune(s)[:limit-1-len(end)]) + "…" + string(end)
}

// isPath reports whether s is a file's absolute path and nothing else.
func isPath(s string) bool { return strings.HasPrefix(s, "/") && !strings.ContainsRune(s, ' ') }

func width(s string) int { return utf8.RuneCountInString(s) }
