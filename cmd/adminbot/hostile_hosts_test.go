//go:build !unit

package main

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"adminbot/agentapi"
	"adminbot/internal/textsafe"
	"adminbot/rpc"
)

// An evilHost plays the agent of a host in the roster: it answers what is needed
// to be known, and then whatever the test says.
type evilHost struct{ *intruder }

var (
	idIn     = regexp.MustCompile(` id=['"]([^'"]*)['"]`)
	fromIn   = regexp.MustCompile(` from=['"]([^'"]*)['"]`)
	methodIn = regexp.MustCompile(`<methodName>([^<]*)</methodName>`)
)

// beEvil logs the host in, says that it is happy and waits until the bot knows
// its facts.
func (in *installation) beEvil(t testing.TB) *evilHost {
	t.Helper()
	e := &evilHost{in.asClient(t, "evil01", "agent", "")}
	e.will("<struct/>")
	e.send("<presence><status>Happy</status><priority>-1</priority></presence>")
	in.until("the bot knows evil01", func() bool {
		h, _ := in.bot.fleet.Snapshot().Host("evil01")
		return h.Online && h.Facts.Facts["role"] == "evil"
	})
	return e
}

// will makes the host answer every call with an XML-RPC value.
func (e *evilHost) will(value string) {
	e.willAnswer(func(method, id, from string) string {
		return rpcResult(id, from, "<value>"+value+"</value>")
	})
}

// evilFacts are the answers that make a host known.
var evilFacts = map[string]any{
	agentapi.HostFacts.Name: &agentapi.HostFactsResult{
		Common: agentapi.Common{At: time.Unix(1e9, 0)}, Facts: map[string]string{"role": "evil"},
	},
	agentapi.ServiceList.Name: &agentapi.ServiceListResult{
		Common: agentapi.Common{At: time.Unix(1e9, 0)},
		Units:  []agentapi.UnitState{{Unit: "nginx.service", Load: "loaded", Active: "active", Sub: "running"}},
	},
	"system.listMethods": []string{},
}

func rpcResult(id, to, value string) string {
	return fmt.Sprintf("<iq type='result' id='%s' to='%s'><query xmlns='jabber:iq:rpc'><methodResponse><params><param>%s</param></params></methodResponse></query></iq>", id, to, value)
}

// willAnswer sets what the host answers to calls, but for what the bot asks of a
// host that comes.
func (e *evilHost) willAnswer(f func(method, id, from string) string) {
	e.knows(evilFacts, f)
}

// knows is willAnswer with the answers that make the host known.
func (e *evilHost) knows(facts map[string]any, f func(method, id, from string) string) {
	e.answers(func(element string) string {
		m := methodIn.FindStringSubmatch(element)
		if m == nil {
			return ""
		}
		id, from := idIn.FindStringSubmatch(element)[1], fromIn.FindStringSubmatch(element)[1]
		if known, ok := facts[m[1]]; ok {
			v, err := rpc.Marshal(known)
			if err != nil {
				panic(err) // the table is wrong
			}
			return rpcResult(id, from, string(v.AppendXML(nil)))
		}
		return f(m[1], id, from)
	})
}

func member(name, value string) string {
	return "<member><name>" + escapeXML(name) + "</name><value>" + escapeXML(value) + "</value></member>"
}

func double(name, value string) string {
	return "<member><name>" + escapeXML(name) + "</name><value><double>" + value + "</double></value></member>"
}

func structOf(members ...string) string { return "<struct>" + strings.Join(members, "") + "</struct>" }

func listOf(name string, values ...string) string {
	return "<member><name>" + escapeXML(name) + "</name><value><array><data><value>" + strings.Join(values, "</value><value>") + "</value></data></array></value></member>"
}

// hostLines are questions to which the answer is what one host says.
var hostLines = []string{
	"disk on evil01", "memory on evil01", "cpu on evil01", "processes on evil01", "uptime on evil01", "log of nginx on evil01",
	"facts on evil01", "is nginx running on evil01?", "listeners on evil01", "mood of evil01",
}

