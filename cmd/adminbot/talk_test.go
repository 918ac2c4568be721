//go:build !unit

package main

import (
	"encoding/csv"
	"encoding/xml"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/tools/txtar"

	"adminbot/bot"
	"adminbot/internal/servertest"
)

// TestTalk plays the conversations of testdata/talk between people with ordinary
// sessions, the bot, and real host agents that run init scripts and restart
// services. A line of a conversation is one of
//
//	alice> what she says                ("alice>> …" does not wait for an answer)
//	bot>   what the bot answers her     ("bot to bob>" when somebody else is told)
//	! command                           (something happens in the world)
//	hosts: what init scripts were asked to do since the last such line
//
// Commands: hear NAME (an answer to an earlier line); asked HOST ACTION (waits
// until an init script was); csv NAME (the last answer, all its pages); kill HOST; hang HOST (its process is stopped);
// fails HOST SERVICE TEXT; hangs HOST SERVICE; sticks HOST SERVICE (its status);
// works HOST SERVICE;
// bot away; bot back; bot back to NAME (and it answers what was kept for it);
// encrypted, correct, late DURATION (of the next line).
//
// What no two runs have in common is written as in the archive: ids in the order
// of their appearance as 7f3, k2m, q9d and so on, processes as pid 4112, times
// of day as 14:02, and how long something took is left out.
func TestTalk(t *testing.T) {
	t.Parallel()
	small := func() []*talkHost {
		hosts := []*talkHost{
			{name: "web01", facts: "role=web env=staging", services: []string{"real nginx"}},
			{name: "web02", facts: "role=web env=staging", services: []string{"real nginx"}},
			{name: "web03", facts: "role=web env=staging", services: []string{"real nginx"}},
			{name: "mail", facts: "role=mail env=staging", services: []string{"postfix", "dovecot"}},
		}
		for i := range 6 {
			hosts = append(hosts, &talkHost{name: fmt.Sprintf("db%02d", i+1), facts: "role=db env=prod", services: []string{"postgres"}})
		}
		return hosts
	}
	partly := func() []*talkHost {
		var hosts []*talkHost
		for i := range 8 {
			hosts = append(hosts, &talkHost{name: fmt.Sprintf("web%02d", i+1), facts: "role=web", services: []string{"nginx"}})
		}
		hosts[0].services = []string{"real nginx"}
		hosts[3].own, hosts[4].own, hosts[5].own = true, true, true
		hosts[6].frozen, hosts[7].away = true, true
		return append(hosts, &talkHost{name: "db01", facts: "role=db", services: []string{"postgres"}, own: true})
	}
	large := func() []*talkHost {
		var hosts []*talkHost
		for i := range 300 {
			h := &talkHost{name: fmt.Sprintf("app%03d", i+1), facts: "role=app env=demo", services: []string{"worker"}}
			h.away = i >= 295
			hosts = append(hosts, h)
		}
		hosts[0].services, hosts[1].services = append(hosts[0].services, "real nginx"), append(hosts[1].services, "real nginx")
		return append(hosts, &talkHost{name: "db01", facts: "role=db"})
	}
	servertest.Each(t, talkAccounts(small()), func(t *testing.T, server *servertest.Server) {
		s := openTalk(t, server, nil, small())
		playFile(t, "testdata/talk/small.txtar", s)
		if server.Kind == "embedded" {
			playFile(t, "testdata/talk/away-embedded.txtar", s)
		} else {
			playFile(t, "testdata/talk/away.txtar", s)
		}
	})
	t.Run("partly", func(t *testing.T) {
		servertest.Each(t, talkAccounts(partly()), func(t *testing.T, server *servertest.Server) {
			t.Parallel() // it waits most of the time
			playFile(t, "testdata/talk/partly.txtar", openTalk(t, server, impatient, partly()))
		})
	})
	t.Run("large", func(t *testing.T) {
		hosts := large()
		server := servertest.StartEmbedded(t, talkAccounts(hosts))
		playFile(t, "testdata/talk/large.txtar", openTalk(t, server, impatient, hosts))
	})
}

// impatient is a bot that gives up on hosts sooner.
func impatient(c *bot.Config) { c.ChangeTTL, c.Work = 10*time.Second, time.Second }

