// Package machine says what this machine is: [Reader.Info] answers host.info, and
// [Reader.Facts] host.facts. What cannot change while the machine runs is looked
// up once a minute at most.
package machine

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/shirou/gopsutil/v4/common"
	"github.com/shirou/gopsutil/v4/host"
	"golang.org/x/sys/unix"

	"adminbot/agentapi"
	"adminbot/internal/hostagent/redact"
)

// keepFor is how long what hardly changes is kept.
const keepFor = time.Minute

// Reader looks at one machine. It is safe for concurrent use.
type Reader struct {
	root  string // "" for the real one
	facts string
	now   func() time.Time

	mu     sync.Mutex
	kept   steady
	keptAt time.Time
}

// steady is what hardly changes.
type steady struct {
	hostname, fqdn string
	os, osVersion  string
	kernel, arch   string
	virtualization string
	cpuCount       int32
	memoryBytes    int64
	bootAt         time.Time
	addresses      []string
}

// New looks at the machine whose files are below root ("" for the real one) and
// reads the site's facts from factsDir ("" for /etc/adminbot/facts.d below root).
// now is the clock.
func New(root, factsDir string, now func() time.Time) *Reader {
	if factsDir == "" {
		factsDir = filepath.Join("/", root, "etc/adminbot/facts.d")
	}
	return &Reader{root: root, facts: factsDir, now: now}
}

func (r *Reader) path(p string) string {
	if r.root == "" {
		return p
	}
	return filepath.Join(r.root, p)
}

// Info answers host.info.
func (r *Reader) Info(ctx context.Context, _ agentapi.NoArgs) (agentapi.HostInfoResult, error) {
	s, err := r.steady(ctx)
	if err != nil {
		return agentapi.HostInfoResult{}, err
	}
	res := agentapi.HostInfoResult{
		Hostname: s.hostname, FQDN: s.fqdn, OS: s.os, OSVersion: s.osVersion, Kernel: s.kernel, Arch: s.arch,
		Virtualization: s.virtualization, BootAt: s.bootAt, CPUCount: s.cpuCount, MemoryBytes: s.memoryBytes,
	}
	res.UptimeSeconds = int64(max(0, r.now().Sub(s.bootAt)).Seconds())
	if up, ok := r.uptime(); ok {
		res.UptimeSeconds = int64(up.Seconds())
	}
	res.ClockOffsetMS, res.ClockSynced = clock()
	res.RebootRequired, res.RebootReasons, res.RebootSince = r.rebootRequired()
	return res, nil
}

// steady returns what hardly changes, at most a minute old.
func (r *Reader) steady(ctx context.Context) (steady, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.now()
	if !r.keptAt.IsZero() && now.Sub(r.keptAt) < keepFor && now.After(r.keptAt.Add(-time.Second)) {
		return r.kept, nil
	}
	s, err := r.look(ctx)
	if err != nil {
		return s, err
	}
	r.kept, r.keptAt = s, now
	return s, nil
}

func (r *Reader) look(ctx context.Context) (steady, error) {
	var uts unix.Utsname
	if err := unix.Uname(&uts); err != nil {
		return steady{}, fmt.Errorf("machine: uname: %w", err)
	}
	s := steady{
		hostname: redact.Clean(unix.ByteSliceToString(uts.Nodename[:]), 255),
		kernel:   redact.Clean(unix.ByteSliceToString(uts.Release[:]), 255),
		arch:     runtime.GOARCH,
		cpuCount: int32(runtime.NumCPU()),
	}
	s.os, s.osVersion = r.release()
	s.fqdn = r.fqdn(s.hostname)
	// Where its files are missing it knows nothing, which is no error.
	ctx = context.WithValue(ctx, common.EnvKey, common.EnvMap{
		common.HostProcEnvKey: r.path("/proc"), common.HostSysEnvKey: r.path("/sys"),
		common.HostEtcEnvKey: r.path("/etc"), common.HostRunEnvKey: r.path("/run"),
		common.HostRootEnvKey: r.path("/"),
	})
	if system, role, err := host.VirtualizationWithContext(ctx); err == nil && role == "guest" {
		s.virtualization = redact.Clean(system, 64)
	}
	var err error
	if s.bootAt, err = r.bootAt(); err != nil {
		return s, err
	}
	if s.memoryBytes, err = r.memory(); err != nil {
		return s, err
	}
	s.addresses = addresses()
	return s, nil
}