// evilTexts are what a host may write anywhere where text goes.
var evilTexts = map[string]string{
	"card":      "Restart nginx on web01?\n= restart nginx on web01\nyes 7f3 to run · no · 2 m",
	"fence":     "x\n```\nweb01  active\n✔ nginx restarted on web01 · abc\n```",
	"other":     "ok\nweb01  100% used, 0 B free\nweb02  FAILED",
	"csi8":      "a\u009b2Jb\u009b31mred\u009d0;title\u009c",
	"bidi":      "\u202egnp.exe\u2066\u2067 yes\u200b 7f3",
	"wide":      strings.Repeat("W", 3000),
	"zalgo":     "e" + strings.Repeat("\u0301", 500),
	"mark":      "✔ all well",
	"separator": "a\u2028yes 7f3 to run\u2029b\u0085c",
	"quotation": "> yes 7f3\n>> * _bold_ *",
	"tag":       "\U000E0079\U000E0065\U000E0073",
	"link":      "https://evil.example/yes?id=7f3",
	"template":  "{unit} {mount} {0}, {",
}

// evilValues are results of any method, made to be shown.
func evilValues() map[string]string {
	m := map[string]string{
		"nothing":        "<struct/>",
		"nil":            "<nil/>",
		"a string":       "<string>yes 7f3</string>",
		"an array":       "<array><data><value><int>1</int></value></data></array>",
		"deep":           nested(10),
		"wide":           "<array><data>" + strings.Repeat("<value>x</value>", 4990) + "</data></array>",
		"many members":   structOf(manyMembers(2000)...),
		"wrong types":    structOf(member("filesystems", "none"), member("percent", "lots"), listOf("facts", "1"), member("total", "x"), listOf("used_percent", "x")),
		"lying pages":    structOf(listOf("filesystems", structOf(member("mount", "/"))), double("total", "1e300"), member("next", "1"), "<member><name>truncated</name><value><boolean>1</boolean></value></member>"),
		"a lying job":    structOf(member("job", "j-0; yes 7f3"), member("state", "running")),
		"empty names":    structOf(member("", "x"), listOf("", structOf(member("", "x")))),
		"absurd dates":   structOf(date("since"), date("at"), date("started_at"), date("reverts_at"), listOf("filesystems", structOf(date("mount"), date("since")))),
		"half a base64":  structOf("<member><name>text</name><value><base64>AAEC/w==</base64></value></member>"),
		"a struct twice": structOf(member("mount", "/a"), member("mount", "/b")),
	}
	for _, n := range []string{"1e300", "-1e300", "1e19", "-9223372036854775808", "9223372036854775807", "1e-300", "-0", "NaN", "INF"} {
		var all []string
		for _, name := range []string{
			"uptime_seconds", "age_seconds", "tcp_ms", "seconds", "used_percent", "percent", "free_bytes", "size_bytes", "used_bytes", "load1",
			"rate_bytes_per_s", "x_per_s", "x_celsius", "main_pid", "pid", "port", "count", "total", "matched_total", "score", "at",
		} {
			all = append(all, double(name, n))
		}
		row := structOf(append(all, member("mount", "/"), member("name", "x"))...)
		m["numbers "+n] = structOf(append(all, listOf("filesystems", row), listOf("processes", row), listOf("top", row), listOf("lines", row), listOf("units", row))...)
	}
	for name, text := range evilTexts {
		row := structOf(
			member("mount", text), member("name", text), member("unit", text), member("text", text), member("path", text), member("process", text),
			member("active", text), member("check", text), member("address", text), double("used_percent", "50"),
		)
		m["text "+name] = structOf(
			listOf("filesystems", row), listOf("processes", row), listOf("top", row, row), listOf("lines", row), listOf("units", row), listOf("reasons", row),
			listOf("listeners", row), member("status", text), member("after", text), member("active", text), member("sub", text), member("os_version", text),
			"<member><name>facts</name><value>"+structOf(member(text, text))+"</value></member>", member("since", text), member("text", text),
		)
		m["name "+name] = structOf(
			listOf(text, structOf(member(text, text), member("a} "+text+" {b", "1"), member("a", "1"), member("b", "2"))),
			member(text, "1"), "<member><name>x</name><value>"+structOf(member(text, "1"))+"</value></member>",
		)
		m["list "+name] = structOf(listOf(text, structOf(member("a} "+text+" {a", "1"), member("a", "1"))))
	}
	return m
}

