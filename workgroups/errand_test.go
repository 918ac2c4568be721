package workgroups

import (
	"log/slog"
	"slices"
	"strings"
	"time"

	"mellium.im/xmpp/jid"
)

// keepRooms is how long the rooms of a world are kept after their alerts.
const keepRooms = 20 * time.Minute

// A house is the server of rooms in a world, and whoever does there what the
// machine wants. What is done for one room takes several steps, and anything may
// happen in between: that the alert is given back, ends, or the process is killed.
type house struct {
	w       *world
	queue   *rooms          // what is to be done, as the service has it
	rooms   map[string]hall // on the server, by name
	errands []*errand       // begun
}

// A hall is a room on the server.
type hall struct {
	alert int64
	asked map[string]bool // who was asked in
	told  bool            // those who are there know of the end
}

// An errand is one thing that is done for a room.
type errand struct {
	*roomJob
	step int
	room jid.JID
}

func (w *world) newHouse() *house {
	s := &Service{cfg: Config{Rooms: &Rooms{Keep: keepRooms}, Now: func() time.Time { return w.now }}, log: slog.New(slog.DiscardHandler)}
	return &house{w: w, queue: newRooms(s), rooms: map[string]hall{}}
}

// restart is a new process: what was begun is not known to it.
func (h *house) restart() {
	h.queue = newRooms(h.queue.s)
	h.errands = nil
	h.w.m.rooms = h.queue.s.cfg.Rooms
	h.queue.restart(h.w.m)
}

// step begins something for a room, or does the next step of what was begun. It is
// false if there is nothing to do.
func (h *house) step() bool {
	jobs, _ := h.queue.due(h.w.now)
	for _, j := range jobs {
		h.errands = append(h.errands, &errand{roomJob: j})
	}
	if len(h.errands) == 0 {
		return false
	}
	i := h.w.rnd.IntN(len(h.errands))
	e := h.errands[i]
	if e.step > 0 && h.w.rnd.IntN(8) == 0 { // the server was silent for too long
		h.did(e, "put off")
		e.at = h.w.now.Add(time.Duration(h.w.rnd.IntN(60)) * time.Second)
		h.errands = slices.Delete(h.errands, i, i+1)
		delete(h.queue.busy, e.Alert)
		return true
	}
	over := false
	switch e.Kind {
	case MessageRoom:
		over = h.open(e)
	case MessageDestroy:
		over = h.destroy(e)
	default: // what is done in a room that is no more does not matter
		if hall, there := h.rooms[e.To.Localpart()]; there && e.Kind == MessageClose {
			hall.told = true
			h.rooms[e.To.Localpart()] = hall
		}
		h.did(e, "done")
		h.w.m.arrived([]int64{e.ID})
		over = true
	}
	if over {
		h.errands = slices.Delete(h.errands, i, i+1)
		delete(h.queue.jobs, e.ID)
		delete(h.queue.busy, e.Alert)
	}
	return true
}

func (h *house) did(e *errand, what string) {
	h.w.did("  %s %d of alert %d for %s: %s", e.Kind, e.ID, e.Alert, e.To, what)
}

// open does what [rooms.open] does, a step at a time.
func (h *house) open(e *errand) (over bool) {
	m := h.w.m
	e.step++
	switch e.step {
	case 1:
		if !m.current(e.Message) {
			h.did(e, "not wanted any more")
			m.arrived([]int64{e.ID})
			return true
		}
		h.did(e, "begun")
		e.alert = *m.alerts[e.Alert]
		return false
	case 2:
		e.room = e.alert.Room
		if e.room.Equal(jid.JID{}) {
			e.room = jid.MustParse(e.alert.Session() + "@conference.example.net")
		}
		if _, there := h.rooms[e.room.Localpart()]; !there {
			h.rooms[e.room.Localpart()] = hall{alert: e.Alert, asked: map[string]bool{}}
			h.did(e, "made")
		}
		return false
	case 3:
		ok := m.opened(e.Message, e.room, !e.noted, h.w.now)
		h.did(e, "noted")
		return !ok
	case 4:
		if hall, there := h.rooms[e.room.Localpart()]; there {
			hall.asked[e.To.Bare().String()] = true
		}
		h.did(e, "asked in")
		return false
	}
	m.arrived([]int64{e.ID})
	return true
}

