// Package filelock keeps what one process at a time may use from others: it is a
// lock on a file beside it, which the kernel takes back when the process ends,
// however it ends.
package filelock

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// ErrHeld says that another process has the lock, or this one has it already.
var ErrHeld = errors.New("is in use by another process")

// patience is how long Take tries. A program that is being started has the open
// files of its parent until it runs (fork, exec), and with them the locks: what
// was given back a moment ago may be held for one more.
const patience = time.Second

// Take takes the lock of the file at path, and makes the file if there is none.
// Closing the file gives the lock back; the file stays. The error wraps [ErrHeld]
// and names who has the lock, if that can be told.
func Take(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	for began := time.Now(); errors.Is(err, unix.EWOULDBLOCK) && time.Since(began) < patience; {
		time.Sleep(10 * time.Millisecond)
		err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	}
	if err != nil {
		holder := holder(f)
		f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fmt.Errorf("%w%s", ErrHeld, holder)
		}
		return nil, fmt.Errorf("%s cannot be locked: %w", path, err)
	}
	// For people. Where there is no room for it, it is left out.
	if f.Truncate(0) == nil {
		f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	}
	return f, nil
}

// holder says in words what the file says about who has the lock.
func holder(f *os.File) string {
	text := make([]byte, 20)
	n, _ := f.ReadAt(text, 0)
	pid, err := strconv.Atoi(strings.TrimSpace(string(text[:n])))
	if err != nil {
		return ""
	}
	return fmt.Sprintf(" (process %d)", pid)
}
