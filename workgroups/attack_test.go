package workgroups

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/stanza"

	"adminbot/internal/xmpp/element"
)

// sends has somebody send an IQ to the workgroup alerts, and returns the condition
// of the refusal, if it is refused.
func (s *Service) sends(t *testing.T, from, payload string, attrs ...string) stanza.Condition {
	t.Helper()
	e := element.New(NS, payload, attrs...)
	iq := stanza.IQ{Type: stanza.SetIQ, ID: "x", From: jid.MustParse(from), To: s.Address("alerts")}
	_, err := s.HandleIQ(t.Context(), iq, e.TokenReader())
	var refusal stanza.Error
	if err != nil && !errors.As(err, &refusal) {
		t.Fatalf("%s %v: %v", payload, attrs, err)
	}
	return refusal.Condition
}

// revokes are the ids of what was taken back from somebody.
func (w *ears) revokes(to string) (all []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, e := range w.heard {
		if o := e.Child(NS, "offer-revoke"); o != nil && e.Get("to") == to {
			all = append(all, o.Get("id"))
		}
	}
	return all
}

// TestNoRight: who is no member, was not offered an alert, or is not offered it any
// more, gets nothing; neither by an answer, nor by what only its owner or the
// server could say.
func TestNoRight(t *testing.T) {
	onDisk(t, func(t *testing.T, s *Service, _ *disk, w *ears) {
		const ann, ben, eve = "ann@example.net/work", "ben@example.net/work", "eve@example.net/work"
		s.shows(t.Context(), ann, "")
		if _, err := s.Report(t.Context(), Report{Workgroup: "alerts", Summary: "x"}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		owner := func(want string) {
			t.Helper()
			a, _, err := s.Alert(t.Context(), 1)
			if err != nil || a.Owner.String() != want || a.State.Ended() {
				t.Fatalf("alert 1 is %s and belongs to %q, not %q: %v", a.State, a.Owner, want, err)
			}
		}
		for _, payload := range []string{"offer-accept", "offer-reject", "transfer", "agent-status-request"} {
			if c := s.sends(t, eve, payload, "id", "alert-1"); c != stanza.NotAuthorized {
				t.Errorf("%s by a stranger: %q", payload, c)
			}
		}
		owner("")
		if c := s.sends(t, ben, "offer-accept", "id", "alert-1"); c != "" || len(w.revokes(ben)) != 1 {
			t.Errorf("accepted by who was not offered it: %q, revoked %v", c, w.revokes(ben))
		}
		owner("")

		// A message comes back, says somebody to whom it never went.
		for _, from := range []string{eve, ben, "example.net"} {
			m := stanza.Message{Type: stanza.ErrorMessage, ID: "wg1.1", From: jid.MustParse(from), To: s.Address("alerts")}
			s.HandleMessage(t.Context(), m, element.TokenReader())
			p := stanza.Presence{Type: stanza.UnavailablePresence, From: jid.MustParse(from), To: s.Address("alerts")}
			s.HandlePresence(t.Context(), p, element.TokenReader())
		}
		for range 3 { // once is as good
			if c := s.sends(t, ann, "offer-accept", "id", "alert-1"); c != "" {
				t.Errorf("accepted: %q", c)
			}
			owner(ann)
		}
		if a, _, _ := s.Alert(t.Context(), 1); a.Grant != 1 {
			t.Errorf("granted %d times", a.Grant)
		}
		s.sends(t, ben, "offer-accept", "id", "alert-1")
		s.sends(t, ben, "offer-reject", "id", "alert-1")
		s.sends(t, ben, "transfer", "id", "alert-1")
		owner(ann)

		// Accepted after the offer has been taken back.
		if _, err := s.Report(t.Context(), Report{Workgroup: "alerts", Summary: "y"}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(70 * time.Second)
		before := len(w.revokes(ann))
		if c := s.sends(t, ann, "offer-accept", "id", "alert-2"); c != "" {
			t.Errorf("accepted late: %q", c)
		}
		if a, _, _ := s.Alert(t.Context(), 2); a.State == Assigned || before == 0 || len(w.revokes(ann)) != before+1 {
			t.Errorf("accepted late: %s, revoked %v", a.State, w.revokes(ann))
		}
		// What is no alert, or not of this workgroup.
		for _, id := range []string{"alert-3", "alert-0", "alert-01", "alert--1", "alert-9999999999999999999", "alert-1\x00", strings.Repeat("9", 5000)} {
			s.sends(t, ann, "offer-accept", "id", id)
			s.sends(t, ann, "offer-reject", "jid", "alert-1@evil.example.net", "id", id)
		}
		owner(ann)
	})
}

// TestOtherWorkgroup: a member of one workgroup neither sees nor ends the alerts of
// another by writing to their own.
func TestOtherWorkgroup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := new(ears)
		s, err := New(Config{Domain: domain, Store: new(Memory), Wire: w, Groups: []Workgroup{
			{Name: "alerts", Members: []Member{{JID: jid.MustParse("ann@example.net")}}},
			{Name: "secrets", Members: []Member{{JID: jid.MustParse("ben@example.net")}}},
		}})
		if err != nil {
			t.Fatal(err)
		}
		go s.Run(t.Context())
		if _, err := s.Report(t.Context(), Report{Workgroup: "secrets", Summary: "the vault is open"}); err != nil {
			t.Fatal(err)
		}
		for _, line := range []string{"show 1", "who has 1?", "take 1", "pass 1", "resolve 1"} {
			s.say(t.Context(), "ann", line)
			synctest.Wait()
			if said := w.bodies("ann@example.net/phone"); len(said) == 0 || said[len(said)-1] != "There is no alert 1." {
				t.Errorf("%s: %q", line, said)
			}
		}
		if a, _, err := s.Alert(t.Context(), 1); err != nil || a.State != Open {
			t.Errorf("alert 1 is %s, %v", a.State, err)
		}
	})
}

