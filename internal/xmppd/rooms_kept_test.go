package xmppd_test

import (
	"testing"

	"adminbot/internal/account"
	"adminbot/internal/servertest"
	"adminbot/internal/xmpp/element"
	"adminbot/internal/xmpp/muc"
)

// TestRoomsAreKept ends a server without warning: the room that is to stay is
// there on the next one, with who may be in it and what was said.
func TestRoomsAreKept(t *testing.T) {
	srv := servertest.StartEmbedded(t, servertest.Options{Accounts: []servertest.Account{
		{Name: "alice", Password: "pw", Role: account.User}, {Name: "bob", Password: "pw", Role: account.User}, {Name: "eve", Password: "pw", Role: account.User},
	}})
	room := "ops@" + srv.Rooms
	by := func(id string) func(*element.Element) bool {
		return func(e *element.Element) bool { return e.Get("id") == id }
	}
	alice := srv.Raw(t, "alice", "pw", "desk")
	alice.Send("<presence id='1' to='%s/alice'><x xmlns='%s'/></presence>", room, muc.NS)
	if u, _ := muc.ParseUser(alice.Next("herself", by("1")).Children); !u.Is(muc.StatusCreated) {
		t.Fatalf("the room is not new: %+v", u)
	}
	alice.Send("<iq type='set' id='2' to='%s'><query xmlns='%s'><x xmlns='jabber:x:data' type='submit'>", room, muc.NSOwner)
	for _, field := range []string{"persistentroom", "membersonly", "enablearchiving"} {
		alice.Send("<field var='muc#roomconfig_%s'><value>1</value></field>", field)
	}
	alice.Send("</x></query></iq>")
	alice.Next("a room", by("2"))
	alice.Send("<message to='%s'><x xmlns='%s'><invite to='bob@%s'/></x></message>", room, muc.NSUser, srv.Domain)
	alice.Send("<message type='groupchat' id='3' to='%s'><body>who broke the build?</body></message>", room)
	alice.Next("what she said", by("3"))

	srv.Kill(t)
	srv.Start(t)
	eve := srv.Raw(t, "eve", "pw", "desk")
	eve.Send("<presence id='4' to='%s/eve'><x xmlns='%s'/></presence>", room, muc.NS)
	if e := eve.Next("a refusal", by("4")); e.Get("type") != "error" {
		t.Errorf("eve was let in: %s", e)
	}
	bob := srv.Raw(t, "bob", "pw", "desk")
	bob.Send("<presence/>")
	bob.Next("the invitation that was kept for him", func(e *element.Element) bool {
		i, ok := muc.ParseInvitation(e.Children)
		return ok && i.From.String() == alice.Full && e.Get("from") == room
	})
	bob.Send("<presence id='5' to='%s/bob'><x xmlns='%s'/></presence>", room, muc.NS)
	if u, _ := muc.ParseUser(bob.Next("himself", by("5")).Children); !u.Is(muc.StatusSelf) || u.Affiliation != "member" {
		t.Errorf("bob is not in: %+v", u)
	}
	past := bob.Next("history", by("3"))
	if past.ChildText("body") != "who broke the build?" || past.Child("urn:xmpp:delay", "delay") == nil {
		t.Errorf("the past: %s", past)
	}
	bob.Send("<iq type='set' id='6' to='%s'><query xmlns='urn:xmpp:mam:2'/></iq>", room)
	bob.Next("the archive", func(e *element.Element) bool { return e.Child("urn:xmpp:mam:2", "result") != nil })
	if fin := bob.Next("its end", by("6")).Child("urn:xmpp:mam:2", "fin"); fin == nil || fin.Get("complete") != "true" {
		t.Errorf("the end of the archive: %s", fin)
	}
}
