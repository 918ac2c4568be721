package oncall

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// zones are some whose clocks change in their own ways: by an hour, by half of
// one, by a whole day that is left out, and never.
var zones = []struct {
	name    string
	changes []string // a day near each change
}{
	{"Europe/Amsterdam", []string{"2026-03-29", "2026-10-25"}},
	{"America/New_York", []string{"2026-03-08", "2026-11-01"}},
	{"Australia/Lord_Howe", []string{"2026-04-05", "2026-10-04"}},
	{"Pacific/Apia", []string{"2011-12-30"}},
	{"America/Sao_Paulo", []string{"2018-11-04", "2018-02-18"}}, // at midnight
	{"Asia/Kathmandu", []string{"2026-06-01"}},
	{"UTC", []string{"2026-06-01"}},
}

// The model looks at the wall every quarter of an hour, as somebody would who
// stands before it, and remembers the latest time that was seen on it.
type model struct {
	zone *time.Location
	seen time.Time // on the wall, as if it were UTC
}

func (m *model) look(t time.Time) {
	_, offset := t.In(m.zone).Zone()
	if now := t.UTC().Add(time.Duration(offset) * time.Second); now.After(m.seen) {
		m.seen = now
	}
}

// who is on call by the model.
func (m *model) who(s *Schedule, t time.Time, overrides []Override) string {
	for _, o := range slices.Backward(overrides) {
		if o.Schedule == s.Name && !o.From.After(t) && o.Until.After(t) {
			return o.Who
		}
	}
	for _, l := range slices.Backward(s.Layers) {
		on := len(l.Hours) == 0
		for _, w := range l.Hours {
			at := m.seen.Hour()*60 + m.seen.Minute()
			today, yesterday := w.Days[m.seen.Weekday()], w.Days[m.seen.AddDate(0, 0, -1).Weekday()]
			if w.From < w.To {
				on = on || today && w.From <= at && at < w.To
			} else {
				on = on || today && w.From <= at || yesterday && at < w.To
			}
		}
		if !on {
			continue
		}
		start := time.Date(l.Start.Year, l.Start.Month, l.Start.Day, l.Start.Hour, l.Start.Minute, 0, 0, time.UTC)
		turn := 0
		for ; start.After(m.seen); turn-- {
			start = start.Add(-l.Every)
		}
		for ; !start.Add(l.Every).After(m.seen); turn++ {
			start = start.Add(l.Every)
		}
		for turn < 0 {
			turn += len(l.Who)
		}
		return l.Who[turn%len(l.Who)]
	}
	return ""
}

func randomSchedule(r *rand.Rand, zone *time.Location, near time.Time) (*Schedule, []Override) {
	s := &Schedule{Name: "s", Zone: zone}
	people := []string{"alice", "bob", "carol", "dave", "erin"}
	for i := range 1 + r.IntN(3) {
		l := Layer{Name: fmt.Sprint(i), Every: []time.Duration{time.Hour, 2 * time.Hour, 5 * time.Hour, 12 * time.Hour, 24 * time.Hour, 7 * 24 * time.Hour}[r.IntN(6)]}
		for range 1 + r.IntN(4) {
			l.Who = append(l.Who, people[r.IntN(len(people))])
		}
		d := near.AddDate(0, 0, r.IntN(20)-10)
		l.Start = Start{d.Year(), d.Month(), d.Day(), r.IntN(24), 15 * r.IntN(4)}
		for range r.IntN(3) {
			w := Window{From: 15 * r.IntN(96), To: 15 * (1 + r.IntN(96))}
			for d := range w.Days {
				w.Days[d] = r.IntN(2) == 0
			}
			w.Days[r.IntN(7)] = true
			l.Hours = append(l.Hours, w)
		}
		s.Layers = append(s.Layers, l)
	}
	var overrides []Override
	for i := range r.IntN(4) {
		from := near.Add(time.Duration(r.IntN(96)-48) * 15 * time.Minute)
		overrides = append(overrides, Override{
			ID: int64(i + 1), Schedule: []string{"s", "s", "other"}[r.IntN(3)], Who: people[r.IntN(len(people))],
			From: from, Until: from.Add(time.Duration(1+r.IntN(40)) * 15 * time.Minute),
		})
	}
	return s, overrides
}

