// Package alertstore keeps the alerts of workgroups in one SQLite file: it is a
// [workgroups.Store].
//
// [Open] a file, hand the [Store] to a [workgroups.Service], and [Store.Close]
// it after the service has ended. One process at a time serves a file.
package alertstore

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"mellium.im/xmpp/jid"

	"adminbot/internal/filelock"
	"adminbot/internal/sqlitefile"
	"adminbot/internal/xmpp/address"
	"adminbot/workgroups"
	"adminbot/workgroups/oncall"
)

// A Store is an open file. Commit is for one goroutine at a time; all else is safe
// for concurrent use.
type Store struct {
	lock  *os.File
	file  *sqlitefile.File
	write map[string]*sql.Stmt // prepared for the writer
}

var _ workgroups.Store = (*Store)(nil)

// Open opens the file at path, and makes it if there is nothing at path. The
// directory must exist. The error wraps one of package sqlitefile if the file is
// damaged or another's, and [filelock.ErrHeld] if it is open already: two who
// write would each believe that an alert is theirs to give.
func Open(ctx context.Context, path string) (*Store, error) {
	lock, err := filelock.Take(path + ".lock")
	if err != nil {
		if errors.Is(err, filelock.ErrHeld) {
			return nil, fmt.Errorf("alertstore: %s %w\nhint: one alert service at a time serves a file; end the other one, or give this one another state directory", path, err)
		}
		return nil, fmt.Errorf("alertstore: %w", err)
	}
	f, err := sqlitefile.Open(ctx, path, kind)
	if err != nil {
		lock.Close()
		return nil, fmt.Errorf("alertstore: %w", err)
	}
	s := &Store{lock: lock, file: f, write: map[string]*sql.Stmt{}}
	for _, text := range statements {
		if s.write[text], err = f.W.PrepareContext(ctx, text); err != nil {
			s.Close()
			return nil, s.wrap(err)
		}
	}
	return s, nil
}

// Close closes the file.
func (s *Store) Close() error {
	defer s.lock.Close()
	for _, stmt := range s.write {
		if stmt != nil {
			stmt.Close()
		}
	}
	if err := s.file.Close(); err != nil {
		return fmt.Errorf("alertstore: %w", err)
	}
	return nil
}

func (s *Store) wrap(err error) error {
	if err := s.file.Wrap(err); err != nil {
		return fmt.Errorf("alertstore: %w", err)
	}
	return nil
}

const alertColumns = `id, workgroup, source, fingerprint, episode, severity, summary, details, host, labels, starts, user, notify,
	raised, updated, count, accepted, ended, ended_by, state, reason, owner, fence, gone, round, wake, seq,
	due, reminded, step, step_ends, muted, room`

// What a commit writes.
const (
	putAlert    = `INSERT OR REPLACE INTO alerts (` + alertColumns + `) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)`
	putOffer    = `INSERT OR REPLACE INTO offers VALUES (?,?,?,?,?,?)`
	dropOffer   = `DELETE FROM offers WHERE alert = ? AND agent = ?`
	dropOffers  = `DELETE FROM offers WHERE alert = ?`
	putSession  = `INSERT OR REPLACE INTO sessions VALUES (?,?,?,?,?,?)`
	dropSession = `DELETE FROM sessions WHERE workgroup = ? AND jid = ?`
	putMessage  = `INSERT OR REPLACE INTO messages VALUES (?,?,?,?,?,?,?,?,?,?)`
	dropMessage = `DELETE FROM messages WHERE id = ?`
	addEntry    = `INSERT INTO entries VALUES (?,?,?,?,?,?)`

	putOverride  = `INSERT OR REPLACE INTO overrides VALUES (?,?,?,?,?,?,?)`
	dropOverride = `DELETE FROM overrides WHERE id = ?`
	putSilence   = `INSERT OR REPLACE INTO silences VALUES (?,?,?,?,?,?,?,?)`
	dropSilence  = `DELETE FROM silences WHERE id = ?`
)

var statements = []string{putAlert, putOffer, dropOffer, dropOffers, putSession, dropSession, putMessage, dropMessage, addEntry,
	putOverride, dropOverride, putSilence, dropSilence}

