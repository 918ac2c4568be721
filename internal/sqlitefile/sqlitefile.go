// Package sqlitefile opens SQLite files of one's own: durable (WAL,
// synchronous=FULL), made whole or not at all, brought up to date step by step,
// and refused by name if they are damaged or somebody else's.
//
// A package that keeps something describes its file in a [Kind] and calls
// [Open]. It writes through the one connection of [File.W], and reads through
// [File.R].
package sqlitefile

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

	_ "modernc.org/sqlite" // the driver
)

// Errors of Open.
var (
	ErrForeign = errors.New("is not a file of AdminBot of this kind")
	ErrDamaged = errors.New("is damaged")
	ErrNewer   = errors.New("was written by a newer AdminBot")
)

// A Kind describes files that hold the same tables.
type Kind struct {
	AppID  uint32                                      // the file's application_id
	Schema []string                                    // the steps to the present tables; released ones are never changed, only added to
	Init   func(ctx context.Context, tx *sql.Tx) error // after the steps, in their transaction; may be nil
}

// A File is an open file.
type File struct {
	Path string  // absolute
	W    *sql.DB // one connection: the writer
	R    *sql.DB
}

// Open opens the file at path, and makes it if there is nothing at path. The
// directory must exist. Errors name the file.
func Open(ctx context.Context, path string, k Kind) (*File, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		if err := k.create(ctx, path); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	if err := k.inspect(ctx, path); err != nil {
		return nil, fmt.Errorf("%s %w", path, err)
	}
	f := &File{Path: path}
	if f.W, err = connect(path, "rw", 1); err == nil {
		f.R, err = connect(path, "rw", 4)
	}
	if err == nil {
		err = k.migrate(ctx, f.W)
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return f, nil
}

// Close closes the file.
func (f *File) Close() error {
	var errs []error
	for _, db := range []*sql.DB{f.R, f.W} {
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("%s: %w", f.Path, err)
	}
	return nil
}

// Wrap names the file in an error that is not about what was asked.
func (f *File) Wrap(err error) error {
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return fmt.Errorf("%s: %w", f.Path, err)
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

// create makes a new file beside path and then gives it its name, so that
// nobody ever sees half of one.
func (k Kind) create(ctx context.Context, path string) error {
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
	if err = k.migrate(ctx, db); err == nil {
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
)

// inspect looks at an existing file without changing it.
func (k Kind) inspect(ctx context.Context, path string) error {
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
	case binary.BigEndian.Uint32(head[appIDOffset:]) != k.AppID:
		return fmt.Errorf("%w but another SQLite file", ErrForeign)
	case binary.BigEndian.Uint32(head[versionOffset:]) > uint32(len(k.Schema)):
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

// migrate takes the steps that a file has not taken yet, all or none.
func (k Kind) migrate(ctx context.Context, db *sql.DB) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	var have int
	if err := tx.QueryRowContext(ctx, "PRAGMA user_version").Scan(&have); err != nil {
		return err
	}
	if have > len(k.Schema) {
		return ErrNewer
	}
	if have == len(k.Schema) {
		return nil
	}
	for i, step := range k.Schema[have:] {
		if _, err := tx.ExecContext(ctx, step); err != nil {
			return fmt.Errorf("schema step %d: %w", have+i+1, err)
		}
	}
	if k.Init != nil {
		if err := k.Init(ctx, tx); err != nil {
			return err
		}
	}
	if _, err := tx.ExecContext(ctx, fmt.Sprintf("PRAGMA application_id = %d; PRAGMA user_version = %d", k.AppID, len(k.Schema))); err != nil {
		return err
	}
	return tx.Commit()
}
