package hostagent

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"adminbot/internal/hostagent/service"
	"adminbot/rpc"
)

// TestHugeAnswers makes what each method lists as large as this machine can,
// and holds every answer to the size that a stanza may have: it is a page, and
// says so.
func TestHugeAnswers(t *testing.T) {
	logs, scripts, facts, tree := t.TempDir(), t.TempDir(), t.TempDir(), t.TempDir()
	write := func(path, text string, mode os.FileMode) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
	}
	// Everything that can be long is, in characters that take the most room in
	// XML.
	long := strings.Repeat("&", 480)
	write(filepath.Join(logs, "app.log"), strings.Repeat("2026-11-20T16:00:00Z "+long+"\n", 5000), 0o644)
	for i := range 200 {
		write(filepath.Join(scripts, fmt.Sprintf("%0200d", i)), "#!/bin/true\n# Short-Description: "+long[:190]+"\n", 0o755)
		write(filepath.Join(tree, fmt.Sprintf("%0200d", i)), "x", 0o644)
	}
	write(filepath.Join(scripts, "loud"), "#!/bin/sh\ni=0; while [ $i -lt 50 ]; do echo '"+long+"'; i=$((i+1)); done; exit 1\n", 0o755)
	many := "{"
	for i := range 2000 {
		many += fmt.Sprintf("%q: %q,", fmt.Sprintf("fact%04d", i), long[:60])
	}
	write(filepath.Join(facts, "many.json"), strings.TrimSuffix(many, ",")+"}", 0o644)
	for range 300 {
		cmd := exec.Command("/bin/sleep", "1000")
		cmd.Args = []string{"sleep-" + strings.Repeat("&", 400), "1000"}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		})
	}
	for range 500 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
	}
	r := newRig(t, func(c *Config) {
		c.Services, c.LogPaths, c.FactsDir, c.Paths = service.NewInit(scripts, t.TempDir()), []string{logs}, facts, []string{"/"}
	})
	for i := range 150 { // jobs
		if err := r.asAlice("service.start", rpc.Envelope{Key: fmt.Sprint("k", i)}, map[string]any{"unit": fmt.Sprintf("%0200d", i)}, nil); err != nil {
			t.Fatal(err)
		}
	}
	client := &rpc.Client{Transport: rpc.Loopback{Mux: r.agent.Mux(), From: bot}}
	ask := func(method string, in map[string]any) (rpc.Value, error) {
		params, err := rpc.Marshal(in)
		if err != nil {
			t.Fatal(err)
		}
		return client.Do(context.Background(), host, rpc.MethodCall{Method: method, Params: []rpc.Value{params}, Envelope: rpc.Envelope{Actor: alice}})
	}
	for _, tt := range []struct {
		method string
		args   map[string]any
		list   string
		whole  int  // items that there are at least
		pages  bool // it has a cursor
	}{
		{"service.list", nil, "units", 201, true},
		{"log.query", map[string]any{"path": filepath.Join(logs, "app.log"), "limit": 500}, "lines", 500, false},
		{"proc.list", map[string]any{"args": true, "limit": 200}, "processes", 300, true},
		{"disk.largest", map[string]any{"path": tree, "limit": 50}, "entries", 50, false},
		{"net.listeners", nil, "listeners", 500, true},
		{"job.list", map[string]any{"limit": 200}, "jobs", 150, true},
		{"rpc.describe", nil, "methods", 50, false},
		{"disk.usage", map[string]any{"all": true}, "filesystems", 1, false},
		{"host.facts", nil, "facts", 1, false},
	} {
		v, err := ask(tt.method, tt.args)
		if err != nil {
			t.Errorf("%s: %v", tt.method, err)
			continue
		}
		bytes := len(v.AppendXML(nil))
		items, _ := v.Member(tt.list)
		n := len(items.Elems())
		truncated, _ := v.Member("truncated")
		isCut, _ := truncated.AsBool()
		t.Logf("%s: %d bytes, %d %s, truncated %v", tt.method, bytes, n, tt.list, isCut)
		if bytes > rpc.DefaultReplyBytes {
			t.Errorf("%s: %d bytes", tt.method, bytes)
		}
		// Whoever goes on gets all of it, once.
		for next, _ := v.Member("next"); tt.pages; next, _ = v.Member("next") {
			cursor, _ := next.AsString()
			if cursor == "" {
				break
			}
			in := map[string]any{"next": cursor}
			for k, a := range tt.args {
				in[k] = a
			}
			if v, err = ask(tt.method, in); err != nil || len(v.AppendXML(nil)) > rpc.DefaultReplyBytes {
				t.Fatalf("%s from %s: %d bytes, %v", tt.method, cursor, len(v.AppendXML(nil)), err)
			}
			items, _ := v.Member(tt.list)
			if n += len(items.Elems()); len(items.Elems()) == 0 || n > 5000 {
				t.Fatalf("%s from %s: %d items in all", tt.method, cursor, n)
			}
		}
		if tt.pages && n < tt.whole {
			t.Errorf("%s: %d of %d %s in all pages", tt.method, n, tt.whole, tt.list)
		}
		if n < tt.whole && !isCut && tt.list != "facts" {
			t.Errorf("%s: %d of %d %s, and it does not say so", tt.method, n, tt.whole, tt.list)
		}
	}
	// A script that says very much, and fails.
	_, err := ask("service.restart", map[string]any{"unit": "loud"})
	var fault *rpc.Fault
	if !errors.As(err, &fault) || fault.Code != rpc.FaultHelper || len(rpc.String(fault.Message).AppendXML(nil)) > rpc.DefaultReplyBytes {
		t.Errorf("a loud script: %v", err)
	}
}
