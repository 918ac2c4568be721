package bot

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"

	"adminbot/agentapi"
)

// face is how one method looks in a reply. Templates name members in braces:
// "{mount} {used_percent} used"; a part between commas is left out when a member
// it names is missing. Methods without a face are shown by what they answer
// with, so a new or a plugin's method needs none.
type face struct {
	do       string   // what a card asks to do, with arguments: "restart {unit}"
	done     string   // the same when it was done: "{unit} restarted"
	accepted bool     // the host answers before the work is finished: say accepted, never done (R12)
	noun     string   // what a read is about
	one      string   // one host's answer in a few words; for lists, of the worst row
	many     string   // a first line for several hosts, when "noun on 3/3" will not do
	list     string   // the member whose rows are the answer
	cols     []string // up to three columns of a row
	tally    string   // count rows by this member: "41 active, 1 failed"
	worst    string   // order of rows and of hosts, as in sort: "-used_percent"
	wide     bool     // lines of text: no columns, wider than a table
	brief    bool     // one says it all
	count    bool     // of several rows, say how many instead of the worst
	group    bool     // of very many hosts, only the first part of one is told
	whole    bool     // nothing is shortened to fit beside other things
	key      string   // the member that tells rows apart, where a list moves between its pages
	steady   string   // the value of sort with which such a list moves least
}

