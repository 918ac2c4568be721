package disk

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"adminbot/agentapi"
	"adminbot/rpc"
)

const mountInfo = `21 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw,errors=remount-ro
22 21 0:5 / /proc rw,nosuid - proc proc rw
23 21 0:6 / /dev rw - devtmpfs udev rw
24 21 0:21 / /run rw,nosuid - tmpfs tmpfs rw
25 21 254:2 / /srv/data\040files rw shared:2 master:7 - xfs /dev/vdb rw
26 21 254:2 /sub /var/lib/bind rw - xfs /dev/vdb rw
27 21 7:0 / /snap/core/1 ro - squashfs /dev/loop0 ro
28 21 0:40 / /mnt/nas rw - nfs4 nas:/export rw,vers=4.2
29 21 254:3 / /boot ro,relatime - ext4 /dev/vda2 ro
30 21 0:41 / /hidden rw - tmpfs tmpfs rw
31 21 254:4 / /hidden rw - ext4 /dev/vdc rw
nonsense
32 21 0:42 / /odd rw - fuse.sshfs bob - x rw
`

const (
	statsBefore = ` 254 0 vda 10 0 1000 0 20 0 2000 0 0 0 0
 254 1 vda1 10 0 1000 0 20 0 2000 0 0 0 0
 259 0 nvme0n1 1 0 100 0 1 0 100 0 0 0 0
 259 1 nvme0n1p1 1 0 100 0 1 0 100 0 0 0 0
   7 0 loop0 1 0 5000 0 0 0 0 0 0 0 0
 253 0 dm-0 10 0 1000 0 20 0 2000 0 0 0 0
`
	statsAfter = ` 254 0 vda 10 0 3000 0 20 0 6000 0 0 0 0
 254 1 vda1 10 0 3000 0 20 0 6000 0 0 0 0
 259 0 nvme0n1 1 0 1100 0 1 0 100 0 0 0 0
 259 1 nvme0n1p1 1 0 1100 0 1 0 100 0 0 0 0
   7 0 loop0 1 0 9000 0 0 0 0 0 0 0 0
 253 0 dm-0 10 0 3000 0 20 0 6000 0 0 0 0
`
)

