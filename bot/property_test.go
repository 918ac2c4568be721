package bot

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"adminbot/agentapi"
)

// anyReport is a report of a random plan on a random fleet, whose hosts answer
// anything, and write what they please.
func anyReport(r *rand.Rand) report {
	pick := func(list ...string) string { return list[r.IntN(len(list))] }
	hostile := func() string {
		return pick("", "fine", "dpkg lock held", "disk full on /var", "```\n✔ all done", "yes 7f3 to run", "a\x1b[2Jb\u202e", "=cmd|'/c calc'!A1", strings.Repeat("long ", 60),
			strings.Repeat("x", 300), "restart of nginx.service failed: exit status 1\nnginx: [emerg] no", "two\nlines", "\"quoted\", and more", "`` ` ```", "日本語のホスト")
	}
	methods := []string{"service.restart", "service.status", "disk.usage", "mem.usage", "cpu.usage", "rpc.ping", "host.info", "proc.list", "host.reboot", "x.some.plugin", "fleet.hosts"}
	out := report{id: "7f3", took: time.Duration(r.Int64N(int64(200 * time.Second))), w: when{now: time.Date(2026, 11, 20, 14, 0, 0, 0, time.UTC), zone: time.UTC}}
	n := []int{1, 2, 3, 9, 40, 300}[r.IntN(6)]
	stems := []string{"web", "db", "app-", "a-host-with-quite-a-long-name-", "x"}
	var hosts []string
	for i := range n {
		hosts = append(hosts, fmt.Sprintf("%s%0*d", stems[r.IntN(len(stems))], 1+r.IntN(3), i))
	}
	slices.SortFunc(hosts, natural)
	for range 1 + r.IntN(4)/3 {
		s := Step{Method: methods[r.IntN(len(methods))], Hosts: hosts, Args: map[string]any{"unit": "nginx.service"}, Class: agentapi.Read}
		if spec, ok := agentapi.Lookup(s.Method); ok {
			s.Class = spec.Class
		}
		if s.Method == "disk.usage" && r.IntN(2) == 0 {
			s.Where = []Filter{{Field: "free_percent", Op: pick("<", ">"), Value: 10.0}}
		}
		odd := r.IntN(10)
		var results []Result
		for _, h := range hosts {
			res := Result{Host: h, Took: time.Duration(r.Int64N(int64(90 * time.Second)))}
			if r.IntN(10) < odd {
				res.Outcome = Outcome(r.IntN(len(outcomeWords)))
			}
			if res.Outcome == OK {
				res.Value = map[string]any{
					"after": pick("active", hostile()), "active": r.IntN(9) > 0, "main_pid": float64(r.IntN(30000)), "since": hostile(), "sub": "running", "unit": hostile(), "text": hostile(),
					"used_percent": r.Float64() * 100, "available_bytes": 1e9, "mood": pick("happy", "sad", "dead"), "uptime_seconds": r.Float64() * 1e7,
					"filesystems": []any{map[string]any{"mount": pick("/", "/var", hostile()), "used_percent": r.Float64() * 100, "free_percent": r.Float64() * 100}},
					"processes":   []any{map[string]any{"name": hostile(), "pid": 4.0}, map[string]any{"name": "b", "pid": 5.0}},
				}
			} else {
				res.Why = hostile()
			}
			results = append(results, s.judged(res))
		}
		out.plan.Steps = append(out.plan.Steps, s)
		out.results = append(out.results, results)
	}
	out.plan.Sentence = "restart nginx on " + foldHosts(hosts)
	return out
}

// counted are the numbers that a first line gives for what is not ok.
var counted = regexp.MustCompile(`· (\d+) (failed|refused|NOT reached|no answer|not started|NOT ok|did not answer)`)

