package bench

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// Memory says how the memory of idle connections is measured.
type Memory struct {
	Sessions int           // that are logged in and present, each on a connection of its own
	Settle   time.Duration // between the last login and the measurement
}

// memoryLogins are under way at once.
const memoryLogins = 8

// Run measures the resident memory of the embedded server's process before and
// after so many sessions: in clear, and on a fresh server with TLS.
func (m Memory) Run(ctx context.Context, run Run) ([]Figure, error) {
	var all []Figure
	for _, secured := range []bool{false, true} {
		name := "memory of a plain connection"
		if secured {
			name = "memory of a TLS connection"
		}
		f, err := m.fresh(ctx, run, name, secured)
		if err != nil {
			return nil, err
		}
		all = append(all, f)
	}
	return all, nil
}

// fresh measures on a server that was just started.
func (m Memory) fresh(ctx context.Context, run Run, name string, secured bool) (_ Figure, err error) {
	in, err := Install(ctx, run.Program, m.Sessions)
	if err != nil {
		return Figure{}, err
	}
	defer func() { err = joinClose(err, in) }()
	run.Progress(fmt.Sprintf("%s: %d sessions log in", name, m.Sessions))
	return m.measure(ctx, in.Target(), name, secured)
}

// measure measures on the server of t, which must have as many hosts.
func (m Memory) measure(ctx context.Context, t Target, name string, secured bool) (_ Figure, err error) {
	if t.PID == 0 || len(t.Hosts) < m.Sessions {
		return Figure{}, errors.New("bench: memory: the target must name its process and enough hosts")
	}
	var cfg *tls.Config
	if secured {
		if cfg, err = t.tls(); err != nil {
			return Figure{}, err
		}
	}
	// What the first login of all takes is not a connection's.
	first, err := t.dialRaw(ctx, cfg, t.Bot, "desk")
	if err != nil {
		return Figure{}, err
	}
	defer first.Close()
	before, err := usageOf(t.PID)
	if err != nil {
		return Figure{}, err
	}
	var mu sync.Mutex
	var conns []*rawConn
	defer func() {
		for _, c := range conns {
			c.Close()
		}
	}()
	var logins errgroup.Group
	logins.SetLimit(memoryLogins)
	for _, host := range t.Hosts[:m.Sessions] {
		logins.Go(func() error {
			c, err := t.dialRaw(ctx, cfg, host, "agent")
			if err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			conns = append(conns, c)
			return nil
		})
	}
	if err := logins.Wait(); err != nil {
		return Figure{}, err
	}
	if err := sleep(ctx, m.Settle); err != nil {
		return Figure{}, err
	}
	after, err := usageOf(t.PID)
	if err != nil {
		return Figure{}, err
	}
	f := of(name, "KiB", m.Sessions, float64(after.rss-before.rss)/1024/float64(m.Sessions))
	f.Server = t.Server
	return f, nil
}

// sleep waits for d or until ctx is done.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
