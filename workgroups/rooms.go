package workgroups

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/stanza"
)

// Bounds of the work on rooms.
const (
	roomWorkers  = 8                // rooms worked on at a time
	roomTime     = 30 * time.Second // for one piece of work; a service that is silent for longer is asked again
	infoTime     = 5 * time.Second  // of it, for a service to say what it is
	roomRetryMin = time.Second      // after the first failure; doubles
	roomRetryMax = 5 * time.Minute
)

// rooms do what messages to rooms say, each room's in order, beside everything
// else: a room service that is slow, or not there, holds up nobody. What fails is
// done again until it works, or is not wanted any more.
type rooms struct {
	s      *Service
	cfg    Rooms
	log    *slog.Logger
	signal chan struct{} // there is something to do
	up     chan struct{} // there is a new connection

	mu    sync.Mutex
	jobs  map[int64]*roomJob // by message
	later []*roomJob         // that are not due, the first first: a month of them
	back  map[int64]*roomJob // rooms to enter again, by alert
	busy  map[int64]bool     // alerts whose room is worked on
	in    map[string]*room   // rooms that the service is in or is about to enter, by address

	finding sync.Mutex
	service jid.JID // once it was found
	none    bool    // there is none
}

// A roomJob is a message, and when it is to be done.
type roomJob struct {
	outgoing
	at    time.Time
	tries int
	noted bool // that somebody is asked in is in the timeline
	other bool // the room of its name is somebody else's: another name
}

// Not in the store: after a new connection the service enters its rooms again.
const (
	messageReturn MessageKind = "return" // of alerts that are somebody's
	messageGuard  MessageKind = "guard"  // that are sealed
)

func newRooms(s *Service) *rooms {
	if s.cfg.Rooms == nil {
		return nil
	}
	return &rooms{
		s: s, cfg: *s.cfg.Rooms, log: s.log, service: s.cfg.Rooms.Service, signal: make(chan struct{}, 1), up: make(chan struct{}, 1),
		jobs: map[int64]*roomJob{}, back: map[int64]*roomJob{}, busy: map[int64]bool{}, in: map[string]*room{},
	}
}

// add takes messages that have been committed. The loop calls it.
func (r *rooms) add(messages []outgoing) {
	if r == nil || len(messages) == 0 {
		return
	}
	r.mu.Lock()
	for _, msg := range messages {
		r.put(&roomJob{outgoing: msg, at: msg.Due})
	}
	r.mu.Unlock()
	r.wake()
}

// put keeps a job until it is due, and then until it is done. With r.mu held.
func (r *rooms) put(j *roomJob) {
	if j.Due.After(r.s.cfg.Now()) {
		at, _ := slices.BinarySearchFunc(r.later, j, func(a, b *roomJob) int { return a.Due.Compare(b.Due) })
		r.later = slices.Insert(r.later, at, j)
		return
	}
	r.jobs[j.ID] = j
}

// restart takes everything that has not been done, instead of what it had. The
// loop calls it.
func (r *rooms) restart(m *machine) {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.wake()
	defer r.mu.Unlock()
	had := r.jobs
	r.jobs, r.later = map[int64]*roomJob{}, nil
	for _, msg := range m.outstanding(true) {
		j := had[msg.ID]
		if j == nil {
			j = &roomJob{outgoing: msg, at: msg.Due}
		}
		r.put(j)
	}
}

func (r *rooms) wake() { poke(r.signal) }

func (r *rooms) connected() {
	if r != nil {
		poke(r.up)
	}
}

// poke sets a signal that holds one.
func poke(signal chan<- struct{}) {
	select {
	case signal <- struct{}{}:
	default:
	}
}

func (r *rooms) run(ctx context.Context) {
	if r == nil {
		return
	}
	var work sync.WaitGroup
	defer work.Wait()
	select {
	case <-r.up: // before that nothing can be done
		r.comeBack(ctx)
	case <-ctx.Done():
		return
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-r.signal:
		case <-timer.C:
		case <-r.up:
			r.comeBack(ctx)
		case <-ctx.Done():
			return
		}
		jobs, next := r.due(r.s.cfg.Now())
		for _, j := range jobs {
			work.Go(func() {
				defer r.wake()
				r.work(ctx, j)
			})
		}
		if next.IsZero() {
			timer.Stop()
		} else {
			timer.Reset(max(0, next.Sub(r.s.cfg.Now())))
		}
	}
}

