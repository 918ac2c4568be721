package intake

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/stanza"

	"adminbot/internal/alertstore"
	"adminbot/workgroups"
)

const (
	testToken  = "token-of-prometheus"
	otherToken = "token-of-somebody-else"
)

// quiet is a wire to a server where nobody is.
type quiet struct{}

func (quiet) RoundTripIQ(context.Context, stanza.IQ, xml.TokenReader) (stanza.IQ, xml.TokenReader, error) {
	return stanza.IQ{}, nil, stanza.Error{Condition: stanza.ServiceUnavailable}
}
func (quiet) Send(_ context.Context, r xml.TokenReader) error {
	for {
		if _, err := r.Token(); err != nil {
			return nil
		}
	}
}
func (quiet) Barrier(context.Context) error { return nil }

// fragile is a store that fails while it is broken.
type fragile struct {
	workgroups.Store
	broken atomic.Bool
}

func (f *fragile) Commit(ctx context.Context, changes []workgroups.Change) error {
	if f.broken.Load() {
		return io.ErrShortWrite
	}
	return f.Store.Commit(ctx, changes)
}

// A site is a running service with a store on the disk, and a server in front of
// it.
type site struct {
	t       testing.TB
	store   *fragile
	service *workgroups.Service
	server  *Server
	url     string
	stop    func()
}

// open starts a site; tune may change how its server is made.
func open(t testing.TB, tune func(*Config)) *site {
	t.Helper()
	return openIn(t, t.TempDir(), tune)
}

// openIn starts a site whose store is in a directory.
func openIn(t testing.TB, dir string, tune func(*Config)) *site {
	t.Helper()
	db, err := alertstore.Open(t.Context(), filepath.Join(dir, "alerts.db"))
	if err != nil {
		t.Fatal(err)
	}
	s := &site{t: t, store: &fragile{Store: db}}
	s.service, err = workgroups.New(workgroups.Config{
		Domain: jid.MustParse("workgroup.example.net"), Groups: []workgroups.Workgroup{{Name: "alerts"}, {Name: "db"}}, Store: s.store, Wire: quiet{},
	})
	if err != nil {
		t.Fatal(err)
	}
	cfg := Config{Reports: s.service, Queue: s.service, Sources: []Source{
		{Name: "prometheus", Workgroup: "alerts", Token: testToken, Mail: "oncall"},
		{Name: "other", Workgroup: "db", Token: otherToken},
	}}
	if cfg.HTTP, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	if tune != nil {
		tune(&cfg)
	}
	if s.server, err = New(cfg); err != nil {
		t.Fatal(err)
	}
	s.url = "http://" + s.server.HTTPAddr()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 2)
	go func() { done <- s.service.Run(ctx) }()
	go func() { done <- s.server.Run(ctx) }()
	s.stop = sync.OnceFunc(func() {
		cancel()
		for range 2 {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
		db.Close()
	})
	t.Cleanup(s.stop)
	return s
}

// mend has the store work again, and waits until the service has found that out.
func (s *site) mend() {
	s.t.Helper()
	s.store.broken.Store(false)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	patience := time.After(time.Minute)
	none := func(*workgroups.Silence) bool { return false }
	for {
		if _, err := s.service.EndSilences(s.t.Context(), none); err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-patience:
			s.t.Fatal("the store works, and the service does not")
		}
	}
}

// post sends a body with the token of prometheus.
func (s *site) post(path, body string) (*http.Response, string) {
	s.t.Helper()
	req, err := http.NewRequest("POST", s.url+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+testToken)
	return s.do(req)
}

func (s *site) do(req *http.Request) (*http.Response, string) {
	s.t.Helper()
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return res, strings.TrimSpace(string(text))
}

// takes posts a body and compares what became of it: outcomes, and which alert.
func (s *site) takes(path, body string, want ...string) {
	s.t.Helper()
	res, text := s.post(path, body)
	if res.StatusCode != http.StatusOK {
		s.t.Fatalf("%s %s: %d %s", path, body, res.StatusCode, text)
	}
	var answer accepted
	if err := json.Unmarshal([]byte(text), &answer); err != nil {
		s.t.Fatal(err)
	}
	got := []string{}
	for _, a := range answer.Alerts {
		got = append(got, fmt.Sprintf("%s %d", a.Outcome, a.ID))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		s.t.Errorf("%s %s (-want +got):\n%s", path, body, diff)
	}
}

