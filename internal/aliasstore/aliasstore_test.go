package aliasstore

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"testing"

	"mellium.im/xmpp/jid"

	"adminbot/internal/sqlitefile"
)

var (
	alice = jid.MustParse("alice@example.net/phone")
	bob   = jid.MustParse("bob@example.net")
)

func open(t *testing.T, path string) *Store {
	t.Helper()
	s, err := Open(context.Background(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// TestKept: what was said is there when the file is opened again, each for whom
// it is.
func TestKept(t *testing.T) {
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "aliases.db")
	s := open(t, path)
	for _, err := range []error{
		s.Put(ctx, alice, "frobnicate", "start"),
		s.Put(ctx, alice, "frobnicate", "restart"),
		s.Put(ctx, alice, "the shop", "web01 and web02"),
		s.Put(ctx, bob, "frobnicate", "stop; 'DROP'"),
		s.Drop(ctx, alice, "the shop"),
		s.Drop(ctx, alice, "never said"),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		if got, want := s.Of(alice.Bare()), map[string]string{"frobnicate": "restart"}; !maps.Equal(got, want) {
			t.Errorf("alice has %v, want %v", got, want)
		}
		if got, want := s.Of(bob), map[string]string{"frobnicate": "stop; 'DROP'"}; !maps.Equal(got, want) {
			t.Errorf("bob has %v, want %v", got, want)
		}
		if s.n != 2 {
			t.Errorf("%d aliases", s.n)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = open(t, path)
	}
}

// TestHeldMapsStay: a map that was given out does not change.
func TestHeldMapsStay(t *testing.T) {
	ctx := context.Background()
	s := open(t, filepath.Join(t.TempDir(), "aliases.db"))
	s.Put(ctx, alice, "a", "x")
	before := s.Of(alice)
	s.Put(ctx, alice, "b", "y")
	s.Drop(ctx, alice, "a")
	if !maps.Equal(before, map[string]string{"a": "x"}) {
		t.Errorf("%v", before)
	}
}

func TestFull(t *testing.T) {
	ctx := context.Background()
	s := open(t, filepath.Join(t.TempDir(), "aliases.db"))
	s.Put(ctx, alice, "a", "x")
	s.n = Most
	if err := s.Put(ctx, alice, "b", "y"); !errors.Is(err, ErrFull) {
		t.Errorf("%v", err)
	}
	if err := s.Put(ctx, alice, "a", "z"); err != nil || s.Of(alice)["a"] != "z" {
		t.Errorf("%v, %v", err, s.Of(alice))
	}
}

func TestOpenErrors(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "other")
	if err := os.WriteFile(path, fmt.Append(nil, "not a database, though it is long enough to hold the head of one: ", make([]byte, 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(context.Background(), path); !errors.Is(err, sqlitefile.ErrForeign) {
		t.Errorf("%v", err)
	}
	s := open(t, filepath.Join(dir, "gone"))
	s.Close()
	if err := s.Put(context.Background(), alice, "a", "x"); err == nil || s.Of(alice) != nil {
		t.Errorf("kept in a closed file: %v", err)
	}
}
