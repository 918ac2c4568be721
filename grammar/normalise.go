package grammar

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Bounds on one line. Beyond them a line is refused, not cut.
const (
	MaxLine  = 2000 // bytes
	maxWords = 96   // words and marks
)

// A keyed is a line after the keyboard normaliser: typographic marks are
// plain, spaces are spaces, and what makes a line untrustworthy is noted.
type keyed struct {
	runes []rune
	cols  []int // column of each rune in the line as typed, from 1
	// odd is set when the line holds invisible characters or letters of
	// alphabets that look like Latin: such a line never becomes a write.
	odd bool
}

// normalise reads the line as the keyboard meant it.
func normalise(line string) keyed {
	k := keyed{runes: make([]rune, 0, len(line)), cols: make([]int, 0, len(line))}
	col := 0
	put := func(s string) {
		for _, r := range s {
			k.runes = append(k.runes, r)
			k.cols = append(k.cols, col)
		}
	}
	for i := 0; i < len(line); {
		r, size := rune(line[i]), 1
		if r >= utf8.RuneSelf {
			r, size = utf8.DecodeRuneInString(line[i:])
		}
		i += size
		col++
		if r < 0x7f && r >= ' ' {
			k.runes = append(k.runes, r)
			k.cols = append(k.cols, col)
			continue
		}
		switch {
		case r == '\t':
			put(" ")
		case r == '\n', r == '\r', r == 0x85, r == 0x2028, r == 0x2029:
			// One line is one request: pasted text is not trusted.
			if strings.TrimSpace(line[i:]) != "" {
				k.odd = true
			}
			put(" ")
		case r == 0xA0, r == 0x202F, r == 0x2007, r >= 0x2000 && r <= 0x200A, r == 0x3000:
			put(" ")
		case r >= 0x2018 && r <= 0x201B, r == 0x2032, r == 0xB4, r == 0x2BC:
			put("'")
		case r >= 0x201C && r <= 0x201F, r == 0x2033, r == 0xAB, r == 0xBB:
			put("\"")
		case r >= 0x2010 && r <= 0x2015, r == 0x2212:
			put("-")
		case r == 0x2026:
			put("...")
		case r == 0x2264:
			put("<=")
		case r == 0x2265:
			put(">=")
		case r == 0x2260:
			put("!=")
		case r == 0xFE0F || r == 0xFE0E: // how an emoji is drawn
		case r != utf8.RuneError && unicode.In(r, unicode.So, unicode.Sk): // an emoji says nothing, or else nothing that may run
			k.odd = k.odd || !courteous(r)
			put(" ")
		case unicode.In(r, unicode.Cf, unicode.Cc, unicode.Mn, unicode.Co, unicode.Cs), r == utf8.RuneError,
			r == 0x115F, r == 0x1160, r == 0x3164, r == 0xFFA0, r == 0x034F:
			k.odd = true
		default:
			if unicode.IsLetter(r) && !latin(r) || unicode.IsDigit(r) {
				k.odd = true
			}
			put(string(r))
		}
	}
	return k
}

// courteous reports whether an emoji is what people put beside a request; others
// may deny it (a cross, a thumb down) or make fun of it.
func courteous(r rune) bool {
	return strings.ContainsRune("🙏👍🙂😊😀😃😄☺👋🙋🙇🚀🔧🛠🔄🔁♻🎉💪☕✅✔❤⭐", r) || r >= 0x1F3FB && r <= 0x1F3FF // shades of skin
}

// latin reports whether r is a letter that cannot be mistaken for an ASCII
// one: accented Latin is fine, full-width and phonetic letters are not.
func latin(r rune) bool {
	return r >= 0xC0 && r <= 0x24F && r != 0x131 && r != 0x1C0
}

// A word is one word, mark or quotation of a line.
type word struct {
	text string // lower case
	raw  string // as typed
	col  int
	mark bool // punctuation or an operator
	// quoted is set for text in quotation marks; text is what is inside.
	quoted bool
}

