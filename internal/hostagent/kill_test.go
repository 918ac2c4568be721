package hostagent

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"adminbot/agentapi"
	"adminbot/internal/audit"
	"adminbot/rpc"
)

// killDir tells a process of this test that it is the agent to be killed.
const killDir = "ADMINBOT_TEST_KILL_DIR"

// TestKill kills an agent, with kill -9 and as a process of its own, while the
// init script of a restart is running. The next agent on the same state says
// that the restart may have run, and does not run it again.
func TestKill(t *testing.T) {
	if dir := os.Getenv(killDir); dir != "" {
		r := killRig(t, dir)
		err := r.asAlice("service.restart", rpc.Envelope{Key: "k"}, unitArgs{Unit: "slow"}, nil)
		t.Fatalf("the restart ended: %v", err)
	}
	dir := t.TempDir()
	initd := filepath.Join(dir, "init.d")
	ran, fifo := filepath.Join(dir, "ran"), filepath.Join(dir, "fifo")
	if err := os.Mkdir(initd, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	script := "#!/bin/sh\n[ \"$1\" = status ] && exit 0\necho \"$1\" >> " + ran + "\nread line < " + fifo + "\n"
	if err := os.WriteFile(filepath.Join(initd, "slow"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestKill$")
	cmd.Env = append(os.Environ(), killDir+"="+dir)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	// Opening the fifo to write waits until the script reads from it.
	gate, err := os.OpenFile(fifo, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil || cmd.ProcessState.ExitCode() != -1 {
		t.Fatalf("the agent was not killed: %v\n%s", err, &out)
	}

	r := killRig(t, dir)
	wantFault(t, r.asAlice("service.restart", rpc.Envelope{Key: "k"}, unitArgs{Unit: "slow"}, nil), rpc.FaultHelper, "service.restart may have run")
	var j agentapi.JobGetResult
	if err := r.asAlice("job.get", rpc.Envelope{}, map[string]any{"key": "k"}, &j); err != nil || j.State != "interrupted" {
		t.Errorf("job: %+v, %v", j, err)
	}
	// The script outlives the agent and ends by itself.
	if _, err := gate.WriteString("go\n"); err != nil {
		t.Errorf("the script has ended with the agent: %v", err)
	}
	if err := gate.Close(); err != nil {
		t.Error(err)
	}
	if b, err := os.ReadFile(ran); err != nil || string(b) != "restart\n" {
		t.Errorf("the script ran: %q, %v", b, err)
	}
	if err := r.agent.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := audit.Verify(filepath.Join(dir, "state", "audit.jsonl")); err != nil {
		t.Error(err)
	}
}

func killRig(t *testing.T, dir string) *rig {
	return newRig(t, func(c *Config) {
		c.StateDir, c.InitDir, c.Services = filepath.Join(dir, "state"), filepath.Join(dir, "init.d"), nil
	})
}
