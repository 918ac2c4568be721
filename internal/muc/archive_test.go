package muc_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"adminbot/internal/muc"
	"adminbot/internal/muc/muctest"
	"adminbot/internal/xmpp/element"
)

const crone = "crone1@shakespeare.lit/desktop"

// make makes a room with what its form is to say.
func (c *coven) make(t testing.TB, room string, fields ...string) {
	t.Helper()
	c.send(t, fmt.Sprintf("<presence from='%s' to='%s@chat.shakespeare.lit/crone'><x xmlns='http://jabber.org/protocol/muc'/></presence>", crone, room))
	var form strings.Builder
	for i := 0; i < len(fields); i += 2 {
		fmt.Fprintf(&form, "<field var='muc#roomconfig_%s'><value>%s</value></field>", fields[i], fields[i+1])
	}
	c.send(t, fmt.Sprintf("<iq type='set' id='make' from='%s' to='%s@chat.shakespeare.lit'><query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'>%s</x></query></iq>", crone, room, &form))
	got := c.take(t, crone)
	if last := got[len(got)-1]; last.Get("id") != "make" || last.Get("type") != "result" {
		t.Fatalf("the room was not made: %s", got)
	}
}

// take returns what a client has got.
func (c *coven) take(t testing.TB, who string) []*element.Element {
	t.Helper()
	var all []*element.Element
	for _, s := range c.client(who).Take() {
		e, err := element.Read(decoder(s))
		if err != nil {
			t.Fatalf("%s: %v", s, err)
		}
		all = append(all, e)
	}
	return all
}

// condition is that of an error, "" if a stanza is none.
func condition(e *element.Element) string {
	if err := e.Child("", "error"); err != nil {
		for _, c := range err.Children {
			if c.Name.Local != "text" {
				return c.Name.Local
			}
		}
	}
	return ""
}

