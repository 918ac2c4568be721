package muc

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"time"

	"mellium.im/xmpp/jid"

	"adminbot/internal/xmpp/delay"
	"adminbot/internal/xmpp/element"
	"adminbot/internal/xmpp/entitytime"
	"adminbot/internal/xmpp/form"
	"adminbot/internal/xmpp/muc"
)

const (
	nsArchive         = "urn:xmpp:mam:2" // XEP-0313
	nsArchiveExtended = "urn:xmpp:mam:2#extended"
	nsRSM             = "http://jabber.org/protocol/rsm" // XEP-0059
)

// mayRead reports whether somebody may read what was said in a room: whoever
// could be in it (XEP-0313#business-storeret-muc-archives).
func (r *room) mayRead(who jid.JID) bool {
	a := r.affiliation(who)
	return a >= Member || a == None && !r.cfg.MembersOnly && r.cfg.Password == ""
}

// readable reports what is against somebody's reading a room's archive, and if
// nothing is whether he may know who said what.
func (s *Service) readable(ctx context.Context, st *Stanza) (open bool, e *stanzaError) {
	there := s.with(ctx, st.To.Localpart(), func(r *room) {
		switch {
		case r.locked:
			e = errNotFound
		case !r.mayRead(st.From):
			e = errForbidden
		case !r.cfg.Archived:
			e = errUnavailable
		case !s.affords(st.From, 5):
			e = errTooFast
		}
		open = !r.cfg.SemiAnonymous || r.affiliation(st.From) >= Admin
	})
	if !there {
		e = errNotFound
	}
	return open, e
}

// queryArchive answers a query of a room's archive (XEP-0313#query).
func (s *Service) queryArchive(ctx context.Context, p Peer, st *Stanza, q *element.Element) *stanzaError {
	open, e := s.readable(ctx, st)
	switch {
	case e != nil:
		return e
	case q.Name.Local == "query" && st.Type == "get":
		s.result(p, st, element.New(nsArchive, "query").Add(archiveForm.Element()))
		return nil
	case q.Name.Local == "query":
		return s.sendPage(ctx, p, st, q, open)
	case q.Name.Local == "metadata" && st.Type == "get":
		return s.sendMetadata(ctx, p, st)
	}
	return errBadRequest
}

// archiveForm are the fields that a query may have.
var archiveForm = form.Form{Type: "form", Fields: []form.Field{
	{Var: formType, Type: "hidden", Values: []string{nsArchive}},
	{Var: "start", Type: "text-single"},
	{Var: "end", Type: "text-single"},
	{Var: "before-id", Type: "text-single"},
	{Var: "after-id", Type: "text-single"},
	{Var: "ids", Type: "list-multi"},
}}

// readQuery reads what is asked of an archive.
func (s *Service) readQuery(q *element.Element) (query Query, _ *stanzaError) {
	query = Query{Max: s.lim.ListPage, MaxBytes: s.lim.ListBytes}
	defer func() { query.Start = later(query.Start, time.Now().Add(-s.lim.Archive.Age)) }()
	if x := q.Child(form.NS, "x"); x != nil {
		f, _ := form.Parse(x)
		for _, field := range f.Fields {
			v, _ := f.Lookup(field.Var)
			var err error
			switch field.Var {
			case formType:
			case "start":
				query.Start, err = entitytime.ParseTime(v)
			case "end":
				query.End, err = entitytime.ParseTime(v)
			case "after-id":
				query.AfterID = v
			case "before-id":
				query.BeforeID = v
			case "ids":
				if query.IDs = field.Values; len(query.IDs) > s.lim.ListPage {
					return query, errTooMany
				}
			default: // XEP-0313#filter
				return query, &stanzaError{"cancel", "feature-not-implemented", "no field " + field.Var}
			}
			if err != nil {
				return query, errBadRequest
			}
		}
	}
	set := q.Child(nsRSM, "set")
	if set == nil {
		return query, nil
	}
	if max := set.Child("", "max"); max != nil {
		n, err := strconv.Atoi(max.Text)
		if err != nil || n < 0 {
			return query, errBadRequest
		}
		query.Max = min(query.Max, n)
	}
	if after := set.ChildText("after"); after != "" {
		query.After = after
	}
	if before := set.Child("", "before"); before != nil {
		query.Before, query.Last = before.Text, true
	}
	return query, nil
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// sendPage sends the messages that were asked for, then how far they go.
func (s *Service) sendPage(ctx context.Context, p Peer, st *Stanza, q *element.Element, open bool) *stanzaError {
	query, e := s.readQuery(q)
	if e != nil {
		return e
	}
	page, err := s.opt.Store.Archived(ctx, st.To.Localpart(), query)
	switch {
	case errors.Is(err, ErrNoEntry):
		return errNotFound
	case err != nil:
		s.log.Error("muc: an archive could not be read", "room", st.To.Localpart(), "err", err)
		return errInternal
	}
	var out [][]byte
	to := st.From.String()
	for _, entry := range page.Entries {
		out = append(out, whole(Message, to, appendTail(nil, Message, st.To, "", "", nil, forwarded(entry, q.Get("queryid"), open))))
	}
	if q.Child("", "flip-page") != nil { // XEP-0313#query-paging-flip
		slices.Reverse(out)
	}
	fin := element.New(nsArchive, "fin")
	if page.Complete {
		fin = element.New(nsArchive, "fin", "complete", "true")
	}
	set := element.New(nsRSM, "set")
	if n := len(page.Entries); n > 0 {
		first := element.New(nsRSM, "first", "index", strconv.Itoa(page.First))
		first.Text = page.Entries[0].ID
		set.Add(first).AddText("last", page.Entries[n-1].ID)
	}
	fin.Add(set.AddText("count", strconv.Itoa(page.Count)))
	out = append(out, whole(IQ, to, appendTail(nil, IQ, st.To, "result", st.ID, nil, encode(fin))))
	p.SendAll(out...)
	return nil
}

// forwarded is an entry as an answer to a query (XEP-0297).
func forwarded(e Entry, queryID string, open bool) []byte {
	b := []byte("<result xmlns='" + nsArchive + "'")
	if queryID != "" {
		b = appendAttr(b, "queryid", queryID)
	}
	b = appendAttr(b, "id", e.ID)
	b = append(b, "><forwarded xmlns='"+nsForward+"'>"...)
	b = delay.Delay{Stamp: e.At}.Element().Append(b, nsForward)
	b = append(b, "<message xmlns='jabber:client'"...)
	end := len(e.Stanza) - len(ends[Message])
	b = append(b, e.Stanza[:end]...)
	if open && e.From != "" {
		b = userX(element.New(muc.NSUser, "item", "jid", e.From)).Append(b, "")
	}
	b = append(b, e.Stanza[end:]...)
	return append(b, "</forwarded></result>"...)
}

// sendMetadata tells the first and the last message (XEP-0313#archive-metadata).
func (s *Service) sendMetadata(ctx context.Context, p Peer, st *Stanza) *stanzaError {
	m := element.New(nsArchive, "metadata")
	for _, end := range []struct {
		name string
		last bool
	}{{"start", false}, {"end", true}} {
		page, err := s.opt.Store.Archived(ctx, st.To.Localpart(), Query{Last: end.last, Max: 1, MaxBytes: 1})
		if err != nil {
			s.log.Error("muc: an archive could not be read", "room", st.To.Localpart(), "err", err)
			return errInternal
		}
		for _, e := range page.Entries {
			m.Add(element.New(nsArchive, end.name, "id", e.ID, "timestamp", entitytime.Format(e.At)))
		}
	}
	s.result(p, st, m)
	return nil
}