// refuses posts a body that is not to be taken.
func (s *site) refuses(path, body string, status int, why string) *http.Response {
	s.t.Helper()
	res, text := s.post(path, body)
	if res.StatusCode != status || !strings.Contains(text, why) {
		s.t.Errorf("%s %s: %d %s; want %d %q", path, body, res.StatusCode, text, status, why)
	}
	return res
}

// open alerts, those of all workgroups, in short.
func (s *site) alerts() []string {
	s.t.Helper()
	all, err := s.service.Alerts(s.t.Context(), "")
	if err != nil {
		s.t.Fatal(err)
	}
	var short []string
	for _, a := range all {
		short = append(short, fmt.Sprintf("%d %s %s %q %s ×%d", a.ID, a.Workgroup, a.Severity, a.Summary, a.Host, a.Count))
	}
	return short
}

func (s *site) expect(want ...string) {
	s.t.Helper()
	if diff := cmp.Diff(want, s.alerts()); diff != "" {
		s.t.Errorf("open alerts (-want +got):\n%s", diff)
	}
}

// firing is a body of Alertmanager about web01.
func firing(status, starts string) string {
	return fmt.Sprintf(`{"status":"firing","alerts":[{"status":%q,"labels":{"alertname":"Down","instance":"web01:9100","severity":"page"},`+
		`"annotations":{"summary":"web01 is down"},"startsAt":%q,"fingerprint":"f1"}]}`, status, starts)
}

// TestIdempotent sends the same twice, late and out of order.
func TestIdempotent(t *testing.T) {
	s := open(t, nil)
	s.takes("/alertmanager", firing("firing", "2026-11-28T07:00:00Z"), "raised 1")
	s.takes("/alertmanager", firing("firing", "2026-11-28T07:00:00Z"), "repeated 1")
	s.expect(`1 alerts critical "web01 is down" web01 ×2`)
	s.takes("/alertmanager", firing("resolved", "2026-11-28T07:00:00Z"), "resolved 1")
	s.takes("/alertmanager", firing("resolved", "2026-11-28T07:00:00Z"), "ignored 1")
	s.takes("/alertmanager", firing("firing", "2026-11-28T07:00:00Z"), "ignored 1") // it was on its way for long
	s.expect()
	s.takes("/alertmanager", firing("resolved", "2026-11-28T07:30:00Z"), "resolved 2") // before the report that it began
	s.takes("/alertmanager", firing("firing", "2026-11-28T07:30:00Z"), "ignored 2")
	s.expect()
	s.takes("/alertmanager", firing("firing", "2026-11-28T07:40:00Z"), "raised 3")
	s.takes("/alertmanager", firing("resolved", "2026-11-28T07:30:00Z"), "ignored 3") // of the episode before
	s.expect(`3 alerts critical "web01 is down" web01 ×1`)
}

// TestAllOrNothing sends bodies of which one alert is wrong.
func TestAllOrNothing(t *testing.T) {
	s := open(t, nil)
	s.refuses("/alertmanager", `{"status":"firing","alerts":[{"labels":{"alertname":"good"}},{"labels":{"alertname":"bad"},"startsAt":"yesterday"}]}`,
		400, `alerts[1]: startsAt: "yesterday" is not a time`)
	s.refuses("/generic", `[{"summary":"good"},{"summary":" "}]`, 400, "alerts[1]: summary: is missing")
	s.expect()
}

// TestStoreFails shows that nothing is acknowledged that is not stored, and that
// the sender is told to come again.
func TestStoreFails(t *testing.T) {
	s := open(t, nil)
	s.store.broken.Store(true)
	res := s.refuses("/generic", `[{"summary":"one"},{"summary":"two"}]`, 503, "nothing was taken in")
	if res.Header.Get("Retry-After") != "5" {
		t.Errorf("Retry-After %q", res.Header.Get("Retry-After"))
	}
	s.mend()
	s.expect()
	s.takes("/generic", `[{"summary":"one"},{"summary":"two"}]`, "raised 1", "raised 2")
}

