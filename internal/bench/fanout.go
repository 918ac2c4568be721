package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// Fanout says how a fan-out is measured.
type Fanout struct {
	Hosts  []int  // sizes of fleets, one after the other
	Runs   int    // of adminbot rpc, for each size
	Method string // that is called
	Silent int    // of the hosts take a call and never answer, in one more run at the end
}

// silentTimeout is how long the run with silent hosts waits for answers, beyond
// three times what the slowest run before took.
const silentTimeout = 2 * time.Second

// Run measures adminbot rpc from the start of the process to its end: login,
// contact list, presence, calls, output. Every answer is counted, and every
// host that gave none must be named.
func (f Fanout) Run(ctx context.Context, r Run) ([]Figure, error) {
	var all []Figure
	for _, n := range f.Hosts {
		figures, err := f.size(ctx, r, n)
		if err != nil {
			return nil, fmt.Errorf("bench: fan-out to %d hosts: %w", n, err)
		}
		all = append(all, figures...)
	}
	return all, nil
}

func (f Fanout) size(ctx context.Context, r Run, n int) (_ []Figure, err error) {
	in, err := Install(ctx, r.Program, n)
	if err != nil {
		return nil, err
	}
	defer func() { err = joinClose(err, in) }()
	swarm, err := in.Swarm()
	if err != nil {
		return nil, err
	}
	var all []Figure
	err = beside(ctx, swarm.Run, func(ctx context.Context) error {
		r.Progress(fmt.Sprintf("%d hosts log in", n))
		if err := swarm.Ready(ctx); err != nil {
			return err
		}
		// The first time the machine is really read.
		if _, err := in.fanout(ctx, f.Method); err != nil {
			return err
		}
		var walls, clients, servers, hosts []float64
		for range f.Runs {
			server, host, err := in.usages()
			if err != nil {
				return err
			}
			run, err := in.fanout(ctx, f.Method)
			if err != nil {
				return err
			}
			if len(run.named) > 0 {
				return fmt.Errorf("%d hosts gave no answer, %s first", len(run.named), run.named[0])
			}
			serverAfter, hostAfter, err := in.usages()
			if err != nil {
				return err
			}
			walls = append(walls, run.took.Seconds())
			clients = append(clients, run.cpu.Seconds())
			servers = append(servers, (serverAfter.cpu - server.cpu).Seconds())
			hosts = append(hosts, (hostAfter.cpu - host.cpu).Seconds())
		}
		perHost := make([]float64, len(walls))
		for i, s := range walls {
			perHost[i] = s / float64(n) * 1e6
		}
		all = append(all, of("fanout", "s", n, walls...), of("fanout per host", "µs", n, perHost...),
			of("fanout, CPU of adminbot rpc", "s", n, clients...), of("fanout, CPU of the server", "s", n, servers...),
			of("fanout, CPU of all hosts", "s", n, hosts...))
		if f.Silent == 0 {
			return nil
		}
		slowest := time.Duration(slices.Max(walls) * float64(time.Second))
		named, err := f.silent(ctx, in, silentTimeout+3*slowest)
		all = append(all, named)
		return err
	})
	return all, err
}

// silent runs once with hosts that do not answer, and checks that these and no
// others are named for it.
func (f Fanout) silent(ctx context.Context, in *Installation, patience time.Duration) (Figure, error) {
	quiet := in.silence(min(f.Silent, len(in.Hosts)))
	run, err := in.fanout(ctx, f.Method, "--timeout", patience.Round(time.Second).String())
	if err != nil {
		return Figure{}, err
	}
	if !slices.Equal(run.named, quiet) {
		return Figure{}, fmt.Errorf("the silent hosts are %v, named are %v", quiet, run.named)
	}
	return of("fanout, silent hosts named", "hosts", len(in.Hosts), float64(len(quiet))), nil
}

// A fanoutRun is one run of adminbot rpc.
type fanoutRun struct {
	took  time.Duration
	cpu   time.Duration
	named []string // hosts that gave no answer, sorted
}

// fanout calls a method of every host and checks that each is accounted for.
func (in *Installation) fanout(ctx context.Context, method string, flags ...string) (fanoutRun, error) {
	args := append([]string{"rpc", "--dir", in.site.Dir, "--on", "*", "--json"}, flags...)
	out, cmd, took, err := output(ctx, in.Program, append(args, method)...)
	if err != nil {
		return fanoutRun{}, err
	}
	var doc struct {
		Results []struct {
			Host   string `json:"host"`
			Status string `json:"status"`
			Error  string `json:"error"`
		} `json:"results"`
	}
	if err := json.Unmarshal(out, &doc); err != nil {
		return fanoutRun{}, fmt.Errorf("adminbot rpc printed no JSON: %w", err)
	}
	run := fanoutRun{took: took, cpu: cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()}
	var hosts []string
	for _, r := range doc.Results {
		hosts = append(hosts, r.Host)
		switch r.Status {
		case "ok":
		case "no_answer", "unreachable":
			run.named = append(run.named, r.Host)
		default:
			return run, fmt.Errorf("%s: %s: %s", r.Host, r.Status, r.Error)
		}
	}
	slices.Sort(hosts)
	slices.Sort(run.named)
	if !slices.Equal(hosts, in.Hosts) {
		return run, fmt.Errorf("%d hosts are there, the answer lists %d", len(in.Hosts), len(hosts))
	}
	return run, nil
}
