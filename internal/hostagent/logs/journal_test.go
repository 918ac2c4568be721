package logs

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"adminbot/agentapi"
	"adminbot/rpc"
)

// journalLines is in the form in which journalctl -o json -r prints: every field
// a string, a list of bytes where it is no text, null where it is too long.
const journalLines = `{"__CURSOR":"s=1;i=4","__REALTIME_TIMESTAMP":"1795179603000000","PRIORITY":"6","_SYSTEMD_UNIT":"init.scope","UNIT":"nginx.service","SYSLOG_IDENTIFIER":"systemd","MESSAGE":"Started nginx.service."}
{"__CURSOR":"s=1;i=3","__REALTIME_TIMESTAMP":"1795179602000000","PRIORITY":"3","_SYSTEMD_UNIT":"nginx.service","MESSAGE":[104,105,255,27,91,109]}
{"__CURSOR":"s=1;i=2","__REALTIME_TIMESTAMP":"1795179601000000","SYSLOG_IDENTIFIER":"kernel","MESSAGE":"token=abcdefgh"}
{"__CURSOR":"s=1;i=1","__REALTIME_TIMESTAMP":"1795179600000000","PRIORITY":"7","MESSAGE":null}
not json
`

func TestReadJournal(t *testing.T) {
	q, err := newQuery(agentapi.LogQueryArgs{})
	if err != nil {
		t.Fatal(err)
	}
	if err := readJournal(strings.NewReader(journalLines), q.take); err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 11, 20, 13, 0, 0, 0, time.UTC)
	want := []agentapi.LogLine{
		{At: at, Priority: "debug", Cursor: "s=1;i=1"},
		{At: at.Add(time.Second), Unit: "kernel", Text: "token=[cut]", Cursor: "s=1;i=2"},
		{At: at.Add(2 * time.Second), Unit: "nginx.service", Priority: "err", Text: "hi\uFFFD", Cursor: "s=1;i=3"},
		{At: at.Add(3 * time.Second), Unit: "nginx.service", Priority: "info", Text: "Started nginx.service.", Cursor: "s=1;i=4"},
	}
	if d := cmp.Diff(want, q.lines()); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}

// A journalctl that records its arguments stands in for the real one: what a
// caller sends must arrive as one word, behind its option.
func TestJournalArguments(t *testing.T) {
	root := t.TempDir()
	if err := os.MkdirAll(filepath.Join(root, "var/log/journal/id"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "var/log/journal/id/system.journal"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	program, seen := filepath.Join(root, "journalctl"), filepath.Join(root, "seen")
	script := "#!/bin/sh\nprintf '%s\\n' \"$@\" > " + seen + "\ncat <<'END'\n" + journalLines + "END\n"
	if err := os.WriteFile(program, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	r := New(Config{Root: root, Journalctl: program})
	res, err := r.Query(t.Context(), agentapi.LogQueryArgs{
		Unit: `a\x2d--file=x`, Since: time.Unix(5, 0), Until: time.Unix(1795179600, 0).Add(time.Hour), Priority: "err", Limit: 1, Cursor: "s=1;i=4",
	})
	if err != nil {
		t.Fatal(err)
	}
	if res.Source != "journal" || len(res.Lines) != 1 || res.Lines[0].Text != "hi\uFFFD" {
		t.Errorf("got %+v", res)
	}
	b, err := os.ReadFile(seen)
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Split(strings.TrimSpace(string(b)), "\n")
	want := []string{"--output=json", "--no-pager", "--quiet", "--reverse", "--all",
		"--output-fields=MESSAGE,PRIORITY,_SYSTEMD_UNIT,UNIT,SYSLOG_IDENTIFIER,__REALTIME_TIMESTAMP", "--root=" + root,
		`--unit=a\x2d--file=x.service`, "--since=@5", "--until=@1795183201", "--cursor=s=1;i=4", "--priority=err"}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}

	if err := os.WriteFile(program, []byte("#!/bin/sh\necho 'Failed to open journal' >&2\nexit 1\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Query(t.Context(), agentapi.LogQueryArgs{}); rpc.FaultCode(err) != rpc.FaultDependency || !strings.Contains(err.Error(), "Failed to open") {
		t.Errorf("a journalctl that fails: %v", err)
	}
}

// A daemon that logs to its own files has nothing in the journal but its start.
func TestJournalWithoutTheUnit(t *testing.T) {
	r := tree(t, machineLogs+"-- var/log/journal/id/system.journal --\n-- journalctl --\n#!/bin/sh\nexit 0\n")
	r.cfg.Journalctl = filepath.Join(r.cfg.Root, "journalctl")
	if err := os.Chmod(r.cfg.Journalctl, 0o755); err != nil {
		t.Fatal(err)
	}
	var got []string
	args := agentapi.LogQueryArgs{Unit: "nginx", Match: `\[error\]`, Limit: 1}
	for {
		res, err := r.Query(t.Context(), args)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, res.Source+": "+texts(res)[0])
		if args.Cursor = res.Next; args.Cursor == "" {
			break
		}
		if len(got) > 2 {
			break
		}
	}
	want := []string{
		"/var/log/nginx/access.log, /var/log/nginx/error.log: [error] 7#7: no live upstreams, password=[cut]",
		"/var/log/nginx/access.log, /var/log/nginx/error.log, /var/log/syslog: [error] 7#7: upstream timed out",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	if res, err := r.Query(t.Context(), agentapi.LogQueryArgs{Unit: "nginx", Source: "journal"}); err != nil || len(res.Lines) != 0 || res.Source != "journal" {
		t.Errorf("the journal alone: %+v, %v", res, err)
	}
}

func FuzzParseJournal(f *testing.F) {
	for line := range strings.Lines(journalLines) {
		f.Add([]byte(line))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		if e, ok := parseJournal(line); ok && (e.priority < -1 || e.priority > 7) {
			t.Errorf("priority %d", e.priority)
		}
	})
}
