package process

import (
	"bytes"
	"fmt"
	"strconv"
	"time"
)

// stat is what /proc/PID/stat says, as far as it is needed (proc(5)).
type stat struct {
	name    string
	state   byte
	ppid    int32
	ticks   uint64 // user and system time, in clock ticks
	threads int32
	start   uint64 // in clock ticks after boot
	rss     int64  // pages
}

// hz is USER_HZ, in which the kernel counts for user space on every platform
// that Go runs on.
const hz = 100

// parseStat reads a stat line. The name stands in parentheses and may hold any
// byte, parentheses too: it ends at the last one.
func parseStat(b []byte) (stat, error) {
	open, end := bytes.IndexByte(b, '('), bytes.LastIndexByte(b, ')')
	if open < 0 || end < open || len(b) < end+4 {
		return stat{}, fmt.Errorf("process: %.40q is no stat line", b)
	}
	s := stat{name: string(b[open+1 : end]), state: b[end+2]}
	rest := b[end+2:]
	// Field 3 of proc(5) is the state, so field n is the (n-3)th here.
	for n := 3; len(rest) > 0 && n <= 24; n++ {
		var field []byte
		field, rest, _ = bytes.Cut(rest, []byte(" "))
		switch n {
		case 4, 14, 15, 20, 22, 24:
		default:
			continue
		}
		v, err := strconv.ParseInt(string(field), 10, 64)
		if err != nil || v < 0 && n != 4 {
			return stat{}, fmt.Errorf("process: field %d of a stat line is %.20q", n, field)
		}
		switch n {
		case 4:
			s.ppid = int32(v)
		case 14, 15:
			s.ticks += uint64(v)
		case 20:
			s.threads = int32(v)
		case 22:
			s.start = uint64(v)
		case 24:
			s.rss = v
			return s, nil
		}
	}
	return stat{}, fmt.Errorf("process: a stat line ends early")
}

// startedAt is when the process began, given when the machine did.
func (s stat) startedAt(boot time.Time) time.Time {
	return boot.Add(time.Duration(s.start) * time.Second / hz).UTC()
}

// UnitOf finds the service in the text of /proc/PID/cgroup: the innermost part
// of the path that is a unit of systemd's; empty for none. It reads version 2
// and the named hierarchy of version 1.
func UnitOf(cgroup []byte) string {
	for line := range bytes.Lines(cgroup) {
		parts := bytes.SplitN(bytes.TrimSpace(line), []byte(":"), 3)
		if len(parts) != 3 || len(parts[1]) > 0 && !bytes.Equal(parts[1], []byte("name=systemd")) {
			continue
		}
		segs := bytes.Split(parts[2], []byte("/"))
		for i := len(segs) - 1; i >= 0; i-- {
			for _, end := range []string{".service", ".socket", ".scope"} {
				if bytes.HasSuffix(segs[i], []byte(end)) && len(segs[i]) > len(end) {
					return string(segs[i])
				}
			}
		}
	}
	return ""
}
