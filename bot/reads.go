package bot

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"adminbot/agentapi"
	"adminbot/internal/fleet"
)

// one is the answer of the one host that was asked, with its numbers.
func (r report) one(s Step, f face, res Result) section {
	top, _ := res.Value.(map[string]any)
	noun := r.noun(f, s, top)
	sec := section{mark: "✔"}
	text := r.summary(s, f, res)
	switch {
	case s.Method == "rpc.ping":
		sec.head = res.Host + " answers"
	case text == "":
		sec.head = noun + " on " + res.Host
	default:
		sec.head = noun + " on " + res.Host + ": " + text
	}
	if top == nil {
		return sec
	}
	if s.Method == "service.status" && word(top["active"]) != "active" {
		sec.mark = "✖"
	}
	if !f.brief {
		sec.lines = r.detail(s, f, top)
	}
	return sec
}

// noun is what the answer is about, with arguments or results filled in.
func (r report) noun(f face, s Step, top map[string]any) string {
	text := fill(f.noun, func(name string) (string, bool) {
		if v, ok := s.Args[name]; ok {
			return argument(name, v, r.w), true
		}
		if v, ok := top[name]; ok {
			return argument(name, v, r.w), true
		}
		return "", true
	})
	return shorten(strings.Join(strings.Fields(text), " "), 30)
}

// detail is everything of one host's answer worth a line: the rows of its list,
// or its members one by one.
func (r report) detail(s Step, f face, top map[string]any) []line {
	list, cols := f.list, f.cols
	if list == "" || structs(top[list]) == nil {
		list, cols = r.mainList(top)
	}
	var out []line
	// Members that the first line has already said need no line of their own,
	// unless there is nothing else.
	if list == "" || f.list == "" || list == "top" || list == "reasons" {
		out = append(out, r.members(s.Method, top, list, f)...)
	}
	if f.wide {
		out = append(out, r.text(top)...)
	}
	if list != "" {
		out = append(out, r.rows(sorted(structs(top[list]), f.worst), cols, f)...)
	}
	if cutShort, _ := top["truncated"].(bool); cutShort {
		text := "cut by the host"
		if n, ok := number(top["total"]); ok && n > 0 {
			text = fmt.Sprintf("cut by the host: %s in all", plainNumber(n))
		}
		if next, ok := top["next"].(string); ok && r.id == "" { // of a call without the bot, whose caller can go on
			text += "; the rest: next=" + clean(next, 128)
		}
		out = append(out, line{text: text, block: true})
	}
	return out
}

// mainList finds the list a result without a face is about: the longest one of
// structs, shown by its three most telling members.
func (r report) mainList(top map[string]any) (name string, cols []string) {
	longest := 0
	for _, k := range memberOrder(top) {
		rows := structs(top[k])
		if len(rows) <= longest {
			continue
		}
		var telling []string
		for _, m := range memberOrder(rows[0]) {
			if len(telling) < 3 && nameable(m) {
				telling = append(telling, "{"+m+"}")
			}
		}
		if len(telling) > 0 {
			longest, name, cols = len(rows), k, telling
		}
	}
	return name, cols
}

// nameable reports whether a template can name the member: what a host calls its
// members must not become the text around them.
func nameable(member string) bool {
	return member != "" && !strings.ContainsFunc(member, func(r rune) bool {
		return r >= utf8.RuneSelf || r != '_' && r != '-' && r != '.' && !unicode.IsLetter(r) && !unicode.IsDigit(r)
	})
}

// members are a result's own values as "key  value" lines.
func (r report) members(method string, top map[string]any, list string, f face) []line {
	var keys, values []string
	wide := 0
	for _, k := range tableOrder(method, top) {
		if common[k] || k == list || strings.Contains(f.one+f.noun, "{"+k+"}") || f.wide && (k == "text" || k == "out" || k == "err" || k == "data") {
			continue
		}
		if sub, ok := top[k].(map[string]any); ok { // facts and the like: one level down
			for _, m := range memberOrder(sub) {
				key := label(m)
				if k == "facts" {
					key = clean(m, 24)
				}
				keys, values = append(keys, key), append(values, quantity(m, sub[m], r.w))
				wide = max(wide, width(keys[len(keys)-1]))
			}
			continue
		}
		if rows := structs(top[k]); len(rows) > 0 {
			for i, row := range rows[:min(3, len(rows))] {
				key := label(k)
				if i > 0 {
					key = ""
				}
				keys, values = append(keys, key), append(values, record(row, r.w))
				wide = max(wide, width(key))
			}
			continue
		}
		v := quantity(k, top[k], r.w)
		if list, ok := top[k].([]any); v == "" || v == "–" || ok && len(list) == 0 {
			continue
		}
		keys, values = append(keys, label(k)), append(values, v)
		wide = max(wide, width(label(k)))
	}
	var out []line
	for i := range keys {
		if !f.whole {
			values[i] = shorten(values[i], max(12, 2*blockWidth-wide))
		}
		out = append(out, line{text: keys[i] + strings.Repeat(" ", wide-width(keys[i])) + "  " + values[i], block: true})
	}
	return out
}

