package intake

import (
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

// TestOddBodies sends what programs make of a body that is not what they were told
// to make, and what somebody makes who means no good.
func TestOddBodies(t *testing.T) {
	s := open(t, nil)
	s.takes("/generic", "\ufeff{\"summary\":\"of Windows\"}", "raised 1")
	s.takes("/generic", "{\"summary\":\"a\xff\xfeb\",\"host\":\"\xc3\"}", "raised 2")
	s.takes("/generic", `{"summary":"a\u0000b\ud800c"}`, "raised 3")
	s.takes("/alertmanager", `{"alerts":[{"labels":{"":"","alertname":"z"},"fingerprint":"`+strings.Repeat("f", 1<<20)+`"}]}`, "raised 4")
	for _, body := range []string{
		"\xff\xfe{\x00\"\x00s\x00", strings.Repeat("[", 1<<20), `{"summary":"x","labels":` + strings.Repeat(`{"a":`, 1<<18), "null", "[]", "[null]", "{",
		`{"summary":"x"}{"summary":"y"}`, `{"summary":"x","starts_at":1e300}`, `{"summary":"x","starts_at":"99999-01-01T00:00:00Z"}`,
		`{"summary":"x","starts_at":-5}`, `{"summary":["x"],"host":{}`,
	} {
		if res, text := s.post("/generic", body); res.StatusCode != http.StatusBadRequest || text == "" {
			t.Errorf("%.60q: %d %s", body, res.StatusCode, text)
		}
	}
	if n := len(s.alerts()); n != 4 {
		t.Errorf("%d alerts: %v", n, s.alerts())
	}
}

// TestPartialBodies sends requests that end before they are over, or say two
// things of their length.
func TestPartialBodies(t *testing.T) {
	s := open(t, nil)
	for _, rest := range []string{
		"Content-Length: 100\r\n\r\n{\"summary\":\"partial\"}",
		"Transfer-Encoding: chunked\r\n\r\n15\r\n{\"summary\":\"partial\"}\r\n",
		"Content-Length: 5\r\nContent-Length: 21\r\n\r\n{\"summary\":\"partial\"}",
	} {
		conn, err := net.Dial("tcp", s.server.HTTPAddr())
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(conn, "POST /generic HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "+testToken+"\r\nContent-Type: application/json\r\n"+rest)
		conn.(*net.TCPConn).CloseWrite()
		answer, _ := io.ReadAll(conn)
		conn.Close()
		if !strings.HasPrefix(string(answer), "HTTP/1.1 400 ") {
			t.Errorf("%q: %.60q", rest, answer)
		}
	}
	s.expect()
}

// TestSlow: who sends slowly keeps nobody else waiting.
func TestSlow(t *testing.T) {
	s := open(t, nil)
	for range 200 {
		conn, err := net.Dial("tcp", s.server.HTTPAddr())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		io.WriteString(conn, "POST /generic HTTP/1.1\r\nHost: x\r\nContent-Le")
	}
	s.takes("/generic", `{"summary":"x"}`, "raised 1")
}
