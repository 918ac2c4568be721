package alertrpc

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"adminbot/rpc"
)

// What an answer holds is measured as it is on the wire: text that has to be escaped
// is several times as long there. An answer that is too long would be a fault, and a
// change would be told as one although it was made.

// answerBytes is for what is in an answer, beside what is around it.
const answerBytes = rpc.DefaultReplyBytes - 2048

// An answer is what is left of the bytes of one.
type answer struct{ left int }

// holds reports whether there is room for one more, and takes it.
func (a *answer) holds(one any) bool {
	n := size(one)
	if n > a.left {
		return false
	}
	a.left -= n
	return true
}

// size is of a value as it is on the wire.
func size(v any) int {
	value, err := rpc.Marshal(v)
	if err != nil {
		return rpc.DefaultReplyBytes + 1 // the mux tells why
	}
	return len(value.AppendXML(nil))
}

// fit leaves out of an alert what makes it larger than so many bytes, and says what:
// the largest labels, and the end of the details.
func (a *Alert) fit(limit int) {
	if size(a) <= limit {
		return
	}
	labels, details := a.Labels, a.Details
	a.Labels, a.Details, a.GroupedBy = nil, "", cut(a.GroupedBy, 1024)
	room := answer{limit - size(a) - 200}
	half := answer{room.left / 2}
	names := make([]string, 0, len(labels))
	for name := range labels {
		names = append(names, name)
	}
	slices.SortFunc(names, func(x, y string) int {
		return cmp.Or(len(x)+len(labels[x])-len(y)-len(labels[y]), strings.Compare(x, y))
	})
	a.Labels = map[string]string{}
	for _, name := range names {
		if !half.holds(map[string]string{name: labels[name]}) {
			break
		}
		a.Labels[name] = labels[name]
	}
	room.left -= size(a.Labels)
	n := min(len(details), room.left)
	for n > 0 && size(cut(details, n)) > room.left {
		n = n * 3 / 4
	}
	a.Details = cut(details, max(0, n))
	var left []string
	if n := len(labels) - len(a.Labels); n > 0 {
		left = append(left, fmt.Sprintf("%d labels", n))
	}
	if n := len(details) - len(a.Details); n > 0 {
		left = append(left, fmt.Sprintf("%d bytes of the details", n))
	}
	a.LeftOut = strings.Join(left, " and ")
}

// cut is the first n bytes of a text, or as many as end with a character.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
