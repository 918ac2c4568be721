package rpc

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"sync"
)

// A SyntaxError says why something a peer sent is not XML-RPC, and where.
type SyntaxError struct {
	Code   int    // what a responder answers: FaultParse, FaultInvalidRequest, FaultParams, FaultTooLarge
	Path   string // place among the parameters, such as "params[0].mounts[2]"; may be empty
	Reason string
	Err    error // what the token reader said, if that was the cause
}

// Error returns place and reason.
func (e *SyntaxError) Error() string { return "rpc: " + e.message() }

// Unwrap returns what the token reader said.
func (e *SyntaxError) Unwrap() error { return e.Err }

func (e *SyntaxError) message() string {
	if e.Path == "" {
		return e.Reason
	}
	return e.Path + ": " + e.Reason
}

func invalid(format string, args ...any) error {
	return &SyntaxError{Code: FaultInvalidRequest, Reason: fmt.Sprintf(format, args...)}
}

func badParam(format string, args ...any) error {
	return &SyntaxError{Code: FaultParams, Reason: fmt.Sprintf(format, args...)}
}

// at adds a place in front of the place in err.
func at(head string, err error) error {
	var e *SyntaxError
	if errors.As(err, &e) {
		e.Path = joinPath(head, e.Path)
	}
	return err
}

// decoder reads XML-RPC straight from tokens, counting as it goes. It keeps
// nothing of a token after it asked for the next.
type decoder struct {
	r      xml.TokenReader
	lim    Limits
	bytes  int
	values int
	ended  bool   // r said io.EOF together with its last token
	buf    []byte // text that came in more than one piece
	open   *openValues
}

// openValues are the elements and names that were read of the arrays and structs
// that have not ended yet, the innermost last. When one ends, it gets lists of
// just their size.
type openValues struct {
	elems []Value
	names []string
}

// spareOpen holds such memory for the decoders to come.
var spareOpen = sync.Pool{New: func() any { return new(openValues) }}

// spareMax is the most values for which memory is kept.
const spareMax = 4 << 10

// newDecoder returns a decoder of r, which is closed after use.
func newDecoder(r xml.TokenReader, l Limits) *decoder {
	return &decoder{r: r, lim: l, open: spareOpen.Get().(*openValues)}
}

func (d *decoder) close() {
	o := d.open
	if cap(o.elems) > spareMax || cap(o.names) > spareMax {
		return
	}
	clear(o.elems[:cap(o.elems)])
	clear(o.names[:cap(o.names)])
	o.elems, o.names = o.elems[:0], o.names[:0]
	spareOpen.Put(o)
}

// token returns the next token that is not a comment. At the end of the reader
// the error is io.EOF itself; every other error is a SyntaxError.
func (d *decoder) token() (xml.Token, error) {
	for range 100 { // readers may return nothing at all, but not for ever
		if d.ended {
			return nil, io.EOF
		}
		tok, err := d.r.Token()
		if err == io.EOF {
			d.ended = true
			if tok == nil {
				return nil, io.EOF
			}
		} else if err != nil {
			return nil, &SyntaxError{Code: FaultParse, Reason: "not well formed: " + err.Error(), Err: err}
		}
		switch t := tok.(type) {
		case nil, xml.Comment:
			continue
		case xml.StartElement:
			d.bytes += 2*len(t.Name.Local) + len("<></>")
			for i := range t.Attr {
				d.bytes += len(t.Attr[i].Name.Local) + len(t.Attr[i].Value) + len(` =""`)
			}
		case xml.CharData:
			d.bytes += len(t)
		case xml.EndElement:
			return tok, nil
		default:
			return nil, invalid("processing instruction or directive")
		}
		if d.bytes > d.lim.Bytes {
			return nil, &SyntaxError{Code: FaultTooLarge, Reason: "more than " + strconv.Itoa(d.lim.Bytes) + " bytes"}
		}
		return tok, nil
	}
	return nil, &SyntaxError{Code: FaultParse, Reason: io.ErrNoProgress.Error(), Err: io.ErrNoProgress}
}

// inner is token inside an element, where the reader must not end.
func (d *decoder) inner() (xml.Token, error) {
	tok, err := d.token()
	if err == io.EOF {
		err = &SyntaxError{Code: FaultParse, Reason: "ends in the middle", Err: io.ErrUnexpectedEOF}
	}
	return tok, err
}

// child returns the next child element of the element being read; ok is false
// when that element has ended, which is then consumed.
func (d *decoder) child() (start xml.StartElement, ok bool, err error) {
	return d.element(d.inner)
}

// top is child outside of all elements, where the reader may end.
func (d *decoder) top() (start xml.StartElement, ok bool, err error) {
	start, ok, err = d.element(d.token)
	if err == io.EOF {
		err = nil
	}
	return start, ok, err
}

