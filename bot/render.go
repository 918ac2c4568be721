package bot

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// report is everything a reply about a finished plan is made of. Rendering is
// pure: the same report gives the same text.
type report struct {
	id       string
	line     string // as it was said; "" where nothing was
	actor    string // who asked, bare
	approved string // "approved by …", where somebody did
	plan     Plan
	results  [][]Result // by step
	took     time.Duration
	w        when
}

// line is one line of a reply; block lines stand between ``` fences (R4).
type line struct {
	text  string
	block bool
	next  bool // what can be said about the answer
}

const (
	headWidth  = 70 // R1: what a phone's notification shows
	blockWidth = 40 // R4
	wideWidth  = 160
	headPath   = 28 // of a path beside other things
	eachLimit  = 8  // of more hosts a reply does not say what each did by itself
	cellRows   = 5  // of a host's list, among other hosts
)

// render is a report as lines for a phone.
func (r report) render() []line { return narrowed(r.lines()) }

// lines is a report as lines: the first is the whole answer in a few words.
func (r report) lines() []line {
	var sections []section
	for i, s := range r.plan.Steps {
		sections = append(sections, r.section(s, r.results[i]))
	}
	var lines []line
	switch len(sections) {
	case 0:
		return nil
	case 1:
		lines = append(lines, line{text: r.head(sections[0].mark, sections[0].head)})
		lines = append(lines, sections[0].lines...)
	default:
		lines = append(lines, line{text: r.head(r.together(sections))})
		for _, s := range sections {
			lines = append(lines, line{text: s.mark + " " + cut(s.head, headWidth)})
			lines = append(lines, s.lines...)
		}
	}
	if next := r.next(); next != "" {
		lines = append(lines, line{text: next, next: true})
	}
	return lines
}

// head is the first line: mark, words, how long it took and the id, in at most
// headWidth characters.
// A report of no id belongs to no conversation that could refer to it.
func (r report) head(mark, text string) string {
	suffix := ""
	if r.id != "" {
		suffix = " · " + r.id
	}
	if took := " · " + span(r.took.Round(100*time.Millisecond)); r.took >= 100*time.Millisecond &&
		width(mark)+1+width(text)+width(took)+width(suffix) <= headWidth {
		suffix = took + suffix
	}
	return mark + " " + cut(text, headWidth-width(mark)-1-width(suffix)) + suffix
}

// together is the first line of a plan with several commands.
func (r report) together(sections []section) (mark, text string) {
	var total Counts
	done, notStarted := 0, 0
	for i := range r.plan.Steps {
		c := count(r.results[i])
		total = total.plus(c)
		switch c.Asked {
		case c.OK:
			done++
		case c.Skipped:
			notStarted++
		}
	}
	mark = "✔"
	for _, s := range sections {
		if s.mark != "✔" {
			mark = "⚠"
		}
	}
	if total.OK == 0 && total.Asked > 0 {
		mark = "✖"
	}
	text = fmt.Sprintf("%d of %d commands ok", done, len(sections))
	if notStarted > 0 {
		text += fmt.Sprintf(" · %d not started", notStarted)
	}
	if hosts := r.plan.Hosts(); len(hosts) > 0 {
		text += " on " + someHosts(hosts, 24)
	}
	return mark, text
}

// next is the line that says what can be said about this answer.
func (r report) next() string {
	var total Counts
	for i := range r.plan.Steps {
		total = total.plus(count(r.results[i]))
	}
	if r.id == "" {
		return ""
	}
	say := "details " + r.id
	if total.Asked > total.OK {
		say = "retry failed " + r.id + " · " + say
	} else if total.Asked <= eachLimit {
		return ""
	}
	if total.Asked > eachLimit {
		say += " · csv " + r.id
	}
	return say
}

// section is the answer to one step.
type section struct {
	mark, head string
	lines      []line
}

func (r report) section(s Step, results []Result) section {
	f := faceFor(s).asked(s, r.line)
	c := count(results)
	var sec section
	switch {
	case s.DryRun:
		sec = r.dryRun(s, f, results, c)
	case s.Changes():
		sec = r.change(s, f, results, c)
	case len(s.Where) > 0 || s.Sort != "":
		sec = r.selection(s, f, results, c)
	case s.Method == "fleet.hosts":
		sec = r.fleet(s, results)
	case len(results) == 1 && results[0].Outcome == OK:
		sec = r.one(s, f, results[0])
	default:
		sec = r.several(s, f, results, c)
	}
	return sec
}

