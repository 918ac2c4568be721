// Package netstat lists what listens on the network: [Reader.Listeners] answers
// net.listeners. It reads /proc/net, and of the processes only as many open files
// as it takes to find who holds the sockets that it lists.
package netstat

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"adminbot/agentapi"
	"adminbot/internal/hostagent/process"
)

const (
	maxListeners = 500     // in one answer
	maxFiles     = 500_000 // open files of processes that one answer looks at
)

// Reader reads one /proc. It is safe for concurrent use.
type Reader struct {
	proc  string
	procs *process.Reader
}

// New reads the /proc that is mounted at proc; "" is /proc.
func New(proc string) *Reader {
	if proc == "" {
		proc = "/proc"
	}
	return &Reader{proc: proc, procs: process.New(proc)}
}

// socket is one that listens.
type socket struct {
	proto string
	addr  netip.AddrPort
	inode string
}

// Listeners answers net.listeners. The process behind a port is named where the
// host agent may see it.
func (r *Reader) Listeners(ctx context.Context, args agentapi.NetListenersArgs) (agentapi.NetListenersResult, error) {
	var res agentapi.NetListenersResult
	var sockets []socket
	for _, proto := range []string{"tcp", "tcp6", "udp", "udp6"} {
		if args.Proto != "" && args.Proto != "all" && strings.TrimSuffix(proto, "6") != args.Proto {
			continue
		}
		found, err := r.read(proto)
		if err != nil {
			return res, err
		}
		for _, s := range found {
			if args.Port == nil || int(*args.Port) == int(s.addr.Port()) {
				sockets = append(sockets, s)
			}
		}
	}
	slices.SortFunc(sockets, func(a, b socket) int {
		return cmp.Or(cmp.Compare(a.addr.Port(), b.addr.Port()), strings.Compare(a.proto, b.proto), a.addr.Addr().Compare(b.addr.Addr()))
	})
	// One process may listen on the same port many times (SO_REUSEPORT).
	sockets = slices.CompactFunc(sockets, func(a, b socket) bool { return a.proto == b.proto && a.addr == b.addr })
	res.Total = int32(len(sockets))
	if len(sockets) > maxListeners {
		sockets, res.Truncated = sockets[:maxListeners], true
	}
	holders, err := r.holders(ctx, sockets)
	if err != nil {
		return res, err
	}
	names, units := map[int32]string{}, map[int32]string{}
	res.Listeners = make([]agentapi.Listener, 0, len(sockets))
	for _, s := range sockets {
		l := agentapi.Listener{Proto: s.proto, Address: s.addr.Addr().String(), Port: int32(s.addr.Port())}
		if pid, ok := holders[s.inode]; ok {
			if _, ok := names[pid]; !ok {
				names[pid], units[pid] = r.procs.Name(pid), r.procs.Unit(pid)
			}
			l.PID, l.Process, l.Unit = &pid, names[pid], units[pid]
		}
		res.Listeners = append(res.Listeners, l)
	}
	return res, nil
}

// read lists the listening sockets of one protocol; none where the kernel does
// not have it.
func (r *Reader) read(proto string) ([]socket, error) {
	f, err := os.Open(filepath.Join(r.proc, "net", proto))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	} else if err != nil {
		return nil, fmt.Errorf("netstat: %w", err)
	}
	defer f.Close()
	var out []socket
	sc := bufio.NewScanner(f)
	for sc.Scan() {
		if s, ok := parse(proto, sc.Bytes()); ok {
			out = append(out, s)
		}
	}
	if err := sc.Err(); err != nil {
		return nil, fmt.Errorf("netstat: %s: %w", proto, err)
	}
	return out, nil
}

// parse reads one line of /proc/net/tcp and its like (proc(5)): a TCP socket
// listens in state 0A; a UDP socket in state 07 that is not connected.
func parse(proto string, line []byte) (socket, bool) {
	f := bytes.Fields(line)
	if len(f) < 10 {
		return socket{}, false
	}
	state := string(f[3])
	if strings.HasPrefix(proto, "tcp") && state != "0A" || strings.HasPrefix(proto, "udp") && state != "07" {
		return socket{}, false
	}
	addr, ok := parseAddr(string(f[1]))
	if !ok || addr.Port() == 0 {
		return socket{}, false
	}
	if remote, ok := parseAddr(string(f[2])); !ok || remote.Port() != 0 {
		return socket{}, false
	}
	return socket{proto, addr, string(f[9])}, true
}

// parseAddr reads 0100007F:1F90: each 32 bits of the address in the order of the
// machine's bytes, the port as a number. Machines that Go's linux ports run on
// are little-endian but for a few (s390x, mips), where the words need no turning.
func parseAddr(s string) (netip.AddrPort, bool) {
	host, port, ok := strings.Cut(s, ":")
	n, err := strconv.ParseUint(port, 16, 16)
	if !ok || err != nil {
		return netip.AddrPort{}, false
	}
	b, err := hex.DecodeString(host)
	if err != nil || len(b) != 4 && len(b) != 16 {
		return netip.AddrPort{}, false
	}
	if littleEndian {
		for i := 0; i < len(b); i += 4 {
			slices.Reverse(b[i : i+4])
		}
	}
	addr, _ := netip.AddrFromSlice(b)
	return netip.AddrPortFrom(addr, uint16(n)), true
}

// holders finds which process has each socket open, by inode. It stops as soon
// as all are found.
func (r *Reader) holders(ctx context.Context, sockets []socket) (map[string]int32, error) {
	want := make(map[string]bool, len(sockets))
	for _, s := range sockets {
		if s.inode != "0" {
			want[s.inode] = true
		}
	}
	found := make(map[string]int32, len(want))
	if len(want) == 0 {
		return found, nil
	}
	dirs, err := os.ReadDir(r.proc)
	if err != nil {
		return nil, fmt.Errorf("netstat: %w", err)
	}
	looked := 0
	for _, d := range dirs {
		pid, err := strconv.ParseInt(d.Name(), 10, 32)
		if err != nil {
			continue
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		fds := filepath.Join(r.proc, d.Name(), "fd")
		dir, err := os.Open(fds)
		if err != nil {
			continue // another user's, or gone
		}
		names, _ := dir.Readdirnames(-1)
		dir.Close()
		for _, name := range names {
			if looked++; looked > maxFiles {
				return found, nil
			}
			target, err := os.Readlink(fds + "/" + name)
			if err != nil {
				continue
			}
			inode, ok := strings.CutPrefix(target, "socket:[")
			if !ok {
				continue
			}
			inode = strings.TrimSuffix(inode, "]")
			if _, have := found[inode]; want[inode] && !have {
				found[inode] = int32(pid)
				if len(found) == len(want) {
					return found, nil
				}
			}
		}
	}
	return found, nil
}
