package logs

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"adminbot/agentapi"
	"adminbot/rpc"
)

var now = time.Date(2026, 11, 20, 14, 0, 0, 0, time.UTC)

// tree lays out the files of an archive below a new root.
func tree(t *testing.T, archive string) *Reader {
	t.Helper()
	root := t.TempDir()
	for _, f := range txtar.Parse([]byte(archive)).Files {
		p := filepath.Join(root, f.Name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, f.Data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return New(Config{Root: root, Journalctl: "-", Zone: time.UTC, Now: func() time.Time { return now }})
}

const machineLogs = `
-- var/log/nginx/error.log.1 --
2026/11/19 09:00:00 [warn] 7#7: yesterday
-- var/log/nginx/error.log --
2026/11/20 13:00:01 [error] 7#7: upstream timed out
2026/11/20 13:00:05 [notice] 7#7: reloaded
2026/11/20 13:10:00 [error] 7#7: no live upstreams, password=hunter2
-- var/log/nginx/access.log --
192.0.2.7 - - [20/Nov/2026:13:00:03 +0000] "GET /error HTTP/1.1" 200 5
192.0.2.7 - - [20/Nov/2026:13:20:00 +0000] "GET / HTTP/1.1" 502 5
-- var/log/syslog --
Nov 20 12:59:59 web01 cron[11]: (root) CMD (run-parts)
Nov 20 13:00:02 web01 nginx[7]: started by hand
Nov 20 13:30:00 web01 postgres[9]: checkpoint
-- var/log/app.log --
2026-11-20T13:00:00.5Z ERROR handler failed
goroutine 7 [running]:
	main.go:12
2026-11-20T13:00:01Z INFO going on
-- var/log/secret/server.key --
no log at all
`

func texts(res agentapi.LogQueryResult) []string {
	out := []string{}
	for _, l := range res.Lines {
		text := l.Text
		if l.Context {
			text = "~ " + text
		}
		out = append(out, text)
	}
	return out
}

func TestQueryFiles(t *testing.T) {
	r := tree(t, machineLogs)
	at := func(h, m, s int) time.Time { return time.Date(2026, 11, 20, h, m, s, 0, time.UTC) }
	tests := []struct {
		name string
		args agentapi.LogQueryArgs
		want []string
	}{
		{"a unit's files and its syslog lines, by time, rotated ones too", agentapi.LogQueryArgs{Unit: "nginx"}, []string{
			"[warn] 7#7: yesterday",
			"[error] 7#7: upstream timed out",
			"web01 nginx[7]: started by hand",
			`192.0.2.7 - - [20/Nov/2026:13:00:03 +0000] "GET /error HTTP/1.1" 200 5`,
			"[notice] 7#7: reloaded",
			"[error] 7#7: no live upstreams, password=[cut]",
			`192.0.2.7 - - [20/Nov/2026:13:20:00 +0000] "GET / HTTP/1.1" 502 5`,
		}},
		{"priority", agentapi.LogQueryArgs{Unit: "nginx.service", Priority: "err"}, []string{
			"[error] 7#7: upstream timed out",
			"[error] 7#7: no live upstreams, password=[cut]",
		}},
		{"since and until", agentapi.LogQueryArgs{Unit: "nginx", Since: at(13, 0, 2), Until: at(13, 5, 0)}, []string{
			"web01 nginx[7]: started by hand",
			`192.0.2.7 - - [20/Nov/2026:13:00:03 +0000] "GET /error HTTP/1.1" 200 5`,
			"[notice] 7#7: reloaded",
		}},
		{"the last one", agentapi.LogQueryArgs{Path: "/var/log/nginx/error.log", Limit: 1}, []string{
			"[error] 7#7: no live upstreams, password=[cut]",
		}},
		{"context", agentapi.LogQueryArgs{Path: "/var/log/nginx/error.log", Match: "reload", Before: 1, After: 1}, []string{
			"~ [error] 7#7: upstream timed out",
			"[notice] 7#7: reloaded",
			"~ [error] 7#7: no live upstreams, password=[cut]",
		}},
		{"lines without a time go with the one above", agentapi.LogQueryArgs{Path: "/var/log/app.log", Priority: "err"}, []string{
			"ERROR handler failed", "goroutine 7 [running]:", " main.go:12",
		}},
		{"no unit is the syslog", agentapi.LogQueryArgs{Match: "cron|check"}, []string{
			"web01 cron[11]: (root) CMD (run-parts)", "web01 postgres[9]: checkpoint",
		}},
		{"what is cut out cannot be found", agentapi.LogQueryArgs{Unit: "nginx", Match: "hunter2"}, []string{}},
		{"nothing matches", agentapi.LogQueryArgs{Unit: "nginx", Match: "zebra"}, []string{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			res, err := r.Query(t.Context(), tt.args)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(tt.want, texts(res)); d != "" {
				t.Errorf("-want +got:\n%s", d)
			}
		})
	}
}

func TestQueryRefuses(t *testing.T) {
	r := tree(t, machineLogs)
	root := r.cfg.Root
	if err := os.WriteFile(filepath.Join(root, "passwd"), []byte("root:x:0\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("../../passwd", filepath.Join(root, "var/log/out.log")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/etc/hostname", filepath.Join(root, "var/log/abs.log")); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name string
		args agentapi.LogQueryArgs
		code int
	}{
		{"outside the roots", agentapi.LogQueryArgs{Path: "/etc/passwd"}, rpc.FaultDenied},
		{"a directory", agentapi.LogQueryArgs{Path: "/var/log/nginx"}, rpc.FaultParams},
		{"a link out", agentapi.LogQueryArgs{Path: "/var/log/out.log"}, rpc.FaultDenied},
		{"an absolute link out", agentapi.LogQueryArgs{Path: "/var/log/abs.log"}, rpc.FaultDenied},
		{"a key", agentapi.LogQueryArgs{Path: "/var/log/secret/server.key"}, rpc.FaultDenied},
		{"no such file", agentapi.LogQueryArgs{Path: "/var/log/none.log"}, rpc.FaultNotFound},
		{"no such unit", agentapi.LogQueryArgs{Unit: "zebra", Source: "file"}, 0}, // its lines could be in the syslog
		{"no journal", agentapi.LogQueryArgs{Source: "journal"}, rpc.FaultUnsupported},
		{"not a regular expression", agentapi.LogQueryArgs{Match: "("}, rpc.FaultParams},
		{"until before since", agentapi.LogQueryArgs{Since: now, Until: now.Add(-time.Hour)}, rpc.FaultParams},
		{"a cursor of nobody's", agentapi.LogQueryArgs{Cursor: "0:0:99999"}, rpc.FaultNotFound},
		{"a cursor that is an option", agentapi.LogQueryArgs{Cursor: "x --file=/etc/shadow"}, rpc.FaultParams},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := r.Query(t.Context(), tt.args)
			if got := rpc.FaultCode(err); got != tt.code {
				t.Errorf("fault %d (%v), want %d", got, err, tt.code)
			}
		})
	}
}