// faces is the table of faces, by method.
var faces = map[string]face{
	"rpc.ping":         {noun: "ping", one: "answers", many: "{ok}/{asked} hosts answer", brief: true},
	"rpc.describe":     {noun: "methods", list: "methods", cols: []string{"{name}", "{class}"}},
	"host.info":        {noun: "host info", one: "up {uptime_seconds}, {os_version}"},
	"host.facts":       {noun: "facts"},
	"host.reboot":      {do: "reboot", done: "reboot", accepted: true, one: "at {scheduled_at}"},
	"cpu.usage":        {noun: "cpu", one: "{percent} busy, load {load1}", list: "top", cols: []string{"{name} ({pid})", "{percent}"}, worst: "-percent"},
	"mem.usage":        {noun: "memory", one: "{used_percent} used, {available_bytes} free", list: "top", cols: []string{"{name} ({pid})", "{rss_bytes}"}, worst: "-used_percent"},
	"disk.usage":       {noun: "disk", one: "{mount} {used_percent} used, {free_bytes} free", list: "filesystems", cols: []string{"{mount}", "{used_percent}", "{free_bytes} free"}, worst: "-used_percent"},
	"disk.largest":     {noun: "largest files", one: "{path} {size_bytes}", list: "entries", cols: []string{"{size_bytes}", "{path}"}, worst: "-size_bytes"},
	"disk.clean":       {do: "delete old files in {path}", done: "old files in {path} deleted", one: "{files} files, {freed_bytes} freed"},
	"proc.list":        {noun: "processes", one: "{name} {cpu_percent}", list: "processes", cols: []string{"{name} ({pid})", "{cpu_percent}", "{rss_bytes}"}, key: "pid", steady: "start"},
	"proc.signal":      {do: "send {signal} to process {pid}", done: "{signal} sent to process {pid}", one: "still running {still_running}"},
	"service.list":     {noun: "{state} services", list: "units", cols: []string{"{unit}", "{active}", "{sub}"}, tally: "active", worst: "active"},
	"service.status":   {noun: "{unit}", one: "{active} ({sub}), since {since}", group: true},
	"service.start":    {do: "start {unit}", done: "{unit} started", one: "{after}, pid {main_pid}", group: true},
	"service.stop":     {do: "stop {unit}", done: "{unit} stopped", one: "{after}"},
	"service.restart":  {do: "restart {unit}", done: "{unit} restarted", one: "{after}, pid {main_pid}", group: true},
	"service.reload":   {do: "reload {unit}", done: "{unit} reloaded", one: "{after}, pid {main_pid}", group: true},
	"pkg.list":         {noun: "packages", count: true, one: "{name} {version}", list: "packages", cols: []string{"{name}", "{version}"}, worst: "name"},
	"pkg.refresh":      {do: "refresh the package lists", done: "package lists refresh", accepted: true},
	"patch.list":       {noun: "updates", one: "{count} pending, {security_count} security", list: "upgrades", cols: []string{"{name}", "{to}"}, worst: "-security_count"},
	"patch.apply":      {do: "install updates", done: "updates", accepted: true, one: "job {job}"},
	"log.query":        {noun: "log", one: "{matched_total} lines", list: "lines", cols: []string{"{at} {text}"}, wide: true},
	"log.tail":         {noun: "log stream", one: "until {expires_at}"},
	"log.count":        {noun: "log count", one: "{total} lines, {per_s}", list: "groups", cols: []string{"{key}", "{count}"}, worst: "-total"},
	"log.level.get":    {noun: "log level of {app}", one: "{level}, until {reverts_at}"},
	"log.level.set":    {do: "set the log level of {app} to {level}", done: "log level of {app} set to {level}", one: "was {before}, until {reverts_at}"},
	"file.stat":        {noun: "{path}", one: "{type}, {size_bytes}, changed {mtime}"},
	"file.read":        {noun: "{path}", one: "{size_bytes}", wide: true},
	"watch.list":       {noun: "watches", count: true, one: "{path}", list: "watches", cols: []string{"{path}", "{events} events", "{last_at}"}},
	"watch.set":        {do: "watch {path}", done: "watch of {path} set", one: "until {expires_at}"},
	"net.listeners":    {noun: "listeners", one: "{address}:{port}", count: true, list: "listeners", cols: []string{"{address}:{port}", "{proto}", "{process}"}, worst: "port"},
	"net.dns":          {noun: "{name}", one: "{answers}"},
	"net.connect":      {noun: "{target}", one: "reachable {ok}, {error}, in {tcp_ms}"},
	"check.list":       {noun: "checks", list: "checks", cols: []string{"{name}", "every {interval_seconds}"}, worst: "name"},
	"check.status":     {noun: "checks", list: "checks", cols: []string{"{name}", "{state}", "{text}"}, tally: "state", worst: "state"},
	"check.run":        {noun: "check {name}", one: "{state}", worst: "state"},
	"check.history":    {noun: "history of {name}", list: "changes", cols: []string{"{at}", "{from} → {to}"}},
	"check.pause":      {do: "pause checks {names}", done: "checks {names} paused"},
	"check.submit":     {do: "submit check {name}", done: "check {name} submitted"},
	"presence.get":     {noun: "mood", one: "{status}", list: "reasons", cols: []string{"{check}", "{points}", "{text}"}, worst: "mood"},
	"presence.set":     {do: "set presence to {mood}", done: "presence set to {mood}", one: "was {before}, until {reverts_at}"},
	"sla.get":          {noun: "service level", one: "{name} {actual_percent}, objective {objective_percent}", list: "components", cols: []string{"{name}", "{actual_percent}", "of {objective_percent}"}, worst: "actual_percent"},
	"failover.status":  {noun: "failover", one: "{name} {role}", list: "groups", cols: []string{"{name}", "{role}", "{replication_lag_seconds} behind"}},
	"failover.run":     {do: "fail over {group}: {step}", done: "failover of {group}: {step}", accepted: true, one: "{role}"},
	"backup.status":    {noun: "backups", one: "{name} {last_state}, {age_seconds} old", list: "backups", cols: []string{"{name}", "{last_state}", "{age_seconds} old"}, worst: "-age_seconds"},
	"job.list":         {noun: "{state} jobs", list: "jobs", cols: []string{"{id}", "{method}", "{state}"}, tally: "state"},
	"job.get":          {noun: "job {id}", one: "{method}, {state}", wide: true},
	"job.cancel":       {do: "cancel job {id}", done: "job {id} cancelled", one: "{state}"},
	"agent.info":       {noun: "agent", one: "{version}, started {started_at}"},
	"agent.reload":     {do: "reload the agent", done: "agent reloaded", one: "changed {changed}"},
	"agent.update":     {do: "update the agent to {version}", done: "agent update to {version}", accepted: true, one: "job {job}"},
	"code.list":        {noun: "code sets", list: "sets", cols: []string{"{name}", "{version}", "active {active}"}, worst: "name"},
	"code.sync":        {do: "sync code", done: "code sync", accepted: true, one: "job {job}"},
	"code.rollback":    {do: "roll back {name}", done: "{name} rolled back", one: "{before} → {after}"},
	"audit.tail":       {noun: "audit", list: "entries", cols: []string{"{at}", "{actor}", "{method}, {unit}, {decision}"}, tally: "decision"},
	"alert.silence":    {do: "silence alerts", done: "alerts silenced"},
	"system.multicall": {noun: "calls"},
}

// faceOf is the face of a method; unknown ones get a plain one.
func faceOf(method string) face {
	f := faces[method]
	if f.do == "" {
		f.do = "run " + method
	}
	if f.done == "" {
		f.done = method + " run"
	}
	if f.noun == "" {
		f.noun = method
	}
	return f
}

