package bot

import (
	"fmt"
	"strings"
)

// How many lines one message may have (R3); the rest waits for "more".
const (
	chatLines = 25
	roomLines = 12
)

// room is what one message may have; nothing in it is no limit.
type room struct{ lines, bytes int }

// A server may refuse stanzas of more than 10,000 bytes (RFC 6120 13.12), and
// text grows when it is written as XML.
var (
	chatRoom  = room{chatLines, 7 << 10}
	groupRoom = room{roomLines, 4 << 10}
	onceRoom  = room{chatLines, sayBytes / 2} // an answer of bot.say, beside its data
)

// room is what a message may have here.
func (t *turn) room() room {
	switch {
	case t.u.Room.String() != "":
		return groupRoom
	case t.u.Once:
		return onceRoom
	}
	return chatRoom
}

// page writes the first lines that fit into one message, fences around block
// lines, and returns what is left. id names the answer in the line that says
// so. The last line, if it says what can be said next, is on the first page.
func page(lines []line, r room, id string) (text string, rest []line) {
	if n := fitting(lines, r); n < len(lines) {
		next := "details " + id
		if last := lines[len(lines)-1]; last.next {
			next, lines = last.text, lines[:len(lines)-1]
			n = min(n, len(lines))
		}
		lines, rest = lines[:n:n], lines[n:]
		say := next
		if len(rest) > 0 {
			say = fmt.Sprintf("… %s: more · %s", plural(len(rest), "more line"), next)
		}
		lines = append(lines, line{text: say})
	}
	var b strings.Builder
	block := false
	for i, l := range lines {
		if l.block != block {
			block = l.block
			b.WriteString("\n```")
		}
		if i > 0 || block {
			b.WriteByte('\n')
		}
		b.WriteString(l.text)
	}
	if block {
		b.WriteString("\n```")
	}
	return strings.TrimPrefix(b.String(), "\n"), rest
}

// fitting is how many of the lines have room, with one more that says how many
// are left; at least one.
func fitting(lines []line, r room) int {
	n := len(lines)
	if r.lines > 0 && lineCount(lines) > r.lines {
		for n > 1 && lineCount(lines[:n])+1 > r.lines {
			n--
		}
	}
	size := 0
	for i, l := range lines[:n] {
		if size += len(l.text) + 1; r.bytes > 0 && size > r.bytes {
			return max(i, 1)
		}
	}
	return n
}

// lineCount counts lines with their fences.
func lineCount(lines []line) int {
	n, block := len(lines), false
	for _, l := range lines {
		if l.block != block {
			block = l.block
			n++
		}
	}
	if block {
		n++
	}
	return n
}

// narrowed breaks the lines of blocks that are wider than a phone (R4), at
// blanks where there are any; what goes on is indented.
func narrowed(lines []line) []line {
	out := make([]line, 0, len(lines))
	for _, l := range lines {
		if !l.block {
			out = append(out, l)
			continue
		}
		for _, text := range wrap(l.text, blockWidth) {
			out = append(out, line{text: text, block: true})
		}
	}
	return out
}

// wrap breaks a text into lines of at most limit characters.
func wrap(text string, limit int) []string {
	runes := []rune(text)
	indent := len(runes) - len([]rune(strings.TrimLeft(text, " ")))
	indent = min(indent, limit/2)
	var out []string
	for len(runes) > limit {
		at := limit // a blank right after the limit still ends a line
		for at > indent && runes[at] != ' ' {
			at--
		}
		// Between the columns of a table, if all the rest fits below.
		for i := min(limit, len(runes)-2); i > limit/4 && i > indent; i-- {
			if rest := strings.TrimLeft(string(runes[i:]), " "); runes[i] == ' ' && runes[i+1] == ' ' && width(rest)+indent+2 <= limit {
				at = i
				break
			}
		}
		if at <= indent || strings.TrimSpace(string(runes[:at])) == "" { // one long word
			at = limit
			for i := limit - 1; i > indent+1; i-- { // of a path: between its elements
				if runes[i] == '/' {
					at = i
					break
				}
			}
		}
		out = append(out, strings.TrimRight(string(runes[:at]), " "))
		rest := strings.TrimLeft(string(runes[at:]), " ")
		if rest == "" {
			return out
		}
		if len(out) == 1 {
			indent += 2
		}
		runes = []rune(strings.Repeat(" ", indent) + rest)
	}
	return append(out, string(runes))
}

// headlined makes sure that the first line is one a notification shows whole
// (R1): it ends at a sentence, or else at a word, and the rest follows below.
func headlined(text string) string {
	first, rest, more := strings.Cut(text, "\n")
	if width(first) <= headWidth {
		return text
	}
	runes := []rune(first)
	at := 0
	for i := headWidth; i > 0; i-- {
		if runes[i] != ' ' {
			continue
		}
		if strings.ContainsRune(".?!:;", runes[i-1]) && i > 12 {
			at = i
			break
		}
		if at == 0 && i > headWidth/2 {
			at = i
		}
	}
	if at == 0 {
		at = headWidth
	}
	text = strings.TrimRight(string(runes[:at]), " ") + "\n" + strings.TrimLeft(string(runes[at:]), " ")
	if more {
		text += "\n" + rest
	}
	return text
}
