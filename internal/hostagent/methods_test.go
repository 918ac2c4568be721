package hostagent

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"adminbot/agentapi"
	"adminbot/internal/audit"
	"adminbot/internal/policy"
	"adminbot/rpc"
)

// TestRealHost asks every reading method about this machine.
func TestRealHost(t *testing.T) {
	logs := t.TempDir()
	if err := os.WriteFile(filepath.Join(logs, "app.log"), []byte("2026-11-20T16:00:00Z started\n2026-11-20T16:00:01Z ready\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	r := newRig(t, func(c *Config) {
		c.Facts = map[string]string{"role": "web"}
		c.Demo, c.Version, c.LogPaths = true, "1.2.3", []string{logs}
	})
	ask := func(method string, in, out any) {
		t.Helper()
		if err := r.asAlice(method, rpc.Envelope{}, in, out); err != nil {
			t.Fatalf("%s: %v", method, err)
		}
	}
	var info agentapi.HostInfoResult
	if ask("host.info", nil, &info); info.Hostname == "" || info.CPUCount < 1 || info.At.IsZero() {
		t.Errorf("host.info: %+v", info)
	}
	var facts agentapi.HostFactsResult
	if ask("host.facts", map[string]any{"keys": []string{"r*", "demo", "arch"}}, &facts); facts.Facts["role"] != "web" || facts.Facts["demo"] != "true" || facts.Facts["arch"] == "" || len(facts.Facts) != 3 {
		t.Errorf("host.facts: %+v", facts)
	}
	var disk agentapi.DiskUsageResult
	if ask("disk.usage", nil, &disk); len(disk.Filesystems) == 0 {
		t.Errorf("disk.usage: %+v", disk)
	}
	var mem agentapi.MemUsageResult
	if ask("mem.usage", nil, &mem); mem.TotalBytes == 0 {
		t.Errorf("mem.usage: %+v", mem)
	}
	var procs agentapi.ProcListResult
	if ask("proc.list", map[string]any{"pid": os.Getpid()}, &procs); len(procs.Processes) != 1 {
		t.Errorf("proc.list: %+v", procs)
	}
	var sockets agentapi.NetListenersResult
	ask("net.listeners", nil, &sockets)
	var lines agentapi.LogQueryResult
	if ask("log.query", map[string]any{"path": filepath.Join(logs, "app.log"), "match": "ready"}, &lines); len(lines.Lines) != 1 {
		t.Errorf("log.query: %+v", lines)
	}
	var agent agentapi.AgentInfoResult
	if ask("agent.info", map[string]any{"metrics": true}, &agent); agent.Version != "1.2.3" || !agent.Demo || len(agent.PolicyHash) != 64 ||
		agent.ClockOffsetMS == nil || agent.Limits.ReplyBytes != 48<<10 || !strings.Contains(agent.Metrics, "process_resident_memory_bytes") {
		t.Errorf("agent.info: %+v", agent)
	}
	var list agentapi.ServiceListResult
	if ask("service.list", map[string]any{"state": "active", "pattern": "a*"}, &list); len(list.Units) != 1 || list.Units[0].Unit != "app.service" || list.Total != 1 {
		t.Errorf("service.list: %+v", list)
	}
	var st agentapi.ServiceStatusResult
	if ask("service.status", map[string]any{"unit": "app", "log_lines": 5}, &st); st.Active != "active" || st.MainPID == nil || len(st.Log) != 2 {
		t.Errorf("service.status: %+v", st)
	}
	var ping agentapi.RPCPingResult
	if ask("rpc.ping", map[string]any{"nonce": "n"}, &ping); ping.Nonce != "n" || ping.Version != "1.2.3" {
		t.Errorf("rpc.ping: %+v", ping)
	}
}

