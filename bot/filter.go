package bot

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Filter is one condition on a field of the results, as it was said.
type Filter struct {
	Field string `json:"field"`
	Op    string `json:"op"` // < <= > >= = != contains
	Value any    `json:"value"`
}

// hit is one thing a filtered or sorted answer is about: a host, or one row of a
// list that the host answered with (a file system, a process, a check).
type hit struct {
	host  string
	value map[string]any // the host's whole result
	row   map[string]any // nil when the field belongs to the host itself
}

func (h hit) field(name string) (any, bool) {
	if v, ok := h.row[name]; ok {
		return v, true
	}
	v, ok := h.value[name]
	return v, ok
}

// hits applies filters, order and limit to what the hosts answered. matched are
// the hits that stay, in order; rest are the hosts that answered and have none;
// unsure are what cannot be said to match or not, of those hosts: a file system
// that does not tell its size. Filters on the members of a list look at its rows,
// and all of them must hold for the same row.
func hits(results []Result, where []Filter, sortBy string, limit int) (matched []hit, rest []Result, unsure []hit) {
	fields := make([]string, 0, len(where)+1)
	for _, f := range where {
		fields = append(fields, f.Field)
	}
	if by := strings.TrimPrefix(sortBy, "-"); by != "" {
		fields = append(fields, by)
	}
	for _, r := range results {
		if r.Outcome != OK {
			continue
		}
		top, _ := r.Value.(map[string]any)
		var found, silent []hit
		for _, h := range candidates(r.Host, top, fields) {
			switch {
			case h.satisfies(where):
				found = append(found, h)
			case h.lacks(where):
				silent = append(silent, h)
			}
		}
		switch {
		case len(found) > 0:
			matched = append(matched, found...)
		case len(silent) > 0:
			unsure = append(unsure, silent...)
		default:
			rest = append(rest, r)
		}
	}
	if sortBy != "" {
		by, down := strings.CutPrefix(sortBy, "-")
		slices.SortStableFunc(matched, func(a, b hit) int {
			x, okx := a.field(by)
			y, oky := b.field(by)
			if !okx || !oky { // what has no such field comes last, whatever the direction
				return cmp.Compare(btoi(okx), btoi(oky)) * -1
			}
			c := compare(x, y)
			if down {
				c = -c
			}
			return cmp.Or(c, natural(a.host, b.host))
		})
	}
	if limit > 0 && len(matched) > limit {
		matched = matched[:limit]
	}
	return matched, rest, unsure
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// candidates are the rows that have one of the fields, or the host itself.
func candidates(host string, top map[string]any, fields []string) []hit {
	for _, field := range fields {
		if _, ok := top[field]; ok {
			continue
		}
		if _, rows := rowsWith(top, field); rows != nil {
			out := make([]hit, 0, len(rows))
			for _, row := range rows {
				out = append(out, hit{host, top, row})
			}
			return out
		}
	}
	return []hit{{host: host, value: top}}
}

// rowsWith finds the list of structs whose elements have a member called field,
// or, if there is none, one whose elements say why they have no numbers.
func rowsWith(top map[string]any, field string) (list string, rows []map[string]any) {
	for _, fits := range []func(map[string]any) bool{
		func(row map[string]any) bool { _, has := row[field]; return has },
		unmeasured,
	} {
		for _, name := range memberOrder(top) {
			if all := structs(top[name]); slices.ContainsFunc(all, fits) {
				return name, all
			}
		}
	}
	return "", nil
}

// unmeasured reports whether a row says that it has no numbers.
func unmeasured(row map[string]any) bool {
	why, _ := row["error"].(string)
	return row["stale"] == true || why != ""
}

// structs is v as a list of structs, or nil when it is something else.
func structs(v any) []map[string]any {
	list, _ := v.([]any)
	var out []map[string]any
	for _, e := range list {
		m, ok := e.(map[string]any)
		if !ok {
			return nil
		}
		out = append(out, m)
	}
	return out
}

// lacks reports whether the row has no numbers, and one of them is asked for.
func (h hit) lacks(where []Filter) bool {
	return unmeasured(h.row) && slices.ContainsFunc(where, func(f Filter) bool {
		_, has := h.field(f.Field)
		return !has
	})
}

func (h hit) satisfies(where []Filter) bool {
	for _, f := range where {
		v, ok := h.field(f.Field)
		if !ok || !holds(v, f.Op, f.Value) {
			return false
		}
	}
	return true
}

// holds says whether got op want. Numbers compare as numbers, times as times,
// words without regard to letters' case.
func holds(got any, op string, want any) bool {
	if list, ok := got.([]any); ok {
		return slices.ContainsFunc(list, func(e any) bool { return holds(e, op, want) })
	}
	if op == "contains" {
		return strings.Contains(strings.ToLower(word(got)), strings.ToLower(word(want)))
	}
	c := compare(got, want)
	switch op {
	case "=", "==":
		return c == 0
	case "!=":
		return c != 0
	}
	if _, ok := order(got); !ok {
		return false
	}
	switch op {
	case "<":
		return c < 0
	case "<=":
		return c <= 0
	case ">":
		return c > 0
	case ">=":
		return c >= 0
	}
	return false
}

// compare orders two values of the same field.
func compare(a, b any) int {
	if x, ok := order(a); ok {
		if y, ok := order(b); ok {
			return cmp.Compare(x, y)
		}
	}
	return strings.Compare(strings.ToLower(word(a)), strings.ToLower(word(b)))
}

// order is a value as a point on a line, if it is one: numbers, numerals, times.
func order(v any) (float64, bool) {
	if n, ok := number(v); ok {
		return n, true
	}
	switch v := v.(type) {
	case time.Time:
		return float64(v.UnixNano()) / 1e9, true
	case string:
		if n, err := strconv.ParseFloat(v, 64); err == nil {
			return n, true
		}
		if t, err := time.Parse(time.RFC3339Nano, v); err == nil {
			return float64(t.UnixNano()) / 1e9, true
		}
	}
	return 0, false
}

func word(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case time.Time:
		return v.UTC().Format(time.RFC3339)
	}
	if n, ok := number(v); ok {
		return plainNumber(n)
	}
	return fmt.Sprint(v)
}

// said is a filter as the words of a first line: "under 10% disk free", "with
// state critical".
func (f Filter) said(noun string, w when) string {
	value := quantity(f.Field, f.Value, w)
	name := fieldLabel(noun, f.Field)
	switch f.Op {
	case "<":
		return "under " + value + " " + name
	case ">":
		return "over " + value + " " + name
	case "<=":
		return "at most " + value + " " + name
	case ">=":
		return "at least " + value + " " + name
	case "!=":
		return "with " + name + " not " + value
	case "contains":
		return "with " + value + " in " + name
	}
	if b, ok := f.Value.(bool); ok {
		if b {
			return "with " + name
		}
		return "without " + name
	}
	return "with " + name + " " + value
}

// fieldLabel names a field in a sentence about noun: "disk free", "cpu", "load".
func fieldLabel(noun, field string) string {
	switch field {
	case "percent":
		return noun
	case "load1":
		return "load"
	case "free_percent", "used_percent", "available_percent", "free_bytes", "available_bytes", "inodes_free_percent", "actual_percent":
		return noun + " " + label(field)
	}
	return label(field)
}
