package disk

import (
	"cmp"
	"container/heap"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"adminbot/agentapi"
	"adminbot/internal/hostagent/redact"
	"adminbot/rpc"
)

const (
	maxEntries   = 5_000_000 // that one search looks at
	maxHardLinks = 200_000   // remembered, to count each file once
	maxDeep      = 256       // directories within each other
)

// Largest answers disk.largest: directories down to args.Depth and files at any
// depth, by what they occupy on disk. It follows no symbolic link, stays on one
// file system, counts a file with several names once, and runs when nothing else
// wants the disk. It looks only below the roots given to [New].
func (r *Reader) Largest(ctx context.Context, args agentapi.DiskLargestArgs) (agentapi.DiskLargestResult, error) {
	res := agentapi.DiskLargestResult{Path: args.Path}
	root, ok := below(r.roots, args.Path)
	if !ok {
		return res, &rpc.Fault{Code: rpc.FaultDenied, Message: fmt.Sprintf("%s is outside what this host lets be listed (%s)", args.Path, strings.Join(r.roots, ", "))}
	}
	ctx, cancel := context.WithTimeout(ctx, time.Duration(max(args.Seconds, 1))*time.Second)
	defer cancel()

	w := &walker{
		ctx: ctx, depth: int(max(args.Depth, 1)), limit: int(max(args.Limit, 1)),
		links: map[link]bool{},
	}
	done := make(chan error, 1)
	go func() {
		// The thread keeps its idle priority: it ends with this goroutine.
		runtime.LockOSThread()
		beIdle()
		done <- w.run(root, args.Path)
	}()
	if err := <-done; err != nil {
		return res, err
	}
	res.Entries = w.sorted()
	res.Skipped = int32(min(w.skipped, math.MaxInt32))
	res.Truncated = w.cut
	res.Total = int32(min(w.seen, math.MaxInt32))
	return res, nil
}

// below finds the root below which p lies.
func below(roots []string, p string) (string, bool) {
	for _, root := range roots {
		root = filepath.Clean(root)
		if root == "/" || p == root || strings.HasPrefix(p, root+"/") {
			return root, true
		}
	}
	return "", false
}

// beIdle makes this thread yield to all others at processor and disk. It is a
// courtesy: where the kernel refuses, the search runs all the same.
func beIdle() {
	const whoProcess, classIdle, classShift = 1, 3, 13 // ioprio_set(2)
	_, _, _ = unix.Syscall(unix.SYS_IOPRIO_SET, whoProcess, 0, classIdle<<classShift)
	_ = unix.Setpriority(unix.PRIO_PROCESS, unix.Gettid(), 19)
}

type link struct {
	dev, ino uint64
}

// walker is one search. It belongs to one goroutine.
type walker struct {
	ctx     context.Context
	depth   int
	limit   int
	dev     uint64
	links   map[link]bool
	top     smallestFirst
	seen    int64
	skipped int64
	cut     bool
}

// run opens path below root without following a symbolic link out of it, and
// walks.
func (w *walker) run(root, p string) error {
	d, dev, err := openDir(root, p)
	if err != nil {
		return err
	}
	w.dev = dev
	w.dir(d, p, 0)
	return nil
}

// openDir opens a directory below root, and says which device it is on.
func openDir(root, p string) (d *os.File, dev uint64, err error) {
	fd, err := openBeneath(root, p)
	if err != nil {
		return nil, 0, openFault(p, err)
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		unix.Close(fd)
		return nil, 0, fmt.Errorf("disk: %s: %w", p, err)
	}
	if st.Mode&unix.S_IFMT != unix.S_IFDIR {
		unix.Close(fd)
		return nil, 0, &rpc.Fault{Code: rpc.FaultParams, Message: fmt.Sprintf("%s is no directory", p)}
	}
	return os.NewFile(uintptr(fd), p), st.Dev, nil
}

// openBeneath opens p so that no symbolic link leads out of root, by openat2(2)
// where the kernel has it (5.6), else name by name without following any.
func openBeneath(root, p string) (int, error) {
	const flags = unix.O_RDONLY | unix.O_NONBLOCK | unix.O_CLOEXEC
	rootFD, err := unix.Open(root, flags|unix.O_DIRECTORY, 0)
	if err != nil {
		return -1, err
	}
	defer unix.Close(rootFD)
	rel, err := filepath.Rel(root, p)
	if err != nil {
		return -1, err
	}
	fd, err := unix.Openat2(rootFD, rel, &unix.OpenHow{Flags: flags, Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_MAGICLINKS})
	if !errors.Is(err, unix.ENOSYS) && !errors.Is(err, unix.EPERM) {
		return fd, err
	}
	fd, err = unix.Openat(rootFD, ".", flags, 0)
	for _, name := range strings.Split(rel, "/") {
		if err != nil || name == "." {
			continue
		}
		var next int
		next, err = unix.Openat(fd, name, flags|unix.O_NOFOLLOW, 0)
		unix.Close(fd)
		fd = next
	}
	return fd, err
}

