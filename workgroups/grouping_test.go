package workgroups

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"mellium.im/xmpp/jid"
)

// TestStorm: a rack fails, and 300 hosts say so. One person is asked once, and
// reads it on a phone.
func TestStorm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := &stage{t: t, wire: &recorder{}}
		s, err := New(Config{
			Domain: jid.MustParse("workgroup.example.com"), Store: &Memory{}, Wire: st.wire, Groups: []Workgroup{{
				Name: "support", Members: []Member{{JID: jid.MustParse("alice@example.com")}, {JID: jid.MustParse("bob@example.com")}},
				GroupBy: []string{"rack"}, GroupWait: 30 * time.Second,
			}},
		})
		if err != nil {
			t.Fatal(err)
		}
		st.run(s)
		st.writes("alice", body("join"))
		st.writes("bob", body("join"))
		began := time.Now()
		var batch []Report
		for n := 1; n <= 300; n++ {
			r := Report{Workgroup: "support", Source: "prometheus", Summary: "no answer", Host: fmt.Sprintf("web%03d", n), Labels: map[string]string{"rack": "r 7"}}
			if n == 150 {
				r.Severity, r.Details = Critical, "Its switch has no power."
			}
			if batch = append(batch, r); len(batch) < 50 {
				continue
			}
			receipts, err := s.Report(t.Context(), batch...)
			if err != nil {
				t.Fatal(err)
			}
			for n, got := range receipts {
				if first := got.Alert.Instances == 0; got.Alert.ID != 1 || first != (got.Was == Raised) || !first && got.Was != Grouped {
					t.Errorf("%s is %s, of alert %d", batch[n].Host, got.Was, got.Alert.ID)
				}
			}
			batch = nil
			time.Sleep(time.Second)
		}
		if all, err := s.Alerts(t.Context(), ""); err != nil || len(all) != 1 || all[0].Count != 300 || all[0].State != Open {
			t.Errorf("before the time is over: %+v, %v", all, err)
		}
		time.Sleep(25 * time.Second)
		synctest.Wait()
		want := "Alert 1 · critical · web150 · no answer and 299 more\nIts switch has no power.\nalso web001, web002, web003, web004, web005 and 294 more\n" +
			"since " + began.Add(2*time.Second).UTC().Format("2006-01-02 15:04 MST") + ", from prometheus, reported 300 times\ntake 1 · pass 1 · within 1m0s"
		offers := 0
		st.wire.mu.Lock()
		for _, e := range st.wire.sent {
			if text := e.ChildText("body"); strings.Contains(text, "take 1 ·") {
				offers++
				if diff := cmp.Diff(want, text); diff != "" {
					t.Error(diff)
				}
			}
		}
		st.wire.mu.Unlock()
		if offers != 1 {
			t.Errorf("%d offers", offers)
		}
		says := func(line, want string) {
			t.Helper()
			if diff := cmp.Diff(want, st.writes("alice", body(line))); diff != "" {
				t.Errorf("%s: %s", line, diff)
			}
		}
		says("list", "1 · critical · web150 · no answer and 299 more · nobody has it")
		if got := st.writes("alice", body("take 1")); !strings.HasPrefix(got, "Alert 1 is yours: critical · web150 · no answer and 299 more\n") {
			t.Errorf("take: %s", got)
		}
		says("who has 1?", "Alert 1 · critical · web150 · no answer and 299 more\nalice@example.com has it.")
		r := Report{Workgroup: "support", Source: "prometheus", Summary: "no answer", Host: "web150", Labels: map[string]string{"rack": "r 7"}, Resolved: true}
		if _, err := s.Report(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		shown := st.writes("alice", body("show 1"))
		lines := strings.Split(shown, "\n")
		for n, want := range map[int]string{
			0: "Alert 1 · warning · web001 · no answer and 298 more", 1: "alice@example.com has it.",
			2: `299 of 300 are not over (rack="r 7")`, 3: "warning · web001 · no answer", 14: "warning · web012 · no answer", 15: "and 288 more",
		} {
			if len(lines) <= n || lines[n] != want {
				t.Errorf("line %d is not %q of\n%s", n, want, shown)
			}
		}
		for n, want := range []string{"raised prometheus", "grouped prometheus: warning · web002 · no answer and 298 more", "offered alice@example.com", "accepted alice@example.com", "over prometheus: critical · web150 · no answer"} {
			if line := lines[16+n]; !strings.HasSuffix(line, "  "+want) {
				t.Errorf("the timeline says %q, want %q", line, want)
			}
		}
		says("note 1 "+strings.Repeat("n", 1000), "Noted on alert 1.")
		says("note 1 "+strings.Repeat("n", 1001), "Noted on alert 1, but only the first 1000 bytes of it.")
		f, err := s.Figures(t.Context(), "", began.Add(-time.Hour), time.Now().Add(time.Hour))
		if err != nil || f.Raised != 1 || f.Accepted != 1 || f.ToAccept() != 31*time.Second {
			t.Errorf("figures %+v, taken after %s, %v", f, f.ToAccept(), err)
		}
	})
}