// Commit makes all changes, or none.
func (s *Store) Commit(ctx context.Context, changes []workgroups.Change) error {
	tx, err := s.file.W.BeginTx(ctx, nil)
	if err != nil {
		return s.wrap(err)
	}
	defer tx.Rollback()
	bound := map[string]*sql.Stmt{}
	exec := func(text string, args ...any) error {
		stmt := bound[text]
		if stmt == nil {
			stmt = tx.StmtContext(ctx, s.write[text])
			bound[text] = stmt
		}
		_, err := stmt.ExecContext(ctx, args...)
		return err
	}
	for _, c := range changes {
		if err := change(exec, c); err != nil {
			return s.wrap(err)
		}
	}
	return s.wrap(tx.Commit())
}

func change(exec func(string, ...any) error, c workgroups.Change) error {
	switch c := c.(type) {
	case workgroups.PutAlert:
		a := &c.Alert
		labels, err := json.Marshal(a.Labels)
		if err != nil {
			return err
		}
		return exec(putAlert, a.ID, a.Workgroup, a.Source, a.Fingerprint, a.Episode, string(a.Severity), a.Summary, a.Details, a.Host, string(labels),
			nano(a.Starts), a.User.String(), a.Notify, nano(a.Raised), nano(a.Updated), a.Count, nano(a.Accepted), nano(a.Ended), a.EndedBy,
			string(a.State), a.Reason, a.Owner.String(), a.Grant, nano(a.Gone), a.Round, nano(a.Wake), a.Seq,
			nano(a.Due), a.Reminded, a.Step, nano(a.StepEnds), nano(a.Muted), a.Room.String())
	case workgroups.PutOffer:
		o := &c.Offer
		return exec(putOffer, o.Alert, o.Agent, o.To.String(), nano(o.Made), nano(o.Expires), string(o.End))
	case workgroups.DropOffer:
		if c.Agent == "" {
			return exec(dropOffers, c.Alert)
		}
		return exec(dropOffer, c.Alert, c.Agent)
	case workgroups.PutSession:
		p := &c.Session
		return exec(putSession, p.Workgroup, p.JID.String(), string(p.Show), p.Status, p.Max, nano(p.Since))
	case workgroups.DropSession:
		return exec(dropSession, c.Workgroup, c.JID.String())
	case workgroups.PutMessage:
		m := &c.Message
		return exec(putMessage, m.ID, string(m.Kind), m.Workgroup, m.To.String(), m.Alert, m.User.String(), m.Grant, m.Text, nano(m.Made), nano(m.Due))
	case workgroups.DropMessage:
		return exec(dropMessage, c.ID)
	case workgroups.PutOverride:
		o := &c.Override
		return exec(putOverride, o.ID, o.Schedule, o.Who, nano(o.From), nano(o.Until), o.By, nano(o.Made))
	case workgroups.DropOverride:
		return exec(dropOverride, c.ID)
	case workgroups.PutSilence:
		s := &c.Silence
		match, err := json.Marshal(s.Match)
		if err != nil {
			return err
		}
		return exec(putSilence, s.ID, s.Workgroup, string(match), nano(s.From), nano(s.Until), s.By, s.Reason, nano(s.Made))
	case workgroups.DropSilence:
		return exec(dropSilence, c.ID)
	case workgroups.AddEntry:
		e := &c.Entry
		return exec(addEntry, e.Alert, e.Seq, nano(e.At), e.What, e.Who, e.Text)
	}
	return fmt.Errorf("a change of an unknown kind: %T", c)
}

func nano(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}

