package disco_test

import (
	"encoding/xml"
	"os"
	"reflect"
	"strings"
	"testing"

	"adminbot/internal/xmpp/disco"
	"adminbot/internal/xmpp/element"
	"golang.org/x/tools/txtar"
	"mellium.im/xmpp/jid"
)

func parse(t *testing.T, s string) *element.Element {
	t.Helper()
	e, err := element.Read(xml.NewDecoder(strings.NewReader(s)))
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestHash(t *testing.T) {
	raw, err := os.ReadFile("testdata/xep-0115.txtar")
	if err != nil {
		t.Fatal(err)
	}
	files := txtar.Parse(raw).Files
	for i := 0; i < len(files); i += 2 {
		t.Run(files[i].Name, func(t *testing.T) {
			want := strings.TrimSpace(string(files[i+1].Data))
			info, err := disco.Parse(parse(t, string(files[i].Data)))
			if err != nil {
				if "error: "+err.Error() != want {
					t.Errorf("%v, want %s", err, want)
				}
				return
			}
			if got := info.Hash(); got != want {
				t.Errorf("%s, want %s", got, want)
			}
			again, err := disco.Parse(info.Element("n"))
			if err != nil || !reflect.DeepEqual(again, info) {
				t.Errorf("written and read: %+v, %v, want %+v", again, err, info)
			}
		})
	}
}

func TestCaps(t *testing.T) {
	info := disco.Info{Identities: []disco.Identity{{Category: "client", Type: "bot"}}, Features: []string{"b", "a"}}
	caps := info.Caps("urn:test")
	if caps.QueryNode() != "urn:test#"+info.Hash() || info.Features[0] != "b" {
		t.Errorf("%+v of %+v", caps, info)
	}
	got, ok := disco.ParseCaps([]*element.Element{element.New("urn:x", "c"), caps.Element()})
	if !ok || got != caps {
		t.Errorf("%+v, %t", got, ok)
	}
	if _, ok := disco.ParseCaps([]*element.Element{element.New(disco.NSCaps, "c", "node", "n")}); ok {
		t.Error("caps without a hash")
	}
}

func TestItems(t *testing.T) {
	items := []disco.Item{{JID: jid.MustParse("a@b/c"), Node: "n", Name: "x & y"}, {JID: jid.MustParse("b")}}
	got, err := disco.ParseItems(disco.ItemsElement("n", items))
	if err != nil || !reflect.DeepEqual(got, items) {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := disco.ParseItems(parse(t, `<query xmlns='http://jabber.org/protocol/disco#items'><item jid='@@'/></query>`)); err == nil {
		t.Error("an item without an address")
	}
}
