package muc_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"mellium.im/xmpp/jid"

	"adminbot/internal/muc"
)

func enter(who, room, nick string) string {
	return fmt.Sprintf("<presence from='%s' to='%s@chat.shakespeare.lit/%s'><x xmlns='http://jabber.org/protocol/muc'/></presence>", who, room, nick)
}

// TestLimits goes one beyond each limit.
func TestLimits(t *testing.T) {
	small := func(o *muc.Options) {
		o.Limits = muc.Limits{Rooms: 4, RoomsEach: 2, Occupants: 3, Joined: 2, Affiliations: 3, NameBytes: 10, TextBytes: 20, MessageBytes: 100, PresenceBytes: 60, Invitations: 2}
		o.MayCreate = func(who jid.JID) bool { return who.Localpart() != "hag66" }
		o.Exists = func(who jid.JID) bool { return who.Localpart() != "nobody" }
		o.Component = func(domain string) bool { return domain == "component.lit" }
	}
	const alert = "alert@component.lit"
	admin := func(who, item string) string {
		return "<iq type='set' id='a' from='" + who + "' to='coven@chat.shakespeare.lit'><query xmlns='http://jabber.org/protocol/muc#admin'>" + item + "</query></iq>"
	}
	message := func(inner string) string {
		return "<message type='groupchat' from='" + crone + "' to='coven@chat.shakespeare.lit'>" + inner + "</message>"
	}
	invite := func(inner string) string {
		return "<message from='" + crone + "' to='coven@chat.shakespeare.lit'><x xmlns='http://jabber.org/protocol/muc#user'>" + inner + "</x></message>"
	}
	for _, tt := range []struct {
		name   string
		before []string
		stanza string
		want   string
	}{
		{"who may make rooms", nil, enter("hag66@shakespeare.lit/a", "hers", "hag"), "not-allowed"},
		{"rooms of one", []string{enter(crone, "two", "c")}, enter("crone1@shakespeare.lit/other", "three", "c"), "resource-constraint"},
		{"rooms", []string{enter(alert, "two", "a"), enter(alert, "three", "a"), enter(alert, "four", "a")}, enter("a@shakespeare.lit/x", "five", "a"), "resource-constraint"},
		{"rooms of components", []string{enter(alert, "two", "a"), enter(alert, "three", "a"), enter(alert, "four", "a"), enter(alert, "five", "a"),
			enter(alert, "six", "a"), enter(alert, "seven", "a"), enter(alert, "eight", "a")}, enter(alert, "nine", "a"), "resource-constraint"},
		{"people in a room", []string{enter("a@shakespeare.lit/x", "coven", "a"), enter("b@shakespeare.lit/x", "coven", "b")}, enter("hag66@shakespeare.lit/a", "coven", "hag"), "service-unavailable"},
		{"rooms that one is in", []string{enter("b@shakespeare.lit/x", "two", "b"), enter("b@shakespeare.lit/x", "coven", "b")}, enter("b@shakespeare.lit/y", "two", "b"), "resource-constraint"},
		{"the name of a room", nil, enter(crone, "abcdefghijk", "c"), "not-acceptable"},
		{"a nickname", nil, enter("a@shakespeare.lit/x", "coven", "abcdefghijk"), "not-acceptable"},
		{"a nickname that looks like another", nil, enter("a@shakespeare.lit/x", "coven", "crone "), "not-acceptable"},
		{"a presence", nil, "<presence from='a@shakespeare.lit/x' to='coven@chat.shakespeare.lit/a'><x xmlns='http://jabber.org/protocol/muc'/><status>" + strings.Repeat("x", 60) + "</status></presence>", "policy-violation"},
		{"a message", nil, message("<body>" + strings.Repeat("x", 100) + "</body>"), "policy-violation"},
		{"a subject", nil, message("<subject>" + strings.Repeat("x", 21) + "</subject>"), "policy-violation"},
		{"a reason", nil, admin(crone, "<item affiliation='member' jid='a@shakespeare.lit'><reason>"+strings.Repeat("x", 21)+"</reason></item>"), "policy-violation"},
		{"members", []string{admin(crone, "<item affiliation='member' jid='a@b'/><item affiliation='member' jid='b@b'/>")}, admin(crone, "<item affiliation='member' jid='c@b'/>"), "resource-constraint"},
		{"invitations", nil, invite("<invite to='a@b'/><invite to='b@b'/><invite to='c@b'/>"), "policy-violation"},
		{"an invitation for nobody", nil, invite("<invite to='nobody@b'/>"), "item-not-found"},
		{"a decline of what nobody asked", nil, strings.Replace(invite("<decline to='stranger@b'/>"), crone, "hag66@shakespeare.lit/a", 1), "forbidden"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := newCoven(t, small)
			c.make(t, "coven")
			for _, s := range tt.before {
				c.send(t, s)
			}
			for _, client := range c.clients {
				client.Take()
			}
			c.send(t, tt.stanza)
			e, err := readFirst(tt.stanza)
			if err != nil {
				t.Fatal(err)
			}
			if got := c.take(t, e.Get("from")); len(got) != 1 || condition(got[0]) != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
			for address, client := range c.clients {
				if got := client.Take(); len(got) > 0 {
					t.Errorf("%s got %s", address, got)
				}
			}
		})
	}
}

// TestRate has one account, by two clients, send as much as it may, and more.
func TestRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCoven(t, func(o *muc.Options) { o.Component = func(domain string) bool { return domain == "component.lit" } })
		c.make(t, "coven")
		c.send(t, enter("hag66@shakespeare.lit/a", "coven", "hag"))
		c.send(t, enter("hag66@shakespeare.lit/b", "coven", "hag"))
		time.Sleep(time.Minute)
		sent := func(who string, n int) (said, refused int) {
			c.take(t, crone)
			c.take(t, who)
			for range n {
				c.send(t, "<message type='groupchat' from='"+who+"' to='coven@chat.shakespeare.lit'><body>x</body></message>")
			}
			for _, e := range c.take(t, who) {
				if condition(e) == "policy-violation" {
					refused++
				}
			}
			return len(c.take(t, crone)), refused
		}
		if said, refused := sent("hag66@shakespeare.lit/a", 190); said != 190 || refused != 0 {
			t.Errorf("first: %d, refused %d", said, refused)
		}
		if said, refused := sent("hag66@shakespeare.lit/b", 100); said != 10 || refused != 90 {
			t.Errorf("by the other client: %d, refused %d", said, refused)
		}
		time.Sleep(time.Second)
		if said, refused := sent("hag66@shakespeare.lit/a", 30); said != 20 || refused != 10 {
			t.Errorf("a second later: %d, refused %d", said, refused)
		}
		c.send(t, enter("alert@component.lit", "coven", "alert"))
		if said, refused := sent("alert@component.lit", 1000); said != 1000 || refused != 0 {
			t.Errorf("a component: %d, refused %d", said, refused)
		}
		// One that leaves may always do so.
		c.send(t, "<presence type='unavailable' from='hag66@shakespeare.lit/a' to='coven@chat.shakespeare.lit/hag'/>")
		if got := c.take(t, "hag66@shakespeare.lit/a"); got[len(got)-1].Get("type") != "unavailable" {
			t.Errorf("it could not leave: %s", got[len(got)-1])
		}
	})
}
