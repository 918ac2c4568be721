package bot

import (
	"context"
	"encoding/xml"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/stanza"

	"adminbot/internal/alertrpc"
	"adminbot/internal/xmpp/element"
	"adminbot/rpc"
)

// alertService knows rooms.
type alertService struct {
	mu    sync.Mutex
	down  bool
	rooms []alertrpc.Room
}

func (s *alertService) Ask(_ context.Context, _ jid.JID, method string, args map[string]any) (rpc.Value, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down {
		return rpc.Value{}, errors.New("down")
	}
	all := slices.DeleteFunc(slices.Clone(s.rooms), func(r alertrpc.Room) bool { return args["room"] != nil && args["room"] != r.JID })
	return rpc.Marshal(alertrpc.RoomsResult{Rooms: all})
}

func (s *alertService) set(down bool, rooms ...alertrpc.Room) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down, s.rooms = down, rooms
}

// A room as the bot meets it: a MUC service that says who is there.
type roomWorld struct {
	*Rooms
	service *alertService
	sent    []string
}

func newRoomWorld() *roomWorld {
	w := &roomWorld{service: &alertService{}}
	w.Rooms = NewRooms(RoomsConfig{
		JID: botJID, Nick: "adminbot", Service: jid.MustParse("workgroup.example.net"), Alerts: w.service,
		Send: func(_ context.Context, r xml.TokenReader) error {
			e, err := element.Read(r)
			w.sent = append(w.sent, strings.TrimSpace(e.Get("type")+" "+e.Get("to")))
			return err
		},
	})
	return w
}

// took returns what was sent since the last time.
func (w *roomWorld) took() string {
	defer func() { w.sent = nil }()
	return strings.Join(w.sent, ", ")
}

func (w *roomWorld) presence(t *testing.T, from string, typ stanza.PresenceType, x string) bool {
	return w.HandlePresence(t.Context(), stanza.Presence{From: jid.MustParse(from), Type: typ}, xml.NewDecoder(strings.NewReader(x)))
}

const (
	room17   = "alert-17@conference.example.net"
	userOpen = "<x xmlns='http://jabber.org/protocol/muc#user'>"
)

var group = jid.MustParse("alerts@workgroup.example.net")

// Only rooms that the alert service knows are entered, whoever invites.
func TestInvited(t *testing.T) {
	w := newRoomWorld()
	w.Invited(t.Context(), jid.MustParse(room17), jid.MustParse("eve@example.net"))
	w.Invited(t.Context(), jid.MustParse(room17), group) // forged: anybody can write that
	if got := w.took(); got != "" {
		t.Errorf("entered %s", got)
	}
	w.service.set(false, alertrpc.Room{JID: room17, Alert: 17, Host: "web01"})
	w.Invited(t.Context(), jid.MustParse(room17), group)
	w.Invited(t.Context(), jid.MustParse(room17), group) // twice is once
	if got := w.took(); got != room17+"/adminbot" {
		t.Errorf("entered %s", got)
	}
	if a, ok := w.Alert(jid.MustParse(room17)); !ok || a.Alert != 17 || a.Host != "web01" {
		t.Errorf("the room is for %+v, %t", a, ok)
	}
}

func TestOccupants(t *testing.T) {
	w := newRoomWorld()
	if w.presence(t, room17+"/carol", stanza.AvailablePresence, userOpen+"<item jid='carol@example.net/x'/></x>") {
		t.Error("presence of a room that the bot is not in")
	}
	w.service.set(false, alertrpc.Room{JID: room17, Alert: 17})
	w.Connected(t.Context())
	w.took()
	is := func(nick, want string) {
		t.Helper()
		if got, _ := w.Occupant(jid.MustParse(room17), nick); got.String() != want {
			t.Errorf("%s is %q, want %q", nick, got, want)
		}
	}
	// Somebody else is called adminbot already.
	w.presence(t, room17+"/adminbot", stanza.ErrorPresence, "<error type='cancel'/>")
	if got := w.took(); got != room17+"/adminbot_" {
		t.Errorf("tried %s", got)
	}
	w.presence(t, room17+"/carol", stanza.AvailablePresence, userOpen+"<item jid='carol@example.net/x'/></x>")
	w.presence(t, room17+"/ghost", stanza.AvailablePresence, userOpen+"<item/></x>")
	w.presence(t, room17+"/alerts", stanza.AvailablePresence, userOpen+"<item jid='alerts@workgroup.example.net'/></x>")
	is("carol", "carol@example.net/x")
	is("ghost", "")
	w.presence(t, room17+"/carol", stanza.UnavailablePresence, userOpen+"<item/></x>")
	is("carol", "")

	// The service goes: it may come back, or the alert has ended.
	w.service.set(true)
	w.presence(t, room17+"/alerts", stanza.UnavailablePresence, userOpen+"<item/></x>")
	if _, in := w.Alert(jid.MustParse(room17)); !in {
		t.Error("left a room because the service was gone")
	}
	w.service.set(false)
	w.presence(t, room17+"/alerts", stanza.AvailablePresence, userOpen+"<item jid='alerts@workgroup.example.net'/></x>")
	w.presence(t, room17+"/alerts", stanza.UnavailablePresence, userOpen+"<item/></x>")
	if got := w.took(); got != "unavailable "+room17+"/adminbot_" {
		t.Errorf("after the end: %q", got)
	}
	if _, in := w.Alert(jid.MustParse(room17)); in {
		t.Error("the room of an alert that has ended is one still")
	}
}

// The bot stays where it may speak, and where the alert is open.
func TestSilenced(t *testing.T) {
	w := newRoomWorld()
	w.service.set(false, alertrpc.Room{JID: room17, Alert: 17})
	w.Connected(t.Context())
	w.took()
	is := func(nick, role string) {
		w.presence(t, room17+"/"+nick, stanza.AvailablePresence, userOpen+"<item jid='"+nick+"@example.net/x' role='"+role+"'/></x>")
	}
	is("adminbot", "visitor") // somebody's whim
	w.service.set(false)      // the alert has ended
	is("adminbot", "participant")
	is("carol", "visitor")
	if got := w.took(); got != "" {
		t.Errorf("sent %q", got)
	}
	is("adminbot", "visitor")
	if got := w.took(); got != "unavailable "+room17+"/adminbot" {
		t.Errorf("without a voice: %q", got)
	}
}

// A bot that comes before the alert service asks until it is there.
func TestConnected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newRoomWorld()
		w.service.set(true)
		done := make(chan struct{})
		go func() { w.Connected(t.Context()); close(done) }()
		time.Sleep(10 * time.Minute)
		w.service.set(false, alertrpc.Room{JID: room17, Alert: 17})
		<-done
		if got := w.took(); got != room17+"/adminbot" {
			t.Errorf("entered %q", got)
		}
	})
}
