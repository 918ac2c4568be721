package servertest

import (
	"bufio"
	"bytes"
	"fmt"
	"os/exec"
	"sync"
	"syscall"
	"testing"
	"time"
)

// A process is a server that runs in the foreground and prints what it does.
type process struct {
	cmd  *exec.Cmd
	done chan struct{} // closed when the process has ended

	mu   sync.Mutex
	text bytes.Buffer // all that was printed, by earlier runs too
}

// run starts a program and waits until watch, which sees every line it prints,
// is satisfied or fails. Then the process is ended.
func (p *process) run(t testing.TB, cmd *exec.Cmd, watch func(line string) (ready bool, err error)) error {
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	cmd.Stderr = cmd.Stdout
	if err := cmd.Start(); err != nil {
		return err
	}
	p.cmd, p.done = cmd, make(chan struct{})
	ready := make(chan error, 1)
	tell := func(err error) {
		select {
		case ready <- err:
		default:
		}
	}
	go func() { // ends with the process, which end waits for
		defer close(p.done)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			p.mu.Lock()
			p.text.WriteString(lines.Text() + "\n")
			p.mu.Unlock()
			if ok, err := watch(lines.Text()); ok || err != nil {
				tell(err)
			}
		}
		tell(fmt.Errorf("%s ended: %v", cmd.Args[0], cmd.Wait()))
	}()
	timeout := time.NewTimer(time.Minute)
	defer timeout.Stop()
	select {
	case err = <-ready:
	case <-timeout.C:
		err = fmt.Errorf("%s does not listen after a minute", cmd.Args[0])
	}
	if err != nil {
		p.stop(t, true)
	}
	return err
}

func (p *process) stop(t testing.TB, kill bool) {
	if p.cmd == nil {
		return
	}
	if kill {
		p.cmd.Process.Kill()
	} else if p.cmd.Process.Signal(syscall.SIGTERM) == nil {
		late := time.AfterFunc(20*time.Second, func() { p.cmd.Process.Kill() })
		defer late.Stop()
	}
	<-p.done
}

func (p *process) log() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.String()
}

func (p *process) pid() int { return p.cmd.Process.Pid }
