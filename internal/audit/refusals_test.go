package audit

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestRefusals has somebody be refused all day: what somebody else did before is
// still there, and the log tells how often it was.
func TestRefusals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, err := Options{SegmentBytes: 64 << 10, Keep: 4}.Open(filepath.Join(t.TempDir(), "audit.jsonl"))
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		if err := l.Append(t.Context(), Entry{From: "alice@example.net", Method: "service.restart", Decision: Done}); err != nil {
			t.Fatal(err)
		}
		r := NewRefusals(l.Append)
		const each, hours = 500, 4
		for range 6 * hours {
			for i := range each {
				from := fmt.Sprintf("eve@example.net/%d", i)
				if err := r.Append(t.Context(), Entry{From: from, Actor: "eve@example.net", Method: "service.restart", Decision: Deny, Text: strings.Repeat("x", 300)}); err != nil {
					t.Fatal(err)
				}
			}
			time.Sleep(refusalsEvery + time.Second)
		}
		r.Append(t.Context(), Entry{From: "eve@example.net", Actor: "bob@example.net", Decision: Deny}) // somebody else
		r.End()
		all, _, err := l.Tail(Query{Limit: 1 << 20})
		if err != nil {
			t.Fatal(err)
		}
		written, told := 0, 0
		for _, e := range all {
			n := 0
			if _, err := fmt.Sscanf(e.Text, "%d more refusals since ", &n); err == nil {
				if e.Actor != "eve@example.net" || e.From != "eve@example.net" || e.Decision != Deny {
					t.Errorf("%+v", e)
				}
				told += n
			} else if e.Actor == "eve@example.net" {
				written++
			}
		}
		if written != 6*hours*refusalsEach || written+told != 6*hours*each {
			t.Errorf("%d are written and %d told of, of %d", written, told, 6*hours*each)
		}
		if all[0].From != "alice@example.net" || all[len(all)-1].Actor != "bob@example.net" {
			t.Errorf("the first is %+v, the last %+v", all[0], all[len(all)-1])
		}
		if _, err := Verify(l.path); err != nil {
			t.Error(err)
		}
	})
}

// TestRefusalsOfMany is the same for more callers than are remembered.
func TestRefusalsOfMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		written := 0
		r := NewRefusals(func(context.Context, Entry) error { written++; return nil })
		for i := range 100_000 {
			r.Append(t.Context(), Entry{From: fmt.Sprintf("u%d@example.net", i), Decision: Deny})
		}
		if most := refusedCallers + refusalsEach; written > most {
			t.Errorf("%d were written, at most %d may be", written, most)
		}
		r.End()
	})
}
