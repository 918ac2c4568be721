package rpc

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"strconv"
)

// MaxMethodName is the longest method name, in characters.
const MaxMethodName = 256

// ValidMethodName reports whether name is of one to [MaxMethodName] letters,
// digits and / . _ : (XEP-0009#schema).
func ValidMethodName(name string) bool {
	if name == "" || len(name) > MaxMethodName {
		return false
	}
	for i := 0; i < len(name); i++ {
		switch c := name[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9',
			c == '/', c == '.', c == '_', c == ':':
		default:
			return false
		}
	}
	return true
}

// A MethodCall is <methodCall/> with the headers beside it.
type MethodCall struct {
	Method   string
	Params   []Value
	Envelope Envelope
}

// Valid returns an error if c cannot be sent.
func (c *MethodCall) Valid() error {
	if !ValidMethodName(c.Method) {
		return fmt.Errorf("rpc: %q is no method name", c.Method)
	}
	for i, p := range c.Params {
		if path, why := p.check(1); why != "" {
			return fmt.Errorf("rpc: %s: %s", joinPath("params["+strconv.Itoa(i)+"]", path), why)
		}
	}
	return c.Envelope.Valid()
}

// AppendXML appends <query/> with the call in it. Check [MethodCall.Valid]
// first.
func (c *MethodCall) AppendXML(dst []byte) []byte {
	dst = append(dst, openQuery...)
	dst = AppendCall(dst, c.Method, c.Params)
	dst = c.Envelope.appendXML(dst)
	return append(dst, closeQuery...)
}

// TokenReader is [MethodCall.AppendXML] for who reads tokens. What it returns
// is an [Appender], too.
func (c *MethodCall) TokenReader() xml.TokenReader { return &element{xml: c.AppendXML(nil)} }

// What surrounds calls and responses.
const (
	openQuery  = "<query xmlns='" + NS + "'>"
	closeQuery = "</query>"

	// responseFrame is what surrounds the value in a response, in bytes.
	responseFrame = len(openQuery + "<methodResponse><params><param></param></params></methodResponse>" + closeQuery)
)

// ReadCall reads <query/> with a call in it, which must be the next element of
// r. A zero field of l is taken from [DefaultLimits]. Errors are of type
// [*SyntaxError] and say with which fault to answer.
func ReadCall(r xml.TokenReader, l Limits) (*MethodCall, error) {
	d := newDecoder(r, l.or(DefaultLimits))
	defer d.close()
	if err := d.query(); err != nil {
		return nil, err
	}
	return d.call()
}

// query reads up to the inside of <query/>.
func (d *decoder) query() error {
	start, ok, err := d.top()
	if err != nil {
		return err
	}
	if !ok || start.Name.Local != "query" || start.Name.Space != NS {
		return invalid("no <query xmlns='" + NS + "'/>")
	}
	return nil
}

// call reads the inside of <query/> and its end. Elements of other namespaces
// are passed over.
func (d *decoder) call() (*MethodCall, error) {
	var c *MethodCall
	var env *Envelope
	for {
		start, ok, err := d.child()
		if err != nil {
			return nil, err
		}
		if !ok {
			break
		}
		switch name := local(start.Name); {
		case name == "methodCall" && c == nil:
			if c, err = d.methodCall(); err != nil {
				return nil, err
			}
		case start.Name.Space == NSHeaders && start.Name.Local == "headers":
			if env != nil {
				return nil, badParam("<headers/> twice")
			}
			env = new(Envelope)
			if err := d.headers(env); err != nil {
				return nil, err
			}
		case name != "":
			return nil, invalid("<%s/> inside <query/>", name)
		default:
			if err := d.skip(); err != nil {
				return nil, err
			}
		}
	}
	if c == nil {
		return nil, invalid("no <methodCall/>")
	}
	if env != nil {
		c.Envelope = *env
	}
	return c, nil
}

func (d *decoder) methodCall() (*MethodCall, error) {
	c := &MethodCall{}
	named, params := false, false
	for {
		start, ok, err := d.child()
		if err != nil {
			return nil, err
		}
		if !ok {
			break
		}
		switch name := local(start.Name); {
		case name == "methodName" && !named:
			named = true
			text, err := d.rawText()
			if err != nil {
				return nil, err
			}
			c.Method = string(trim(text))
			if !ValidMethodName(c.Method) {
				return nil, invalid("methodName is not 1 to %d characters of A-Z a-z 0-9 / . _ :", MaxMethodName)
			}
		case name == "params" && !params:
			params = true
			if c.Params, err = d.params(); err != nil {
				return nil, err
			}
		default:
			return nil, invalid("<%s/> inside <methodCall/>", start.Name.Local)
		}
	}
	if !named {
		return nil, invalid("no <methodName/>")
	}
	return c, nil
}