// change is the answer to a write.
func (r report) change(s Step, f face, results []Result, c Counts) section {
	done := fromArgs(f.done, s.Args, r.w)
	if f.accepted || unfinished(results) { // R12: the host has taken it on; the work goes on there
		done = strings.TrimSpace(fromArgs(cmp.Or(f.do, f.done), s.Args, r.w)) + " accepted"
		if f.accepted {
			done = fromArgs(f.done, s.Args, r.w) + " accepted"
		}
	}
	sec := section{mark: "✔"}
	switch {
	case c.OK == c.Asked && c.Asked == 1:
		sec.head = done + " on " + cut(results[0].Host, 30)
	case c.OK == c.Asked:
		sec.head = fmt.Sprintf("%s on %d/%d", done, c.OK, c.Asked)
		if s := someHosts(s.Hosts, headWidth); width(sec.head)+width(s) < headWidth-20 {
			sec.head += " (" + s + ")"
		}
	case c.Asked == 1:
		sec.mark, sec.head = "✖", r.single(fromArgs(f.do, s.Args, r.w), results[0], true)
		if results[0].Outcome == NoAnswer {
			sec.mark = "⚠"
		}
	default:
		sec.mark = "⚠"
		if c.OK == 0 {
			sec.mark = "✖"
		}
		sec.head = c.beside(fmt.Sprintf("%s on %d/%d", done, c.OK, c.Asked))
	}
	sec.lines = append(r.troubles(s, results, true), r.table(s, f, results)...)
	return sec
}

// unfinished reports whether some host answered with a job instead of a result.
func unfinished(results []Result) bool {
	return slices.ContainsFunc(results, func(res Result) bool {
		top, _ := res.Value.(map[string]any)
		job, _ := top["job"].(string)
		return res.Outcome == OK && job != ""
	})
}

// single is the first line about the one host that was asked and did not do it.
// It holds nothing the host wrote.
func (r report) single(what string, res Result, write bool) string {
	host := cut(res.Host, 30)
	switch res.Outcome {
	case Failed:
		return fmt.Sprintf("%s FAILED on %s", what, host)
	case Refused:
		return fmt.Sprintf("%s refused by %s", what, host)
	case Unreachable:
		s := fmt.Sprintf("%s: %s is not reachable", what, host)
		switch {
		case res.apart():
			return fmt.Sprintf("%s: not sent to %s", what, host)
		case !res.Since.IsZero():
			s = fmt.Sprintf("%s: %s is offline since %s", what, host, r.w.moment(res.Since))
		}
		if write {
			s += ", not sent"
		}
		return s
	case NoAnswer:
		if write {
			return fmt.Sprintf("%s: no answer from %s, may have run", what, host)
		}
		return fmt.Sprintf("%s: no answer from %s", what, host)
	case Expired:
		return fmt.Sprintf("%s reached %s too late, not run", what, host)
	}
	return fmt.Sprintf("%s not started on %s", what, host)
}

// table lists what the hosts that are ok answered: identical answers once.
func (r report) table(s Step, f face, results []Result) []line {
	rows, distinct := r.cells(s, f, results)
	switch brief, _, _ := strings.Cut(f.one, ", "); {
	case len(rows) == 1 && rows[0].key == "":
		return nil
	case distinct > eachLimit && f.group:
		// Process ids and times are of interest where they can be read.
		f.one = brief
		rows, distinct = r.cells(s, f, results)
	case s.Changes() && len(rows) > 1 && distinct == len(rows):
		for i := range rows {
			if took := rows[i].took; took >= 100*time.Millisecond {
				rows[i].key += "  " + span(took.Round(100*time.Millisecond))
			}
		}
	}
	if s.Changes() && distinct == 1 && len(rows) > eachLimit && len(rows) < len(results) {
		return nil // R3: the smaller side is listed
	}
	return grouped(rows, strings.HasPrefix(f.worst, "-"))
}

