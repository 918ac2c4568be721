package netstat

import (
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"adminbot/agentapi"
)

const tcpTable = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 111 1 0 100 0 0 10 0
   1: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 222 1 0 100 0 0 10 0
   2: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 223 1 0 100 0 0 10 0
   3: 0100007F:1F90 0100007F:C001 01 00000000:00000000 00:00000000 00000000     0        0 333 1 0 100 0 0 10 0
garbage
`

const udp6Table = `  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 000080FE00000000000000000100A8C0:0222 00000000000000000000000000000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 444 2 0 0
   1: 00000000000000000000000001000000:0035 00000000000000000000000001000000:0101 07 00000000:00000000 00:00000000 00000000     0        0 555 2 0 0
`

func TestListeners(t *testing.T) {
	root := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		file := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("net/tcp", tcpTable)
	write("net/udp6", udp6Table)
	write("40/stat", "40 (nginx) S 1 40 40 0 -1 0 1 2 3 4 1 0 0 0 20 0 3 0 400 1000 3000 1\n")
	write("40/cgroup", "0::/system.slice/nginx.service\n")
	write("40/fd/x", "")
	for fd, target := range map[string]string{"0": "/dev/null", "5": "socket:[111]", "6": "socket:[333]", "7": "socket:[222]"} {
		if err := os.Symlink(target, filepath.Join(root, "40/fd", fd)); err != nil {
			t.Fatal(err)
		}
	}
	i32 := func(n int32) *int32 { return &n }
	ssh := agentapi.Listener{Proto: "tcp", Address: "0.0.0.0", Port: 22, PID: i32(40), Process: "nginx", Unit: "nginx.service"}
	web := agentapi.Listener{Proto: "tcp", Address: "127.0.0.1", Port: 8080, PID: i32(40), Process: "nginx", Unit: "nginx.service"}
	dhcp := agentapi.Listener{Proto: "udp6", Address: "fe80::c0a8:1", Port: 546}
	tests := []struct {
		name string
		args agentapi.NetListenersArgs
		want []agentapi.Listener
	}{
		{"all, each once", agentapi.NetListenersArgs{Proto: "all"}, []agentapi.Listener{ssh, dhcp, web}},
		{"tcp", agentapi.NetListenersArgs{Proto: "tcp"}, []agentapi.Listener{ssh, web}},
		{"udp", agentapi.NetListenersArgs{Proto: "udp"}, []agentapi.Listener{dhcp}},
		{"a port", agentapi.NetListenersArgs{Port: i32(8080)}, []agentapi.Listener{web}},
		{"a free port", agentapi.NetListenersArgs{Port: i32(9)}, []agentapi.Listener{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := New(root).Listeners(t.Context(), tt.args)
			if err != nil {
				t.Fatal(err)
			}
			if !littleEndian {
				t.Fatal("the tables above are of a little-endian machine")
			}
			if d := cmp.Diff(tt.want, got.Listeners); d != "" || int(got.Total) != len(tt.want) {
				t.Errorf("total %d, -want +got:\n%s", got.Total, d)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	for line := range strings.Lines(tcpTable + udp6Table) {
		f.Add("tcp", []byte(line))
	}
	f.Fuzz(func(t *testing.T, proto string, line []byte) {
		if s, ok := parse(proto, line); ok && (!s.addr.IsValid() || s.addr.Port() == 0) {
			t.Errorf("%+v of %q", s, line)
		}
	})
}

// The real machine: a port that this test opens must be found, with this test as
// its owner.
func TestRealMachine(t *testing.T) {
	for _, addr := range []string{"127.0.0.1:0", "[::1]:0"} {
		l, err := net.Listen("tcp", addr)
		if err != nil {
			t.Logf("%s: %v", addr, err)
			continue
		}
		defer l.Close()
		at := netip.MustParseAddrPort(l.Addr().String())
		port, me := int32(at.Port()), int32(os.Getpid())
		got, err := New("").Listeners(t.Context(), agentapi.NetListenersArgs{Proto: "tcp", Port: &port})
		if err != nil {
			t.Fatal(err)
		}
		if len(got.Listeners) != 1 || got.Listeners[0].Address != at.Addr().String() || got.Listeners[0].PID == nil || *got.Listeners[0].PID != me || got.Listeners[0].Process == "" {
			t.Errorf("%s: %+v", at, got.Listeners)
		}
	}
}
