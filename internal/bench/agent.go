package bench

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// Agent says how the footprint of a host agent is measured.
type Agent struct {
	Time time.Duration // that it does nothing
}

// Run measures a real adminbot agent with its one connection while nobody asks
// it anything, and the size of the program.
func (a Agent) Run(ctx context.Context, run Run) (figures []Figure, err error) {
	in, err := Install(ctx, run.Program, 1)
	if err != nil {
		return nil, err
	}
	defer func() { err = joinClose(err, in) }()
	dir, err := os.MkdirTemp("", "adminbot-bench-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	agent, err := in.Target().startAgent(ctx, run.Program, filepath.Join(dir, "agent"), in.Hosts[0])
	if err != nil {
		return nil, err
	}
	defer func() { err = joinStop(err, agent) }()
	run.Progress(fmt.Sprintf("adminbot agent, idle for %s", a.Time))
	before, err := agent.usage()
	if err != nil {
		return nil, err
	}
	began := time.Now()
	if err := sleep(ctx, a.Time); err != nil {
		return nil, err
	}
	after, err := agent.usage()
	if err != nil {
		return nil, err
	}
	minutes := time.Since(began).Minutes()
	info, err := os.Stat(run.Program)
	if err != nil {
		return nil, err
	}
	seconds := int(a.Time.Seconds())
	return []Figure{
		of("adminbot agent, resident memory", "MiB", seconds, float64(after.rss)/(1<<20)),
		of("adminbot agent, CPU a minute", "s", seconds, (after.cpu-before.cpu).Seconds()/minutes),
		of("the program", "MiB", 0, float64(info.Size())/(1<<20)),
	}, nil
}
