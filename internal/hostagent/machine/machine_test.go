package machine

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"golang.org/x/sys/unix"
	"golang.org/x/tools/txtar"

	"adminbot/agentapi"
	"adminbot/rpc"
)

const files = `
-- etc/os-release --
PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"
NAME="Debian GNU/Linux"
VERSION_ID="12"
ID=debian
-- etc/hosts --
127.0.0.1 localhost
127.0.1.1 HOSTNAME.example.net HOSTNAME # this one
-- proc/stat --
cpu 1 2 3
btime 1795179600
-- proc/uptime --
3600.25 7000.00
-- proc/meminfo --
MemTotal:        8000000 kB
MemFree:          100000 kB
-- run/reboot-required --
*** System restart required ***
-- run/reboot-required.pkgs --
linux-image-6.1.0-28-amd64
libssl3
libssl3
-- etc/adminbot/facts.d/10-site.toml --
role = "web"
env = "staging"
[rack]
row = 7
power = ["a", "b"]
since = 2024-05-01
-- etc/adminbot/facts.d/20-env.facts --
# what this one is for
env = "prod"
owner=web team
-- etc/adminbot/facts.d/30-more.json --
{"rack": {"row": 8}, "managed": true, "weight": 1.5}
-- etc/adminbot/facts.d/40-bad.toml --
role = "db"
role = "again"
-- etc/adminbot/facts.d/50-bad.facts --
site = ams
bad name = x
-- etc/adminbot/facts.d/60-bad.json --
{"a": [{}]}
-- etc/adminbot/facts.d/.hidden --
role=hidden
-- etc/adminbot/facts.d/old~ --
role=old
`

var now = time.Unix(1795183200, 0).UTC()

func layOut(t *testing.T, archive string) (root, hostname string) {
	t.Helper()
	root = t.TempDir()
	var uts unix.Utsname
	if err := unix.Uname(&uts); err != nil {
		t.Fatal(err)
	}
	hostname = unix.ByteSliceToString(uts.Nodename[:])
	for _, f := range txtar.Parse([]byte(strings.ReplaceAll(archive, "HOSTNAME", hostname))).Files {
		p := filepath.Join(root, f.Name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, f.Data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root, hostname
}

func TestInfo(t *testing.T) {
	root, hostname := layOut(t, files)
	mark := now.Add(-time.Hour)
	if err := os.Chtimes(filepath.Join(root, "run/reboot-required"), mark, mark); err != nil {
		t.Fatal(err)
	}
	at := now
	r := New(root, "", func() time.Time { return at })
	got, err := r.Info(t.Context(), agentapi.NoArgs{})
	if err != nil {
		t.Fatal(err)
	}
	want := agentapi.HostInfoResult{
		Hostname: hostname, FQDN: hostname + ".example.net", OS: "debian12", OSVersion: "Debian GNU/Linux 12 (bookworm)",
		BootAt: time.Unix(1795179600, 0).UTC(), UptimeSeconds: 3600, MemoryBytes: 8000000 << 10,
		RebootRequired: true, RebootReasons: []string{"linux-image-6.1.0-28-amd64", "libssl3"}, RebootSince: mark,
	}
	if strings.Contains(hostname, ".") {
		want.FQDN = hostname
	}
	real := cmpopts.IgnoreFields(agentapi.HostInfoResult{}, "Kernel", "Arch", "CPUCount", "Virtualization", "ClockOffsetMS", "ClockSynced")
	if d := cmp.Diff(want, got, real); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}

	// What hardly changes is kept for a minute; the reboot mark is not.
	if err := os.WriteFile(filepath.Join(root, "etc/os-release"), []byte("ID=arch\nNAME='Arch Linux'\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(root, "run/reboot-required")); err != nil {
		t.Fatal(err)
	}
	at = at.Add(59 * time.Second)
	if got, err := r.Info(t.Context(), agentapi.NoArgs{}); err != nil || got.OS != "debian12" || got.RebootRequired {
		t.Errorf("within the minute: %+v, %v", got, err)
	}
	at = at.Add(2 * time.Second)
	if got, err := r.Info(t.Context(), agentapi.NoArgs{}); err != nil || got.OS != "arch" || got.OSVersion != "Arch Linux" {
		t.Errorf("after it: %+v, %v", got, err)
	}
}

func TestFacts(t *testing.T) {
	root, hostname := layOut(t, files)
	r := New(root, "", func() time.Time { return now })
	got, err := r.Facts(t.Context(), agentapi.HostFactsArgs{Keys: []string{"r*", "env", "owner", "managed", "weight", "os", "hostname", "site"}})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"role": "web", "env": "prod", "owner": "web team", "managed": "true", "weight": "1.5", "os": "debian12", "hostname": hostname,
		"rack.row": "8", "rack.power": "a b", "rack.since": "2024-05-01",
	}
	if d := cmp.Diff(want, got.Facts); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	if len(got.Errors) != 3 {
		t.Errorf("errors %q, want one for each bad file", got.Errors)
	}
	for i, name := range []string{"40-bad.toml", "50-bad.facts", "60-bad.json"} {
		if i < len(got.Errors) && !strings.HasPrefix(got.Errors[i], name) {
			t.Errorf("error %q does not name %s", got.Errors[i], name)
		}
	}
	if _, err := r.Facts(t.Context(), agentapi.HostFactsArgs{Keys: []string{"["}}); rpc.FaultCode(err) != rpc.FaultParams {
		t.Errorf("a glob that is none: %v", err)
	}
}

func FuzzFactLines(f *testing.F) {
	f.Add([]byte("role=web\n# x\nenv = \"prod\"\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		out := map[string]string{}
		if parseLines(b, out) != nil {
			return
		}
		for key, value := range out {
			if key == "" || strings.ContainsAny(key+value, "\x00\n\x1b") {
				t.Errorf("%q = %q", key, value)
			}
		}
	})
}

func TestRealMachine(t *testing.T) {
	r := New("", filepath.Join(t.TempDir(), "none"), time.Now)
	got, err := r.Info(t.Context(), agentapi.NoArgs{})
	if err != nil {
		t.Fatal(err)
	}
	if got.Hostname == "" || got.Kernel == "" || got.OS == "" || got.CPUCount < 1 || got.MemoryBytes < 1<<26 || got.UptimeSeconds < 1 || got.BootAt.After(time.Now()) {
		t.Errorf("%+v", got)
	}
	if got.ClockSynced == (got.ClockOffsetMS == nil) {
		t.Errorf("the clock is synced: %v, its offset: %v", got.ClockSynced, got.ClockOffsetMS)
	}
	facts, err := r.Facts(t.Context(), agentapi.HostFactsArgs{})
	if err != nil || facts.Facts["os"] != got.OS || facts.Facts["kernel"] != got.Kernel || len(facts.Errors) > 0 {
		t.Errorf("%+v, %v", facts, err)
	}
}