// faceFor is the face of a step: what was asked for decides what the first line
// holds.
func faceFor(s Step) face {
	f := faceOf(s.Method)
	switch {
	case s.Method == "proc.list" && s.Args["sort"] == "memory":
		f.noun, f.one, f.worst = "processes by memory", "{name} {rss_bytes}", "-rss_bytes"
		f.cols = []string{"{name} ({pid})", "{rss_bytes}", "{cpu_percent}"}
	case s.Method == "net.listeners" && s.Args["port"] != nil:
		f.noun, f.one, f.count = "port {port}", "{process} on {address}:{port}", false
	}
	return f
}

// asked is the face when the line names members of an answer that has many: who
// says "kernel" wants that in the first line.
func (f face) asked(s Step, said string) face {
	if s.Method != "host.info" {
		return f
	}
	spec, _ := agentapi.Lookup(s.Method)
	words := strings.FieldsFunc(strings.ToLower(said), func(r rune) bool { return !unicode.IsLetter(r) })
	var named []string // members
	for _, field := range spec.ResultFields() {
		if !common[field.Name] && nameIn(words, field.Name) {
			named = append(named, field.Name)
		}
	}
	named = slices.DeleteFunc(named, func(name string) bool { // "os version" names no "os"
		return slices.ContainsFunc(named, func(longer string) bool { return strings.HasPrefix(longer, name+"_") })
	})
	if len(named) == 0 || len(named) > 3 {
		return f
	}
	var nouns, values []string
	for _, name := range named {
		nouns, values = append(nouns, label(name)), append(values, "{"+name+"}")
	}
	f.noun, f.one, f.brief = strings.Join(nouns, ", "), strings.Join(values, ", "), true
	return f
}

// nameIn reports whether words name a member: each word of its label is one of
// them, or the beginning of one ("arch" of "architecture").
func nameIn(words []string, member string) bool {
	for part := range strings.FieldsSeq(label(member)) {
		if !slices.ContainsFunc(words, func(w string) bool { return w == part || len(part) >= 4 && strings.HasPrefix(w, part) }) {
			return false
		}
	}
	return true
}

// fill writes a template with the members that get returns. A part between
// commas, with a member in it that is missing or empty, is left out.
func fill(template string, get func(string) (string, bool)) string {
	var parts []string
	for part := range strings.SplitSeq(template, ", ") {
		text, whole := "", true
		for part != "" {
			open := strings.IndexByte(part, '{')
			if open < 0 {
				text += part
				break
			}
			end := strings.IndexByte(part[open:], '}')
			if end < 0 {
				text += part
				break
			}
			v, ok := get(part[open+1 : open+end])
			if !ok {
				whole = false
				break
			}
			text += part[:open] + v
			part = part[open+end+1:]
			if v == "1" {
				part = singular(part)
			}
		}
		if whole {
			parts = append(parts, text)
		}
	}
	return strings.Join(parts, ", ")
}

// singular takes the s off the word that text begins with: "1 lines" is "1 line".
func singular(text string) string {
	word, rest, _ := strings.Cut(strings.TrimPrefix(text, " "), " ")
	if strings.HasPrefix(text, " ") && strings.HasSuffix(word, "s") {
		return strings.TrimRight(" "+word[:len(word)-1]+" "+rest, " ")
	}
	return text
}

// plural is n things.
func plural(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// fromArgs fills a template with a command's arguments. What nobody said is left
// out with the word before it.
func fromArgs(template string, args map[string]any, w when) string {
	s := fill(template, func(name string) (string, bool) {
		v, ok := args[name]
		if !ok || v == nil {
			return "", true
		}
		return argument(name, v, w), true
	})
	return strings.Join(strings.Fields(s), " ")
}

func argument(name string, v any, w when) string {
	if s, ok := v.(string); ok && (name == "unit") {
		return clean(strings.TrimSuffix(s, ".service"), 40)
	}
	switch list := v.(type) {
	case []string:
		anys := make([]any, len(list))
		for i, s := range list {
			anys[i] = s
		}
		return quantity(name, anys, w)
	}
	return shorten(clean(quantity(name, v, w), maxPath), 60)
}

// extraArgs lists the arguments that a template does not already show.
func extraArgs(template string, args map[string]any, w when) string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(args)) {
		if !strings.Contains(template, "{"+name+"}") {
			out = append(out, label(name)+" "+argument(name, args[name], w))
		}
	}
	return strings.Join(out, ", ")
}
