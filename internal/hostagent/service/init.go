package service

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/prometheus/procfs"

	"adminbot/agentapi"
	"adminbot/internal/hostagent/redact"
)

// How long a script may take that is only asked for the status, how many are
// asked at once, and how long a service may take to show the state that its
// script has promised.
const (
	statusTimeout = 5 * time.Second
	statusAtOnce  = 4
	settleTime    = 3 * time.Second
	settleStep    = 50 * time.Millisecond
)

// Init manages the scripts of a directory like /etc/init.d.
type Init struct {
	dir  string
	temp string
	run  string // where pid files are by default

	patience time.Duration // what a script has that is asked for its status
}

// NewInit returns the manager of the scripts in dir ("" means /etc/init.d).
// temp is a directory for the output of scripts while they run ("" means
// /tmp); nothing stays there.
func NewInit(dir, temp string) *Init {
	return &Init{dir: cmp.Or(dir, "/etc/init.d"), temp: cmp.Or(temp, "/tmp"), run: "/run", patience: statusTimeout}
}

// Kind is "init".
func (m *Init) Kind() string { return "init" }

// script is what the comments of an init script say.
type script struct {
	path        string
	description string
	pidFile     string
}

// find returns the script of a unit. It refuses one that others than root and
// the agent's own account could have written or put there: it would run with
// the agent's rights.
func (m *Init) find(unit string) (script, error) {
	name, ok := bare(unit)
	if !ok {
		return script{}, fmt.Errorf("%w: %s", ErrNotFound, unit)
	}
	s := script{path: filepath.Join(m.dir, name), pidFile: filepath.Join(m.run, name+".pid")}
	st, err := os.Stat(s.path)
	if err != nil || !st.Mode().IsRegular() || st.Mode()&0o111 == 0 {
		return script{}, fmt.Errorf("%w: %s", ErrNotFound, unit)
	}
	dir, err := filepath.EvalSymlinks(m.dir)
	if err != nil {
		return script{}, fmt.Errorf("%w: %s", ErrNotFound, unit)
	}
	target, err := filepath.EvalSymlinks(s.path)
	if err != nil {
		return script{}, fmt.Errorf("%w: %s", ErrNotFound, unit)
	}
	for _, path := range []string{m.dir, dir, s.path, filepath.Dir(target), target} {
		if err := ours(path); err != nil {
			return script{}, err
		}
	}
	f, err := os.Open(s.path)
	if err != nil {
		return script{}, fmt.Errorf("service: %w", err)
	}
	defer f.Close()
	s.header(f)
	return s, nil
}

// ours refuses a file or directory that others than root and the agent's own
// account own or can write to. A link is looked at itself, but for its mode,
// which links do not have.
func ours(path string) error {
	st, err := os.Lstat(path)
	if err != nil {
		return fmt.Errorf("service: %w", err)
	}
	sys, ok := st.Sys().(*syscall.Stat_t)
	if !ok {
		return fmt.Errorf("%w: whose %s is, is not known", ErrUnsupported, path)
	}
	if sys.Uid != 0 && int(sys.Uid) != os.Getuid() {
		return fmt.Errorf("%w: %s belongs to uid %d, not to root or the host agent", ErrUnsupported, path, sys.Uid)
	}
	if st.Mode().Type() != os.ModeSymlink && st.Mode()&0o022 != 0 {
		return fmt.Errorf("%w: %s can be written by others than its owner (mode %04o)", ErrUnsupported, path, st.Mode().Perm())
	}
	return nil
}

// header reads the LSB header (Short-Description) and a "# pidfile:" line
// from the first part of a script.
func (s *script) header(r io.Reader) {
	sc := bufio.NewScanner(io.LimitReader(r, 16<<10))
	lsb := false
	for sc.Scan() {
		line, ok := strings.CutPrefix(sc.Text(), "#")
		if !ok {
			continue
		}
		line = strings.TrimSpace(line)
		switch line {
		case "### BEGIN INIT INFO", "## BEGIN INIT INFO":
			lsb = true
		case "### END INIT INFO", "## END INIT INFO":
			lsb = false
		}
		key, value, ok := strings.Cut(line, ":")
		if !ok {
			continue
		}
		value = strings.TrimSpace(value)
		switch {
		case lsb && strings.EqualFold(key, "Short-Description"):
			s.description = redact.Clean(value, 200)
		case strings.EqualFold(key, "pidfile") && filepath.IsAbs(value):
			s.pidFile = filepath.Clean(value)
		}
	}
}

// List asks every script of the directory for its status.
func (m *Init) List(ctx context.Context) ([]Status, error) {
	entries, err := os.ReadDir(m.dir)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	var units []string
	for _, e := range entries {
		name := e.Name()
		if strings.HasPrefix(name, ".") || strings.ContainsAny(name, "~ ") || strings.Contains(name, ".dpkg-") {
			continue
		}
		if _, err := m.find(name + ".service"); err == nil {
			units = append(units, name+".service")
		}
	}
	out := make([]Status, len(units))
	slots := make(chan struct{}, statusAtOnce)
	var wg sync.WaitGroup
	for i, unit := range units {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			st, err := m.Status(ctx, unit)
			if err != nil {
				st = Status{UnitState: agentapi.UnitState{Unit: unit, Load: "error", Active: "unknown", Sub: "unknown"}}
			}
			out[i] = st
		})
	}
	wg.Wait()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return out, nil
}