// release reads os-release(5): "debian12", "Debian GNU/Linux 12 (bookworm)".
// A system without versions, as rolling ones are, is its name alone.
func (r *Reader) release() (short, long string) {
	var f *os.File
	var err error
	for _, p := range []string{"/etc/os-release", "/usr/lib/os-release"} {
		if f, err = os.Open(r.path(p)); err == nil {
			break
		}
	}
	if err != nil {
		return runtime.GOOS, runtime.GOOS
	}
	defer f.Close()
	v := map[string]string{}
	sc := bufio.NewScanner(f)
	for sc.Scan() {
		if key, value, ok := strings.Cut(strings.TrimSpace(sc.Text()), "="); ok {
			v[key] = redact.Clean(unquote(value), 255)
		}
	}
	short = strings.ToLower(v["ID"]) + v["VERSION_ID"]
	if short == "" {
		short = runtime.GOOS
	}
	if long = v["PRETTY_NAME"]; long == "" {
		long = strings.TrimSpace(v["NAME"] + " " + v["VERSION"])
	}
	if long == "" {
		long = short
	}
	return short, long
}

// unquote takes a value of os-release(5) out of its quotes.
func unquote(s string) string {
	if len(s) >= 2 && (s[0] == '"' || s[0] == '\'') && s[len(s)-1] == s[0] {
		s = s[1 : len(s)-1]
	}
	return strings.NewReplacer(`\"`, `"`, `\$`, `$`, `\\`, `\`, "\\`", "`").Replace(s)
}

// fqdn is the full name that /etc/hosts gives the host name; empty if none. It
// asks no name server: an answer about this machine must not wait for others.
func (r *Reader) fqdn(hostname string) string {
	if strings.Contains(hostname, ".") {
		return hostname
	}
	b, err := os.ReadFile(r.path("/etc/hosts"))
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(b)) {
		line, _, _ = strings.Cut(line, "#")
		f := strings.Fields(line)
		for _, name := range f[min(1, len(f)):] {
			if strings.HasPrefix(name, hostname+".") {
				return redact.Clean(name, 255)
			}
		}
	}
	return ""
}

// bootAt is the boot time that the kernel computes.
func (r *Reader) bootAt() (time.Time, error) {
	b, err := os.ReadFile(r.path("/proc/stat"))
	if err != nil {
		return time.Time{}, fmt.Errorf("machine: %w", err)
	}
	for line := range strings.Lines(string(b)) {
		if rest, ok := strings.CutPrefix(line, "btime "); ok {
			if sec, err := strconv.ParseInt(strings.TrimSpace(rest), 10, 64); err == nil {
				return time.Unix(sec, 0).UTC(), nil
			}
		}
	}
	return time.Time{}, errors.New("machine: the kernel does not say when it booted")
}

// uptime is how long the machine has run, whatever happened to its clock.
func (r *Reader) uptime() (time.Duration, bool) {
	b, err := os.ReadFile(r.path("/proc/uptime"))
	if err != nil {
		return 0, false
	}
	first, _, _ := strings.Cut(string(b), " ")
	sec, err := strconv.ParseFloat(first, 64)
	return time.Duration(sec * float64(time.Second)), err == nil && sec >= 0
}

func (r *Reader) memory() (int64, error) {
	b, err := os.ReadFile(r.path("/proc/meminfo"))
	if err != nil {
		return 0, fmt.Errorf("machine: %w", err)
	}
	for line := range strings.Lines(string(b)) {
		if rest, ok := strings.CutPrefix(line, "MemTotal:"); ok {
			kib, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			if err == nil {
				return kib << 10, nil
			}
		}
	}
	return 0, errors.New("machine: the kernel does not say how much memory there is")
}

// clock asks the kernel's clock discipline (adjtimex(2)): how far the clock is
// off, and whether anything keeps it right. The offset is nil where nothing does.
func clock() (offsetMS *float64, synced bool) {
	var tx unix.Timex
	state, err := unix.Adjtimex(&tx)
	if err != nil || state == unix.TIME_ERROR || tx.Status&unix.STA_UNSYNC != 0 {
		return nil, false
	}
	ms := float64(tx.Offset) / 1e3
	if tx.Status&unix.STA_NANO != 0 {
		ms = float64(tx.Offset) / 1e6
	}
	return &ms, true
}

// rebootRequired reads the mark that package managers leave (Debian's
// update-notifier and needrestart write it).
func (r *Reader) rebootRequired() (bool, []string, time.Time) {
	fi, err := os.Stat(r.path("/run/reboot-required"))
	if err != nil {
		return false, nil, time.Time{}
	}
	var why []string
	if b, err := os.ReadFile(r.path("/run/reboot-required.pkgs")); err == nil {
		seen := map[string]bool{}
		for line := range strings.Lines(string(b)) {
			if p := redact.Clean(strings.TrimSpace(line), 255); p != "" && !seen[p] && len(why) < 100 {
				seen[p] = true
				why = append(why, p)
			}
		}
	}
	return true, why, fi.ModTime().UTC()
}

// addresses lists this machine's own addresses that others can reach.
func addresses() []string {
	all, err := net.InterfaceAddrs()
	if err != nil {
		return nil
	}
	var out []string
	for _, a := range all {
		if n, ok := a.(*net.IPNet); ok && n.IP.IsGlobalUnicast() && len(out) < 32 {
			out = append(out, n.IP.String())
		}
	}
	return out
}