// TestEveryInstant: at every instant around every change of clocks exactly the
// person is on call whom the model says, and Shifts says the same.
func TestEveryInstant(t *testing.T) {
	for _, z := range zones {
		zone, err := time.LoadLocation(z.name)
		if err != nil {
			t.Fatal(err)
		}
		for _, change := range z.changes {
			near, err := time.Parse(time.DateOnly, change)
			if err != nil {
				t.Fatal(err)
			}
			for seed := range uint64(20) {
				r := rand.New(rand.NewPCG(seed, 1))
				s, overrides := randomSchedule(r, zone, near)
				if err := s.Check(); err != nil {
					t.Fatal(err)
				}
				from, until := near.AddDate(0, 0, -2), near.AddDate(0, 0, 3)
				shifts := s.Shifts(from, until, overrides)
				m := model{zone: zone}
				m.look(from.AddDate(0, 0, -2))
				for at := from; at.Before(until); at = at.Add(15 * time.Minute) {
					m.look(at)
					want := m.who(s, at, overrides)
					got := s.holder(at, overrides)
					if r.IntN(50) == 0 {
						got = s.At(at, overrides)
					}
					if got.Who != want {
						t.Fatalf("%s, seed %d, %s: %q is on call, want %q\n%+v\n%+v", z.name, seed, at.In(zone), got.Who, want, s, overrides)
					}
					for len(shifts) > 0 && !shifts[0].Until.After(at) {
						shifts = shifts[1:]
					}
					if len(shifts) == 0 || shifts[0].From.After(at) || shifts[0].Who != want {
						t.Fatalf("%s, seed %d, %s: shifts %+v, want %q", z.name, seed, at.In(zone), shifts, want)
					}
					if !got.From.IsZero() && (got.From.After(at) || !got.Until.IsZero() && !got.Until.After(at)) {
						t.Fatalf("%s, seed %d: the shift at %s is from %s until %s", z.name, seed, at, got.From, got.Until)
					}
				}
			}
		}
	}
}

// TestShiftsAreWhole: shifts follow each other without gaps, and each is what At
// says of any moment in it.
func TestShiftsAreWhole(t *testing.T) {
	zone, err := time.LoadLocation("Europe/Amsterdam")
	if err != nil {
		t.Fatal(err)
	}
	near := time.Date(2026, 10, 25, 0, 0, 0, 0, time.UTC)
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 2))
		s, overrides := randomSchedule(r, zone, near)
		from := near.Add(time.Duration(r.IntN(48*3600)-24*3600) * time.Second)
		until := from.Add(time.Duration(1+r.IntN(9*24*3600)) * time.Second)
		at := from
		for i, sh := range s.Shifts(from, until, overrides) {
			if !sh.From.Equal(at) || !sh.Until.After(sh.From) {
				t.Fatalf("seed %d: shift %d is from %s until %s, after one until %s", seed, i, sh.From, sh.Until, at)
			}
			at = sh.Until
			inside := sh.From.Add(time.Duration(r.Int64N(int64(sh.Until.Sub(sh.From)))))
			if got := s.At(inside, overrides); !got.same(&sh) {
				t.Fatalf("seed %d: at %s %+v, in the list %+v", seed, inside, got, sh)
			}
		}
		if !at.Equal(until) {
			t.Fatalf("seed %d: the shifts end at %s, not %s", seed, at, until)
		}
	}
}

// TestLengths: a turn is as long on the wall as was said, whatever the clocks do.
func TestLengths(t *testing.T) {
	zone, err := time.LoadLocation("Europe/Amsterdam")
	if err != nil {
		t.Fatal(err)
	}
	s := &Schedule{Name: "s", Zone: zone, Layers: []Layer{{Name: "week", Who: []string{"alice", "bob"}, Every: 7 * 24 * time.Hour, Start: Start{2026, 3, 2, 9, 0}}}}
	for _, tt := range []struct {
		at   string
		want time.Duration
		who  string
	}{
		{"2026-03-05", 168 * time.Hour, "alice"},
		{"2026-03-25", 167 * time.Hour, "bob"}, // the clocks go forward on the 29th
		{"2026-10-21", 169 * time.Hour, "bob"}, // and back on the 25th
	} {
		at, err := time.ParseInLocation(time.DateOnly, tt.at, zone)
		if err != nil {
			t.Fatal(err)
		}
		sh := s.At(at, nil)
		if got := sh.Until.Sub(sh.From); got != tt.want || sh.Who != tt.who {
			t.Errorf("%s: %s for %v, want %s for %v", tt.at, sh.Who, got, tt.who, tt.want)
		}
		for _, end := range []time.Time{sh.From, sh.Until} {
			if got := end.In(zone).Format("Mon 15:04"); got != "Mon 09:00" {
				t.Errorf("%s: a hand-over at %s", tt.at, got)
			}
		}
	}
}

