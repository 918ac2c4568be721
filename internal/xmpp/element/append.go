package element

import "strconv"

const nsXML = "http://www.w3.org/XML/1998/namespace"

// Append appends e as XML, for a place where space is the default namespace.
func (e *Element) Append(b []byte, space string) []byte {
	b = append(b, '<')
	b = append(b, e.Name.Local...)
	if e.Name.Space != space {
		b = appendAttr(b, "xmlns", e.Name.Space)
	}
	for i, a := range e.Attr {
		name := a.Name.Local
		switch a.Name.Space {
		case "":
		case "xml", nsXML:
			name = "xml:" + name
		default:
			prefix := "n" + strconv.Itoa(i)
			b = appendAttr(b, "xmlns:"+prefix, a.Name.Space)
			name = prefix + ":" + name
		}
		b = appendAttr(b, name, a.Value)
	}
	if e.Text == "" && len(e.Children) == 0 {
		return append(b, "/>"...)
	}
	b = append(b, '>')
	b = AppendEscaped(b, e.Text)
	for _, c := range e.Children {
		b = c.Append(b, e.Name.Space)
	}
	b = append(b, "</"...)
	b = append(b, e.Name.Local...)
	return append(b, '>')
}

func appendAttr(b []byte, name, value string) []byte {
	b = append(b, ' ')
	b = append(b, name...)
	b = append(b, "='"...)
	b = AppendEscaped(b, value)
	return append(b, '\'')
}

// AppendEscaped appends s as it may stand in text and in quoted attribute
// values.
func AppendEscaped(b []byte, s string) []byte {
	for i := 0; i < len(s); i++ {
		switch c := s[i]; c {
		case '<':
			b = append(b, "&lt;"...)
		case '>':
			b = append(b, "&gt;"...)
		case '&':
			b = append(b, "&amp;"...)
		case '\'':
			b = append(b, "&apos;"...)
		case '"':
			b = append(b, "&quot;"...)
		case '\t', '\n', '\r':
			b = append(b, "&#x"...)
			b = strconv.AppendUint(b, uint64(c), 16)
			b = append(b, ';')
		default:
			b = append(b, c)
		}
	}
	return b
}