// params reads the inside of <params> and its end.
func (d *decoder) params() ([]Value, error) {
	var out []Value
	for {
		start, ok, err := d.child()
		if err != nil {
			return nil, err
		}
		if !ok {
			return out, nil
		}
		if local(start.Name) != "param" {
			return nil, invalid("<%s/> inside <params/>", start.Name.Local)
		}
		v, err := d.only("param")
		if err != nil {
			return nil, at("params["+strconv.Itoa(len(out))+"]", err)
		}
		out = append(out, v)
	}
}

// only reads the one value inside <param> or <fault>, and the end of that.
func (d *decoder) only(parent string) (Value, error) {
	start, ok, err := d.child()
	if err != nil {
		return Value{}, err
	}
	if !ok || local(start.Name) != "value" {
		return Value{}, invalid("<%s/> without <value/>", parent)
	}
	v, err := d.value(1, nil)
	if err != nil {
		return Value{}, err
	}
	if _, ok, err = d.child(); err != nil {
		return Value{}, err
	} else if ok {
		return Value{}, invalid("more than one <value/> inside <%s/>", parent)
	}
	return v, nil
}

// A MethodResponse is <methodResponse/>: a value, or a fault if Fault is set.
type MethodResponse struct {
	Value Value
	Fault *Fault
}

// AppendXML appends <query/> with the response in it. The value must be
// [Value.Valid]; a fault's message is made so.
func (m *MethodResponse) AppendXML(dst []byte) []byte {
	dst = append(dst, openQuery+"<methodResponse>"...)
	if m.Fault != nil {
		dst = append(dst, "<fault>"...)
		dst = m.Fault.value().AppendXML(dst)
		dst = append(dst, "</fault>"...)
	} else {
		dst = append(dst, "<params><param>"...)
		dst = m.Value.AppendXML(dst)
		dst = append(dst, "</param></params>"...)
	}
	return append(dst, "</methodResponse>"+closeQuery...)
}

// TokenReader is [MethodResponse.AppendXML] for who reads tokens. What it
// returns is an [Appender], too.
func (m *MethodResponse) TokenReader() xml.TokenReader { return &element{xml: m.AppendXML(nil)} }

// ReadResponse reads <query/> with a response in it, which must be the next
// element of r. A zero field of l is taken from [DefaultResponseLimits].
// Errors are of type [*SyntaxError].
func ReadResponse(r xml.TokenReader, l Limits) (*MethodResponse, error) {
	d := newDecoder(r, l.or(DefaultResponseLimits))
	defer d.close()
	if err := d.query(); err != nil {
		return nil, err
	}
	var m *MethodResponse
	for {
		start, ok, err := d.child()
		if err != nil {
			return nil, err
		}
		if !ok {
			break
		}
		switch name := local(start.Name); {
		case name == "methodResponse" && m == nil:
			if m, err = d.methodResponse(); err != nil {
				return nil, err
			}
		case name != "":
			return nil, invalid("<%s/> inside <query/>", name)
		default:
			if err := d.skip(); err != nil {
				return nil, err
			}
		}
	}
	if m == nil {
		return nil, invalid("no <methodResponse/>")
	}
	return m, nil
}

func (d *decoder) methodResponse() (*MethodResponse, error) {
	m := &MethodResponse{}
	start, ok, err := d.child()
	if err != nil {
		return nil, err
	}
	switch {
	case ok && local(start.Name) == "params":
		params, err := d.params()
		if err != nil {
			return nil, err
		}
		if len(params) != 1 { // XEP-0009#schema
			return nil, invalid("%d params in a response", len(params))
		}
		m.Value = params[0]
	case ok && local(start.Name) == "fault":
		v, err := d.only("fault")
		if err != nil {
			return nil, at("fault", err)
		}
		if m.Fault, ok = faultOf(v); !ok {
			return nil, invalid("fault without faultCode and faultString")
		}
	default:
		return nil, invalid("<methodResponse/> without <params/> or <fault/>")
	}
	if _, ok, err = d.child(); err != nil {
		return nil, err
	} else if ok {
		return nil, invalid("more than one element inside <methodResponse/>")
	}
	return m, nil
}

// AppendCall appends method and params as canonical bytes, which are the
// <methodCall/> that is sent, written as [Value.AppendXML] writes.
func AppendCall(dst []byte, method string, params []Value) []byte {
	dst = append(dst, "<methodCall><methodName>"...)
	dst = appendEscaped(dst, method)
	dst = append(dst, "</methodName>"...)
	if len(params) > 0 {
		dst = append(dst, "<params>"...)
		for _, p := range params {
			dst = append(dst, "<param>"...)
			dst = p.AppendXML(dst)
			dst = append(dst, "</param>"...)
		}
		dst = append(dst, "</params>"...)
	}
	return append(dst, "</methodCall>"...)
}

// Digest returns the SHA-256 of [AppendCall]: the same for the caller and the
// responder, and the same whenever method and arguments are equal.
func Digest(method string, params []Value) [sha256.Size]byte {
	return sha256.Sum256(AppendCall(nil, method, params))
}

// DigestHex returns [Digest] in lower case hexadecimal.
func DigestHex(method string, params []Value) string {
	sum := Digest(method, params)
	return hex.EncodeToString(sum[:])
}
