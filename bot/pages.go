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

// page writes the first lines that fit into one message, fences around block
// lines, and returns what is left. id names the answer in the line that says
// so.
func page(lines []line, budget int, id string) (text string, rest []line) {
	if lineCount(lines) > budget {
		n := len(lines)
		for n > 1 && lineCount(lines[:n])+1 > budget {
			n--
		}
		lines, rest = lines[:n:n], lines[n:]
		more := fmt.Sprintf("… %d more lines: more · details %s", len(rest), id)
		if len(rest) == 1 {
			more = "… 1 more line: more · details " + id
		}
		lines = append(lines, line{text: more})
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
