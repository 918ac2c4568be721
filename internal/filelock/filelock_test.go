package filelock_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"adminbot/internal/filelock"
)

func TestTake(t *testing.T) {
	path := filepath.Join(t.TempDir(), "alerts.db.lock")
	lock, err := filelock.Take(path)
	if err != nil {
		t.Fatal(err)
	}
	_, err = filelock.Take(path)
	if !errors.Is(err, filelock.ErrHeld) || !strings.Contains(err.Error(), fmt.Sprint("process ", os.Getpid())) {
		t.Errorf("taken twice: %v", err)
	}
	if err := lock.Close(); err != nil {
		t.Fatal(err)
	}
	if lock, err = filelock.Take(path); err != nil {
		t.Fatalf("given back, and not taken: %v", err)
	}
	lock.Close()
	if _, err := filelock.Take(filepath.Join(path, "nowhere")); err == nil || errors.Is(err, filelock.ErrHeld) {
		t.Errorf("a lock in no directory: %v", err)
	}
}

// TestTakeFromAStarting: a lock that was given back counts as held while a program
// that is being started still has its file.
func TestTakeFromAStarting(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.jsonl.lock")
	lock, err := filelock.Take(path)
	if err != nil {
		t.Fatal(err)
	}
	child, err := unix.Dup(int(lock.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	lock.Close()
	time.AfterFunc(50*time.Millisecond, func() { unix.Close(child) })
	if lock, err = filelock.Take(path); err != nil {
		t.Fatal(err)
	}
	lock.Close()
}
