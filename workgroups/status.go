package workgroups

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"adminbot/internal/xmpp/element"
	"mellium.im/xmpp/jid"
)

// statusEvery is the least time between two pushes to all agents of how things
// stand. Who has just come is told at once.
const statusEvery = time.Second

// A status tells agents and people in the queue how their workgroup stands, after
// it has changed. What is lost is not sent again: the next one says more.
type status struct {
	s      *Service
	signal chan struct{}

	mu   sync.Mutex
	told map[string]struct{} // workgroups to tell about

	places map[string]int // of the goroutine: what people were told last
}

func newStatus(s *Service) status {
	return status{s: s, signal: make(chan struct{}, 1), told: map[string]struct{}{}, places: map[string]int{}}
}

func (st *status) changed(names map[string]struct{}) {
	if len(names) == 0 {
		return
	}
	st.mu.Lock()
	maps.Copy(st.told, names)
	st.mu.Unlock()
	poke(st.signal)
}

func (st *status) run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
		case <-ctx.Done():
			return
		}
		select {
		case <-st.signal:
		case <-ctx.Done():
			return
		}
		st.mu.Lock()
		names := slices.Sorted(maps.Keys(st.told))
		clear(st.told)
		st.mu.Unlock()
		for _, name := range names {
			st.tell(ctx, name)
		}
		timer.Reset(statusEvery)
	}
}

// tell tells everybody of one workgroup.
func (st *status) tell(ctx context.Context, name string) {
	v, err := st.s.view(ctx, name)
	if err != nil {
		return // it will be told with the next change
	}
	for _, to := range v.sessions {
		if st.s.push(ctx, v, to) != nil {
			return
		}
	}
	for _, p := range v.users {
		who := name + " " + p.user.String()
		if last, ok := st.places[who]; ok && last == p.status.Position {
			continue
		}
		st.places[who] = p.status.Position
		if len(st.places) > maxRecent {
			clear(st.places)
		}
		msg := element.New("", "message", "from", v.addr.String(), "to", p.user.String()).Add(p.status.element())
		if st.s.cfg.Wire.Send(ctx, msg.TokenReader()) != nil {
			return
		}
	}
}

func (s *Service) view(ctx context.Context, name string) (v view, err error) {
	err = s.look(ctx, func(m *machine, _ time.Time) error {
		g, err := m.group(name)
		if err == nil {
			v = m.view(g)
		}
		return err
	})
	return v, err
}

// push tells one agent's client. Smack takes the queue's part from the resource,
// so what is about the queue comes from one (R3).
func (s *Service) push(ctx context.Context, v view, to jid.JID) error {
	queue, err := v.addr.WithResource(queueName)
	if err != nil {
		return err
	}
	for _, p := range []struct {
		from    jid.JID
		payload *element.Element
	}{
		{queue, v.queue.element()},
		{v.addr, v.agents.element()},
		{queue, queueDetails(v.details)},
	} {
		presence := element.New("", "presence", "from", p.from.String(), "to", to.String()).Add(p.payload)
		if err := s.cfg.Wire.Send(ctx, presence.TokenReader()); err != nil {
			return err
		}
	}
	return nil
}

// queueName is the resource of the one queue that a workgroup has.
const queueName = "queue"
