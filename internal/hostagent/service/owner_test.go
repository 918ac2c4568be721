//go:build !unit

package service

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestInitOwner: a script of another account, or in a directory that others can
// write to, is no service of this host: it would run with the agent's rights.
func TestInitOwner(t *testing.T) {
	if os.Getuid() != 0 {
		t.Fatal("needs root, to give files away")
	}
	refused := func(m *Init, unit string) {
		t.Helper()
		if _, err := m.Status(t.Context(), unit); !errors.Is(err, ErrUnsupported) && !errors.Is(err, ErrNotFound) {
			t.Errorf("%s: %v", unit, err)
		}
		if err := m.Do(t.Context(), Start, unit); !errors.Is(err, ErrUnsupported) || !strings.Contains(err.Error(), "uid 65534") && !strings.Contains(err.Error(), "mode 0777") {
			t.Errorf("start %s: %v", unit, err)
		}
		if list, err := m.List(t.Context()); err != nil || len(list) > 0 {
			t.Errorf("listed: %v, %v", list, err)
		}
	}
	ran := filepath.Join(t.TempDir(), "ran")
	body := "id -u >> " + ran + "\n"

	m, dir := manager(t)
	put(t, dir, "foreign", body)
	if err := os.Chown(filepath.Join(dir, "foreign"), 65534, 65534); err != nil {
		t.Fatal(err)
	}
	refused(m, "foreign.service")

	m, dir = manager(t)
	put(t, dir, "open", body)
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	refused(m, "open.service")

	// A link to a script that is fine, in a directory where others can exchange it.
	m, dir = manager(t)
	elsewhere := t.TempDir()
	put(t, elsewhere, "linked", body)
	if err := os.Chmod(elsewhere, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(elsewhere, "linked"), filepath.Join(dir, "linked")); err != nil {
		t.Fatal(err)
	}
	refused(m, "linked.service")

	// A link to another account's script.
	m, dir = manager(t)
	elsewhere = t.TempDir()
	put(t, elsewhere, "other", body)
	if err := os.Chown(filepath.Join(elsewhere, "other"), 65534, 65534); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(elsewhere, "other"), filepath.Join(dir, "other")); err != nil {
		t.Fatal(err)
	}
	refused(m, "other.service")

	if b, err := os.ReadFile(ran); err == nil {
		t.Errorf("ran as %s", b)
	}
}

// TestInitLinked: a link to a script that nobody else could have written is one
// of the host's services.
func TestInitLinked(t *testing.T) {
	m, dir := manager(t)
	elsewhere := t.TempDir()
	if err := os.Chmod(elsewhere, 0o755); err != nil {
		t.Fatal(err)
	}
	put(t, elsewhere, "good", "exit 3\n")
	if err := os.Symlink(filepath.Join(elsewhere, "good"), filepath.Join(dir, "good")); err != nil {
		t.Fatal(err)
	}
	if st := status(t, m, "good.service"); st.Active != "inactive" {
		t.Errorf("%+v", st)
	}
}

// TestInitStatusSlow: the error says how long the script had, and is no end of
// the call's own time.
func TestInitStatusSlow(t *testing.T) {
	m, dir := manager(t)
	m.patience = 20 * time.Millisecond
	put(t, dir, "slow", "exec sleep 600\n")
	_, err := m.Status(t.Context(), "slow.service")
	if !errors.Is(err, ErrSlow) || errors.Is(err, context.DeadlineExceeded) || !strings.HasSuffix(err.Error(), "slow status did not end within 20ms") {
		t.Errorf("got %v", err)
	}
}
