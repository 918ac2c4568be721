//go:build !unit

package service

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"adminbot/internal/nginxtest"
)

// put writes an init script; its comments and body follow the shell line.
func put(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+text), 0o755); err != nil {
		t.Fatal(err)
	}
}

func manager(t *testing.T) (*Init, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "init.d")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	m := NewInit(dir, t.TempDir())
	m.run = t.TempDir()
	return m, dir
}

// nginx installs a real nginx of the test's own, and ends it when the test ends.
func nginx(t *testing.T, dir string) (url string) {
	t.Helper()
	n, err := nginxtest.Install(dir, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.Kill)
	return n.URL
}

func status(t *testing.T, m Manager, unit string) Status {
	t.Helper()
	st, err := m.Status(t.Context(), unit)
	if err != nil {
		t.Fatal(err)
	}
	return st
}

func do(t *testing.T, m Manager, a Action, unit string) {
	t.Helper()
	if err := m.Do(t.Context(), a, unit); err != nil {
		t.Fatal(err)
	}
}

// TestNginx starts, reloads, restarts and stops a real nginx.
func TestNginx(t *testing.T) {
	m, dir := manager(t)
	url := nginx(t, dir)
	if st := status(t, m, "nginx.service"); st.Active != "inactive" || st.Sub != "dead" || st.MainPID != nil || st.Description != "the web server" {
		t.Fatalf("before: %+v", st)
	}
	do(t, m, Start, "nginx.service")
	first := status(t, m, "nginx.service")
	if first.Active != "active" || first.Sub != "running" || first.MainPID == nil || first.Since.IsZero() || time.Since(first.Since) > time.Minute {
		t.Fatalf("started: %+v", first)
	}
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	do(t, m, Reload, "nginx.service")
	if st := status(t, m, "nginx.service"); st.MainPID == nil || *st.MainPID != *first.MainPID {
		t.Errorf("reload changed the main process: %+v", st)
	}
	do(t, m, Restart, "nginx.service")
	second := status(t, m, "nginx.service")
	if second.MainPID == nil || *second.MainPID == *first.MainPID {
		t.Errorf("restart kept the main process %d", *first.MainPID)
	}
	do(t, m, Stop, "nginx.service")
	if st := status(t, m, "nginx.service"); st.Active != "inactive" {
		t.Errorf("stopped: %+v", st)
	}
	if _, err := http.Get(url); err == nil {
		t.Error("it still answers")
	}
	list, err := m.List(t.Context())
	if err != nil || len(list) != 1 || list[0].Unit != "nginx.service" {
		t.Errorf("list: %+v, %v", list, err)
	}
}

func TestInitStatus(t *testing.T) {
	m, dir := manager(t)
	pid := func(name, text string) string {
		p := filepath.Join(m.run, name)
		if err := os.WriteFile(p, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return p
	}
	pid("alive.pid", fmt.Sprintf("%d\n", os.Getpid()))
	pid("gone.pid", "4194303\n")
	pid("pidleft.pid", "4194303\n")
	own := pid("elsewhere", fmt.Sprintf("%d\n", os.Getpid()))
	for _, tc := range []struct {
		name, body, active, sub string
		pid                     bool
	}{
		{"alive", "exit 0", "active", "running", true},
		{"contented", "exit 0", "active", "exited", false},
		{"gone", "exit 0", "failed", "failed", false},
		{"pidleft", "exit 1", "failed", "failed", false},
		{"nostatus", "exit 1", "inactive", "dead", false},
		{"usage2", "exit 2", "inactive", "dead", false},
		{"down", "exit 3", "inactive", "dead", false},
		{"usage", "# pidfile: " + own + "\nexit 1", "active", "running", true},
		{"odd", "exit 64", "inactive", "dead", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			put(t, dir, tc.name, tc.body+"\n")
			st := status(t, m, tc.name+".service")
			if st.Active != tc.active || st.Sub != tc.sub || (st.MainPID != nil) != tc.pid {
				t.Errorf("got %+v", st)
			}
		})
	}
}

