package muc_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"mellium.im/xmpp/jid"

	"adminbot/internal/muc"
	"adminbot/internal/muc/muctest"
	"adminbot/internal/xmpp/element"
)

// FuzzRooms does what the bytes say, one step each with one or two bytes, and
// checks after every step what is true of every room:
//
//   - who is not in gets nothing but what answers him, and invitations
//   - into a room for members only members come, and only they stay
//   - all see what is said in one order, from when they come until they leave
//   - what clients believe, who is there and with which role, is what is
func FuzzRooms(f *testing.F) {
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 45))
		b := make([]byte, 600)
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, steps []byte) {
		w := newWorld(t)
		for len(steps) >= 2 {
			w.step(steps[0], steps[1])
			steps = steps[2:]
		}
		w.end()
	})
}

// A world is a service with people who note what they see.
type world struct {
	*coven
	t      *testing.T
	people []*person
	said   map[string][]string // by room, the bodies in the order in which the first one saw them
	n      int
	line   string // what happened last
}

// A person is a client with an eye on each room.
type person struct {
	who    string // full address
	client *muctest.Client
	rooms  map[string]*view // those he believes to be in
}

// A view is what a client knows of a room.
type view struct {
	nick string
	seen map[string]string // by nickname: affiliation/role
	next int               // of world.said; -1: it has heard nothing yet
}

const rooms = 2

func newWorld(t *testing.T) *world {
	w := &world{coven: newCoven(t, func(o *muc.Options) {
		o.Limits = muc.Limits{Burst: 1 << 20, History: 3}
		o.Component = func(d string) bool { return d == "component.lit" }
	}), t: t, said: map[string][]string{}}
	for _, who := range []string{"crone1@shakespeare.lit/a", "crone1@shakespeare.lit/b", "hag66@shakespeare.lit/a", "wicca@shakespeare.lit/a", "alert@component.lit"} {
		p := &person{who: who, client: w.client(who), rooms: map[string]*view{}}
		w.people = append(w.people, p)
	}
	return w
}

