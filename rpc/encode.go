package rpc

import (
	"encoding/base64"
	"encoding/xml"
	"io"
	"math"
	"strconv"
	"unicode/utf8"
)

// tag is an element this package writes: both tokens made once, the name for
// the bytes of [Value.AppendXML].
type tag struct {
	name       string
	start, end xml.Token
}

func newTag(local string) tag {
	n := xml.Name{Space: NS, Local: local}
	return tag{name: local, start: xml.StartElement{Name: n}, end: xml.EndElement{Name: n}}
}

// The elements of XEP-0009#schema.
var (
	tagQuery    = newTag("query")
	tagCall     = newTag("methodCall")
	tagName     = newTag("methodName")
	tagResponse = newTag("methodResponse")
	tagFault    = newTag("fault")
	tagParams   = newTag("params")
	tagParam    = newTag("param")
	tagValue    = newTag("value")
	tagArray    = newTag("array")
	tagData     = newTag("data")
	tagStruct   = newTag("struct")
	tagMember   = newTag("member")
	tagMName    = newTag("name")

	tagLeaf = [...]tag{
		KindNil:      newTag("nil"),
		KindInt:      newTag("int"),
		KindBool:     newTag("boolean"),
		KindString:   newTag("string"),
		KindDouble:   newTag("double"),
		KindDateTime: newTag("dateTime.iso8601"),
		KindBase64:   newTag("base64"),
	}
)

const dateTimeLayout = "20060102T15:04:05"

// appendText appends the text of a value that is no array and no struct.
func (v Value) appendText(dst []byte) []byte {
	switch v.kind {
	case KindInt:
		return strconv.AppendInt(dst, int64(int32(v.num)), 10)
	case KindBool:
		return append(dst, '0'+byte(v.num))
	case KindString:
		return append(dst, v.str...)
	case KindDouble: // xs:decimal: never an exponent
		return strconv.AppendFloat(dst, math.Float64frombits(v.num), 'f', -1, 64)
	case KindDateTime:
		return v.time().AppendFormat(dst, dateTimeLayout)
	case KindBase64:
		return base64.StdEncoding.AppendEncode(dst, []byte(v.str))
	}
	return dst
}

// An encoder collects tokens. Their text lies in one buffer.
type encoder struct {
	list []xml.Token
	text []byte
}

// newEncoder has room for what surrounds values, and for these values.
func newEncoder(values ...Value) *encoder {
	tokens, text := 64, 512
	for _, v := range values {
		t, n := v.room()
		tokens, text = tokens+t, text+n
	}
	return &encoder{list: make([]xml.Token, 0, tokens), text: make([]byte, 0, text)}
}

// room is about how many tokens and bytes of text v takes.
func (v Value) room() (tokens, text int) {
	switch v.kind {
	case KindArray, KindStruct:
		tokens = 6
		for i, e := range v.list.elems {
			t, n := e.room()
			tokens, text = tokens+t, text+n
			if v.kind == KindStruct {
				tokens, text = tokens+5, text+len(v.list.names[i])
			}
		}
		return tokens, text
	case KindString:
		return 5, len(v.str)
	case KindBase64:
		return 5, base64.StdEncoding.EncodedLen(len(v.str))
	}
	return 5, 24 // more for very large or small doubles
}

func (e *encoder) put(t ...xml.Token) { e.list = append(e.list, t...) }

// since puts the text that was appended from n on.
func (e *encoder) since(n int) {
	if len(e.text) > n {
		e.list = append(e.list, xml.CharData(e.text[n:len(e.text):len(e.text)]))
	}
}

func (e *encoder) string(s string) {
	n := len(e.text)
	e.text = append(e.text, s...)
	e.since(n)
}

func (e *encoder) reader() xml.TokenReader { return &tokens{e.list} }