// TestTableAnswered: every method of the table that goes over XMPP is there,
// and the description says which ones are built.
func TestTableAnswered(t *testing.T) {
	r := newRig(t, nil)
	var names []string
	if err := r.asAlice("system.listMethods", rpc.Envelope{}, nil, &names); err != nil {
		t.Fatal(err)
	}
	var res agentapi.RPCDescribeResult
	described := make(map[string]agentapi.Description)
	for missing := names; len(missing) > 0; {
		if err := r.asAlice("rpc.describe", rpc.Envelope{}, map[string]any{"names": missing[:min(len(missing), 64)]}, &res); err != nil {
			t.Fatal(err)
		}
		for _, d := range res.Methods {
			described[d.Name] = d
		}
		// A page may be cut: what is missing is asked for again.
		missing = slices.DeleteFunc(missing, func(n string) bool { return described[n].Name != "" || n == "system.getCapabilities" })
	}
	if err := r.asAlice("system.listMethods", rpc.Envelope{}, nil, &names); err != nil {
		t.Fatal(err)
	}
	built := strings.Fields(`system.listMethods system.methodSignature system.methodHelp system.multicall rpc.describe rpc.check rpc.ping
		host.info host.facts cpu.usage mem.usage disk.usage disk.largest disk.clean proc.list net.listeners log.query
		service.list service.status service.start service.stop service.restart service.reload presence.get job.list job.get agent.info audit.tail`)
	for _, s := range agentapi.All() {
		if s.Bot || s.Local {
			continue
		}
		if !slices.Contains(names, s.Name) {
			t.Errorf("%s is not listed", s.Name)
		}
		d, ok := described[s.Name]
		if !ok || d.Built != slices.Contains(built, s.Name) {
			t.Errorf("%s: described %v, built %v", s.Name, ok, d.Built)
		}
	}
	var help string
	if err := r.asAlice("system.methodHelp", rpc.Envelope{}, rpc.Params{"patch.apply"}, &help); err != nil || !strings.Contains(help, "Not built yet") {
		t.Errorf("help: %q, %v", help, err)
	}
	wantFault(t, r.asAlice("rpc.describe", rpc.Envelope{}, map[string]any{"names": []string{"nothing.*"}}, nil), 404, "no method is named")

	// All at once does not fit: what is there says so.
	if err := r.asAlice("rpc.describe", rpc.Envelope{}, nil, &res); err != nil || !res.Truncated || int(res.Total) != len(described) || len(res.Methods) < 5 {
		t.Errorf("all at once: %d of %d, truncated %v, %v", len(res.Methods), res.Total, res.Truncated, err)
	}
}

func TestCheck(t *testing.T) {
	r := newRig(t, nil)
	for _, tc := range []struct {
		name, method string
		args         map[string]any
		allowed      bool
		rule         string
		valid, would string
	}{
		{"what would run", "service.restart", map[string]any{"unit": "app"}, true, "rule 1 (line 5)", "ok", "restart app.service by memory; it is active with pid 100 now"},
		{"no such unit", "service.stop", map[string]any{"unit": "none"}, true, "rule 1 (line 5)", "no such unit: none.service", "it would fail: no such unit: none.service"},
		{"wrong argument", "service.stop", map[string]any{"unit": "a b"}, true, "rule 1 (line 5)", "service.stop: argument unit is", "nothing: the arguments are wrong"},
		{"not allowed", "agent.reload", nil, false, "permission agent.admin is missing", "ok", "nothing: it is not built yet"},
		{"a read", "disk.usage", nil, true, "rule 1 (line 5)", "ok", "Measures how full"},
		{"not built", "patch.list", nil, true, "rule 1 (line 5)", "ok", "nothing: it is not built yet (fault 501)"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var res agentapi.RPCCheckResult
			if err := r.asAlice("rpc.check", rpc.Envelope{}, map[string]any{"method": tc.method, "args": tc.args}, &res); err != nil {
				t.Fatal(err)
			}
			if res.Allowed != tc.allowed || res.Rule != tc.rule || !strings.HasPrefix(res.Valid, tc.valid) || !strings.HasPrefix(res.Would, tc.would) {
				t.Errorf("got %+v", res)
			}
		})
	}
	wantFault(t, r.asAlice("rpc.check", rpc.Envelope{}, map[string]any{"method": "shell.exec"}, nil), -32601, "")
	if got := r.units.done(); len(got) != 0 {
		t.Errorf("done: %v", got)
	}
}