func (w *world) step(a, b byte) {
	p := w.people[int(a)%len(w.people)]
	other := w.people[int(a/8)%len(w.people)]
	room := fmt.Sprintf("room%d@chat.shakespeare.lit", int(a/64)%rooms)
	nick := strings.Map(func(c rune) rune {
		if c == '@' || c == '/' {
			return -1
		}
		return c
	}, p.who[:6]) + string(rune('x'+b>>6&1))
	w.n++
	bare := jid.MustParse(other.who).Bare().String()
	admin := func(item string) string {
		return fmt.Sprintf("<iq type='set' id='%d' from='%s' to='%s'><query xmlns='http://jabber.org/protocol/muc#admin'>%s</query></iq>", w.n, p.who, room, item)
	}
	owner := func(x string) string {
		return fmt.Sprintf("<iq type='set' id='%d' from='%s' to='%s'><query xmlns='http://jabber.org/protocol/muc#owner'>%s</query></iq>", w.n, p.who, room, x)
	}
	one := b & 1
	var stanza string
	switch b % 24 {
	case 0, 1, 2, 3, 4:
		stanza = fmt.Sprintf("<presence from='%s' to='%s/%s'><x xmlns='http://jabber.org/protocol/muc'/></presence>", p.who, room, nick)
	case 5, 6:
		stanza = fmt.Sprintf("<presence from='%s' to='%s/%s' type='unavailable'/>", p.who, room, nick)
	case 7:
		stanza = fmt.Sprintf("<presence from='%s' to='%s/%s'><show>away</show></presence>", p.who, room, nick)
	case 8, 9, 10, 11:
		stanza = fmt.Sprintf("<message from='%s' to='%s' type='groupchat' id='%d'><body>%d</body></message>", p.who, room, w.n, w.n)
	case 12:
		stanza = owner("<x xmlns='jabber:x:data' type='submit'/>")
	case 13:
		stanza = owner(fmt.Sprintf("<x xmlns='jabber:x:data' type='submit'><field var='muc#roomconfig_membersonly'><value>%d</value></field><field var='muc#roomconfig_persistentroom'><value>%d</value></field></x>", one, b>>7))
	case 14:
		stanza = owner(fmt.Sprintf("<x xmlns='jabber:x:data' type='submit'><field var='muc#roomconfig_moderatedroom'><value>%d</value></field><field var='muc#roomconfig_enablearchiving'><value>%d</value></field><field var='muc#roomconfig_whois'><value>%s</value></field></x>", one, b>>7, []string{"anyone", "moderators"}[one]))
	case 15:
		if b > 200 {
			stanza = owner("<destroy/>")
		}
	case 16, 17:
		stanza = admin(fmt.Sprintf("<item jid='%s' affiliation='%s'/>", bare, []string{"outcast", "none", "member", "admin", "owner"}[int(b/23)%5]))
	case 18:
		if v := other.rooms[room]; v != nil {
			stanza = admin(fmt.Sprintf("<item nick='%s' role='%s'/>", v.nick, []string{"none", "visitor", "participant", "moderator"}[int(b/23)%4]))
		}
	case 19:
		stanza = fmt.Sprintf("<message from='%s' to='%s'><x xmlns='http://jabber.org/protocol/muc#user'><invite to='%s'/></x></message>", p.who, room, bare)
	case 20:
		if v := other.rooms[room]; v != nil {
			stanza = fmt.Sprintf("<message from='%s' to='%s/%s' type='chat' id='pm-%d'><body>private</body></message>", p.who, room, v.nick, w.n)
		}
	case 21:
		if b > 128 {
			w.line = p.who + " is gone"
			w.Gone(w.t.Context(), p.client)
			w.look(p)
			if len(p.rooms) > 0 {
				w.t.Fatalf("%s: it is still in %v", w.line, p.rooms)
			}
		}
	case 22:
		stanza = fmt.Sprintf("<message from='%s' to='%s/x' type='error'><error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>", p.who, room)
	}
	if b%24 == 23 {
		stanza = w.voice(p, other, room, b)
	}
	if stanza == "" {
		return
	}
	w.line = stanza
	w.send(w.t, stanza)
	w.look(p)
	w.agree()
}

// voice is a request for voice, or the answer to what another would have asked.
func (w *world) voice(p, other *person, room string, b byte) string {
	answer := ""
	if v := other.rooms[room]; v != nil && b > 128 {
		answer = fmt.Sprintf("<field var='muc#jid'><value>%s</value></field><field var='muc#roomnick'><value>%s</value></field><field var='muc#request_allow'><value>true</value></field>", other.who, v.nick)
	}
	return fmt.Sprintf("<message from='%s' to='%s' id='%d'><x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>http://jabber.org/protocol/muc#request</value></field><field var='muc#role'><value>participant</value></field>%s</x></message>", p.who, room, w.n, answer)
}

// look has everybody look at what came; p is who did the last thing.
func (w *world) look(p *person) {
	for _, q := range w.people {
		for _, s := range q.client.Take() {
			e, err := element.Read(decoder(s))
			if err != nil {
				w.t.Fatalf("%s: %s: %v", w.line, s, err)
			}
			w.see(q, e, q == p)
		}
	}
}

// see is one client that gets something.
func (w *world) see(p *person, e *element.Element, his bool) {
	from := jid.MustParse(e.Get("from"))
	room := from.Bare().String()
	v := p.rooms[room]
	x := e.Child("http://jabber.org/protocol/muc#user", "x")
	switch {
	case e.Get("type") == "error" || e.Name.Local == "iq":
		if !his {
			w.t.Fatalf("%s\n%s got an answer to what another asked: %s", w.line, p.who, e)
		}
	case e.Name.Local == "presence":
		w.presence(p, v, from, x, e)
	case x != nil && x.Child("", "invite") != nil:
	case v == nil:
		w.t.Fatalf("%s\n%s, who is not in the room, got %s", w.line, p.who, e)
	case e.Get("type") == "groupchat" && e.Child("", "body") != nil && e.Child("urn:xmpp:delay", "delay") == nil:
		w.heard(p, v, room, e.ChildText("body"))
	}
}

