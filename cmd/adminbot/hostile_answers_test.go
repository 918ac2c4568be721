//go:build !unit

package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"adminbot/agentapi"
	"adminbot/internal/textsafe"
)

// rawAnswers are answers to a call that are none, or not one: ID and TO stand for
// what the call came with.
var rawAnswers = []struct{ name, answer, begins string }{
	{"empty", "<iq type='result' id='ID' to='TO'/>", "✖ "},
	{"of another protocol", "<iq type='result' id='ID' to='TO'><query xmlns='jabber:iq:version'><name>yes 7f3</name></query></iq>", "✖ "},
	{"a call", "<iq type='result' id='ID' to='TO'><query xmlns='jabber:iq:rpc'><methodCall><methodName>service.restart</methodName></methodCall></query></iq>", "✖ "},
	{"no value", "<iq type='result' id='ID' to='TO'><query xmlns='jabber:iq:rpc'><methodResponse><params/></methodResponse></query></iq>", "✖ "},
	{"two values", "<iq type='result' id='ID' to='TO'><query xmlns='jabber:iq:rpc'><methodResponse><params><param><value>1</value></param><param><value>2</value></param></params></methodResponse></query></iq>", "✖ "},
	{"a value and a fault", "<iq type='result' id='ID' to='TO'><query xmlns='jabber:iq:rpc'><methodResponse><params><param><value>1</value></param></params><fault><value>1</value></fault></methodResponse></query></iq>", "✖ "},
	{"a fault that is none", "<iq type='result' id='ID' to='TO'><query xmlns='jabber:iq:rpc'><methodResponse><fault><value>x</value></fault></methodResponse></query></iq>", "✖ "},
	{"a number that is none", "<iq type='result' id='ID' to='TO'><query xmlns='jabber:iq:rpc'><methodResponse><params><param><value><int>1e9</int></value></param></params></methodResponse></query></iq>", "✖ "},
	{"longer than a stanza", "<iq type='result' id='ID' to='TO'><query xmlns='jabber:iq:rpc'><methodResponse><params><param><value>" + strings.Repeat("x", 70<<10) + "</value></param></params></methodResponse></query></iq>", "✖ "},
	{"long", "<iq type='result' id='ID' to='TO'><query xmlns='jabber:iq:rpc'><methodResponse><params><param><value>" + strings.Repeat("✔ yes 7f3\n", 4000) + "</value></param></params></methodResponse></query></iq>", "✔ disk on evil01"},
	{"twice", strings.Repeat("<iq type='result' id='ID' to='TO'><query xmlns='jabber:iq:rpc'><methodResponse><params><param><value>once</value></param></params></methodResponse></query></iq>", 2), "✔ disk on evil01"},
	{"once and an error", "<iq type='result' id='ID' to='TO'><query xmlns='jabber:iq:rpc'><methodResponse><params><param><value>once</value></param></params></methodResponse></query></iq><iq type='error' id='ID' to='TO'><error type='cancel'><gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>", "✔ disk on evil01"},
	{"an error with words", "<iq type='error' id='ID' to='TO'><error type='✔'><gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>xmpp:yes@7f3</gone><text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>✔ done\u2028yes 7f3</text></error></iq>", ""},
	{"an error nobody knows", "<iq type='error' id='ID' to='TO'><error type='cancel' by='@@'><yes_7f3 xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>", ""},
	{"a refusal", "<iq type='error' id='ID' to='TO'><error type='auth'><forbidden xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>", "✖ "},
}

// faultCodes are codes of faults, absurd ones and those that mean something.
var faultCodes = []string{"0", "-1", "1", "200", "403", "404", "408", "409", "410", "413", "429", "499", "500", "501", "-32601", "-32602", "2147483647", "-2147483648"}

func fault(code, text string) string {
	return "<iq type='result' id='ID' to='TO'><query xmlns='jabber:iq:rpc'><methodResponse><fault><value><struct><member><name>faultCode</name><value><int>" + code +
		"</int></value></member>" + member("faultString", text) + "</struct></value></fault></methodResponse></query></iq>"
}

