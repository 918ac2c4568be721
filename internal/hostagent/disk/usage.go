// Package disk measures file systems: [Reader.Usage] answers disk.usage, and
// [Reader.Largest] disk.largest.
package disk

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"adminbot/agentapi"
	"adminbot/internal/hostagent/redact"
	"adminbot/rpc"
)

const (
	statLimit  = 2 * time.Second        // for one file system to answer
	sampleTime = 500 * time.Millisecond // over which disk traffic is measured
	sectorSize = 512                    // of /proc/diskstats, whatever the disk's own
)

// Reader looks at the file systems of one machine. It is safe for concurrent use.
type Reader struct {
	proc   string
	roots  []string // below which Largest may look
	statfs func(path string) (unix.Statfs_t, error)

	mu      sync.Mutex
	hanging map[string]bool // mount points whose statfs has not come back
}

// New reads the mounts and disks by the /proc that is mounted at proc ("" is
// /proc), and lets Largest look below the given roots ("/" for everywhere).
func New(proc string, roots []string) *Reader {
	if proc == "" {
		proc = "/proc"
	}
	return &Reader{proc: proc, roots: roots, hanging: map[string]bool{}, statfs: func(path string) (unix.Statfs_t, error) {
		var st unix.Statfs_t
		for {
			err := unix.Statfs(path, &st)
			if !errors.Is(err, unix.EINTR) {
				return st, err
			}
		}
	}}
}

// Usage answers disk.usage. File systems are asked side by side, and one that
// does not answer within two seconds is listed as stale; it is not asked again
// before it has answered, so that a dead server costs one goroutine and not one
// for every call.
func (r *Reader) Usage(ctx context.Context, args agentapi.DiskUsageArgs) (agentapi.DiskUsageResult, error) {
	var res agentapi.DiskUsageResult
	mounts, err := r.mounts()
	if err != nil {
		return res, err
	}
	if len(args.Mounts) > 0 {
		if mounts, err = r.named(ctx, mounts, args.Mounts); err != nil {
			return res, err
		}
	} else {
		mounts = choose(mounts, args.All)
	}
	before, beforeErr := r.traffic()
	began := time.Now()

	answers := make([]chan agentapi.Filesystem, len(mounts))
	for i, m := range mounts {
		answers[i] = r.ask(m)
	}
	late := time.NewTimer(statLimit)
	defer late.Stop()
	expired := false
	for i, m := range mounts {
		f, ok := agentapi.Filesystem{}, false
		if !expired {
			select {
			case f, ok = <-answers[i]:
			case <-late.C:
				expired = true
			case <-ctx.Done():
				return res, ctx.Err()
			}
		}
		if !ok {
			select { // it may have answered while another was waited for
			case f, ok = <-answers[i]:
			default:
			}
		}
		if !ok {
			f = describe(m)
			f.Stale = true
		}
		if args.MinUsedPercent != nil && !f.Stale && (f.UsedPercent == nil || *f.UsedPercent < *args.MinUsedPercent) {
			continue
		}
		res.Filesystems = append(res.Filesystems, f)
	}
	if beforeErr != nil {
		return res, nil // no block devices to count on: containers, some virtual machines
	}
	if err := rest(ctx, sampleTime-time.Since(began)); err != nil {
		return res, err
	}
	if after, err := r.traffic(); err == nil {
		secs := time.Since(began).Seconds()
		res.ReadBytesPerS = perSecond(before.read, after.read, secs)
		res.WriteBytesPerS = perSecond(before.written, after.written, secs)
	}
	return res, nil
}

func perSecond(a, b uint64, secs float64) float64 {
	if b <= a || secs <= 0 {
		return 0
	}
	return math.Round(float64(b-a) / secs)
}

func rest(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

func (r *Reader) mounts() ([]mount, error) {
	f, err := os.Open(filepath.Join(r.proc, "self/mountinfo"))
	if err != nil {
		return nil, fmt.Errorf("disk: %w", err)
	}
	defer f.Close()
	return readMounts(f)
}

// named finds the file systems on which the paths lie, each once.
func (r *Reader) named(ctx context.Context, mounts []mount, paths []string) ([]mount, error) {
	var picked []mount
	seen := map[string]bool{}
	for _, path := range paths {
		m, ok := holding(mounts, path)
		if !ok {
			return nil, &rpc.Fault{Code: rpc.FaultNotFound, Message: fmt.Sprintf("nothing is mounted at or above %s", path)}
		}
		if m.point != path && !remote(m.fstype) {
			if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
				return nil, &rpc.Fault{Code: rpc.FaultNotFound, Message: fmt.Sprintf("there is no %s", path)}
			}
		}
		if !seen[m.point] {
			seen[m.point] = true
			picked = append(picked, m)
		}
	}
	return picked, ctx.Err()
}

