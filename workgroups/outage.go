package workgroups

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"mellium.im/xmpp/jid"
)

// Times of a store that fails.
const (
	storeFirst = 100 * time.Millisecond // until it is tried again
	storeTry   = 5 * time.Second        // the same, at most; the wait doubles
	storeWait  = 15 * time.Second       // until it is tried again to read it, at most
	storeNews  = 10 * time.Minute       // between telling people of two times in which it fails
)

// An outage is the time in which the store fails: nothing is acknowledged, what
// only reads is answered, and people are told. But for failing it belongs to the
// loop.
type outage struct {
	failing atomic.Bool
	since   time.Time
	said    time.Time   // when people were told that the store fails, last
	told    []recipient // who were, in this outage
	later   []*event    // to be done when the store works again
}

// A recipient is somebody whom a workgroup writes to.
type recipient struct {
	workgroup string
	to        jid.JID
}

// refused is what the caller of an event is told that could not be put on the
// disk. Presence is not said twice: it counts when the store works again.
func (o *outage) refused(e *event, err error) error {
	if e.later {
		if len(o.later) == maxEvents {
			o.later = slices.Delete(o.later, 0, 1)
		}
		o.later = append(o.later, e)
	}
	return fmt.Errorf("%w: %w", ErrStorage, err)
}

// recover tries the store until it works, beginning with what it holds. The error
// is that of ctx.
func (s *Service) recover(ctx context.Context, why error) (*machine, error) {
	for wait := storeFirst; ; wait = min(2*wait, storeTry) {
		s.log.ErrorContext(ctx, "nothing is acknowledged: the store fails", "err", why, "retry", wait)
		m, err := s.load(ctx)
		if err != nil {
			return nil, err
		}
		s.begin(m, why)
		if err := s.pause(ctx, m, why, wait); err != nil {
			return nil, err
		}
		later := s.outage.later
		s.outage.later = nil
		probe := &event{do: s.probe(later), done: make(chan error, 1)}
		if why = s.step(ctx, m, []*event{probe}); why == nil {
			s.end(m)
			return m, nil
		}
		s.outage.later = append(later, s.outage.later...)
	}
}

// begin tells people of the outage, once.
func (s *Service) begin(m *machine, why error) {
	now := s.cfg.Now().UTC()
	if !s.outage.failing.CompareAndSwap(false, true) {
		return
	}
	s.outage.since = now
	s.status.changed(m.names())
	if !s.outage.said.IsZero() && now.Sub(s.outage.said) < storeNews {
		return
	}
	s.outage.said = now
	text := "Alerts cannot be stored, so none is taken in, and what you say is not done. Their sources are told to try again.\n" + why.Error()
	var news []outgoing
	for _, to := range m.audience(now) {
		s.outage.told = append(s.outage.told, to)
		news = append(news, outgoing{Message: Message{Kind: MessageNote, Workgroup: to.workgroup, To: to.to, Text: text, Made: now}})
	}
	s.sender.add(news)
}

// probe is an event that writes something whatever else there is to write, does
// what was left for later, and tells people that all is well.
func (s *Service) probe(later []*event) func(*machine, time.Time) error {
	return func(m *machine, now time.Time) error {
		for _, e := range later {
			e.do(m, now) // nobody waits for what it says
		}
		text := "Alerts are taken in again, after " + spell(now.Sub(s.outage.since)) + "."
		for _, to := range s.outage.told {
			m.send(Message{Kind: MessageNote, Workgroup: to.workgroup, To: to.to, Text: text}, now)
		}
		// A row that is gone before anybody sees it.
		m.lastSent++
		m.changes = append(m.changes, PutMessage{Message{ID: m.lastSent, Kind: MessageNote, Made: now}}, DropMessage{m.lastSent})
		return nil
	}
}

// end is the end of the outage.
func (s *Service) end(m *machine) {
	s.log.Info("the store works again", "after", s.cfg.Now().UTC().Sub(s.outage.since))
	s.outage.told = nil
	s.outage.failing.Store(false)
	s.sender.restart(m)
	s.rooms.restart(m)
	s.status.changed(m.names())
}

// pause answers for a while what only reads, and refuses everything else. The
// error is that of ctx. Without a machine nothing is answered.
func (s *Service) pause(ctx context.Context, m *machine, why error, wait time.Duration) error {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for {
		select {
		case e := <-s.events:
			switch {
			case !e.claimed.CompareAndSwap(false, true): // nobody waits
			case e.reads && m != nil:
				e.done <- e.do(m, s.cfg.Now().UTC())
			default:
				e.done <- s.outage.refused(e, why)
			}
		case <-timer.C:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// load reads the state from the store until that works. Meanwhile all events are
// refused. The error is that of ctx.
func (s *Service) load(ctx context.Context) (*machine, error) {
	for wait := storeFirst; ; wait = min(2*wait, storeWait) {
		img, err := s.cfg.Store.Load(ctx)
		if err == nil {
			var m *machine
			if m, err = newMachine(s.cfg.Domain, s.cfg.Groups, img, s.cfg.Now().UTC()); err == nil {
				m.rooms = s.cfg.Rooms
				return m, nil
			}
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		s.log.ErrorContext(ctx, "the store cannot be read", "err", err, "retry", wait)
		if err := s.pause(ctx, nil, err, wait); err != nil {
			return nil, err
		}
	}
}

// names are those of all workgroups.
func (m *machine) names() map[string]struct{} {
	all := map[string]struct{}{}
	for name := range m.groups {
		all[name] = struct{}{}
	}
	return all
}

// audience are the people to whom news of the service matters: those who are
// there, and whoever is on call.
func (m *machine) audience(now time.Time) []recipient {
	var all []recipient
	for _, name := range sortedKeys(m.groups) {
		g := m.groups[name]
		onCall := map[string]bool{}
		for _, s := range g.Schedules {
			onCall[s.At(now, m.overrides).Who] = true
		}
		for _, a := range g.order {
			switch to := a.reachable(); {
			case !to.Equal(jid.JID{}):
				all = append(all, recipient{name, to})
			case onCall[a.bare]:
				all = append(all, recipient{name, a.JID})
			}
		}
	}
	return all
}

// reachable is where a person who is there can be written to; empty: nowhere.
func (a *agent) reachable() jid.JID {
	if len(a.sessions) == 0 || a.Bot || a.former {
		return jid.JID{}
	}
	return a.sessions[0].JID
}

// trouble is what the workgroups' own presence says of an outage; empty: there is
// none.
func (o *outage) trouble() string {
	if o.failing.Load() {
		return "alerts cannot be stored, none is taken in; "
	}
	return ""
}