func (d *decoder) element(token func() (xml.Token, error)) (start xml.StartElement, ok bool, err error) {
	for {
		tok, err := token()
		if err != nil {
			return start, false, err
		}
		switch t := tok.(type) {
		case xml.StartElement:
			return t, true, nil
		case xml.EndElement:
			return start, false, nil
		case xml.CharData:
			if !blank(t) {
				return start, false, invalid("text between elements")
			}
		}
	}
}

// text returns the text up to the end of the element being read.
func (d *decoder) text() (string, error) {
	b, err := d.rawText()
	return string(b), err
}

// rawText is text in a buffer that holds until the next token is read.
func (d *decoder) rawText() ([]byte, error) {
	d.buf = d.buf[:0]
	for {
		tok, err := d.inner()
		if err != nil {
			return nil, err
		}
		switch t := tok.(type) {
		case xml.StartElement:
			return nil, invalid("<%s/> inside text", t.Name.Local)
		case xml.EndElement:
			return d.buf, nil
		case xml.CharData:
			d.buf = append(d.buf, t...)
		}
	}
}

// skip passes over the rest of the element being read.
func (d *decoder) skip() error {
	for depth := 1; depth > 0; {
		tok, err := d.inner()
		if err != nil {
			return err
		}
		switch tok.(type) {
		case xml.StartElement:
			depth++
		case xml.EndElement:
			depth--
		}
	}
	return nil
}

// local returns the local name of an element of this protocol, or "" for one
// of another.
func local(n xml.Name) string {
	switch n.Space {
	case NS, "": // "": what some old clients send
		return n.Local
	case nsExtensions:
		if n.Local == "nil" || n.Local == "i8" {
			return n.Local
		}
	}
	return ""
}

func blank(b []byte) bool {
	for _, c := range b {
		if c != ' ' && c != '\n' && c != '\t' && c != '\r' {
			return false
		}
	}
	return true
}

// ReadValue reads one <value/>, which must be the next element of r. A zero
// field of l is taken from [DefaultLimits]. Errors are of type [*SyntaxError].
func ReadValue(r xml.TokenReader, l Limits) (Value, error) {
	d := newDecoder(r, l.or(DefaultLimits))
	defer d.close()
	start, ok, err := d.top()
	if err != nil {
		return Value{}, err
	}
	if !ok || local(start.Name) != "value" {
		return Value{}, invalid("no <value/>")
	}
	return d.value(1, nil)
}

// value reads what is in <value> and its end. The names of like are reused
// where they are the same.
func (d *decoder) value(depth int, like *list) (Value, error) {
	d.values++
	if d.values > d.lim.Values {
		return Value{}, &SyntaxError{Code: FaultTooLarge, Reason: "more than " + strconv.Itoa(d.lim.Values) + " values"}
	}
	if depth > d.lim.Depth {
		return Value{}, &SyntaxError{Code: FaultTooLarge, Reason: "values are nested deeper than " + strconv.Itoa(d.lim.Depth)}
	}
	d.buf = d.buf[:0]
	for {
		tok, err := d.inner()
		if err != nil {
			return Value{}, err
		}
		switch t := tok.(type) {
		case xml.CharData:
			d.buf = append(d.buf, t...)
		case xml.EndElement: // no type means string
			return stringValue(d.buf)
		case xml.StartElement:
			if !blank(d.buf) {
				return Value{}, invalid("text beside <%s/>", t.Name.Local)
			}
			v, err := d.typed(local(t.Name), t.Name.Local, depth, like)
			if err != nil {
				return Value{}, err
			}
			second, ok, err := d.child()
			if err != nil {
				return Value{}, err
			}
			if ok {
				return Value{}, invalid("<%s/> beside <%s/> in one value", second.Name.Local, t.Name.Local)
			}
			return v, nil
		}
	}
}

func stringValue(b []byte) (Value, error) {
	s := string(b)
	if !validText(s) {
		return Value{}, invalid("character that XML does not allow")
	}
	return String(s), nil
}

// typed reads the element that names the type, up to its end.
func (d *decoder) typed(name, written string, depth int, like *list) (Value, error) {
	switch name {
	case "array":
		return d.array(depth)
	case "struct":
		return d.structure(depth, like)
	case "string", "int", "i4", "i8", "boolean", "double", "dateTime.iso8601", "base64", "Base64", "nil":
	default:
		return Value{}, invalid("no such type: %s", written)
	}
	text, err := d.rawText()
	if err != nil {
		return Value{}, err
	}
	switch name {
	case "string":
		return stringValue(text)
	case "int", "i4":
		return parseInt(text)
	case "i8":
		return parseI8(text)
	case "boolean":
		return parseBool(text)
	case "double":
		return parseDouble(text)
	case "dateTime.iso8601":
		return parseDateTime(text)
	case "nil":
		if !blank(text) {
			return Value{}, invalid("text in <nil/>")
		}
		return Value{}, nil
	}
	return parseBase64(text) // also <Base64/>: XEP-0009's schema spelled it so once
}

