package bot

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// selection is the answer to a read with filters, an order or a limit: who
// matched, how many did not, who said nothing (R2).
func (r report) selection(s Step, f face, results []Result, c Counts) section {
	all := c.OK
	matched, rest, unsure := hits(results, s.Where, s.Sort, s.Limit)
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
			sec.head = c.beside(sec.head)
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
		sec.head = fmt.Sprintf("none of %d hosts %s", c.OK, what)
		if c.OK < c.Asked {
			sec.head += fmt.Sprintf(" · %d did not answer", c.Asked-c.OK)
		}
	default:
		sec.head = fmt.Sprintf("%d of %d hosts %s", len(hosts), c.Asked, what)
	}
	if sec.mark == "✔" && (c.OK < c.Asked || len(unsure) > 0) { // nothing is known of those
		sec.mark = "⚠"
	}
	first := s.Where[0].Field
	if s.Sort != "" {
		sec.lines = r.ranking(matched, strings.TrimPrefix(s.Sort, "-"))
	} else {
		sec.lines = r.matches(matched, s.Where[0])
	}
	sec.lines = append(sec.lines, r.troubles(s, results, false)...)
	if len(unsure) > 0 {
		sec.lines = append(sec.lines, line{text: r.unmeasured(unsure)})
	}
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

// unmeasured says which rows have no numbers to be compared.
func (r report) unmeasured(unsure []hit) string {
	var places []string
	for _, h := range unsure {
		places = append(places, r.place(h))
	}
	return fmt.Sprintf("%d not known: %s", len(unsure), foldHosts(places))
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
			return shorten(clean(strings.TrimSuffix(s, ".service"), maxPath), 24)
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
		key := roughly(f.Field, v, r.w)
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
			if width(hosts) > wideWidth/2 {
				hosts = someHosts(g.rows[name], wideWidth/2)
			}
			if name != "" {
				hosts = strings.ReplaceAll(hosts, " ", ":"+name+" ") + ":" + name
			}
			places = append(places, hosts)
		}
		slices.SortFunc(places, natural)
		if len(places) > 6 { // so many different things: details has them
			places = append(places[:5:5], fmt.Sprintf("+%d", len(places)-5))
		}
		out = append(out, line{text: key + strings.Repeat(" ", max(0, wide-width(key))) + "  " + strings.Join(places, "  "), block: true})
	}
	return out
}

// roughly is a value as hosts are grouped by it: percents without their
// fractions, so that 8.1% and 8.4% are one line.
func roughly(name string, v any, w when) string {
	if n, ok := number(v); ok && n >= 1 && (name == "percent" || strings.HasSuffix(name, "_percent")) {
		return percent(math.Floor(n))
	}
	return quantity(name, v, w)
}

// ranking lists hits in their order, one a line.
func (r report) ranking(matched []hit, field string) []line {
	places := make([]string, len(matched))
	wide := 0
	for i, h := range matched {
		places[i] = shorten(r.place(h), 28)
		wide = max(wide, width(places[i]))
	}
	out := make([]line, len(matched))
	for i, h := range matched {
		v, _ := h.field(field)
		out[i] = line{text: places[i] + strings.Repeat(" ", wide-width(places[i])) + "  " + quantity(field, v, r.w), block: true}
	}
	return out
}