func openFault(p string, err error) error {
	switch {
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.ENOTDIR):
		return &rpc.Fault{Code: rpc.FaultNotFound, Message: fmt.Sprintf("there is no %s", p)}
	case errors.Is(err, unix.EXDEV), errors.Is(err, unix.ELOOP):
		return &rpc.Fault{Code: rpc.FaultDenied, Message: fmt.Sprintf("a symbolic link in %s leads out of the directory that is allowed", p)}
	case errors.Is(err, unix.EACCES), errors.Is(err, unix.EPERM):
		return &rpc.Fault{Code: rpc.FaultUnsupported, Message: fmt.Sprintf("the host agent's user may not read %s", p)}
	}
	return fmt.Errorf("disk: %s: %w", p, err)
}

// dir sums what lies in one directory and below, which it closes.
func (w *walker) dir(d *os.File, name string, depth int) (size, files int64) {
	defer d.Close()
	fd := int(d.Fd())
	for {
		entries, err := d.ReadDir(512)
		for _, e := range entries {
			if w.over() {
				return size, files
			}
			s, n := w.entry(fd, path.Join(name, e.Name()), e, depth+1)
			size, files = size+s, files+n
		}
		if err != nil {
			if !errors.Is(err, io.EOF) {
				w.skipped++
			}
			return size, files
		}
	}
}

// over reports whether the search has had its time or looked at enough.
func (w *walker) over() bool {
	w.seen++
	if w.cut || w.seen > maxEntries || w.seen%64 == 0 && w.ctx.Err() != nil {
		w.cut = true
	}
	return w.cut
}

func (w *walker) entry(dirFD int, name string, e os.DirEntry, depth int) (size, files int64) {
	var st unix.Stat_t
	if err := unix.Fstatat(dirFD, e.Name(), &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		if !errors.Is(err, unix.ENOENT) {
			w.skipped++
		}
		return 0, 0
	}
	size = st.Blocks * 512
	if st.Mode&unix.S_IFMT != unix.S_IFDIR {
		if st.Nlink > 1 {
			l := link{st.Dev, st.Ino}
			if w.links[l] {
				return 0, 0
			}
			if len(w.links) < maxHardLinks {
				w.links[l] = true
			}
		}
		w.offer(name, size, 1)
		return size, 1
	}
	if st.Dev != w.dev || depth > maxDeep {
		w.skipped++
		return 0, 0
	}
	fd, err := unix.Openat(dirFD, e.Name(), unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC|unix.O_NOATIME, 0)
	if errors.Is(err, unix.EPERM) { // O_NOATIME is for the owner
		fd, err = unix.Openat(dirFD, e.Name(), unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	}
	if err != nil {
		w.skipped++
		return size, 0
	}
	below, n := w.dir(os.NewFile(uintptr(fd), name), name, depth)
	if depth <= w.depth {
		w.offer(name, size+below, n)
	}
	return size + below, n
}

// offer keeps an entry if it is among the largest so far.
func (w *walker) offer(name string, size, files int64) {
	if size == 0 || len(w.top) == w.limit && size <= w.top[0].SizeBytes {
		return
	}
	heap.Push(&w.top, agentapi.LargestEntry{Path: name, SizeBytes: size, Files: int32(min(files, math.MaxInt32))})
	if len(w.top) > w.limit {
		heap.Pop(&w.top)
	}
}

func (w *walker) sorted() []agentapi.LargestEntry {
	out := slices.Clone([]agentapi.LargestEntry(w.top))
	slices.SortFunc(out, func(a, b agentapi.LargestEntry) int {
		return cmp.Or(cmp.Compare(b.SizeBytes, a.SizeBytes), strings.Compare(a.Path, b.Path))
	})
	for i := range out {
		out[i].Path = redact.Clean(out[i].Path, 4096)
	}
	return out
}

// smallestFirst is a heap whose first entry is the first to go.
type smallestFirst []agentapi.LargestEntry

func (h smallestFirst) Len() int           { return len(h) }
func (h smallestFirst) Less(i, j int) bool { return h[i].SizeBytes < h[j].SizeBytes }
func (h smallestFirst) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *smallestFirst) Push(x any)        { *h = append(*h, x.(agentapi.LargestEntry)) }
func (h *smallestFirst) Pop() any {
	old := *h
	e := old[len(old)-1]
	*h = old[:len(old)-1]
	return e
}