func TestMulticall(t *testing.T) {
	r := newRig(t, nil)
	type member struct {
		MethodName string `rpc:"methodName"`
		Params     []any  `rpc:"params"`
	}
	calls := []member{
		{"rpc.ping", []any{map[string]any{"nonce": "a"}}},
		{"service.restart", []any{unitArgs{Unit: "app"}}},
		{"proc.list", []any{map[string]any{"args": true}}},
	}
	var out []any
	if err := r.call(ci, "system.multicall", rpc.Envelope{}, rpc.Params{calls}, &out); err != nil || len(out) != 3 {
		t.Fatalf("%v, %v", out, err)
	}
	if s := fmt.Sprint(out[0]); !strings.Contains(s, "nonce:a") {
		t.Errorf("ping: %v", out[0])
	}
	for i, code := range map[int]string{1: "faultCode:403", 2: "faultCode:403"} {
		if s := fmt.Sprint(out[i]); !strings.Contains(s, code) {
			t.Errorf("member %d: %v", i, s)
		}
	}
	if got := r.units.done(); len(got) != 0 {
		t.Errorf("done: %v", got)
	}
}

func TestReload(t *testing.T) {
	text := rules
	r := newRig(t, func(c *Config) {
		c.LoadPolicy = func() (*policy.Policy, error) { return policy.Parse([]byte(text)) }
	})
	reload := func() agentapi.AgentReloadResult {
		t.Helper()
		var res agentapi.AgentReloadResult
		if err := r.call(ci, "agent.reload", rpc.Envelope{}, nil, &res); err != nil {
			t.Fatal(err)
		}
		return res
	}
	reloadable := strings.Replace(rules, "may = [\"service.restart\", \"agent.reload\"]\nargs", "may = [\"service.restart\"]\nargs", 1)
	text = reloadable
	if res := reload(); len(res.Errors) != 0 {
		t.Errorf("unexpected: %+v", res)
	}
	text = "nonsense = 1\n"
	if res := reload(); len(res.Errors) != 1 || !strings.Contains(res.Errors[0], "policy: 1:1: no key") || len(res.Changed) != 0 {
		t.Errorf("a wrong file: %+v", res)
	}
	text = reloadable + "on = [\"role=db\"]\n"
	if res := reload(); len(res.Errors) != 1 || !strings.Contains(res.Errors[0], "on is for the bot") {
		t.Errorf("a bot's file: %+v", res)
	}
	text = reloadable + "\n[[rule]]\nwho = [\"eve@example.net\"]\nmay = [\"R\"]\n"
	if res := reload(); len(res.Errors) != 0 || !slices.Equal(res.Changed, []string{"policy"}) {
		t.Errorf("a new file: %+v", res)
	}
}

func TestPage(t *testing.T) {
	type args struct {
		Next string `rpc:"next,omitempty"`
	}
	var res agentapi.JobListResult
	for i := range 100 {
		res.Jobs = append(res.Jobs, agentapi.Job{ID: fmt.Sprint("j-", i), Method: strings.Repeat("m", 200)})
	}
	whole := res.Jobs
	v, err := page(&res, &args{}, 10000)
	if err != nil || size(v) > 10000 || size(v) < 9000 {
		t.Fatalf("%d bytes, %v", size(v), err)
	}
	n := len(res.Jobs)
	if !res.Truncated || res.Total != 100 || res.Next != fmt.Sprint(n) || n < 10 {
		t.Errorf("page: %d jobs, %+v", n, res.Page)
	}
	res = agentapi.JobListResult{Jobs: slices.Clone(whole)}
	if _, err := page(&res, &args{Next: fmt.Sprint(n)}, 10000); err != nil || res.Next != fmt.Sprint(n+len(res.Jobs)) || res.Total != 100 {
		t.Errorf("second page: %+v, %v", res.Page, err)
	}
	res = agentapi.JobListResult{Jobs: slices.Clone(whole[:3])}
	if _, err := page(&res, &args{}, 10000); err != nil || res.Truncated || len(res.Jobs) != 3 {
		t.Errorf("what fits is left alone: %+v, %v", res.Page, err)
	}
	var lines agentapi.LogQueryResult
	for i := range 100 {
		lines.Lines = append(lines.Lines, agentapi.LogLine{Text: strings.Repeat("x", 300), Cursor: fmt.Sprint("c", i)})
	}
	lines.Total = 5000
	if v, err := page(&lines, &agentapi.LogQueryArgs{}, 10000); err != nil || size(v) > 10000 {
		t.Fatalf("%d bytes, %v", size(v), err)
	}
	if last := lines.Lines[len(lines.Lines)-1]; last.Cursor != "c99" || lines.Next != lines.Lines[0].Cursor || lines.Total != 5000 || !lines.Truncated {
		t.Errorf("log: from %s to %s, %+v", lines.Lines[0].Cursor, last.Cursor, lines.Page)
	}
}