// tableOrder lists a result's members in the order of the method table, then
// those it does not have.
func tableOrder(method string, top map[string]any) []string {
	spec, ok := agentapi.Lookup(method)
	if !ok {
		return memberOrder(top)
	}
	var out []string
	for _, f := range spec.ResultFields() {
		if _, there := top[f.Name]; there {
			out = append(out, f.Name)
		}
	}
	for _, k := range memberOrder(top) {
		if !slices.Contains(out, k) {
			out = append(out, k)
		}
	}
	return out
}

// text is the long text of a result (a file's content, a job's output), line by
// line and cleaned.
func (r report) text(top map[string]any) []line {
	var out []line
	for _, k := range []string{"text", "out", "err", "data"} {
		var s string
		switch v := top[k].(type) {
		case string:
			s = v
		case []byte:
			s = string(v)
		default:
			continue
		}
		for _, l := range cleanLines(s, 500, wideWidth) {
			out = append(out, line{text: l, block: true})
		}
	}
	return out
}

// rows are a list's elements in up to three columns.
func (r report) rows(rows []map[string]any, cols []string, f face) []line {
	if len(rows) == 0 {
		return nil
	}
	table := make([][]string, len(rows))
	widths := make([]int, len(cols))
	for i, row := range rows {
		for j, col := range cols {
			cell := fill(col, func(name string) (string, bool) {
				if f.wide && name == "at" {
					if t, ok := order(row[name]); ok {
						return r.w.clock(t), true
					}
				}
				v, ok := row[name]
				if !ok {
					return "", f.wide
				}
				if s, ok := v.(string); ok {
					if name == "unit" {
						s = strings.TrimSuffix(s, ".service")
					}
					if name == "actor" && !f.whole { // in a narrow column: alice
						s, _, _ = strings.Cut(s, "@")
					}
					if f.wide {
						return clean(s, wideWidth), true
					}
					v = s
				}
				return quantity(name, v, r.w), true
			})
			cell = strings.TrimSpace(cell)
			table[i] = append(table[i], cell)
			widths[j] = max(widths[j], width(cell))
		}
	}
	switch {
	case f.whole: // under the name of its host
		shrink(widths, blockWidth-2*len(cols))
	case !f.wide:
		shrink(widths, blockWidth-2*(len(cols)-1))
	}
	out := make([]line, 0, len(rows))
	for _, cells := range table {
		var b strings.Builder
		for j, cell := range cells {
			if j > 0 {
				b.WriteString("  ")
			}
			if !f.wide && !f.whole {
				cell = shorten(cell, max(1, widths[j]))
			}
			b.WriteString(cell)
			if j < len(cells)-1 {
				b.WriteString(strings.Repeat(" ", max(0, widths[j]-width(cell))))
			}
		}
		out = append(out, line{text: strings.TrimRight(b.String(), " "), block: true})
	}
	return out
}

// shrink takes room from the widest column until all fit.
func shrink(widths []int, room int) {
	for {
		sum, widest := 0, 0
		for j, w := range widths {
			sum += w
			if w > widths[widest] {
				widest = j
			}
		}
		if sum <= room || widths[widest] <= 4 {
			return
		}
		widths[widest]--
	}
}

// several is the answer of many hosts to a read without filters.
func (r report) several(s Step, f face, results []Result, c Counts) section {
	sec := section{mark: "✔"}
	noun := r.noun(f, s, nil)
	table := r.table(s, f, results)
	switch {
	case c.Asked == 1:
		sec.mark, sec.head = "✖", r.single(noun, results[0], false)
	case c.Asked == 0:
		sec.mark, sec.head = "✖", noun+": no host was asked"
	default:
		sec.head = fmt.Sprintf("%s from %d/%d hosts", noun, c.OK, c.Asked)
		if f.many != "" {
			sec.head = strings.NewReplacer("{ok}", fmt.Sprint(c.OK), "{asked}", fmt.Sprint(c.Asked)).Replace(f.many)
		}
		hosts, told := answering(s, results)
		if told != "" && c.OK > 0 {
			sec.head = fmt.Sprintf("%s %s %d/%d hosts", noun, told, len(hosts), c.Asked)
			if len(hosts) == 0 {
				sec.head = fmt.Sprintf("%s %s none of %d hosts", noun, told, c.Asked)
			}
			if s.Method == "service.status" && len(hosts) < c.OK {
				sec.mark = "⚠"
			}
		} else {
			hosts = s.Hosts
		}
		if told == "" && f.many == "" && c.OK > 1 {
			room := headWidth - width("✔ ") - width(c.troubles()) - width(" · 7f3x")
			text, all := r.shared(s, f, results)
			if said := sec.head + ": all " + text; text != "" && width(said) <= room {
				sec.head = said
				if all {
					table = answered(results)
				}
			}
		}
		if c.OK < c.Asked {
			sec.mark = "⚠"
			sec.head = c.beside(sec.head)
		} else if names := someHosts(hosts, headWidth); len(hosts) > 0 && width(sec.head)+width(names) < headWidth-20 {
			sec.head += " (" + names + ")"
		}
		if c.OK == 0 {
			sec.mark = "✖"
		}
	}
	sec.lines = append(r.troubles(s, results, false), table...)
	return sec
}