func describe(m mount) agentapi.Filesystem {
	return agentapi.Filesystem{
		Mount: redact.Clean(m.point, 1024), Device: redact.Line(redact.Clean(m.source, 1024)), Type: m.fstype, ReadOnly: m.readOnly,
	}
}

// ask has one file system measured; the channel is closed empty if it hangs from
// an earlier time.
func (r *Reader) ask(m mount) chan agentapi.Filesystem {
	ch := make(chan agentapi.Filesystem, 1)
	r.mu.Lock()
	busy := r.hanging[m.point]
	r.hanging[m.point] = true
	r.mu.Unlock()
	if busy {
		close(ch)
		return ch
	}
	go func() {
		st, err := r.statfs(m.point)
		r.mu.Lock()
		delete(r.hanging, m.point)
		r.mu.Unlock()
		f := describe(m)
		if err != nil {
			f.Error = err.Error()
		} else {
			measure(&f, st)
		}
		ch <- f
	}()
	return ch
}

// measure fills in sizes as df does: what root alone may still take counts
// neither as free nor into the percentage.
func measure(f *agentapi.Filesystem, st unix.Statfs_t) {
	block := int64(st.Frsize)
	if block == 0 {
		block = int64(st.Bsize)
	}
	used, free := int64(st.Blocks-min(st.Bfree, st.Blocks))*block, int64(st.Bavail)*block
	f.SizeBytes, f.UsedBytes, f.FreeBytes = new(int64(st.Blocks)*block), &used, &free
	if all := used + free; all > 0 {
		percent := round(float64(used) / float64(all) * 100)
		f.UsedPercent, f.FreePercent = &percent, new(round(100-percent))
	}
	f.InodesFreePercent = new(100.0) // file systems that make inodes as they need them say 0 of 0
	if st.Files > 0 {
		f.InodesFreePercent = new(round(float64(st.Ffree) / float64(st.Files) * 100))
	}
}

func round(f float64) float64 { return math.Round(f*100) / 100 }

// traffic sums what whole disks have read and written since boot.
type traffic struct{ read, written uint64 }

var nonDisks = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^(loop|ram|zram|dm-|md|sr|fd|nbd)\d|c\d+n\d+$`)
})

// traffic reads /proc/diskstats. Partitions and what is stacked on disks would
// count twice.
func (r *Reader) traffic() (traffic, error) {
	b, err := os.ReadFile(filepath.Join(r.proc, "diskstats"))
	if err != nil {
		return traffic{}, fmt.Errorf("disk: %w", err)
	}
	type disk struct{ read, written uint64 }
	disks := map[string]disk{}
	for line := range strings.Lines(string(b)) {
		f := strings.Fields(line)
		if len(f) < 10 || nonDisks().MatchString(f[2]) {
			continue
		}
		read, err1 := strconv.ParseUint(f[5], 10, 64)
		written, err2 := strconv.ParseUint(f[9], 10, 64)
		if err1 == nil && err2 == nil {
			disks[f[2]] = disk{read, written}
		}
	}
	var sum traffic
	for name, d := range disks {
		if parent := strings.TrimRight(name, "0123456789"); parent != name {
			if _, ok := disks[parent]; ok {
				continue // sda1 of sda
			}
			if _, ok := disks[strings.TrimSuffix(parent, "p")]; ok && strings.HasSuffix(parent, "p") {
				continue // nvme0n1p1 of nvme0n1
			}
		}
		sum.read += d.read * sectorSize
		sum.written += d.written * sectorSize
	}
	return sum, nil
}

// FullestPercent is how full the fullest local file system is that holds data;
// ok is false where there is none. It is for presence: it asks only file
// systems that cannot hang, and does not wait.
func (r *Reader) FullestPercent() (percent float64, mountPoint string, ok bool) {
	mounts, err := r.mounts()
	if err != nil {
		return 0, "", false
	}
	for _, m := range choose(mounts, false) {
		if remote(m.fstype) || m.readOnly {
			continue
		}
		st, err := r.statfs(m.point)
		if err != nil || st.Blocks == 0 {
			continue
		}
		var f agentapi.Filesystem
		measure(&f, st)
		if f.UsedPercent != nil && (!ok || *f.UsedPercent > percent) {
			percent, mountPoint, ok = *f.UsedPercent, m.point, true
		}
	}
	return percent, redact.Clean(mountPoint, 1024), ok
}