func TestQueryPages(t *testing.T) {
	var b strings.Builder
	b.WriteString("-- var/log/app.log --\n")
	for i := range 1000 {
		fmt.Fprintf(&b, "%s line %d\n", now.Add(time.Duration(i-1000)*time.Second).Format(time.RFC3339), i)
	}
	r := tree(t, b.String())
	var got []string
	args := agentapi.LogQueryArgs{Path: "/var/log/app.log", Limit: 300}
	pages := 0
	for {
		res, err := r.Query(t.Context(), args)
		if err != nil {
			t.Fatal(err)
		}
		got = append(texts(res), got...)
		if pages++; res.Next == "" {
			break
		}
		args.Cursor = res.Next
	}
	if len(got) != 1000 || pages != 4 || got[0] != "line 0" || got[999] != "line 999" {
		t.Errorf("%d lines in %d pages, %q … %q", len(got), pages, got[0], got[len(got)-1])
	}
}

func TestBackward(t *testing.T) {
	long := strings.Repeat("x", 3*maxLineRead)
	tests := []struct {
		name, in string
		want     []string
	}{
		{"empty", "", nil},
		{"no newline", "a", []string{"a"}},
		{"one", "a\n", []string{"a"}},
		{"empty lines", "\na\n\n", []string{"", "a", ""}},
		{"several", "a\nb\nc", []string{"a", "b", "c"}},
		{"longer than a chunk", "a\n" + long + "\nb\n", []string{"a", long[:maxLineRead], "b"}},
		{"the first is long", long + "\nb\n", []string{long[:maxLineRead], "b"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if d := cmp.Diff(tt.want, readBackward(t, tt.in)); d != "" {
				t.Errorf("-want +got:\n%s", d)
			}
		})
	}
}

