package alertstore

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"time"

	"mellium.im/xmpp/jid"

	"adminbot/internal/xmpp/address"
	"adminbot/workgroups"
	"adminbot/workgroups/oncall"
)

// A loader reads rows until something is wrong.
type loader struct {
	ctx context.Context
	tx  *sql.Tx
	err error
}

type scanner interface{ Scan(...any) error }

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
	var starts, raised, updated, accepted, ended, gone, wake, due, stepEnds, muted, gathers, told, tell int64
	if err = r.Scan(&a.ID, &a.Workgroup, &a.Source, &a.Fingerprint, &a.Episode, &a.Severity, &a.Summary, &a.Details, &a.Host, &labels,
		&starts, &user, &a.Notify, &raised, &updated, &a.Count, &accepted, &ended, &a.EndedBy,
		&a.State, &a.Reason, &owner, &a.Grant, &gone, &a.Round, &wake, &a.Seq,
		&due, &a.Reminded, &a.Step, &stepEnds, &muted, &room,
		&a.Group, &gathers, &a.Instances, &a.Firing, &told, &tell); err != nil {
		return a, err
	}
	a.Starts, a.Raised, a.Updated, a.Accepted, a.Ended = moment(starts), moment(raised), moment(updated), moment(accepted), moment(ended)
	a.Gone, a.Wake, a.Due, a.StepEnds, a.Muted = moment(gone), moment(wake), moment(due), moment(stepEnds), moment(muted)
	a.Gathers, a.Told, a.Tell = moment(gathers), moment(told), moment(tell)
	if err := json.Unmarshal([]byte(labels), &a.Labels); err != nil {
		return a, err
	}
	return a, errors.Join(readJID(&a.User, user), readJID(&a.Owner, owner), readJID(&a.Room, room))
}

func scanInstance(r scanner) (i workgroups.Instance, err error) {
	var labels string
	var starts, raised, over int64
	if err = r.Scan(&i.Alert, &i.N, &i.Source, &i.Fingerprint, &i.Episode, &i.Severity, &i.Summary, &i.Details, &i.Host, &labels,
		&starts, &raised, &i.Count, &over); err != nil {
		return i, err
	}
	i.Starts, i.Raised, i.Over = moment(starts), moment(raised), moment(over)
	return i, json.Unmarshal([]byte(labels), &i.Labels)
}

func scanPast(r scanner) (p workgroups.Past, err error) {
	var starts, ended int64
	err = r.Scan(&p.Workgroup, &p.Source, &p.Fingerprint, &p.Alert, &p.Episode, &starts, &ended, &p.BySource)
	p.Starts, p.Ended = moment(starts), moment(ended)
	return p, err
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