// storm is a machine with one workgroup that groups by cause.
func storm(t testing.TB) *machine {
	t.Helper()
	g := Workgroup{Name: "alerts", Members: []Member{{JID: jid.MustParse("ann@example.net"), Max: 100}}, GroupBy: []string{"cause"}}
	m, err := newMachine(domain, []Workgroup{g}, Image{}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func caused(print string) Report {
	return Report{Workgroup: "alerts", Source: "src", Fingerprint: print, Summary: print, Labels: map[string]string{"cause": "switch"}}
}

// TestManyInstances: nothing grows without bounds, and nothing is lost for that.
func TestManyInstances(t *testing.T) {
	m, now := storm(t), time.Now()
	report := func(r Report, want Outcome) Alert {
		t.Helper()
		got, err := m.report(r, now)
		if err != nil || got.Was != want {
			t.Fatalf("%s: %s, %v", r.Fingerprint, got.Was, err)
		}
		return got.Alert
	}
	for n := range 2*MaxInstances + 500 {
		want := Grouped
		if n%MaxInstances == 0 {
			want = Raised
		}
		if a := report(caused(fmt.Sprint(n)), want); a.ID != int64(1+n/MaxInstances) {
			t.Fatalf("thing %d is in alert %d", n, a.ID)
		}
	}
	if n := len(m.instances[1].order); n != MaxInstances || len(m.instances[3].order) != 500 {
		t.Errorf("alert 1 has %d instances, alert 3 %d", n, len(m.instances[3].order))
	}
	entries := 0
	count := func() {
		m.settle(now)
		for _, c := range m.flush().changes {
			if e, ok := c.(AddEntry); ok && e.Entry.Alert == 3 {
				entries++
			}
		}
	}
	count()
	flapping := caused("2400")
	for range maxGroupedSeq {
		now = now.Add(time.Second)
		flapping.Resolved = true
		report(flapping, Over)
		flapping.Resolved = false
		report(flapping, Grouped)
		count()
	}
	a, i := m.alerts[3], m.instances[3].of(thing{"alerts", "src", "2400"})
	if entries > maxGroupedSeq+2 || int64(entries) != a.Seq {
		t.Errorf("%d entries, of %d", entries, a.Seq)
	}
	if a.Instances != 500 || a.Firing != 500 || i.Episode != maxGroupedSeq+1 || !i.Over.IsZero() {
		t.Errorf("%d of %d are not over, episode %d of %+v", a.Firing, a.Instances, i.Episode, i)
	}
}

// TestInstancesOfSources: two sources that call what they report the same are about
// two things, and each ends its own.
func TestInstancesOfSources(t *testing.T) {
	m, now := storm(t), time.Now()
	for n, want := range []Outcome{Raised, Grouped, Repeated, Over, Ignored} {
		r := caused("x")
		r.Source = []string{"one", "two", "one", "one", "one"}[n]
		r.Resolved = n >= 3
		if got, err := m.report(r, now); err != nil || got.Was != want || got.Alert.ID > 1 {
			t.Errorf("report %d: %s of alert %d (%v), want %s", n, got.Was, got.Alert.ID, err, want)
		}
	}
	if a := m.alerts[1]; a == nil || a.Firing != 1 || a.Source != "two" {
		t.Errorf("%+v", a)
	}
}

func TestGrouping(t *testing.T) {
	w := Workgroup{GroupBy: []string{"check", "host"}}
	of := func(check, host string) string {
		return w.grouping(&Alert{Host: host, Labels: map[string]string{"check": check, "other": "x"}})
	}
	for _, tt := range []struct{ check, host, want string }{
		{"disk", "web01", "check=disk host=web01"},
		{"disk", "", `check=disk host=""`},
		{"", "", ""},
		{"a b", `c"d`, `check="a b" host="c\"d"`},
		{"disk host=x", "", `check="disk host=x" host=""`},
		{`""`, "", `check="\"\"" host=""`},
	} {
		if got := of(tt.check, tt.host); got != tt.want {
			t.Errorf("%q, %q: %s, want %s", tt.check, tt.host, got, tt.want)
		}
	}
}

func TestTimeline(t *testing.T) {
	for _, tt := range []struct{ entries, want string }{
		{"", ""},
		{"raised:a", "raised:a"},
		{"raised:a grouped:b offered:c", "raised:a grouped:b offered:c"},
		{"raised:a grouped:b grouped:c", "raised:a grouped:b and 1 more"},
		{"raised:a grouped:b grouped:c grouped:d offered:x over:b over:c grouped:b", "raised:a grouped:b and 2 more offered:x over:b and 1 more grouped:b"},
		{"offered:a offered:b", "offered:a offered:b"},
	} {
		var entries []Entry
		for n, f := range strings.Fields(tt.entries) {
			what, text, _ := strings.Cut(f, ":")
			entries = append(entries, Entry{Seq: int64(n + 1), What: what, Text: text})
		}
		before := slices.Clone(entries)
		var got []string
		for _, e := range Timeline(entries) {
			got = append(got, e.What+":"+e.Text)
		}
		if got := strings.Join(got, " "); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.entries, got, tt.want)
		}
		if !slices.Equal(before, entries) {
			t.Errorf("%s has changed", tt.entries)
		}
	}
}

