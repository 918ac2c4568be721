package intake

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"adminbot/workgroups"
)

// A Queue tells how workgroups stand. It is a [workgroups.Service].
type Queue interface {
	Workgroups() []workgroups.Workgroup
	Status(ctx context.Context, workgroup string) (workgroups.Status, error)
	Ended(ctx context.Context, workgroup string, limit int) ([]workgroups.Alert, error)
}

// measuredEnds is over how many alerts that have ended times are averaged.
const measuredEnds = 200

// scrapeWait is how long a scrape waits for the service.
const scrapeWait = 10 * time.Second

// metrics count what has come in. They are written in the text format of
// Prometheus, 0.0.4, without its client library: that would make the program a
// tenth larger for a dozen numbers.
type metrics struct {
	mu       sync.Mutex
	requests map[string]uint64 // by labels
	alerts   map[string]uint64
}

// count notes a request, and what became of its alerts.
func (s *Server) count(src *source, format string, status int, receipts ...workgroups.Receipt) {
	who := nobody
	if src != nil {
		who = src.Name
	}
	m := &s.metrics
	m.mu.Lock()
	defer m.mu.Unlock()
	m.requests[series("source", who, "format", format, "status", strconv.Itoa(status))]++
	for _, r := range receipts {
		m.alerts[series("source", who, "outcome", string(r.Was))]++
	}
}

// series is the labels of one, given as names and values.
func series(pairs ...string) string {
	var b strings.Builder
	for i := 0; i < len(pairs); i += 2 {
		fmt.Fprintf(&b, `,%s="%s"`, pairs[i], labelEscapes.Replace(pairs[i+1]))
	}
	return "{" + b.String()[1:] + "}"
}

var labelEscapes = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`)

// serveMetrics answers a scrape.
func (s *Server) serveMetrics(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), scrapeWait)
	defer cancel()
	var gauges [gaugeCount]map[string]float64
	if s.cfg.Queue != nil {
		for i := range gauges {
			gauges[i] = map[string]float64{}
		}
		for _, g := range s.cfg.Queue.Workgroups() {
			if err := s.measure(ctx, g.Name, &gauges); err != nil {
				refuse(w, http.StatusServiceUnavailable, "the alert service does not answer")
				return
			}
		}
	}
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	s.metrics.mu.Lock()
	requests, alerts := maps.Clone(s.metrics.requests), maps.Clone(s.metrics.alerts)
	s.metrics.mu.Unlock()
	family(w, "adminbot_intake_requests_total", "counter", "Requests and mails, by source, format and HTTP status; of mail, the status that means the same.", requests)
	family(w, "adminbot_intake_alerts_total", "counter", "Alerts taken in, by source and what became of them.", alerts)
	for i, h := range gaugeHelp {
		family(w, "adminbot_workgroup_"+h.name, "gauge", h.help, gauges[i])
	}
}

func family[N uint64 | float64](w io.Writer, name, kind, help string, values map[string]N) {
	fmt.Fprintf(w, "# HELP %s %s\n# TYPE %[1]s %s\n", name, help, kind)
	for _, labels := range slices.Sorted(maps.Keys(values)) {
		fmt.Fprintf(w, "%s%s %v\n", name, labels, values[labels])
	}
}

// Gauges of each workgroup.
const (
	waiting = iota
	assigned
	oldest
	instances
	agents
	timeToAccept
	timeToResolve
	gaugeCount
)

var gaugeHelp = [gaugeCount]struct{ name, help string }{
	waiting:       {"waiting_alerts", "Alerts that nobody owns."},
	assigned:      {"assigned_alerts", "Alerts that somebody owns."},
	instances:     {"firing_instances", "What alerts that have not ended are about and that is not over: more than there are alerts, where they are grouped."},
	oldest:        {"oldest_waiting_seconds", "Age of the oldest alert that nobody owns; 0: there is none."},
	agents:        {"agents", "Agents who can be asked."},
	timeToAccept:  {"time_to_accept_seconds", "Mean from raised to first accepted, of the last 200 alerts that ended."},
	timeToResolve: {"time_to_resolve_seconds", "Mean from raised to resolved, of the last 200 alerts that ended."},
}

// measure asks how a workgroup stands.
func (s *Server) measure(ctx context.Context, workgroup string, to *[gaugeCount]map[string]float64) error {
	st, err := s.cfg.Queue.Status(ctx, workgroup)
	if err != nil {
		return err
	}
	ended, err := s.cfg.Queue.Ended(ctx, workgroup, measuredEnds)
	if err != nil {
		return err
	}
	labels := series("workgroup", workgroup)
	to[waiting][labels], to[assigned][labels] = float64(st.Waiting), float64(st.Assigned)
	to[instances][labels] = float64(st.Firing)
	to[oldest][labels], to[agents][labels] = 0, 0
	if !st.Oldest.IsZero() {
		to[oldest][labels] = s.cfg.Now().Sub(st.Oldest).Seconds()
	}
	for _, a := range st.Agents {
		if a.Here {
			to[agents][labels]++
		}
	}
	var accept, resolve mean
	for _, a := range ended {
		if !a.Accepted.IsZero() {
			accept.add(a.Accepted.Sub(a.Raised))
		}
		if a.State == workgroups.Resolved {
			resolve.add(a.Ended.Sub(a.Raised))
		}
	}
	if accept.n > 0 {
		to[timeToAccept][labels] = accept.seconds()
	}
	if resolve.n > 0 {
		to[timeToResolve][labels] = resolve.seconds()
	}
	return nil
}

// mean is that of times.
type mean struct {
	sum time.Duration
	n   int
}

func (m *mean) add(d time.Duration) { m.sum += d; m.n++ }

func (m *mean) seconds() float64 { return m.sum.Seconds() / float64(m.n) }
