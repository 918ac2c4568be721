package store

import (
	"context"
	"database/sql"
)

// A change waits to be part of a transaction.
type change struct {
	do   func(*sql.Tx) error
	done chan error    // buffered: what became of it
	lead chan struct{} // closed when its caller is to commit the next ones
}

// most is how many changes one transaction takes.
const most = 256

// change runs do in a transaction and returns when that is on the disk. If do
// fails, nothing of it is done. do must not keep the transaction.
func (s *Store) change(ctx context.Context, do func(*sql.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	c := &change{do, make(chan error, 1), make(chan struct{})}
	s.mu.Lock()
	s.waiting = append(s.waiting, c)
	if !s.leading {
		s.leading = true
		close(c.lead)
	}
	s.mu.Unlock()
	select {
	case err := <-c.done:
		return err
	case <-c.lead:
	}
	// The first of those who wait commits for all of them, then hands over.
	// Not under ctx: the changes of others must not end with it.
	s.mu.Lock()
	batch := s.waiting
	if len(batch) > most {
		batch = batch[:most]
	}
	s.waiting = append([]*change(nil), s.waiting[len(batch):]...)
	s.mu.Unlock()
	s.commit(batch)
	s.mu.Lock()
	if len(s.waiting) > 0 {
		close(s.waiting[0].lead)
	} else {
		s.leading = false
	}
	s.mu.Unlock()
	return <-c.done
}

// commit runs a batch in one transaction, each change in a savepoint.
func (s *Store) commit(batch []*change) {
	ctx := context.Background()
	results := make([]error, len(batch))
	err := func() error {
		tx, err := s.w.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		defer tx.Rollback()
		for i, c := range batch {
			if _, err := tx.Exec("SAVEPOINT one"); err != nil {
				return err
			}
			if results[i] = c.do(tx); results[i] != nil {
				if _, err := tx.Exec("ROLLBACK TO one"); err != nil {
					return err
				}
			}
			if _, err := tx.Exec("RELEASE one"); err != nil {
				return err
			}
		}
		return tx.Commit()
	}()
	for i, c := range batch {
		if err != nil {
			results[i] = s.wrap(err)
		}
		c.done <- results[i]
	}
}