// destroy does what [rooms.destroy] does.
func (h *house) destroy(e *errand) (over bool) {
	if e.step++; e.step == 1 {
		name := e.To.Localpart()
		if name == "" {
			name = sessionID(e.Alert)
		}
		delete(h.rooms, name)
		h.did(e, "destroyed")
		return false
	}
	h.w.m.arrived([]int64{e.ID})
	return true
}

// waits lets the time pass in which something was put off, if something was.
func (w *world) waits() bool {
	if len(w.house.queue.jobs) == 0 {
		return false
	}
	w.now = w.now.Add(time.Minute)
	return true
}

// check looks at what is true of rooms whenever a step is on the disk.
func (h *house) check() {
	m, w := h.w.m, h.w
	todo := map[int64]map[MessageKind]bool{}
	asked := map[int64]map[string]bool{} // about to be
	for _, msg := range m.messages {
		if !msg.Kind.room() {
			continue
		}
		if todo[msg.Alert] == nil {
			todo[msg.Alert], asked[msg.Alert] = map[MessageKind]bool{}, map[string]bool{}
		}
		todo[msg.Alert][msg.Kind] = true
		if msg.Kind == MessageRoom && m.current(msg) {
			asked[msg.Alert][msg.To.Bare().String()] = true
		}
	}
	for id, a := range m.alerts {
		name := a.Room.Localpart()
		if _, there := h.rooms[name]; name != "" && !there {
			w.fail("alert %d has a room that is not there", id)
		}
		if owner := a.Owner.Bare().String(); a.State == Assigned && !h.rooms[name].asked[owner] && !asked[id][owner] {
			w.fail("%s has alert %d and is not asked into its room %q", owner, id, name)
		}
	}
	of := map[int64]string{}
	for name, hall := range h.rooms {
		if other := of[hall.alert]; other != "" {
			w.fail("alert %d has two rooms, %s and %s", hall.alert, name, other)
		}
		of[hall.alert] = name
		if !strings.HasPrefix(name, sessionID(hall.alert)) {
			w.fail("%s is of alert %d", name, hall.alert)
		}
		if m.alerts[hall.alert] != nil { // it ends with the alert
			continue
		}
		if !todo[hall.alert][MessageDestroy] && !h.begun(hall.alert) {
			w.fail("alert %d has ended, and its room stays", hall.alert)
		}
		if hall.told || todo[hall.alert][MessageClose] {
			continue
		}
		if a, _, err := w.store.Alert(w.t.Context(), hall.alert); err != nil || !a.Room.Equal(jid.JID{}) && w.now.Sub(a.Ended) < keepRooms {
			w.fail("alert %d has ended, and nobody tells those in its room (%v)", hall.alert, err)
		}
	}
}

// begun reports whether something is done for the room of an alert.
func (h *house) begun(alert int64) bool {
	return slices.ContainsFunc(h.errands, func(e *errand) bool { return e.Alert == alert })
}

// finish does everything for rooms that is due, and checks that it was enough.
func (h *house) finish() {
	for h.step() || h.w.waits() {
		h.w.flush()
	}
	for id, a := range h.w.m.alerts {
		if a.State == Assigned && !h.rooms[a.Room.Localpart()].asked[a.Owner.Bare().String()] {
			h.w.fail("%s has alert %d, and was not asked into %q", a.Owner, id, a.Room)
		}
	}
	for name, hall := range h.rooms {
		a, _, err := h.w.store.Alert(h.w.t.Context(), hall.alert)
		if err != nil || a.State.Ended() && (h.w.now.Sub(a.Ended) > keepRooms || !hall.told) {
			h.w.fail("%s is there, told of the end: %t; its alert is %s (%v)", name, hall.told, a.State, err)
		}
	}
}
