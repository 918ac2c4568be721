package roster_test

import (
	"reflect"
	"testing"

	"adminbot/internal/xmpp/element"
	"adminbot/internal/xmpp/roster"
	"mellium.im/xmpp/jid"
)

func TestRoundTrip(t *testing.T) {
	for _, want := range []roster.Item{
		{JID: jid.MustParse("a@b"), Name: "A & B", Subscription: roster.Both, Ask: "subscribe", Groups: []string{"x", "y"}},
		{JID: jid.MustParse("a@b"), Subscription: roster.None},
	} {
		got, err := roster.ParseItem(want.Element())
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%+v, %v, want %+v", got, err, want)
		}
	}
}

func TestParseItem(t *testing.T) {
	i, err := roster.ParseItem(element.New(roster.NS, "item", "jid", "a@b"))
	if err != nil || i.Subscription != roster.None {
		t.Errorf("%+v, %v", i, err)
	}
	for _, bad := range []*element.Element{
		element.New(roster.NS, "item"),
		element.New(roster.NS, "item", "jid", "a@@b"),
		element.New("urn:x", "item", "jid", "a@b"),
		element.New(roster.NS, "group"),
	} {
		if i, err := roster.ParseItem(bad); err == nil {
			t.Errorf("%+v is read as %+v", bad, i)
		}
	}
}
