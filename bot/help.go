package bot

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"adminbot/agentapi"
	"adminbot/grammar"
)

// A topic is a part of what can be said, as help and the page about it have it.
type topic struct {
	name    string
	words   string // other names of it
	methods string // methods, or the first words of their names
	about   string
	// also is what is said beside the vocabulary; {host} and {unit} are some that
	// are there.
	also  []string
	notes []string
}

var topics = []topic{
	{name: "hosts", methods: "fleet host rpc presence", about: "who is there, and how they feel"},
	{name: "usage", methods: "cpu mem disk", about: "processors, memory, disks"},
	{name: "services", methods: "service", about: "start, stop, restart, status"},
	{name: "processes", methods: "proc job", about: "what runs"},
	{name: "logs", methods: "log", about: "lines of logs and journals"},
	{name: "packages", methods: "pkg patch", about: "software and updates"},
	{name: "files", methods: "file watch", about: "files and changes to them"},
	{name: "network", methods: "net", about: "ports, names, connections"},
	{name: "checks", methods: "check sla backup failover", about: "checks, service levels, backups"},
	{name: "agents", methods: "agent code audit", about: "the host agents themselves"},
	{name: "alerts", words: "silences", methods: "alert", about: "what is open, taking it, silences",
		also: []string{"take 17", "pass 17 I am on a train", "note 17 looking at it", "resolve 17 disk was full", "who has alert 17", "timeline of 17", "mttr last week"}},
	{name: "oncall", words: "call takeovers overrides", methods: "oncall workgroup", about: "who is on call, workgroups, takeovers",
		also: []string{"I take over until 6pm", "end the override"}},
	{name: "answers", words: "pages tables", methods: "bot.details bot.more bot.csv bot.json bot.retry bot.repeat bot.history", about: "the rest of one, as a table, again"},
	{name: "changes", words: "cards batches steps", methods: "bot.confirm bot.cancel bot.approve bot.decline", about: "yes and no, dry runs, steps",
		also: []string{"dry run: restart {unit} on {host}", "what would rebooting {host} do?", "restart {unit} on {host}, then disk there"},
		notes: []string{
			"A change is a card first: yes runs it, no drops it, both with its id.",
			"Say in batches of 2, or one at a time, and I offer the steps.",
		}},
	{name: "rooms", about: "talking to me among others",
		notes: []string{
			"In a room, begin with my name. Only who asked can say yes.",
			"In the room of an alert its host is meant where none is named.",
			"Help and what is secret come to you alone.",
		}},
	{name: "me", methods: "bot.help bot.alias bot.unalias bot.aliases", about: "words of your own, this help"},
}

// has reports whether a method belongs to the topic.
func (t topic) has(method string) bool {
	resource, _, _ := strings.Cut(method, ".")
	return slices.ContainsFunc(strings.Fields(t.methods), func(m string) bool { return m == resource || m == method })
}

// called reports whether a word is the name of the topic.
func (t topic) called(word string) bool {
	return slices.ContainsFunc(strings.Fields(t.name+" "+t.words), func(name string) bool { return name == word || name == word+"s" })
}

// help answers "help" and "help disk" out of the vocabulary. Every example is a
// sentence that the grammar reads in this fleet.
func (b *Bot) help(t *turn, topic string) Reply {
	verbs := t.fleet.Lexicon.Verbs()
	lines := b.firstHelp(t, verbs)
	if topic != "" {
		lines = b.topicHelp(t, topic, verbs)
	}
	text, _ := page(asLines(lines), chatRoom, "help")
	return Reply{Text: text, Private: true, Data: Answer{Text: text}}
}

func asLines(list []string) []line {
	out := make([]line, len(list))
	for i, s := range list {
		out[i] = line{text: s}
	}
	return out
}

