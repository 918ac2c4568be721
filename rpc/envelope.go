package rpc

import (
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"strconv"
	"time"

	"mellium.im/xmpp/jid"
)

// Bounds of what an envelope says.
const (
	MinTTL     = time.Second
	MaxTTL     = 24 * time.Hour
	DefaultTTL = 60 * time.Second // of a call that says nothing

	MaxAhead = 60 * time.Second // how far in the future Created may lie

	maxKey       = 128  // bytes of X-Idempotency-Key
	maxReason    = 1024 // bytes of X-Reason
	maxSignature = 512  // bytes of X-Signature, decoded
)

// The headers of an envelope. Created and TTL are registered by XEP-0131.
const (
	headerCreated   = "Created"
	headerTTL       = "TTL"
	headerKey       = "X-Idempotency-Key"
	headerActor     = "X-Actor"
	headerReason    = "X-Reason"
	headerSignature = "X-Signature"
)

// An Envelope is what is said about a call and not about its method. It
// travels as headers (XEP-0131) inside <query/>, beside <methodCall/>; that
// goes beyond the schema of XEP-0009, and peers that do not know it pass over
// it. A call from such a peer has the zero Envelope.
//
// Nothing in an envelope is proven except by a signature: who called is the
// from of the stanza and nothing else.
type Envelope struct {
	Created   time.Time     // when the stanza was written; zero lets the client stamp it
	TTL       time.Duration // from Created on; whole seconds from MinTTL to MaxTTL, or zero
	Key       string        // idempotency key: a retry repeats it
	Actor     jid.JID       // bare address of the person on whose behalf this is
	Reason    string        // why, in that person's words
	Signature []byte        // over SigningBytes
}

// Deadline returns the moment from which the call is too old to start. It is
// the earlier of Created + TTL and received + TTL. Offset is what must be added
// to the clock received was read from to have the one Created was read from;
// the deadline is on the former. Without a TTL, [DefaultTTL] applies.
func (e *Envelope) Deadline(received time.Time, offset time.Duration) time.Time {
	ttl := e.TTL
	if ttl == 0 {
		ttl = DefaultTTL
	}
	deadline := received.Add(ttl)
	if !e.Created.IsZero() {
		if d := e.Created.Add(ttl - offset); d.Before(deadline) {
			return d
		}
	}
	return deadline
}

// Valid returns an error if e cannot be sent.
func (e *Envelope) Valid() error {
	switch {
	case e.TTL != 0 && (e.TTL < MinTTL || e.TTL > MaxTTL):
		return fmt.Errorf("rpc: TTL %v is not within %v and %v", e.TTL, MinTTL, MaxTTL)
	case e.Key != "" && !validKey(e.Key):
		return fmt.Errorf("rpc: idempotency key is not 1 to %d printable ASCII characters without space", maxKey)
	case len(e.Reason) > maxReason:
		return fmt.Errorf("rpc: reason is longer than %d bytes", maxReason)
	case !validText(e.Reason):
		return fmt.Errorf("rpc: reason holds bytes that XML cannot carry")
	case len(e.Signature) > maxSignature:
		return fmt.Errorf("rpc: signature is longer than %d bytes", maxSignature)
	}
	return nil
}

