//go:build !unit

package workgroups_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"mellium.im/xmpp/jid"

	"adminbot/internal/servertest"
	"adminbot/internal/xmpp/element"
	"adminbot/internal/xmpp/muc"
	"adminbot/workgroups"
)

// invited waits for the room's invitation, and returns the room.
func invited(c *servertest.Raw) (room string, invitation muc.Invitation) {
	e := c.Next("an invitation", func(e *element.Element) bool {
		_, ok := muc.ParseInvitation(e.Children)
		return ok
	})
	invitation, _ = muc.ParseInvitation(e.Children)
	return e.Get("from"), invitation
}

// enters has a client enter a room, and returns what the room says of it.
func enters(c *servertest.Raw, room, nick string) muc.User {
	c.Send("<presence to='%s/%s'><x xmlns='%s'/></presence>", room, nick, muc.NS)
	e := c.Next("itself in the room", func(e *element.Element) bool {
		u, ok := muc.ParseUser(e.Children)
		return e.Name.Local == "presence" && e.Get("from") == room+"/"+nick && (ok && u.Is(muc.StatusSelf) || e.Get("type") == "error")
	})
	u, _ := muc.ParseUser(e.Children)
	return u
}

// shows asks for an alert until its timeline tells something.
func (r *running) shows(c *servertest.Raw, id int64, what string) {
	r.t.Helper()
	for range 10000 {
		r.says(c, fmt.Sprint("show ", id))
		e := c.Next("the alert", func(e *element.Element) bool {
			return strings.HasPrefix(e.ChildText("body"), fmt.Sprintf("Alert %d ·", id))
		})
		if strings.Contains(e.ChildText("body"), what) {
			return
		}
	}
	r.t.Fatalf("the timeline of %d does not tell: %s", id, what)
}

// TestRoom is the way of a room: whoever takes an alert, and the bot, are asked in;
// others are kept out; everybody sees who the others are; it ends with the alert.
func TestRoom(t *testing.T) {
	servertest.Each(t, servertest.Options{Accounts: people}, testRoom)
}

func testRoom(t *testing.T, srv *servertest.Server) {
	r := serve(t, srv, nil)
	r.stop()
	r.rooms = &workgroups.Rooms{Bot: jid.MustParse("adminbot@" + srv.Domain)}
	r.start()
	bot, bob, carol, eve := srv.Raw(t, "adminbot", "pw", "bot"), srv.Raw(t, "bob", "pw", "desk"), srv.Raw(t, "carol", "pw", "phone"), srv.Raw(t, "eve", "pw", "home")
	for _, c := range []*servertest.Raw{bot, carol, eve, bob} {
		c.Send("<presence/>")
	}
	a := r.raise(workgroups.Report{Summary: "disk full", Host: "web01", Severity: workgroups.Critical})
	r.says(carol, "take 1")
	hears(carol, "Alert 1 is yours")

	room, invitation := invited(carol)
	if room != "alert-1@"+srv.Rooms || invitation.From.String() != r.addr || !strings.Contains(invitation.Reason, "disk full") {
		t.Fatalf("carol was asked into %s: %+v", room, invitation)
	}
	if to, i := invited(bot); to != room || i.From.String() != r.addr || i.Reason != "alert-1" {
		t.Errorf("the bot was asked into %s: %+v", to, i)
	}
	if u := enters(eve, room, "eve"); u.Is(muc.StatusSelf) {
		t.Error("somebody who was not asked is in the room")
	}
	if u := enters(carol, room, "carol"); !u.Is(muc.StatusSelf) {
		t.Error("carol was not let in")
	}
	enters(bot, room, "adminbot")
	seen := bot.Next("carol in the room", func(e *element.Element) bool { return e.Get("from") == room+"/carol" })
	if u, _ := muc.ParseUser(seen.Children); u.JID.String() != carol.Full {
		t.Errorf("the bot does not see who carol is: %s", seen)
	}

	r.shows(carol, a.ID, "joined adminbot@"+srv.Domain)

	r.stop() // a new service finds the room again
	r.start()
	r.says(carol, "resolve 1 cleaned up")
	carol.Next("the end", func(e *element.Element) bool {
		return e.Get("type") == "groupchat" && strings.Contains(e.ChildText("subject"), "resolved by carol@"+srv.Domain+": cleaned up")
	})
	carols, bots := "carol@"+srv.Domain, "adminbot@"+srv.Domain
	want := "raised test\noffered " + carols + "\naccepted " + carols + "\nroom: " + room + "\ninvited " + carols + "\njoined " + carols + "\njoined " + bots + "\nresolved " + carols + ": cleaned up"
	if got := r.timeline(a.ID); got != want {
		t.Errorf("timeline:\n%s\nwant\n%s", got, want)
	}
}

// TestRoomSealed: some time after the end of its alert a room can only be read, by
// those who are there and by those who come, and a new service sees to that too.
func TestRoomSealed(t *testing.T) {
	servertest.Each(t, servertest.Options{Accounts: people}, func(t *testing.T, srv *servertest.Server) {
		r := serve(t, srv, nil)
		r.stop()
		r.rooms = &workgroups.Rooms{Open: 200 * time.Millisecond}
		r.start()
		carol := srv.Raw(t, "carol", "pw", "phone")
		carol.Send("<presence/>")
		r.raise(workgroups.Report{Summary: "disk full"})
		r.says(carol, "take 1")
		room, _ := invited(carol)
		enters(carol, room, "carol")
		r.says(carol, "resolve 1 cleaned up")
		const closed = "resolved by carol@localhost: cleaned up\nThis room is closed: it can be read until "
		isClosed := func(e *element.Element) bool { return strings.Contains(e.ChildText("body"), closed) }
		carol.Next("the end", isClosed)
		silenced(carol, room)

		carol.Send("<presence to='%s/carol' type='unavailable'/>", room)
		enters(carol, room, "carol")
		carol.Next("what was said", isClosed)
		silenced(carol, room)

		carol.Send("<presence to='%s/carol' type='unavailable'/>", room)
		r.stop()
		r.start()
		enters(carol, room, "carol")
		silenced(carol, room)
	})
}

// silenced waits until a client has lost its voice, and checks that it has.
func silenced(c *servertest.Raw, room string) {
	c.Next("that it lost its voice", func(e *element.Element) bool {
		u, ok := muc.ParseUser(e.Children)
		return ok && e.Get("from") == room+"/carol" && u.Role == "visitor"
	})
	c.Send("<message to='%s' type='groupchat' id='loud'><body>hello?</body></message>", room)
	c.Next("a refusal", func(e *element.Element) bool { return e.Get("id") == "loud" && e.Get("type") == "error" })
}