// answered names the hosts that are ok, where the first line has said what they
// answered.
func answered(results []Result) []line {
	var hosts []string
	for _, res := range results {
		if res.Outcome == OK {
			hosts = append(hosts, res.Host)
		}
	}
	return []line{{text: someHosts(hosts, wideWidth), block: true}}
}

// answering are the hosts for which a question of yes or no is a yes, with what a
// first line calls that; "" where it was no such question.
func answering(s Step, results []Result) (hosts []string, told string) {
	is := func(map[string]any) bool { return false }
	switch {
	case s.Method == "service.status":
		told, is = "active on", func(top map[string]any) bool { return word(top["active"]) == "active" }
	case s.Method == "net.listeners" && s.Args["port"] != nil:
		told, is = "open on", func(top map[string]any) bool { return len(structs(top["listeners"])) > 0 }
	}
	for _, res := range results {
		if top, _ := res.Value.(map[string]any); res.Outcome == OK && is(top) {
			hosts = append(hosts, res.Host)
		}
	}
	return hosts, told
}

// dryRun is what hosts said they would do (rpc.check). Nothing was sent but the
// question.
func (r report) dryRun(s Step, f face, results []Result, c Counts) section {
	what := fromArgs(f.do, s.Args, r.w)
	yes := 0
	var rows []cells
	for _, res := range results {
		if res.Outcome != OK {
			continue
		}
		top, _ := res.Value.(map[string]any)
		allowed, _ := top["allowed"].(bool)
		would, _ := top["would"].(string)
		reason := would
		var text string
		switch wrong := wrongArgs(top["valid"]); {
		case !allowed:
			reason, _ = top["rule"].(string)
			text = "would refuse"
		case wrong != "":
			text, reason = "would not accept", strings.TrimPrefix(wrong, "wrong")
		case strings.HasPrefix(would, "nothing:"):
			text, reason = "can't do that", ""
		default:
			text = "would run"
			yes++
		}
		if reason != "" {
			text += ": " + clean(reason, 100)
		}
		rows = append(rows, cells{key: text, host: res.Host, weight: text})
	}
	sec := section{mark: "✔", head: fmt.Sprintf("dry run: %s would run on %d/%d", what, yes, c.Asked)}
	if c.Asked == 1 && yes == 1 {
		sec.head = fmt.Sprintf("dry run: would %s on %s", what, results[0].Host)
	} else if c.Asked == 1 && c.OK == 1 {
		sec.mark, sec.head = "✖", fmt.Sprintf("dry run: %s would not %s", results[0].Host, what)
	}
	if yes < c.Asked && sec.mark == "✔" {
		sec.mark = "⚠"
	}
	sec.head = c.beside(sec.head)
	sec.lines = append(r.troubles(s, results, false), grouped(rows, false)...)
	return append1(sec, line{text: "Nothing was run."})
}

// wrongArgs is what a host finds wrong with arguments, "" if nothing.
func wrongArgs(valid any) string {
	switch v := valid.(type) {
	case string:
		if v != "ok" {
			return v
		}
	case bool:
		if !v {
			return "wrong"
		}
	}
	return ""
}

func append1(sec section, l line) section {
	sec.lines = append(sec.lines, l)
	return sec
}

// fleet is the answer to fleet.hosts: who is there, worst first.
func (r report) fleet(s Step, results []Result) section {
	moods := map[string]int{}
	var names []string
	var rows []cells
	for _, res := range results {
		if res.Outcome != OK {
			continue
		}
		top, _ := res.Value.(map[string]any)
		mood := clean(word(top["mood"]), 16)
		if moods[mood]++; moods[mood] == 1 {
			names = append(names, mood)
		}
		key := mood
		if text, _ := top["status"].(string); text != "" && mood != "happy" {
			key += "  " + clean(text, 60)
		}
		if mood == "dead" || mood == fleet.Unknown {
			if since, ok := top["since"]; ok {
				key = mood + "  since " + quantity("since", since, r.w)
			}
		}
		rows = append(rows, cells{key: key, host: res.Host, weight: mood})
	}
	slices.SortFunc(names, func(a, b string) int { return compareBad(a, b) })
	var parts []string
	for _, mood := range names {
		parts = append(parts, fmt.Sprintf("%d %s", moods[mood], mood))
	}
	c := count(results)
	sec := section{mark: "✔"}
	switch {
	case c.Asked == 0:
		sec.head = "no host is like that"
	case c.OK == 0:
		sec.mark, sec.head = "✖", c.beside(plural(c.Asked, "host"))
	case c.Asked == 1:
		sec.head = fmt.Sprintf("%s is %s", cut(results[0].Host, 40), names[0])
		if rows[0].key == "happy" {
			return sec
		}
	default:
		sec.head = c.beside(plural(c.Asked, "host") + ": " + strings.Join(parts, ", "))
	}
	sec.lines = r.troubles(s, results, false)
	sec.lines = append(sec.lines, grouped(rows, false)...)
	return sec
}
