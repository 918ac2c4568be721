package muc

import (
	"context"
	"strconv"
	"strings"

	"adminbot/internal/xmpp/disco"
	"adminbot/internal/xmpp/element"
	"adminbot/internal/xmpp/muc"
)

// toService takes what is for the service itself.
func (s *Service) toService(p Peer, st *Stanza) {
	switch {
	case st.Kind == Presence:
	case st.Kind == Message:
		s.refuse(p, st, errUnavailable)
	case st.Type == "get":
		q := st.payload()
		if q == nil {
			s.refuse(p, st, errBadRequest)
			return
		}
		switch q.Name.Space {
		case nsPing:
			s.result(p, st)
		case disco.NSInfo:
			s.serviceInfo(p, st, q)
		case disco.NSItems:
			if !s.affords(st.From, 5) {
				s.refuse(p, st, errTooFast)
				return
			}
			s.serviceItems(p, st, q)
		default:
			s.refuse(p, st, errUnavailable)
		}
	case st.Type == "set":
		s.refuse(p, st, errUnavailable)
	}
}

// request answers an IQ for a room, or passes on one for somebody in it.
func (s *Service) request(ctx context.Context, p Peer, st *Stanza) {
	if st.To.Resourcepart() != "" {
		s.passRequest(ctx, p, st)
		return
	}
	if st.Type == "set" && !s.affords(st.From, st.cost()) {
		s.refuse(p, st, errTooFast)
		return
	}
	q := st.payload()
	if q == nil {
		s.refuse(p, st, errBadRequest)
		return
	}
	var e *stanzaError
	if q.Name.Space == nsArchive { // without the room's lock
		e = s.queryArchive(ctx, p, st, q)
	} else if !s.with(ctx, st.To.Localpart(), func(r *room) { e = r.request(ctx, p, st, q) }) {
		e = errNotFound
	}
	if e != nil {
		s.refuse(p, st, e)
	}
}

func (r *room) request(ctx context.Context, p Peer, st *Stanza, q *element.Element) *stanzaError {
	get := st.Type == "get"
	switch space := q.Name.Space; {
	case r.locked && st.From.Bare().String() != r.maker:
		return errNotFound
	case space == muc.NSOwner:
		return r.own(ctx, p, st, q)
	case space == muc.NSAdmin:
		return r.administer(ctx, p, st, q)
	case space == disco.NSInfo && get:
		return r.info(p, st, q)
	case space == disco.NSItems && get:
		return r.items(p, st, q)
	case space == nsPing && get:
		r.s.result(p, st)
		return nil
	}
	return errUnavailable
}

// passRequest gives a request to who is in the room, from who else is. A ping
// to oneself is answered here: it asks whether one is in (XEP-0410).
func (s *Service) passRequest(ctx context.Context, p Peer, st *Stanza) {
	var e *stanzaError
	there := s.with(ctx, st.To.Localpart(), func(r *room) {
		v, to := r.byAddress[st.From.String()], r.byNick[st.To.Resourcepart()]
		switch {
		case v == nil:
			e = errNotIn
		case to == nil:
			e = errNotFound
		case to == v.occupant && st.kid(nsPing, "ping") != nil:
			s.result(p, st)
		case st.size() > s.lim.MessageBytes:
			e = errTooLong
		case !s.affords(st.From, st.cost()):
			e = errTooFast
		default:
			// Who asked is part of the id, so that the answer finds it.
			id := strconv.Itoa(v.number) + "." + st.ID
			to.seen().send(IQ, appendTail(nil, IQ, r.address(v.occupant.nick), st.Type, id, st.Attrs, st.passed(nil)))
		}
	})
	if !there {
		e = errNotIn
	}
	if e != nil {
		s.refuse(p, st, e)
	}
}

// passAnswer gives an answer to who asked.
func (s *Service) passAnswer(st *Stanza) {
	number, id, ok := strings.Cut(st.ID, ".")
	n, err := strconv.Atoi(number)
	if !ok || err != nil || st.size() > s.lim.MessageBytes || !s.affords(st.From, st.cost()) {
		return
	}
	s.with(context.Background(), st.To.Localpart(), func(r *room) {
		v, to := r.byAddress[st.From.String()], r.byNick[st.To.Resourcepart()]
		if v == nil || to == nil {
			return
		}
		for _, asker := range to.visits {
			if asker.number == n {
				asker.send(IQ, appendTail(nil, IQ, r.address(v.occupant.nick), st.Type, id, st.Attrs, st.passed(nil)))
			}
		}
	})
}
