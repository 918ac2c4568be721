package policy

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mellium.im/xmpp/jid"
)

const site = `
[groups]
dba = ["bob@example.net", "carol@example.net"]
admins = ["root@example.net"]

[[rule]]
who   = ["@dba"]
may   = ["R", "S", "service.*"]
on    = ["role=db", "!db01"]
args  = { unit = ["postgresql.service"] }
hours = "Mon-Fri 08:00-18:00 Europe/Amsterdam"
rooms = ["ops@conference.example.net"]
needs = "second"

[[rule]]
who = ["@admins"]
may = ["*.*"]

[[rule]]
who = ["alice@example.net"]
may = ["agent.*"]

[[rule]]
who = ["*@example.net"]
may = ["R"]
`

func selector(sel string) bool { return sel == "role=db" }

func TestDecideBot(t *testing.T) {
	p, err := Parse([]byte(site))
	if err != nil {
		t.Fatal(err)
	}
	if err := p.CheckBot(func(string) error { return nil }); err != nil {
		t.Fatal(err)
	}
	zone, err := time.LoadLocation("Europe/Amsterdam")
	if err != nil {
		t.Fatal(err)
	}
	work := time.Date(2026, 11, 20, 9, 0, 0, 0, zone) // a Friday
	restart := Ask{
		Who: jid.MustParse("bob@example.net/phone"), Method: "service.restart", Permission: "service.restart", Class: "D",
		Args: map[string]any{"unit": "postgresql.service"}, InSelector: selector,
		Room: jid.MustParse("ops@conference.example.net"), At: work,
	}
	for _, tc := range []struct {
		name  string
		edit  func(*Ask)
		allow bool
		rule  string
		needs Need
		near  string
	}{
		{"all conditions met", func(*Ask) {}, true, "rule 1 (line 6)", Second, ""},
		{"other unit", func(a *Ask) { a.Args = map[string]any{"unit": "nginx.service"} }, false, "no rule", None, "rule 1 (line 6) allows it with other values of unit"},
		{"no unit", func(a *Ask) { a.Args = nil }, false, "no rule", None, "rule 1 (line 6) allows it with other values of unit"},
		{"too late in the day", func(a *Ask) { a.At = work.Add(9 * time.Hour) }, false, "no rule", None, "rule 1 (line 6) allows it at other hours (Mon-Fri 08:00-18:00 Europe/Amsterdam)"},
		{"weekend", func(a *Ask) { a.At = work.Add(24 * time.Hour) }, false, "no rule", None, "rule 1 (line 6) allows it at other hours (Mon-Fri 08:00-18:00 Europe/Amsterdam)"},
		{"other room", func(a *Ask) { a.Room = jid.MustParse("lounge@conference.example.net") }, false, "no rule", None, "rule 1 (line 6) allows it in another room"},
		{"one-to-one", func(a *Ask) { a.Room = jid.JID{} }, false, "no rule", None, "rule 1 (line 6) allows it in another room"},
		{"excluded host", func(a *Ask) { a.InSelector = func(s string) bool { return true } }, false, "no rule", None, "rule 1 (line 6) allows it on other hosts"},
		{"host outside", func(a *Ask) { a.InSelector = func(s string) bool { return false } }, false, "no rule", None, "rule 1 (line 6) allows it on other hosts"},
		{"selectors unknown", func(a *Ask) { a.InSelector = nil }, false, "no rule", None, "rule 1 (line 6) allows it on other hosts"},
		{"not in the group", func(a *Ask) { a.Who = jid.MustParse("alice@example.net") }, false, "no rule", None, ""},
		{"nobody", func(a *Ask) { a.Who = jid.JID{} }, false, "no rule", None, ""},
		{"other domain", func(a *Ask) { a.Who = jid.MustParse("bob@example.net.evil") }, false, "no rule", None, ""},
		{"later rule", func(a *Ask) { a.Args, a.Class, a.Method = nil, "R", "disk.usage" }, true, "rule 4 (line 23)", None, ""},
		{"administrator", func(a *Ask) {
			a.Who, a.Class, a.Method = jid.MustParse("root@example.net"), "A", "agent.reload"
		}, true, "rule 2 (line 15)", None, ""},
		{"class A without being one", func(a *Ask) {
			a.Who, a.Class, a.Method = jid.MustParse("alice@example.net"), "A", "agent.reload"
		}, false, "no rule", None, "rule 3 (line 19) allows it only to administrators (group admins)"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a := restart
			tc.edit(&a)
			d := p.Decide(a)
			if d.Allow != tc.allow || d.Rule != tc.rule || d.Needs != tc.needs || d.Near != tc.near {
				t.Errorf("got %+v", d)
			}
			if !d.Allow && (d.Missing != a.Permission || !strings.Contains(d.Reason(), a.Permission)) {
				t.Errorf("refusal does not name the permission: %+v", d)
			}
		})
	}
}

