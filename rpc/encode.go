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

// appendTokens appends <value/> and all that is in it.
func (v Value) appendTokens(dst []xml.Token) []xml.Token {
	dst = append(dst, tagValue.start)
	switch v.kind {
	case KindArray:
		dst = append(dst, tagArray.start, tagData.start)
		for _, e := range v.list.elems {
			dst = e.appendTokens(dst)
		}
		dst = append(dst, tagData.end, tagArray.end)
	case KindStruct:
		dst = append(dst, tagStruct.start)
		for i, e := range v.list.elems {
			dst = append(dst, tagMember.start, tagMName.start)
			if name := v.list.names[i]; name != "" {
				dst = append(dst, xml.CharData(name))
			}
			dst = append(dst, tagMName.end)
			dst = e.appendTokens(dst)
			dst = append(dst, tagMember.end)
		}
		dst = append(dst, tagStruct.end)
	default:
		t := &tagLeaf[v.kind]
		dst = append(dst, t.start)
		if text := v.appendText(nil); len(text) > 0 {
			dst = append(dst, xml.CharData(text))
		}
		dst = append(dst, t.end)
	}
	return append(dst, tagValue.end)
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
	return &tokens{v.appendTokens(nil)}, nil
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