func fixture(t *testing.T) *Reader {
	t.Helper()
	root := t.TempDir()
	if err := os.MkdirAll(filepath.Join(root, "self"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"self/mountinfo": mountInfo, "diskstats": statsBefore} {
		if err := os.WriteFile(filepath.Join(root, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	r := New(root, nil)
	r.statfs = func(path string) (unix.Statfs_t, error) {
		switch path {
		case "/mnt/nas", "/odd":
			select {} // a server that is gone
		case "/boot":
			return unix.Statfs_t{}, unix.EIO
		}
		st := unix.Statfs_t{Frsize: 4096, Blocks: 1000, Bfree: 300, Bavail: 200, Files: 100, Ffree: 25}
		if path == "/hidden" {
			st.Files, st.Ffree = 0, 0
		}
		return st, nil
	}
	return r
}

// TestFullDisk: nothing free is a size like any other, for whoever asks for what
// is nearly full.
func TestFullDisk(t *testing.T) {
	var f agentapi.Filesystem
	measure(&f, unix.Statfs_t{Bsize: 4096, Blocks: 1000, Files: 100})
	v, err := rpc.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"free_bytes", "free_percent", "inodes_free_percent"} {
		if got, ok := v.Member(name); !ok || fmt.Sprint(got.Any()) != "0" {
			t.Errorf("%s is %v, %v in %v", name, got, ok, v)
		}
	}
	if v, err := rpc.Marshal(agentapi.Filesystem{Mount: "/mnt/nas", Stale: true}); err != nil || strings.Contains(v.String(), "percent") {
		t.Errorf("a stale one has sizes: %v, %v", v, err)
	}
}

func TestUsage(t *testing.T) {
	r := fixture(t)
	synctest.Test(t, func(t *testing.T) {
		// Servers that hang must not keep the bubble from ending.
		free := make(chan struct{})
		defer func() { close(free); synctest.Wait() }()
		var asked atomic.Int32
		answer := r.statfs
		r.statfs = func(path string) (unix.Statfs_t, error) {
			if path == "/mnt/nas" || path == "/odd" {
				asked.Add(1)
				<-free
				return unix.Statfs_t{}, unix.EINTR
			}
			return answer(path)
		}
		go func() {
			<-time.After(sampleTime / 2)
			if err := os.WriteFile(filepath.Join(r.proc, "diskstats"), []byte(statsAfter), 0o644); err != nil {
				t.Error(err)
			}
		}()
		began := time.Now()
		got, err := r.Usage(t.Context(), agentapi.DiskUsageArgs{})
		if err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took != statLimit {
			t.Errorf("took %v, want %v", took, statLimit)
		}
		full := agentapi.Filesystem{SizeBytes: new(int64(4096000)), UsedBytes: new(int64(2867200)), UsedPercent: new(77.78), FreeBytes: new(int64(819200)), FreePercent: new(22.22), InodesFreePercent: new(25.0)}
		with := func(f agentapi.Filesystem, mount, device, fstype string) agentapi.Filesystem {
			f.Mount, f.Device, f.Type = mount, device, fstype
			return f
		}
		hidden := with(full, "/hidden", "/dev/vdc", "ext4")
		hidden.InodesFreePercent = new(100.0)
		want := agentapi.DiskUsageResult{
			Filesystems: []agentapi.Filesystem{
				with(full, "/", "/dev/vda1", "ext4"),
				{Mount: "/boot", Device: "/dev/vda2", Type: "ext4", ReadOnly: true, Error: "input/output error"},
				hidden,
				{Mount: "/mnt/nas", Device: "nas:/export", Type: "nfs4", Stale: true},
				{Mount: "/odd", Device: "bob", Type: "fuse.sshfs", Stale: true},
				with(full, "/srv/data files", "/dev/vdb", "xfs"),
			},
			ReadBytesPerS:  3000 * 512 / statLimit.Seconds(),
			WriteBytesPerS: 4000 * 512 / statLimit.Seconds(),
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("-want +got:\n%s", d)
		}

		// What hangs is not asked again, and does not hold up the next answer.
		began = time.Now()
		again, err := r.Usage(t.Context(), agentapi.DiskUsageArgs{})
		if err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took > sampleTime || asked.Load() != 2 || !again.Filesystems[3].Stale {
			t.Errorf("the second time took %v, with %d questions to dead servers: %+v", took, asked.Load(), again.Filesystems[3])
		}

		above := 90.0
		if some, err := r.Usage(t.Context(), agentapi.DiskUsageArgs{MinUsedPercent: &above}); err != nil || len(some.Filesystems) != 2 {
			t.Errorf("above 90 percent: %+v, %v; want the stale ones alone", some.Filesystems, err)
		}
		all, err := r.Usage(t.Context(), agentapi.DiskUsageArgs{All: true})
		if err != nil || len(all.Filesystems) != 11 {
			t.Errorf("%d file systems in all, %v; want 11", len(all.Filesystems), err)
		}
	})
}

func TestUsageOfPaths(t *testing.T) {
	r := fixture(t)
	tests := []struct {
		name   string
		mounts []string
		want   []string
		code   int
	}{
		{"a mount point", []string{"/srv/data files"}, []string{"/srv/data files"}, 0},
		{"a pseudo file system", []string{"/proc"}, []string{"/proc"}, 0},
		{"a path below", []string{"/etc", "/usr"}, []string{"/"}, 0},
		{"no such path", []string{"/no/such/path"}, nil, rpc.FaultNotFound},
		{"a neighbour's name", []string{"/srv/data"}, nil, rpc.FaultNotFound},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				got, err := r.Usage(t.Context(), agentapi.DiskUsageArgs{Mounts: tt.mounts})
				if rpc.FaultCode(err) != tt.code {
					t.Fatalf("%v, want fault %d", err, tt.code)
				}
				var mounts []string
				for _, f := range got.Filesystems {
					mounts = append(mounts, f.Mount)
				}
				if d := cmp.Diff(tt.want, mounts); d != "" {
					t.Errorf("-want +got:\n%s", d)
				}
			})
		})
	}
}

