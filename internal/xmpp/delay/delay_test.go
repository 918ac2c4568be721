package delay_test

import (
	"testing"
	"time"

	"adminbot/internal/xmpp/delay"
	"adminbot/internal/xmpp/element"
	"mellium.im/xmpp/jid"
)

func TestRoundTrip(t *testing.T) {
	for _, want := range []delay.Delay{
		{From: jid.MustParse("capulet.com"), Stamp: time.Date(2002, 9, 10, 23, 8, 25, 0, time.UTC), Reason: "Offline Storage"}, // XEP-0203 example 1
		{Stamp: time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.UTC)},
	} {
		got, err := delay.Parse(want.Element())
		if err != nil || !got.From.Equal(want.From) || !got.Stamp.Equal(want.Stamp) || got.Reason != want.Reason {
			t.Errorf("%+v, %v, want %+v", got, err, want)
		}
	}
}

func TestFind(t *testing.T) {
	good := element.New(delay.NS, "delay", "stamp", "2002-09-10T23:08:25+02:00")
	children := []*element.Element{
		element.New("jabber:client", "body"),
		element.New(delay.NS, "delay"), // without a stamp
		element.New(delay.NS, "delay", "stamp", "yesterday"),
		element.New(delay.NS, "delay", "stamp", "2002-09-10T23:08:25"), // without an offset
		element.New(delay.NS, "delay", "stamp", "2002-09-10T23:08:25Z", "from", "@@"),
		good,
	}
	d, ok := delay.Find(children)
	if !ok || !d.Stamp.Equal(time.Date(2002, 9, 10, 21, 8, 25, 0, time.UTC)) {
		t.Errorf("%+v, %t", d, ok)
	}
	if _, ok := delay.Find(children[:5]); ok {
		t.Error("found one")
	}
}
