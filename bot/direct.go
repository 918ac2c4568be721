package bot

import (
	"time"

	"adminbot/agentapi"
	"adminbot/rpc"
)

// ResultOf is what became of a call that was made without the bot, with the
// value and the error that [rpc.Client.Do] returned.
func ResultOf(host string, v rpc.Value, err error) Result {
	return Result{Host: host}.answered(v, err)
}

// Count sums up results.
func Count(results []Result) Counts { return count(results) }

// Text is what a person reads of one method called without the bot: the whole
// of it, in lines as long as they are.
func Text(spec agentapi.Spec, args map[string]any, dryRun bool, results []Result, took time.Duration) string {
	s := Step{
		Method: spec.Name, Permission: spec.Permission, Class: spec.Class, Lane: spec.Lane, Timeout: spec.Timeout, Args: args, DryRun: dryRun,
	}
	for _, r := range results {
		s.Hosts = append(s.Hosts, r.Host)
	}
	report := report{plan: Plan{Steps: []Step{s}}, results: [][]Result{results}, took: took, w: when{now: time.Now(), zone: time.Local}}
	text, _ := page(report.lines(), room{}, "")
	return text
}