func validKey(s string) bool {
	if s == "" || len(s) > maxKey {
		return false
	}
	for i := 0; i < len(s); i++ {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// wholeTTL rounds up to seconds, which is what the header counts in.
func wholeTTL(d time.Duration) time.Duration {
	return (d + time.Second - 1).Truncate(time.Second)
}

// formatCreated writes a time as the header has it (XEP-0082), with the
// milliseconds that a signature covers too.
func formatCreated(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// SigningBytes returns what a signature covers: canonical method and params,
// the full address of the responder, key, Created, TTL and actor. It is the
// same for the caller, who has just stamped the call, and for the responder.
func SigningBytes(to jid.JID, method string, params []Value, e Envelope) []byte {
	b := []byte("urn:adminbot:rpc-signature:0\n")
	line := func(s string) { // none of these can hold a line feed
		b = append(b, s...)
		b = append(b, '\n')
	}
	line(to.String())
	line(e.Key)
	created := ""
	if !e.Created.IsZero() {
		created = formatCreated(e.Created)
	}
	line(created)
	line(strconv.FormatInt(int64(wholeTTL(e.TTL)/time.Second), 10))
	line(e.Actor.Bare().String())
	return AppendCall(b, method, params)
}

var nameHeader = xml.Name{Space: NSHeaders, Local: "header"}

// appendXML appends <headers/> if there is anything to say.
func (e *Envelope) appendXML(dst []byte) []byte {
	before := len(dst)
	dst = append(dst, "<headers xmlns='"+NSHeaders+"'>"...)
	empty := len(dst)
	header := func(name, value string) {
		dst = append(dst, "<header name='"...)
		dst = append(dst, name...)
		dst = append(dst, "'>"...)
		dst = appendEscaped(dst, value)
		dst = append(dst, "</header>"...)
	}
	if !e.Created.IsZero() {
		header(headerCreated, formatCreated(e.Created))
	}
	if e.TTL != 0 {
		header(headerTTL, strconv.FormatInt(int64(wholeTTL(e.TTL)/time.Second), 10))
	}
	if e.Key != "" {
		header(headerKey, e.Key)
	}
	if !e.Actor.Equal(jid.JID{}) {
		header(headerActor, e.Actor.Bare().String())
	}
	if e.Reason != "" {
		header(headerReason, e.Reason)
	}
	if len(e.Signature) > 0 {
		header(headerSignature, base64.StdEncoding.EncodeToString(e.Signature))
	}
	if len(dst) == empty {
		return dst[:before]
	}
	return append(dst, "</headers>"...)
}

// headers reads the inside of <headers> and its end. Headers of other names
// are passed over.
func (d *decoder) headers(e *Envelope) error {
	seen := make(map[string]bool, 6)
	for {
		start, ok, err := d.child()
		if err != nil || !ok {
			return err
		}
		if start.Name != nameHeader {
			return badParam("<%s/> inside <headers/>", start.Name.Local)
		}
		name := ""
		for _, a := range start.Attr {
			if a.Name.Local == "name" && a.Name.Space == "" {
				name = a.Value
			}
		}
		if name == "" {
			return badParam("<header/> without a name")
		}
		value, err := d.text()
		if err != nil {
			return err
		}
		if err := e.set(name, value, seen); err != nil {
			return err
		}
	}
}

func (e *Envelope) set(name, value string, seen map[string]bool) error {
	switch name {
	case headerCreated, headerTTL, headerKey, headerActor, headerReason, headerSignature:
	default:
		return nil
	}
	if seen[name] {
		return badParam("header %s twice", name)
	}
	seen[name] = true
	bad := func(why string) error { return badParam("header %s: %s", name, why) }
	switch name {
	case headerCreated:
		t, err := time.Parse(time.RFC3339Nano, value) // requires a zone, as XEP-0082 does
		if err != nil || t.IsZero() {
			return bad("not a date and time of XEP-0082")
		}
		e.Created = t.UTC()
	case headerTTL:
		n, ok := number(value)
		if !ok || len(value) > 5 || n < int(MinTTL/time.Second) || n > int(MaxTTL/time.Second) {
			return bad("not a number of seconds from 1 to 86400")
		}
		e.TTL = time.Duration(n) * time.Second
	case headerKey:
		if !validKey(value) {
			return bad(fmt.Sprintf("not 1 to %d printable ASCII characters without space", maxKey))
		}
		e.Key = value
	case headerActor:
		j, err := jid.Parse(value)
		if err != nil || j.Resourcepart() != "" {
			return bad("not a bare XMPP address")
		}
		e.Actor = j
	case headerReason:
		if value == "" || len(value) > maxReason || !validText(value) {
			return bad(fmt.Sprintf("not a text of 1 to %d bytes", maxReason))
		}
		e.Reason = value
	case headerSignature:
		v, err := parseBase64([]byte(value))
		if err != nil || len(v.str) == 0 || len(v.str) > maxSignature {
			return bad(fmt.Sprintf("not base64 of 1 to %d bytes", maxSignature))
		}
		e.Signature = []byte(v.str)
	}
	return nil
}
