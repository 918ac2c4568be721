package main

import (
	"context"
	"fmt"
	"os"

	"adminbot/internal/bench"
)

type benchCmd struct {
	Fanout benchFanoutCmd `cmd:"" help:"One question to every host: adminbot rpc from its start to its end."`
}

// benchFlags are what all measurements have.
type benchFlags struct {
	JSON bool `name:"json" help:"One JSON document."`
}

// measure runs a measurement and prints its figures.
func (f benchFlags) measure(ctx context.Context, std streams, run func(context.Context, bench.Run) ([]bench.Figure, error)) error {
	program, err := os.Executable()
	if err != nil {
		return err
	}
	figures, err := run(ctx, bench.Run{Program: program, Progress: func(what string) { fmt.Fprintln(std.err, what) }})
	if err != nil {
		return err
	}
	report := bench.Report{Machine: bench.ThisMachine(buildVersion), Figures: figures}
	if f.JSON {
		return printJSON(std, report)
	}
	return report.Table(std.out)
}

type benchFanoutCmd struct {
	benchFlags
	Hosts  []int  `default:"1000" help:"Sizes of the fleets, one after the other."`
	Runs   int    `default:"5" help:"Runs for each size."`
	Method string `default:"disk.usage" help:"The method that is called; one that only reads."`
	Silent int    `default:"0" help:"In one more run, so many hosts take the call and never answer: each must be named."`
}

func (c benchFanoutCmd) Run(ctx context.Context, std streams) error {
	f := bench.Fanout{Hosts: c.Hosts, Runs: c.Runs, Method: c.Method, Silent: c.Silent}
	most := 0
	for _, n := range c.Hosts {
		if n < 1 {
			return usage("--hosts %d: want one host at least", n)
		}
		most = max(most, n)
	}
	if c.Runs < 1 {
		return usage("--runs %d: want one run at least", c.Runs)
	}
	if err := needDescriptors(most + spareDescriptors); err != nil {
		return exit(exitUsage, err)
	}
	return c.measure(ctx, std, f.Run)
}
