package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"adminbot/internal/account"
)

const credentialColumns = `sha1_salt, sha1_iterations, sha1_stored, sha1_server,
	sha256_salt, sha256_iterations, sha256_stored, sha256_server`

// Secret returns the server's own secret, the same for the life of the file.
func (s *Store) Secret(ctx context.Context) ([]byte, error) {
	var b []byte
	err := s.r.QueryRowContext(ctx, "SELECT value FROM secrets WHERE name = 'server'").Scan(&b)
	return b, s.wrap(err)
}

// Account returns one account, or account.ErrNotFound.
func (s *Store) Account(ctx context.Context, name string) (account.Account, error) {
	a := account.Account{Name: name}
	var created int64
	err := s.r.QueryRowContext(ctx, "SELECT role, created, "+credentialColumns+" FROM accounts WHERE name = ?", name).Scan(
		&a.Role, &created,
		&a.SHA1.Salt, &a.SHA1.Iterations, &a.SHA1.StoredKey, &a.SHA1.ServerKey,
		&a.SHA256.Salt, &a.SHA256.Iterations, &a.SHA256.StoredKey, &a.SHA256.ServerKey)
	if errors.Is(err, sql.ErrNoRows) {
		return account.Account{}, account.ErrNotFound
	}
	if err != nil {
		return account.Account{}, s.wrap(err)
	}
	a.Created = time.Unix(created, 0).UTC()
	return a, nil
}

// Entries returns all accounts in short, sorted by name, and the revision at
// which they were like that.
func (s *Store) Entries(ctx context.Context) ([]account.Entry, int64, error) {
	tx, err := s.r.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return nil, 0, s.wrap(err)
	}
	defer tx.Rollback()
	var revision int64
	if err := tx.QueryRowContext(ctx, "SELECT n FROM counters WHERE name = 'accounts'").Scan(&revision); err != nil {
		return nil, 0, s.wrap(err)
	}
	rows, err := tx.QueryContext(ctx, "SELECT name, role, generation FROM accounts ORDER BY name")
	if err != nil {
		return nil, 0, s.wrap(err)
	}
	defer rows.Close()
	var all []account.Entry
	for rows.Next() {
		var e account.Entry
		if err := rows.Scan(&e.Name, &e.Role, &e.Generation); err != nil {
			return nil, 0, s.wrap(err)
		}
		all = append(all, e)
	}
	return all, revision, s.wrap(rows.Err())
}

// Revision returns a number that grows with every change of an account, by
// whatever process.
func (s *Store) Revision(ctx context.Context) (int64, error) {
	var n int64
	err := s.r.QueryRowContext(ctx, "SELECT n FROM counters WHERE name = 'accounts'").Scan(&n)
	return n, s.wrap(err)
}

// AddAccount adds an account, or returns account.ErrExists.
func (s *Store) AddAccount(ctx context.Context, a account.Account) error {
	return s.AddAccounts(ctx, []account.Account{a})
}

// AddAccounts adds several accounts, or none and account.ErrExists.
func (s *Store) AddAccounts(ctx context.Context, all []account.Account) error {
	return s.change(ctx, func(tx *sql.Tx) error {
		n, err := s.count(tx, "accounts")
		if err != nil {
			return err
		}
		insert, err := tx.Prepare("INSERT OR IGNORE INTO accounts (name, role, created, generation, " + credentialColumns + ") VALUES (?,?,?,?,?,?,?,?,?,?,?,?)")
		if err != nil {
			return s.wrap(err)
		}
		defer insert.Close()
		for _, a := range all {
			if !a.Role.Valid() {
				return s.wrap(errors.New("unknown role " + string(a.Role)))
			}
			res, err := insert.Exec(a.Name, string(a.Role), a.Created.Unix(), n,
				a.SHA1.Salt, a.SHA1.Iterations, a.SHA1.StoredKey, a.SHA1.ServerKey,
				a.SHA256.Salt, a.SHA256.Iterations, a.SHA256.StoredKey, a.SHA256.ServerKey)
			if err != nil {
				return s.wrap(err)
			}
			if k, err := res.RowsAffected(); err != nil {
				return s.wrap(err)
			} else if k == 0 {
				return account.ErrExists
			}
		}
		return nil
	})
}

// SetPassword gives an account the credentials of a, which has its name;
// role and contacts stay. Or it returns account.ErrNotFound.
func (s *Store) SetPassword(ctx context.Context, a account.Account) error {
	return s.change(ctx, func(tx *sql.Tx) error {
		n, err := s.count(tx, "accounts")
		if err != nil {
			return err
		}
		return s.one(tx.Exec("UPDATE accounts SET generation = ?, ("+credentialColumns+") = (?,?,?,?,?,?,?,?) WHERE name = ?", n,
			a.SHA1.Salt, a.SHA1.Iterations, a.SHA1.StoredKey, a.SHA1.ServerKey,
			a.SHA256.Salt, a.SHA256.Iterations, a.SHA256.StoredKey, a.SHA256.ServerKey, a.Name))
	})
}

// SetRole changes what an account is for, or returns account.ErrNotFound.
func (s *Store) SetRole(ctx context.Context, name string, role account.Role) error {
	return s.change(ctx, func(tx *sql.Tx) error {
		n, err := s.count(tx, "accounts")
		if err != nil {
			return err
		}
		return s.one(tx.Exec("UPDATE accounts SET generation = ?, role = ? WHERE name = ?", n, string(role), name))
	})
}

// RemoveAccount removes an account and all that was kept for it, or returns
// account.ErrNotFound.
func (s *Store) RemoveAccount(ctx context.Context, name string) error {
	return s.change(ctx, func(tx *sql.Tx) error {
		if _, err := s.count(tx, "accounts"); err != nil {
			return err
		}
		return s.one(tx.Exec("DELETE FROM accounts WHERE name = ?", name))
	})
}

// count makes a counter grow by one and returns what it is then.
func (s *Store) count(tx *sql.Tx, name string) (int64, error) {
	var n int64
	err := tx.QueryRow("UPDATE counters SET n = n + 1 WHERE name = ? RETURNING n", name).Scan(&n)
	return n, s.wrap(err)
}

// one turns a statement that met no account into account.ErrNotFound.
func (s *Store) one(res sql.Result, err error) error {
	if err != nil {
		return s.wrap(err)
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return errors.Join(s.wrap(err), account.ErrNotFound)
	}
	return nil
}