func TestGroupingRefuses(t *testing.T) {
	for name, g := range map[string]Workgroup{
		"nothing": {GroupBy: []string{""}}, "twice": {GroupBy: []string{"a", "a"}}, "wait": {GroupWait: time.Second}, "past": {GroupBy: []string{"a"}, GroupWait: -1},
		"much": {GroupBy: strings.Split("a b c d e f g h i", " ")}, "less": {GroupBy: []string{"a"}, GroupMax: -1},
	} {
		g.Name = "alerts"
		if _, err := New(Config{Domain: domain, Store: &Memory{}, Wire: &recorder{}, Groups: []Workgroup{g}}); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

// BenchmarkReport takes in alerts of one cause, each reported twice, and others; and
// while a thousand silences are for them.
func BenchmarkReport(b *testing.B) {
	grouped := map[string]string{"cause": "switch"}
	for _, bb := range []struct {
		name     string
		labels   map[string]string
		silences int
	}{{"alone", nil, 0}, {"grouped", grouped, 0}, {"silenced", grouped, 1000}} {
		b.Run(bb.name, func(b *testing.B) {
			m, now := storm(b), time.Now()
			for n := range bb.silences {
				s := Silence{Match: []Matcher{{Name: "cause", Value: "switch"}}, From: now, Until: now.Add(time.Hour + time.Duration(n))}
				if _, err := m.silence([]Silence{s}, now); err != nil {
					b.Fatal(err)
				}
			}
			for n := range b.N {
				r := Report{Workgroup: "alerts", Source: "src", Fingerprint: fmt.Sprint(n / 2), Summary: "x", Labels: bb.labels}
				if _, err := m.report(r, now); err != nil {
					b.Fatal(err)
				}
				if n%50 == 0 {
					m.flush()
				}
			}
		})
	}
}
