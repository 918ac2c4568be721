package xmppd

import (
	"bytes"
	"context"
	"encoding/xml"
	"io"
	"testing"

	"mellium.im/xmpp/jid"

	"adminbot/internal/muc"
	"adminbot/internal/muc/muctest"
)

// FuzzRoomStanza has somebody in a room send what a scanner lets through, on a
// client's stream and on a component's: whatever anybody gets of it must be a
// stanza to the scanner, on both sorts of streams, and to encoding/xml.
func FuzzRoomStanza(f *testing.F) {
	for _, s := range []string{
		`<message to='r@rooms' type='groupchat' xmlns:p='u' xml:lang='en' p:q="a>b"><body xmlns='jabber:client'>x</body><p:x p:y='1'/></message>`,
		`<message to="r@rooms" type='groupchat' id='&lt;&apos;&#10;' a='>'/>`,
		`<message type='groupchat' to='r@rooms'><subject><![CDATA[a]]b]]></subject>text</message>`,
		`<presence to='r@rooms/nick' xmlns:p='u'><x xmlns='http://jabber.org/protocol/muc'/><p:show/></presence>`,
		`<presence to='r@rooms/other&amp;'><status>&#xd;</status></presence>`,
		`<message to='r@rooms/second' type='chat'><body>x</body><stanza-id xmlns='urn:xmpp:sid:0' by='r@rooms'/></message>`,
		`<message to='r@rooms'><x xmlns='http://jabber.org/protocol/muc#user'><invite to='a@b'><reason>&lt;</reason></invite></x><p:o xmlns:p='u'/></message>`,
		`<iq to='r@rooms' type='set' id='1'><query xmlns='urn:xmpp:mam:2' queryid="'"/></iq>`,
		`<iq to='r@rooms/second' type='get' id='1' xmlns:p='u'><p:q xmlns='v'/></iq>`,
		`<iq to='r@rooms' type='set' id='1'><query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'><field var='muc#roomconfig_roomname'><value>&amp;</value></field></x></query></iq>`,
		`<presence xmlns='jabber:component:accept' to='r@rooms/nick'><x xmlns='http://jabber.org/protocol/muc'/><c xmlns='jabber:component:accept'><d xmlns='jabber:component:accept'/></c></presence>`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, ns := range []string{NSClient, NSComponent} {
			sc := &Scanner{}
			if tok, _, err := sc.Next([]byte("<s:stream xmlns='" + ns + "' xmlns:s='" + NSStream + "'>")); tok != Opened || err != nil {
				t.Fatal(tok, err)
			}
			tok, n, err := sc.Next(b)
			if tok != Element || err != nil || n != len(b) {
				continue
			}
			st := sc.Stanza()
			a, ok := parseAddress(st.to.of(st.raw))
			if st.Kind < Message || st.Kind > IQ || !ok || a.domain != "rooms" || st.nkids > len(st.kids) || st.Kind == IQ && checkIQ(st) != nil {
				continue
			}
			var letters muctest.Client
			service, err := muc.New(muc.Options{Domain: "rooms", Store: new(muctest.Memory), Route: func(_ context.Context, _ jid.JID, s []byte) { letters.Send(s) }})
			if err != nil {
				t.Fatal(err)
			}
			first, second := new(muctest.Client), new(muctest.Client)
			for _, s := range []string{
				"<presence from='first@b/c' to='r@rooms/first'><x xmlns='http://jabber.org/protocol/muc'/></presence>",
				"<iq type='set' id='1' from='first@b/c' to='r@rooms'><query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'><field var='muc#roomconfig_enablearchiving'><value>1</value></field></x></query></iq>",
			} {
				service.Handle(t.Context(), first, muctest.Stanza(t, s))
			}
			service.Handle(t.Context(), second, muctest.Stanza(t, "<presence from='second@b/c' to='r@rooms/second'><x xmlns='http://jabber.org/protocol/muc'/></presence>"))
			in := &inbound{st: st}
			service.Handle(t.Context(), first, in.forRooms(jid.MustParse("first@b/c"), a.jid()))
			// What is said again: to who comes later, and from the archive.
			service.Handle(t.Context(), second, muctest.Stanza(t, "<presence from='second@b/d' to='r@rooms/second'><x xmlns='http://jabber.org/protocol/muc'/></presence>"))
			service.Handle(t.Context(), second, muctest.Stanza(t, "<iq type='set' id='2' from='second@b/c' to='r@rooms'><query xmlns='urn:xmpp:mam:2'/></iq>"))
			for _, got := range append(append(first.Take(), second.Take()...), letters.Take()...) {
				for _, to := range []string{NSClient, NSComponent} {
					sc := forwarded()
					sc.Reset()
					sc.Next([]byte("<s:stream xmlns='" + to + "' xmlns:s='" + NSStream + "'>"))
					if tok, n, err := sc.Next([]byte(got)); tok != Element || n != len(got) || err != nil || sc.Stanza().Kind == Foreign {
						t.Fatalf("%s\nmakes %s\nwhich is none on a stream of %s: %v", b, got, to, err)
					}
				}
				d := xml.NewDecoder(bytes.NewReader([]byte(got)))
				for {
					if _, err := d.Token(); err == io.EOF {
						break
					} else if err != nil {
						t.Fatalf("%s\nmakes %s\nwhich is not XML: %v", b, got, err)
					}
				}
			}
		}
	})
}