// scan cuts a line into words.
func scan(k keyed) []word {
	var out []word
	rs := k.runes
	add := func(from, to int, mark bool) {
		if from >= to {
			return
		}
		raw := string(rs[from:to])
		out = append(out, word{text: strings.ToLower(raw), raw: raw, col: k.cols[from], mark: mark})
	}
	for i := 0; i < len(rs); {
		r := rs[i]
		switch {
		case r == ' ':
			i++
			continue
		case smiley(rs[i:]) > 0 && (i == 0 || rs[i-1] == ' '):
			i += smiley(rs[i:])
			continue
		case r == '\'' && tail(rs, i) > 0:
			n := tail(rs, i)
			add(i, i+n, false)
			i += n
			continue
		case r == '"' || r == '`' || r == '\'' && (i == 0 || rs[i-1] == ' '):
			if end := closing(rs, i); end > i+1 {
				raw := string(rs[i+1 : end])
				out = append(out, word{text: strings.ToLower(raw), raw: raw, col: k.cols[i], quoted: true})
				i = end + 1
				continue
			}
			add(i, i+1, true)
			i++
			continue
		case strings.ContainsRune("<>", r) || r == '=' || r == '!' && i+1 < len(rs) && rs[i+1] == '=':
			n := 1
			if i+1 < len(rs) && rs[i+1] == '=' {
				n = 2
			}
			add(i, i+n, true)
			i += n
			continue
		case strings.ContainsRune(",;?()|", r) || r == '!' && (i+1 >= len(rs) || rs[i+1] == ' ' || rs[i+1] == '!' || rs[i+1] == '?'):
			add(i, i+1, true)
			i++
			continue
		case r == '.' && i+2 < len(rs) && rs[i+1] == '.' && rs[i+2] == '.':
			add(i, i+3, true)
			i += 3
			continue
		case r == ':' || r == '.':
			add(i, i+1, true)
			i++
			continue
		}
		end, depth := i, 0
		for end < len(rs) {
			r := rs[end]
			if r == '[' || r == '{' {
				depth++
			} else if (r == ']' || r == '}') && depth > 0 {
				depth--
			}
			if r == ' ' && depth == 0 || r == '"' || r == '<' || r == '>' || r == ';' || r == '(' || r == ')' || r == '|' {
				break
			}
			if r == ' ' || r == ',' && depth == 0 && !(end+1 < len(rs) && isDigit(rs[end+1]) && isDigit(rs[max(end-1, 0)])) {
				break
			}
			if r == '!' && end+1 < len(rs) && rs[end+1] == '=' {
				break
			}
			end++
		}
		last := end
		for last > i+1 && strings.ContainsRune(".:!?'*`", rs[last-1]) && !(rs[last-1] == '*' && rs[i] != '*') {
			last--
		}
		out = contraction(out, rs, k.cols, i, last)
		i = last
		if i == end {
			continue
		}
		if rs[i] == '*' || rs[i] == '\'' || rs[i] == '`' {
			i = end // closing emphasis or a stray quote
		}
	}
	return out
}

// contraction adds the word rs[from:to], cut at 's, 're, n't and the like.
func contraction(out []word, rs []rune, cols []int, from, to int) []word {
	for to-from > 2 && rs[from] == '*' && rs[from+1] != '*' && unicode.IsLetter(rs[from+1]) && rs[to-1] == '*' {
		from, to = from+1, to-1 // *emphasis*
	}
	raw := string(rs[from:to])
	low := strings.ToLower(raw)
	add := func(text, raw string, at int) {
		out = append(out, word{text: text, raw: raw, col: cols[at]})
	}
	if base, ok := strings.CutSuffix(low, "+"); ok && base != "" && isDigit(rune(base[0])) && !strings.Contains(base, ".") {
		out = append(out, word{text: ">=", raw: ">=", col: cols[from], mark: true}) // 30+ days
		add(base, base, from)
		return out
	}
	if base, ok := strings.CutSuffix(low, "n't"); ok && base != "" {
		switch base {
		case "ca":
			base = "can"
		case "wo":
			base = "will"
		}
		add(base, base, from)
		add("not", "n't", from)
		return out
	}
	if base, rest, ok := strings.Cut(bareContractions[low], " "); ok {
		add(base, base, from)
		add(rest, rest, from)
		return out
	}
	for _, tail := range clitics {
		if base, ok := strings.CutSuffix(low, tail); ok && base != "" {
			add(base, raw[:len(raw)-len(tail)], from)
			add(tail, tail, from+len([]rune(base)))
			return out
		}
	}
	add(low, raw, from)
	return out
}

// clitics are the ends of contractions that stand as words of their own.
var clitics = []string{"'s", "'re", "'d", "'ll", "'ve", "'m"}

// bareContractions are contractions typed without their apostrophe.
var bareContractions = map[string]string{
	"hows": "how 's", "whats": "what 's", "whos": "who 's", "wheres": "where 's", "whens": "when 's", "thats": "that 's",
	"dont": "do not", "doesnt": "does not", "didnt": "did not", "isnt": "is not", "arent": "are not", "wasnt": "was not", "werent": "were not",
	"hasnt": "has not", "havent": "have not", "cant": "can not", "cannot": "can not", "wont": "will not", "shouldnt": "should not",
	"couldnt": "could not", "wouldnt": "would not", "theyre": "they 're", "youre": "you 're", "ive": "i 've",
}

// smiley is the length of a :) at the start of rs that stands by itself.
func smiley(rs []rune) int {
	for _, s := range []string{":-)", ":)", ";)", ";-)", ":D", ":-D", ":P", ":(", ":-(", "<3", "^^"} {
		n := len(s)
		if len(rs) >= n && string(rs[:n]) == s && (len(rs) == n || rs[n] == ' ' || rs[n] == '.') {
			return n
		}
	}
	return 0
}

// tail is the length of a contraction's second half that stands by itself: 's.
func tail(rs []rune, i int) int {
	for _, t := range clitics {
		n := len(t)
		if i+n <= len(rs) && strings.EqualFold(string(rs[i:i+n]), t) && (i+n == len(rs) || !unicode.IsLetter(rs[i+n])) && closing(rs, i) < 0 {
			return n
		}
	}
	return 0
}

func isDigit(r rune) bool { return r >= '0' && r <= '9' }

// closing finds the mark that closes the quotation opened at i.
func closing(rs []rune, i int) int {
	for j := i + 1; j < len(rs); j++ {
		if rs[j] == rs[i] && (rs[i] != '\'' || j+1 == len(rs) || rs[j+1] == ' ' || strings.ContainsRune(",;?.!", rs[j+1])) {
			return j
		}
	}
	return -1
}
