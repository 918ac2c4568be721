package bot

import (
	"io"
	"strings"
)

// idLetters are the characters of ids: none that look alike (0 o, 1 i l).
const idLetters = "23456789abcdefghjkmnpqrstuvwxyz"

// looksLikeID reports whether s could be the id of a card or an answer.
func looksLikeID(s string) bool {
	s = strings.ToLower(s)
	if len(s) != 3 && len(s) != 4 {
		return false
	}
	for i := range len(s) {
		if strings.IndexByte(idLetters, s[i]) < 0 {
			return false
		}
	}
	return true
}

// newID draws an id that taken does not know: three characters, or four when
// many are taken. It holds a letter and a digit, so that it is never a number
// nor a word that somebody might say.
func newID(random io.Reader, taken func(string) bool) (string, error) {
	for try := 0; ; try++ {
		n := 3
		if try >= 8 {
			n = 4
		}
		id := make([]byte, 0, n)
		var b [1]byte
		for len(id) < n {
			if _, err := io.ReadFull(random, b[:]); err != nil {
				return "", err
			}
			if int(b[0]) >= 256/len(idLetters)*len(idLetters) { // keeps every character equally likely
				continue
			}
			id = append(id, idLetters[int(b[0])%len(idLetters)])
		}
		s := string(id)
		if strings.ContainsAny(s, "23456789") && strings.ContainsAny(s, "abcdefghjkmnpqrstuvwxyz") && !taken(s) {
			return s, nil
		}
	}
}