// firstHelp is the short first screen.
func (b *Bot) firstHelp(t *turn, verbs []grammar.Verb) []string {
	lines := []string{"Say what you want in plain words. For example:"}
	for _, c := range examples(t, verbs) {
		if s := t.sayable(c); s != "" {
			lines = append(lines, "  "+s)
		}
		if len(lines) == 6 {
			break
		}
	}
	lines = append(lines, "Changes ask for a yes first; reads never do.", "More: help and a topic:")
	for _, topic := range topics {
		lines = append(lines, fmt.Sprintf("  %-10s %s", topic.name, topic.about))
	}
	return lines
}

// topicHelp lists the methods of a topic, or of anything a word stands for.
func (b *Bot) topicHelp(t *turn, word string, verbs []grammar.Verb) []string {
	word = strings.ToLower(word)
	var found []grammar.Verb
	for _, v := range verbs {
		if about(v, word) {
			found = append(found, v)
		}
	}
	lines := []string{"Help: " + clean(word, 40)}
	for _, v := range found[:min(len(found), 10)] {
		if !can(v.Method) {
			lines = append(lines, firstWords(v)+": "+v.Help+" (not yet)")
			continue
		}
		lines = append(lines, firstWords(v)+": "+v.Help)
		if s := t.sayable(exampleOf(t, v)); s != "" {
			lines = append(lines, "  "+s)
		}
	}
	for _, topic := range topics {
		if !topic.called(word) {
			continue
		}
		lines = append(lines, topic.notes...)
		if also := t.filled(topic.also); len(also) > 0 {
			lines = append(lines, "Also:")
			for _, s := range also {
				lines = append(lines, "  "+s)
			}
		}
	}
	if len(lines) == 1 {
		names := make([]string, len(topics))
		for i, topic := range topics {
			names[i] = topic.name
		}
		return []string{"✖ I have no help about \"" + clean(word, 30) + "\".", "Topics: " + strings.Join(names, ", ")}
	}
	return lines
}

// filled are sentences with a host that is there, and a service of it.
func (t *turn) filled(sentences []string) []string {
	host := exampleHost(t)
	h, _ := t.fleet.Host(host)
	return filled(sentences, host, h.Facts.Services)
}

func filled(sentences []string, host string, services []string) []string {
	fill := strings.NewReplacer("{host}", host, "{unit}", first(services))
	var out []string
	for _, s := range sentences {
		if host == "" && strings.Contains(s, "{host}") || len(services) == 0 && strings.Contains(s, "{unit}") {
			continue
		}
		out = append(out, fill.Replace(s))
	}
	return out
}

// about reports whether a verb belongs to a topic: by its group, its name or its
// words.
func about(v grammar.Verb, word string) bool {
	resource, _, _ := strings.Cut(v.Method, ".")
	if slices.ContainsFunc(topics, func(t topic) bool { return t.called(word) && t.has(v.Method) }) {
		return true
	}
	if resource == word || v.Method == word || resource+"s" == word {
		return true
	}
	if slices.ContainsFunc(v.Forms, func(form string) bool { return strings.Contains(" "+form, " "+word+" {") }) {
		return true
	}
	for _, entry := range v.Words {
		words, _, _ := strings.Cut(entry, "|")
		for w := range strings.SplitSeq(words, ",") {
			if strings.TrimSpace(w) == word {
				return true
			}
		}
	}
	return false
}

// firstWords is how a verb is usually said.
func firstWords(v grammar.Verb) string {
	if len(v.Words) == 0 {
		first, _, _ := strings.Cut(first(v.Forms), " {")
		return first
	}
	words, _, _ := strings.Cut(v.Words[0], "|")
	first, _, _ := strings.Cut(words, ",")
	return strings.TrimSpace(first)
}

// examples are good first sentences for this fleet.
func examples(t *turn, verbs []grammar.Verb) []grammar.Command {
	var out []grammar.Command
	for _, method := range []string{"fleet.hosts", "disk.usage", "service.status", "service.restart", "log.query", "mem.usage", "cpu.usage"} {
		for _, v := range verbs {
			if v.Method == method {
				out = append(out, exampleOf(t, v))
			}
		}
	}
	return out
}