func readBackward(t *testing.T, in string) []string {
	t.Helper()
	b := newBackward(strings.NewReader(in), int64(len(in)))
	var got []string
	for {
		line, at, err := b.line()
		if err != nil {
			break
		}
		if !strings.HasPrefix(in[at:], line) {
			t.Errorf("line %.20q is not at %d", line, at)
		}
		got = append([]string{line}, got...)
	}
	return got
}

// Read backwards, a file is the same lines as read forwards.
func FuzzBackward(f *testing.F) {
	f.Add("a\nb\n\nc")
	f.Add(strings.Repeat("line of a log\n", 6000))
	f.Fuzz(func(t *testing.T, in string) {
		var want []string
		if in != "" {
			want = strings.Split(strings.TrimSuffix(in, "\n"), "\n")
		}
		for i, w := range want {
			want[i] = w[:min(len(w), maxLineRead)]
		}
		if got := readBackward(t, in); !cmp.Equal(want, got) {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

func TestStamp(t *testing.T) {
	berlin := time.FixedZone("CET", 3600)
	tests := []struct{ line, want string }{
		{"2026-11-20T13:00:00.123456+01:00 web01 nginx[7]: x", "2026-11-20T12:00:00.123456Z"},
		{"2026-11-20T13:00:00Z x", "2026-11-20T13:00:00Z"},
		{"2026-11-20 13:00:00,250 INFO x", "2026-11-20T12:00:00.25Z"},
		{"2026-11-20 13:00:00.250 UTC [9] LOG: x", "2026-11-20T13:00:00.25Z"},
		{"[2026-11-20 13:00:00] x", "2026-11-20T12:00:00Z"},
		{"2026/11/20 13:00:00 [error] x", "2026-11-20T12:00:00Z"},
		{"Nov 20 13:00:00 web01 x", "2026-11-20T12:00:00Z"},
		{"Nov  2 13:00:00 web01 x", "2026-11-02T12:00:00Z"},
		{"Dec 24 13:00:00 web01 x", "2025-12-24T12:00:00Z"},
		{`192.0.2.7 - - [20/Nov/2026:13:00:00 +0200] "GET /"`, "2026-11-20T11:00:00Z"},
		{"[Fri Nov 20 13:00:00.123456 2026] [core:error] x", "2026-11-20T12:00:00.123456Z"},
		{"1795179600.123 17 192.0.2.7 TCP_MISS/200", "2026-11-20T13:00:00.123Z"},
		{"type=SYSCALL msg=audit(1795179600.123:42): x", "2026-11-20T13:00:00.123Z"},
		{"\tat main.go:12", ""},
		{"Nov 99 13:00:00 x", ""},
		{"2026-13-45 13:00:00 x", ""},
		{"", ""},
	}
	for _, tt := range tests {
		got := ""
		if at, _ := stamp(tt.line, now, berlin); !at.IsZero() {
			got = at.Format(time.RFC3339Nano)
		}
		if got != tt.want {
			t.Errorf("%s: %s, want %s", tt.line, got, tt.want)
		}
	}
}

func TestLineWithoutItsTime(t *testing.T) {
	tests := []struct{ line, want string }{
		{"2026-11-20T13:00:00.123456+01:00 web01 nginx[7]: x", "web01 nginx[7]: x"},
		{"2026-11-20 13:00:00.250 UTC [9] LOG: x", "[9] LOG: x"},
		{"[2026-11-20 13:00:00] x", "x"},
		{"[2026-11-20 13:00:00 x", "[2026-11-20 13:00:00 x"},
		{"Nov 20 13:00:00 mod_posix\terror\tx", "mod_posix\terror\tx"},
		{"[Fri Nov 20 13:00:00.123456 2026] [core:error] x", "[core:error] x"},
		{`192.0.2.7 - - [20/Nov/2026:13:00:00 +0200] "GET /"`, `192.0.2.7 - - [20/Nov/2026:13:00:00 +0200] "GET /"`},
		{`Mallory - - [20/Nov/2026:13:00:00 +0200] "GET /"`, `Mallory - - [20/Nov/2026:13:00:00 +0200] "GET /"`},
		{"type=SYSCALL msg=audit(1795179600.123:42): x", "type=SYSCALL msg=audit(1795179600.123:42): x"},
		{"2026-11-20 13:00:00", "2026-11-20 13:00:00"},
		{"2026-11-20 13:00:00x", "2026-11-20 13:00:00x"},
	}
	for _, tt := range tests {
		if _, got := stamp(tt.line, now, time.UTC); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.line, got, tt.want)
		}
	}
}

func TestLinesInTwoFiles(t *testing.T) {
	r := tree(t, `
-- var/log/prosody/prosody.err --
Nov 20 13:00:00 mod_posix	error	Danger
	stack traceback:
Nov 20 13:00:01 x	error	again
Nov 20 13:00:01 x	error	again
-- var/log/prosody/prosody.log --
Nov 20 12:59:59 startup	info	Hello
Nov 20 13:00:00 mod_posix	error	Danger
	stack traceback:
Nov 20 13:00:01 x	error	again
Nov 20 13:00:01 x	error	again
`)
	res, err := r.Query(t.Context(), agentapi.LogQueryArgs{Unit: "prosody"})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"startup info Hello", "mod_posix error Danger", " stack traceback:", "x error again", "x error again"}
	if d := cmp.Diff(want, texts(res)); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}

func TestLevelAndIdent(t *testing.T) {
	tests := []struct {
		line  string
		level int
		ident string
	}{
		{"2026/11/20 13:00:00 [error] x", 3, ""},
		{"[Fri Nov 20 13:00:00 2026] [core:warn] x", 4, ""},
		{`time=x level=info msg="an error it was not"`, 6, ""},
		{`{"level":"debug","msg":"x"}`, 7, ""},
		{"2026-11-20 13:00:00 FATAL: x", 2, ""},
		{"Nov 20 13:00:00 mod_posix\terror\tDanger", 3, ""},
		{"Nov 20 13:00:00 web01 sshd[9]: an error in running text", -1, "sshd"},
		{"Nov 20 13:00:00 web01 /usr/sbin/cron[9]: x", -1, "cron"},
		{"2026-11-20T13:00:00+00:00 web01 systemd: x", -1, "systemd"},
		{"error: no such file", 3, ""},
		{"nothing", -1, ""},
	}
	for _, tt := range tests {
		if l, i := level(tt.line), ident(tt.line); l != tt.level || i != tt.ident {
			t.Errorf("%q: level %d ident %q, want %d %q", tt.line, l, i, tt.level, tt.ident)
		}
	}
}

func FuzzParseLine(f *testing.F) {
	for line := range strings.Lines(machineLogs) {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		e := parseLine(line, now, time.UTC)
		if !strings.HasSuffix(line, e.text) || e.priority < -1 || e.priority > 7 {
			t.Errorf("%+v of %q", e, line)
		}
	})
}