func (d *decoder) array(depth int) (Value, error) {
	start, ok, err := d.child()
	if err != nil {
		return Value{}, err
	}
	if !ok || local(start.Name) != "data" {
		return Value{}, invalid("<array/> without <data/>")
	}
	from := len(d.open.elems)
	var like *list
	for {
		start, ok, err := d.child()
		if err != nil {
			return Value{}, err
		}
		if !ok {
			break
		}
		if local(start.Name) != "value" {
			return Value{}, invalid("<%s/> inside <data/>", start.Name.Local)
		}
		e, err := d.value(depth+1, like)
		if err != nil {
			return Value{}, at("["+strconv.Itoa(len(d.open.elems)-from)+"]", err)
		}
		if e.kind == KindStruct {
			like = e.list
		}
		d.open.elems = append(d.open.elems, e)
	}
	if _, ok, err = d.child(); err != nil {
		return Value{}, err
	} else if ok {
		return Value{}, invalid("more than <data/> inside <array/>")
	}
	return Value{kind: KindArray, list: &list{elems: d.endElems(from)}}, nil
}

// endElems returns the elements from there on, which are no longer open.
func (d *decoder) endElems(from int) []Value {
	elems := slices.Clone(d.open.elems[from:])
	d.open.elems = d.open.elems[:from]
	return elems
}

func (d *decoder) structure(depth int, like *list) (Value, error) {
	from, fromName := len(d.open.elems), len(d.open.names)
	same := like != nil // the names so far are those of like
	nils := 0
	for {
		start, ok, err := d.child()
		if err != nil {
			return Value{}, err
		}
		if !ok {
			break
		}
		if local(start.Name) != "member" {
			return Value{}, invalid("<%s/> inside <struct/>", start.Name.Local)
		}
		known, i := "", len(d.open.elems)-from
		if like != nil && i < len(like.names) {
			known = like.names[i]
		}
		name, v, err := d.member(depth, known)
		if err != nil {
			return Value{}, err
		}
		if v.kind == KindNil {
			nils++
		}
		same = same && name == known
		d.open.names = append(d.open.names, name)
		d.open.elems = append(d.open.elems, v)
	}
	l := &list{elems: d.endElems(from)}
	names := d.open.names[fromName:]
	d.open.names = d.open.names[:fromName]
	if same && nils == 0 && len(names) == len(like.names) {
		l.names = like.names
		return Value{kind: KindStruct, list: l}, nil
	}
	l.names = slices.Clone(names)
	if name, dup := l.sortMembers(); dup {
		return Value{}, badParam("member %q occurs twice", name)
	}
	if nils > 0 {
		l.dropNil()
	}
	return Value{kind: KindStruct, list: l}, nil
}

// dropNil removes members that are nil: a member that is nil is not there.
func (l *list) dropNil() {
	n := 0
	for i := range l.elems {
		if l.elems[i].kind != KindNil {
			l.names[n], l.elems[n] = l.names[i], l.elems[i]
			n++
		}
	}
	clear(l.elems[n:])
	l.names, l.elems = l.names[:n], l.elems[:n]
}

// member reads name and value, in either order, and the end of <member>. If
// the name is the known one, that string is returned.
func (d *decoder) member(depth int, known string) (name string, v Value, err error) {
	var haveName, haveValue bool
	for {
		start, ok, err := d.child()
		if err != nil {
			return "", v, err
		}
		if !ok {
			break
		}
		switch n := local(start.Name); {
		case n == "name" && !haveName:
			b, err := d.rawText()
			if err != nil {
				return "", v, err
			}
			if name = known; string(b) != known {
				name = string(b)
			}
			if !validText(name) {
				return "", v, invalid("character that XML does not allow in a member name")
			}
			haveName = true
		case n == "value" && !haveValue:
			if v, err = d.value(depth+1, nil); err != nil {
				return "", v, at(name, err)
			}
			haveValue = true
		default:
			return "", v, invalid("<%s/> inside <member/>", start.Name.Local)
		}
	}
	if !haveName {
		return "", v, invalid("<member/> without <name/>")
	}
	if !haveValue {
		return "", v, invalid("member %q without <value/>", name)
	}
	return name, v, nil
}

// trim removes white space in the sense of XML.
func trim(b []byte) []byte { return bytes.Trim(b, " \t\r\n") }
