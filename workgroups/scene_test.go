package workgroups

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"mellium.im/xmpp/jid"

	"adminbot/workgroups/oncall"
)

// TestScenes plays the files of testdata/scenes. A line that begins with > is an
// event; what follows is what is said to whom because of it. Lines before the
// first event set the workgroup up: member NAME [bot] [max=N] [skill=LABEL],
// timeout, retry, grace, confirm, parallel, repeat, oncall NAME... (an hour each,
// ann from 12:00 on) and step WHO... [wait=DURATION] [parallel=N], where WHO is
// bots, oncall, everybody or a name; and maintenance DAYS HOURS MATCH, group LABEL...,
// groupwait, groupinterval and groupmax. It is noon of a Saturday.
func TestScenes(t *testing.T) {
	files, err := filepath.Glob("testdata/scenes/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal(err, files)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(text), play(t, string(text))); diff != "" {
				t.Errorf("-written +played\n%s", diff)
			}
		})
	}
}

// play plays a scene and returns it as it should be written.
func play(t *testing.T, text string) string {
	var out strings.Builder
	g := Workgroup{Name: "alerts"}
	var m *machine
	now := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	var store Memory
	start := func() {
		img, err := store.Load(t.Context())
		if err == nil {
			m, err = newMachine(domain, []Workgroup{g}, img, now)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		if len(words) == 0 || words[0] == "#" {
			out.WriteString(line)
			continue
		}
		if words[0] != ">" {
			if m == nil {
				setUp(t, &g, words)
				out.WriteString(line)
			}
			continue
		}
		out.WriteString(line)
		if m == nil {
			start()
		}
		if words[1] == "restart" {
			start()
		}
		if words[1] == "wait" {
			d, err := time.ParseDuration(words[2])
			if err != nil {
				t.Fatal(err)
			}
			now = now.Add(d)
		} else if said := happen(t, m, words[1:], now); said != "" {
			out.WriteString(said + "\n")
		}
		m.settle(now)
		done := m.flush()
		if err := store.Commit(t.Context(), done.changes); err != nil {
			t.Fatal(err)
		}
		for _, msg := range done.messages {
			fmt.Fprintf(&out, "%s %d %s", msg.Kind, msg.Alert, msg.To.Localpart())
			if r := msg.To.Resourcepart(); r != "" && r != "x" {
				out.WriteString("/" + r)
			}
			if msg.Text != "" {
				out.WriteString(": " + msg.Text)
			}
			out.WriteString("\n")
		}
	}
	return out.String()
}

func setUp(t *testing.T, g *Workgroup, words []string) {
	t.Helper()
	if words[0] == "member" {
		m := Member{JID: somebody(words[1]).Bare()}
		for _, w := range words[2:] {
			switch name, value, _ := strings.Cut(w, "="); name {
			case "bot":
				m.Bot = true
			case "max":
				m.Max, _ = strconv.Atoi(value)
			case "skill":
				m.Skills = append(m.Skills, value)
			}
		}
		g.Members = append(g.Members, m)
		return
	}
	switch words[0] {
	case "maintenance":
		w, err := oncall.ParseWindow(words[1] + " " + words[2])
		match, merr := ParseMatcher(words[3])
		if err != nil || merr != nil {
			t.Fatal(err, merr)
		}
		g.Maintenance = append(g.Maintenance, Maintenance{Name: "backups", Hours: oncall.Hours{Windows: []oncall.Window{w}}, Match: []Matcher{match}})
		return
	case "parallel":
		g.Parallel, _ = strconv.Atoi(words[1])
		return
	case "group":
		g.GroupBy = words[1:]
		return
	case "groupmax":
		g.GroupMax, _ = strconv.Atoi(words[1])
		return
	case "repeat":
		g.Escalation.Repeat, _ = strconv.Atoi(words[1])
		return
	case "oncall":
		l := oncall.Layer{Name: "hours", Every: time.Hour, Start: oncall.Start{Year: 2026, Month: 11, Day: 28, Hour: 12}}
		for _, name := range words[1:] {
			l.Who = append(l.Who, somebody(name).Bare().String())
		}
		g.Schedules = append(g.Schedules, &oncall.Schedule{Name: "hours", Layers: []oncall.Layer{l}})
		return
	case "step":
		g.Escalation.Steps = append(g.Escalation.Steps, askStep(t, g, words[1:]))
		return
	}
	d, err := time.ParseDuration(words[1])
	if err != nil {
		t.Fatal(err)
	}
	*map[string]*time.Duration{"timeout": &g.Timeout, "retry": &g.Retry, "grace": &g.Grace, "confirm": &g.Confirm, "groupwait": &g.GroupWait, "groupinterval": &g.GroupInterval}[words[0]] = d
}

func askStep(t *testing.T, g *Workgroup, words []string) Step {
	t.Helper()
	var s Step
	for _, w := range words {
		switch name, value, _ := strings.Cut(w, "="); name {
		case "bots":
			s.Bots = true
		case "oncall":
			s.OnCall = g.Schedules[0]
		case "everybody":
			s.Everybody = true
		case "parallel":
			s.Parallel, _ = strconv.Atoi(value)
		case "wait":
			var err error
			if s.Wait, err = time.ParseDuration(value); err != nil {
				t.Fatal(err)
			}
		default:
			s.Who = append(s.Who, somebody(w).Bare())
		}
	}
	return s
}

// somebody is the address of a name: NAME, NAME/RESOURCE, or NAME/ for who reads
// chat.
func somebody(name string) jid.JID {
	name, resource, given := strings.Cut(name, "/")
	if !given {
		resource = "x"
	}
	j := jid.MustParse(name + "@example.net")
	if resource != "" {
		j, _ = j.WithResource(resource)
	}
	return j
}

// happen does what a line says and returns what came of it, if not nothing.
func happen(t *testing.T, m *machine, words []string, now time.Time) string {
	t.Helper()
	arg := func(i int) string {
		if i < len(words) {
			return words[i]
		}
		return ""
	}
	id, _ := strconv.ParseInt(arg(1), 10, 64)
	var err error
	switch words[0] {
	case "raise", "over":
		r := Report{Workgroup: "alerts", Source: "src", Fingerprint: words[1], Summary: words[1], Severity: Severity(arg(2)), Resolved: words[0] == "over", Labels: map[string]string{}}
		for _, w := range words[min(len(words), 3):] {
			name, value, _ := strings.Cut(w, "=")
			r.Labels[name] = value
		}
		r.Host = r.Labels["host"]
		var got Receipt
		got, err = m.report(r, now)
		if err == nil {
			return fmt.Sprintf("%s %d", got.Was, got.Alert.ID)
		}
	case "here":
		s := Session{Workgroup: "alerts", JID: somebody(words[1]), Show: Show(arg(2))}
		if s.Show == "available" {
			s.Show = Available
		}
		if !m.present(s, true, now) {
			return "refused"
		}
	case "gone":
		m.absent("alerts", somebody(words[1]), now)
	case "bounce":
		m.undelivered(id, somebody(words[2]), true, now)
	case "accept":
		_, err = m.accept(id, somebody(words[2]), now)
	case "take":
		_, err = m.take(id, somebody(words[2]), now)
	case "reject":
		_, err = m.reject(id, somebody(words[2]), "", now)
	case "transfer":
		_, err = m.transfer(id, somebody(words[2]), somebody(words[3]), "", now)
	case "resolve":
		_, err = m.resolve(id, somebody(words[2]), "", now)
	case "override":
		d, derr := time.ParseDuration(arg(2))
		if derr != nil {
			t.Fatal(derr)
		}
		g := m.groups["alerts"]
		_, err = m.override(g, oncall.Override{Schedule: g.Schedules[0].Name, Who: somebody(words[1]).Bare().String(), Until: now.Add(d), By: "ann@example.net"}, now)
	case "silence":
		d, derr := time.ParseDuration(arg(2))
		match, merr := ParseMatcher(words[1])
		if derr != nil || merr != nil {
			t.Fatal(derr, merr)
		}
		from := now
		if in, ierr := time.ParseDuration(arg(3)); ierr == nil { // from then on
			from = now.Add(in)
		}
		_, err = m.silence([]Silence{{Match: []Matcher{match}, From: from, Until: from.Add(d), By: "ann@example.net"}}, now)
	case "unsilence":
		m.endSilences(func(*Silence) bool { return true }, now)
	case "restart":
	case "told":
		a := m.alerts[id]
		if a == nil {
			return "no such alert"
		}
		if a.Instances > 0 {
			return fmt.Sprintf("%s, %s; also: %s", a.State, a.title(), m.others(a))
		}
		return fmt.Sprintf("%s, step %d, round %d", a.State, a.Step, a.Round)
	case "join":
		_, err = m.report(Report{Workgroup: "alerts", Source: words[1], Summary: "help", User: somebody(words[1])}, now)
	case "depart":
		_, err = m.depart("alerts", somebody(words[1]), somebody(words[1]), now)
	default:
		t.Fatalf("no event %q", words[0])
	}
	if err != nil {
		return "error: " + strings.TrimPrefix(err.Error(), "workgroups: ")
	}
	return ""
}
