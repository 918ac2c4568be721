package agentapi

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestBindSentences(t *testing.T) {
	tests := []struct {
		name   string
		method string
		args   map[string]any
		want   string
	}{
		{"too large", "proc.list", map[string]any{"limit": 900}, "proc.list: argument limit is 900: at most 200"},
		{"too small, with its unit", "cpu.usage", map[string]any{"seconds": 0}, "cpu.usage: argument seconds is 0: at least 1 seconds"},
		{"not in the list", "proc.list", map[string]any{"sort": "size"}, `proc.list: argument sort is "size": one of cpu, memory, start`},
		{"missing", "service.restart", nil, "service.restart: argument unit is wrong: it is needed"},
		{"unknown", "mem.usage", map[string]any{"mounts": "/"}, "mem.usage: argument mounts is wrong: the method takes no arguments"},
		{"unknown among others", "disk.usage", map[string]any{"mount": "/"}, "disk.usage: argument mount is wrong: the method has no such argument; it takes mounts, all, min_used_percent"},
		{"no unit", "service.restart", map[string]any{"unit": "nginx; reboot"}, `service.restart: argument unit is "nginx; reboot.service": a unit's name such as nginx.service (letters, digits and :_.@\-, ending in .service, .socket or .timer)`},
		{"relative path", "disk.largest", map[string]any{"path": "var"}, `disk.largest: argument path is "var": an absolute path without .., //, or a trailing /`},
		{"climbing path", "disk.largest", map[string]any{"path": "/var/../etc"}, `disk.largest: argument path is "/var/../etc": an absolute path without .., //, or a trailing /`},
		{"in a list", "disk.usage", map[string]any{"mounts": []string{"/", "x"}}, `disk.usage: argument mounts[1] is "x": an absolute path without .., //, or a trailing /`},
		{"not a number", "proc.list", map[string]any{"limit": "many"}, `proc.list: argument limit is "many": want a number`},
		{"not whole", "proc.list", map[string]any{"limit": 1.5}, "proc.list: argument limit is 1.5: want a whole number"},
		{"overflow", "proc.list", map[string]any{"limit": 1e10}, "proc.list: argument limit is 1e+10: the number is too large"},
		{"not a truth", "disk.usage", map[string]any{"all": "maybe"}, `disk.usage: argument all is "maybe": want true or false`},
		{"not a time", "log.query", map[string]any{"since": "yesterday"}, `log.query: argument since is "yesterday": want a time such as 2026-11-20T14:00:00Z`},
		{"not a pattern", "log.query", map[string]any{"match": "("}, `log.query: argument match is "(": a regular expression of at most 256 bytes (RE2, golang.org/s/re2syntax)`},
		{"one or the other", "log.query", map[string]any{"unit": "nginx", "path": "/var/log/syslog"}, `log.query: argument unit is "nginx.service": not together with path`},
		{"one of two", "job.get", nil, "job.get: argument id is wrong: it or key is needed"},
		{"a text too long", "presence.set", map[string]any{"mood": "dnd", "text": strings.Repeat("x", 201)}, "presence.set: argument text is \"" + strings.Repeat("x", 80) + "\" and 121 bytes more: at most 200 characters"},
		{"a duration", "presence.set", map[string]any{"mood": "dnd", "seconds": 999999}, "presence.set: argument seconds is 999999: from 1 to 604800 seconds"},
		{"a target", "net.connect", map[string]any{"target": "ftp://x"}, `net.connect: argument target is "ftp://x": host:port, or a URL with http or https`},
		{"port 0", "net.connect", map[string]any{"target": "x:0"}, `net.connect: argument target is "x:0": host:port, or a URL with http or https`},
		{"a name in a URL", "net.connect", map[string]any{"target": "http://u:p@x/"}, `net.connect: argument target is "http://u:p@x/": host:port, or a URL with http or https`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, ok := Lookup(tt.method)
			if !ok {
				t.Fatal("no such method")
			}
			_, _, err := s.Bind(tt.args)
			var wrong *CheckError
			if !errors.As(err, &wrong) {
				t.Fatalf("%v is no CheckError", err)
			}
			if got := strings.TrimPrefix(err.Error(), "agentapi: "); got != tt.want {
				t.Errorf("\n got %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestBind(t *testing.T) {
	since := time.Date(2026, 11, 20, 13, 0, 0, 0, time.UTC)
	wait, percent, no := int32(0), 90.0, false
	tests := []struct {
		name   string
		method string
		in     map[string]any
		args   any
		wire   map[string]any
	}{
		{"defaults are filled in, not sent", "proc.list", map[string]any{"name": "nginx"},
			&ProcListArgs{Name: "nginx", Sort: "cpu", Limit: 20}, map[string]any{"name": "nginx"}},
		{"text becomes what it stands for", "disk.usage", map[string]any{"mounts": "/, /srv", "all": "yes", "min_used_percent": "90"},
			&DiskUsageArgs{Mounts: []string{"/", "/srv"}, All: true, MinUsedPercent: &percent},
			map[string]any{"mounts": []string{"/", "/srv"}, "all": true, "min_used_percent": 90.0}},
		{"a zero that was said", "service.restart", map[string]any{"unit": "nginx", "wait_seconds": 0},
			&ServiceExpectArgs{Unit: "nginx.service", WaitSeconds: &wait}, map[string]any{"unit": "nginx.service", "wait_seconds": int32(0)}},
		{"a false that was said", "patch.apply", map[string]any{"security_only": false},
			&PatchApplyArgs{SecurityOnly: &no, HoldConfig: "old"}, map[string]any{"security_only": false}},
		{"a time", "log.query", map[string]any{"since": "2026-11-20T14:00:00+01:00"},
			&LogQueryArgs{Since: since, Limit: 100}, map[string]any{"since": since}},
		{"JSON's numbers and lists", "check.pause", map[string]any{"names": []any{"http"}, "seconds": float64(0)},
			&CheckPauseArgs{Names: []string{"http"}}, map[string]any{"names": []string{"http"}, "seconds": int32(0)}},
		{"a struct", "rpc.check", map[string]any{"method": "mem.usage", "args": map[string]any{"x": 1}},
			&RPCCheckArgs{Method: "mem.usage", Args: map[string]any{"x": 1}}, map[string]any{"method": "mem.usage", "args": map[string]any{"x": 1}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, _ := Lookup(tt.method)
			args, wire, err := s.Bind(tt.in)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(tt.args, args); d != "" {
				t.Errorf("args: -want +got:\n%s", d)
			}
			if d := cmp.Diff(tt.wire, wire); d != "" {
				t.Errorf("wire: -want +got:\n%s", d)
			}
		})
	}
}

func TestFor(t *testing.T) {
	tests := []struct {
		method string
		args   map[string]any
		class  Class
		perm   string
	}{
		{"proc.list", nil, Read, "proc.read"},
		{"proc.list", map[string]any{"args": false}, Read, "proc.read"},
		{"proc.list", map[string]any{"args": true}, Sensitive, "proc.args"},
		{"service.status", map[string]any{"unit": "x"}, Read, "service.read"},
		{"service.status", map[string]any{"unit": "x", "log_lines": 5}, Sensitive, "service.read"},
		{"service.restart", map[string]any{"unit": "x"}, Disrupt, "service.restart"},
	}
	for _, tt := range tests {
		s, _ := Lookup(tt.method)
		args, _, err := s.Bind(tt.args)
		if err != nil {
			t.Fatal(err)
		}
		if c, p := s.For(args); c != tt.class || p != tt.perm {
			t.Errorf("%s %v needs %s %s, want %s %s", tt.method, tt.args, c, p, tt.class, tt.perm)
		}
	}
}

func TestCheckWantsTheRightStruct(t *testing.T) {
	s, _ := Lookup("disk.usage")
	for _, args := range []any{nil, DiskUsageArgs{}, &ProcListArgs{}, (*DiskUsageArgs)(nil), 7} {
		if err := s.Check(args); err == nil {
			t.Errorf("%T is taken", args)
		}
	}
}

func TestUnitName(t *testing.T) {
	for in, want := range map[string]string{"": "", "nginx": "nginx.service", "php8.2-fpm": "php8.2-fpm.service", "a.socket": "a.socket", "a.timer": "a.timer", "a.service": "a.service", "getty@tty1": "getty@tty1.service"} {
		if got := UnitName(in); got != want {
			t.Errorf("%q is %q, want %q", in, got, want)
		}
	}
}

// Whatever text a caller gives, Bind answers with checked arguments or a
// sentence, and what it lets through it lets through again.
func FuzzBind(f *testing.F) {
	f.Add("proc.list", "limit", "20")
	f.Add("service.restart", "unit", "nginx")
	f.Add("disk.usage", "mounts", "/,/var")
	f.Add("log.query", "since", "2026-11-20")
	f.Add("net.connect", "target", "https://example.org/x")
	f.Fuzz(func(t *testing.T, method, name, value string) {
		s, ok := Lookup(method)
		if !ok {
			return
		}
		in := withRequired(s)
		in[name] = value
		_, wire, err := s.Bind(in)
		if err != nil {
			if !strings.HasPrefix(err.Error(), "agentapi: "+s.Name+": argument ") {
				t.Errorf("%v", err)
			}
			return
		}
		for k, v := range wire {
			if n, ok := v.(float64); ok && (math.IsNaN(n) || math.IsInf(n, 0)) {
				t.Errorf("%s is %v", k, n)
			}
		}
		if _, again, err := s.Bind(wire); err != nil || !cmp.Equal(wire, again) {
			t.Errorf("%v bound again is %v, %v", wire, again, err)
		}
	})
}
