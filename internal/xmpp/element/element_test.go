package element_test

import (
	"encoding/xml"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"

	"adminbot/internal/xmpp/element"
)

func decoder(s string) *xml.Decoder { return xml.NewDecoder(strings.NewReader(s)) }

func TestRoundTrip(t *testing.T) {
	const doc = ` <a xmlns="urn:a" b="c" xml:lang="en">x<d xmlns="urn:d"><e></e></d>y<f>z</f></a><next xmlns="urn:n"></next> `
	d := decoder(doc)
	e, err := element.Read(d)
	if err != nil {
		t.Fatal(err)
	}
	if e.Name != (xml.Name{Space: "urn:a", Local: "a"}) || e.Get("b") != "c" || e.Get("lang") != "" || e.Lang() != "en" ||
		e.Text != "xy" || e.ChildText("f") != "z" || e.ChildText("d") != "" || e.Child("urn:d", "d").Child("", "e") == nil || e.Child("", "d") != nil {
		t.Errorf("%+v", e)
	}
	again, err := element.Read(e.TokenReader())
	if err != nil || !reflect.DeepEqual(again, e) {
		t.Errorf("%+v, %v, want %+v", again, err, e)
	}
	if next, err := element.Read(d); err != nil || next.Name.Local != "next" {
		t.Errorf("then %+v, %v", next, err)
	}
	if _, err := element.Read(d); err != io.EOF {
		t.Errorf("at the end: %v", err)
	}
	all, err := element.ReadAll(element.TokenReader(e, e, e))
	if err != nil || len(all) != 3 || !reflect.DeepEqual(all[2], e) {
		t.Errorf("all: %+v, %v", all, err)
	}
}

func TestCutShort(t *testing.T) {
	tokens := element.New("urn:a", "a").Add(element.New("urn:a", "b")).TokenReader()
	short := &first{r: tokens, n: 3}
	if _, err := element.Read(short); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("%v", err)
	}
	if _, err := element.Read(decoder("<a><b></a>")); err == nil {
		t.Error("read what is not well-formed")
	}
	if _, err := element.Read(stuck{}); err != io.ErrNoProgress {
		t.Errorf("a reader that yields nothing: %v", err)
	}
}

// first ends after n tokens.
type first struct {
	r xml.TokenReader
	n int
}

func (f *first) Token() (xml.Token, error) {
	if f.n--; f.n < 0 {
		return nil, io.EOF
	}
	return f.r.Token()
}

type stuck struct{}

func (stuck) Token() (xml.Token, error) { return nil, nil }
