package store

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"strings"
	"time"

	"adminbot/internal/muc"
)

// Rooms returns all rooms that are kept, sorted by name.
func (s *Store) Rooms(ctx context.Context) ([]muc.Saved, error) {
	rows, err := s.r.QueryContext(ctx, "SELECT name, state FROM rooms ORDER BY name")
	if err != nil {
		return nil, s.wrap(err)
	}
	defer rows.Close()
	var all []muc.Saved
	for rows.Next() {
		var r muc.Saved
		if err := rows.Scan(&r.Name, &r.State); err != nil {
			return nil, s.wrap(err)
		}
		all = append(all, r)
	}
	return all, s.wrap(rows.Err())
}

// PutRoom adds a room, or replaces what is known of it; its archive stays.
func (s *Store) PutRoom(ctx context.Context, r muc.Saved) error {
	return s.change(ctx, func(tx *sql.Tx) error {
		_, err := tx.Exec("INSERT INTO rooms (name, state) VALUES (?, ?) ON CONFLICT DO UPDATE SET state = excluded.state", r.Name, r.State)
		return s.wrap(err)
	})
}

// DeleteRoom forgets a room with its archive, if it is there.
func (s *Store) DeleteRoom(ctx context.Context, name string) error {
	return s.change(ctx, func(tx *sql.Tx) error {
		if _, err := tx.Exec("UPDATE counters SET n = n - coalesce((SELECT bytes FROM rooms WHERE name = ?), 0) WHERE name = 'archive bytes'", name); err != nil {
			return s.wrap(err)
		}
		_, err := tx.Exec("DELETE FROM rooms WHERE name = ?", name)
		return s.wrap(err)
	})
}

// Archive adds to the archive of a room, and forgets what is beyond the bounds
// of this archive, and beyond total bytes of all archives, the oldest first.
func (s *Store) Archive(ctx context.Context, room string, e muc.Entry, keep muc.Bounds, total int64) error {
	return s.change(ctx, func(tx *sql.Tx) error {
		if _, err := tx.Exec("INSERT INTO archive (room, uid, at, sender, stanza) VALUES (?, ?, ?, ?, ?)",
			room, e.ID, e.At.UnixMilli(), e.From, e.Stanza); err != nil {
			return s.wrap(err)
		}
		is := muc.Bounds{}
		if err := tx.QueryRow("UPDATE rooms SET messages = messages + 1, bytes = bytes + ?1 WHERE name = ?2 RETURNING messages, bytes",
			len(e.Stanza), room).Scan(&is.Messages, &is.Bytes); err != nil {
			return s.wrap(err)
		}
		var all int64
		if err := tx.QueryRow("UPDATE counters SET n = n + ? WHERE name = 'archive bytes' RETURNING n", len(e.Stanza)).Scan(&all); err != nil {
			return s.wrap(err)
		}
		return s.prune(tx, room, is, keep, all, total, e.At.Add(-keep.Age))
	})
}

// pruned is how many messages one new one may end; more go with the next.
const pruned = 100

// prune forgets the oldest messages of a room, and of all, that are beyond the
// bounds.
func (s *Store) prune(tx *sql.Tx, room string, is, keep muc.Bounds, all, total int64, since time.Time) error {
	for range pruned {
		oldest, at, err := s.oldest(tx, "SELECT id, room, at, length(stanza) FROM archive WHERE room = ? ORDER BY id LIMIT 1", room)
		if err != nil {
			return err
		}
		switch {
		case is.Messages > keep.Messages, is.Bytes > keep.Bytes, at < since.UnixMilli():
			is.Messages--
			is.Bytes -= oldest.bytes
		case all > total:
			if oldest, _, err = s.oldest(tx, "SELECT id, room, at, length(stanza) FROM archive ORDER BY id LIMIT 1"); err != nil {
				return err
			}
		default:
			return nil
		}
		all -= oldest.bytes
		for _, q := range []struct {
			do   string
			args []any
		}{
			{"DELETE FROM archive WHERE id = ?", []any{oldest.id}},
			{"UPDATE rooms SET messages = messages - 1, bytes = bytes - ? WHERE name = ?", []any{oldest.bytes, oldest.room}},
			{"UPDATE counters SET n = n - ? WHERE name = 'archive bytes'", []any{oldest.bytes}},
		} {
			if _, err := tx.Exec(q.do, q.args...); err != nil {
				return s.wrap(err)
			}
		}
	}
	return nil
}

