package bench

import (
	"context"
	"fmt"
	"time"
)

// Alerts says how the alert service is measured.
type Alerts struct {
	Rounds int   // of taking alerts in
	Each   int   // alerts in each round
	Sizes  []int // alerts in one request
	Burst  int   // alerts posted at once, while agents are there
	Gone   int   // times that the holder of an offer goes
	Queue  int   // alerts in the queue, while its memory is measured
	Agents int   // who are there then
}

// Names of its figures.
const (
	alertsTakenIn = "alerts taken in"
	alertToOffer  = "alert to its offer"
	goneToOffer   = "holder gone to the next offer"
	alertMemory   = "alert service, resident memory"
)

// Sizes of a measurement that nobody has to choose.
const (
	intakeConns = 16
	burstAgents = 50
	alertRate   = 1_000_000 // requests a second that are allowed
)

// Run measures adminbot workgroups, each time with an empty store.
func (a Alerts) Run(ctx context.Context, run Run) (all []Figure, err error) {
	for _, size := range a.Sizes {
		err := a.fresh(ctx, run, 0, func(ctx context.Context, s *alertService) error {
			run.Progress(fmt.Sprintf("%d × %d alerts, %d in a request", a.Rounds, a.Each, size))
			figures, err := a.takeIn(ctx, s, size)
			all = append(all, figures...)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	for _, m := range []struct {
		what    string
		agents  int
		measure func(context.Context, *alertService) (Figure, error)
	}{
		{fmt.Sprintf("a burst of %d alerts", a.Burst), burstAgents, a.burst},
		{"holders of offers go", 2, a.gone},
		{fmt.Sprintf("%d alerts wait", a.Queue), a.Agents, a.memory},
	} {
		err := a.fresh(ctx, run, m.agents, func(ctx context.Context, s *alertService) error {
			run.Progress(m.what)
			f, err := m.measure(ctx, s)
			all = append(all, f)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}

// fresh measures on a service that was just started, of which so many accounts
// are members.
func (a Alerts) fresh(ctx context.Context, run Run, members int, do func(context.Context, *alertService) error) (err error) {
	component, err := freeAddr()
	if err != nil {
		return err
	}
	in, err := install(ctx, run.Program, max(1, members), component)
	if err != nil {
		return err
	}
	defer func() { err = joinClose(err, in) }()
	s, err := startAlerts(ctx, in)
	if err != nil {
		return err
	}
	defer func() { err = joinStop(err, s.program) }()
	defer s.client.CloseIdleConnections()
	return do(ctx, s)
}

// takeIn measures alerts a second, and what the service's processor has to do for
// one.
func (a Alerts) takeIn(ctx context.Context, s *alertService, size int) ([]Figure, error) {
	if err := s.postAll(ctx, s.bodies(intakeConns, size), nil); err != nil { // every connection is there
		return nil, err
	}
	var rates, costs []float64
	for range a.Rounds {
		bodies := s.bodies(max(1, a.Each/size), size)
		before, err := s.program.usage()
		if err != nil {
			return nil, err
		}
		began := time.Now()
		if err := s.postAll(ctx, bodies, nil); err != nil {
			return nil, err
		}
		took := time.Since(began)
		after, err := s.program.usage()
		if err != nil {
			return nil, err
		}
		n := float64(len(bodies) * size)
		rates = append(rates, n/took.Seconds())
		costs = append(costs, float64(after.cpu-before.cpu)/float64(time.Microsecond)/n)
	}
	return []Figure{of(alertsTakenIn, "alerts/s", size, rates...), of(alertsTakenIn+", CPU of the service", "µs", size, costs...)}, nil
}

// memory measures the service with so many alerts and agents. Nobody wants to be
// disturbed, and the alerts are not critical: they wait.
func (a Alerts) memory(ctx context.Context, s *alertService) (f Figure, err error) {
	const batch = 50
	err = s.agents(ctx, s.target.Hosts, "xa", nil, func(ctx context.Context) error {
		if err := s.postAll(ctx, s.bodies(max(1, a.Queue/batch), batch), nil); err != nil {
			return err
		}
		if err := sleep(ctx, 3*time.Second); err != nil { // what was posted is collected
			return err
		}
		used, err := s.program.usage()
		if err != nil {
			return err
		}
		f = of(alertMemory, "MiB", a.Queue, float64(used.rss)/(1<<20))
		return nil
	})
	return f, err
}
