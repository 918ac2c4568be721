package bot

import (
	"fmt"
	"slices"
	"strings"

	"adminbot/agentapi"
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
	return cut(strings.Join(strings.Fields(text), " "), 30)
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
		out = append(out, r.rows(sorted(structs(top[list]), f.worst), cols, f.wide)...)
	}
	if cutShort, _ := top["truncated"].(bool); cutShort {
		text := "cut by the host"
		if n, ok := number(top["total"]); ok && n > 0 {
			text = fmt.Sprintf("cut by the host: %s in all", plainNumber(n))
		}
		out = append(out, line{text, true})
	}
	return out
}

// mainList finds the list a result without a face is about: the longest one of
// structs, shown by its three most telling members.
func (r report) mainList(top map[string]any) (name string, cols []string) {
	longest := 0
	for _, k := range memberOrder(top) {
		if rows := structs(top[k]); len(rows) > longest {
			longest, name = len(rows), k
			cols = nil
			for _, m := range memberOrder(rows[0]) {
				if len(cols) < 3 {
					cols = append(cols, "{"+m+"}")
				}
			}
		}
	}
	return name, cols
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
		out = append(out, line{keys[i] + strings.Repeat(" ", wide-width(keys[i])) + "  " + cut(values[i], max(12, 2*blockWidth-wide)), true})
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
			out = append(out, line{l, true})
		}
	}
	return out
}