func TestFilesOfUnits(t *testing.T) {
	r := tree(t, `
-- var/log/prosody/prosody.log --
-- var/log/prosody/prosody.err --
-- var/log/postgresql/postgresql-15-main.log --
-- var/log/php8.2-fpm.log --
-- var/log/redis/redis-server.log --
`)
	tests := []struct {
		unit string
		want []string
	}{
		{"prosody.service", []string{"/var/log/prosody/prosody.err", "/var/log/prosody/prosody.log"}},
		{"postgresql@15-main.service", []string{"/var/log/postgresql/postgresql-15-main.log"}},
		{"php8.2-fpm.service", []string{"/var/log/php8.2-fpm.log"}},
		{"redis-server.service", []string{"/var/log/redis/redis-server.log"}},
		{"*.service", nil},
		{"...service", nil},
		{"zebra.service", nil},
		{"", nil},
	}
	for _, tt := range tests {
		if d := cmp.Diff(tt.want, r.Files(tt.unit)); d != "" {
			t.Errorf("%s: -want +got:\n%s", tt.unit, d)
		}
	}
}

// The real machine: whatever it has must be readable or refused in words.
func TestRealMachine(t *testing.T) {
	r := New(Config{})
	res, err := r.Query(t.Context(), agentapi.LogQueryArgs{Limit: 5})
	var fault *rpc.Fault
	if err != nil && !errors.As(err, &fault) {
		t.Fatal(err)
	}
	t.Logf("%d lines of %s; %v", len(res.Lines), res.Source, err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.Query(ctx, agentapi.LogQueryArgs{Path: "/var/log/dpkg.log"}); err == nil {
		t.Error("a cancelled query answers")
	}
}
