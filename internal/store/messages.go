package store

import (
	"context"
	"database/sql"
	"errors"

	"adminbot/internal/account"
)

// PutMessage keeps a stanza for an account, or returns account.ErrFull if with
// it there would be more for the account than all, or more by this sender than
// each, allows.
func (s *Store) PutMessage(ctx context.Context, owner, sender string, stanza []byte, all, each account.Quota) error {
	return s.change(ctx, func(tx *sql.Tx) error {
		var there int
		var total, own account.Quota
		if err := tx.QueryRow(`SELECT (SELECT count(*) FROM accounts WHERE name = ?1), count(*), coalesce(sum(length(stanza)), 0),
			count(*) FILTER (WHERE sender = ?2), coalesce(sum(length(stanza)) FILTER (WHERE sender = ?2), 0)
			FROM messages WHERE owner = ?1`, owner, sender).Scan(&there, &total.Messages, &total.Bytes, &own.Messages, &own.Bytes); err != nil {
			return s.wrap(err)
		}
		if there == 0 {
			return account.ErrNotFound
		}
		if !fits(total, len(stanza), all) || !fits(own, len(stanza), each) {
			return account.ErrFull
		}
		_, err := tx.Exec("INSERT INTO messages (owner, sender, stanza) VALUES (?, ?, ?)", owner, sender, stanza)
		return s.wrap(err)
	})
}

func fits(is account.Quota, n int, most account.Quota) bool {
	return is.Messages < most.Messages && is.Bytes+n <= most.Bytes
}

// Messages returns what is kept for an account, oldest first: the first one,
// and then as many as there are until they have that many bytes.
func (s *Store) Messages(ctx context.Context, owner string, bytes int) ([]account.Message, error) {
	rows, err := s.r.QueryContext(ctx, "SELECT id, stanza FROM messages WHERE owner = ? ORDER BY id", owner)
	if err != nil {
		return nil, s.wrap(err)
	}
	defer rows.Close()
	var all []account.Message
	for n := 0; (n < bytes || len(all) == 0) && rows.Next(); {
		var m account.Message
		if err := rows.Scan(&m.ID, &m.Stanza); err != nil {
			return nil, s.wrap(err)
		}
		all = append(all, m)
		n += len(m.Stanza)
	}
	return all, s.wrap(rows.Err())
}

// DeleteMessages forgets an account's messages up to and including an ID.
func (s *Store) DeleteMessages(ctx context.Context, owner string, upTo int64) error {
	return s.change(ctx, func(tx *sql.Tx) error {
		_, err := tx.Exec("DELETE FROM messages WHERE owner = ? AND id <= ?", owner, upTo)
		return s.wrap(err)
	})
}

// PrivateXML returns what a client keeps under a namespace and name, nil if
// nothing.
func (s *Store) PrivateXML(ctx context.Context, owner, namespace, name string) ([]byte, error) {
	var b []byte
	err := s.r.QueryRowContext(ctx, "SELECT xml FROM private WHERE owner = ? AND namespace = ? AND name = ?", owner, namespace, name).Scan(&b)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	return b, s.wrap(err)
}

// PutPrivateXML keeps a piece of XML for a client, or returns account.ErrFull
// if limit many others are kept for the account already.
func (s *Store) PutPrivateXML(ctx context.Context, owner, namespace, name string, xml []byte, limit int) error {
	return s.change(ctx, func(tx *sql.Tx) error {
		var there, others int
		if err := tx.QueryRow(`SELECT (SELECT count(*) FROM accounts WHERE name = ?1),
			(SELECT count(*) FROM private WHERE owner = ?1 AND NOT (namespace = ?2 AND name = ?3))`, owner, namespace, name).Scan(&there, &others); err != nil {
			return s.wrap(err)
		}
		if there == 0 {
			return account.ErrNotFound
		}
		if others >= limit {
			return account.ErrFull
		}
		_, err := tx.Exec("INSERT OR REPLACE INTO private VALUES (?,?,?,?)", owner, namespace, name, xml)
		return s.wrap(err)
	})
}
