// Package process reads the process table from /proc: [Reader.List] answers
// proc.list, [Reader.Scan] and [Busiest] tell who used the processor between two
// moments, and [Reader.Unit] which service a process belongs to.
//
// It reads what the kernel prints and keeps nothing between calls. A process that
// ends while it is looked at is left out.
package process

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"adminbot/agentapi"
	"adminbot/internal/hostagent/redact"
	"adminbot/rpc"
)

// sampleTime is how long processor use is measured for a list: at 100 ticks a
// second, in steps of 2 percent of one processor.
const sampleTime = 500 * time.Millisecond

const (
	maxProcesses = 100_000 // that one scan looks at
	maxCmdline   = 1024    // bytes of one command line in an answer
)

// Reader reads one /proc. It is safe for concurrent use.
type Reader struct {
	proc string
}

// New reads the /proc that is mounted at proc; "" is /proc.
func New(proc string) *Reader {
	if proc == "" {
		proc = "/proc"
	}
	return &Reader{proc: proc}
}

// Entry is one process at one moment.
type Entry struct {
	PID  int32
	stat stat
}

// Name is the process's name as the kernel has it: at most 15 bytes.
func (e Entry) Name() string { return redact.Clean(e.stat.name, 64) }

// RSSBytes is the memory that the process has resident.
func (e Entry) RSSBytes() int64 { return e.stat.rss * int64(os.Getpagesize()) }

