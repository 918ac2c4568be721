package store

import (
	"fmt"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"adminbot/internal/muc"
	"adminbot/internal/muc/muctest"
)

func TestRooms(t *testing.T) {
	path := filepath.Join(t.TempDir(), "accounts.db")
	muctest.Test(t, func(t testing.TB) (muc.Store, func()) {
		s, err := Open(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		return s, func() {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}
	})
}

// BenchmarkArchive keeps what is said in rooms whose archives are full, from as
// many rooms at once as there are processors.
func BenchmarkArchive(b *testing.B) {
	s, err := Open(b.Context(), filepath.Join(b.TempDir(), "accounts.db"))
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	var rooms atomic.Int64
	keep := muc.Bounds{Messages: 100, Bytes: 1 << 20, Age: time.Hour}
	b.RunParallel(func(pb *testing.PB) {
		room := fmt.Sprint("room-", rooms.Add(1))
		if err := s.PutRoom(b.Context(), muc.Saved{Name: room, State: []byte("{}")}); err != nil {
			b.Fatal(err)
		}
		for n := 0; pb.Next(); n++ {
			e := muc.Entry{ID: fmt.Sprint(room, n), At: time.Now(), From: "bob@example.org", Stanza: make([]byte, 400)}
			if err := s.Archive(b.Context(), room, e, keep, 1<<30); err != nil {
				b.Fatal(err)
			}
		}
	})
}
