// Package store keeps accounts, contacts, messages for absent people and
// clients' private data in one SQLite file.
//
// [Open] a file, use the [Store], and [Store.Close] it. Several processes may
// have the same file open: `adminbot user add` changes accounts while the
// server runs, which notices by [Store.Revision]. What a method that changes
// something has returned nil for is on the disk (WAL, synchronous=FULL);
// changes that arrive together are committed together.
//
// A file that is damaged, or not ours, is refused by name, and nothing is
// written to it.
package store

import (
	"context"
	"database/sql"
	"fmt"
	"sync"

	"adminbot/internal/sqlitefile"
)

// A Store is an open file. Its methods are safe for concurrent use.
type Store struct {
	file *sqlitefile.File
	w    *sql.DB // one connection: the writer
	r    *sql.DB

	mu      sync.Mutex
	waiting []*change // for the next transaction
	leading bool      // somebody is committing
}

// Open opens the store at path, and makes it if there is nothing at path. The
// directory must exist. The error wraps one of package sqlitefile if the file is
// damaged or another's.
func Open(ctx context.Context, path string) (*Store, error) {
	f, err := sqlitefile.Open(ctx, path, kind())
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	return &Store{file: f, w: f.W, r: f.R}, nil
}

// Close closes the file.
func (s *Store) Close() error {
	if err := s.file.Close(); err != nil {
		return fmt.Errorf("store: %w", err)
	}
	return nil
}

// wrap names the file in errors that are not about what was asked.
func (s *Store) wrap(err error) error {
	if err := s.file.Wrap(err); err != nil {
		return fmt.Errorf("store: %w", err)
	}
	return nil
}