// TestOneForAll: who is alone on call is so without an end.
func TestOneForAll(t *testing.T) {
	s := &Schedule{Name: "s", Layers: []Layer{{Name: "l", Who: []string{"alice"}, Every: 24 * time.Hour}}}
	if sh := s.At(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), nil); sh.Who != "alice" || !sh.From.IsZero() || !sh.Until.IsZero() {
		t.Errorf("got %+v", sh)
	}
}

func TestParse(t *testing.T) {
	windows := map[string]string{
		"Mon-Fri 18:00-08:00": "[false true true true true true false] 1080 480",
		"Sat,Sun":             "[true false false false false false true] 0 1440",
		"22:00-06:00":         "[true true true true true true true] 1320 360",
		"Fri-Mon 9:00-24:00":  "[true true false false false true true] 540 1440",
		"monday 00:00-00:00":  "[false true false false false false false] 0 1440",
	}
	for text, want := range windows {
		w, err := ParseWindow(text)
		if got := fmt.Sprint(w.Days, w.From, w.To); err != nil || got != want {
			t.Errorf("%q: %s, %v, want %s", text, got, err, want)
		}
	}
	for _, text := range []string{"", "Mo 09:00-10:00", "Mon 9-10", "Mon 09:00", "Mon 25:00-26:00", "Mon 24:00-01:00", "a b c", "Mon-", "Mondy"} {
		if w, err := ParseWindow(text); err == nil {
			t.Errorf("%q is read as %+v", text, w)
		}
	}
	for text, want := range map[string]time.Duration{"week": 168 * time.Hour, "2 weeks": 336 * time.Hour, "1 day": 24 * time.Hour, "12 hours": 12 * time.Hour} {
		if got, err := ParseEvery(text); got != want || err != nil {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "0 days", "-1 day", "month", "1.5 hours", "1 day 2"} {
		if got, err := ParseEvery(text); err == nil {
			t.Errorf("%q is read as %v", text, got)
		}
	}
	starts := map[[2]string]Start{
		{"2026-12-03", "Mon 09:00"}: {2026, 11, 30, 9, 0},
		{"2026-11-30", "Mon"}:       {2026, 11, 30, 0, 0},
		{"", "17:30"}:               {2024, 1, 1, 17, 30},
		{"", ""}:                    {2024, 1, 1, 0, 0},
	}
	for in, want := range starts {
		if got, err := ParseStart(in[0], in[1]); got != want || err != nil {
			t.Errorf("%q: %+v, %v, want %+v", in, got, err, want)
		}
	}
	for _, in := range [][2]string{{"30.11.2026", ""}, {"", "noon"}, {"", "Mon 24:00"}, {"", "Mon 09:00 x"}} {
		if got, err := ParseStart(in[0], in[1]); err == nil {
			t.Errorf("%q is read as %+v", in, got)
		}
	}
}

func TestCheck(t *testing.T) {
	good := Layer{Name: "l", Who: []string{"a"}, Every: time.Hour}
	for name, s := range map[string]Schedule{
		"no name":   {Layers: []Layer{good}},
		"no layers": {Name: "s"},
		"nobody":    {Name: "s", Layers: []Layer{{Every: time.Hour}}},
		"too short": {Name: "s", Layers: []Layer{{Who: []string{"a"}, Every: time.Minute}}},
		"no days":   {Name: "s", Layers: []Layer{{Who: []string{"a"}, Every: time.Hour, Hours: []Window{{To: 60}}}}},
	} {
		if s.Check() == nil {
			t.Errorf("%s: not refused", name)
		}
	}
}