func TestState(t *testing.T) {
	r := newRig(t, nil)
	if _, err := New(r.cfg); err == nil || !strings.Contains(err.Error(), r.cfg.StateDir+" is in use") {
		t.Errorf("two agents in one directory: %v", err)
	}
	if err := r.asAlice("service.restart", rpc.Envelope{}, unitArgs{Unit: "app"}, nil); err != nil {
		t.Fatal(err)
	}
	if err := r.agent.Close(); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"journal", "audit.jsonl"} {
		path := filepath.Join(r.cfg.StateDir, name)
		good, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		bad := slices.Clone(good)
		bad[len(bad)/2] ^= 1
		if err := os.WriteFile(path, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err = New(r.cfg)
		if err == nil || !strings.Contains(err.Error(), path+":") {
			t.Errorf("%s damaged: %v", name, err)
		}
		if after, err := os.ReadFile(path); err != nil || !slices.Equal(after, bad) {
			t.Errorf("%s was changed: %v", name, err)
		}
		if err := os.WriteFile(path, good, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	r.start()
	if err := r.asAlice("rpc.ping", rpc.Envelope{}, nil, nil); err != nil {
		t.Error(err)
	}
	if err := r.agent.Close(); err != nil {
		t.Fatal(err)
	}
	if rep, err := audit.Verify(filepath.Join(r.cfg.StateDir, "audit.jsonl")); err != nil || rep.Entries != 3 {
		t.Errorf("%+v, %v", rep, err)
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{"", file} {
		cfg := r.cfg
		cfg.StateDir = dir
		if _, err := New(cfg); err == nil || errors.Is(err, os.ErrExist) {
			t.Errorf("state directory %q: %v", dir, err)
		}
	}
}

// TestDiskClean: a write like others, below the directories of the configuration.
func TestDiskClean(t *testing.T) {
	dir := t.TempDir()
	old := filepath.Join(dir, "old")
	if err := os.WriteFile(old, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	at := time.Now().Add(-time.Hour)
	if err := os.Chtimes(old, at, at); err != nil {
		t.Fatal(err)
	}
	r := newRig(t, func(c *Config) { c.CleanPaths = []string{dir} })
	args := map[string]any{"path": dir, "older_seconds": 600}
	var would agentapi.RPCCheckResult
	if err := r.asAlice("rpc.check", rpc.Envelope{}, map[string]any{"method": "disk.clean", "args": args}, &would); err != nil || !would.Allowed || !strings.HasPrefix(would.Would, "delete 1 files") {
		t.Errorf("rpc.check: %+v, %v", would, err)
	}
	away := map[string]any{"path": "/usr", "older_seconds": 600}
	if err := r.asAlice("rpc.check", rpc.Envelope{}, map[string]any{"method": "disk.clean", "args": away}, &would); err != nil || !strings.Contains(would.Valid, "only this be cleaned") {
		t.Errorf("rpc.check of another directory: %+v, %v", would, err)
	}
	var res agentapi.DiskCleanResult
	if err := r.asAlice("disk.clean", rpc.Envelope{}, args, &res); err != nil || res.Files != 1 {
		t.Errorf("disk.clean: %+v, %v", res, err)
	}
	if _, err := os.Stat(old); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the file is still there: %v", err)
	}
}
