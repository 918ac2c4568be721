//go:build !unit

package main

import (
	"bufio"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	// They wait for servers and timers more than they compute; -parallel still decides.
	if err := flag.Set("test.parallel", strconv.Itoa(2*runtime.GOMAXPROCS(0))); err != nil {
		panic(err)
	}
	testscript.Main(m, map[string]func(){"adminbot": main})
}

// TestScripts runs the command line as a person would: testdata/*.txt.
func TestScripts(t *testing.T) {
	t.Parallel()
	runScripts(t, "testdata", "")
}

// runScripts runs the scripts of a directory. site is the directory of an
// installation that runs already, if they need one.
func runScripts(t *testing.T, dir, site string) {
	client, err := filepath.Abs("testdata/client.py")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 dir,
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("HOME", env.WorkDir)
			env.Setenv("CLIENT", client)
			env.Setenv("SITE", site)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"start": start,
			"end":   end,
			"exits": exits,
			"until": until,
			"mode":  mode,
			"nginx": nginx,
			"login": loginAs,

			"server": restartServer,
		},
	})
}

// A daemon is a program that a script runs in the background.
type daemon struct {
	cmd  *exec.Cmd
	done chan struct{}
	mu   sync.Mutex
	text strings.Builder // what it printed, both streams
}

// daemons of the scripts that run, by script and name.
var daemons sync.Map

// start NAME WAIT-FOR COMMAND [ARG...] runs a command in the background and
// waits until it has printed a line that contains WAIT-FOR.
func start(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: start NAME WAIT-FOR COMMAND [ARG...]")
	}
	name, waitFor := args[0], args[1]
	cmd := exec.Command(args[2], args[3:]...)
	path, err := lookPath(ts.Getenv("PATH"), args[2])
	ts.Check(err)
	cmd.Path = path
	cmd.Dir = ts.MkAbs(".")
	cmd.Env = []string{"HOME=" + ts.Getenv("HOME"), "PATH=" + ts.Getenv("PATH"), "TMPDIR=" + ts.Getenv("TMPDIR")}
	d := &daemon{cmd: cmd, done: make(chan struct{})}
	r, w := io.Pipe()
	cmd.Stdout, cmd.Stderr = w, w
	ts.Check(cmd.Start())
	go func() {
		cmd.Wait()
		w.Close()
		close(d.done)
	}()
	ready := make(chan bool, 1)
	go func() {
		lines := bufio.NewScanner(r)
		for lines.Scan() {
			d.mu.Lock()
			fmt.Fprintln(&d.text, lines.Text())
			d.mu.Unlock()
			if strings.Contains(lines.Text(), waitFor) {
				select {
				case ready <- true:
				default:
				}
			}
		}
		close(ready)
	}()
	daemons.Store(ts.Getenv("WORK")+name, d)
	ts.Defer(func() { d.end(syscall.SIGKILL) })
	if !<-ready {
		ts.Fatalf("%s ended before it printed %q:\n%s", name, waitFor, d.output())
	}
}

// end NAME [SIGNAL] ends a background command (SIGTERM unless told) and puts
// what it printed where stdout looks.
func end(ts *testscript.TestScript, neg bool, args []string) {
	v, ok := daemons.Load(ts.Getenv("WORK") + args[0])
	if neg || !ok {
		ts.Fatalf("usage: end NAME [KILL]")
	}
	d := v.(*daemon)
	sig := syscall.SIGTERM
	if len(args) > 1 && args[1] == "KILL" {
		sig = syscall.SIGKILL
	}
	d.end(sig)
	fmt.Fprint(ts.Stdout(), d.output())
	if code := d.cmd.ProcessState.ExitCode(); sig == syscall.SIGTERM && code != 0 {
		ts.Fatalf("%s ended with exit code %d:\n%s", args[0], code, d.output())
	}
}

func (d *daemon) end(sig syscall.Signal) {
	d.cmd.Process.Signal(sig)
	<-d.done
}

func (d *daemon) output() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.text.String()
}

// exits CODE COMMAND [ARG...] runs a command and compares its exit code.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND [ARG...]")
	}
	err := ts.Exec(args[1], args[2:]...)
	got := "0"
	if err != nil {
		exitErr, ok := err.(*exec.ExitError)
		if !ok {
			ts.Fatalf("%v", err)
		}
		got = fmt.Sprint(exitErr.ExitCode())
	}
	if got != args[0] {
		ts.Fatalf("exit code %s, want %s", got, args[0])
	}
}

// until COMMAND [ARG...] runs a command again and again until it succeeds.
func until(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 {
		ts.Fatalf("usage: until COMMAND [ARG...]")
	}
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(30 * time.Second)
	for {
		err := ts.Exec(args[0], args[1:]...)
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			ts.Fatalf("still %v", err)
		}
	}
}

// mode FILE MODE checks the permissions of a file.
func mode(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: mode FILE MODE")
	}
	info, err := os.Stat(ts.MkAbs(args[0]))
	ts.Check(err)
	if got := fmt.Sprintf("%04o", info.Mode().Perm()); got != args[1] {
		ts.Fatalf("%s has mode %s, want %s", args[0], got, args[1])
	}
}

func lookPath(path, name string) (string, error) {
	if filepath.IsAbs(name) {
		return name, nil
	}
	for _, dir := range filepath.SplitList(path) {
		file := filepath.Join(dir, name)
		if info, err := os.Stat(file); err == nil && info.Mode()&0o111 != 0 {
			return file, nil
		}
	}
	return "", fmt.Errorf("%s is not in %s", name, path)
}