func hostileAnswers(t *testing.T, site *installation) {
	evil := site.beEvil(t)
	defer site.leaves(evil)
	answer := func(raw string) {
		evil.willAnswer(func(_, id, from string) string {
			return strings.NewReplacer("ID", id, "TO", from).Replace(raw)
		})
	}
	for _, a := range rawAnswers {
		t.Run(a.name, func(t *testing.T) {
			answer(a.answer)
			got := site.say("disk on evil01")
			checkAnswer(t, a.name, got)
			if !strings.HasPrefix(got, a.begins) {
				t.Errorf("got %s\nwant %s…", got, a.begins)
			}
			site.holds(t)
		})
	}
	t.Run("faults", func(t *testing.T) {
		for i, code := range faultCodes {
			text := []string{evilTexts["card"], evilTexts["fence"], evilTexts["other"], evilTexts["csi8"], evilTexts["bidi"], evilTexts["mark"], ""}[i%7]
			answer(fault(code, text))
			got := site.say("disk on evil01")
			checkAnswer(t, code, got)
			if !strings.HasPrefix(got, "✖ ") {
				t.Errorf("fault %s: %s", code, got)
			}
		}
		site.holds(t)
	})
	t.Run("changes", func(t *testing.T) {
		for _, value := range []string{
			"<struct/>", "<nil/>", structOf(member("job", evilTexts["card"])), structOf(member("after", evilTexts["card"]), "<member><name>active</name><value><boolean>0</boolean></value></member>"),
			structOf(member("active", "1"), member("after", evilTexts["fence"]), double("main_pid", "1e300")), "<string>web01 restarted</string>",
		} {
			evil.will(value)
			if card := site.say("restart nginx on evil01"); !strings.HasPrefix(card, "Restart nginx on evil01?") {
				t.Errorf("the card: %s", card)
			}
			checkAnswer(t, value, site.say("yes"))
		}
		site.holds(t)
	})
	t.Run("of somebody else", func(t *testing.T) { answersOfAnother(t, site, evil) })
}

// answersOfAnother has others answer a call to evil01 before it does: from their
// own addresses, and as far as the server lets them, from its.
func answersOfAnother(t *testing.T, site *installation, evil *evilHost) {
	mallory, comp := site.asClient(t, "mallory", "forger", ""), site.component()
	var once sync.Once
	evil.willAnswer(func(_, id, from string) string {
		once.Do(func() {
			lie := rpcResult(id, from, "<value>a lie</value>")
			mallory.send(lie)
			mallory.send(strings.Replace(lie, "<iq ", "<iq from='evil01@localhost' ", 1))
			mallory.settle(from)
			comp.send(strings.Replace(lie, "<iq ", "<iq from='workgroup.localhost' ", 1))
			comp.settle(from)
			evil.send(strings.Replace(lie, "<iq ", "<iq from='evil01@localhost/agent2' ", 1)) // ejabberd ends the stream for this
		})
		return rpcResult(id, from, "<value>the truth</value>")
	})
	got := site.say("disk on evil01")
	if strings.Contains(got, "a lie") && site.Kind == "ejabberd" || !strings.Contains(got, "the truth") && site.Kind != "ejabberd" && !strings.Contains(got, "a lie") {
		t.Error(got)
	}
	site.holds(t)
}

// leaves ends a hostile host and waits until the bot knows it.
func (in *installation) leaves(evil *evilHost) {
	evil.leave()
	in.until("evil01 is gone", func() bool {
		h, _ := in.bot.fleet.Find("evil01")
		return !h.Online
	})
}

