package bench

import (
	"bytes"
	_ "embed"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"text/template"
)

// A goal is what a figure is to reach: a median, or a p99, at most or at least.
type goal struct {
	name  string
	size  int // 0: whatever size was measured
	limit float64
	least bool
	p99   bool // it is not the median
}

// goals are those of the product on two processors, everything on one machine.
var goals = []goal{
	{name: "fanout", size: 1000, limit: 0.5},
	{name: "fanout", size: 9500, limit: 1.5},
	{name: "router", limit: 60_000, least: true},
	{name: "one RPC", limit: 0.5},
	{name: "chat line to answer", limit: 2},
	{name: "memory of a plain connection", size: 5000, limit: 16},
	{name: "memory of a TLS connection", size: 5000, limit: 48},
	{name: "adminbot agent, resident memory", limit: 18},
	{name: "adminbot agent, CPU a minute", limit: 0.1},
	{name: "the program", limit: 25},
	{name: "hosts back after a restart", size: 2000, limit: 20},
	{name: alertsTakenIn, size: 1, limit: 2000, least: true},
	{name: alertsTakenIn, size: 50, limit: 10_000, least: true},
	{name: alertToOffer, size: 1000, limit: 50, p99: true},
	{name: goneToOffer, limit: 100, p99: true},
	{name: alertMemory, size: 10_000, limit: 150},
}

// ask is what is asked of a figure, and whether it is reached; "" if nothing is.
func (f Figure) ask() (text string, reached bool) {
	for _, g := range goals {
		if g.name != f.Name || g.size != 0 && g.size != f.Size {
			continue
		}
		is, of := f.Median, ""
		if g.p99 {
			is, of = f.P99, "p99 "
		}
		if g.least {
			return of + "≥ " + number(g.limit), is >= g.limit
		}
		return of + "≤ " + number(g.limit), is <= g.limit
	}
	return "", false
}

//go:embed page.tmpl
var pageText string

// Page is docs/performance.md: the figures of a report, what is asked of them
// and how they were measured.
func Page(r Report) ([]byte, error) {
	page, err := template.New("page").Parse(pageText)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err = page.Execute(&b, map[string]any{
		"Machine": r.Machine, "Note": r.Note, "Own": r.ownTable(), "Others": r.othersTable(), "Servers": strings.Join(r.servers()[1:], " and "),
	})
	return b.Bytes(), err
}

const embeddedName = "embedded"

// servers lists the servers of the figures, the embedded one first.
func (r Report) servers() []string {
	all := []string{embeddedName}
	for _, f := range r.Figures {
		if f.Server != "" && !slices.Contains(all, f.Server) {
			all = append(all, f.Server)
		}
	}
	return all
}

// ownTable has the figures of AdminBot by itself.
func (r Report) ownTable() string {
	var b strings.Builder
	b.WriteString("| | size | median | p95 | p99 | unit | samples | asked | |\n|---|--:|--:|--:|--:|---|--:|--:|---|\n")
	for _, f := range r.Figures {
		if f.Server != "" && f.Server != embeddedName {
			continue
		}
		size, mark := "", ""
		if f.Size > 0 {
			size = strconv.Itoa(f.Size)
		}
		asked, reached := f.ask()
		switch {
		case asked != "" && reached:
			mark = "✔"
		case asked != "":
			mark = "✘"
		}
		p95, p99 := "", ""
		if f.N > 1 {
			p95, p99 = number(f.P95), number(f.P99)
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s | %d | %s | %s |\n", f.Name, size, number(f.Median), p95, p99, f.Unit, f.N, asked, mark)
	}
	return b.String()
}

// othersTable sets the servers side by side, by medians.
func (r Report) othersTable() string {
	servers := r.servers()
	type row struct {
		name, unit string
		size       int
	}
	var rows []row
	medians := make(map[row]map[string]float64)
	for _, f := range r.Figures {
		if f.Server == "" {
			continue
		}
		k := row{f.Name, f.Unit, f.Size}
		if medians[k] == nil {
			medians[k] = make(map[string]float64)
			rows = append(rows, k)
		}
		medians[k][f.Server] = f.Median
	}
	var b strings.Builder
	b.WriteString("| | size | unit | " + strings.Join(servers, " | ") + " |\n|---|--:|---|" + strings.Repeat("--:|", len(servers)) + "\n")
	for _, k := range rows {
		if len(medians[k]) < 2 {
			continue
		}
		size := ""
		if k.size > 0 {
			size = strconv.Itoa(k.size)
		}
		fmt.Fprintf(&b, "| %s | %s | %s |", k.name, size, k.unit)
		own := medians[k][embeddedName]
		for _, s := range servers {
			m, measured := medians[k][s]
			switch {
			case !measured:
				b.WriteString(" – |")
			case s != embeddedName && k.unit == "stanzas/s" && m > 0:
				fmt.Fprintf(&b, " %s (1/%s) |", number(m), number(own/m))
			default:
				fmt.Fprintf(&b, " %s |", number(m))
			}
		}
		b.WriteByte('\n')
	}
	return b.String()
}