// Status asks the script and looks at the process its pid file names.
func (m *Init) Status(ctx context.Context, unit string) (Status, error) {
	s, err := m.find(unit)
	if err != nil {
		return Status{}, err
	}
	st := Status{UnitState: agentapi.UnitState{Unit: unit, Load: "loaded", Description: s.description, Enabled: m.enabled(unit)}}
	asking, cancel := context.WithTimeout(ctx, m.patience)
	defer cancel()
	res := m.exec(asking, s.path, "status")
	switch {
	case ctx.Err() != nil:
		return Status{}, fmt.Errorf("service: %s status: %w", s.path, ctx.Err())
	case asking.Err() != nil && res.err != nil:
		return Status{}, fmt.Errorf("%w: %s status did not end within %v", ErrSlow, s.path, m.patience)
	}
	pid, since, alive := running(s.pidFile)
	// Exit codes of the status action, LSB 3.1 "Init Script Actions". A pid
	// file with a live process outweighs a script that knows no status
	// action and says so with some other code; one whose process is gone
	// outweighs a script that is content. Without a pid file, 1 and 2 say no
	// more than that the script may not know the action.
	switch {
	case res.code == 0 && (alive || pid == 0):
		st.Active, st.Sub = "active", "running"
		if !alive {
			st.Sub = "exited" // the script is content and there is no process to look at
		}
	case alive && res.code != 3:
		st.Active, st.Sub = "active", "running"
	case res.code >= 0 && res.code <= 2 && pid != 0:
		st.Active, st.Sub = "failed", "failed" // dead, and its pid file is still there
	default:
		st.Active, st.Sub = "inactive", "dead"
	}
	if st.Active == "active" && alive {
		st.MainPID, st.Since = &pid, since
	}
	return st, nil
}

// enabled looks for a start link in the directories of the multi-user
// runlevels beside the scripts' own; empty when there are no such directories.
func (m *Init) enabled(unit string) string {
	name, _ := bare(unit)
	found := false
	for _, level := range []string{"2", "3", "4", "5", "S"} {
		entries, err := os.ReadDir(filepath.Join(filepath.Dir(m.dir), "rc"+level+".d"))
		if err != nil {
			continue
		}
		found = true
		if slices.ContainsFunc(entries, func(e os.DirEntry) bool {
			n := e.Name()
			return len(n) > 3 && n[0] == 'S' && n[3:] == name
		}) {
			return "enabled"
		}
	}
	if !found {
		return ""
	}
	return "disabled"
}

// running reads a pid file and looks whether that process lives, and since
// when. pid is 0 when there is no usable pid file.
func running(pidFile string) (pid int32, since time.Time, alive bool) {
	f, err := os.Open(pidFile)
	if err != nil {
		return 0, time.Time{}, false
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, 64))
	if err != nil {
		return 0, time.Time{}, false
	}
	first, _, _ := strings.Cut(strings.TrimSpace(string(b)), "\n")
	n, err := strconv.ParseInt(strings.TrimSpace(first), 10, 32)
	if err != nil || n <= 0 {
		return 0, time.Time{}, false
	}
	p, err := procfs.NewProc(int(n))
	if err != nil {
		return int32(n), time.Time{}, false
	}
	stat, err := p.Stat()
	if err != nil || stat.State == "Z" || stat.State == "X" {
		return int32(n), time.Time{}, false
	}
	if at, err := stat.StartTime(); err == nil {
		since = time.Unix(0, int64(at*1e9)).UTC().Truncate(10 * time.Millisecond)
	}
	return int32(n), since, true
}

// Do runs the script with the action and waits until the service shows the
// state the script has promised.
func (m *Init) Do(ctx context.Context, action Action, unit string) error {
	s, err := m.find(unit)
	if err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	res := m.exec(ctx, s.path, string(action))
	switch {
	case res.err != nil && ctx.Err() != nil:
		return fmt.Errorf("service: %s of %s was ended: %w", action, unit, ctx.Err())
	case res.err != nil:
		return &Failure{Action: action, Unit: unit, Why: res.err.Error(), ExitCode: -1, Log: res.lines}
	case res.code == 3 && action == Reload: // LSB: unimplemented feature
		return fmt.Errorf("%w: the script of %s has no reload", ErrUnsupported, unit)
	case res.code != 0:
		return &Failure{Action: action, Unit: unit, Why: "exit status " + strconv.Itoa(res.code), ExitCode: int32(res.code), Log: res.lines}
	}
	return m.settle(ctx, action, unit, res.lines)
}

// settle waits for the state that follows the action: a daemon may return
// before its pid file is written, or after its script was content.
func (m *Init) settle(ctx context.Context, action Action, unit string, lines []string) error {
	if action == Reload {
		return nil
	}
	want := "active"
	if action == Stop {
		want = "inactive"
	}
	deadline := time.NewTimer(settleTime)
	defer deadline.Stop()
	step := time.NewTicker(settleStep)
	defer step.Stop()
	for {
		st, err := m.Status(ctx, unit)
		if err == nil && st.Active == want {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("service: %s of %s: %w", action, unit, ctx.Err())
		case <-deadline.C:
			if err != nil {
				return err
			}
			return &Failure{Action: action, Unit: unit, Why: fmt.Sprintf("the script succeeded but the service is %s", st.Active), ExitCode: 0, Log: lines}
		case <-step.C:
		}
	}
}
