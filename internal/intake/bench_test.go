package intake

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// alertBody is a body of Alertmanager with n alerts, each of its own.
func alertBody(id int64, n int) string {
	var b strings.Builder
	b.WriteString(`{"version":"4","status":"firing","receiver":"adminbot","groupKey":"{}:{}","alerts":[`)
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"status":"firing","labels":{"alertname":"DiskFull","instance":"web%d:9100","job":"node","severity":"critical","mountpoint":"/var"},`+
			`"annotations":{"summary":"disk full on web%[1]d","description":"/var on web%[1]d has less than 1%% free."},`+
			`"startsAt":"2026-11-28T07:00:00.123Z","endsAt":"0001-01-01T00:00:00Z","generatorURL":"http://prometheus:9090/graph?g0.expr=x","fingerprint":"%016x"}`,
			i, id*1000+int64(i))
	}
	b.WriteString(`]}`)
	return b.String()
}

// benchmarkIntake posts bodies of n alerts over 16 connections, to a service that
// keeps them in SQLite.
func benchmarkIntake(b *testing.B, n int) {
	const connections = 16
	s := open(b, func(c *Config) { c.Sources[0].Rate = 1e6 })
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: connections, MaxConnsPerHost: connections}}
	defer client.CloseIdleConnections()
	bodies := make([]string, b.N)
	for i := range bodies {
		bodies[i] = alertBody(int64(i+1), n)
	}
	var next atomic.Int64
	var wg sync.WaitGroup
	b.ResetTimer()
	for range connections {
		wg.Go(func() {
			for {
				i := next.Add(1) - 1
				if i >= int64(b.N) {
					return
				}
				req, err := http.NewRequest("POST", s.url+"/alertmanager", strings.NewReader(bodies[i]))
				if err != nil {
					b.Error(err)
					return
				}
				req.Header.Set("Authorization", "Bearer "+testToken)
				res, err := client.Do(req)
				if err != nil {
					b.Error(err)
					return
				}
				io.Copy(io.Discard, res.Body)
				res.Body.Close()
				if res.StatusCode != http.StatusOK {
					b.Errorf("%d", res.StatusCode)
					return
				}
			}
		})
	}
	wg.Wait()
	b.StopTimer()
	b.ReportMetric(float64(b.N*n)/b.Elapsed().Seconds(), "alerts/s")
	all, err := s.service.Alerts(b.Context(), "alerts")
	if err != nil || len(all) != b.N*n {
		b.Errorf("%d alerts are stored of %d: %v", len(all), b.N*n, err)
	}
}

func BenchmarkIntakeSingle(b *testing.B) { benchmarkIntake(b, 1) }

func BenchmarkIntakeBatch50(b *testing.B) { benchmarkIntake(b, 50) }
