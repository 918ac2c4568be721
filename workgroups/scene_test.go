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
)

// TestScenes plays the files of testdata/scenes. A line that begins with > is an
// event; what follows is what is said to whom because of it. Lines before the
// first event set the workgroup up: member NAME [bot] [max=N] [skill=LABEL],
// timeout, retry, grace, parallel.
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
			var err error
			if m, err = newMachine(domain, []Workgroup{g}, Image{}, now); err != nil {
				t.Fatal(err)
			}
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
		for _, msg := range m.flush().messages {
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
	if words[0] == "parallel" {
		g.Parallel, _ = strconv.Atoi(words[1])
		return
	}
	d, err := time.ParseDuration(words[1])
	if err != nil {
		t.Fatal(err)
	}
	*map[string]*time.Duration{"timeout": &g.Timeout, "retry": &g.Retry, "grace": &g.Grace}[words[0]] = d
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
