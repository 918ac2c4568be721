package bench

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"runtime"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/prometheus/procfs"
)

// A Run is what every measurement is given.
type Run struct {
	Program  string       // the adminbot that is measured
	Progress func(string) // told what is being done
}

// A Report is the figures of one run.
type Report struct {
	Machine Machine  `json:"machine"`
	Note    string   `json:"note,omitempty"` // what a reader must know of the whole run
	Figures []Figure `json:"figures"`
}

// A Machine is where figures were measured.
type Machine struct {
	CPU      string `json:"cpu"` // model
	Cores    int    `json:"cores"`
	MemoryMB int    `json:"memory_mb"`
	OS       string `json:"os"` // kernel and its release
	Go       string `json:"go"`
	Version  string `json:"version"` // of adminbot
}

// ThisMachine describes the machine; version is the program's.
func ThisMachine(version string) Machine {
	m := Machine{Cores: runtime.NumCPU(), OS: runtime.GOOS, Go: runtime.Version(), Version: version}
	if release, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		m.OS += " " + strings.TrimSpace(string(release))
	}
	proc, err := procfs.NewDefaultFS()
	if err != nil {
		return m
	}
	if info, err := proc.CPUInfo(); err == nil && len(info) > 0 {
		m.CPU = info[0].ModelName
	}
	if mem, err := proc.Meminfo(); err == nil && mem.MemTotal != nil {
		m.MemoryMB = int(*mem.MemTotal >> 10)
	}
	return m
}

func (m Machine) String() string {
	return fmt.Sprintf("%d × %s, %d MiB of memory, %s, %s, adminbot %s", m.Cores, m.CPU, m.MemoryMB, m.OS, m.Go, m.Version)
}

// Table prints the figures for people.
func (r Report) Table(w io.Writer) error {
	out := bufio.NewWriter(w)
	fmt.Fprintln(out, r.Machine)
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "\tsize\tmedian\tp95\tp99\tn\t\t")
	for _, f := range r.Figures {
		size := ""
		if f.Size > 0 {
			size = strconv.Itoa(f.Size)
		}
		name := f.Name
		if f.Server != "" {
			name += ", " + f.Server
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%d\t%s\t\n", name, size, number(f.Median), number(f.P95), number(f.P99), f.N, f.Unit)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	return out.Flush()
}

// number is v with three digits that count.
func number(v float64) string {
	switch {
	case v >= 100 || v == float64(int64(v)):
		return strconv.FormatFloat(v, 'f', 0, 64)
	case v >= 10:
		return strconv.FormatFloat(v, 'f', 1, 64)
	case v >= 1:
		return strconv.FormatFloat(v, 'f', 2, 64)
	}
	return strconv.FormatFloat(v, 'g', 3, 64)
}