func TestInitFind(t *testing.T) {
	m, dir := manager(t)
	put(t, dir, "good", "exit 0\n")
	put(t, dir, "open", "exit 0\n")
	put(t, dir, "plain", "exit 0\n")
	put(t, dir, "old.dpkg-dist", "exit 0\n")
	for name, mode := range map[string]os.FileMode{"open": 0o777, "plain": 0o644} {
		if err := os.Chmod(filepath.Join(dir, name), mode); err != nil {
			t.Fatal(err)
		}
	}
	put(t, filepath.Dir(dir), "outside", "exit 0\n")
	for unit, want := range map[string]error{
		"good.service": nil, "open.service": ErrUnsupported, "plain.service": ErrNotFound, "none.service": ErrNotFound,
		"../outside.service": ErrNotFound, "good.socket": ErrNotFound, ".service": ErrNotFound, "good": ErrNotFound,
	} {
		if _, err := m.Status(t.Context(), unit); !errors.Is(err, want) || want == nil && err != nil {
			t.Errorf("%s: %v, want %v", unit, err, want)
		}
		if err := m.Do(t.Context(), Reload, unit); !errors.Is(err, want) || want == nil && err != nil {
			t.Errorf("reload %s: %v, want %v", unit, err, want)
		}
	}
	rc := filepath.Join(filepath.Dir(dir), "rc2.d")
	if err := os.Mkdir(rc, 0o755); err != nil {
		t.Fatal(err)
	}
	if st := status(t, m, "good.service"); st.Enabled != "disabled" {
		t.Errorf("enabled: %q", st.Enabled)
	}
	if err := os.Symlink("../init.d/good", filepath.Join(rc, "S01good")); err != nil {
		t.Fatal(err)
	}
	if st := status(t, m, "good.service"); st.Enabled != "enabled" {
		t.Errorf("enabled: %q", st.Enabled)
	}
	list, err := m.List(t.Context())
	if err != nil || len(list) != 1 {
		t.Errorf("list: %+v, %v", list, err)
	}
}

func TestInitFailure(t *testing.T) {
	m, dir := manager(t)
	put(t, dir, "bad", `case "$1" in
start) i=0; while [ $i -lt 30 ]; do echo "line $i"; i=$((i+1)); done; printf '\033[31mcannot bind\001 port password=hunter2\033[0m\n' >&2; exit 4 ;;
reload) exit 3 ;;
stop) echo stopped; exit 0 ;;
status) exit 0 ;;
esac
`)
	err := m.Do(t.Context(), Start, "bad.service")
	f, ok := errors.AsType[*Failure](err)
	if !ok || f.ExitCode != 4 || f.Why != "exit status 4" || len(f.Log) != maxLines || f.Log[maxLines-1] != "cannot bind\uFFFD port password=[cut]" || f.Log[0] != "line 11" {
		t.Errorf("start: %v %+v", err, f)
	}
	if err := m.Do(t.Context(), Reload, "bad.service"); !errors.Is(err, ErrUnsupported) {
		t.Errorf("reload: %v", err)
	}
	err = m.Do(t.Context(), Stop, "bad.service")
	if f, ok := errors.AsType[*Failure](err); !ok || f.Why != "the script succeeded but the service is active" || len(f.Log) != 1 {
		t.Errorf("stop: %v", err)
	}
}

// TestInitEnvironment checks that a script gets one argument, no input and
// nothing of the agent's environment.
func TestInitEnvironment(t *testing.T) {
	t.Setenv("SECRET", "hunter2")
	m, dir := manager(t)
	out := filepath.Join(t.TempDir(), "out")
	put(t, dir, "env", `[ "$1" = status ] && exit 0
{ echo "$# $1 $(pwd) [$SECRET] $PATH"; cat; } > `+out+"\n")
	do(t, m, Restart, "env.service")
	b, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	if want := "1 restart / [] " + strings.TrimPrefix(scriptEnv[0], "PATH=") + "\n"; string(b) != want {
		t.Errorf("got %q, want %q", b, want)
	}
	left, err := os.ReadDir(m.temp)
	if err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// TestInitTimeout ends a script that would go on, with its children.
func TestInitTimeout(t *testing.T) {
	m, dir := manager(t)
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	put(t, dir, "slow", `[ "$1" = status ] && exit 3
echo waiting
sleep 600 &
echo $! > `+fifo+`
wait
`)
	ctx, cancel := context.WithCancel(t.Context())
	child := make(chan int, 1)
	go func() {
		defer cancel() // the script has started its child: its time is over
		b, err := os.ReadFile(fifo)
		if err != nil {
			t.Error(err)
		}
		var n int
		if _, err := fmt.Sscan(string(b), &n); err != nil {
			t.Error(err)
		}
		child <- n
	}()
	if err := m.Do(ctx, Start, "slow.service"); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	pid := <-child
	for syscall.Kill(pid, 0) == nil { // a zombie until init reaps it
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil || strings.Contains(string(b), ") Z ") {
			break
		}
	}
}

// TestInitDaemonKeepsOutput: a daemon that keeps its output open does not
// hold up the answer.
func TestInitDaemonKeepsOutput(t *testing.T) {
	m, dir := manager(t)
	pidFile := filepath.Join(m.run, "chatty.pid")
	put(t, dir, "chatty", `case "$1" in
start) sleep 600 & echo $! > `+pidFile+` ;;
stop) kill "$(cat `+pidFile+`)"; rm `+pidFile+` ;;
status) [ -s `+pidFile+` ] || exit 3 ;;
esac
`)
	do(t, m, Start, "chatty.service")
	if st := status(t, m, "chatty.service"); st.MainPID == nil {
		t.Errorf("got %+v", st)
	}
	do(t, m, Stop, "chatty.service")
}