// playFile plays the conversations of a file on a site, one after the other.
func playFile(t *testing.T, file string, s *talkSite) {
	t.Helper()
	ar, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for i, f := range ar.Files {
		t.Run(f.Name, func(t *testing.T) {
			s.t = t
			want := strings.TrimRight(string(f.Data), "\n")
			got := (&play{site: s, next: 1}).run(want)
			ar.Files[i].Data = []byte(got + "\n")
			if !*update && got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
	if *update {
		if err := os.WriteFile(file, txtar.Format(ar), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// A play is one conversation while it is played.
type play struct {
	site  *talkSite
	out   []string
	ids   []string // as they came up
	next  int      // number of the next message
	last  string   // id of the one before
	extra []xml.Token
}

// idNames are what ids are called in the files.
var idNames = []string{"7f3", "k2m", "q9d", "m4x", "8tz", "5wd", "3kp", "w2c", "j6n", "b9r", "h5g", "x8e"}

// run plays a script and returns it with what was really said.
func (p *play) run(script string) string {
	s, t := p.site, p.site.t
	lines := strings.Split(script, "\n")
	for i := 0; i < len(lines); i++ {
		l := lines[i]
		switch {
		case l == "", strings.HasPrefix(l, "bot"), strings.HasPrefix(l, "     "):
		case strings.HasPrefix(l, "csv: "):
		case strings.HasPrefix(l, "hosts:"):
			p.out = append(p.out, strings.TrimSpace("hosts: "+s.changes()))
		case strings.HasPrefix(l, "! "):
			p.out = append(p.out, l)
			p.happen(strings.Fields(l[2:]))
		case strings.Contains(l, "> "):
			p.out = append(p.out, l)
			who, text, _ := strings.Cut(l, "> ")
			name, _ := strings.CutSuffix(who, ">")
			id := fmt.Sprintf("%s-%d", strings.ReplaceAll(t.Name(), "/", "-"), p.next)
			p.next++
			s.say(s.person(name), id, p.real(text), p.extra...)
			p.extra, p.last = nil, id
			if name == who {
				for _, to := range answered(lines[i+1:], name) {
					p.hear(name, to)
				}
			}
		default:
			t.Fatalf("script: %q", l)
		}
	}
	for name, who := range s.people {
		select {
		case more := <-who.heard:
			t.Errorf("%s heard more:\n%s", name, more)
		default:
		}
	}
	return strings.Join(p.out, "\n")
}

// answered are the people who are told something next by the script: whoever
// spoke, unless it says otherwise.
func answered(lines []string, speaker string) []string {
	var to []string
	for _, l := range lines {
		switch {
		case strings.HasPrefix(l, "bot to "):
			name, _, _ := strings.Cut(l[len("bot to "):], ">")
			to = append(to, name)
		case strings.HasPrefix(l, "bot>"):
			to = append(to, speaker)
		case !strings.HasPrefix(l, "     ") && l != "":
			lines = nil
		}
		if lines == nil {
			break
		}
	}
	if len(to) == 0 {
		to = []string{speaker}
	}
	return to
}

// hear waits for an answer to somebody.
func (p *play) hear(speaker, to string) {
	t := p.site.t
	t.Helper()
	select {
	case body := <-p.site.person(to).heard:
		checkShape(t, body)
		who := "bot> "
		if to != speaker {
			who = "bot to " + to + "> "
		}
		p.out = append(p.out, who+strings.ReplaceAll(p.told(body), "\n", "\n     "))
	case <-time.After(within):
		t.Fatalf("the bot says nothing to %s; so far:\n%s", to, strings.Join(p.out, "\n"))
	}
}

// fetch has the bot log in until it is given what was said to it while it was
// away, and waits for its answer: a server may put away a moment later what it
// keeps.
func (p *play) fetch(name string) {
	s := p.site
	heard := s.person(name).heard
	for range 20 {
		s.knowsHosts() // what it is given before, it can answer now
		select {
		case body := <-heard:
			heard <- body
			p.hear(name, name)
			return
		case <-time.After(3 * time.Second):
			s.stopBot()
			s.startBot()
		}
	}
	p.hear(name, name)
}

var (
	idsIn  = regexp.MustCompile(`(?:· |yes |approve |details )([2-9a-hjkmnp-z]{3,4})\b`)
	tookIn = regexp.MustCompile(` · (\d+(\.\d)? (ms|s|m)|\d+ m \d+ s)( · [2-9a-hjkmnp-z]{3,4})$`)
	pidsIn = regexp.MustCompile(`\bpid \d+`)
	timeIn = regexp.MustCompile(`\b\d\d:\d\d\b`)
	lateIn = regexp.MustCompile(`rrived (\d+ (ms|s|m)|\d+\.\d s|\d+ m \d+ s) late`)
	waitIn = regexp.MustCompile(`no answer in \d+ s`)
	eachIn = regexp.MustCompile(`(?m)^(\S+  (?:ok|failed|refused|no answer|unreachable)|\S+ · .*)(?:  | · )[\d.]+ m?s$`)
	mainIn = regexp.MustCompile(`main pid  \d+`)
	doneIn = regexp.MustCompile(`(?m)(, pid 4112)  [\d.]+ m?s$`)
	diskIn = regexp.MustCompile(`(?m)^( *)\d+%  `)
)

// told is a reply as the files have it.
func (p *play) told(body string) string {
	for _, m := range idsIn.FindAllStringSubmatch(body, -1) {
		if id := m[1]; strings.ContainsAny(id, "23456789") && strings.ContainsAny(id, "abcdefghjkmnpqrstuvwxyz") && !slices.Contains(p.ids, id) {
			p.ids = append(p.ids, id)
		}
	}
	first, rest, more := strings.Cut(body, "\n")
	body = tookIn.ReplaceAllString(first, "$4")
	if more {
		body += "\n" + rest
	}
	for i, id := range p.ids {
		body = regexp.MustCompile(`\b`+id+`\b`).ReplaceAllString(body, "\x00"+fmt.Sprint(i)+"\x00")
	}
	for i := range p.ids {
		body = strings.ReplaceAll(body, "\x00"+fmt.Sprint(i)+"\x00", idNames[i])
	}
	body = pidsIn.ReplaceAllString(body, "pid 4112")
	body = mainIn.ReplaceAllString(eachIn.ReplaceAllString(body, "$1"), "main pid  4112")
	body = diskIn.ReplaceAllString(doneIn.ReplaceAllString(body, "$1"), "${1}82%  ")
	body = timeIn.ReplaceAllString(body, "14:02")
	body = lateIn.ReplaceAllString(body, "rrived 14 m late")
	return waitIn.ReplaceAllString(body, "no answer in 30 s")
}

// real is a line of the script as it has to be said.
func (p *play) real(line string) string {
	words := strings.Fields(line)
	for i, w := range words {
		if n := slices.Index(idNames, w); n >= 0 && n < len(p.ids) {
			words[i] = p.ids[n]
		}
	}
	return strings.Join(words, " ")
}

// checkShape holds a reply to what a phone can show (R1, R3, R4).
func checkShape(t *testing.T, body string) {
	t.Helper()
	lines := strings.Split(body, "\n")
	if n := len([]rune(lines[0])); n > 70 {
		t.Errorf("R1: the first line has %d characters: %s", n, lines[0])
	}
	if len(lines) > 25 {
		t.Errorf("R3: %d lines:\n%s", len(lines), body)
	}
	block := false
	for _, l := range lines {
		if l == "```" {
			block = !block
		} else if n := len([]rune(l)); block && n > 40 {
			t.Errorf("R4: a line of a block has %d characters: %s", n, l)
		}
	}
	if block {
		t.Errorf("R4: a block does not end:\n%s", body)
	}
}

// happen changes the world, or the next line.
func (p *play) happen(f []string) {
	s, t := p.site, p.site.t
	t.Helper()
	arg := func(i int) string {
		if i >= len(f) {
			t.Fatalf("script: %q is short of words", strings.Join(f, " "))
		}
		return f[i]
	}
	host := func() *talkHost {
		h := s.hosts[arg(1)]
		if h == nil {
			t.Fatalf("script: no host %s", arg(1))
		}
		return h
	}
	element := func(space, local string, attrs ...xml.Attr) []xml.Token {
		e := xml.StartElement{Name: xml.Name{Space: space, Local: local}, Attr: attrs}
		return []xml.Token{e, e.End()}
	}
	flag := func(name, text string) { host().flag(arg(2), name, text) }
	switch arg(0) {
	case "hear":
		p.hear(arg(1), arg(1))
	case "csv":
		p.out = append(p.out, p.csv(arg(1)))
	case "asked":
		h := host()
		s.until(arg(1)+" is asked to "+arg(2), func() bool {
			return slices.ContainsFunc(h.asked(), func(c string) bool { return strings.HasPrefix(c, arg(2)+" ") })
		})
	case "kill":
		h := host()
		h.signal(syscall.SIGKILL)
		s.until("the bot sees that "+h.name+" has gone", func() bool { now, _ := s.bot.fleet.Find(h.name); return !now.Online })
	case "hang":
		host().signal(syscall.SIGSTOP)
	case "fails":
		flag("fails", strings.Join(f[3:], " ")+"\n")
	case "hangs":
		flag("hangs", "")
	case "sticks":
		flag("sticks", "")
	case "works":
		host().works(arg(2))
	case "late":
		ago, err := time.ParseDuration(arg(1))
		if err != nil {
			t.Fatal(err)
		}
		p.extra = append(p.extra, element("urn:xmpp:delay", "delay", xml.Attr{Name: xml.Name{Local: "stamp"}, Value: time.Now().Add(-ago).UTC().Format(time.RFC3339)})...)
	case "bot":
		switch arg(1) {
		case "away":
			s.stopBot()
		case "back":
			if s.startBot(); len(f) > 2 {
				p.fetch(arg(3))
			} else {
				s.knowsHosts()
			}
		}
	case "encrypted":
		e := xml.StartElement{Name: xml.Name{Space: "eu.siacs.conversations.axolotl", Local: "encrypted"}}
		payload := element("eu.siacs.conversations.axolotl", "payload")
		p.extra = append(p.extra, append(append([]xml.Token{e}, payload...), e.End())...)
	case "correct":
		p.extra = append(p.extra, element("urn:xmpp:message-correct:0", "replace", xml.Attr{Name: xml.Name{Local: "id"}, Value: p.last})...)
	default:
		t.Fatalf("script: unknown command %q", arg(0))
	}
}

// csv asks for the last answer as CSV, page after page, and says what is in it.
func (p *play) csv(who string) string {
	s, t := p.site, p.site.t
	t.Helper()
	var whole strings.Builder
	for line := "csv"; ; line = "more" {
		s.say(s.person(who), fmt.Sprintf("%s-csv-%d", t.Name(), p.next), line)
		p.next++
		var body string
		select {
		case body = <-s.person(who).heard:
		case <-time.After(within):
			t.Fatal("no csv")
		}
		_, page, _ := strings.Cut(body, "\n```\n")
		page, end, ok := strings.Cut(page, "```")
		if !ok || strings.Count(body, "\n") > 24 {
			t.Fatalf("no page of CSV: %s", body)
		}
		whole.WriteString(page)
		if !strings.Contains(end, "more") {
			break
		}
	}
	records, err := csv.NewReader(strings.NewReader(whole.String())).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	outcomes, hosts := map[string]int{}, map[string]bool{}
	for _, r := range records[1:] {
		hosts[r[0]] = true
		outcomes[r[1]]++
	}
	var counts []string
	for _, o := range slices.Sorted(maps.Keys(outcomes)) {
		counts = append(counts, fmt.Sprintf("%d %s", outcomes[o], o))
	}
	return fmt.Sprintf("csv: %d hosts, %s", len(hosts), strings.Join(counts, ", "))
}

// changes are what init scripts were asked to do since the last call: the hosts
// of each, folded as people read them.
func (s *talkSite) changes() string {
	by := map[string][]string{}
	for _, name := range slices.Sorted(maps.Keys(s.hosts)) {
		for _, c := range s.hosts[name].changes() {
			by[c] = append(by[c], name)
		}
	}
	var out []string
	for _, c := range slices.Sorted(maps.Keys(by)) {
		names := by[c]
		if len(names) > 12 {
			names = []string{names[0], "…", names[len(names)-1], fmt.Sprintf("(%d)", len(names))}
		}
		out = append(out, c+" on "+strings.Join(names, " "))
	}
	return strings.Join(out, ", ")
}
