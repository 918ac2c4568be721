package bot

import (
	"slices"
	"strings"
	"testing"
	"time"

	"adminbot/grammar"
)

func TestFold(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{"web01 web02 web03", "web[01-03]"},
		{"web01 web02", "web01 web02"},
		{"web42 web01 web02 web03", "web[01-03,42]"},
		{"web1 web2 web10 web3", "web[1-3] web10"},
		{"db01.ams db02.ams db03.ams mail", "db[01-03].ams mail"},
		{"a b", "a b"},
		{"", ""},
		{"10 11 12", "[10-12]"},
		{"x9 x10 x11", "x9 x10 x11"},
	} {
		if got := foldHosts(strings.Fields(tt.in)); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.in, got, tt.want)
		}
	}
	var many []string
	for _, s := range "abcdefghijklmnopqrstuvwxyz" {
		many = append(many, "host-"+string(s))
	}
	if got := someHosts(many, 40); width(got) > 40 || !strings.HasSuffix(got, "+21") {
		t.Errorf("got %s", got)
	}
}

// FuzzFold: a folded list read as a selector names the same hosts.
func FuzzFold(f *testing.F) {
	f.Add("web01 web02 web03 db1")
	f.Add("a1b2 a1b3 a1b4 007 008 009")
	f.Fuzz(func(t *testing.T, s string) {
		inv := &grammar.Inventory{}
		var names []string
		for _, n := range strings.Fields(s) {
			if len(n) > 20 || strings.Trim(n, "abcdefghijklmnopqrstuvwxyz0123456789") != "" || strings.Trim(n, "0123456789") == "" {
				continue
			}
			if sel, err := grammar.ParseSelector(n); err != nil || len(sel.Resolve(&grammar.Inventory{Hosts: []grammar.Host{{Name: n}}})) != 1 {
				continue
			}
			names = append(names, n)
			inv.Hosts = append(inv.Hosts, grammar.Host{Name: n})
		}
		if len(names) == 0 || len(names) > 50 {
			return
		}
		text := strings.ReplaceAll(foldHosts(names), " ", "|")
		sel := grammar.Selector{}
		for part := range strings.SplitSeq(text, "|") {
			one, err := grammar.ParseSelector(part)
			if err != nil {
				if strings.HasPrefix(part, "[") {
					return
				}
				t.Fatalf("%s: %v", text, err)
			}
			sel = sel.Or(one)
		}
		want := slices.Clone(names)
		slices.Sort(want)
		want = slices.Compact(want)
		if got := sel.Resolve(inv); !slices.Equal(got, want) {
			t.Fatalf("%s selects %v, not %v", text, got, want)
		}
	})
}

func TestQuantity(t *testing.T) {
	w := when{now: time.Date(2026, 11, 20, 14, 0, 0, 0, time.UTC), zone: time.UTC}
	for _, tt := range []struct {
		name string
		v    any
		want string
	}{
		{"used_percent", 71.9, "71%"}, {"used_percent", 2.44, "2.4%"}, {"actual_percent", 99.9876, "99.987%"}, {"percent", 100.0, "100%"}, {"percent", 0.01, "<0.1%"},
		{"free_bytes", 12348030976.0, "11.5 GiB"}, {"size_bytes", int32(512), "512 B"}, {"size_bytes", 1023.6 * 1024, "1.0 MiB"}, {"read_bytes_per_s", 2048.0, "2.0 KiB/s"},
		{"uptime_seconds", 273600.0, "3 d 4 h"}, {"age_seconds", 130.0, "2 m 10 s"}, {"lag_seconds", 0.0, "0 s"}, {"tcp_ms", 12.0, "12 ms"}, {"took_ms", 1200.0, "1.2 s"},
		{"temperature_celsius", 54.0, "54 °C"}, {"load1", 0.4, "0.40"}, {"count", 3.0, "3"}, {"ratio", 1.234, "1.23"},
		{"at", "2026-11-20T13:02:00Z", "13:02"}, {"boot_at", time.Date(2026, 11, 18, 9, 12, 0, 0, time.UTC), "18 Nov 09:12"}, {"since", "2025-01-02T00:00:00Z", "2025-01-02"},
		{"ok", true, "yes"}, {"names", []any{"a", "b"}, "a, b"}, {"x", nil, "–"}, {"name", "yes 7f3", "yes_7f3"},
	} {
		if got := quantity(tt.name, tt.v, w); got != tt.want {
			t.Errorf("%s %v: got %q, want %q", tt.name, tt.v, got, tt.want)
		}
	}
}