func TestDecideHost(t *testing.T) {
	p, err := Parse([]byte(`
bots = ["adminbot@example.net"]
callers = ["ci@example.net"]

[groups]
ops = ["*@example.net"]

[[rule]]
who = ["@ops"]
via = ["adminbot@example.net", "deploy@example.net"]
may = ["W"]
args = { unit = ["nginx.service", "redis.service"], limit = [10], all = [true] }

[[rule]]
who = ["ci@example.net", "*@*.example.org"]
may = ["R"]
allow_no_ttl = true
`))
	if err != nil {
		t.Fatal(err)
	}
	if err := p.CheckHost(); err != nil {
		t.Fatal(err)
	}
	good := map[string]any{"unit": "nginx.service", "limit": int32(10), "all": true}
	for _, tc := range []struct {
		name, who, via, class string
		args                  map[string]any
		allow, noTTL          bool
	}{
		{"bot for a person", "alice@example.net", "adminbot@example.net", "W", good, true, false},
		{"named in via", "alice@example.net", "deploy@example.net", "W", good, true, false},
		{"listed, not in via", "alice@example.net", "ci@example.net", "W", good, false, false},
		{"number as double", "alice@example.net", "adminbot@example.net", "W", map[string]any{"unit": "nginx.service", "limit": 10.0, "all": true}, true, false},
		{"every unit of a list", "alice@example.net", "adminbot@example.net", "W", map[string]any{"unit": []any{"nginx.service", "redis.service"}, "limit": 10, "all": true}, true, false},
		{"one unit too many", "alice@example.net", "adminbot@example.net", "W", map[string]any{"unit": []string{"nginx.service", "ssh.service"}, "limit": 10, "all": true}, false, false},
		{"empty list", "alice@example.net", "adminbot@example.net", "W", map[string]any{"unit": []any{}, "limit": 10, "all": true}, false, false},
		{"caller itself", "ci@example.net", "ci@example.net", "R", nil, true, true},
		{"domain glob", "eve@dept.example.org", "adminbot@example.net", "R", nil, true, true},
		{"glob does not reach over the @", "eve@example.org", "adminbot@example.net", "R", nil, false, false},
		{"unlisted caller", "ci@example.net", "eve@example.com", "R", nil, false, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			d := p.Decide(Ask{Who: jid.MustParse(tc.who), Via: jid.MustParse(tc.via), Method: "x.y", Permission: "x.y", Class: tc.class, Args: tc.args})
			if d.Allow != tc.allow || d.AllowWithoutTTL != tc.noTTL {
				t.Errorf("got %+v", d)
			}
		})
	}
	for who, want := range map[string][2]bool{ // listed, bot
		"adminbot@example.net/x": {true, true}, "ci@example.net": {true, false},
		"deploy@example.net": {true, false}, "alice@example.net": {false, false},
	} {
		if got := [2]bool{p.Listed(jid.MustParse(who)), p.Bot(jid.MustParse(who))}; got != want {
			t.Errorf("%s: listed, bot = %v, want %v", who, got, want)
		}
	}
	var none *Policy
	if none.Listed(jid.MustParse("a@b")) || none.Bot(jid.MustParse("a@b")) || none.Decide(Ask{Who: jid.MustParse("a@b"), Class: "R"}).Allow {
		t.Error("a nil policy allows something")
	}
}