// shared is what all hosts that are ok, of which there must be some, answered the
// same, and whether that is all they answered: of "up 3 d, Debian 12" perhaps only the second half.
func (r report) shared(s Step, f face, results []Result) (text string, all bool) {
	rows, distinct := r.cells(s, f, results)
	if distinct == 1 {
		return rows[0].key, true
	}
	if f.tally != "" {
		return "", false
	}
	parts := strings.Split(rows[0].key, ", ")
	for _, row := range rows[1:] {
		has := strings.Split(row.key, ", ")
		parts = slices.DeleteFunc(parts, func(p string) bool { return !slices.Contains(has, p) })
	}
	return strings.Join(parts, ", "), false
}

// cells are the answers of the hosts that are ok, and how many differ.
func (r report) cells(s Step, f face, results []Result) (rows []cells, distinct int) {
	seen := map[string]bool{}
	for _, res := range results {
		if res.Outcome != OK {
			continue
		}
		key := r.inCell(s, f, res)
		seen[key] = true
		rows = append(rows, cells{key: key, host: res.Host, weight: r.weight(f, res), took: res.Took})
	}
	return rows, len(seen)
}

// cells are one line of a table before hosts are folded into it.
type cells struct {
	key    string
	host   string
	weight any
	took   time.Duration
}

// grouped folds hosts with the same text into one line: host first while every
// host has its own, hosts last where answers repeat.
func grouped(rows []cells, down bool) []line {
	groups := map[string][]string{}
	weights := map[string]any{}
	var order []string
	for _, row := range rows {
		if groups[row.key] == nil {
			order = append(order, row.key)
			weights[row.key] = row.weight
		}
		groups[row.key] = append(groups[row.key], row.host)
	}
	slices.SortStableFunc(order, func(a, b string) int {
		c := 0
		if weights[a] != nil && weights[b] != nil {
			if c = compareBad(weights[a], weights[b]); down {
				c = -c
			}
		}
		return cmp.Or(c, len(groups[a])-len(groups[b]), natural(groups[a][0], groups[b][0]))
	})
	if len(order) == 1 && order[0] == "" {
		return nil
	}
	names := make([]string, len(order))
	wide := 0
	for i, key := range order {
		names[i] = someHosts(groups[key], blockWidth)
		wide = max(wide, width(names[i]))
	}
	wide = min(wide, 16)
	var out []line
	for i, key := range order {
		text := fmt.Sprintf("%s%s  %s", names[i], strings.Repeat(" ", max(0, wide-width(names[i]))), key)
		out = append(out, line{text: strings.TrimRight(cut(text, wideWidth), " "), block: true})
	}
	return out
}

// inCell is one host's answer among others: of a list as many rows as were asked
// for, where those are few.
func (r report) inCell(s Step, f face, res Result) string {
	n, given := number(s.Args["limit"])
	top, _ := res.Value.(map[string]any)
	if rows := sorted(structs(top[f.list]), f.worst); given && n <= cellRows && len(rows) > 1 && f.one != "" && f.tally == "" && !f.count {
		each := make([]string, 0, cellRows)
		for _, row := range rows[:min(int(n), len(rows))] {
			each = append(each, fill(f.one, func(name string) (string, bool) { return r.member(name, top, row) }))
		}
		return strings.Join(each, "; ")
	}
	return r.summary(s, f, res)
}

// summary is one host's answer as a few words.
func (r report) summary(s Step, f face, res Result) string {
	top, ok := res.Value.(map[string]any)
	if !ok {
		return clean(quantity("", res.Value, r.w), blockWidth)
	}
	row := map[string]any{}
	rows := structs(top[f.list])
	if f.list != "" {
		rows = sorted(rows, f.worst)
		if len(rows) > 0 {
			row = rows[0]
		}
	}
	short := ""
	if total, ok := number(top["total"]); ok && top["truncated"] == true && int(total) > len(rows) && f.list != "" {
		short = fmt.Sprintf(" (%d of %s)", len(rows), plainNumber(total))
	}
	if f.tally != "" {
		return tally(rows, f.tally) + short
	}
	if f.count && len(rows) > 1 {
		return fmt.Sprintf("%d %s", len(rows), f.noun) + short
	}
	get := func(name string) (string, bool) { return r.member(name, top, row) }
	if f.one != "" {
		if text := fill(f.one, get); text != "" {
			return text
		}
	}
	switch {
	case f.list == "" || f.list == "top" || f.list == "reasons": // lists beside the answer
		return generic(top, r.w)
	case len(rows) == 0 && s.Method == "net.listeners" && s.Args["port"] != nil:
		return "nobody listens"
	case len(rows) == 0:
		return "none"
	}
	return fmt.Sprint(len(rows))
}

