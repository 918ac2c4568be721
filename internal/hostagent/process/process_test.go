package process

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"adminbot/agentapi"
	"adminbot/rpc"
)

// fakeProc writes a small /proc. A process's files belong to whoever runs the
// test.
type fakeProc struct {
	t    *testing.T
	root string
}

func newFakeProc(t *testing.T) fakeProc {
	p := fakeProc{t, t.TempDir()}
	p.write("stat", "cpu 0\nbtime 1795179600\nprocs_running 1\n")
	return p
}

func (p fakeProc) write(name, text string) {
	p.t.Helper()
	file := filepath.Join(p.root, name)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		p.t.Fatal(err)
	}
}

func (p fakeProc) process(pid int, name string, ticks, start, pages int) {
	p.write(strconv.Itoa(pid)+"/stat", fmt.Sprintf(
		"%d (%s) S 1 %d %d 0 -1 4194560 1 2 3 4 %d 0 0 0 20 0 3 0 %d 1000000 %d 18446744073709551615 1 1 0 0 0 0 0 0 0 0 0 0 17 1 0 0 0 0 0\n",
		pid, name, pid, pid, ticks, start, pages))
}

func TestParseStat(t *testing.T) {
	tests := []struct {
		name, line string
		want       stat
		bad        bool
	}{
		{"usual", "7 (nginx) S 1 7 7 0 -1 4194560 1 2 3 4 50 25 0 0 20 0 3 0 400 1000 99 1\n",
			stat{name: "nginx", state: 'S', ppid: 1, ticks: 75, threads: 3, start: 400, rss: 99}, false},
		{"parentheses in the name", "7 (a) R (b) Z 1 7 7 0 -1 0 1 2 3 4 1 1 0 0 20 0 1 0 4 1000 9 1\n",
			stat{name: "a) R (b", state: 'Z', ppid: 1, ticks: 2, threads: 1, start: 4, rss: 9}, false},
		{"cut", "7 (nginx) S 1 7", stat{}, true},
		{"no name", "7 nginx S 1", stat{}, true},
		{"empty", "", stat{}, true},
		{"letters", "7 (x) S 1 7 7 0 -1 0 1 2 3 4 a 1 0 0 20 0 1 0 4 1000 9 1", stat{}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := parseStat([]byte(tt.line))
			if (err != nil) != tt.bad || got != tt.want {
				t.Errorf("%+v, %v; want %+v", got, err, tt.want)
			}
		})
	}
}

func FuzzParseStat(f *testing.F) {
	f.Add([]byte("7 (nginx) S 1 7 7 0 -1 4194560 1 2 3 4 50 25 0 0 20 0 3 0 400 1000 99 1\n"))
	f.Add([]byte(")("))
	f.Fuzz(func(t *testing.T, b []byte) {
		if s, err := parseStat(b); err == nil && (s.rss < 0 || len(s.name) > len(b)) {
			t.Errorf("%+v of %q", s, b)
		}
	})
}

