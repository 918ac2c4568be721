//go:build !unit

package workgroups_test

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"testing"

	"adminbot/internal/servertest"
)

// TestDiskFaults has system calls of a running service fail as those of a broken
// disk do: nothing that fails is acknowledged, nothing that was acknowledged is
// lost, and when the disk works again the service goes on, without a restart.
// The faults are injected by strace, so that all of SQLite is tested.
func TestDiskFaults(t *testing.T) {
	if _, err := exec.LookPath("strace"); err != nil {
		t.Fatal("strace is not installed\nhint: apt-get install strace")
	}
	srv := servertest.StartEmbedded(t, servertest.Options{Accounts: racerAccounts()})
	for _, tt := range []struct{ name, calls, fault string }{
		{"sync", "fsync,fdatasync", "EIO"},
		{"write", "pwrite64", "EIO"},
		{"full", "pwrite64,ftruncate", "ENOSPC"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := startRace(t, srv)
			c.victim.Raise = -1
			p := c.victim.start(t)
			c.reads(p, "ready", 1)
			c.present()
			c.reads(p, "acked", 20)

			strace := exec.Command("strace", "-f", "-q", "-o", "/dev/null", "-e", "trace="+tt.calls,
				"-e", "inject="+tt.calls+":error="+tt.fault, "-p", strconv.Itoa(p.Process.Pid))
			strace.Stderr = os.Stderr
			if err := strace.Start(); err != nil {
				t.Fatal(err)
			}
			c.reads(p, "refused", 20)
			strace.Process.Signal(syscall.SIGINT) // it lets go
			strace.Wait()
			c.reads(p, "acked", 20)
			fmt.Fprintln(p.in, "enough")
			c.settled(p)
			p.end(t)
			c.check()
		})
	}
}
