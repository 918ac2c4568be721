package workgroups

import (
	"context"
	"encoding/xml"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/stanza"

	"adminbot/internal/xmpp/disco"
	"adminbot/internal/xmpp/element"
	"adminbot/internal/xmpp/form"
	"adminbot/internal/xmpp/muc"
)

// A roomServer is the wire to a server with rooms, as far as the service uses them.
type roomServer struct {
	s *Service

	mu     sync.Mutex
	none   bool // it has no rooms
	silent bool // its rooms do not answer

	squatted string            // nickname that somebody has in every room
	busy     int               // requests that it has no time for
	deaf     int               // invitations that it has no time for
	leaving  map[string]bool   // rooms that were destroyed, which the service is yet to hear of
	rooms    map[string]string // who owns which
	did      []string          // what was done to rooms, in order
}

func (r *roomServer) note(format string, args ...any) {
	r.did = append(r.did, fmt.Sprintf(format, args...))
}

// took returns what was done since the last time.
func (r *roomServer) took() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	defer func() { r.did = nil }()
	return strings.Join(r.did, "\n")
}

func (r *roomServer) set(none, silent bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.none, r.silent = none, silent
}

// be changes how the server is.
func (r *roomServer) be(f func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f()
}

func (r *roomServer) Barrier(context.Context) error { return nil }

func (r *roomServer) Send(_ context.Context, t xml.TokenReader) error {
	e, err := element.Read(t)
	if err != nil {
		return err
	}
	to := jid.MustParse(e.Get("to"))
	if to.Domainpart() != "conference.example.net" {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.silent:
	case e.Name.Local == "iq":
		item := e.Child(muc.NSAdmin, "query").Child("", "item")
		r.note("%s in %s: %s", item.Get("role"), to.Localpart(), item.Get("nick"))
	case e.Name.Local == "presence" && e.Get("type") == "unavailable":
		r.note("leave %s", to.Localpart())
	case e.Name.Local == "presence":
		r.join(e.Get("from"), to)
	case e.ChildText("subject") != "":
		r.note("subject %s: %s", to.Localpart(), e.ChildText("subject"))
	case e.Child(muc.NSUser, "x") != nil && r.deaf > 0:
		r.deaf--
		refusal := element.New("", "error", "type", "wait").Add(element.New("urn:ietf:params:xml:ns:xmpp-stanzas", "policy-violation"))
		m := stanza.Message{ID: e.Get("id"), From: to, To: jid.MustParse(e.Get("from")), Type: stanza.ErrorMessage}
		go r.s.HandleMessage(context.Background(), m, element.TokenReader(refusal))
	case e.Get("type") == "groupchat":
		lines := strings.Split(e.ChildText("body"), "\n")
		r.note("say %s: %s", to.Localpart(), lines[len(lines)-1])
	default:
		if x := e.Child(muc.NSUser, "x"); x != nil {
			r.note("invite %s to %s: %s", x.Child("", "invite").Get("to"), to.Localpart(), x.Child("", "invite").ChildText("reason"))
		}
	}
	return nil
}

func (r *roomServer) join(who string, to jid.JID) {
	room := to.Localpart()
	if to.Resourcepart() == r.squatted {
		refusal := element.New("", "error", "type", "cancel").Add(element.New("urn:ietf:params:xml:ns:xmpp-stanzas", "conflict"))
		go r.s.HandlePresence(context.Background(), stanza.Presence{From: to, To: jid.MustParse(who), Type: stanza.ErrorPresence}, element.TokenReader(refusal))
		return
	}
	user := element.New(muc.NSUser, "x").Add(element.New(muc.NSUser, "status", "code", "110"))
	affiliation := "owner"
	switch r.rooms[room] {
	case "":
		r.rooms[room] = who
		user.Add(element.New(muc.NSUser, "status", "code", "201"))
		r.note("make %s", room)
	case who:
		r.note("enter %s", room)
	default:
		affiliation = "none"
	}
	user.Add(element.New(muc.NSUser, "item", "affiliation", affiliation))
	from, late := jid.MustParse(who), r.leaving[room]
	delete(r.leaving, room)
	go func() {
		if late {
			gone := element.New(muc.NSUser, "x").Add(element.New(muc.NSUser, "destroy"))
			r.s.HandlePresence(context.Background(), stanza.Presence{From: to, To: from, Type: stanza.UnavailablePresence}, element.TokenReader(gone))
		}
		r.s.HandlePresence(context.Background(), stanza.Presence{From: to, To: from}, element.TokenReader(user))
	}()
}