// due takes what is to be done now, at most one thing for each room, and says when
// there is more.
func (r *rooms) due(now time.Time) (jobs []*roomJob, next time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for len(r.later) > 0 && !r.later[0].Due.After(now) {
		r.jobs[r.later[0].ID] = r.later[0]
		r.later = slices.Delete(r.later, 0, 1)
	}
	if len(r.later) > 0 {
		next = r.later[0].Due
	}
	first := map[int64]*roomJob{}
	for _, all := range []map[int64]*roomJob{r.jobs, r.back} {
		for _, j := range all {
			if old := first[j.Alert]; old == nil || j.before(old) {
				first[j.Alert] = j
			}
		}
	}
	var ready []*roomJob
	for _, j := range first {
		switch {
		case r.busy[j.Alert]: // its end wakes the loop
		case !j.at.After(now):
			ready = append(ready, j)
		case next.IsZero() || j.at.Before(next):
			next = j.at
		}
	}
	slices.SortFunc(ready, func(a, b *roomJob) int { return cmp.Compare(a.ID, b.ID) })
	for _, j := range ready[:max(0, min(len(ready), roomWorkers-len(r.busy)))] { // what is left waits for the end of one
		r.busy[j.Alert] = true
		jobs = append(jobs, j)
	}
	return jobs, next
}

// before is the order of what is to be done for one room: what is due later comes
// later, whatever fails.
func (j *roomJob) before(k *roomJob) bool {
	if d := j.Due.Compare(k.Due); d != 0 {
		return d < 0
	}
	return j.ID < k.ID
}

// work does one thing for a room, or puts it off.
func (r *rooms) work(ctx context.Context, j *roomJob) {
	workCtx, cancel := context.WithTimeout(ctx, roomTime)
	err := r.do(workCtx, j)
	cancel()
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.busy, j.Alert)
	if err == nil {
		if r.jobs[j.ID] == j {
			delete(r.jobs, j.ID)
		}
		if r.back[j.Alert] == j {
			delete(r.back, j.Alert)
		}
		return
	}
	wait := roomRetryMin
	for range j.tries {
		wait = min(2*wait, roomRetryMax)
	}
	if j.tries++; ctx.Err() == nil {
		r.log.WarnContext(ctx, "a room is not as it should be yet", "alert", j.Alert, "what", string(j.Kind), "err", err, "retry", wait)
	}
	j.at = r.s.cfg.Now().Add(wait)
}

