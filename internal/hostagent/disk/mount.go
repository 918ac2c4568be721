package disk

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// mount is one line of /proc/self/mountinfo (proc(5)).
type mount struct {
	device   string // major:minor
	root     string // of the file system, that is seen at the mount point
	point    string
	fstype   string
	source   string
	readOnly bool
}

// maxMounts bounds what one answer looks at.
const maxMounts = 4096

// readMounts parses mountinfo. Lines that are not understood are passed over:
// one odd mount must not hide the others.
func readMounts(r io.Reader) ([]mount, error) {
	var all []mount
	sc := bufio.NewScanner(r)
	sc.Buffer(make([]byte, 0, 4096), 1<<20) // overlay lists many directories
	for sc.Scan() && len(all) < maxMounts {
		if m, ok := parseMount(sc.Text()); ok {
			all = append(all, m)
		}
	}
	if err := sc.Err(); err != nil {
		return nil, fmt.Errorf("disk: mountinfo: %w", err)
	}
	return all, nil
}

func parseMount(line string) (mount, bool) {
	f := strings.Fields(line)
	// Optional fields end at the first lone hyphen behind the sixth field.
	sep := slices.Index(f[min(6, len(f)):], "-")
	if sep < 0 {
		return mount{}, false
	}
	sep += 6
	if len(f) < sep+3 {
		return mount{}, false
	}
	m := mount{device: f[2], root: unescape(f[3]), point: unescape(f[4]), fstype: f[sep+1], source: unescape(f[sep+2])}
	options := f[5]
	if len(f) > sep+3 {
		options += "," + f[sep+3]
	}
	m.readOnly = slices.Contains(strings.Split(options, ","), "ro")
	return m, strings.HasPrefix(m.point, "/")
}

// unescape undoes the kernel's octal escapes: space, tab, newline, backslash, #.
func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// remote reports whether a file system's server may be elsewhere, so that it may
// hang.
func remote(fstype string) bool {
	switch fstype {
	case "nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "ceph", "glusterfs", "lustre", "ocfs2", "gfs2", "9p", "beegfs", "orangefs", "davfs":
		return true
	}
	return strings.HasPrefix(fstype, "fuse.") && fstype != "fuse.lxcfs" && fstype != "fuse.portal" && fstype != "fuse.gvfsd-fuse"
}

// stores reports whether the file system holds somebody's data, as opposed to
// views of the kernel, memory, and images that are always full.
func stores(m mount) bool {
	if m.point == "/" || remote(m.fstype) {
		return true
	}
	switch m.fstype {
	case "squashfs", "iso9660", "erofs", "udf":
		return false
	case "zfs", "virtiofs", "vboxsf", "bcachefs":
		return true
	}
	return strings.HasPrefix(m.source, "/dev/") && m.fstype != "devtmpfs"
}

// choose drops mounts that nothing can be said about: those hidden below a later
// one at the same point, and, unless all are asked for, pseudo file systems and
// further views of a device that is listed already.
func choose(mounts []mount, all bool) []mount {
	byPoint := map[string]mount{}
	for _, m := range mounts {
		byPoint[m.point] = m // the last one is on top
	}
	picked := make([]mount, 0, len(byPoint))
	for _, m := range byPoint {
		if all || stores(m) {
			picked = append(picked, m)
		}
	}
	if all {
		slices.SortFunc(picked, func(a, b mount) int { return strings.Compare(a.point, b.point) })
		return picked
	}
	best := map[string]mount{}
	for _, m := range picked {
		key := m.device
		if have, ok := best[key]; !ok || better(m, have) {
			best[key] = m
		}
	}
	picked = picked[:0]
	for _, m := range best {
		picked = append(picked, m)
	}
	slices.SortFunc(picked, func(a, b mount) int { return strings.Compare(a.point, b.point) })
	return picked
}

// better reports whether a shows the file system better than b.
func better(a, b mount) bool {
	switch {
	case len(a.root) != len(b.root):
		return len(a.root) < len(b.root)
	case len(a.point) != len(b.point):
		return len(a.point) < len(b.point)
	}
	return a.point < b.point
}

// holding finds the mount on which path lies.
func holding(mounts []mount, path string) (mount, bool) {
	var best mount
	found := false
	for _, m := range mounts {
		if m.point == path || m.point == "/" || strings.HasPrefix(path, m.point+"/") {
			if !found || len(m.point) >= len(best.point) {
				best, found = m, true
			}
		}
	}
	return best, found
}
