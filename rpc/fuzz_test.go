package rpc

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"mellium.im/xmpp/stanza"
)

// FuzzValue: nothing a peer sends breaks the decoder, and what it accepts is
// written in one way only, by tokens and by bytes alike.
func FuzzValue(f *testing.F) {
	for _, c := range strictCases(f) {
		f.Add([]byte(c.in))
	}
	f.Add(sample.AppendXML(nil))
	f.Fuzz(func(t *testing.T, in []byte) {
		v, err := ReadValue(parse(string(in)), Limits{})
		if err != nil {
			var se *SyntaxError
			if !errors.As(err, &se) || FaultName(se.Code) == "" {
				t.Fatalf("error %#v", err)
			}
			return
		}
		_, _ = v.MarshalJSON() // must not panic; a decoded value has no NaN
		if err := v.Valid(); err != nil {
			if !bytes.Contains(in, []byte("nil")) {
				t.Fatalf("%s decoded to what cannot be sent: %v", in, err)
			}
			return
		}
		text := v.AppendXML(nil)
		again, err := ReadValue(parse(string(text)), Limits{Bytes: 1 << 24})
		if err != nil || !again.Equal(v) {
			t.Fatalf("%s\nwritten as %s\nread as %v, %v", in, text, again, err)
		}
		if b := again.AppendXML(nil); !bytes.Equal(b, text) {
			t.Fatalf("equal values, other bytes:\n%s\n%s", text, b)
		}
		r, err := v.TokenReader()
		if err != nil {
			t.Fatal(err)
		}
		again, err = ReadValue(r, Limits{Bytes: 1 << 24})
		if err != nil || !again.Equal(v) {
			t.Fatalf("%s\nas tokens read as %v, %v", in, again, err)
		}
		bound, err := Marshal(v.Any())
		if err != nil || !bound.Equal(v) {
			t.Fatalf("%s\nthrough Go values %v, %v", in, bound, err)
		}
	})
}

// FuzzCall: the mux answers everything it is sent, and what it reads as a call
// is the same call after it was written again.
func FuzzCall(f *testing.F) {
	names, err := filepath.Glob("testdata/xep-0009/*.xml")
	if err != nil || len(names) == 0 {
		f.Fatal(names, err)
	}
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		if i, j := bytes.IndexByte(b, '>'), bytes.LastIndexByte(b, '<'); 0 < i && i < j {
			f.Add(b[i+1 : j])
		}
	}
	for _, c := range strictCases(f) {
		f.Add([]byte(query(`<methodCall><methodName>a.b</methodName><params><param><value><struct><member><name>c</name>` +
			c.in + `</member></struct></value></param></params></methodCall>`)))
	}
	f.Add([]byte(headers(`<header name="Created">2026-11-20T16:00:00Z</header><header name="TTL">30</header>` +
		`<header name="X-Idempotency-Key">018f</header><header name="X-Actor">ann@example.org</header>` +
		`<header name="X-Reason">why</header><header name="X-Signature">AAAA</header>`)))
	f.Add([]byte(query(`<methodCall><methodName>system.multicall</methodName><params><param><value><array><data><value><struct>` +
		`<member><name>methodName</name><value>system.methodHelp</value></member><member><name>params</name><value><array><data>` +
		`<value>system.multicall</value></data></array></value></member></struct></value></data></array></value></param></params></methodCall>`)))
	f.Fuzz(func(t *testing.T, in []byte) {
		mux := NewServeMux(Options{Allow: everybody})
		mux.HandleMethod("a.b", Descriptor{Multicall: true}, HandlerFunc(func(_ context.Context, r *Request) (Value, error) {
			var args struct {
				A string `rpc:"a,opt"`
				B []int  `rpc:"b,opt"`
				C any    `rpc:"c,opt"`
			}
			if err := r.Bind(&args); err != nil {
				return Value{}, err
			}
			return Marshal(args)
		}))
		reply, err := mux.HandleIQ(t.Context(), stanza.IQ{ID: "1", From: botJID, To: hostJID, Type: stanza.SetIQ}, parse(string(in)))
		if err != nil {
			if _, ok := err.(stanza.Error); !ok {
				t.Fatalf("error is a %T: %v", err, err)
			}
		} else if _, err := ReadResponse(parse(write(t, reply)), Limits{}); err != nil {
			t.Fatal(err)
		}

		c, err := ReadCall(parse(string(in)), Limits{})
		if err != nil || c.Valid() != nil { // not valid: nil in an array
			return
		}
		text := write(t, c.TokenReader())
		again, err := ReadCall(parse(text), Limits{Bytes: 1 << 24})
		if err != nil {
			t.Fatalf("%s\nwritten as %s\n%v", in, text, err)
		}
		if got, want := fmt.Sprint(again.Method, again.Params, again.Envelope.Key, again.Envelope.TTL, again.Envelope.Actor), fmt.Sprint(c.Method, c.Params, c.Envelope.Key, c.Envelope.TTL, c.Envelope.Actor); got != want {
			t.Fatalf("got  %s\nwant %s", got, want)
		}
		if !bytes.Equal(SigningBytes(hostJID, again.Method, again.Params, again.Envelope), SigningBytes(hostJID, c.Method, c.Params, c.Envelope)) {
			t.Fatal("signed bytes differ")
		}
	})
}

// A reader is free to return its last token together with io.EOF, to return
// nothing now and then, and to use the bytes of its text again.
type hostile struct {
	list []xml.Token
	n    int
	buf  []byte
}

func (h *hostile) Token() (xml.Token, error) {
	h.n++
	for i := range h.buf {
		h.buf[i] = '#'
	}
	if h.n%2 == 0 {
		return nil, nil
	}
	tok := h.list[0]
	h.list = h.list[1:]
	if text, ok := tok.(xml.CharData); ok {
		h.buf = append(h.buf[:0], text...)
		tok = xml.CharData(h.buf)
	}
	if len(h.list) == 0 {
		return tok, io.EOF
	}
	return tok, nil
}

func TestHostileReader(t *testing.T) {
	c := MethodCall{Method: "m", Params: []Value{sample, Array(sample, sample)}, Envelope: Envelope{Key: "k", Reason: "why"}}
	got, err := ReadCall(&hostile{list: all(t, c.TokenReader())}, Limits{})
	if err != nil || got.Method != c.Method || len(got.Params) != 2 || !got.Params[1].Equal(c.Params[1]) || got.Envelope.Key != "k" {
		t.Errorf("got %+v, %v", got, err)
	}
	silent := readerFunc(func() (xml.Token, error) { return nil, nil })
	if _, err := ReadCall(silent, Limits{}); !errors.Is(err, io.ErrNoProgress) {
		t.Errorf("a reader that says nothing: %v", err)
	}
	broken := errors.New("broken")
	fails := readerFunc(func() (xml.Token, error) { return nil, broken })
	if _, err := ReadResponse(fails, Limits{}); !errors.Is(err, broken) || faultFor(err).Code != FaultParse {
		t.Errorf("a reader that fails: %v", err)
	}
	cut := &tokens{list: all(t, c.TokenReader())[:9]}
	if _, err := ReadCall(cut, Limits{}); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a reader that ends: %v", err)
	}
}

type readerFunc func() (xml.Token, error)

func (f readerFunc) Token() (xml.Token, error) { return f() }
