package self

import (
	"bufio"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const smaps = `00400000-00b00000 r-xp 00000000 fe:00 12345                              /usr/bin/adminbot
Size:               7168 kB
Rss:                3000 kB
Shared_Dirty:          0 kB
Private_Dirty:         0 kB
Anonymous:             0 kB
VmFlags: rd ex mr mw me
00b00000-01000000 r--p 00700000 fe:00 12345                              /usr/bin/adminbot
Shared_Dirty:          0 kB
Private_Dirty:         8 kB
Anonymous:             8 kB
01000000-01100000 rw-p 00c00000 fe:00 12345                              /usr/bin/adminbot
Shared_Dirty:          0 kB
Private_Dirty:         0 kB
Anonymous:             0 kB
7f0000000000-7f0000100000 r-xp 00000000 fe:00 999                        /lib/x86_64-linux-gnu/libc.so.6
Shared_Dirty:          0 kB
Private_Dirty:         0 kB
Anonymous:             0 kB
c000000000-c000400000 rw-p 00000000 00:00 0
Shared_Dirty:          0 kB
Private_Dirty:         0 kB
Anonymous:             0 kB
`

// What was relocated, can be written or belongs to others must be left alone.
func TestCleanMappings(t *testing.T) {
	got := cleanMappings(bufio.NewScanner(strings.NewReader(smaps)), "/usr/bin/adminbot")
	if d := cmp.Diff([]mapping{{0x400000, 0xb00000}}, got, cmp.AllowUnexported(mapping{})); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}

// The real thing: this test shrinks, and lives.
func TestTrim(t *testing.T) {
	waste := make([][]byte, 0, 64)
	for range 64 {
		b := make([]byte, 1<<20)
		for i := 0; i < len(b); i += 4096 {
			b[i] = 1
		}
		waste = append(waste, b)
	}
	before := RSSBytes()
	if len(waste) != 64 {
		t.Fatal("gone already")
	}
	waste = nil
	Trim()
	after := RSSBytes()
	t.Logf("%d KiB, then %d KiB", before>>10, after>>10)
	if after > before-(32<<20) {
		t.Errorf("%d KiB before, %d KiB after", before>>10, after>>10)
	}
	if _, err := os.Stat("/proc/self/exe"); err != nil || len(waste) != 0 {
		t.Error(err)
	}
}
