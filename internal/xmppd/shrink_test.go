package xmppd

import (
	"strings"
	"testing"
)

// TestShrinkInsideElement waits for more, and gives memory back, at every byte
// of an element that is deeper than most.
func TestShrinkInsideElement(t *testing.T) {
	const depth = 40
	element := "<iq>" + strings.Repeat("<a xmlns:p='urn:p' p:b='c'>", depth) + strings.Repeat("</a>", depth) + "</iq>"
	s := opened(t)
	for n := 1; n < len(element); n++ {
		tok, _, err := s.Next([]byte(element[:n]))
		if tok != More || err != nil {
			t.Fatalf("after %d bytes: %v, %v", n, tok, err)
		}
		s.shrink()
	}
	if tok, n, err := s.Next([]byte(element)); tok != Element || n != len(element) || err != nil {
		t.Fatalf("got %v, %d, %v", tok, n, err)
	}
}
