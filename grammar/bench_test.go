package grammar

import (
	"fmt"
	"runtime"
	"testing"
)

// bigInventory makes n hosts in the proportions of a real site.
func bigInventory(n int) *Inventory {
	inv := &Inventory{Groups: map[string][]string{}, Checks: []string{"disk_root", "load", "http"}, Workgroups: []string{"alerts", "dba"}, Apps: []string{"api", "checkout"}}
	roles := []string{"web", "db", "cache", "app", "worker"}
	services := map[string][]string{"web": {"nginx", "php8.2-fpm"}, "db": {"postgresql"}, "cache": {"redis-server"}, "app": {"tomcat10"}, "worker": {"docker"}}
	sites := []string{"ams", "nyc", "fra", "sin"}
	for i := range n {
		role := roles[i%len(roles)]
		name := fmt.Sprintf("%s%05d", role, i/len(roles)+1)
		mood := "happy"
		if i%37 == 0 {
			mood = "sad"
		}
		inv.Hosts = append(inv.Hosts, Host{Name: name, Mood: mood, Services: services[role],
			Facts: map[string]string{"role": role, "env": []string{"prod", "staging"}[i%7/6], "site": sites[i%4], "os": "debian12"}})
		if i%15 == 0 {
			inv.Groups["edge"] = append(inv.Groups["edge"], name)
		}
	}
	return inv
}

func benchLexicon(b *testing.B, hosts int) *Lexicon {
	b.Helper()
	lx, err := Compile(testVerbs(b), bigInventory(hosts))
	if err != nil {
		b.Fatal(err)
	}
	return lx
}

var benchLines = map[string]string{
	"write":  "restart nginx on web00001 and web00002",
	"filter": "which db hosts have less than 10% disk free",
	"set":    "reload nginx on the prod web servers in ams except @edge",
	"short":  "disk on web00001",
	"long":   "could you please show me the nginx errors on web00003 since 2pm, last 50 lines",
}

func BenchmarkParse(b *testing.B) {
	for _, hosts := range []int{200, 10000} {
		lx := benchLexicon(b, hosts)
		for name, line := range benchLines {
			now := lx.Inventory().Now
			if r := lx.Parse(nil, line, now); r.Status != OK {
				b.Fatalf("%q: %s %v", line, r.Status, r.Suggestions)
			}
			b.Run(fmt.Sprintf("hosts=%d/%s", hosts, name), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					lx.Parse(nil, line, now)
				}
			})
		}
	}
}

func BenchmarkLanguage(b *testing.B) {
	v := Vocabulary{Verbs: testVerbs(b)}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := v.Language(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCompile(b *testing.B) {
	language := testLanguage(b)
	for _, hosts := range []int{200, 10000} {
		inv := bigInventory(hosts)
		b.Run(fmt.Sprintf("hosts=%d", hosts), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := language.Compile(inv); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkWithAliases is what one person's own words cost on a new snapshot, and
// on a line.
func BenchmarkWithAliases(b *testing.B) {
	aliases := map[string]string{"frobnicate": "restart"}
	for i := range 19 {
		aliases["zq"+string(rune('a'+i))+" round"] = "disk on all hosts over 80%"
	}
	for _, hosts := range []int{200, 10000} {
		lx := benchLexicon(b, hosts)
		b.Run(fmt.Sprintf("hosts=%d/compile", hosts), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := lx.WithAliases(aliases); err != nil {
					b.Fatal(err)
				}
			}
		})
		mine, err := lx.WithAliases(aliases)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(fmt.Sprintf("hosts=%d/parse", hosts), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				mine.Parse(nil, "frobnicate nginx on web00001 and web00002", lx.Inventory().Now)
			}
		})
	}
}

// BenchmarkMemory reports what a compiled lexicon keeps.
func BenchmarkMemory(b *testing.B) {
	language := testLanguage(b)
	for _, hosts := range []int{200, 10000} {
		inv := bigInventory(hosts)
		b.Run(fmt.Sprintf("hosts=%d", hosts), func(b *testing.B) {
			var before, after runtime.MemStats
			for b.Loop() {
				runtime.GC()
				runtime.ReadMemStats(&before)
				lx, err := language.Compile(inv)
				if err != nil {
					b.Fatal(err)
				}
				runtime.GC()
				runtime.ReadMemStats(&after)
				b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/1024, "KiB-kept")
				runtime.KeepAlive(lx)
			}
		})
	}
}