// value puts <value/> and all that is in it.
func (e *encoder) value(v Value) {
	e.put(tagValue.start)
	switch v.kind {
	case KindArray:
		e.put(tagArray.start, tagData.start)
		for _, elem := range v.list.elems {
			e.value(elem)
		}
		e.put(tagData.end, tagArray.end)
	case KindStruct:
		e.put(tagStruct.start)
		for i, elem := range v.list.elems {
			e.put(tagMember.start, tagMName.start)
			e.string(v.list.names[i])
			e.put(tagMName.end)
			e.value(elem)
			e.put(tagMember.end)
		}
		e.put(tagStruct.end)
	default:
		t := &tagLeaf[v.kind]
		e.put(t.start)
		n := len(e.text)
		e.text = v.appendText(e.text)
		e.since(n)
		e.put(t.end)
	}
	e.put(tagValue.end)
}

// tokens reads what is already there.
type tokens struct {
	list []xml.Token
}

func (t *tokens) Token() (xml.Token, error) {
	if len(t.list) == 0 {
		return nil, io.EOF
	}
	tok := t.list[0]
	t.list = t.list[1:]
	return tok, nil
}

// TokenReader returns <value/> as a stream of tokens, or an error if v cannot
// be sent. Elements are in [NS]; no token carries an xmlns attribute.
func (v Value) TokenReader() (xml.TokenReader, error) {
	if err := v.Valid(); err != nil {
		return nil, err
	}
	e := newEncoder(v)
	e.value(v)
	return e.reader(), nil
}

// AppendXML appends <value/> as canonical bytes: without white space, without
// xmlns, members sorted by name, text escaped as [xml.EscapeText] does it.
// Equal values give equal bytes. What [Value.Valid] refuses is written too,
// but no reader would take it.
func (v Value) AppendXML(dst []byte) []byte {
	dst = appendOpen(dst, "value")
	switch v.kind {
	case KindArray:
		dst = append(dst, "<array><data>"...)
		for _, e := range v.list.elems {
			dst = e.AppendXML(dst)
		}
		dst = append(dst, "</data></array>"...)
	case KindStruct:
		dst = append(dst, "<struct>"...)
		for i, e := range v.list.elems {
			dst = append(dst, "<member><name>"...)
			dst = appendEscaped(dst, v.list.names[i])
			dst = append(dst, "</name>"...)
			dst = e.AppendXML(dst)
			dst = append(dst, "</member>"...)
		}
		dst = append(dst, "</struct>"...)
	case KindString:
		dst = append(dst, "<string>"...)
		dst = appendEscaped(dst, v.str)
		dst = append(dst, "</string>"...)
	default:
		name := tagLeaf[v.kind].name
		dst = appendOpen(dst, name)
		dst = v.appendText(dst)
		dst = appendClose(dst, name)
	}
	return appendClose(dst, "value")
}

func appendOpen(dst []byte, name string) []byte {
	dst = append(dst, '<')
	dst = append(dst, name...)
	return append(dst, '>')
}

func appendClose(dst []byte, name string) []byte {
	dst = append(dst, '<', '/')
	dst = append(dst, name...)
	return append(dst, '>')
}

// appendEscaped is xml.EscapeText into a byte slice.
func appendEscaped(dst []byte, s string) []byte {
	last := 0
	for i := 0; i < len(s); {
		var esc string
		width := 1
		switch c := s[i]; {
		case c == '"':
			esc = "&#34;"
		case c == '\'':
			esc = "&#39;"
		case c == '&':
			esc = "&amp;"
		case c == '<':
			esc = "&lt;"
		case c == '>':
			esc = "&gt;"
		case c == '\t':
			esc = "&#x9;"
		case c == '\n':
			esc = "&#xA;"
		case c == '\r': // a raw one would come out as a line feed
			esc = "&#xD;"
		case c < 0x20:
			esc = "\uFFFD"
		case c >= utf8.RuneSelf:
			var r rune
			r, width = utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && width == 1 || r == 0xFFFE || r == 0xFFFF {
				esc = "\uFFFD"
			}
		}
		if esc != "" {
			dst = append(dst, s[last:i]...)
			dst = append(dst, esc...)
			last = i + width
		}
		i += width
	}
	return append(dst, s[last:]...)
}
