package muc

import (
	"context"
	"crypto/rand"
	"time"

	"adminbot/internal/xmpp/element"
)

// message takes what is for a room or for somebody in it.
func (s *Service) message(ctx context.Context, p Peer, st *Stanza) {
	if st.Type == "error" {
		s.failed(ctx, st)
		return
	}
	var e *stanzaError
	switch {
	case st.size() > s.lim.MessageBytes:
		e = errTooLong
	case !s.affords(st.From, st.cost()):
		e = errTooFast
	default:
		there := s.with(ctx, st.To.Localpart(), func(r *room) {
			switch private := st.To.Resourcepart() != ""; {
			case private && st.Type == "groupchat":
				e = errBadRequest // XEP-0045#privatemessage
			case private:
				e = r.private(st)
			case st.Type == "groupchat":
				e = r.say(ctx, st)
			default:
				e = r.mediate(ctx, st)
			}
		})
		if !there {
			e = errNotFound
		}
	}
	if e != nil {
		s.refuse(p, st, e)
	}
}

// say gives a message to all who are in the room (XEP-0045#message), or
// changes the subject.
func (r *room) say(ctx context.Context, st *Stanza) *stanzaError {
	v := r.byAddress[st.From.String()]
	if v == nil {
		return errNotIn
	}
	o := v.occupant
	if o.role < participant {
		return errForbidden
	}
	body, topic := st.kid("", "body"), st.kid("", "subject")
	changes := topic != nil && body == nil && st.kid("", "thread") == nil
	now := time.Now().UTC().Truncate(time.Millisecond)
	next := subject{Nick: o.nick, At: now}
	if changes {
		if o.role < moderator && !r.cfg.ChangeSubject {
			return errForbidden
		}
		e, err := st.read(topic)
		if err != nil {
			return errBadRequest
		}
		if next.Text = e.Text; len(next.Text) > r.s.lim.TextBytes {
			return errTooLong
		}
	}
	id := rand.Text()
	stanzaID := element.New(nsStanzaID, "stanza-id", "by", r.jid.String(), "id", id)
	tail := appendTail(nil, Message, r.address(o.nick), "groupchat", st.ID, st.Attrs, st.passed(nil), encode(stanzaID))
	lasting := (body != nil || topic != nil || st.kid(nsHints, "store") != nil) &&
		st.kid(nsHints, "no-store") == nil && st.kid(nsHints, "no-permanent-store") == nil
	if lasting && r.cfg.Archived {
		if err := r.archive(ctx, Entry{ID: id, At: now, From: st.From.Bare().String(), Stanza: tail}); err != nil {
			r.s.log.Error("muc: a message could not be archived", "room", r.name(), "err", err)
			return errInternal
		}
	}
	if changes {
		r.subject = next
		r.save(ctx)
	} else if lasting {
		r.history.add(past{now, tail}, r.s.lim.History, r.s.lim.HistoryBytes)
	}
	r.broadcast(Message, tail)
	return nil
}

// private gives a message to one who is in the room, from another.
func (r *room) private(st *Stanza) *stanzaError {
	v := r.byAddress[st.From.String()]
	if v == nil {
		return errNotIn
	}
	to := r.byNick[st.To.Resourcepart()]
	if to == nil {
		return errNotFound
	}
	to.send(Message, appendTail(nil, Message, r.address(v.occupant.nick), st.Type, st.ID, st.Attrs, st.passed(nil), encode(userX(nil))))
	return nil
}

// lost are the errors after which nobody is there any more.
var lost = map[string]bool{
	"gone": true, "item-not-found": true, "jid-malformed": true, "recipient-unavailable": true, "redirect": true,
	"remote-server-not-found": true, "remote-server-timeout": true, "service-unavailable": true,
}

// failed takes an error: who does not get what the room sends is not in it any
// more (XEP-0045#impl-service-ghosts).
func (s *Service) failed(ctx context.Context, st *Stanza) {
	k := st.kid("", "error")
	if k == nil {
		return
	}
	e, err := st.read(k)
	if err != nil {
		return
	}
	for _, c := range e.Children {
		if c.Name.Space == nsStanzas && lost[c.Name.Local] {
			s.with(ctx, st.To.Localpart(), func(r *room) {
				if v := r.byAddress[st.From.String()]; v != nil {
					r.leave(v, gone{change: change{status: []int{statusKicked, statusFailed}, reason: c.Name.Local}})
				}
			})
			return
		}
	}
}