func TestReadOnly(t *testing.T) {
	bot := jid.MustParse("adminbot@example.net")
	p, err := ReadOnly(bot)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.CheckHost(); err != nil {
		t.Fatal(err)
	}
	for class, want := range map[string]bool{"R": true, "S": false, "W": false, "D": false, "A": false} {
		if got := p.Decide(Ask{Who: jid.MustParse("x@y"), Via: bot, Method: "a.b", Class: class}).Allow; got != want {
			t.Errorf("class %s: allow = %v", class, got)
		}
	}
}

func TestErrors(t *testing.T) {
	rule := "[[rule]]\nwho = [\"*\"]\nmay = [\"R\"]\n"
	for _, tc := range []struct{ name, text, want string }{
		{"syntax", "[groups\n", "policy: 1:8: "},
		{"unknown key", rule + "mayy = [\"R\"]\n", "policy: 4:1: no key \"mayy\"\nhint: a rule has who, via, may"},
		{"unknown table", "[rules]\n", "policy: 1:2: no key \"rules\"\nhint: keys are bots"},
		{"wrong type", "[[rule]]\nwho = 5\n", "policy: 2:7: "},
		{"no who", "[[rule]]\nmay = [\"R\"]\n", "policy: 1:3: rule 1 says not for whom\nhint: add who"},
		{"no may", "[[rule]]\nwho = [\"*\"]\n", "policy: 1:3: rule 1 says not what"},
		{"unknown group", "[groups]\na = []\nb = []\n" + "[[rule]]\nwho = [\"*\",\n  \"@c\"]\nmay=[\"R\"]\n", "policy: 6:3: no group \"c\"\nhint: groups are a, b"},
		{"group in a group", "[groups]\na = [\"@b\"]\n", "policy: 2:6: \"@b\": a group cannot stand here"},
		{"resource", "[[rule]]\nwho = [\"a@b/c\"]\nmay=[\"R\"]\n", "policy: 2:8: \"a@b/c\": rules are about bare addresses"},
		{"half a glob", "[[rule]]\nwho = [\"admin*\"]\nmay=[\"R\"]\n", "policy: 2:8: \"admin*\": a glob needs both sides"},
		{"small class", rule + "\n[[rule]]\nwho=[\"*\"]\nmay=[\"S\", \"w\"]\n", "policy: 7:11: no class \"w\"\nhint: classes are"},
		{"no method", "[[rule]]\nwho=[\"*\"]\nmay=[\"service restart\"]\n", "policy: 3:6: \"service restart\" is neither"},
		{"hours without zone", rule + "hours = \"08:00-18:00\"\n", "policy: 4:1: want days, a span and a zone"},
		{"no day", rule + "hours = \"Mo-Fri 08:00-18:00 UTC\"\n", "policy: 4:1: no days \"Mo-Fri\""},
		{"no zone", rule + "hours = \"Mon 08:00-18:00 Amsterdam\"\n", "policy: 4:1: no zone \"Amsterdam\""},
		{"no span", rule + "hours = \"Mon 8-18 UTC\"\n", "policy: 4:1: no span \"8-18\""},
		{"no friction", rule + "needs = \"third\"\n", "policy: 4:1: no friction \"third\"\nhint: needs is none"},
		{"no value", rule + "args = { unit = [] }\n", "policy: 4:10: no value of unit"},
		{"odd value", rule + "[rule.args]\nunit = [2026-01-01]\n", "policy: 5:1: a value of unit is"},
		{"second_over", "second_over = 0\n", "policy: 1:1: second_over is 0"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p, err := Parse([]byte(tc.text))
			if err == nil || !strings.HasPrefix(err.Error(), tc.want) {
				t.Errorf("got  %v\nwant %s…", err, tc.want)
			}
			if p != nil {
				t.Error("a policy came with the error")
			}
		})
	}
}

