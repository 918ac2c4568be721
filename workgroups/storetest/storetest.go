// Package storetest is the test that every [workgroups.Store] must pass.
package storetest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"mellium.im/xmpp/jid"

	"adminbot/workgroups"
	"adminbot/workgroups/oncall"
)

// Test tests a store. open opens the same store again and again; what one has
// committed the next must have. closing is called before the next open; nil if
// there is nothing to close.
func Test(t *testing.T, open func(testing.TB) (s workgroups.Store, closing func())) {
	t.Run("Random", func(t *testing.T) { random(t, open) })
	t.Run("AllOrNothing", func(t *testing.T) { allOrNothing(t, open) })
	t.Run("Empty", func(t *testing.T) { empty(t, open) })
}

func empty(t *testing.T, open func(testing.TB) (workgroups.Store, func())) {
	s, closing := open(t)
	defer closing()
	img, err := s.Load(t.Context())
	if diff := cmp.Diff(workgroups.Image{}, img, equal...); err != nil || diff != "" {
		t.Errorf("an empty store: %v\n%s", err, diff)
	}
	if _, _, err := s.Alert(t.Context(), 1); !errors.Is(err, workgroups.ErrNotFound) {
		t.Errorf("an alert that there is not: %v", err)
	}
	if all, err := s.Ended(t.Context(), "", 10); err != nil || len(all) != 0 {
		t.Errorf("ended: %v, %v", all, err)
	}
	if err := s.Commit(t.Context(), nil); err != nil {
		t.Errorf("no changes: %v", err)
	}
}

// equal compares addresses by what they say, and nothing with none.
var equal = cmp.Options{
	cmp.Comparer(func(a, b jid.JID) bool { return a.Equal(b) }),
	cmp.Comparer(func(a, b time.Time) bool { return a.Equal(b) }),
	cmp.FilterValues(func(a, b map[string]string) bool { return len(a)+len(b) == 0 }, cmp.Ignore()),
}

// random commits changes to the store and to [workgroups.Memory], and compares.
func random(t *testing.T, open func(testing.TB) (workgroups.Store, func())) {
	var want workgroups.Memory
	rnd := rand.New(rand.NewPCG(7, 9))
	g := generator{rnd: rnd, now: time.Date(2026, 11, 28, 6, 0, 0, 123456789, time.UTC), seq: map[int64]int64{}}
	for round := range 12 {
		s, closing := open(t)
		for range 40 {
			changes := g.changes()
			if err := want.Commit(t.Context(), changes); err != nil {
				t.Fatal(err)
			}
			if err := s.Commit(t.Context(), changes); err != nil {
				t.Fatalf("round %d: %v", round, err)
			}
		}
		if round%2 == 0 {
			closing()
			s, closing = open(t)
		}
		compare(t, &want, s, g.lastID)
		closing()
	}
}

