package form_test

import (
	"encoding/xml"
	"reflect"
	"strings"
	"testing"

	"adminbot/internal/xmpp/element"
	"adminbot/internal/xmpp/form"
)

func TestRoundTrip(t *testing.T) {
	for name, f := range map[string]form.Form{
		"empty": {Type: "cancel"},
		"form": {Type: "form", Title: "Resolve", Instructions: "Say what was done.\nIt is kept.", Fields: []form.Field{
			{Var: "FORM_TYPE", Type: "hidden", Values: []string{"urn:x"}},
			{Var: "alert", Type: "list-single", Label: "Alert", Required: true, Values: []string{"17"}, Options: []form.Option{{Label: "17 · disk", Value: "17"}, {Value: "18"}}},
			{Var: "note", Type: "text-multi", Label: "Note", Desc: "what was done", Values: []string{"a", " b", ""}},
		}},
		"submit": form.Submit(map[string]string{"b": "2", "a": "<1>"}),
	} {
		t.Run(name, func(t *testing.T) {
			e, err := element.Read(f.Element().TokenReader())
			if err != nil {
				t.Fatal(err)
			}
			if got, ok := form.Parse(e); !ok || !reflect.DeepEqual(got, f) {
				t.Errorf("read as %+v\nwant %+v", got, f)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	f.Add(`<x xmlns="jabber:x:data" type="submit"><field var="a"><value>1</value><value/></field></x>`)
	f.Add(`<x xmlns="jabber:iq:data"><instructions> a </instructions><field><option><value>1</value></option></field></x>`)
	f.Fuzz(func(t *testing.T, text string) {
		e, err := element.Read(xml.NewDecoder(strings.NewReader(text)))
		if err != nil {
			return
		}
		parsed, ok := form.Parse(e)
		if !ok {
			return
		}
		again, ok := form.Parse(parsed.Element())
		if !ok || len(again.Fields) != len(parsed.Fields) || again.Text("a") != parsed.Text("a") || again.Get("a") != parsed.Get("a") {
			t.Errorf("%+v\nagain %+v", parsed, again)
		}
	})
}
