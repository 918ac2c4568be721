package bench

import (
	"context"
	"fmt"
	"time"

	"adminbot/bot"
	"adminbot/grammar"
)

// Parse says how reading sentences is measured.
type Parse struct {
	Hosts int // in the inventory
	Times int // that each sentence is read
}

// sentences are of all sorts: questions, changes, filters, and what is none.
var sentences = []string{
	"disk",
	"memory on host00001",
	"which hosts have less than 10% disk free?",
	"restart nginx on host00001 and host00002",
	"uptime of role=db",
	"who is sad",
	"show me the cpu usage of all web servers in ams",
	"which hosts run nginx but not postgresql",
	"stop postgresql on host0000[1-5] except host00003",
	"errors of nginx on host00001 in the last hour",
	"what is the meaning of life",
	"restart ngnix on hots00001",
}

// Run measures one reading of a sentence with the bot's whole vocabulary, and
// the making of the lexicon, which a change of the fleet costs.
func (p Parse) Run(ctx context.Context, _ Run) ([]Figure, error) {
	language, err := bot.Language()
	if err != nil {
		return nil, err
	}
	inv := &grammar.Inventory{}
	roles := []string{"web", "db", "cache"}
	sites := []string{"ams", "nyc"}
	for i := range p.Hosts {
		inv.Hosts = append(inv.Hosts, grammar.Host{
			Name: fmt.Sprintf("host%05d", i), Mood: "happy", Services: []string{"nginx.service", "postgresql.service", "ssh.service"},
			Facts: map[string]string{"role": roles[i%len(roles)], "site": sites[i%len(sites)]},
		})
	}
	began := time.Now()
	lexicon, err := language.Compile(inv)
	if err != nil {
		return nil, err
	}
	compiled := time.Since(began)
	now := time.Now()
	var times []float64
	for i := range p.Times + 1 {
		for _, line := range sentences {
			if err := context.Cause(ctx); err != nil {
				return nil, err
			}
			began := time.Now()
			lexicon.Parse(nil, line, now)
			if i > 0 { // the first time warms up
				times = append(times, float64(time.Since(began))/float64(time.Microsecond))
			}
		}
	}
	return []Figure{
		of("parse a line", "µs", p.Hosts, times...),
		of("vocabulary of a fleet", "ms", p.Hosts, milliseconds(compiled)),
	}, nil
}