// TestArchive asks an archive of five messages, one a minute, in all ways.
func TestArchive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCoven(t, func(o *muc.Options) { o.Limits.ListPage = 4; o.Limits.Archive.Age = time.Hour })
		c.make(t, "coven", "enablearchiving", "1")
		ids := map[string]string{}
		for i := range 5 {
			c.send(t, fmt.Sprintf("<message type='groupchat' from='%s' to='coven@chat.shakespeare.lit'><body>%d</body></message>", crone, i+1))
			e := c.take(t, crone)[0]
			ids[fmt.Sprint(i+1)] = e.Child("urn:xmpp:sid:0", "stanza-id").Get("id")
			time.Sleep(time.Minute)
		}
		// What is not to be kept is not.
		c.send(t, "<message type='groupchat' from='"+crone+"' to='coven@chat.shakespeare.lit'><body>off the record</body><no-store xmlns='urn:xmpp:hints'/></message>")
		c.send(t, "<message type='groupchat' from='"+crone+"' to='coven@chat.shakespeare.lit'><composing xmlns='http://jabber.org/protocol/chatstates'/></message>")
		c.take(t, crone)
		rsm := func(inner string) string {
			return "<set xmlns='http://jabber.org/protocol/rsm'>" + inner + "</set>"
		}
		form := func(fields ...string) string {
			s := "<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>urn:xmpp:mam:2</value></field>"
			for i := 0; i < len(fields); i += 2 {
				s += "<field var='" + fields[i] + "'>"
				for _, v := range strings.Fields(fields[i+1]) {
					s += "<value>" + v + "</value>"
				}
				s += "</field>"
			}
			return s + "</x>"
		}
		begin := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC) // of every bubble
		at := func(minutes int) string {
			return begin.Add(time.Duration(minutes) * time.Minute).Format(time.RFC3339)
		}
		for _, tt := range []struct{ name, query, want string }{
			{"all", "", "1 2 3 4 of 5"},
			{"the rest", rsm("<after>" + ids["4"] + "</after>"), "5 of 5 complete"},
			{"behind the last", rsm("<after>" + ids["5"] + "</after>"), "of 5 complete"},
			{"the last page", rsm("<max>2</max><before/>"), "4 5 of 5"},
			{"the page before", rsm("<max>2</max><before>" + ids["4"] + "</before>"), "2 3 of 5"},
			{"the first", rsm("<max>10</max><before>" + ids["3"] + "</before>"), "1 2 of 5 complete"},
			{"backwards", rsm("<max>2</max><before/>") + "<flip-page/>", "5 4 of 5"},
			{"how many", rsm("<max>0</max>"), "of 5"},
			{"from a time", form("start", at(3)), "4 5 of 2 complete"},
			{"a while", form("start", at(1), "end", at(2)), "2 3 of 2 complete"},
			{"between messages", form("after-id", ids["1"], "before-id", ids["4"]), "2 3 of 2 complete"},
			{"some", form("ids", ids["5"]+" "+ids["2"]), "2 5 of 2 complete"},
			{"unknown", rsm("<after>nothing</after>"), "item-not-found"},
			{"one unknown", form("ids", ids["5"]+" nothing"), "item-not-found"},
			{"no time", form("start", "yesterday"), "bad-request"},
			{"no number", rsm("<max>many</max>"), "bad-request"},
			{"too many", form("ids", strings.Repeat("x ", 5)), "resource-constraint"},
			{"another field", form("with", "crone1@shakespeare.lit"), "feature-not-implemented"},
		} {
			c.send(t, "<iq type='set' id='q' from='"+crone+"' to='coven@chat.shakespeare.lit'><query xmlns='urn:xmpp:mam:2' queryid='f'>"+tt.query+"</query></iq>")
			var said []string
			for _, e := range c.take(t, crone) {
				if r := e.Child("urn:xmpp:mam:2", "result"); r != nil {
					f := r.Child("urn:xmpp:forward:0", "forwarded")
					said = append(said, f.Child("jabber:client", "message").ChildText("body"))
					if r.Get("queryid") != "f" || f.Child("urn:xmpp:delay", "delay").Get("stamp") == "" || r.Get("id") != ids[said[len(said)-1]] {
						t.Errorf("%s: got %s", tt.name, e)
					}
					continue
				}
				if why := condition(e); why != "" {
					said = append(said, why)
					continue
				}
				fin := e.Child("urn:xmpp:mam:2", "fin")
				set := fin.Child("http://jabber.org/protocol/rsm", "set")
				said = append(said, "of", set.ChildText("count"))
				if fin.Get("complete") == "true" {
					said = append(said, "complete")
				}
			}
			if got := strings.Join(said, " "); got != tt.want {
				t.Errorf("%s: got %s, want %s", tt.name, got, tt.want)
			}
		}
		c.send(t, "<iq type='get' id='m' from='"+crone+"' to='coven@chat.shakespeare.lit'><metadata xmlns='urn:xmpp:mam:2'/></iq>")
		if m := c.take(t, crone)[0].Child("urn:xmpp:mam:2", "metadata"); m.Child("", "start").Get("id") != ids["1"] || m.Child("", "end").Get("id") != ids["5"] {
			t.Errorf("metadata: %s", m)
		}
		// What is older than an hour is not told, whether it is there still or not.
		time.Sleep(57*time.Minute + 30*time.Second)
		c.send(t, "<iq type='set' id='q' from='"+crone+"' to='coven@chat.shakespeare.lit'><query xmlns='urn:xmpp:mam:2'/></iq>")
		if got := len(c.take(t, crone)); got != 2+1 {
			t.Errorf("after an hour: %d stanzas", got)
		}
	})
}

// TestKept has a service end and another one take its place.
func TestKept(t *testing.T) {
	c := newCoven(t, nil)
	c.make(t, "stays", "persistentroom", "1", "enablearchiving", "1", "membersonly", "1", "publicroom", "0", "roomname", "Where we stay")
	c.make(t, "goes", "enablearchiving", "1")
	for _, room := range []string{"stays", "goes"} {
		c.send(t, "<message type='groupchat' from='"+crone+"' to='"+room+"@chat.shakespeare.lit'><body>hello</body></message>")
		c.send(t, "<message type='groupchat' from='"+crone+"' to='"+room+"@chat.shakespeare.lit'><subject>what for</subject></message>")
		c.send(t, "<iq type='set' id='m' from='"+crone+"' to='"+room+"@chat.shakespeare.lit'><query xmlns='http://jabber.org/protocol/muc#admin'><item affiliation='member' jid='hag66@shakespeare.lit'/></query></iq>")
	}
	next := newCoven(t, func(o *muc.Options) { o.Store = c.store })
	if err := next.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	const hag, other = "hag66@shakespeare.lit/pda", "other@shakespeare.lit/pda"
	next.send(t, "<presence from='"+other+"' to='stays@chat.shakespeare.lit/other'><x xmlns='http://jabber.org/protocol/muc'/></presence>")
	if got := next.take(t, other); len(got) != 1 || condition(got[0]) != "registration-required" {
		t.Errorf("somebody else got %s", got)
	}
	next.send(t, "<presence from='"+hag+"' to='stays@chat.shakespeare.lit/hag'><x xmlns='http://jabber.org/protocol/muc'/></presence>")
	got := next.take(t, hag)
	if len(got) != 3 || got[1].ChildText("body") != "hello" || got[2].ChildText("subject") != "what for" || got[2].Get("from") != "stays@chat.shakespeare.lit/crone" {
		t.Errorf("a member got %s", got)
	}
	next.send(t, "<iq type='get' id='i' from='"+hag+"' to='goes@chat.shakespeare.lit'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>")
	if got := next.take(t, hag); condition(got[0]) != "item-not-found" {
		t.Errorf("a room that was not to stay is there: %s", got)
	}
	// An archive ends with its room, and what was said in it.
	next.send(t, "<iq type='set' id='d' from='crone1@shakespeare.lit/other' to='stays@chat.shakespeare.lit'><query xmlns='http://jabber.org/protocol/muc#owner'><destroy/></query></iq>")
	if rooms, err := c.store.Rooms(t.Context()); err != nil || len(rooms) != 0 {
		t.Errorf("kept: %s, %v", rooms, err)
	}
}