// carriedOtherwise are the values that servers might carry each in its own way.
var carriedOtherwise = []string{"deep", "wide", "many members", "empty names", "text csi8", "text bidi", "text separator", "text tag", "name card", "numbers 1e300"}

// nested is a value in so many arrays, each of three elements.
func nested(n int) string {
	return strings.Repeat("<array><data><value>", n) + "x" + strings.Repeat("</value></data></array>", n)
}

func manyMembers(n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = "<member><name>m" + fmt.Sprint(i) + "</name><value><int>1</int></value></member>"
	}
	return out
}

func date(name string) string {
	return "<member><name>" + name + "</name><value><dateTime.iso8601>99991231T23:59:59</dateTime.iso8601></value></member>"
}

func hostileHosts(t *testing.T, site *installation) {
	evil := site.beEvil(t)
	defer site.leaves(evil)
	values := evilValues()
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if site.Kind != "embedded" && !slices.Contains(carriedOtherwise, name) {
			continue // what the bot makes of it does not depend on who carried it
		}
		value := values[name]
		t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) {
			evil.will(value)
			lines := hostLines
			if site.Kind != "embedded" {
				lines = lines[:3]
			}
			for _, line := range lines {
				checkAnswer(t, line, site.say(line))
			}
			site.holds(t)
			if evil.over() {
				t.Fatalf("the host was thrown out: %v", evil.err)
			}
		})
	}
}

// ownLine is what the bot itself begins lines outside of blocks with.
var ownLine = regexp.MustCompile(`^(= |retry failed \w+ · details \w+$|… \d+ more lines?: more · details \w+$|\w+ · |[✔✖⚠⌛] )`)

var otherHost = regexp.MustCompile(`^web0[12]\b`)

var looksLikeYes = regexp.MustCompile(`(?i)\b(yes|approve|confirm)\s+[0-9a-z]{3}\b`)

// checkAnswer checks that an answer of the bot about what a hostile host said
// holds nothing that could be taken for something else.
func checkAnswer(t *testing.T, line, answer string) {
	t.Helper()
	if !utf8.ValidString(answer) {
		t.Errorf("%s: not UTF-8: %q", line, answer)
	}
	for _, r := range answer {
		if r != '\n' && (unicode.IsControl(r) || textsafe.Hidden(r)) {
			t.Errorf("%s: %U in %q", line, r, answer)
			break
		}
	}
	if m := looksLikeYes.FindString(answer); m != "" {
		t.Errorf("%s: %q in the answer:\n%s", line, m, answer)
	}
	lines := strings.Split(answer, "\n")
	if len(lines) > 26 {
		t.Errorf("%s: %d lines", line, len(lines))
	}
	if n := utf8.RuneCountInString(lines[0]); n > 70 {
		t.Errorf("%s: the first line has %d characters: %s", line, n, lines[0])
	}
	block := false
	for i, l := range lines {
		switch {
		case l == "```":
			block = !block
		case block && utf8.RuneCountInString(l) > 40:
			t.Errorf("%s: a line of %d characters: %s", line, utf8.RuneCountInString(l), l)
		case block && strings.ContainsAny(l, "✔✖⚠⌛⛔"), !block && !ownLine.MatchString(l):
			t.Errorf("%s: line %d might be taken for one of the bot: %q in\n%s", line, i+1, l, answer)
		case strings.Contains(l, "```"):
			t.Errorf("%s: a fence in line %d: %q", line, i+1, l)
		case block && otherHost.MatchString(l) && !strings.HasPrefix(line, "log"): // a log is what the host makes it
			t.Errorf("%s: line %d might be taken for that of another host: %q", line, i+1, l)
		}
	}
	if block {
		t.Errorf("%s: the block does not end:\n%s", line, answer)
	}
}
