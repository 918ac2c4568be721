package bot

import (
	"encoding/base64"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"
)

// maxExported bounds one cell and one line of an exported answer, in bytes: a
// line is never split.
const (
	maxExportedCell = 2 << 10
	maxExportedLine = 12 << 10
)

// asCSV is a report as a table for spreadsheets (RFC 4180), one record a line:
// a record for each host, or for each thing in the list that it answered with.
func (r report) asCSV() []line {
	columns := []string{"host", "outcome", "why", "seconds"}
	if len(r.plan.Steps) > 1 {
		columns = append([]string{"command"}, columns...)
	}
	fixed := len(columns)
	var records []map[string]string
	for i, s := range r.plan.Steps {
		list := r.listed(s, r.results[i])
		for _, name := range r.exported(s, r.results[i], list) {
			if !slices.Contains(columns[fixed:], name) {
				columns = append(columns, name)
			}
		}
		for _, res := range r.results[i] {
			about := map[string]string{
				"host": formulaSafe(res.Host), "outcome": res.Outcome.String(), "why": formulaSafe(clean(res.Why, maxCell)),
				"command": strconv.Itoa(i + 1), "seconds": strconv.FormatFloat(res.Took.Seconds(), 'f', 3, 64),
			}
			top, _ := res.Value.(map[string]any)
			rows := structs(top[list])
			if len(rows) == 0 {
				rows = []map[string]any{nil}
			}
			for _, row := range rows {
				record := map[string]string{}
				for _, name := range columns[fixed:] {
					v, ok := row[name]
					if !ok && name != list {
						v = top[name]
					}
					record[name] = exportedCell(v)
				}
				for k, v := range about {
					if slices.Contains(columns[:fixed], k) {
						record[k] = v
					}
				}
				records = append(records, record)
			}
		}
	}
	out := []line{csvLine(columns)}
	for _, record := range records {
		cells := make([]string, len(columns))
		for i, name := range columns {
			cells[i] = record[name]
		}
		out = append(out, csvLine(cells))
	}
	return out
}

// listed is the member that holds the list an answer is about, or "".
func (r report) listed(s Step, results []Result) string {
	if f := faceFor(s); f.list != "" && f.list != "top" && f.list != "reasons" {
		return f.list
	}
	for _, res := range results {
		if top, ok := res.Value.(map[string]any); ok && faces[s.Method].noun == "" { // of a plugin
			if name, _ := r.mainList(top); name != "" {
				return name
			}
		}
	}
	return ""
}

// exported are the members of all results together, in the order in which
// people see them: of the list's rows first.
func (r report) exported(s Step, results []Result, list string) []string {
	var names []string
	add := func(ordered []string) {
		for _, n := range ordered {
			if !slices.Contains(names, n) {
				names = append(names, n)
			}
		}
	}
	for _, res := range results {
		top, _ := res.Value.(map[string]any)
		for _, row := range structs(top[list]) {
			add(memberOrder(row))
		}
	}
	for _, res := range results {
		top, _ := res.Value.(map[string]any)
		add(slices.DeleteFunc(tableOrder(s.Method, top), func(n string) bool { return n == list || n == "took_ms" }))
	}
	return names
}

// csvLine is one record without its line break.
func csvLine(cells []string) line {
	var b strings.Builder
	w := csv.NewWriter(&b)
	// A strings.Builder takes everything.
	_ = w.Write(cells)
	w.Flush()
	text := strings.TrimSuffix(b.String(), "\n")
	if len(text) > maxExportedLine {
		for i := range cells {
			cells[i] = cut(cells[i], maxCell)
		}
		if short := csvLine(cells); len(short.text) < len(text) {
			return short
		}
	}
	return line{text: text, block: true}
}

// exportedCell is a value as a spreadsheet reads it.
func exportedCell(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return formulaSafe(clean(v, maxExportedCell))
	case bool:
		return strconv.FormatBool(v)
	case time.Time:
		return v.UTC().Format(time.RFC3339)
	case []byte:
		return cut(base64.StdEncoding.EncodeToString(v), maxExportedCell)
	case []any:
		parts := make([]string, len(v))
		for i, e := range v {
			parts[i] = exportedCell(e)
		}
		return formulaSafe(cut(strings.Join(parts, " "), maxExportedCell))
	case map[string]any:
		var parts []string
		for _, k := range memberOrder(v) {
			parts = append(parts, clean(k, 60)+"="+exportedCell(v[k]))
		}
		return formulaSafe(cut(strings.Join(parts, " "), maxExportedCell))
	}
	if n, ok := number(v); ok {
		return strconv.FormatFloat(n, 'f', -1, 64)
	}
	return formulaSafe(clean(fmt.Sprint(v), maxExportedCell))
}

// formulaSafe keeps a spreadsheet from taking what a host wrote for a formula.
func formulaSafe(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r", rune(s[0])) {
		return "'" + s
	}
	return s
}

// asJSON is a report as one JSON document a line, one for each host and command.
func (r report) asJSON() []line {
	type entry struct {
		Command int    `json:"command,omitempty"`
		Method  string `json:"method"`
		Result
		TookMS int64  `json:"took_ms,omitempty"`
		Cut    string `json:"cut,omitempty"`
	}
	var out []line
	for i, s := range r.plan.Steps {
		for _, res := range r.results[i] {
			res.Key = "" // whoever knows it could repeat the call
			e := entry{Method: s.Method, Result: res, TookMS: res.Took.Milliseconds()}
			if len(r.plan.Steps) > 1 {
				e.Command = i + 1
			}
			text, err := json.Marshal(e)
			if plain := plainJSON(text); err == nil && len(plain) <= maxExportedLine {
				out = append(out, line{text: plain, block: true})
				continue
			}
			e.Value, e.Cut = nil, fmt.Sprintf("%d bytes are too long for a message", len(text))
			e.Why = cut(e.Why, maxCell)
			// What is left are words, numbers and times.
			text, _ = json.Marshal(e)
			out = append(out, line{text: plainJSON(text), block: true})
		}
	}
	return out
}

// confirmation is the beginning of what answers a card.
var confirmation = regexp.MustCompile(`(?i)(yes|approve|reject|confirm) `)

// plainJSON writes as escapes what a client could take for something else than
// text: the end of a block, what cannot be seen, what looks like this bot's own
// words. The document says the same.
func plainJSON(text []byte) string {
	var b strings.Builder
	for _, r := range confirmation.ReplaceAllString(string(text), `$1\u0020`) {
		if r != '`' && !strings.ContainsRune(ownMarks, r) && !invisible(r) {
			b.WriteRune(r)
			continue
		}
		for _, u := range utf16.AppendRune(nil, r) {
			fmt.Fprintf(&b, `\u%04x`, u)
		}
	}
	return b.String()
}