// Load returns everything that is not over, as of one moment.
func (s *Store) Load(ctx context.Context) (workgroups.Image, error) {
	var img workgroups.Image
	tx, err := s.file.R.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return img, s.wrap(err)
	}
	defer tx.Rollback()
	l := loader{ctx: ctx, tx: tx}
	img.Alerts = rows(&l, scanAlert, `SELECT `+alertColumns+` FROM alerts WHERE ended = 0 ORDER BY id`)
	// Of the ended ones, the last of each thing: SQLite takes the other columns
	// from the row that has the maximum.
	img.Recent = rows(&l, func(r scanner) (a workgroups.Alert, err error) {
		var last int64
		return scanAlert(scannerFunc(func(dest ...any) error { return r.Scan(append(dest, &last)...) }))
	}, `SELECT `+alertColumns+`, max(id) FROM alerts WHERE ended > (SELECT coalesce(max(ended), 0) FROM alerts WHERE ended > 0) - ?
		GROUP BY workgroup, source, fingerprint ORDER BY ended, id`, int64(workgroups.Remember))
	img.Offers = rows(&l, scanOffer, `SELECT * FROM offers ORDER BY alert, agent`)
	img.Presence = rows(&l, scanSession, `SELECT * FROM sessions ORDER BY workgroup, jid`)
	img.Messages = rows(&l, scanMessage, `SELECT * FROM messages ORDER BY id`)
	img.Overrides = rows(&l, scanOverride, `SELECT * FROM overrides ORDER BY id`)
	img.Silences = rows(&l, scanSilence, `SELECT * FROM silences ORDER BY id`)
	for _, last := range []struct {
		of string
		to *int64
	}{{"alerts", &img.LastID}, {"messages", &img.LastSent}} {
		for _, n := range rows(&l, func(r scanner) (n int64, err error) { return n, r.Scan(&n) },
			`SELECT seq FROM sqlite_sequence WHERE name = ?`, last.of) {
			*last.to = n
		}
	}
	return img, s.wrap(l.err)
}

// Alert returns one alert and its timeline.
func (s *Store) Alert(ctx context.Context, id int64) (workgroups.Alert, []workgroups.Entry, error) {
	tx, err := s.file.R.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return workgroups.Alert{}, nil, s.wrap(err)
	}
	defer tx.Rollback()
	a, err := scanAlert(tx.QueryRowContext(ctx, `SELECT `+alertColumns+` FROM alerts WHERE id = ?`, id))
	if errors.Is(err, sql.ErrNoRows) {
		return a, nil, workgroups.ErrNotFound
	}
	if err != nil {
		return a, nil, s.wrap(err)
	}
	l := loader{ctx: ctx, tx: tx}
	entries := rows(&l, func(r scanner) (e workgroups.Entry, err error) {
		var at int64
		err = r.Scan(&e.Alert, &e.Seq, &at, &e.What, &e.Who, &e.Text)
		e.At = moment(at)
		return e, err
	}, `SELECT * FROM entries WHERE alert = ? ORDER BY seq`, id)
	return a, entries, s.wrap(l.err)
}

// Ended returns alerts that have ended, the latest first.
func (s *Store) Ended(ctx context.Context, workgroup string, limit int) ([]workgroups.Alert, error) {
	tx, err := s.file.R.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return nil, s.wrap(err)
	}
	defer tx.Rollback()
	l := loader{ctx: ctx, tx: tx}
	all := rows(&l, scanAlert, `SELECT `+alertColumns+` FROM alerts WHERE ended > 0 AND (?1 = '' OR workgroup = ?1) ORDER BY ended DESC, id DESC LIMIT ?2`, workgroup, limit)
	return all, s.wrap(l.err)
}

// clockSlack is by how much a clock may have been set back: alerts that were raised
// later have higher numbers, but for that.
const clockSlack = 24 * time.Hour

// Figures returns those of the alerts that were raised in a period. It reads from
// the last alert back to the beginning of the period.
func (s *Store) Figures(ctx context.Context, workgroup string, from, until time.Time) (f workgroups.Figures, err error) {
	found, err := s.file.R.QueryContext(ctx, `SELECT raised, accepted, ended, state FROM alerts WHERE ?1 = '' OR workgroup = ?1 ORDER BY id DESC`, workgroup)
	if err != nil {
		return f, s.wrap(err)
	}
	defer found.Close()
	for found.Next() {
		var a workgroups.Alert
		var raised, accepted, ended int64
		if err := found.Scan(&raised, &accepted, &ended, &a.State); err != nil {
			return f, s.wrap(err)
		}
		a.Raised, a.Accepted, a.Ended = moment(raised), moment(accepted), moment(ended)
		if a.Raised.Before(from.Add(-clockSlack)) {
			break
		}
		if !a.Raised.Before(from) && a.Raised.Before(until) {
			f.Add(a)
		}
	}
	return f, s.wrap(found.Err())
}