// exampleOf makes a command of a verb with names that this fleet has.
func exampleOf(t *turn, v grammar.Verb) grammar.Command {
	host := exampleHost(t)
	h, _ := t.fleet.Host(host)
	return example(v, host, h.Facts.Services, t.fleet.Inventory)
}

// example makes a command of a verb for a host with some services. Where the
// verb needs what the inventory does not have, there is none.
func example(v grammar.Verb, host string, services []string, inv *grammar.Inventory) grammar.Command {
	c := grammar.Command{Method: v.Method, Args: map[string]any{}}
	if v.Hosts && host != "" {
		c.Hosts, c.On = []string{host}, grammar.Names(host)
	}
	for _, a := range v.Args {
		if !a.Required {
			continue
		}
		var value any
		switch a.Kind {
		case grammar.KindUnit:
			if len(services) == 0 {
				return grammar.Command{}
			}
			value = agentapi.UnitName(services[0])
		case grammar.KindPath:
			value = "/var/log"
		case grammar.KindCheck:
			value = first(inv.Checks)
		case grammar.KindApp:
			value = first(inv.Apps)
		case grammar.KindComponent:
			value = first(inv.Components)
		case grammar.KindBackup:
			value = first(inv.Backups)
		case grammar.KindFailover:
			value = first(inv.FailoverGroups)
		case grammar.KindWorkgroup:
			value = first(inv.Workgroups)
		case grammar.KindPerson:
			value = first(inv.People)
		case grammar.KindDomain:
			value = "example.net"
		case grammar.KindEndpoint:
			value = "example.net:443"
		case grammar.KindSeconds:
			value = int64(3600)
		case grammar.KindVersion:
			value = "2.3.1"
		case grammar.KindID:
			value = "8841"
		case grammar.KindEnum:
			if value = carried(v, a.Name); len(a.Values) > 0 {
				value = a.Values[0].Value
			}
		case grammar.KindRegexp:
			value = "timeout"
		case grammar.KindText:
			value = map[string]any{"name": "frobnicate", "sentence": "restart"}[a.Name]
		case grammar.KindInt:
			value = int64(8841)
		case grammar.KindName:
			value = "nginx"
		case grammar.KindCodeSet:
			value = cmp.Or(first(inv.CodeSets), "site-hooks")
		}
		if value == nil || value == "" {
			return grammar.Command{}
		}
		if a.List {
			value = []string{word(value)}
		}
		c.Args[a.Name] = value
	}
	return c
}

// carried is a value that some phrase of a verb carries for an argument.
func carried(v grammar.Verb, arg string) any {
	for _, entry := range v.Words {
		if _, value, ok := strings.Cut(entry, "| "+arg+"="); ok {
			return value
		}
	}
	return nil
}

func first(names []string) string {
	if len(names) == 0 {
		return ""
	}
	return names[0]
}

// exampleHost is a host that is there, with services if possible.
func exampleHost(t *turn) string {
	best := ""
	for _, h := range t.fleet.Hosts {
		if best == "" || h.Online {
			best = h.Name
		}
		if h.Online && len(h.Facts.Services) > 0 {
			return h.Name
		}
	}
	return best
}

// sayable is the command's canonical sentence, if reading it gives the command
// back.
func (t *turn) sayable(c grammar.Command) string {
	if c.Method == "" {
		return ""
	}
	s := t.fleet.Lexicon.Sentence([]grammar.Command{c})
	if s == "" {
		return ""
	}
	r := t.fleet.Lexicon.Parse(nil, s, t.now)
	if r.Status != grammar.OK || len(r.Commands) != 1 || r.Commands[0].Method != c.Method {
		return ""
	}
	return s
}
