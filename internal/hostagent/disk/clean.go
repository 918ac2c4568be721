package disk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"adminbot/agentapi"
	"adminbot/rpc"
)

// A Cleaner deletes old files. Its methods are safe for concurrent use.
type Cleaner struct {
	roots []string
	now   func() time.Time
}

// NewCleaner makes a cleaner for what lies below the given roots; without any,
// nothing is ever deleted.
func NewCleaner(roots []string, now func() time.Time) *Cleaner {
	return &Cleaner{roots: roots, now: now}
}

// Clean answers disk.clean: it deletes plain files below args.Path that were not
// changed for args.OlderSeconds. It follows no symbolic link, stays on one file
// system, and leaves directories in their place, for who has made them will want
// them.
func (c *Cleaner) Clean(ctx context.Context, args agentapi.DiskCleanArgs) (agentapi.DiskCleanResult, error) {
	return c.sweep(ctx, args, func(dir int, name string) error { return unix.Unlinkat(dir, name, 0) })
}

// Would says what [Cleaner.Clean] would do now.
func (c *Cleaner) Would(ctx context.Context, args agentapi.DiskCleanArgs) (string, error) {
	args.Seconds = min(args.Seconds, 5) // who asks waits
	res, err := c.sweep(ctx, args, func(int, string) error { return nil })
	if err != nil {
		return "", err
	}
	text := fmt.Sprintf("delete %d files of %.1f MiB below %s, and keep %d", res.Files, float64(res.FreedBytes)/(1<<20), args.Path, res.Kept)
	if res.Truncated {
		text += "; there are more that were not looked at"
	}
	return text, nil
}

// sweep has remove take the files that are to go.
func (c *Cleaner) sweep(ctx context.Context, args agentapi.DiskCleanArgs, remove func(dir int, name string) error) (agentapi.DiskCleanResult, error) {
	res := agentapi.DiskCleanResult{Path: args.Path}
	root, ok := below(c.roots, args.Path)
	if !ok {
		may := "this host lets nothing be cleaned"
		if len(c.roots) > 0 {
			may = "this host lets only this be cleaned: " + strings.Join(c.roots, ", ")
		}
		return res, &rpc.Fault{Code: rpc.FaultDenied, Message: fmt.Sprintf("%s is not to be cleaned: %s", args.Path, may)}
	}
	d, dev, err := openDir(root, args.Path)
	if err != nil {
		return res, err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Duration(max(args.Seconds, 1))*time.Second)
	defer cancel()
	s := &sweeper{ctx: ctx, dev: dev, before: c.now().Add(-time.Duration(args.OlderSeconds) * time.Second), remove: remove, res: &res}
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // it keeps its idle priority, and ends with this goroutine
		beIdle()
		s.dir(d, 0)
	}()
	<-done
	return res, nil
}

// A sweeper is one sweep. It belongs to one goroutine.
type sweeper struct {
	ctx    context.Context
	dev    uint64
	before time.Time
	remove func(dir int, name string) error
	seen   int
	res    *agentapi.DiskCleanResult
}

// maxNames bounds the names of one directory that are looked at.
const maxNames = 200_000

// dir sweeps a directory, which it closes. Names are read before any is removed:
// what a directory yields while it changes is anybody's guess.
func (s *sweeper) dir(d *os.File, depth int) {
	defer d.Close()
	names, err := d.Readdirnames(maxNames)
	switch {
	case err != nil && !errors.Is(err, io.EOF):
		s.res.Skipped++
	case len(names) == maxNames:
		defer func() { s.res.Truncated = true }() // after these
	}
	for _, name := range names {
		if s.over() {
			return
		}
		s.entry(int(d.Fd()), name, depth+1)
	}
}

func (s *sweeper) over() bool {
	s.seen++
	if s.res.Truncated || s.seen > maxEntries || s.seen%64 == 0 && s.ctx.Err() != nil {
		s.res.Truncated = true
	}
	return s.res.Truncated
}

func (s *sweeper) entry(dir int, name string, depth int) {
	var st unix.Stat_t
	if err := unix.Fstatat(dir, name, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		if !errors.Is(err, unix.ENOENT) {
			s.res.Skipped++
		}
		return
	}
	switch {
	case st.Mode&unix.S_IFMT == unix.S_IFDIR:
		s.below(dir, name, st.Dev, depth)
	case st.Mode&unix.S_IFMT != unix.S_IFREG:
	case !time.Unix(st.Mtim.Unix()).Before(s.before):
		s.res.Kept++
	default:
		switch err := s.remove(dir, name); {
		case errors.Is(err, unix.ENOENT):
		case err != nil:
			s.res.Skipped++
		default:
			s.res.Files++
			if st.Nlink == 1 {
				s.res.FreedBytes += st.Blocks * 512
			}
		}
	}
}

// below sweeps a directory in a directory.
func (s *sweeper) below(dir int, name string, dev uint64, depth int) {
	if dev != s.dev || depth > maxDeep {
		s.res.Skipped++
		return
	}
	fd, err := unix.Openat(dir, name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		s.res.Skipped++
		return
	}
	s.dir(os.NewFile(uintptr(fd), name), depth)
}
