package grammar_test

import (
	"cmp"
	"fmt"
	"log"
	"strings"
	"time"

	"adminbot/grammar"
)

const words = `
method service.restart write hosts
say restart, bounce, give ... a kick
arg unit unit required
ask Which service?

method disk.usage hosts
say disk usage, disk, df
field free_percent: free, disk free
field used_percent main: full, used

alias frobnicate = restart
`

func fleet() *grammar.Inventory {
	return &grammar.Inventory{Hosts: []grammar.Host{
		{Name: "web01", Facts: map[string]string{"role": "web"}, Mood: "happy", Services: []string{"nginx"}},
		{Name: "web02", Facts: map[string]string{"role": "web"}, Mood: "sad", Services: []string{"nginx"}},
		{Name: "db01", Facts: map[string]string{"role": "db"}, Mood: "happy", Services: []string{"postgresql"}},
	}}
}

func Example() {
	vocabulary, err := grammar.ReadVocabulary(words)
	if err != nil {
		log.Fatal(err)
	}
	lexicon, err := vocabulary.Compile(fleet())
	if err != nil {
		log.Fatal(err)
	}
	var prev []grammar.Reading
	for _, line := range []string{
		"which hosts have less than 10% disk free?",
		"could you bounce nginx on the sad web servers, please?",
		"and on web01",
		"restart nginx",
		"restrat nginx on web01",
		"frobnicate nginx on web01",
		"don't restart nginx on web01",
	} {
		r := lexicon.Parse(prev, line, time.Now())
		prev = append(prev, r)
		fmt.Printf("%s: %s\n", r.Status, cmp.Or(r.Canonical, r.Question, strings.Join(r.Suggestions, "; "), "-"))
	}
	// Output:
	// ok: disk usage with free_percent < 10%
	// ok: restart nginx on mood=sad&role=web
	// ok: restart nginx on web01
	// incomplete: On which hosts?
	// unknown: restart nginx on web01
	// ok: restart nginx on web01
	// not_a_command: -
}

func ExampleParseSelector() {
	s, err := grammar.ParseSelector("role=web !web02, db*")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(s, s.Resolve(fleet()))
	// Output: role=web&!web02,db* [db01 web01]
}
