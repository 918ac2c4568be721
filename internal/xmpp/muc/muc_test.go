package muc_test

import (
	"encoding/xml"
	"strings"
	"testing"

	"mellium.im/xmpp/jid"

	"adminbot/internal/xmpp/element"
	"adminbot/internal/xmpp/muc"
)

func read(t *testing.T, text string) *element.Element {
	t.Helper()
	e, err := element.Read(xml.NewDecoder(strings.NewReader(text)))
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestParseUser(t *testing.T) {
	const x = `<x xmlns='http://jabber.org/protocol/muc#user'>`
	tests := []struct {
		name, text string
		want       muc.User
		ok         bool
	}{
		{"somebody else's presence", `<presence><show>away</show></presence>`, muc.User{}, false},
		{"the owner of a new room", `<presence>` + x + `<item affiliation='owner' jid='a@b/c' role='moderator'/><status code='110'/><status code='201'/></x></presence>`,
			muc.User{JID: jid.MustParse("a@b/c"), Affiliation: "owner", Role: "moderator", Statuses: []int{110, 201}}, true},
		{"an anonymous room", `<presence>` + x + `<item affiliation='none' role='participant'/></x></presence>`, muc.User{Affiliation: "none", Role: "participant"}, true},
		{"destroyed", `<presence type='unavailable'>` + x + `<item affiliation='none' role='none'/><destroy><reason>over</reason></destroy></x></presence>`,
			muc.User{Affiliation: "none", Role: "none", Destroyed: true}, true},
		{"nonsense", `<presence>` + x + `<item jid='@'/><status code='many'/><status/></x></presence>`, muc.User{}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, ok := muc.ParseUser(read(t, tt.text).Children)
			if ok != tt.ok || !got.JID.Equal(tt.want.JID) || got.Affiliation != tt.want.Affiliation || got.Role != tt.want.Role || got.Destroyed != tt.want.Destroyed {
				t.Errorf("got %+v, %t, want %+v", got, ok, tt.want)
			}
			for _, status := range []int{110, 201} {
				if got.Is(status) != tt.want.Is(status) {
					t.Errorf("status %d: %t", status, got.Is(status))
				}
			}
		})
	}
}

func TestInvitation(t *testing.T) {
	sent := muc.Invitation{To: jid.MustParse("alice@example.net"), Reason: "alert-17"}.Element()
	if got, want := sent.String(), `<x><invite to="alice@example.net"><reason>alert-17</reason></invite></x>`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	// XEP-0142 example 50.
	e := read(t, `<message><x xmlns='http://jabber.org/protocol/muc#user'><invite from='support@workgroup.example.com'><reason>Please join</reason></invite></x></message>`)
	got, ok := muc.ParseInvitation(e.Children)
	if !ok || got.From.String() != "support@workgroup.example.com" || got.Reason != "Please join" {
		t.Errorf("got %+v, %t", got, ok)
	}
	if _, ok := muc.ParseInvitation(read(t, `<message><x xmlns='http://jabber.org/protocol/muc#user'><decline/></x></message>`).Children); ok {
		t.Error("a decline was taken for an invitation")
	}
}

// Of what is wanted, a room is told what its form has.
func TestConfigure(t *testing.T) {
	form := read(t, `<query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='form'>
		<field var='FORM_TYPE'><value>http://jabber.org/protocol/muc#roomconfig</value></field>
		<field var='muc#roomconfig_membersonly' type='boolean'><value>0</value></field>
		<field var='muc#roomconfig_lang'><value>en</value></field></x></query>`)
	got := muc.Configure(form, map[string]string{"muc#roomconfig_membersonly": "1", "mam": "1"}).String()
	want := `<query><x type="submit"><field var="FORM_TYPE"><value>http://jabber.org/protocol/muc#roomconfig</value></field>` +
		`<field var="muc#roomconfig_membersonly"><value>1</value></field></x></query>`
	if got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := muc.Configure(element.New(muc.NSOwner, "query"), nil).String(); got != `<query><x type="submit"/></query>` {
		t.Errorf("without a form: %s", got)
	}
}