func TestSides(t *testing.T) {
	rule := "[[rule]]\nwho = [\"*\"]\nmay = [\"R\"]\n"
	for _, tc := range []struct{ text, host, bot string }{
		{rule, "", ""},
		{rule + "on = [\"!db01\"]\n", "policy: 4:1: on is for the bot", ""},
		{rule + "rooms = [\"a@b\"]\n", "policy: 4:1: rooms is for the bot", ""},
		{rule + "needs = \"count\"\n", "policy: 4:1: needs is for the bot", ""},
		{rule + "via = [\"a@b\"]\n", "", "policy: 4:1: via is for hosts"},
		{"bots = [\"a@b\"]\n", "", "policy: 1:1: bots is for hosts"},
		{rule + "on = [\"bad(\"]\n", "policy: 4:1: on is for the bot", "policy: 4:1: selector \"bad(\": no such"},
	} {
		p, err := Parse([]byte(tc.text))
		if err != nil {
			t.Fatal(err)
		}
		check := func(side string, err error, want string) {
			t.Helper()
			if want == "" && err != nil || want != "" && (err == nil || !strings.HasPrefix(err.Error(), want)) {
				t.Errorf("%s: %q: got %v, want %s", side, tc.text, err, want)
			}
		}
		check("host", p.CheckHost(), tc.host)
		check("bot", p.CheckBot(func(s string) error {
			if s == "bad(" {
				return os.ErrNotExist
			}
			return nil
		}), strings.Replace(tc.bot, "no such", os.ErrNotExist.Error(), 1))
	}
}