func TestUnitOf(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"version 2", "0::/system.slice/nginx.service\n", "nginx.service"},
		{"version 1", "5:cpu:/\n1:name=systemd:/system.slice/ssh.service\n", "ssh.service"},
		{"nested", "0::/system.slice/docker.service/abc/init\n", "docker.service"},
		{"a user's", "0::/user.slice/user-0.slice/session-1.scope\n", "session-1.scope"},
		{"a user's service", "0::/user.slice/user-1000.slice/user@1000.service/app.slice/syncthing.service\n", "syncthing.service"},
		{"none", "0::/\n", ""},
		{"empty", "", ""},
	}
	for _, tt := range tests {
		if got := UnitOf([]byte(tt.in)); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestList(t *testing.T) {
	p := newFakeProc(t)
	p.process(1, "init", 1000, 10, 100)
	p.process(40, "nginx", 500, 400, 3000)
	p.process(41, "postgres", 900, 500, 9000)
	p.write("40/cgroup", "0::/system.slice/nginx.service\n")
	p.write("40/cmdline", "nginx: worker\x00--token\x00abc\x00")
	p.write("40/fd/0", "")
	p.write("40/fd/1", "")
	p.write("self/stat", "")
	p.write("99/other", "") // gone before its stat was read

	page := int64(os.Getpagesize())
	names := func(res agentapi.ProcListResult) (out []string) {
		for _, e := range res.Processes {
			out = append(out, e.Name)
		}
		return out
	}
	i32 := func(n int32) *int32 { return &n }
	tests := []struct {
		name string
		args agentapi.ProcListArgs
		want []string
		code int
	}{
		{"by processor", agentapi.ProcListArgs{Sort: "cpu"}, []string{"nginx", "newcomer", "postgres", "init"}, 0},
		{"by memory", agentapi.ProcListArgs{Sort: "memory", Limit: 2}, []string{"postgres", "nginx"}, 0},
		{"newest", agentapi.ProcListArgs{Sort: "start", Limit: 1}, []string{"newcomer"}, 0},
		{"by name", agentapi.ProcListArgs{Name: "^(nginx|post)"}, []string{"nginx", "postgres"}, 0},
		{"one", agentapi.ProcListArgs{PID: i32(41)}, []string{"postgres"}, 0},
		{"none such", agentapi.ProcListArgs{PID: i32(4000)}, nil, rpc.FaultNotFound},
		{"no such user", agentapi.ProcListArgs{User: "nobody-at-all"}, nil, rpc.FaultNotFound},
		{"somebody else's", agentapi.ProcListArgs{User: "4294967290"}, nil, 0},
		{"mine", agentapi.ProcListArgs{User: strconv.Itoa(os.Getuid()), Limit: 1}, []string{"nginx"}, 0},
		{"not a pattern", agentapi.ProcListArgs{Name: "("}, nil, rpc.FaultParams},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				go func() { // half way through the sample
					<-time.After(sampleTime / 2)
					p.process(40, "nginx", 525, 400, 3000)
					p.process(50, "newcomer", 5, 60000, 10)
				}()
				defer func() {
					p.process(40, "nginx", 500, 400, 3000)
					os.RemoveAll(filepath.Join(p.root, "50"))
				}()
				defer synctest.Wait()
				res, err := New(p.root).List(t.Context(), tt.args)
				if tt.code == rpc.FaultParams || tt.code == 0 && err == nil {
					<-time.After(sampleTime)
				}
				if rpc.FaultCode(err) != tt.code || err != nil && tt.code == 0 {
					t.Fatalf("%v, want fault %d", err, tt.code)
				}
				if tt.code == 0 {
					if d := cmp.Diff(tt.want, names(res)); d != "" {
						t.Errorf("-want +got:\n%s", d)
					}
				}
			})
		})
	}

	t.Run("in full", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			res, err := New(p.root).List(t.Context(), agentapi.ProcListArgs{Name: "nginx", Args: true})
			if err != nil {
				t.Fatal(err)
			}
			want := []agentapi.Process{{
				PID: 40, PPID: 1, Name: "nginx", User: userNames{}.name(strconv.Itoa(os.Getuid())), State: "S", RSSBytes: 3000 * page,
				Threads: 3, FDs: i32(2), StartAt: time.Unix(1795179604, 0).UTC(), Unit: "nginx.service", Cmdline: "nginx: worker --token [cut]",
			}}
			if d := cmp.Diff(want, res.Processes); d != "" {
				t.Errorf("-want +got:\n%s", d)
			}
		})
	})
}

func TestUsed(t *testing.T) {
	e := func(start, ticks uint64) Entry { return Entry{stat: stat{start: start, ticks: ticks}} }
	tests := []struct {
		name          string
		before, after Entry
		want          float64
	}{
		{"half a processor", e(1, 100), e(1, 150), 50},
		{"two processors", e(1, 0), e(1, 200), 200},
		{"idle", e(1, 7), e(1, 7), 0},
		{"the number was taken over", e(1, 5000), e(2, 10), 10},
		{"counters stepped back", e(1, 10), e(1, 9), 0},
	}
	for _, tt := range tests {
		if got := used(tt.before, tt.after, time.Second); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}

// The real machine: this test itself must be among its processes, and a busy
// loop must show.
func TestRealMachine(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		for n := 0; ctx.Err() == nil; n++ {
			_ = n * n
		}
	}()
	me := int32(os.Getpid())
	res, err := New("").List(t.Context(), agentapi.ProcListArgs{PID: &me, Args: true})
	if err != nil {
		t.Fatal(err)
	}
	if len(res.Processes) != 1 {
		t.Fatalf("%d processes", len(res.Processes))
	}
	p := res.Processes[0]
	if p.CPUPercent < 5 || p.RSSBytes < 1<<20 || p.FDs == nil || *p.FDs < 3 || p.PPID != int32(os.Getppid()) || p.Cmdline == "" ||
		time.Since(p.StartAt) < 0 || time.Since(p.StartAt) > time.Hour || p.Threads < 1 {
		t.Errorf("%+v", p)
	}
	cancel()
	if _, err := New("").List(ctx, agentapi.ProcListArgs{}); err == nil {
		t.Error("a cancelled call answers")
	}
}

func BenchmarkScan(b *testing.B) {
	r := New("")
	for b.Loop() {
		if _, err := r.Scan(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}
