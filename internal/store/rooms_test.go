package store

import (
	"path/filepath"
	"testing"

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
