package rpc

import (
	"bytes"
	"encoding/base64"
	"encoding/xml"
	"math"
	"slices"
	"strconv"
	"unicode/utf8"
)

// leafNames are the elements of XEP-0009#schema that hold the text of a value.
var leafNames = [...]string{
	KindNil:      "nil",
	KindInt:      "int",
	KindBool:     "boolean",
	KindString:   "string",
	KindDouble:   "double",
	KindDateTime: "dateTime.iso8601",
	KindBase64:   "base64",
}

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

// element is XML that is ready to be sent. A transport takes the bytes
// ([Appender]); whoever reads tokens gets those.
type element struct {
	xml    []byte
	tokens *xml.Decoder
}

// AppendXML implements [Appender].
func (e *element) AppendXML(dst []byte) ([]byte, error) { return append(dst, e.xml...), nil }

// Token implements [xml.TokenReader].
func (e *element) Token() (xml.Token, error) {
	if e.tokens == nil {
		e.tokens = xml.NewDecoder(bytes.NewReader(e.xml))
		e.tokens.DefaultSpace = NS
	}
	tok, err := e.tokens.Token()
	if start, ok := tok.(xml.StartElement); ok {
		start.Attr = slices.DeleteFunc(start.Attr, func(a xml.Attr) bool { return a.Name.Local == "xmlns" })
		tok = start
	}
	return xml.CopyToken(tok), err
}

// TokenReader returns <value/> as a stream of tokens, or an error if v cannot
// be sent. Elements are in [NS]; no token carries an xmlns attribute.
func (v Value) TokenReader() (xml.TokenReader, error) {
	if err := v.Valid(); err != nil {
		return nil, err
	}
	return &element{xml: v.AppendXML(nil)}, nil
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
		name := leafNames[v.kind]
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