func (r *roomServer) RoundTripIQ(ctx context.Context, iq stanza.IQ, t xml.TokenReader) (stanza.IQ, xml.TokenReader, error) {
	e, err := element.Read(t)
	if err != nil {
		return iq, nil, err
	}
	r.mu.Lock()
	silent := r.silent && iq.To.Localpart() != ""
	r.mu.Unlock()
	if silent {
		<-ctx.Done()
		return iq, nil, ctx.Err()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	result := func(e *element.Element) (stanza.IQ, xml.TokenReader, error) { return iq, element.TokenReader(e), nil }
	if r.busy > 0 {
		r.busy--
		return iq, nil, stanza.Error{Type: stanza.Wait, Condition: stanza.PolicyViolation}
	}
	switch {
	case e.Name.Space == disco.NSItems:
		items := []disco.Item{{JID: jid.MustParse("workgroup.example.net")}, {JID: jid.MustParse("pubsub.example.net")}}
		if !r.none {
			items = append(items, disco.Item{JID: jid.MustParse("conference.example.net")})
		}
		return result(disco.ItemsElement("", items))
	case e.Name.Space == disco.NSInfo && iq.To.Domainpart() == "conference.example.net":
		return result(disco.Info{Features: []string{muc.NS}}.Element(""))
	case e.Name.Space == disco.NSInfo:
		return iq, nil, stanza.Error{Type: stanza.Cancel, Condition: stanza.ServiceUnavailable}
	case e.Child("", "destroy") != nil:
		if r.rooms[iq.To.Localpart()] == "" {
			return iq, nil, stanza.Error{Type: stanza.Cancel, Condition: stanza.ItemNotFound}
		}
		delete(r.rooms, iq.To.Localpart())
		if r.leaving != nil {
			r.leaving[iq.To.Localpart()] = true
		}
		r.note("destroy %s", iq.To.Localpart())
	case iq.Type == stanza.GetIQ:
		return result(element.New(muc.NSOwner, "query").Add(form.Form{
			Type: "form", Fields: []form.Field{{Var: moderated, Type: "boolean", Values: []string{"0"}}},
		}.Element()))
	default:
		if f, _ := form.Find(e.Children); f.Get(moderated) == "1" {
			r.note("moderate %s", iq.To.Localpart())
		}
	}
	return result(element.New(muc.NSOwner, "query"))
}

const moderated = "muc#roomconfig_moderatedroom"

// comes has somebody come into a room, with a role.
func (r *roomServer) comes(room, who, role string) {
	real := jid.MustParse(who)
	user := element.New(muc.NSUser, "x").Add(element.New(muc.NSUser, "item", "affiliation", "member", "role", role, "jid", who))
	from := jid.MustParse(room + "@conference.example.net/" + real.Localpart())
	r.s.HandlePresence(context.Background(), stanza.Presence{From: from, To: jid.MustParse("alerts@workgroup.example.net")}, element.TokenReader(user))
}

// inRooms runs a service with rooms, and one alert, in a bubble of time.
func inRooms(t *testing.T, test func(t *testing.T, s *Service, r *roomServer, store *Memory)) {
	synctest.Test(t, func(t *testing.T) {
		r, store := &roomServer{rooms: map[string]string{}}, &Memory{}
		stop := serveRooms(t, r, store)
		defer func() { stop() }()
		if _, err := r.s.Report(t.Context(), Report{Workgroup: "alerts", Source: "x", Summary: "disk full", Host: "web01"}); err != nil {
			t.Fatal(err)
		}
		test(t, r.s, r, store)
	})
}

func serveRooms(t *testing.T, r *roomServer, store *Memory) (stop func()) {
	t.Helper()
	s, err := New(Config{
		Domain: jid.MustParse("workgroup.example.net"), Groups: []Workgroup{{Name: "alerts", Domains: []string{"example.net"}}},
		Store: store, Wire: r, Rooms: &Rooms{Bot: jid.MustParse("adminbot@example.net")},
	})
	if err != nil {
		t.Fatal(err)
	}
	r.s = s
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	s.Connected()
	synctest.Wait()
	return func() {
		cancel()
		<-done
	}
}

var ann = jid.MustParse("ann@example.net")

func wants(t *testing.T, r *roomServer, want string) {
	t.Helper()
	synctest.Wait()
	if got := r.took(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

const madeForAnn = `make alert-1
subject alert-1: Alert 1 · warning · web01 · disk full
say alert-1: ann@example.net has it. When it is over: resolve 1 and what was done.
invite adminbot@example.net to alert-1: alert-1
invite ann@example.net to alert-1: Alert 1: warning · web01 · disk full`

// The life of a room: it outlives its alert, can only be read an hour later, whoever
// comes, and goes after a month.
func TestRoomLife(t *testing.T) {
	inRooms(t, func(t *testing.T, s *Service, r *roomServer, _ *Memory) {
		if _, err := s.Take(t.Context(), 1, ann); err != nil {
			t.Fatal(err)
		}
		wants(t, r, madeForAnn)
		says := func(line string) {
			body := element.New("jabber:component:accept", "body")
			body.Text = line
			s.HandleMessage(t.Context(), stanza.Message{From: jid.MustParse("cleo@example.net/x"), To: jid.MustParse("alerts@workgroup.example.net"), Type: stanza.ChatMessage}, element.TokenReader(body))
		}
		says("room 1")
		wants(t, r, "invite cleo@example.net to alert-1: Alert 1: warning · web01 · disk full")
		says("room 2")
		wants(t, r, "")
		ben := jid.MustParse("ben@example.net/work")
		if _, err := s.Pass(t.Context(), 1, ann, ""); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Take(t.Context(), 1, ben); err != nil {
			t.Fatal(err)
		}
		wants(t, r, "invite ben@example.net/work to alert-1: alert-1") // as clients of Fastpath want it
		r.comes("alert-1", "ben@example.net/work", "participant")
		r.comes("alert-1", "root@example.net/work", "moderator")
		if _, err := s.Resolve(t.Context(), 1, ben, "cleaned up"); err != nil {
			t.Fatal(err)
		}
		wants(t, r, `subject alert-1: Alert 1 is resolved by ben@example.net: cleaned up
say alert-1: You can write here until 2000-01-01 01:00 UTC, and read until 2000-01-31.`)
		r.comes("alert-1", "cleo@example.net/work", "participant")
		time.Sleep(time.Hour + time.Second)
		wants(t, r, `moderate alert-1
say alert-1: This room is closed: it can be read until 2000-01-31.
visitor in alert-1: ben
visitor in alert-1: cleo`)
		r.comes("alert-1", "cleo@example.net/work", "visitor")
		wants(t, r, "")
		r.comes("alert-1", "ann@example.net/work", "participant")
		wants(t, r, "visitor in alert-1: ann")
		s.Connected() // the connection was lost: it is in no room
		wants(t, r, "enter alert-1")
		r.comes("alert-1", "ann@example.net/work", "participant")
		wants(t, r, "visitor in alert-1: ann")
		time.Sleep(29 * 24 * time.Hour)
		wants(t, r, "")
		time.Sleep(24 * time.Hour)
		wants(t, r, "destroy alert-1")
	})
}

// A service of rooms that does not answer holds up nobody, and is tried until it
// does.
func TestRoomLate(t *testing.T) {
	inRooms(t, func(t *testing.T, s *Service, r *roomServer, _ *Memory) {
		r.set(false, true)
		began := time.Now()
		if a, err := s.Take(t.Context(), 1, ann); err != nil || a.State != Assigned || time.Since(began) > 0 {
			t.Fatalf("%+v, %v, after %s", a, err, time.Since(began))
		}
		time.Sleep(time.Hour)
		wants(t, r, "")
		r.set(false, false)
		time.Sleep(roomRetryMax)
		wants(t, r, madeForAnn)
	})
}

// Without rooms there are none, and what was to be done in them is forgotten.
func TestRoomNone(t *testing.T) {
	inRooms(t, func(t *testing.T, s *Service, r *roomServer, store *Memory) {
		r.set(true, false)
		if _, err := s.Take(t.Context(), 1, ann); err != nil {
			t.Fatal(err)
		}
		wants(t, r, "")
		img, err := store.Load(t.Context())
		if err != nil || len(img.Messages) != 0 || img.Alerts[0].Room.String() != "" {
			t.Errorf("%+v, %v", img, err)
		}
	})
}

// A room of that name from another life is made anew; one that is somebody else's
// is left alone.
func TestRoomTaken(t *testing.T) {
	inRooms(t, func(t *testing.T, s *Service, r *roomServer, _ *Memory) {
		r.rooms["alert-1"] = "alerts@workgroup.example.net"
		if _, err := s.Take(t.Context(), 1, ann); err != nil {
			t.Fatal(err)
		}
		wants(t, r, "enter alert-1\ndestroy alert-1\n"+madeForAnn)
		if _, err := s.Report(t.Context(), Report{Workgroup: "alerts", Source: "x", Summary: "load"}); err != nil {
			t.Fatal(err)
		}
		r.rooms["alert-2"] = "eve@example.net/x"
		if _, err := s.Take(t.Context(), 2, ann); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		a, _, err := s.Alert(t.Context(), 2)
		if room := a.Room.Localpart(); err != nil || !strings.HasPrefix(room, "alert-2-") {
			t.Errorf("the room is %q, %v", room, err)
		}
		if got := r.took(); strings.Contains(got, "to alert-2:") || !strings.Contains(got, "invite ann@example.net to alert-2-") {
			t.Errorf("asked into somebody's room:\n%s", got)
		}
	})
}

// Whoever takes the name of the workgroup in a room does not keep it out.
func TestRoomSquatted(t *testing.T) {
	inRooms(t, func(t *testing.T, s *Service, r *roomServer, _ *Memory) {
		if _, err := s.Take(t.Context(), 1, ann); err != nil {
			t.Fatal(err)
		}
		wants(t, r, madeForAnn)
		r.be(func() { r.squatted = "alerts" })
		s.Connected()
		wants(t, r, "enter alert-1")
		if _, err := s.Resolve(t.Context(), 1, ann, ""); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Hour)
		if got := r.took(); !strings.Contains(got, "moderate alert-1") {
			t.Errorf("got\n%s", got)
		}
	})
}

// A server that has too much to do is asked again, whatever it is asked.
func TestRoomBusy(t *testing.T) {
	inRooms(t, func(t *testing.T, s *Service, r *roomServer, _ *Memory) {
		r.be(func() { r.busy = 3 })
		if _, err := s.Take(t.Context(), 1, ann); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if got := r.took(); !strings.HasSuffix(got, "invite ann@example.net to alert-1: Alert 1: warning · web01 · disk full") {
			t.Errorf("got\n%s", got)
		}
		if _, err := s.Resolve(t.Context(), 1, ann, ""); err != nil {
			t.Fatal(err)
		}
		time.Sleep(defaultOpen - time.Second)
		r.took()
		r.be(func() { r.busy = 3 })
		time.Sleep(time.Minute)
		wants(t, r, "moderate alert-1\nsay alert-1: This room is closed: it can be read until 2000-01-31.")
		time.Sleep(defaultKeep - defaultOpen - 2*time.Minute)
		r.be(func() { r.busy = 3 })
		time.Sleep(2 * time.Minute)
		wants(t, r, "destroy alert-1")
	})
}

// Whom a busy server did not ask in is asked again.
func TestRoomDeaf(t *testing.T) {
	for deaf := range 5 {
		inRooms(t, func(t *testing.T, s *Service, r *roomServer, _ *Memory) {
			r.be(func() { r.deaf = deaf })
			if _, err := s.Take(t.Context(), 1, ann); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Minute)
			got := r.took()
			if strings.Count(got, "make") != 1 || !strings.Contains(got, "invite adminbot@example.net to alert-1") || !strings.Contains(got, "invite ann@example.net to alert-1") {
				t.Errorf("%d were lost:\n%s", deaf, got)
			}
			_, entries, err := s.Alert(t.Context(), 1)
			if n := strings.Count(fmt.Sprint(entries), "invited"); err != nil || n != 1 {
				t.Errorf("invited %d times by the timeline: %v, %v", n, entries, err)
			}
		})
	}
}

// The news that a room is no more does not end the one of that name that is made
// then.
func TestRoomAnew(t *testing.T) {
	inRooms(t, func(t *testing.T, s *Service, r *roomServer, _ *Memory) {
		r.be(func() { r.rooms["alert-1"], r.leaving = "alerts@workgroup.example.net", map[string]bool{} })
		if _, err := s.Take(t.Context(), 1, ann); err != nil {
			t.Fatal(err)
		}
		wants(t, r, "enter alert-1\ndestroy alert-1\n"+madeForAnn)
	})
}

// What is to be done with a room survives the service.
func TestRoomRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, store := &roomServer{rooms: map[string]string{}, silent: true}, &Memory{}
		stop := serveRooms(t, r, store)
		if _, err := r.s.Report(t.Context(), Report{Workgroup: "alerts", Source: "x", Summary: "disk full", Host: "web01"}); err != nil {
			t.Fatal(err)
		}
		if _, err := r.s.Take(t.Context(), 1, ann); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		stop()
		r.set(false, false)
		stop = serveRooms(t, r, store)
		wants(t, r, madeForAnn)
		stop()
		stop = serveRooms(t, r, store)
		wants(t, r, "enter alert-1")
		stop()
		delete(r.rooms, "alert-1") // the server has lost it
		stop = serveRooms(t, r, store)
		wants(t, r, strings.Replace(madeForAnn, "Alert 1: warning · web01 · disk full", "alert-1", 1))
		if _, err := r.s.Resolve(t.Context(), 1, ann, ""); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		stop()
		r.took()
		time.Sleep(40 * 24 * time.Hour)
		stop = serveRooms(t, r, store)
		wants(t, r, "enter alert-1\nmoderate alert-1\nsay alert-1: This room is closed: it can be read until 2000-01-31.\ndestroy alert-1")
		stop()
	})
}
