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

	"adminbot/internal/filelock"
	"adminbot/internal/sqlitefile"
	"adminbot/workgroups"
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
	due, reminded, step, step_ends, muted, room, grouping, gathers, instances, firing, told, tell`

const instanceColumns = `alert, n, source, fingerprint, episode, severity, summary, details, host, labels, starts, raised, count, over`

// What a commit writes.
const (
	putAlert    = `INSERT OR REPLACE INTO alerts (` + alertColumns + `) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)`
	putInstance = `INSERT OR REPLACE INTO instances (` + instanceColumns + `) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?)`
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

var statements = []string{putAlert, putInstance, putOffer, dropOffer, dropOffers, putSession, dropSession, putMessage, dropMessage, addEntry,
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
			nano(a.Due), a.Reminded, a.Step, nano(a.StepEnds), nano(a.Muted), a.Room.String(),
			a.Group, nano(a.Gathers), a.Instances, a.Firing, nano(a.Told), nano(a.Tell))
	case workgroups.PutInstance:
		i := &c.Instance
		labels, err := json.Marshal(i.Labels)
		if err != nil {
			return err
		}
		return exec(putInstance, i.Alert, i.N, i.Source, i.Fingerprint, i.Episode, string(i.Severity), i.Summary, i.Details, i.Host, string(labels),
			nano(i.Starts), nano(i.Raised), i.Count, nano(i.Over))
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
	img.Instances = rows(&l, scanInstance, `SELECT `+instanceColumns+` FROM instances WHERE alert IN (SELECT id FROM alerts WHERE ended = 0) ORDER BY alert, n`)
	img.Recent = rows(&l, scanPast, recent, int64(workgroups.Remember))
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

// recent are the last ends of things. People who queue have not the address of
// their alert.
const recent = `
WITH late AS (
	SELECT * FROM alerts WHERE ended > 0 AND ended > (SELECT coalesce(max(ended), 0) FROM alerts WHERE ended > 0) - ?1
		AND user LIKE 'alert-' || id || '@%'
), ends AS (
	SELECT workgroup, source, fingerprint, id AS alert, episode, starts, ended, ended_by = '' AS by_source
	FROM late WHERE instances = 0
	UNION ALL
	SELECT a.workgroup, i.source, i.fingerprint, i.alert, i.episode, i.starts, iif(i.over > 0, i.over, a.ended), i.over > 0 OR a.ended_by = ''
	FROM late a JOIN instances i ON i.alert = a.id WHERE a.instances > 0
), counted AS (
	SELECT *, row_number() OVER (PARTITION BY workgroup, source, fingerprint ORDER BY ended DESC, episode DESC, alert DESC) AS n FROM ends
)
SELECT workgroup, source, fingerprint, alert, episode, starts, ended, by_source FROM counted WHERE n = 1
ORDER BY ended, alert, source, fingerprint`

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

// Instances returns those of an alert, by their number.
func (s *Store) Instances(ctx context.Context, alert int64) ([]workgroups.Instance, error) {
	tx, err := s.file.R.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return nil, s.wrap(err)
	}
	defer tx.Rollback()
	l := loader{ctx: ctx, tx: tx}
	all := rows(&l, scanInstance, `SELECT `+instanceColumns+` FROM instances WHERE alert = ? ORDER BY n`, alert)
	return all, s.wrap(l.err)
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