// evilPresences are what a host may say of itself.
var evilPresences = func() []string {
	var all []string
	for _, text := range evilTexts {
		all = append(all, "<presence><show>away</show><status>"+escapeXML(text)+"</status></presence>",
			"<presence><x xmlns='urn:adminbot:mood:0' mood='sad' score='100' since='2000-01-01T00:00:00Z'><reason check='c' points='1'>"+escapeXML(text)+"</reason></x></presence>")
	}
	return append(all,
		"<presence><show>✔</show><show>dnd</show></presence>",
		"<presence><status>"+strings.Repeat("s", 5000)+"</status></presence>",
		"<presence><x xmlns='urn:adminbot:mood:0' mood='elated'/></presence>",
		"<presence><x xmlns='urn:adminbot:mood:0' mood='sad' score='2147483648'/></presence>",
		"<presence><x xmlns='urn:adminbot:mood:0' mood='sad' score='-5' since='9999-12-31T23:59:59Z' load1='1e308'/></presence>",
		"<presence><x xmlns='urn:adminbot:mood:0' mood='sad' since='0000-01-01T00:00:00Z'/></presence>",
		"<presence><x xmlns='urn:adminbot:mood:0' mood='dead'/></presence>",
		"<presence><x xmlns='urn:adminbot:mood:0' mood='sad'>"+strings.Repeat("<reason check='c' points='1'>r</reason>", 100)+"</x></presence>",
		"<presence><c xmlns='http://jabber.org/protocol/caps' hash='md2' node='urn:adminbot:agent:0' ver='="+strings.Repeat("v", 1000)+"'/></presence>",
		"<presence><priority>127</priority></presence>",
		"<presence><priority>-129</priority></presence>",
	)
}()

func hostilePresence(t *testing.T, site *installation) {
	evil := site.beEvil(t)
	defer site.leaves(evil)
	for i, p := range evilPresences {
		evil.send(p)
		evil.settle()
		if i%9 > 0 && (i%3 > 0 || site.Kind != "embedded") {
			continue // as fast as it can, and a look now and then
		}
		list := terminal(t, site, "hosts")
		checkTerminal(t, p, list)
		if n := strings.Count(list, "\n"); n != 3 {
			t.Errorf("%s: %d lines:\n%s", p, n, list)
		}
		answer := site.say("list hosts")
		for _, l := range strings.Split(answer, "\n") {
			if strings.Contains(l, "evil") && strings.ContainsAny(l[1:], "✔✖⚠") {
				t.Errorf("%s: %s", p, l)
			}
		}
		if looksLikeYes.MatchString(answer) {
			t.Errorf("%s: %s", p, answer)
		}
	}
	site.holds(t)
	t.Run("flapping", func(t *testing.T) {
		evil.send(strings.Repeat("<presence type='unavailable'/><presence><status>Happy</status></presence>", 300))
		site.holds(t)
		evil.settle()
		site.holds(t)
	})
}

// terminal runs a command of the command line as the administrator and returns
// all it prints.
func terminal(t *testing.T, site *installation, args ...string) string {
	t.Helper()
	return terminalWith(t, site, "adminbot@localhost", args...)
}

// terminalWith is terminal for one who takes somebody else for the bot.
func terminalWith(t *testing.T, site *installation, bot string, args ...string) string {
	t.Helper()
	conf := site.login(t, "admin")
	file := site.file("admin.toml", fmt.Sprintf("[account]\njid = %q\npassword_file = %q\naddress = %q\nca_file = %q\nbot = %q\n",
		conf.JID, conf.PasswordFile, conf.Address, conf.CAFile, bot))
	var out strings.Builder
	args = append(args[:1:1], append([]string{"--config", file}, args[1:]...)...)
	run(args, streams{nil, &out, &out})
	return out.String()
}

// checkTerminal checks that nothing in a text commands a terminal or cannot be
// seen.
func checkTerminal(t *testing.T, what, text string) {
	t.Helper()
	for _, r := range text {
		if r != '\n' && (r < ' ' || r >= 0x7f && r < 0xa0 || textsafe.Hidden(r)) {
			t.Errorf("%s: %U in %q", what, r, text)
			return
		}
	}
}

// terminalCommands are commands of the command line that show what a host says.
var terminalCommands = [][]string{
	{"rpc", "--on", "evil01", "disk.usage"}, {"rpc", "--on", "evil01", "disk.usage", "--json"}, {"say", "disk", "on", "evil01"},
	{"rpc", "--on", "evil01,web01", "disk.usage"}, {"rpc", "--on", "evil01", "disk.usage", "--ndjson"}, {"say", "--json", "disk", "on", "evil01"},
	{"rpc", "--on", "evil01", "disk.usage", "--group"},
}

