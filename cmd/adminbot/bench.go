package main

import (
	"context"
	"fmt"
	"os"
	"runtime/debug"
	"slices"
	"time"

	"adminbot/internal/bench"
)

type benchCmd struct {
	All    benchAllCmd    `cmd:"" default:"1" help:"All of it in small sizes: a minute or two."`
	Fanout benchFanoutCmd `cmd:"" help:"One question to every host: adminbot rpc from its start to its end."`
	RPC    benchRPCCmd    `cmd:"" name:"rpc" help:"One call of one host."`
	Chat   benchChatCmd   `cmd:"" help:"From a line in the chat to its answer."`
	Parse  benchParseCmd  `cmd:"" help:"Reading a sentence."`
	Router benchRouterCmd `cmd:"" help:"Stanzas a second through the server, without TLS."`
	Memory benchMemoryCmd `cmd:"" help:"Memory of the server for each idle connection."`
	Agent  benchAgentCmd  `cmd:"" help:"What an idle host agent takes."`
	Alerts benchAlertsCmd `cmd:"" help:"The alert service: taking alerts in, offering them, its memory."`
	Storm  benchStormCmd  `cmd:"" help:"How long all hosts take to come back after a restart of the server; a person who asks meanwhile must be told nothing untrue."`
}

// benchFlags are what all measurements have.
type benchFlags struct {
	JSON bool `name:"json" help:"One JSON document."`
}

type measurement = func(context.Context, bench.Run) ([]bench.Figure, error)

// measure runs measurements and prints their figures.
func (f benchFlags) measure(ctx context.Context, std streams, all ...measurement) error {
	program, err := os.Executable()
	if err != nil {
		return err
	}
	// Thousands of hosts share this process's collector. Their own would have little to do.
	debug.SetGCPercent(800)
	run := bench.Run{Program: program, Progress: func(what string) { fmt.Fprintln(std.err, what) }}
	report := bench.Report{Machine: bench.ThisMachine(buildVersion)}
	for _, m := range all {
		figures, err := m(ctx, run)
		if err != nil {
			return err
		}
		report.Figures = append(report.Figures, figures...)
	}
	if f.JSON {
		return printJSON(std, report)
	}
	return report.Table(std.out)
}

// targetFlags are those of measurements that take any server.
type targetFlags struct {
	benchFlags
	Target string `type:"existingfile" help:"JSON file that names a running server of any kind and accounts on it; without it the embedded server is started."`
}

// on measures on the server of the file, or on a fresh one with so many hosts.
func (f targetFlags) on(hosts int, m func(context.Context, bench.Run, bench.Target) ([]bench.Figure, error)) measurement {
	return func(ctx context.Context, run bench.Run) (_ []bench.Figure, err error) {
		if f.Target != "" {
			t, err := bench.ReadTarget(f.Target)
			if err != nil {
				return nil, exit(exitUsage, err)
			}
			return m(ctx, run, t)
		}
		in, err := bench.Install(ctx, run.Program, hosts)
		if err != nil {
			return nil, err
		}
		figures, err := m(ctx, run, in.Target())
		if cerr := in.Close(); err == nil {
			err = cerr
		}
		return figures, err
	}
}

// want checks a flag that counts something.
func want(flag string, n int) error {
	if n < 1 {
		return usage("--%s %d: want one at least", flag, n)
	}
	return nil
}

type benchAllCmd struct {
	benchFlags
}

func (c benchAllCmd) Run(ctx context.Context, std streams) error {
	const hosts = 300
	if err := needDescriptors(2*hosts + spareDescriptors); err != nil {
		return exit(exitUsage, err)
	}
	here := targetFlags{benchFlags: c.benchFlags}
	return c.measure(ctx, std,
		bench.Parse{Hosts: hosts, Times: 20}.Run,
		here.on(1, bench.Router{Pairs: 4, Time: 5 * time.Second, Window: 1000}.Run),
		here.on(1, bench.RPC{Calls: 1000, Method: "rpc.ping"}.Run),
		here.on(1, bench.Chat{Lines: 100, Line: "uptime"}.Run),
		bench.Fanout{Hosts: []int{hosts}, Runs: 5, Method: "disk.usage", Silent: 1}.Run,
		bench.Memory{Sessions: hosts, Settle: 3 * time.Second}.Run,
		bench.Storm{Hosts: hosts, Runs: 1}.Run,
		bench.Alerts{Rounds: 2, Each: 500, Sizes: []int{1, 50}, Burst: 300, Gone: 5, Queue: 1000, Agents: 20}.Run,
		bench.Agent{Time: 35 * time.Second}.Run,
	)
}

type benchFanoutCmd struct {
	benchFlags
	Hosts  []int  `default:"1000" help:"Sizes of the fleets, one after the other."`
	Runs   int    `default:"5" help:"Runs for each size."`
	Method string `default:"disk.usage" help:"The method that is called; one that only reads."`
	Silent int    `default:"0" help:"In one more run, so many hosts take the call and never answer: each must be named."`
}

func (c benchFanoutCmd) Run(ctx context.Context, std streams) error {
	for _, n := range c.Hosts {
		if err := want("hosts", n); err != nil {
			return err
		}
	}
	if err := want("runs", c.Runs); err != nil {
		return err
	}
	if err := needDescriptors(slices.Max(c.Hosts) + spareDescriptors); err != nil {
		return exit(exitUsage, err)
	}
	return c.measure(ctx, std, bench.Fanout{Hosts: c.Hosts, Runs: c.Runs, Method: c.Method, Silent: c.Silent}.Run)
}