// An archived message.
type archived struct {
	id    int64
	room  string
	bytes int64
}

func (s *Store) oldest(tx *sql.Tx, query string, args ...any) (a archived, at int64, err error) {
	err = tx.QueryRow(query, args...).Scan(&a.id, &a.room, &at, &a.bytes)
	return a, at, s.wrap(err)
}

// Archived returns a page of an archive, or muc.ErrNoEntry if the query names an
// entry that there is not.
func (s *Store) Archived(ctx context.Context, room string, q muc.Query) (muc.Page, error) {
	tx, err := s.r.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return muc.Page{}, s.wrap(err)
	}
	defer tx.Rollback()
	page, err := s.page(ctx, tx, room, q)
	if errors.Is(err, muc.ErrNoEntry) {
		return muc.Page{}, err
	}
	return page, s.wrap(err)
}

// A condition of a query.
type condition struct {
	sql  []string
	args []any
}

func (c *condition) and(sql string, args ...any) {
	c.sql = append(c.sql, sql)
	c.args = append(c.args, args...)
}

func (c *condition) String() string { return strings.Join(c.sql, " AND ") }

func (s *Store) page(ctx context.Context, tx *sql.Tx, room string, q muc.Query) (page muc.Page, err error) {
	number := func(uid string) (id int64, err error) {
		err = tx.QueryRowContext(ctx, "SELECT id FROM archive WHERE room = ? AND uid = ?", room, uid).Scan(&id)
		if errors.Is(err, sql.ErrNoRows) {
			err = muc.ErrNoEntry
		}
		return id, err
	}
	var where condition
	where.and("room = ?", room)
	if !q.Start.IsZero() {
		where.and("at >= ?", q.Start.UnixMilli())
	}
	if !q.End.IsZero() {
		where.and("at <= ?", q.End.UnixMilli())
	}
	for _, side := range []struct{ sql, uid string }{{"id > ?", q.AfterID}, {"id < ?", q.BeforeID}} {
		if side.uid != "" {
			id, err := number(side.uid)
			if err != nil {
				return page, err
			}
			where.and(side.sql, id)
		}
	}
	if len(q.IDs) > 0 {
		ids := make([]any, len(q.IDs))
		for i, uid := range q.IDs {
			if ids[i], err = number(uid); err != nil {
				return page, err
			}
		}
		where.and("id IN (?"+strings.Repeat(", ?", len(ids)-1)+")", ids...)
	}
	if err := tx.QueryRowContext(ctx, "SELECT count(*) FROM archive WHERE "+where.String(), where.args...).Scan(&page.Count); err != nil {
		return page, err
	}
	all := condition{slices.Clone(where.sql), slices.Clone(where.args)}
	for _, side := range []struct{ sql, uid string }{{"id > ?", q.After}, {"id < ?", q.Before}} {
		if side.uid != "" {
			id, err := number(side.uid)
			if err != nil {
				return page, err
			}
			where.and(side.sql, id)
		}
	}
	order := " ORDER BY id"
	if q.Last {
		order = " ORDER BY id DESC"
	}
	first, err := s.read(ctx, tx, &page, q, "SELECT id, uid, at, sender, stanza FROM archive WHERE "+where.String()+order+" LIMIT ?", append(where.args, q.Max+1)...)
	if err != nil || len(page.Entries) == 0 {
		return page, err
	}
	all.and("id < ?", first)
	return page, tx.QueryRowContext(ctx, "SELECT count(*) FROM archive WHERE "+all.String(), all.args...).Scan(&page.First)
}

// read reads the entries of a page, and returns the number of the oldest one.
func (s *Store) read(ctx context.Context, tx *sql.Tx, page *muc.Page, q muc.Query, query string, args ...any) (first int64, err error) {
	rows, err := tx.QueryContext(ctx, query, args...)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	page.Complete = true
	for bytes := 0; rows.Next(); {
		var id, at int64
		var e muc.Entry
		if err := rows.Scan(&id, &e.ID, &at, &e.From, &e.Stanza); err != nil {
			return 0, err
		}
		if bytes += len(e.Stanza); len(page.Entries) >= q.Max || len(page.Entries) > 0 && bytes > q.MaxBytes {
			page.Complete = false
			break
		}
		e.At = time.UnixMilli(at).UTC()
		page.Entries = append(page.Entries, e)
		if first == 0 || id < first {
			first = id
		}
	}
	if q.Last {
		slices.Reverse(page.Entries)
	}
	return first, rows.Err()
}
