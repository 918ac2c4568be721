package link

import (
	"encoding/xml"
	"fmt"
	"strings"
	"testing"
)

// TestSpareLists: what was read of one element stays as it was when its list
// serves the next, and a reader that has come to its end yields nothing of that.
func TestSpareLists(t *testing.T) {
	element := func(n int) *received {
		t.Helper()
		raw := "<iq xmlns='jabber:client'>" + strings.Repeat(fmt.Sprintf("<a x='%d'>%[1]d</a>", n), 40) + "</iq>"
		e, err := parseElement([]byte(raw), streamScope(), new(nameCache))
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	read := func(r *tokens) (all []xml.Token) {
		for tok, err := r.Token(); err == nil; tok, err = r.Token() {
			all = append(all, tok)
		}
		return all
	}
	var readers []*tokens
	var kept [][]xml.Token
	for n := range 20 {
		r := element(n).reader()
		readers, kept = append(readers, r), append(kept, read(r))
	}
	for n, all := range kept {
		if len(all) != 120 {
			t.Fatalf("element %d has %d tokens", n, len(all))
		}
		for i := 0; i < len(all); i += 3 {
			start, text := all[i].(xml.StartElement), all[i+1].(xml.CharData)
			if want := fmt.Sprint(n); start.Attr[0].Value != want || string(text) != want {
				t.Fatalf("element %d has %v with %q", n, start, text)
			}
		}
	}
	waiting := element(99)
	for n, r := range readers {
		if tok, err := r.Token(); err == nil {
			t.Errorf("reader %d goes on with %v", n, tok)
		}
	}
	if got := read(waiting.reader()); len(got) != 120 {
		t.Errorf("%d tokens", len(got))
	}
}
