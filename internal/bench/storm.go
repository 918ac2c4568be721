package bench

import (
	"context"
	"fmt"
	"time"
)

// Storm says how coming back after a restart of the server is measured.
type Storm struct {
	Hosts int
	Runs  int // restarts
}

// stormLook is how often the hosts are counted.
const stormLook = 20 * time.Millisecond

// Run restarts the server under so many hosts with TLS and measures how long it
// takes from the moment it serves again until all are logged in. Then it
// restarts it once more, with a bot and a person who waits for its answer: what
// the person is told must be so, and takes no part in the figure.
func (s Storm) Run(ctx context.Context, run Run) (_ []Figure, err error) {
	in, err := Install(ctx, run.Program, s.Hosts)
	if err != nil {
		return nil, err
	}
	defer func() { err = joinClose(err, in) }()
	swarm, err := in.Swarm()
	if err != nil {
		return nil, err
	}
	var back []float64
	err = beside(ctx, swarm.Run, func(ctx context.Context) error {
		run.Progress(fmt.Sprintf("%d hosts log in", s.Hosts))
		if err := swarm.Ready(ctx); err != nil {
			return err
		}
		for range s.Runs {
			run.Progress("the server is restarted")
			want := swarm.Logins() + s.Hosts
			if err := in.Restart(ctx); err != nil {
				return err
			}
			began := time.Now()
			for swarm.Logins() < want {
				if err := sleep(ctx, stormLook); err != nil {
					return err
				}
			}
			back = append(back, time.Since(began).Seconds())
		}
		return s.waits(ctx, run, in, swarm)
	})
	if err != nil {
		return nil, err
	}
	return []Figure{of("hosts back after a restart", "s", s.Hosts, back...)}, nil
}