// Scan reads every process's stat line, by pid.
func (r *Reader) Scan(ctx context.Context) (map[int32]Entry, error) {
	dir, err := os.Open(r.proc)
	if err != nil {
		return nil, fmt.Errorf("process: %w", err)
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return nil, fmt.Errorf("process: %w", err)
	}
	found := make(map[int32]Entry, len(names))
	buf := make([]byte, 1024)
	for _, name := range names {
		if name[0] < '0' || name[0] > '9' {
			continue
		}
		pid, err := strconv.ParseInt(name, 10, 32)
		if err != nil || len(found) == maxProcesses {
			continue
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if st, ok := r.stat(int32(pid), buf); ok {
			found[int32(pid)] = Entry{PID: int32(pid), stat: st}
		}
	}
	return found, nil
}

// stat reads one stat line into buf.
func (r *Reader) stat(pid int32, buf []byte) (stat, bool) {
	f, err := os.Open(r.path(pid, "stat"))
	if err != nil {
		return stat{}, false
	}
	defer f.Close()
	n, _ := f.Read(buf)
	st, err := parseStat(buf[:n])
	return st, err == nil
}

func (r *Reader) path(pid int32, name string) string {
	return r.proc + "/" + strconv.Itoa(int(pid)) + "/" + name
}

// boot reads when the machine started.
func (r *Reader) boot() (time.Time, error) {
	b, err := os.ReadFile(filepath.Join(r.proc, "stat"))
	if err != nil {
		return time.Time{}, fmt.Errorf("process: %w", err)
	}
	for line := range bytes.Lines(b) {
		if rest, ok := bytes.CutPrefix(line, []byte("btime ")); ok {
			sec, err := strconv.ParseInt(string(bytes.TrimSpace(rest)), 10, 64)
			if err != nil {
				break
			}
			return time.Unix(sec, 0).UTC(), nil
		}
	}
	return time.Time{}, errors.New("process: the kernel does not say when it booted")
}

// Used is the processor time that a process took between two scans, as percent
// of one processor.
func used(before, after Entry, elapsed time.Duration) float64 {
	ticks := after.stat.ticks
	if before.stat.start == after.stat.start { // the same process, not one that got its number
		if before.stat.ticks > ticks {
			return 0
		}
		ticks -= before.stat.ticks
	}
	if elapsed <= 0 {
		return 0
	}
	return round(float64(ticks) / hz / elapsed.Seconds() * 100)
}

func round(f float64) float64 { return float64(int64(f*10+0.5)) / 10 }

// Busiest names up to n processes that used the processor most between two scans.
func Busiest(before, after map[int32]Entry, elapsed time.Duration, n int) []agentapi.CPUTop {
	top := make([]agentapi.CPUTop, 0, n)
	for pid, e := range after {
		if p := used(before[pid], e, elapsed); p > 0 {
			top = append(top, agentapi.CPUTop{PID: pid, Name: e.Name(), Percent: p})
		}
	}
	slices.SortFunc(top, func(a, b agentapi.CPUTop) int {
		return cmp.Or(cmp.Compare(b.Percent, a.Percent), cmp.Compare(a.PID, b.PID))
	})
	return slices.Clip(top[:min(n, len(top))])
}

// Largest names up to n processes with the most resident memory.
func Largest(all map[int32]Entry, n int) []agentapi.MemTop {
	top := make([]agentapi.MemTop, 0, len(all))
	for pid, e := range all {
		if e.stat.rss > 0 {
			top = append(top, agentapi.MemTop{PID: pid, Name: e.Name(), RSSBytes: e.RSSBytes()})
		}
	}
	slices.SortFunc(top, func(a, b agentapi.MemTop) int {
		return cmp.Or(cmp.Compare(b.RSSBytes, a.RSSBytes), cmp.Compare(a.PID, b.PID))
	})
	return slices.Clip(top[:min(n, len(top))])
}

// List answers proc.list. It takes about half a second, over which processor use
// is measured.
func (r *Reader) List(ctx context.Context, args agentapi.ProcListArgs) (agentapi.ProcListResult, error) {
	var res agentapi.ProcListResult
	var name *regexp.Regexp
	if args.Name != "" {
		var err error
		if name, err = regexp.Compile(args.Name); err != nil {
			return res, &rpc.Fault{Code: rpc.FaultParams, Message: "name: " + err.Error()}
		}
	}
	boot, err := r.boot()
	if err != nil {
		return res, err
	}
	before, err := r.Scan(ctx)
	if err != nil {
		return res, err
	}
	began := time.Now()
	if err := Wait(ctx, sampleTime); err != nil {
		return res, err
	}
	after, err := r.Scan(ctx)
	if err != nil {
		return res, err
	}
	elapsed := time.Since(began)

	users := userNames{}
	wantUID, err := users.wanted(args.User)
	if err != nil {
		return res, err
	}
	for pid, e := range after {
		if args.PID != nil && *args.PID != pid || name != nil && !name.MatchString(e.stat.name) {
			continue
		}
		uid, err := r.owner(pid)
		if err != nil || wantUID != "" && uid != wantUID {
			continue
		}
		res.Processes = append(res.Processes, agentapi.Process{
			PID: pid, PPID: e.stat.ppid, Name: e.Name(), User: uid, State: string(e.stat.state),
			CPUPercent: used(before[pid], e, elapsed), RSSBytes: e.RSSBytes(), Threads: e.stat.threads,
			StartAt: e.stat.startedAt(boot),
		})
	}
	if args.PID != nil && len(res.Processes) == 0 {
		return res, &rpc.Fault{Code: rpc.FaultNotFound, Message: fmt.Sprintf("no process %d (or not one that was asked for)", *args.PID)}
	}
	slices.SortFunc(res.Processes, order(args.Sort))
	res.Total = int32(len(res.Processes))
	limit := int(args.Limit)
	if limit <= 0 {
		limit = 20
	}
	if len(res.Processes) > limit {
		res.Processes, res.Truncated = slices.Clip(res.Processes[:limit]), true
	}
	for i := range res.Processes {
		r.details(&res.Processes[i], users, args.Args)
	}
	return res, nil
}

// order compares processes by what was asked, largest or newest first.
func order(by string) func(a, b agentapi.Process) int {
	return func(a, b agentapi.Process) int {
		cpu := cmp.Compare(b.CPUPercent, a.CPUPercent)
		mem := cmp.Compare(b.RSSBytes, a.RSSBytes)
		pid := cmp.Compare(a.PID, b.PID)
		switch by {
		case "memory":
			return cmp.Or(mem, cpu, pid)
		case "start":
			return cmp.Or(b.StartAt.Compare(a.StartAt), cmp.Compare(b.PID, a.PID))
		}
		return cmp.Or(cpu, mem, pid)
	}
}

// details adds what costs another look at the process.
func (r *Reader) details(p *agentapi.Process, users userNames, args bool) {
	p.User = users.name(p.User)
	p.Unit = r.Unit(p.PID)
	if d, err := os.Open(r.path(p.PID, "fd")); err == nil {
		if names, err := d.Readdirnames(-1); err == nil {
			n := int32(len(names))
			p.FDs = &n
		}
		d.Close()
	}
	if args {
		p.Cmdline = r.cmdline(p.PID)
	}
}

// cmdline is the process's command line without secrets; empty for the kernel's.
func (r *Reader) cmdline(pid int32) string {
	f, err := os.Open(r.path(pid, "cmdline"))
	if err != nil {
		return ""
	}
	defer f.Close()
	buf := make([]byte, 4*maxCmdline)
	n, _ := f.Read(buf)
	text := strings.TrimRight(string(buf[:n]), "\x00")
	if text == "" {
		return ""
	}
	return redact.Args(strings.Split(text, "\x00"), maxCmdline)
}

// Name is the name of one process; empty when it is gone.
func (r *Reader) Name(pid int32) string {
	st, ok := r.stat(pid, make([]byte, 1024))
	if !ok {
		return ""
	}
	return redact.Clean(st.name, 64)
}

// Unit is the service to which the process belongs; empty for none.
func (r *Reader) Unit(pid int32) string {
	b, err := os.ReadFile(r.path(pid, "cgroup"))
	if err != nil {
		return ""
	}
	return redact.Clean(UnitOf(b), 256)
}

// owner is the user id under which the process runs, as text.
func (r *Reader) owner(pid int32) (string, error) {
	fi, err := os.Stat(r.proc + "/" + strconv.Itoa(int(pid)))
	if err != nil {
		return "", err
	}
	st, ok := fi.Sys().(*syscall.Stat_t)
	if !ok {
		return "", errors.New("process: no owner")
	}
	return strconv.FormatUint(uint64(st.Uid), 10), nil
}

// userNames remembers names by user id for one answer.
type userNames map[string]string

func (u userNames) name(uid string) string {
	name, ok := u[uid]
	if !ok {
		name = uid
		if found, err := user.LookupId(uid); err == nil {
			name = found.Username
		}
		u[uid] = name
	}
	return name
}

// wanted is the user id that a name or number stands for; empty for no name.
func (u userNames) wanted(name string) (string, error) {
	if name == "" {
		return "", nil
	}
	if found, err := user.Lookup(name); err == nil {
		return found.Uid, nil
	}
	if _, err := strconv.ParseUint(name, 10, 32); err == nil {
		return name, nil
	}
	return "", &rpc.Fault{Code: rpc.FaultNotFound, Message: fmt.Sprintf("no user %s here", name)}
}

// Wait passes d, or returns the context's error when that ends first.
func Wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
