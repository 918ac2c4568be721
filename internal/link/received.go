package link

import (
	"encoding/xml"
	"io"
	"sync"
)

// received is one element of the stream, read completely: its start tag and
// the tokens inside it. Names are resolved, namespace declarations are not
// among the attributes. It owns its memory.
type received struct {
	start xml.StartElement
	inner []xml.Token
	size  int // about what it takes in memory, in bytes
}

// spare holds lists of tokens that have been read, for the elements to come: the
// list is most of what an element takes.
var spare sync.Pool // of *[]xml.Token

// What a spare list has room for, and how many tokens are worth one.
const (
	listRoom = 512
	listFrom = 32
)

// newList returns an empty list for about so many tokens.
func newList(tokens int) []xml.Token {
	if tokens < listFrom || tokens > listRoom {
		return make([]xml.Token, 0, tokens)
	}
	if l, ok := spare.Get().(*[]xml.Token); ok {
		return *l
	}
	return make([]xml.Token, 0, listRoom)
}

// recycle takes back a list that nobody will read any more.
func recycle(list []xml.Token) {
	if cap(list) != listRoom {
		return
	}
	clear(list)
	list = list[:0]
	spare.Put(&list)
}

// What a token takes beside its text: its place in the list, and about as much
// for itself.
const (
	listBytes  = 16
	tokenBytes = 80
)

// attr returns the value of the attribute without a namespace called name.
func attr(start *xml.StartElement, name string) string {
	for i := range start.Attr {
		if start.Attr[i].Name.Local == name && start.Attr[i].Name.Space == "" {
			return start.Attr[i].Value
		}
	}
	return ""
}

// reader returns the reader of the tokens inside e, of which there is one: their
// list is used again when they have been read to the end.
func (e *received) reader() *tokens {
	t := &tokens{list: e.inner, whole: e.inner}
	e.inner = nil
	return t
}

// tokens reads a list of tokens.
type tokens struct{ list, whole []xml.Token }

// Token implements xml.TokenReader.
func (t *tokens) Token() (xml.Token, error) {
	if len(t.list) == 0 {
		return nil, io.EOF
	}
	tok := t.list[0]
	t.list = t.list[1:]
	if len(t.list) == 0 {
		recycle(t.whole)
		t.list, t.whole = nil, nil
	}
	return tok, nil
}
