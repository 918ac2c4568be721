package self

import (
	"bufio"
	"os"
	"runtime/debug"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Trim gives back memory that starting took and idling does not need: the unused
// heap, and the pages of the program's own file that only start-up touched. The
// program runs on at once; what it touches again comes back from the page cache.
// It costs about a millisecond, so call it once after start, and not often.
func Trim() {
	debug.FreeOSMemory()
	exe, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return
	}
	f, err := os.Open("/proc/self/smaps")
	if err != nil {
		return
	}
	defer f.Close()
	for _, m := range cleanMappings(bufio.NewScanner(f), exe) {
		// Dropping clean pages of a read-only mapping of a file loses nothing
		// (madvise(2), MADV_DONTNEED). A kernel that refuses changes nothing.
		_, _, _ = unix.Syscall(unix.SYS_MADVISE, m.start, m.end-m.start, unix.MADV_DONTNEED)
	}
}

type mapping struct{ start, end uintptr }

// cleanMappings lists the parts of smaps (proc(5)) that map file, cannot be
// written and hold no page that differs from it, as relocated ones do.
func cleanMappings(sc *bufio.Scanner, file string) []mapping {
	var out []mapping
	var at mapping
	ours := false
	for sc.Scan() {
		f := strings.Fields(sc.Text())
		if len(f) < 2 {
			continue
		}
		if lo, hi, ok := strings.Cut(f[0], "-"); ok && !strings.HasSuffix(f[0], ":") {
			start, err1 := strconv.ParseUint(lo, 16, 64)
			end, err2 := strconv.ParseUint(hi, 16, 64)
			at = mapping{uintptr(start), uintptr(end)}
			ours = err1 == nil && err2 == nil && end > start && len(f) >= 6 && len(f[1]) == 4 &&
				f[1][0] == 'r' && f[1][1] == '-' && f[1][3] == 'p' && strings.Join(f[5:], " ") == file
			continue
		}
		// A page that was changed is a copy, and anonymous. (That it is dirty
		// may only mean that the file was written a moment ago.)
		if ours && f[0] == "Anonymous:" && f[1] == "0" {
			out = append(out, at)
		}
	}
	return out
}
