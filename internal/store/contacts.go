package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"

	"adminbot/internal/account"
)

// Contacts returns the contacts that an account added itself, sorted by
// address, and a revision that grows with every change of them.
func (s *Store) Contacts(ctx context.Context, owner string) ([]account.Contact, int64, error) {
	tx, err := s.r.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return nil, 0, s.wrap(err)
	}
	defer tx.Rollback()
	var revision int64
	err = tx.QueryRowContext(ctx, "SELECT contacts_revision FROM accounts WHERE name = ?", owner).Scan(&revision)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, 0, account.ErrNotFound
	}
	if err != nil {
		return nil, 0, s.wrap(err)
	}
	rows, err := tx.QueryContext(ctx, "SELECT jid, name, groups, subscription, ask, pending, listed FROM contacts WHERE owner = ? ORDER BY jid", owner)
	if err != nil {
		return nil, 0, s.wrap(err)
	}
	defer rows.Close()
	var all []account.Contact
	for rows.Next() {
		var c account.Contact
		var groups []byte
		if err := rows.Scan(&c.JID, &c.Name, &groups, &c.Subscription, &c.Ask, &c.Pending, &c.Listed); err != nil {
			return nil, 0, s.wrap(err)
		}
		if err := json.Unmarshal(groups, &c.Groups); err != nil {
			return nil, 0, s.wrap(err)
		}
		all = append(all, c)
	}
	return all, revision, s.wrap(rows.Err())
}

// PutContact adds or replaces a contact and returns the revision after it.
func (s *Store) PutContact(ctx context.Context, owner string, c account.Contact) (int64, error) {
	groups, err := json.Marshal(c.Groups)
	if err != nil {
		return 0, s.wrap(err)
	}
	return s.changeContacts(ctx, owner, func(tx *sql.Tx) error {
		_, err := tx.Exec("INSERT OR REPLACE INTO contacts VALUES (?,?,?,?,?,?,?,?)",
			owner, c.JID, c.Name, string(groups), c.Subscription, c.Ask, c.Pending, c.Listed)
		return s.wrap(err)
	})
}

// DeleteContact removes a contact, if it is there, and returns the revision
// after it.
func (s *Store) DeleteContact(ctx context.Context, owner, jid string) (int64, error) {
	return s.changeContacts(ctx, owner, func(tx *sql.Tx) error {
		_, err := tx.Exec("DELETE FROM contacts WHERE owner = ? AND jid = ?", owner, jid)
		return s.wrap(err)
	})
}

func (s *Store) changeContacts(ctx context.Context, owner string, do func(*sql.Tx) error) (revision int64, err error) {
	err = s.change(ctx, func(tx *sql.Tx) error {
		n, err := s.count(tx, "contacts")
		if err != nil {
			return err
		}
		revision = n
		if err := s.one(tx.Exec("UPDATE accounts SET contacts_revision = ? WHERE name = ?", revision, owner)); err != nil {
			return err
		}
		return do(tx)
	})
	return revision, err
}
