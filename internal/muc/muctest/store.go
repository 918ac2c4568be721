package muctest

import (
	"cmp"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	diff "github.com/google/go-cmp/cmp"

	"adminbot/internal/muc"
)

// Test tests a store against [Memory]. Open opens the same store again and
// again; what one has kept the next must have. Closing is called before the next
// open.
func Test(t *testing.T, open func(testing.TB) (s muc.Store, closing func())) {
	var want Memory
	rnd := rand.New(rand.NewPCG(5, 45))
	now := time.Date(2026, 11, 28, 6, 0, 0, 0, time.UTC)
	var ids []string
	name := func() string { return []string{"ops", "war", "alert-1", "empty"}[rnd.IntN(4)] }
	id := func() string {
		switch {
		case len(ids) == 0 || rnd.IntN(20) == 0:
			return "nobody's"
		case rnd.IntN(2) == 0:
			return ""
		}
		return ids[len(ids)-1-rnd.IntN(min(len(ids), 15))]
	}
	keep, total := muc.Bounds{Messages: 12, Bytes: 600, Age: time.Hour}, int64(1200)
	for range 6 {
		s, closing := open(t)
		for range 80 {
			room := name()
			switch n := rnd.IntN(20); {
			case n == 0:
				same(t, "delete", s.DeleteRoom(t.Context(), room), want.DeleteRoom(t.Context(), room))
			case n < 4 && room != "empty":
				r := muc.Saved{Name: room, State: fmt.Appendf(nil, "%d", rnd.Int())}
				same(t, "put", s.PutRoom(t.Context(), r), want.PutRoom(t.Context(), r))
			case n < 14:
				now = now.Add(time.Duration(rnd.IntN(600)) * time.Second)
				e := muc.Entry{ID: fmt.Sprint("id-", len(ids)), At: now, From: "bob@example.org", Stanza: []byte(strings.Repeat("é", 1+rnd.IntN(60)))}
				ids = append(ids, e.ID)
				same(t, "archive", s.Archive(t.Context(), room, e, keep, total), want.Archive(t.Context(), room, e, keep, total))
			default:
				q := muc.Query{AfterID: id(), BeforeID: id(), After: id(), Before: id(), Last: rnd.IntN(2) == 0, Max: rnd.IntN(8), MaxBytes: 1 + rnd.IntN(400)}
				if rnd.IntN(2) == 0 {
					q = muc.Query{Last: q.Last, Max: q.Max, MaxBytes: q.MaxBytes}
				}
				if rnd.IntN(4) == 0 {
					q.Start = now.Add(-time.Duration(rnd.IntN(3600)) * time.Second)
				}
				if rnd.IntN(4) == 0 {
					q.End = now.Add(-time.Duration(rnd.IntN(3600)) * time.Second)
				}
				for rnd.IntN(4) == 0 && len(ids) > 0 {
					q.IDs = append(q.IDs, ids[len(ids)-1-rnd.IntN(min(len(ids), 15))])
				}
				got, err := s.Archived(t.Context(), room, q)
				page, wantErr := want.Archived(t.Context(), room, q)
				same(t, "query", err, wantErr)
				if d := diff.Diff(page, got); d != "" {
					t.Fatalf("%s %+v: -want +got\n%s", room, q, d)
				}
			}
			got, err := s.Rooms(t.Context())
			rooms, _ := want.Rooms(t.Context())
			slices.SortFunc(rooms, func(a, b muc.Saved) int { return cmp.Compare(a.Name, b.Name) })
			if d := diff.Diff(rooms, got); d != "" || err != nil {
				t.Fatalf("rooms: %v: -want +got\n%s", err, d)
			}
		}
		closing()
	}
}

// same checks that both failed or none did, and both because of an unknown
// message or none.
func same(t *testing.T, what string, got, want error) {
	t.Helper()
	if (got == nil) != (want == nil) || errors.Is(got, muc.ErrNoEntry) != errors.Is(want, muc.ErrNoEntry) {
		t.Fatalf("%s: %v, want %v", what, got, want)
	}
}