func compare(t *testing.T, want, got workgroups.Store, lastID int64) {
	t.Helper()
	a, err := want.Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	b, err := got.Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(a, b, equal...); diff != "" {
		t.Fatalf("Load (-want +got):\n%s", diff)
	}
	for id := int64(1); id <= lastID; id++ {
		a1, e1, err1 := want.Alert(t.Context(), id)
		a2, e2, err2 := got.Alert(t.Context(), id)
		i1, err := want.Instances(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		i2, err := got.Instances(t.Context(), id)
		if diff := cmp.Diff(i1, i2, equal...); err != nil || diff != "" && len(i1)+len(i2) > 0 {
			t.Fatalf("instances of alert %d: %v (-want +got):\n%s", id, err, diff)
		}
		if diff := cmp.Diff(a1, a2, equal...) + cmp.Diff(e1, e2, equal...); diff != "" || errors.Is(err1, workgroups.ErrNotFound) != errors.Is(err2, workgroups.ErrNotFound) || err1 == nil && err2 != nil {
			t.Fatalf("alert %d (%v, %v) (-want +got):\n%s", id, err1, err2, diff)
		}
	}
	for _, name := range []string{"", "alerts", "dba", "nowhere"} {
		for _, ids := range [][2]int64{{0, 100}, {1, 20}, {20, 21}, {55, 100}, {90, 100}} {
			from, until := raisedAt(ids[0]), raisedAt(ids[1])
			a, err1 := want.Figures(t.Context(), name, from, until)
			b, err2 := got.Figures(t.Context(), name, from, until)
			if err1 != nil || err2 != nil || a != b {
				t.Fatalf("Figures %q of %v: %+v (%v), want %+v (%v)", name, ids, b, err2, a, err1)
			}
		}
		for _, limit := range []int{1, 5, 1000} {
			a, err := want.Ended(t.Context(), name, limit)
			if err != nil {
				t.Fatal(err)
			}
			b, err := got.Ended(t.Context(), name, limit)
			if diff := cmp.Diff(a, b, equal...); err != nil || diff != "" && len(a)+len(b) > 0 {
				t.Fatalf("Ended %q %d: %v (-want +got):\n%s", name, limit, err, diff)
			}
		}
	}
}

// allOrNothing: a commit with a change that cannot be made changes nothing.
func allOrNothing(t *testing.T, open func(testing.TB) (workgroups.Store, func())) {
	s, closing := open(t)
	g := generator{rnd: rand.New(rand.NewPCG(1, 2)), now: time.Date(2026, 11, 28, 6, 0, 0, 0, time.UTC), seq: map[int64]int64{}}
	a := g.alert(1)
	entry := workgroups.AddEntry{Entry: workgroups.Entry{Alert: 1, Seq: 1, At: g.now, What: "raised"}}
	if err := s.Commit(t.Context(), []workgroups.Change{workgroups.PutAlert{Alert: a}, entry}); err != nil {
		t.Fatal(err)
	}
	b := a
	b.Summary = "changed"
	err := s.Commit(t.Context(), []workgroups.Change{
		workgroups.PutAlert{Alert: b}, workgroups.PutAlert{Alert: g.alert(2)},
		workgroups.PutMessage{Message: workgroups.Message{ID: 1, Kind: workgroups.MessageNote, To: jid.MustParse("a@b")}},
		entry, // it is there: timelines are only added to
	})
	if err == nil {
		t.Error("an entry of a timeline was overwritten")
	}
	closing()
	s, closing = open(t)
	defer closing()
	got, _, err := s.Alert(t.Context(), 1)
	if diff := cmp.Diff(a, got, equal...); err != nil || diff != "" {
		t.Errorf("half of a commit was made (%v):\n%s", err, diff)
	}
	if _, _, err := s.Alert(t.Context(), 2); !errors.Is(err, workgroups.ErrNotFound) {
		t.Errorf("half of a commit was made: %v", err)
	}
	if img, err := s.Load(t.Context()); err != nil || len(img.Messages) > 0 {
		t.Errorf("half of a commit was made: %v, %v", img.Messages, err)
	}
}

// A generator makes changes as a service might, and odd ones.
type generator struct {
	rnd      *rand.Rand
	now      time.Time
	lastID   int64
	lastSent int64
	seq      map[int64]int64
}

var texts = []string{"", "x", "disk full", "naïve – 'quoted' \"twice\"", "two\nlines", "日本語", "a;b--c", "\t"}

func (g *generator) text() string { return texts[g.rnd.IntN(len(texts))] }

func (g *generator) some(n int) int64 { return 1 + g.rnd.Int64N(int64(n)) }

func (g *generator) jid() jid.JID {
	j := jid.MustParse(fmt.Sprintf("agent%d@example.net", g.rnd.IntN(6)))
	if g.rnd.IntN(2) == 0 {
		j, _ = j.WithResource("réson " + fmt.Sprint(g.rnd.IntN(3)))
	}
	return j
}

func (g *generator) time() time.Time {
	if g.rnd.IntN(4) == 0 {
		return time.Time{}
	}
	return g.now.Add(time.Duration(g.rnd.Int64N(int64(time.Hour))))
}

func (g *generator) workgroup() string { return []string{"alerts", "dba"}[g.rnd.IntN(2)] }

// raisedAt is when an alert was raised: later ones have higher numbers.
func raisedAt(id int64) time.Time {
	return time.Date(2026, 11, 28, 6, 0, 0, 123456789, time.UTC).Add(time.Duration(id) * 2 * time.Hour)
}

func (g *generator) alert(id int64) workgroups.Alert {
	a := workgroups.Alert{
		ID: id, Workgroup: g.workgroup(), Source: "src" + g.text(), Fingerprint: fmt.Sprint(g.rnd.IntN(8)), Episode: g.some(5),
		Severity: []workgroups.Severity{workgroups.Critical, workgroups.Warning, workgroups.Info}[g.rnd.IntN(3)],
		Summary:  g.text(), Details: g.text(), Host: g.text(), Labels: map[string]string{"a": g.text(), "b\"": "c"}, Starts: g.time(),
		User: g.jid(), Notify: g.rnd.IntN(2) == 0, Raised: raisedAt(id), Updated: g.time(), Count: g.some(9), Accepted: g.time(),
		State: []workgroups.State{workgroups.Open, workgroups.Offered, workgroups.Assigned, workgroups.Resolved, workgroups.Expired}[g.rnd.IntN(5)],
		Grant: g.some(4), Gone: g.time(), Round: g.some(4), Wake: g.time(), Seq: g.some(9),
		Due: g.time(), Reminded: g.rnd.IntN(2) == 0, Step: g.some(4), StepEnds: g.time(), Muted: g.time(), Room: g.jid(),
		Group: g.text(), Gathers: g.time(), Instances: g.rnd.Int64N(3), Firing: g.some(3), Told: g.time(), Tell: g.time(),
	}
	if g.rnd.IntN(3) > 0 { // else a person who queues
		a.User = jid.MustParse(a.Session() + "@workgroup.example.net")
	}
	if a.State == workgroups.Assigned {
		a.Owner = g.jid()
	}
	if a.State.Ended() {
		a.Ended, a.EndedBy, a.Reason = g.now, g.text(), g.text()
	}
	return a
}

// instance is the same thing whenever it has the same number.
func (g *generator) instance(alert, n int64) workgroups.Instance {
	return workgroups.Instance{
		Alert: alert, N: n, Source: "src", Fingerprint: fmt.Sprint(n), Episode: g.some(5),
		Severity: []workgroups.Severity{workgroups.Critical, workgroups.Warning, workgroups.Info}[g.rnd.IntN(3)],
		Summary:  g.text(), Details: g.text(), Host: g.text(), Labels: map[string]string{"c": g.text()},
		Starts: g.time(), Raised: g.time(), Count: g.some(9), Over: g.time(),
	}
}

func (g *generator) changes() []workgroups.Change {
	g.now = g.now.Add(time.Duration(g.rnd.Int64N(int64(20 * time.Minute))))
	var out []workgroups.Change
	for range g.some(12) {
		switch g.rnd.IntN(15) {
		case 0, 1:
			id := g.some(60)
			g.lastID = max(g.lastID, id)
			out = append(out, workgroups.PutAlert{Alert: g.alert(id)})
		case 2:
			out = append(out, workgroups.PutOffer{Offer: workgroups.Offer{
				Alert: g.some(60), Agent: g.jid().Bare().String(), To: g.jid(), Made: g.time(), Expires: g.time(),
				End: []workgroups.OfferEnd{"", workgroups.Rejected, workgroups.TimedOut, workgroups.LeftOut}[g.rnd.IntN(4)],
			}})
		case 3:
			d := workgroups.DropOffer{Alert: g.some(60)}
			if g.rnd.IntN(2) == 0 {
				d.Agent = g.jid().Bare().String()
			}
			out = append(out, d)
		case 4:
			out = append(out, workgroups.PutSession{Session: workgroups.Session{
				Workgroup: g.workgroup(), JID: g.jid(), Show: []workgroups.Show{workgroups.Chat, workgroups.Available, workgroups.Busy}[g.rnd.IntN(3)],
				Status: g.text(), Max: int(g.some(5)) - 1, Since: g.now,
			}})
		case 5:
			out = append(out, workgroups.DropSession{Workgroup: g.workgroup(), JID: g.jid()})
		case 6:
			g.lastSent++
			out = append(out, workgroups.PutMessage{Message: workgroups.Message{
				ID: g.lastSent, Kind: []workgroups.MessageKind{workgroups.MessageOffer, workgroups.MessageNote, workgroups.MessageInvite}[g.rnd.IntN(3)],
				Workgroup: g.workgroup(), To: g.jid(), Alert: g.some(60) - 1, User: g.jid(), Grant: g.some(3), Text: g.text(), Made: g.now, Due: g.time(),
			}})
		case 7:
			out = append(out, workgroups.DropMessage{ID: g.some(int(g.lastSent) + 1)})
		case 9:
			out = append(out, workgroups.PutOverride{Override: oncall.Override{
				ID: g.some(20), Schedule: g.text(), Who: g.jid().String(), From: g.time(), Until: g.time(), By: g.text(), Made: g.now,
			}})
		case 10:
			out = append(out, workgroups.DropOverride{ID: g.some(20)})
		case 11:
			out = append(out, workgroups.PutSilence{Silence: workgroups.Silence{
				ID: g.some(20), Workgroup: g.workgroup(), Match: []workgroups.Matcher{{Name: "host", Value: g.text(), Regexp: g.rnd.IntN(2) == 0, Not: g.rnd.IntN(2) == 0}},
				From: g.time(), Until: g.time(), By: g.text(), Reason: g.text(), Made: g.now,
			}})
		case 13, 14:
			out = append(out, workgroups.PutInstance{Instance: g.instance(g.some(60), g.some(6))})
		case 12:
			out = append(out, workgroups.DropSilence{ID: g.some(20)})
		case 8:
			id := g.some(60)
			g.seq[id]++
			out = append(out, workgroups.AddEntry{Entry: workgroups.Entry{Alert: id, Seq: g.seq[id], At: g.now, What: g.text(), Who: g.text(), Text: g.text()}})
		}
	}
	return out
}