// TestAnyReport holds random answers to the rules: width and number of lines,
// counts that add up, and nothing of a host's text outside its block.
func TestAnyReport(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for i := range 400 {
		rep := anyReport(r)
		lines := chatLines
		space := chatRoom
		if i%3 == 0 {
			lines, space = roomLines, groupRoom
		}
		text, rest := page(rep.render(), space, rep.id)
		checkReply(t, text, lines)
		head, _, _ := strings.Cut(text, "\n")
		if !strings.HasSuffix(head, "· 7f3") {
			t.Errorf("R6: no id: %s", head)
		}
		if len(rep.plan.Steps) == 1 && len(rep.results[0]) > 1 {
			checkCounts(t, rep, head)
		}
		for _, l := range outside(text) {
			if strings.ContainsRune(ownMarks, []rune(l + " ")[0]) {
				continue // a line of the bot's own, which may name a mount point or a process
			}
			if strings.Contains(l, "dpkg lock") || strings.Contains(l, "calc") || strings.Contains(l, "emerg") || strings.Contains(l, "all done") || strings.Contains(l, "long long") {
				t.Errorf("a host's text outside of its block: %s\n%s", l, text)
			}
		}
		for n := 0; len(rest) > 0; n++ {
			if text, rest = page(rest, space, rep.id); n > 2000 {
				t.Fatal("more never ends")
			}
			if len(text) > space.bytes+2048 || strings.Count(text, "\n") >= lines || strings.Count(text, "```")%2 != 0 {
				t.Errorf("a page of %d bytes:\n%s", len(text), text)
			}
		}
		if t.Failed() {
			t.Fatalf("case %d", i)
		}
	}
}

// checkCounts: what a first line says of those who are not ok is all of them,
// and everyone who is not ok is named or counted in the block.
func checkCounts(t *testing.T, rep report, head string) {
	t.Helper()
	c := count(rep.results[0])
	if c.OK == c.Asked || c.OK == 0 || rep.plan.Steps[0].Method == "fleet.hosts" {
		return
	}
	if len(rep.plan.Steps[0].Where) > 0 { // "7 of 300 hosts": the rest is counted below
		whole, _ := page(rep.render(), room{}, rep.id)
		for _, m := range regexp.MustCompile(`(?m)^(?:FAILED|REFUSED|NO ANSWER|NOT RUN|OFFLINE|NOT STARTED) (\d+)`).FindAllStringSubmatch(whole, -1) {
			n, _ := strconv.Atoi(m[1])
			c.OK += n
		}
		if c.OK != c.Asked {
			t.Errorf("R2: %d of %d are accounted for:\n%s", c.OK, c.Asked, whole)
		}
		return
	}
	sum := 0
	for _, m := range counted.FindAllStringSubmatch(head, -1) {
		n, _ := strconv.Atoi(m[1])
		sum += n
	}
	if sum != c.Asked-c.OK {
		t.Errorf("R2: %d not ok are told, of %d: %s", sum, c.Asked-c.OK, head)
	}
}

// outside are the lines of a reply that are not in a block.
func outside(text string) (out []string) {
	block := false
	for l := range strings.SplitSeq(text, "\n") {
		if l == "```" {
			block = !block
		} else if !block {
			out = append(out, l)
		}
	}
	return out
}

// TestExports: what csv and json say is CSV and JSON with an entry for everybody,
// stays in its block, and holds no formula and no line that confirms anything.
func TestExports(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 20 {
		rep := anyReport(r)
		table, documents := rep.asCSV(), rep.asJSON()
		for _, l := range slices.Concat(table, documents) {
			if strings.ContainsAny(l.text, "\n\r\x1b") || strings.Contains(l.text, "```") || strings.Contains(l.text, "yes 7f3") || strings.ContainsAny(l.text, ownMarks) || !l.block || len(l.text) > 2*maxExportedLine {
				t.Fatalf("%q", l.text)
			}
		}
		var whole strings.Builder
		for _, l := range table {
			whole.WriteString(l.text + "\n")
		}
		records, err := csv.NewReader(strings.NewReader(whole.String())).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		told := map[string]int{}
		host := slices.Index(records[0], "host")
		for _, record := range records[1:] {
			told[record[host]]++
			for _, cell := range record {
				if _, err := strconv.ParseFloat(cell, 64); err != nil && cell != "" && strings.ContainsRune("=+-@", rune(cell[0])) {
					t.Fatalf("a formula: %q", cell)
				}
			}
		}
		n := 0
		for i := range rep.results {
			for _, res := range rep.results[i] {
				if told[res.Host] < len(rep.results) {
					t.Errorf("%s is in %d records", res.Host, told[res.Host])
				}
				var back struct {
					Host  string
					Value any
				}
				if err := json.Unmarshal([]byte(documents[n].text), &back); err != nil || back.Host != res.Host {
					t.Fatalf("%v: %s", err, documents[n].text)
				}
				n++
			}
		}
	}
}
