package service

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"adminbot/internal/hostagent/redact"
)

// What is kept of a script's output.
const (
	maxOutput = 16 << 10 // bytes, from the end
	maxLines  = 20
	maxText   = 500 // bytes of a line
)

// killGrace is what the processes of a script have between SIGTERM and
// SIGKILL once its time is over.
const killGrace = 2 * time.Second

// scriptEnv is all that a script sees of an environment.
var scriptEnv = []string{
	"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
	"LANG=C.UTF-8",
	"TERM=dumb",
	"HOME=/",
	"SYSTEMCTL_SKIP_REDIRECT=1",
	"_SYSTEMCTL_SKIP_REDIRECT=1",
}

// ran is how a script ended.
type ran struct {
	code  int   // exit status, -1 when there is none
	err   error // it could not be started, or was ended by a signal
	lines []string
}

// exec runs path with the one argument, in a session of its own, so that
// neither a terminal's signals nor the end of the agent reach it. When ctx is
// done, its process group is ended.
//
// The output goes to a file without a name and not to a pipe: a daemon that
// kept the pipe open would hold up the answer, and be killed by SIGPIPE later.
func (m *Init) exec(ctx context.Context, path, arg string) ran {
	out, err := os.CreateTemp(m.temp, "init-output-")
	if err != nil {
		return ran{code: -1, err: fmt.Errorf("service: %w", err)}
	}
	defer out.Close()
	if err := os.Remove(out.Name()); err != nil {
		return ran{code: -1, err: fmt.Errorf("service: %w", err)}
	}
	cmd := exec.Command(path, arg)
	cmd.Env, cmd.Dir = scriptEnv, "/"
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return ran{code: -1, err: fmt.Errorf("service: %w", err)}
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case err = <-ended:
	case <-ctx.Done():
		err = end(cmd.Process.Pid, ended)
	}
	res := ran{code: cmd.ProcessState.ExitCode(), lines: tail(out)}
	if exit, ok := errors.AsType[*exec.ExitError](err); err != nil && (!ok || !exit.Exited()) {
		res.err = err
	}
	return res
}

// end stops the process group and waits for its leader.
func end(pid int, ended <-chan error) error {
	// The group may be gone already; that is what is wanted.
	_ = syscall.Kill(-pid, syscall.SIGTERM)
	grace := time.NewTimer(killGrace)
	defer grace.Stop()
	select {
	case err := <-ended:
		_ = syscall.Kill(-pid, syscall.SIGKILL)
		return err
	case <-grace.C:
		_ = syscall.Kill(-pid, syscall.SIGKILL)
		return <-ended
	}
}

// tail returns the last lines that were written, fit to be sent and with
// secrets cut out.
func tail(f *os.File) []string {
	st, err := f.Stat()
	if err != nil || st.Size() == 0 {
		return nil
	}
	from := max(st.Size()-maxOutput, 0)
	b, err := io.ReadAll(io.NewSectionReader(f, from, maxOutput))
	if err != nil {
		return nil
	}
	if from > 0 {
		_, b, _ = bytes.Cut(b, []byte("\n"))
	}
	var lines []string
	for l := range strings.Lines(string(b)) {
		if l = redact.Clean(redact.Line(strings.TrimSpace(l)), maxText); l != "" {
			lines = append(lines, l)
		}
	}
	return lines[max(len(lines)-maxLines, 0):]
}