// member is a named member of a result, written out: of the host's whole answer,
// else of one row of it.
func (r report) member(name string, top, row map[string]any) (string, bool) {
	v, ok := top[name]
	if !ok {
		v, ok = row[name]
	}
	if !ok || v == nil {
		return "", false
	}
	if s, isText := v.(string); isText && name == "unit" {
		v = strings.TrimSuffix(s, ".service")
	}
	if n, isNumber := number(v); isNumber && n == 0 && name == "main_pid" {
		return "", false
	}
	text := cut(quantity(name, v, r.w), 60)
	if isPath(text) {
		text = shorten(quantity(name, v, r.w), headPath)
	}
	return text, text != ""
}

func (r report) weight(f face, res Result) any {
	by := strings.TrimPrefix(f.worst, "-")
	top, _ := res.Value.(map[string]any)
	if by == "" || top == nil {
		return nil
	}
	if v, ok := top[by]; ok {
		return v
	}
	if rows := sorted(structs(top[f.list]), f.worst); len(rows) > 0 {
		return rows[0][by]
	}
	return nil
}

// generic is a result nobody wrote a face for, as its first few members.
func generic(top map[string]any, w when) string {
	var parts []string
	for _, name := range memberOrder(top) {
		if common[name] {
			continue
		}
		switch v := top[name].(type) {
		case []any:
			parts = append(parts, fmt.Sprintf("%d %s", len(v), label(name)))
		case map[string]any:
			parts = append(parts, fmt.Sprintf("%d %s", len(v), label(name)))
		default:
			parts = append(parts, label(name)+" "+quantity(name, v, w))
		}
		if len(parts) == 3 {
			break
		}
	}
	return cut(strings.Join(parts, ", "), 60)
}

// common are members every result may carry, which say nothing about the host.
var common = map[string]bool{"at": true, "took_ms": true, "truncated": true, "total": true, "next": true}

// sorted orders rows worst first.
func sorted(rows []map[string]any, by string) []map[string]any {
	if by == "" {
		return rows
	}
	by, down := strings.CutPrefix(by, "-")
	rows = slices.Clone(rows)
	slices.SortStableFunc(rows, func(a, b map[string]any) int {
		c := compareBad(a[by], b[by])
		if down {
			c = -c
		}
		return c
	})
	return rows
}

// badness orders words of state: what needs somebody first.
var badness = map[string]int{
	"failed": -9, "critical": -9, "dead": -9, "error": -8, "sad": -7, "warning": -7, "unknown": -6, "stale": -6,
	"deactivating": -5, "activating": -4, "reloading": -3, "running": -2, "inactive": 1, "ok": 2, "happy": 2,
}

func compareBad(a, b any) int {
	x, okx := a.(string)
	y, oky := b.(string)
	if okx && oky {
		if c := badness[strings.ToLower(x)] - badness[strings.ToLower(y)]; c != 0 {
			return c
		}
		return natural(x, y)
	}
	return compare(a, b)
}

// tally counts rows by a member: "1 failed, 41 active".
func tally(rows []map[string]any, by string) string {
	counts := map[string]int{}
	var words []string
	for _, row := range rows {
		w := clean(word(row[by]), 20)
		if counts[w] == 0 {
			words = append(words, w)
		}
		counts[w]++
	}
	if len(words) == 0 {
		return "none"
	}
	slices.SortFunc(words, func(a, b string) int { return compareBad(a, b) })
	var parts []string
	for _, w := range words[:min(len(words), 5)] {
		parts = append(parts, fmt.Sprintf("%d %s", counts[w], w))
	}
	return strings.Join(parts, ", ")
}
