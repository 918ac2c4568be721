package bot

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"adminbot/agentapi"
	"adminbot/grammar"
)

// topics group methods for people, by the first word of their names.
var topics = []struct{ name, resources, about string }{
	{"hosts", "fleet host rpc presence", "who is there, and how they feel"},
	{"usage", "cpu mem disk", "processors, memory, disks"},
	{"services", "service", "start, stop, restart, status"},
	{"processes", "proc job", "what runs"},
	{"logs", "log", "lines of logs and journals"},
	{"packages", "pkg patch", "software and updates"},
	{"files", "file watch", "files and changes to them"},
	{"network", "net", "ports, names, connections"},
	{"checks", "check sla backup failover", "checks, service levels, backups"},
	{"agents", "agent code audit", "the host agents themselves"},
	{"me", "bot", "cards, answers, this help"},
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
func (b *Bot) topicHelp(t *turn, topic string, verbs []grammar.Verb) []string {
	topic = strings.ToLower(topic)
	var found []grammar.Verb
	for _, v := range verbs {
		if about(v, topic) {
			found = append(found, v)
		}
	}
	if len(found) == 0 {
		names := make([]string, len(topics))
		for i, topic := range topics {
			names[i] = topic.name
		}
		return []string{"✖ I have no help about \"" + clean(topic, 30) + "\".", "Topics: " + strings.Join(names, ", ")}
	}
	lines := []string{fmt.Sprintf("Help: %s", clean(topic, 40))}
	for _, v := range found[:min(len(found), 10)] {
		lines = append(lines, firstWords(v)+": "+v.Help)
		if s := t.sayable(exampleOf(t, v)); s != "" {
			lines = append(lines, "  "+s)
		}
	}
	return lines
}

// about reports whether a verb belongs to a topic: by its group, its name or its
// words.
func about(v grammar.Verb, topic string) bool {
	resource, _, _ := strings.Cut(v.Method, ".")
	for _, t := range topics {
		if (t.name == topic || t.name == topic+"s") && slices.Contains(strings.Fields(t.resources), resource) {
			return true
		}
	}
	if resource == topic || v.Method == topic || resource+"s" == topic {
		return true
	}
	if slices.ContainsFunc(v.Forms, func(form string) bool { return strings.Contains(" "+form, " "+topic+" {") }) {
		return true
	}
	for _, entry := range v.Words {
		words, _, _ := strings.Cut(entry, "|")
		for w := range strings.SplitSeq(words, ",") {
			if strings.TrimSpace(w) == topic {
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