type benchRPCCmd struct {
	targetFlags
	Calls  int    `default:"2000" help:"Calls, one after the other."`
	Method string `default:"rpc.ping" help:"The method that is called; one that only reads."`
}

func (c benchRPCCmd) Run(ctx context.Context, std streams) error {
	if err := want("calls", c.Calls); err != nil {
		return err
	}
	return c.measure(ctx, std, c.on(1, bench.RPC{Calls: c.Calls, Method: c.Method}.Run))
}

type benchChatCmd struct {
	targetFlags
	Lines int    `default:"200" help:"Lines, one after the other."`
	Line  string `default:"uptime" help:"What is asked; something that takes the host no time."`
	Hosts int    `help:"Ask a fleet of so many lean hosts; without it, one real host agent."`
}

func (c benchChatCmd) Run(ctx context.Context, std streams) error {
	if err := want("lines", c.Lines); err != nil {
		return err
	}
	if err := needDescriptors(c.Hosts + spareDescriptors); err != nil {
		return exit(exitUsage, err)
	}
	return c.measure(ctx, std, c.on(max(1, c.Hosts), bench.Chat{Lines: c.Lines, Line: c.Line, Hosts: c.Hosts}.Run))
}

type benchParseCmd struct {
	benchFlags
	Hosts int `default:"1000" help:"Hosts whose names and services are known."`
	Times int `default:"100" help:"How often each of a dozen sentences is read."`
}

func (c benchParseCmd) Run(ctx context.Context, std streams) error {
	if err := want("times", c.Times); err != nil {
		return err
	}
	return c.measure(ctx, std, bench.Parse{Hosts: c.Hosts, Times: c.Times}.Run)
}

type benchRouterCmd struct {
	targetFlags
	Pairs  int           `default:"4" help:"Pairs of a sender and a receiver."`
	Time   time.Duration `default:"5s" help:"How long."`
	Window int           `default:"1000" help:"Messages under way at once, for each pair."`
}

func (c benchRouterCmd) Run(ctx context.Context, std streams) error {
	for flag, n := range map[string]int{"pairs": c.Pairs, "window": c.Window, "time": int(c.Time)} {
		if err := want(flag, n); err != nil {
			return err
		}
	}
	return c.measure(ctx, std, c.on(1, bench.Router{Pairs: c.Pairs, Time: c.Time, Window: c.Window}.Run))
}

type benchMemoryCmd struct {
	benchFlags
	Sessions int           `default:"5000" help:"Connections."`
	Settle   time.Duration `default:"5s" help:"Time between the last login and the measurement."`
}

func (c benchMemoryCmd) Run(ctx context.Context, std streams) error {
	if err := want("sessions", c.Sessions); err != nil {
		return err
	}
	if err := needDescriptors(c.Sessions + spareDescriptors); err != nil {
		return exit(exitUsage, err)
	}
	return c.measure(ctx, std, bench.Memory{Sessions: c.Sessions, Settle: c.Settle}.Run)
}

type benchAgentCmd struct {
	benchFlags
	Time time.Duration `default:"1m" help:"How long it is watched."`
}

func (c benchAgentCmd) Run(ctx context.Context, std streams) error {
	if err := want("time", int(c.Time)); err != nil {
		return err
	}
	return c.measure(ctx, std, bench.Agent{Time: c.Time}.Run)
}

type benchAlertsCmd struct {
	benchFlags
	Rounds int   `default:"3" help:"Rounds of taking alerts in."`
	Each   int   `default:"10000" help:"Alerts in each round, over 16 connections."`
	Sizes  []int `default:"1,50" help:"Alerts in one request."`
	Burst  int   `default:"1000" help:"Alerts at once, while 50 agents are there."`
	Gone   int   `default:"50" help:"How often the holder of an offer goes."`
	Queue  int   `default:"10000" help:"Alerts that wait while the memory of the service is measured."`
	Agents int   `default:"200" help:"Agents who are there then."`
}

func (c benchAlertsCmd) Run(ctx context.Context, std streams) error {
	for _, n := range c.Sizes {
		if err := want("sizes", n); err != nil {
			return err
		}
	}
	for flag, n := range map[string]int{"rounds": c.Rounds, "each": c.Each, "burst": c.Burst, "gone": c.Gone, "queue": c.Queue, "agents": c.Agents} {
		if err := want(flag, n); err != nil {
			return err
		}
	}
	if err := needDescriptors(c.Agents + spareDescriptors); err != nil {
		return exit(exitUsage, err)
	}
	return c.measure(ctx, std, bench.Alerts{Rounds: c.Rounds, Each: c.Each, Sizes: c.Sizes, Burst: c.Burst, Gone: c.Gone, Queue: c.Queue, Agents: c.Agents}.Run)
}

type benchStormCmd struct {
	benchFlags
	Hosts int `default:"500" help:"Hosts that come back."`
	Runs  int `default:"1" help:"Restarts."`
}

func (c benchStormCmd) Run(ctx context.Context, std streams) error {
	for flag, n := range map[string]int{"hosts": c.Hosts, "runs": c.Runs} {
		if err := want(flag, n); err != nil {
			return err
		}
	}
	if err := needDescriptors(c.Hosts + spareDescriptors); err != nil {
		return exit(exitUsage, err)
	}
	return c.measure(ctx, std, bench.Storm{Hosts: c.Hosts, Runs: c.Runs}.Run)
}
