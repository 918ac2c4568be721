//go:build !unit

package main

import (
	"os"
	"os/exec"
	"testing"
)

// TestAlertbot runs the example that serves a workgroup.
func TestAlertbot(t *testing.T) {
	bin := t.TempDir()
	if out, err := exec.Command("go", "build", "-o", bin, "../../examples/alertbot").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	runScripts(t, "testdata/alertbot", "")
}
