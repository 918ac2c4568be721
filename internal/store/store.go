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
	"crypto/rand"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"sync"

	_ "modernc.org/sqlite" // the driver
)

// Errors of Open.
var (
	ErrForeign = errors.New("is not a store of AdminBot")
	ErrDamaged = errors.New("is damaged")
	ErrNewer   = errors.New("was written by a newer AdminBot")
)

// A Store is an open file. Its methods are safe for concurrent use.
type Store struct {
	path string
	w    *sql.DB // one connection: the writer
	r    *sql.DB

	mu      sync.Mutex
	waiting []*change // for the next transaction
	leading bool      // somebody is committing
}

// Open opens the store at path, and makes it if there is nothing at path. The
// directory must exist.
func Open(ctx context.Context, path string) (*Store, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		if err := create(ctx, path); err != nil {
			return nil, fmt.Errorf("store: %s: %w", path, err)
		}
	}
	if err := inspect(ctx, path); err != nil {
		return nil, fmt.Errorf("store: %s %w", path, err)
	}
	s := &Store{path: path}
	if s.w, err = connect(path, "rw", 1); err == nil {
		s.r, err = connect(path, "rw", 4)
	}
	if err == nil {
		err = migrate(ctx, s.w)
	}
	if err != nil {
		s.Close()
		return nil, fmt.Errorf("store: %s: %w", path, err)
	}
	return s, nil
}

// Close closes the file.
func (s *Store) Close() error {
	var errs []error
	for _, db := range []*sql.DB{s.r, s.w} {
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("store: %s: %w", s.path, err)
	}
	return nil
}

func connect(path, mode string, most int) (*sql.DB, error) {
	q := url.Values{}
	q.Set("mode", mode)
	q.Set("_txlock", "immediate")
	pragmas := []string{"busy_timeout(20000)", "foreign_keys(1)"}
	if mode != "ro" {
		pragmas = append(pragmas, "journal_mode(WAL)", "synchronous(FULL)", "cache_size(-1000)")
	}
	for _, p := range pragmas {
		q.Add("_pragma", p)
	}
	u := url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: q.Encode()}
	db, err := sql.Open("sqlite", u.String())
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(most)
	db.SetMaxIdleConns(most)
	return db, nil
}

// create makes a new store beside path and then gives it its name, so that
// nobody ever sees half of one.
func create(ctx context.Context, path string) error {
	for _, suffix := range []string{"-wal", "-journal"} {
		// SQLite would take what is in there for leftovers.
		if info, err := os.Lstat(path + suffix); err == nil && info.Size() > 0 {
			return fmt.Errorf("is missing, but %s is there: put the file back, or move that away", path+suffix)
		}
	}
	tmp := path + ".new-" + rand.Text()
	defer func() {
		for _, suffix := range []string{"", "-wal", "-shm"} {
			os.Remove(tmp + suffix)
		}
	}()
	f, err := os.OpenFile(tmp, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	f.Close()
	db, err := connect(tmp, "rw", 1)
	if err != nil {
		return err
	}
	if err = migrate(ctx, db); err == nil {
		// All of it into the one file that is about to be named.
		_, err = db.ExecContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)")
	}
	if err = errors.Join(err, db.Close()); err != nil {
		return err
	}
	if err := os.Link(tmp, path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err // somebody else's is as good
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer dir.Close()
	return dir.Sync()
}

// Where SQLite keeps what identifies a file.
const (
	magic         = "SQLite format 3\x00"
	versionOffset = 60
	appIDOffset   = 68
	appID         = 0x41424F54 // ABOT
)

// inspect looks at an existing file without changing it.
func inspect(ctx context.Context, path string) error {
	head := make([]byte, 100)
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("cannot be opened: %w", err)
	}
	n, err := f.Read(head)
	f.Close()
	switch {
	case n == 0:
		return fmt.Errorf("%w: it is empty", ErrDamaged)
	case err != nil:
		return fmt.Errorf("cannot be read: %w", err)
	case n < len(head) || string(head[:len(magic)]) != magic:
		return ErrForeign
	case binary.BigEndian.Uint32(head[appIDOffset:]) != appID:
		return fmt.Errorf("%w but another SQLite file", ErrForeign)
	case binary.BigEndian.Uint32(head[versionOffset:]) > uint32(len(schema)):
		return ErrNewer
	}
	db, err := connect(path, "ro", 1)
	if err != nil {
		return err
	}
	defer db.Close()
	var verdict string
	if err := db.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&verdict); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if verdict != "ok" {
		return fmt.Errorf("%w: %s", ErrDamaged, verdict)
	}
	return nil
}