func TestTokens(t *testing.T) {
	s := open(t, nil)
	tests := []struct {
		name string
		auth func(*http.Request)
		want int
	}{
		{"none", func(*http.Request) {}, 401},
		{"bearer", func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+testToken) }, 200},
		{"bearer in other letters", func(r *http.Request) { r.Header.Set("Authorization", "bearer "+testToken) }, 200},
		{"basic", func(r *http.Request) { r.SetBasicAuth("whoever", testToken) }, 200},
		{"query", func(r *http.Request) { r.URL.RawQuery = "token=" + testToken }, 200},
		{"wrong", func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+testToken+"x") }, 401},
		{"empty", func(r *http.Request) { r.Header.Set("Authorization", "Bearer ") }, 401},
		{"empty password", func(r *http.Request) { r.SetBasicAuth("prometheus", "") }, 401},
		{"another scheme", func(r *http.Request) { r.Header.Set("Authorization", "Digest "+testToken) }, 401},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			req, err := http.NewRequest("POST", s.url+"/generic", strings.NewReader(`{"summary":"x","dedup":"x"}`))
			if err != nil {
				t.Fatal(err)
			}
			tt.auth(req)
			res, text := s.do(req)
			if res.StatusCode != tt.want {
				t.Errorf("%d %s, want %d", res.StatusCode, text, tt.want)
			}
			if challenge := res.Header.Get("WWW-Authenticate"); (challenge != "") != (tt.want == 401) {
				t.Errorf("WWW-Authenticate: %q", challenge)
			}
		})
	}
	req, err := http.NewRequest("POST", s.url+"/generic", strings.NewReader(`{"summary":"y"}`))
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth("", otherToken)
	s.do(req)
	s.expect(`1 alerts warning "x"  ×4`, `2 db warning "y"  ×1`)
}

// TestMetrics reads what Prometheus would.
func TestMetrics(t *testing.T) {
	s := open(t, nil)
	s.takes("/generic", `[{"summary":"one","dedup":"1"},{"summary":"two"}]`, "raised 1", "raised 2")
	s.takes("/generic", `{"dedup":"1","action":"close"}`, "resolved 1")
	s.refuses("/grafana", `{}`, 400, "nothing that Grafana sends")
	req, err := http.NewRequest("GET", s.url+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	res, text := s.do(req)
	if res.StatusCode != 200 {
		t.Fatal(res.Status)
	}
	for _, line := range []string{
		`adminbot_intake_requests_total{source="prometheus",format="generic",status="200"} 2`,
		`adminbot_intake_requests_total{source="prometheus",format="grafana",status="400"} 1`,
		`adminbot_intake_alerts_total{source="prometheus",outcome="raised"} 2`,
		`adminbot_intake_alerts_total{source="prometheus",outcome="resolved"} 1`,
		`adminbot_workgroup_waiting_alerts{workgroup="alerts"} 1`,
		`adminbot_workgroup_waiting_alerts{workgroup="db"} 0`,
		`adminbot_workgroup_assigned_alerts{workgroup="alerts"} 0`,
		`adminbot_workgroup_time_to_resolve_seconds{workgroup="alerts"} `,
	} {
		if !strings.Contains(text, "\n"+line) {
			t.Errorf("no %s in:\n%s", line, text)
		}
	}
}

func TestLimits(t *testing.T) {
	s := open(t, func(c *Config) {
		c.Sources = append(c.Sources, Source{Name: "slow", Workgroup: "alerts", Token: "token-of-a-slow-one", Rate: 0.5})
	})
	s.refuses("/generic", `{"summary":"`+strings.Repeat("x", MaxBody)+`"}`, 413, "larger than 4194304 bytes")
	s.refuses("/alertmanager", `{"alerts":[`+strings.Repeat(`{},`, MaxAlerts)+`{}]}`, 413, "1001 alerts in one request")
	s.refuses("/generic", `[`+strings.Repeat(`{},`, MaxAlerts)+`{}]`, 413, "1001 alerts in one request")
	s.refuses("/alertmanager", strings.Repeat("[", 100), 400, "nested deeper than 32")
	for _, want := range []int{200, 429} {
		req, err := http.NewRequest("POST", s.url+"/generic?token=token-of-a-slow-one", bytes.NewReader([]byte(`{"summary":"x"}`)))
		if err != nil {
			t.Fatal(err)
		}
		res, text := s.do(req)
		if res.StatusCode != want || want == 429 && res.Header.Get("Retry-After") != "2" {
			t.Errorf("%d %s (Retry-After %q), want %d", res.StatusCode, text, res.Header.Get("Retry-After"), want)
		}
	}
	s.expect(`1 alerts warning "x"  ×1`)
}
