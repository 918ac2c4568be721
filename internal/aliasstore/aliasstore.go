// Package aliasstore keeps the words that people let stand for others, in one
// SQLite file.
//
// [Open] a file, hand the [Store] to a bot, and [Store.Close] it after the bot
// has ended.
package aliasstore

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"

	"mellium.im/xmpp/jid"

	"adminbot/internal/sqlitefile"
)

// Most is how many aliases a file holds, of all people together.
const Most = 20_000

// ErrFull says that there is no room for another alias.
var ErrFull = errors.New("no more aliases can be kept here: forget some")

var kind = sqlitefile.Kind{AppID: 0x4142414C /* ABAL */, Schema: []string{`
CREATE TABLE aliases (
	person TEXT NOT NULL, -- bare JID
	name   TEXT NOT NULL,
	means  TEXT NOT NULL,
	PRIMARY KEY (person, name)
) STRICT, WITHOUT ROWID;`}}

// A Store is an open file. Its methods are safe for concurrent use; one process
// at a time writes a file.
type Store struct {
	file *sqlitefile.File

	mu sync.Mutex
	of map[string]map[string]string // what the file holds, by person; maps are replaced, never written to
	n  int
}

// Open opens the file at path, and makes it if there is nothing at path. The
// directory must exist. The error wraps one of package sqlitefile if the file is
// damaged or another's.
func Open(ctx context.Context, path string) (*Store, error) {
	f, err := sqlitefile.Open(ctx, path, kind)
	if err != nil {
		return nil, fmt.Errorf("aliasstore: %w", err)
	}
	s := &Store{file: f, of: map[string]map[string]string{}}
	if err := s.load(ctx); err != nil {
		f.Close()
		return nil, s.wrap(err)
	}
	return s, nil
}

func (s *Store) load(ctx context.Context) error {
	rows, err := s.file.W.QueryContext(ctx, `SELECT person, name, means FROM aliases`)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var person, name, means string
		if err := rows.Scan(&person, &name, &means); err != nil {
			return err
		}
		if s.of[person] == nil {
			s.of[person] = map[string]string{}
		}
		s.of[person][name] = means
		s.n++
	}
	return rows.Err()
}

// Close closes the file.
func (s *Store) Close() error {
	if err := s.file.Close(); err != nil {
		return fmt.Errorf("aliasstore: %w", err)
	}
	return nil
}

func (s *Store) wrap(err error) error {
	if err := s.file.Wrap(err); err != nil {
		return fmt.Errorf("aliasstore: %w", err)
	}
	return nil
}

// Of is what the words of a person stand for, by name. It must not be written to.
func (s *Store) Of(person jid.JID) map[string]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.of[person.Bare().String()]
}

// Put lets name stand for means from now on. It returns when that is durable.
func (s *Store) Put(ctx context.Context, person jid.JID, name, means string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	who := person.Bare().String()
	_, had := s.of[who][name]
	if !had && s.n >= Most {
		return ErrFull
	}
	if _, err := s.file.W.ExecContext(ctx, `INSERT OR REPLACE INTO aliases VALUES (?, ?, ?)`, who, name, means); err != nil {
		return s.wrap(err)
	}
	all := maps.Clone(s.of[who])
	if all == nil {
		all = map[string]string{}
	}
	all[name] = means
	s.of[who] = all
	if !had {
		s.n++
	}
	return nil
}

// Drop forgets an alias, if it is there. It returns when that is durable.
func (s *Store) Drop(ctx context.Context, person jid.JID, name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	who := person.Bare().String()
	if _, had := s.of[who][name]; !had {
		return nil
	}
	if _, err := s.file.W.ExecContext(ctx, `DELETE FROM aliases WHERE person = ? AND name = ?`, who, name); err != nil {
		return s.wrap(err)
	}
	all := maps.Clone(s.of[who])
	delete(all, name)
	s.of[who] = all
	s.n--
	return nil
}