// TestStoreFails has the store fail: nobody sees what is not kept, nothing
// changes, and the room goes on when the store does.
func TestStoreFails(t *testing.T) {
	c := newCoven(t, nil)
	c.make(t, "coven", "enablearchiving", "1")
	c.send(t, "<presence from='hag66@shakespeare.lit/pda' to='coven@chat.shakespeare.lit/hag'><x xmlns='http://jabber.org/protocol/muc'/></presence>")
	c.take(t, crone)
	c.take(t, "hag66@shakespeare.lit/pda")
	c.store.Fail = errors.New("the disk is full")
	for _, s := range []string{
		"<message type='groupchat' id='1' from='" + crone + "' to='coven@chat.shakespeare.lit'><body>x</body></message>",
		"<iq type='set' id='2' from='" + crone + "' to='coven@chat.shakespeare.lit'><query xmlns='http://jabber.org/protocol/muc#admin'><item affiliation='outcast' jid='hag66@shakespeare.lit'/></query></iq>",
		"<iq type='set' id='3' from='" + crone + "' to='coven@chat.shakespeare.lit'><query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'><field var='muc#roomconfig_membersonly'><value>1</value></field></x></query></iq>",
		"<iq type='set' id='4' from='" + crone + "' to='coven@chat.shakespeare.lit'><query xmlns='urn:xmpp:mam:2'/></iq>",
	} {
		c.send(t, s)
		if got := c.take(t, crone); len(got) != 1 || condition(got[0]) != "internal-server-error" {
			t.Errorf("%s\ngot %s", s, got)
		}
	}
	if got := c.take(t, "hag66@shakespeare.lit/pda"); len(got) > 0 {
		t.Errorf("another got %s", got)
	}
	c.store.Fail = nil
	c.send(t, "<message type='groupchat' id='5' from='hag66@shakespeare.lit/pda' to='coven@chat.shakespeare.lit'><body>x</body></message>")
	if got := c.take(t, crone); len(got) != 1 || got[0].ChildText("body") != "x" {
		t.Errorf("afterwards got %s", got)
	}
}

// TestLastOwner has the two owners of a room give it up at once: one must stay.
func TestLastOwner(t *testing.T) {
	c := newCoven(t, nil)
	c.make(t, "coven")
	admin := func(items string) string {
		c.send(t, "<iq type='set' id='a' from='"+crone+"' to='coven@chat.shakespeare.lit'><query xmlns='http://jabber.org/protocol/muc#admin'>"+items+"</query></iq>")
		got := c.take(t, crone)
		return condition(got[len(got)-1])
	}
	const both = "<item affiliation='none' jid='crone1@shakespeare.lit'/><item affiliation='none' jid='hag66@shakespeare.lit'/>"
	if e := admin("<item affiliation='owner' jid='hag66@shakespeare.lit'/>"); e != "" {
		t.Fatal(e)
	}
	if e := admin(both); e != "conflict" {
		t.Errorf("both: %q", e)
	}
	if e := admin("<item affiliation='none' jid='crone1@shakespeare.lit'/>"); e != "" {
		t.Errorf("one, who still is owner: %s", e)
	}
	if e := admin(both); e != "forbidden" {
		t.Errorf("who is owner no more: %q", e)
	}
}

// A service without a store has rooms, but none that stays.
func TestNoStore(t *testing.T) {
	c := newCoven(t, func(o *muc.Options) { o.Store = nil })
	if err := c.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.make(t, "coven")
	c.send(t, "<iq type='set' id='3' from='"+crone+"' to='coven@chat.shakespeare.lit'><query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'><field var='muc#roomconfig_persistentroom'><value>1</value></field></x></query></iq>")
	if got := c.take(t, crone); condition(got[0]) != "not-acceptable" {
		t.Errorf("got %s", got)
	}
}

var _ muc.Store = (*muctest.Memory)(nil)