func (w *world) presence(p *person, v *view, from jid.JID, x *element.Element, e *element.Element) {
	room, nick := from.Bare().String(), from.Resourcepart()
	self, item := has(x, "110"), x.Child("", "item")
	if e.Get("type") == "unavailable" {
		if !self {
			if v == nil {
				w.t.Fatalf("%s\n%s, who is not in the room, got %s", w.line, p.who, e)
			}
			delete(v.seen, nick)
		} else if has(x, "303") {
			delete(v.seen, nick)
		} else {
			delete(p.rooms, room)
		}
		return
	}
	if v == nil {
		v = &view{seen: map[string]string{}, next: -1}
		p.rooms[room] = v
	}
	v.seen[nick] = item.Get("affiliation") + "/" + item.Get("role")
	if self {
		v.nick = nick
	}
}

func has(x *element.Element, code string) bool {
	return slices.ContainsFunc(x.Children, func(c *element.Element) bool { return c.Name.Local == "status" && c.Get("code") == code })
}

// heard checks that nothing is missed, doubled or out of order.
func (w *world) heard(p *person, v *view, room, body string) {
	all := w.said[room]
	if v.next < 0 {
		if v.next = slices.Index(all, body); v.next < 0 {
			v.next = len(all)
		}
	}
	if v.next == len(all) {
		w.said[room] = append(all, body)
	} else if all[v.next] != body {
		w.t.Fatalf("%s\n%s heard %s, others heard %s", w.line, p.who, body, all[v.next])
	}
	v.next++
}

// agree checks that all who are in a room see the same people there: themselves
// among them, and in a room for members only members.
func (w *world) agree() {
	for i := range rooms {
		room := fmt.Sprintf("room%d@chat.shakespeare.lit", i)
		var first *person
		for _, p := range w.people {
			v := p.rooms[room]
			if v == nil {
				continue
			}
			if v.seen[v.nick] == "" {
				w.t.Fatalf("%s\n%s does not see himself: %v", w.line, p.who, v.seen)
			}
			if first == nil {
				first = p
			}
			if a, b := fmt.Sprint(first.rooms[room].seen), fmt.Sprint(v.seen); a != b {
				w.t.Fatalf("%s\n%s sees %s\n%s sees %s", w.line, first.who, a, p.who, b)
			}
			// Whoever was there has heard all that was said.
			if v.next >= 0 && v.next != len(w.said[room]) {
				w.t.Fatalf("%s\n%s has missed what was said", w.line, p.who)
			}
		}
		if first == nil {
			continue
		}
		w.send(w.t, fmt.Sprintf("<iq type='get' id='info' from='%s' to='%s'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>", first.who, room))
		for _, s := range first.client.Take() {
			for nick, is := range first.rooms[room].seen {
				if strings.Contains(s, "muc_membersonly") && (strings.HasPrefix(is, "none/") || strings.HasPrefix(is, "outcast/")) {
					w.t.Fatalf("%s\n%s is in a room for members: %s", w.line, nick, is)
				}
			}
		}
	}
}

// end has all leave: nothing is left but rooms that are to stay.
func (w *world) end() {
	for _, p := range w.people {
		w.line = p.who + " is gone"
		w.Gone(w.t.Context(), p.client)
		w.look(p)
	}
	kept, err := w.store.Rooms(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	if s := w.Stats(); s.Peers != 0 || s.Rooms > len(kept) {
		w.t.Fatalf("left: %+v, kept: %d", s, len(kept))
	}
}