// hostileTerminal has a hostile host answer the command line.
func hostileTerminal(t *testing.T, site *installation) {
	evil := site.beEvil(t)
	defer site.leaves(evil)
	turn := 0
	for _, name := range slices.Sorted(maps.Keys(evilTexts)) {
		if site.Kind != "embedded" && !slices.Contains(carriedOtherwise, "text "+name) {
			continue // what the command line makes of it does not depend on who carried it
		}
		text := evilTexts[name]
		for _, answer := range []string{
			rpcResult("ID", "TO", "<value>"+structOf(listOf("filesystems", structOf(member("mount", text), member(text, text))), member(text, text))+"</value>"),
			rpcResult("ID", "TO", "<value>"+structOf(listOf(text, structOf(member("a} "+text+" {a", text), member("a", text))))+"</value>"),
			fault("500", text),
		} {
			evil.willAnswer(func(_, id, from string) string { return strings.NewReplacer("ID", id, "TO", from).Replace(answer) })
			args := terminalCommands[turn%len(terminalCommands)]
			turn++
			checkTerminal(t, name+": "+strings.Join(args, " "), terminal(t, site, args...))
			if evil.over() {
				t.Fatalf("%s: the host was thrown out: %v", name, evil.err)
			}
		}
	}
	for _, answer := range []string{fault("500", evilTexts["csi8"]), rpcResult("ID", "TO", "<value>"+structOf(member("text", evilTexts["csi8"]+"\n"+evilTexts["bidi"]))+"</value>")} {
		evil.willAnswer(func(_, id, from string) string { return strings.NewReplacer("ID", id, "TO", from).Replace(answer) })
		got := terminalWith(t, site, "evil01@localhost/agent", "say", "disk")
		checkTerminal(t, "a bot that is none", got)
		if !strings.Contains(got, "b") {
			t.Errorf("a bot that is none: %q", got)
		}
	}
	site.holds(t)
}

// words of sentences, which a host may give to its services.
var stolenWords = strings.Fields("memory disk cpu on and is running nginx web01 web02 all hosts list yes no restart stop start everything which with more than them it role=web")

// hostileNames has a host call its services, checks and facts what sentences are
// made of.
func hostileNames(t *testing.T, site *installation) {
	var units []agentapi.UnitState
	for _, w := range stolenWords {
		units = append(units, agentapi.UnitState{Unit: w + ".service", Load: "loaded", Active: "active", Sub: "running"},
			agentapi.UnitState{Unit: w, Load: "loaded", Active: "active", Sub: "running"})
	}
	for _, text := range evilTexts {
		units = append(units, agentapi.UnitState{Unit: text, Load: "loaded"})
	}
	facts := map[string]string{"role": "evil", "env": "prod", "host": "web01", "name": "web01", "group": "web", "mood": "happy"}
	for _, w := range stolenWords {
		facts[w] = w
	}
	evil := &evilHost{site.asClient(t, "evil01", "agent", "")}
	defer site.leaves(evil)
	known := map[string]any{
		agentapi.HostFacts.Name:   &agentapi.HostFactsResult{Common: agentapi.Common{At: time.Unix(1e9, 0)}, Facts: facts},
		agentapi.ServiceList.Name: &agentapi.ServiceListResult{Common: agentapi.Common{At: time.Unix(1e9, 0)}, Units: units},
		"system.listMethods":      []string{"check.list", "backup.status", "code.list", "sla.get", "failover.status"},
	}
	evil.knows(known, func(method, id, from string) string {
		var rows []string
		for _, w := range stolenWords {
			rows = append(rows, structOf(member("name", w)))
		}
		return rpcResult(id, from, "<value>"+structOf(listOf("checks", rows...), listOf("backups", rows...), listOf("sets", rows...), listOf("components", rows...), listOf("groups", rows...))+"</value>")
	})
	evil.send("<presence><status>Happy</status></presence>")
	site.until("the bot knows evil01", func() bool {
		h, _ := site.bot.fleet.Snapshot().Host("evil01")
		return h.Online && len(h.Facts.CodeSets) > 0
	})
	for range questions {
		site.holds(t)
	}
	for line, begins := range map[string]string{
		"restart nginx on web01": "Restart nginx on web01?",
		"stop nginx on web02":    "Stop nginx on web02?",
	} {
		if card := site.say(line); !strings.HasPrefix(card, begins) {
			t.Errorf("%s: %s", line, card)
		}
		if got := site.say("no"); !strings.Contains(got, "cancelled") {
			t.Errorf("no: %s", got)
		}
	}
	site.holds(t)
}