// TestLargestAlert: what the largest alert there can be is told by fits into a stanza,
// and what does not is said.
func TestLargestAlert(t *testing.T) {
	for name, char := range map[string]string{"escaped": "\"", "control": "\x01", "wide": "\u4e16"} {
		t.Run(name, func(t *testing.T) {
			fill := func(n int) string { return strings.Repeat(char, n/len(char)) }
			r := Report{
				Workgroup: "alerts", Source: fill(MaxName), Fingerprint: fill(MaxName), Summary: "x" + fill(MaxSummary-1), Details: fill(MaxDetails), Host: fill(MaxName), Severity: Critical,
				Labels: map[string]string{"zone": "small"},
			}
			for n := len(r.Labels); n < MaxLabels; n++ {
				r.Labels[itoa(int64(100+n))+fill(MaxName-3)] = fill(MaxLabel)
			}
			if err := r.Check(); err != nil {
				t.Fatal(err)
			}
			m, err := newMachine(domain, []Workgroup{{Name: "alerts", Members: []Member{{JID: jid.MustParse("ann@example.net")}}}}, Image{}, time.Now())
			if err != nil {
				t.Fatal(err)
			}
			now := time.Now()
			m.present(Session{Workgroup: "alerts", JID: jid.MustParse("ann@example.net/work")}, true, now)
			got, err := m.report(r, now)
			if name == "control" { // what stands for such a character is longer
				if !errors.As(err, new(*InvalidError)) || len(m.alerts) > 0 {
					t.Errorf("taken in: %+v, %v", got.Alert, err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			a := got.Alert
			m.settle(now)
			for _, msg := range m.flush().messages {
				e := msg.offer(msg.To, now)
				text := string(e.Append(nil, ""))
				if len(text) > 60<<10 {
					t.Errorf("the offer has %d bytes", len(text))
				}
				shown := strings.Count(text, "label.")
				if want := "labels_left_out'>" + itoa(int64(len(a.Labels)-shown)) + "<"; !strings.Contains(text, want) || !strings.Contains(text, "label.zone'>small<") {
					t.Errorf("of %d labels it shows %d, and does not say: %s", len(a.Labels), shown, want)
				}
				if body := string(msg.stanza(msg.To).Append(nil, "")); len(body) > 60<<10 {
					t.Errorf("as chat the offer has %d bytes", len(body))
				}
			}
		})
	}
}

// TestClockGoesBack: a source whose clock was ahead, and is set right, is heard: what
// begins then is not late, and what was open can end.
func TestClockGoesBack(t *testing.T) {
	m, err := newMachine(domain, []Workgroup{{Name: "alerts"}}, Image{}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	began := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		what   string
		after  time.Duration // of the service's clock
		print  string
		starts time.Duration // as the source says
		over   bool
		want   Outcome
	}{
		{"20 hours ahead", 0, "a", 20 * time.Hour, false, Raised},
		{"the clock is right: it is over", 10 * time.Minute, "a", 5 * time.Minute, true, Over},
		{"a copy of the first, late", 11 * time.Minute, "a", 20 * time.Hour, false, Ignored},
		{"again", 20 * time.Minute, "a", 19 * time.Minute, false, Raised},
		{"over again", 21 * time.Minute, "a", 19 * time.Minute, true, Over},

		{"20 hours ahead", 30 * time.Minute, "b", 20 * time.Hour, false, Raised},
		{"late: of an episode before", 31 * time.Minute, "b", 29 * time.Minute, true, Ignored},
		{"over", 32 * time.Minute, "b", 20 * time.Hour, true, Over},
		{"the clock is right: it begins again", time.Hour, "b", 59 * time.Minute, false, Raised},

		{"it ends before it begins", 2 * time.Hour, "c", 3 * time.Hour, true, Over},
		{"then it begins", 4 * time.Hour, "c", 4 * time.Hour, false, Raised},
	} {
		r := Report{Workgroup: "alerts", Source: "src", Fingerprint: tt.print, Summary: "x", Resolved: tt.over, Starts: began.Add(tt.starts)}
		if got, err := m.report(r, began.Add(tt.after)); err != nil || got.Was != tt.want {
			t.Errorf("%s: %s: %s (%v), want %s", tt.print, tt.what, got.Was, err, tt.want)
		}
	}
}