// comeBack enters the rooms of all alerts that have one: a new connection is in
// none, and what failed before is tried at once.
func (r *rooms) comeBack(ctx context.Context) {
	var alerts []Alert
	err := r.s.do(ctx, func(m *machine, _ time.Time) error {
		alerts = m.list("")
		return nil
	})
	if err != nil {
		r.log.WarnContext(ctx, "rooms are not entered again", "err", err)
	}
	if r.cfg.Service.Equal(jid.JID{}) {
		r.forget()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, rm := range r.in {
		rm.answer(selfPresence{err: errConnection}) // who waits to enter it waits in vain
	}
	clear(r.in)
	for _, j := range r.jobs {
		j.at, j.tries = j.Due, 0
	}
	for _, a := range alerts {
		if !a.Room.Equal(jid.JID{}) {
			msg := Message{Kind: messageReturn, Workgroup: a.Workgroup, To: a.Room, Alert: a.ID, User: a.User, Grant: a.Grant}
			r.back[a.ID] = &roomJob{outgoing: outgoing{Message: msg, alert: a}}
		}
	}
	for _, j := range r.sealed() {
		msg := j.Message
		msg.Kind, msg.Due = messageGuard, time.Time{}
		r.back[j.Alert] = &roomJob{outgoing: outgoing{Message: msg}}
	}
}

// do does one thing for a room.
func (r *rooms) do(ctx context.Context, j *roomJob) error {
	var err error
	switch j.Kind {
	case MessageRoom:
		return r.open(ctx, j)
	case messageReturn:
		return r.reenter(ctx, j)
	case MessageClose:
		err = r.announce(ctx, j)
	case MessageSeal:
		err = r.seal(ctx, j)
	case messageGuard:
		err = r.guard(ctx, j)
	case MessageDestroy:
		err = r.destroy(ctx, j)
	}
	if refused(err) { // the room is not the service's any more
		r.log.InfoContext(ctx, "a room is left as it is", "room", j.To, "what", string(j.Kind), "err", err)
		err = nil
	}
	if err != nil || j.Kind == messageGuard {
		return err
	}
	return r.done(ctx, j)
}

// done forgets a message.
func (r *rooms) done(ctx context.Context, j *roomJob) error {
	return r.s.do(ctx, func(m *machine, _ time.Time) error {
		m.arrived([]int64{j.ID})
		return nil
	})
}

// errConnection says that the answer of a room was for another connection.
var errConnection = errors.New("workgroups: the connection was lost")

// errNoRooms says that the server has no rooms: there is nothing to be done.
var errNoRooms = errors.New("workgroups: the server has no rooms")

// open has somebody asked into the room of an alert.
func (r *rooms) open(ctx context.Context, j *roomJob) error {
	current := false
	err := r.s.do(ctx, func(m *machine, _ time.Time) error {
		if current = m.current(j.Message); !current {
			m.arrived([]int64{j.ID})
			return nil
		}
		j.alert = *m.alerts[j.Alert]
		return nil
	})
	if err != nil || !current {
		return err
	}
	rm, err := r.ready(ctx, j)
	if errors.Is(err, errNoRooms) {
		return r.done(ctx, j)
	}
	if err != nil {
		return err
	}
	err = r.s.do(ctx, func(m *machine, now time.Time) error {
		current = m.opened(j.Message, rm.addr, !j.noted && j.Due.IsZero(), now)
		return nil
	})
	if err != nil || !current {
		return err
	}
	j.noted = true
	return r.invite(ctx, rm, j, j.To, j.Text)
}

// invite asks somebody into a room, and the bot if it was not.
func (r *rooms) invite(ctx context.Context, rm *room, j *roomJob, who jid.JID, reason string) error {
	r.s.at("before invite")
	if !r.cfg.Bot.Equal(jid.JID{}) && r.lacks(rm, r.cfg.Bot) {
		if err := r.ask(ctx, rm, j, r.cfg.Bot, sessionID(j.Alert)); err != nil {
			return err
		}
	}
	if err := r.ask(ctx, rm, j, who, reason); err != nil {
		return err
	}
	if err := r.s.cfg.Wire.Barrier(ctx); err != nil {
		return err
	}
	r.mu.Lock()
	rm.fresh = false
	r.mu.Unlock()
	r.s.at("after invite")
	return r.done(ctx, j)
}

// ready enters the room of an alert, or makes it.
func (r *rooms) ready(ctx context.Context, j *roomJob) (*room, error) {
	addr := j.alert.Room
	made := !addr.Equal(jid.JID{})
	if !made {
		service, err := r.find(ctx)
		if err != nil {
			return nil, err
		}
		names := j.alert.roomNames()
		name := names[0]
		if j.other {
			name = names[1]
		}
		if addr, err = jid.New(name, service.Domainpart(), ""); err != nil {
			return nil, err
		}
	}
	if rm := r.inside(addr); rm != nil {
		return rm, nil
	}
	if !made {
		r.s.at("before make")
	}
	rm, created, err := r.enter(ctx, addr, j)
	if err == nil && rm.owner && !created && !made && !r.isOf(ctx, rm, &j.alert) {
		// Of another alert of that number, long ago: those who were in it have no
		// business here.
		if err = r.end(ctx, rm.from, addr, "a new alert has its number"); err == nil {
			rm, created, err = r.enter(ctx, addr, j)
		}
	}
	if err != nil {
		j.other = !made && cannotBeHad(err)
		return nil, err
	}
	if !rm.owner {
		j.other = !made
		if err := r.leave(ctx, rm); err != nil {
			return nil, err
		}
		return nil, fmt.Errorf("workgroups: %s belongs to somebody else", addr)
	}
	if created {
		r.s.at("after make")
	}
	if created || !made {
		if err := r.furnish(ctx, rm, j); err != nil {
			return nil, err
		}
		r.s.at("after furnish")
	}
	rm.entered()
	return rm, nil
}

// refused reports whether a room has said no, and does not want to be asked again.
func refused(err error) bool {
	e, answered := answer(err)
	return answered && e.Type != stanza.Wait
}

// cannotBeHad reports whether a room of that name is not the service's to enter: it is
// somebody's, or was destroyed and the server keeps the name from being used again.
func cannotBeHad(err error) bool {
	return errors.Is(err, stanza.Error{Condition: stanza.RegistrationRequired}) || errors.Is(err, notAuthorized) ||
		errors.Is(err, stanza.Error{Condition: stanza.Gone})
}

// reenter enters a room that there was before the connection was lost. If it is no
// more it is made again, and its people are asked in again.
func (r *rooms) reenter(ctx context.Context, j *roomJob) error {
	live := false
	err := r.s.do(ctx, func(m *machine, _ time.Time) error {
		if a := m.alerts[j.Alert]; a != nil {
			live, j.alert = true, *a
		}
		return nil
	})
	if err != nil || !live {
		return err
	}
	rm, err := r.ready(ctx, j)
	if err != nil || !rm.fresh || j.alert.State != Assigned {
		return err
	}
	return r.invite(ctx, rm, j, j.alert.Owner, j.alert.Session())
}