// A loader reads rows until something is wrong.
type loader struct {
	ctx context.Context
	tx  *sql.Tx
	err error
}

type scanner interface{ Scan(...any) error }

type scannerFunc func(...any) error

func (f scannerFunc) Scan(dest ...any) error { return f(dest...) }

func rows[T any](l *loader, scan func(scanner) (T, error), query string, args ...any) []T {
	if l.err != nil {
		return nil
	}
	found, err := l.tx.QueryContext(l.ctx, query, args...)
	if err != nil {
		l.err = err
		return nil
	}
	defer found.Close()
	var all []T
	for found.Next() {
		v, err := scan(found)
		if err != nil {
			l.err = err
			return nil
		}
		all = append(all, v)
	}
	l.err = found.Err()
	return all
}

func moment(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.Unix(0, n).UTC()
}

// readJID reads an address; empty text is none.
func readJID(to *jid.JID, text string) (err error) {
	if text != "" {
		*to, err = address.Parse(text)
	}
	return err
}

func scanAlert(r scanner) (a workgroups.Alert, err error) {
	var labels, user, owner, room string
	var starts, raised, updated, accepted, ended, gone, wake, due, stepEnds, muted int64
	if err = r.Scan(&a.ID, &a.Workgroup, &a.Source, &a.Fingerprint, &a.Episode, &a.Severity, &a.Summary, &a.Details, &a.Host, &labels,
		&starts, &user, &a.Notify, &raised, &updated, &a.Count, &accepted, &ended, &a.EndedBy,
		&a.State, &a.Reason, &owner, &a.Grant, &gone, &a.Round, &wake, &a.Seq,
		&due, &a.Reminded, &a.Step, &stepEnds, &muted, &room); err != nil {
		return a, err
	}
	a.Starts, a.Raised, a.Updated, a.Accepted, a.Ended = moment(starts), moment(raised), moment(updated), moment(accepted), moment(ended)
	a.Gone, a.Wake, a.Due, a.StepEnds, a.Muted = moment(gone), moment(wake), moment(due), moment(stepEnds), moment(muted)
	if err := json.Unmarshal([]byte(labels), &a.Labels); err != nil {
		return a, err
	}
	return a, errors.Join(readJID(&a.User, user), readJID(&a.Owner, owner), readJID(&a.Room, room))
}

func scanOffer(r scanner) (o workgroups.Offer, err error) {
	var to string
	var made, expires int64
	if err = r.Scan(&o.Alert, &o.Agent, &to, &made, &expires, &o.End); err != nil {
		return o, err
	}
	o.Made, o.Expires = moment(made), moment(expires)
	return o, readJID(&o.To, to)
}

func scanSession(r scanner) (s workgroups.Session, err error) {
	var who string
	var since int64
	if err = r.Scan(&s.Workgroup, &who, &s.Show, &s.Status, &s.Max, &since); err != nil {
		return s, err
	}
	s.Since = moment(since)
	return s, readJID(&s.JID, who)
}

func scanMessage(r scanner) (m workgroups.Message, err error) {
	var to, user string
	var made, due int64
	if err = r.Scan(&m.ID, &m.Kind, &m.Workgroup, &to, &m.Alert, &user, &m.Grant, &m.Text, &made, &due); err != nil {
		return m, err
	}
	m.Made, m.Due = moment(made), moment(due)
	return m, errors.Join(readJID(&m.To, to), readJID(&m.User, user))
}

func scanOverride(r scanner) (o oncall.Override, err error) {
	var from, until, made int64
	err = r.Scan(&o.ID, &o.Schedule, &o.Who, &from, &until, &o.By, &made)
	o.From, o.Until, o.Made = moment(from), moment(until), moment(made)
	return o, err
}

func scanSilence(r scanner) (s workgroups.Silence, err error) {
	var match string
	var from, until, made int64
	if err = r.Scan(&s.ID, &s.Workgroup, &match, &from, &until, &s.By, &s.Reason, &made); err != nil {
		return s, err
	}
	s.From, s.Until, s.Made = moment(from), moment(until), moment(made)
	return s, json.Unmarshal([]byte(match), &s.Match)
}
