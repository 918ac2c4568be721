package bench

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"sync"
	"time"

	"adminbot/workgroups"
)

// burst measures from sending an alert to the moment at which an agent has the
// offer.
func (a Alerts) burst(ctx context.Context, s *alertService) (f Figure, err error) {
	offers := make(chan offered, a.Burst+intakeConns)
	err = s.agents(ctx, s.target.Hosts[:burstAgents], "chat", offers, func(ctx context.Context) error {
		if err := s.postAll(ctx, s.bodies(intakeConns, 1), nil); err != nil { // every connection is there
			return err
		}
		for range intakeConns {
			if _, err := next(ctx, offers); err != nil {
				return err
			}
		}
		var mu sync.Mutex
		sent := map[string]time.Time{}
		err := s.postAll(ctx, s.bodies(a.Burst, 1), func(began time.Time, answer []byte) {
			mu.Lock()
			defer mu.Unlock()
			sent[sessionOf(answer)] = began
		})
		if err != nil {
			return err
		}
		var times []float64
		for range a.Burst {
			o, err := next(ctx, offers)
			if err != nil {
				return err
			}
			began, known := sent[o.session]
			if !known {
				return fmt.Errorf("bench: alerts: an offer of %q, which nobody has raised", o.session)
			}
			times = append(times, milliseconds(o.at.Sub(began)))
		}
		f = of(alertToOffer, "ms", a.Burst, times...)
		return nil
	})
	return f, err
}

// gone measures from the moment at which the connection of somebody who holds an
// offer is closed to the moment at which the next has it.
func (a Alerts) gone(ctx context.Context, s *alertService) (f Figure, err error) {
	offers := make(chan offered, 16)
	secured, err := s.target.tls()
	if err != nil {
		return f, err
	}
	err = s.agents(ctx, s.target.Hosts[1:2], "away", offers, func(ctx context.Context) error { // who is away is asked last
		var times []float64
		for range a.Gone {
			took, err := s.goes(ctx, secured, offers)
			if err != nil {
				return err
			}
			times = append(times, milliseconds(took))
		}
		f = of(goneToOffer, "ms", 0, times...)
		return nil
	})
	return f, err
}

// goes has an agent come, be offered an alert, and go.
func (s *alertService) goes(ctx context.Context, secured *tls.Config, offers <-chan offered) (time.Duration, error) {
	holder, err := s.target.dialRaw(ctx, secured, s.target.Hosts[0], "work")
	if err != nil {
		return 0, err
	}
	defer holder.Close()
	holder.SetDeadline(time.Now().Add(rawTimeout))
	presence := fmt.Sprintf("<presence to='%s'><show>chat</show><agent-status xmlns='%s'/></presence>", s.group, workgroups.NS)
	if err := holder.say(presence, "notify-queue"); err != nil {
		return 0, err
	}
	answer, err := s.post(ctx, s.body(1))
	if err != nil {
		return 0, err
	}
	alert := sessionOf(answer)
	if !bytes.Contains(holder.buf, []byte("<offer ")) { // it may have come with the presence
		if err := holder.say("<presence/>", "<offer "); err != nil {
			return 0, err
		}
	}
	began := time.Now()
	if err := holder.Close(); err != nil {
		return 0, err
	}
	for {
		o, err := next(ctx, offers)
		if err != nil || o.session == alert {
			return o.at.Sub(began), err
		}
	}
}