// rows are a list's elements in up to three columns.
func (r report) rows(rows []map[string]any, cols []string, wide bool) []line {
	if len(rows) == 0 {
		return nil
	}
	table := make([][]string, len(rows))
	widths := make([]int, len(cols))
	for i, row := range rows {
		for j, col := range cols {
			cell := fill(col, func(name string) (string, bool) {
				if wide && name == "at" {
					if t, ok := order(row[name]); ok {
						return r.w.clock(t), true
					}
				}
				v, ok := row[name]
				if !ok {
					return "", wide
				}
				if s, ok := v.(string); ok {
					if name == "unit" {
						s = strings.TrimSuffix(s, ".service")
					}
					if wide {
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
	if !wide {
		shrink(widths, blockWidth-2*(len(cols)-1))
	}
	out := make([]line, 0, len(rows))
	for _, cells := range table {
		var b strings.Builder
		for j, cell := range cells {
			if j > 0 {
				b.WriteString("  ")
			}
			if !wide {
				cell = cut(cell, max(1, widths[j]))
			}
			b.WriteString(cell)
			if j < len(cells)-1 {
				b.WriteString(strings.Repeat(" ", max(0, widths[j]-width(cell))))
			}
		}
		out = append(out, line{strings.TrimRight(b.String(), " "), true})
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
		if c.OK < c.Asked {
			sec.mark = "⚠"
			sec.head += c.troubles()
		} else if hosts := someHosts(s.Hosts, headWidth); width(sec.head)+width(hosts) < headWidth-20 {
			sec.head += " (" + hosts + ")"
		}
		if c.OK == 0 {
			sec.mark = "✖"
		}
	}
	sec.lines = append(r.troubles(s, results, false), r.table(s, f, results)...)
	return sec
}

// selection is the answer to a read with filters, an order or a limit: who
// matched, how many did not, who said nothing (R2).
func (r report) selection(s Step, f face, results []Result, c Counts) section {
	all := c.OK
	matched, rest := hits(results, s.Where, s.Sort, s.Limit)
	sec := section{mark: "✔"}
	noun := r.noun(f, s, nil)
	hosts := map[string]bool{}
	for _, h := range matched {
		hosts[h.host] = true
	}
	if len(s.Where) == 0 { // an order alone: the first so many
		field := strings.TrimPrefix(s.Sort, "-")
		sec.head = fmt.Sprintf("%d of %d hosts by %s", len(hosts), all, fieldLabel(noun, field))
		if len(matched) == 1 && len(results) > 1 {
			extreme := "lowest"
			if strings.HasPrefix(s.Sort, "-") {
				extreme = "highest"
			}
			v, _ := matched[0].field(field)
			sec.head = fmt.Sprintf("%s: %s, the %s %s of %d hosts", r.place(matched[0]), quantity(field, v, r.w), extreme, fieldLabel(noun, field), all)
		} else {
			sec.lines = r.ranking(matched, field)
		}
		if c.OK < c.Asked {
			sec.mark = "⚠"
			sec.head += c.troubles()
		}
		sec.lines = append(sec.lines, r.troubles(s, results, false)...)
		return sec
	}
	var said []string
	for _, f := range s.Where {
		said = append(said, f.said(noun, r.w))
	}
	what := strings.Join(said, " and ")
	if len(hosts) > 0 {
		sec.mark = "✖"
		if !worrying(s.Where) {
			sec.mark = "✔"
		}
	}
	switch {
	case c.OK == 0 && c.Asked == 1:
		sec.mark, sec.head = "✖", r.single(noun, results[0], false)
	case c.OK == 0:
		sec.mark, sec.head = "✖", fmt.Sprintf("%s: none of %d hosts answered", noun, c.Asked)
	case c.Asked == 1 && len(hosts) == 0:
		sec.head = fmt.Sprintf("%s: nothing %s", results[0].Host, what)
	case c.Asked == 1:
		sec.head = fmt.Sprintf("%s: %d %s", results[0].Host, len(matched), what)
	case len(hosts) == 0:
		sec.head = fmt.Sprintf("none of %d hosts %s", c.Asked, what)
	default:
		sec.head = fmt.Sprintf("%d of %d hosts %s", len(hosts), c.Asked, what)
	}
	first := s.Where[0].Field
	if s.Sort != "" {
		sec.lines = r.ranking(matched, strings.TrimPrefix(s.Sort, "-"))
	} else {
		sec.lines = r.matches(matched, s.Where[0])
	}
	sec.lines = append(sec.lines, r.troubles(s, results, false)...)
	// The others: how many, and how close they are.
	if c.Asked > 1 && len(rest) > 0 {
		others := plural(len(rest), "other")
		if worrying(s.Where) {
			others = fmt.Sprintf("%d fine", len(rest))
		}
		if near, ok := nearest(rest, s.Where[0]); ok {
			extreme := "lowest"
			if strings.HasPrefix(s.Where[0].Op, ">") {
				extreme = "highest"
			}
			others += fmt.Sprintf(" (%s %s)", extreme, quantity(first, near, r.w))
		}
		sec.lines = append(sec.lines, line{text: others + c.troubles()})
	}
	return sec
}

// worrying says whether matching is bad news.
func worrying(where []Filter) bool {
	for _, f := range where {
		switch f.Field {
		case "free_percent", "free_bytes", "available_percent", "available_bytes", "inodes_free_percent", "actual_percent":
			return strings.HasPrefix(f.Op, "<")
		case "used_percent", "percent", "load1", "load5", "load15", "age_seconds", "swap_used_bytes", "security_count":
			return strings.HasPrefix(f.Op, ">")
		case "reboot_required":
			return f.Value == true
		case "state", "active", "last_state", "mood":
			b := badness[strings.ToLower(word(f.Value))]
			return f.Op == "=" && b < -5 || f.Op == "!=" && b > 0
		}
	}
	return false
}

// nearest is the value among those that did not match that came closest.
func nearest(rest []Result, f Filter) (any, bool) {
	low := strings.HasPrefix(f.Op, "<")
	if !low && !strings.HasPrefix(f.Op, ">") {
		return nil, false
	}
	var best any
	for _, res := range rest {
		top, _ := res.Value.(map[string]any)
		for _, h := range candidates(res.Host, top, []string{f.Field}) {
			v, ok := h.field(f.Field)
			if !ok {
				continue
			}
			if c := compare(v, best); best == nil || low && c < 0 || !low && c > 0 {
				best = v
			}
		}
	}
	return best, best != nil
}

// place names a hit: the host, or host:row.
func (r report) place(h hit) string {
	if name := rowName(h.row); name != "" {
		return h.host + ":" + name
	}
	return h.host
}

// rowName is what a row is called.
func rowName(row map[string]any) string {
	for _, k := range []string{"mount", "unit", "name", "path", "id", "address", "key"} {
		if s, ok := row[k].(string); ok {
			return clean(strings.TrimSuffix(s, ".service"), 24)
		}
	}
	return ""
}

// matches groups hits by the value that was asked about: "8%  web[11-13]:/var".
func (r report) matches(matched []hit, f Filter) []line {
	type group struct {
		value any
		rows  map[string][]string // row name -> hosts
		names []string
	}
	groups := map[string]*group{}
	var order []string
	for _, h := range matched {
		v, _ := h.field(f.Field)
		key := quantity(f.Field, v, r.w)
		g := groups[key]
		if g == nil {
			g = &group{value: v, rows: map[string][]string{}}
			groups[key] = g
			order = append(order, key)
		}
		name := rowName(h.row)
		if g.rows[name] == nil {
			g.names = append(g.names, name)
		}
		g.rows[name] = append(g.rows[name], h.host)
	}
	slices.SortStableFunc(order, func(a, b string) int {
		c := compareBad(groups[a].value, groups[b].value)
		if strings.HasPrefix(f.Op, ">") {
			c = -c
		}
		return c
	})
	wide := 0
	for _, key := range order {
		wide = max(wide, width(key))
	}
	wide = min(wide, 16)
	var out []line
	for _, key := range order {
		g := groups[key]
		var places []string
		for _, name := range g.names {
			hosts := foldHosts(g.rows[name])
			if name != "" {
				hosts = strings.ReplaceAll(hosts, " ", ":"+name+" ") + ":" + name
			}
			places = append(places, hosts)
		}
		slices.SortFunc(places, natural)
		out = append(out, line{cut(key+strings.Repeat(" ", max(0, wide-width(key)))+"  "+strings.Join(places, "  "), wideWidth), true})
	}
	return out
}

// ranking lists hits in their order, one a line.
func (r report) ranking(matched []hit, field string) []line {
	places := make([]string, len(matched))
	wide := 0
	for i, h := range matched {
		places[i] = cut(r.place(h), 28)
		wide = max(wide, width(places[i]))
	}
	out := make([]line, len(matched))
	for i, h := range matched {
		v, _ := h.field(field)
		out[i] = line{places[i] + strings.Repeat(" ", wide-width(places[i])) + "  " + quantity(field, v, r.w), true}
	}
	return out
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
		valid, known := top["valid"].(bool)
		text := "would run"
		switch {
		case !allowed:
			text = "would refuse"
		case known && !valid:
			text = "would not accept"
		default:
			yes++
		}
		if w, _ := top["would"].(string); w != "" {
			text += ": " + clean(w, 100)
		} else if w, _ := top["rule"].(string); w != "" && !allowed {
			text += ": " + clean(w, 100)
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
	sec.head += c.troubles()
	sec.lines = append(r.troubles(s, results, false), grouped(rows, false)...)
	return append1(sec, line{text: "Nothing was run."})
}

func append1(sec section, l line) section {
	sec.lines = append(sec.lines, l)
	return sec
}

// fleet is the answer to fleet.hosts: who is there, worst first.
func (r report) fleet(s Step, results []Result) section {
	moods := map[string]int{}
	var rows []cells
	for _, res := range results {
		top, _ := res.Value.(map[string]any)
		mood := word(top["mood"])
		moods[mood]++
		key := mood
		if text, _ := top["status"].(string); text != "" && mood != "happy" {
			key += "  " + clean(text, 60)
		}
		if mood == "dead" {
			if since, ok := top["since"]; ok {
				key = "dead  since " + quantity("since", since, r.w)
			}
		}
		rows = append(rows, cells{key: key, host: res.Host, weight: mood})
	}
	sec := section{mark: "✔"}
	var parts []string
	for _, mood := range []string{"dead", "sad", "happy"} {
		if n := moods[mood]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, mood))
		}
	}
	sec.head = plural(len(results), "host") + ": " + strings.Join(parts, ", ")
	if len(results) == 0 {
		sec.head = "no host is like that"
	}
	if len(results) == 1 {
		sec.head = fmt.Sprintf("%s is %s", results[0].Host, parts[0])
		sec.head = strings.Replace(sec.head, "is 1 ", "is ", 1)
		if key := rows[0].key; key == "happy" {
			return sec
		}
	}
	sec.lines = grouped(rows, false)
	return sec
}
