package intake

import (
	"maps"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// FuzzFormats reads any body in every format: what comes of it is reports that the
// service takes, or a reason.
func FuzzFormats(f *testing.F) {
	files, err := filepath.Glob("testdata/payloads/*.json")
	if err != nil || len(files) == 0 {
		f.Fatal(files, err)
	}
	for _, file := range files {
		body, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add("application/json", body)
	}
	f.Add("", []byte("summary=disk+full&meta=role%3Dweb&action=close"))
	f.Add("text/plain", []byte("disk full\nless than 1%"))
	f.Add("application/x-www-form-urlencoded", []byte("type=PROBLEM&host=web01&service=disk&state=CRITICAL&output=full"))
	f.Add("multipart/form-data; boundary=x", []byte("--x\r\nContent-Disposition: form-data; name=summary\r\n\r\ndisk\r\n--x--\r\n"))
	f.Add("application/json", []byte(`{"alerts":[{"labels":{"a":"\u001b[31m\ud800"},"startsAt":1e14,"endsAt":-1}]}`))
	paths := slices.Sorted(maps.Keys(formats))
	f.Fuzz(func(t *testing.T, kind string, body []byte) {
		for _, path := range paths {
			r := &request{http: httptest.NewRequest("POST", path, nil), body: body, now: testNow}
			r.http.Header.Set("Content-Type", kind)
			reports, err := formats[path].read(r)
			if err != nil {
				if status, text := explain(err); status < 400 || status > 499 || text == "" || len(text) > 1000 {
					t.Errorf("%s: %d %q", path, status, text)
				}
				continue
			}
			if len(reports) > MaxAlerts {
				t.Errorf("%s: %d alerts", path, len(reports))
			}
			for _, rep := range reports {
				rep.Workgroup, rep.Source = "alerts", "fuzz"
				bound(&rep, testNow)
				if err := rep.Check(); err != nil && rep.Summary != "" {
					t.Errorf("%s: %v", path, err)
				}
				if !rep.Starts.IsZero() && rep.Starts.UnixNano() < 0 {
					t.Errorf("%s: since %v", path, rep.Starts)
				}
			}
		}
	})
}
