package bench

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/prometheus/procfs"
)

// A program is a process of the adminbot that is measured, or that serves what
// is measured.
type program struct {
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended

	mu   sync.Mutex
	tail []string // the last lines it printed
	wait string
	seen chan string // gets the line that contains wait
}

// Bounds of starting and stopping.
const (
	startWithin = 60 * time.Second
	stopWithin  = 20 * time.Second
	keptLines   = 20
)

// command is adminbot with arguments, as its own program even where it is
// another's binary.
func command(path string, args ...string) *exec.Cmd {
	cmd := exec.Command(path, args...)
	cmd.Args[0] = "adminbot"
	return cmd
}

// start runs the program at path and returns when it has printed a line on
// standard error that contains wait, with that line.
func start(ctx context.Context, path, wait string, args ...string) (*program, string, error) {
	p := &program{cmd: command(path, args...), done: make(chan struct{}), wait: wait, seen: make(chan string, 1)}
	out, err := p.cmd.StderrPipe()
	if err != nil {
		return nil, "", err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, "", err
	}
	go func() { // ends with the process
		defer close(p.done)
		p.read(out)
		p.cmd.Wait()
	}()
	late := time.NewTimer(startWithin)
	defer late.Stop()
	select {
	case line := <-p.seen:
		return p, line, nil
	case <-p.done:
		return nil, "", fmt.Errorf("bench: adminbot %s ended: %s\n%s", args[0], p.cmd.ProcessState, p.said())
	case <-late.C:
		err = fmt.Errorf("bench: adminbot %s was not ready within %s\n%s", args[0], startWithin, p.said())
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	return nil, "", errors.Join(err, p.stop())
}

func (p *program) read(out io.Reader) {
	lines := bufio.NewReader(out)
	for {
		line, err := lines.ReadString('\n')
		if line = strings.TrimSpace(line); line != "" {
			p.mu.Lock()
			if p.tail = append(p.tail, line); len(p.tail) > keptLines {
				p.tail = p.tail[1:]
			}
			p.mu.Unlock()
			if strings.Contains(line, p.wait) {
				select {
				case p.seen <- line:
				default:
				}
			}
		}
		if err != nil {
			return
		}
	}
}

// said is what the program printed last.
func (p *program) said() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(p.tail, "\n")
}

// stop ends the program and waits for it.
func (p *program) stop() error {
	p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
		return nil
	case <-time.After(stopWithin):
		p.cmd.Process.Kill()
		<-p.done
		return fmt.Errorf("bench: %s did not stop within %s\n%s", strings.Join(p.cmd.Args, " "), stopWithin, p.said())
	}
}

// usage is what a process has used so far.
type usage struct {
	cpu time.Duration // user and system
	rss int           // bytes, now
}

func (p *program) usage() (usage, error) { return usageOf(p.cmd.Process.Pid) }

// selfUsage is what this process has used.
func selfUsage() (usage, error) { return usageOf(os.Getpid()) }

func usageOf(pid int) (usage, error) {
	proc, err := procfs.NewProc(pid)
	if err != nil {
		return usage{}, err
	}
	stat, err := proc.Stat()
	if err != nil {
		return usage{}, err
	}
	return usage{time.Duration(stat.CPUTime() * float64(time.Second)), stat.ResidentMemory()}, nil
}

// output runs adminbot to its end and returns what it printed on standard
// output. The process's exit is no error unless it is a failure to run.
func output(ctx context.Context, path string, args ...string) (out []byte, ran *exec.Cmd, took time.Duration, err error) {
	cmd := command(path, args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return nil, nil, 0, err
	}
	stop := context.AfterFunc(ctx, func() { cmd.Process.Kill() })
	defer stop()
	err = cmd.Wait()
	took = time.Since(began)
	if ctx.Err() != nil {
		return nil, nil, 0, context.Cause(ctx)
	}
	if stdout.Len() == 0 && err != nil {
		return nil, nil, 0, fmt.Errorf("bench: adminbot %s: %w\n%s", strings.Join(args, " "), err, stderr.Bytes())
	}
	return stdout.Bytes(), cmd, took, nil
}