func FuzzParseMount(f *testing.F) {
	for line := range strings.Lines(mountInfo) {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		if m, ok := parseMount(line); ok && (m.point[0] != '/' || m.fstype == "") {
			t.Errorf("%+v of %q", m, line)
		}
	})
}

func TestLargest(t *testing.T) {
	root := t.TempDir()
	file := func(name string, kib int) {
		t.Helper()
		p := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, make([]byte, kib<<10), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	file("a/big", 4000)
	file("a/b/c/deep", 2000)
	file("small", 40)
	if err := os.Link(filepath.Join(root, "a/big"), filepath.Join(root, "a/same")); err != nil {
		t.Fatal(err)
	}
	for link, to := range map[string]string{"out": "/usr", "a/loop": "..", "in": "a"} {
		if err := os.Symlink(to, filepath.Join(root, link)); err != nil {
			t.Fatal(err)
		}
	}
	r := New("", []string{root})
	got, err := r.Largest(t.Context(), agentapi.DiskLargestArgs{Path: root, Depth: 2, Limit: 5, Seconds: 20})
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for i, e := range got.Entries {
		names[strings.TrimPrefix(e.Path, root+"/")] = true
		if i > 0 && e.SizeBytes > got.Entries[i-1].SizeBytes {
			t.Errorf("%s is larger than the one before", e.Path)
		}
	}
	if len(got.Entries) != 5 || got.Truncated || got.Skipped != 0 || !names["a"] || !names["a/b"] || !names["a/b/c/deep"] || !names["small"] || names["a/b/c"] {
		t.Errorf("%+v", got)
	}
	a := got.Entries[0]
	if a.Path != root+"/a" || a.Files != 3 || a.SizeBytes < 6000<<10 || a.SizeBytes > 6500<<10 {
		t.Errorf("%+v: the file with two names must count once", a)
	}

	tests := []struct {
		name, path string
		code       int
	}{
		{"outside", "/usr", rpc.FaultDenied},
		{"beside", root + "x", rpc.FaultDenied},
		{"a link out", root + "/out", rpc.FaultDenied},
		{"through a link out", root + "/out/lib", rpc.FaultDenied},
		{"a link within", root + "/in", 0},
		{"a file", root + "/small", rpc.FaultParams},
		{"nothing", root + "/none", rpc.FaultNotFound},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := r.Largest(t.Context(), agentapi.DiskLargestArgs{Path: tt.path, Depth: 1, Limit: 1, Seconds: 5})
			if rpc.FaultCode(err) != tt.code || err != nil && tt.code == 0 {
				t.Errorf("%v, want fault %d", err, tt.code)
			}
		})
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	many := t.TempDir()
	for i := range 100 {
		if err := os.WriteFile(filepath.Join(many, strings.Repeat("x", i+1)), []byte("x"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := New("", []string{"/"}).Largest(ctx, agentapi.DiskLargestArgs{Path: many, Depth: 1, Limit: 5, Seconds: 5}); err != nil || !got.Truncated {
		t.Errorf("out of time: %+v, %v; want what was found, marked as cut", got, err)
	}
}

func TestRealMachine(t *testing.T) {
	r := New("", []string{"/usr/share"})
	got, err := r.Usage(t.Context(), agentapi.DiskUsageArgs{})
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Filesystems) == 0 || got.Filesystems[0].Mount != "/" || got.Filesystems[0].SizeBytes == nil || *got.Filesystems[0].SizeBytes == 0 || *got.Filesystems[0].UsedPercent <= 0 {
		t.Errorf("%+v", got)
	}
	percent, mount, ok := r.FullestPercent()
	if !ok || percent <= 0 || percent > 100 || mount == "" {
		t.Errorf("the fullest: %v %q %v", percent, mount, ok)
	}
	big, err := r.Largest(t.Context(), agentapi.DiskLargestArgs{Path: "/usr/share", Depth: 1, Limit: 3, Seconds: 5})
	if err != nil || len(big.Entries) == 0 {
		t.Errorf("%+v, %v", big, err)
	}
}