func TestLoad(t *testing.T) {
	name := filepath.Join(t.TempDir(), "policy.toml")
	if _, err := Load(name); err == nil || !strings.Contains(err.Error(), name) {
		t.Errorf("absent file: %v", err)
	}
	if err := os.WriteFile(name, []byte("a = 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(name); err == nil || !strings.HasPrefix(err.Error(), "policy: "+name+":1:1: no key") {
		t.Errorf("bad file: %v", err)
	}
	if err := os.WriteFile(name, []byte(site), 0o600); err != nil {
		t.Fatal(err)
	}
	p, err := Load(name)
	if err != nil || len(p.Hash()) != 64 {
		t.Errorf("good file: %v, hash %q", err, p.Hash())
	}
	if err := p.CheckHost(); err == nil || !strings.HasPrefix(err.Error(), "policy: "+name+":9:1: on is for the bot") {
		t.Errorf("host side: %v", err)
	}
}

func TestHours(t *testing.T) {
	at := func(s string) time.Time {
		v, err := time.Parse(time.RFC3339, s)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	for _, tc := range []struct {
		hours, at string
		in        bool
	}{
		{"Mon-Fri 08:00-18:00 Europe/Amsterdam", "2026-11-20T07:00:00Z", true}, // 08:00 in winter
		{"Mon-Fri 08:00-18:00 Europe/Amsterdam", "2026-11-20T06:59:00Z", false},
		{"Mon-Fri 08:00-18:00 Europe/Amsterdam", "2026-07-17T06:00:00Z", true}, // 08:00 in summer
		{"Mon-Fri 08:00-18:00 Europe/Amsterdam", "2026-11-20T17:00:00Z", false},
		{"Fri 22:00-06:00 UTC", "2026-11-20T23:00:00Z", true},
		{"Fri 22:00-06:00 UTC", "2026-11-21T05:59:00Z", true},
		{"Fri 22:00-06:00 UTC", "2026-11-21T22:30:00Z", false},
		{"Fri 22:00-06:00 UTC", "2026-11-20T05:00:00Z", false},
		{"Sat-Mon 00:00-24:00 UTC", "2026-11-22T12:00:00Z", true},
		{"Sat-Mon 00:00-24:00 UTC", "2026-11-20T12:00:00Z", false},
		{"Mon,Wed,Fri 10:00-11:00 UTC", "2026-11-18T10:30:00Z", true},
		{"10:00-11:00 UTC", "2026-11-22T10:30:00Z", true},
	} {
		h, err := parseHours(tc.hours)
		if err != nil {
			t.Fatal(err)
		}
		if got := h.contain(at(tc.at)); got != tc.in {
			t.Errorf("%s at %s: %v", tc.hours, tc.at, got)
		}
	}
}

func TestFriction(t *testing.T) {
	for _, tc := range []struct {
		name, class, method string
		hosts               int
		prod, all           bool
		over                int
		want                Need
	}{
		{"read of everything", "R", "disk.usage", 5000, true, true, 0, None},
		{"sensitive read", "S", "log.query", 50, true, false, 0, None},
		{"W on one", "W", "service.start", 1, false, false, 0, Confirm},
		{"W on four", "W", "service.start", 4, false, false, 0, Confirm},
		{"W in production", "W", "service.start", 1, true, false, 0, Confirm},
		{"W over ten", "W", "service.start", 11, false, false, 0, Count},
		{"W on ten", "W", "service.start", 10, false, false, 0, Confirm},
		{"W on *", "W", "service.start", 2, false, true, 0, Count},
		{"W over a limit of one's own", "W", "service.start", 6, false, false, 5, Count},
		{"D on three", "D", "service.stop", 3, false, false, 0, Confirm},
		{"D on four", "D", "service.stop", 4, false, false, 0, Count},
		{"D in production", "D", "service.stop", 1, true, false, 0, Count},
		{"D over ten", "D", "service.stop", 11, false, false, 0, Second},
		{"D on *", "D", "service.stop", 1, false, true, 0, Second},
		{"one reboot", "D", "host.reboot", 1, false, false, 0, Confirm},
		{"two reboots", "D", "host.reboot", 2, false, false, 0, Second},
		{"failover", "D", "failover.run", 1, false, false, 0, Second},
		{"A on one", "A", "agent.reload", 1, false, false, 0, Confirm},
		{"A in production", "A", "agent.reload", 1, true, false, 0, Count},
		{"A over ten", "A", "agent.reload", 12, false, false, 0, Second},
		{"unknown class", "?", "x.y", 1, false, false, 0, Second},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := Friction(tc.class, tc.hosts, tc.prod, tc.all, tc.method, tc.over); got != tc.want {
				t.Errorf("got %v, want %v", got, tc.want)
			}
		})
	}
	if !AskerOnly("S") || AskerOnly("R") || AskerOnly("D") {
		t.Error("AskerOnly is for S alone")
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(site))
	f.Add([]byte("bots = [\"a@b\"]\n[[rule]]\nwho=[\"*\"]\nmay=[\"R\"]\n[rule.args]\nunit=[1, true, 2.5]\n"))
	f.Add([]byte("[[rule]]\nwho = [\"*@é.net\"]\nmay = [\"x.*\"]\nhours=\"Fri 22:00-06:00 UTC\"\n"))
	ask := Ask{Who: jid.MustParse("bob@example.net"), Via: jid.MustParse("ci@example.net"), Method: "service.stop", Class: "D", At: time.Unix(1e9, 0)}
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := Parse(data)
		if err != nil {
			if p != nil || !strings.HasPrefix(err.Error(), "policy: ") {
				t.Fatalf("error %q with policy %v", err, p)
			}
			return
		}
		if d := p.Decide(ask); d.Allow && !p.Listed(ask.Via) {
			t.Fatal("an unlisted caller was let in")
		}
	})
}
