package alertstore_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"adminbot/internal/alertstore"
	"adminbot/internal/filelock"
	"adminbot/internal/sqlitefile"
	"adminbot/internal/store"
	"adminbot/workgroups"
	"adminbot/workgroups/storetest"
)

func TestStore(t *testing.T) {
	dirs := map[string]string{}
	storetest.Test(t, func(t testing.TB) (workgroups.Store, func()) {
		if dirs[t.Name()] == "" {
			dirs[t.Name()] = t.TempDir()
		}
		s, err := alertstore.Open(context.Background(), filepath.Join(dirs[t.Name()], "alerts.db"))
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

// TestTwo: of two who open the same file the second is refused, until the first has
// closed it.
func TestTwo(t *testing.T) {
	path := filepath.Join(t.TempDir(), "alerts.db")
	first, err := alertstore.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	_, err = alertstore.Open(t.Context(), path)
	if !errors.Is(err, filelock.ErrHeld) || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "hint: ") {
		t.Errorf("the second: %v", err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	third, err := alertstore.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	third.Close()
}

// TestForeign: the file of another kind, and one that is no database, are refused
// by name and left alone.
func TestForeign(t *testing.T) {
	dir := t.TempDir()
	accounts := filepath.Join(dir, "accounts.db")
	other, err := store.Open(t.Context(), accounts)
	if err != nil {
		t.Fatal(err)
	}
	other.Close()
	text := filepath.Join(dir, "notes.txt")
	if err := os.WriteFile(text, []byte("years of work"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{accounts, text} {
		before, _ := os.ReadFile(path)
		if _, err := alertstore.Open(t.Context(), path); !errors.Is(err, sqlitefile.ErrForeign) {
			t.Errorf("%s: %v", path, err)
		}
		if after, _ := os.ReadFile(path); string(after) != string(before) {
			t.Errorf("%s has changed", path)
		}
	}
}
