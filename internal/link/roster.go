package link

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"

	"adminbot/internal/xmpp/element"
	"adminbot/internal/xmpp/roster"
	"mellium.im/xmpp/stanza"
)

// A rosterCall collects the items of a roster while they arrive.
type rosterCall struct {
	items []roster.Item
}

// Roster asks the own server for the roster, RFC 6121 2.1.3. From then on the
// server sends changes, see [Session.HandleRoster].
func (s *Session) Roster(ctx context.Context) ([]roster.Item, error) {
	if s.cfg.Component != nil {
		return nil, &Error{Err: fmt.Errorf("%w: a component has no roster", ErrConfig)}
	}
	var c rosterCall
	a := s.roundTrip(ctx, &stanza.IQ{Type: stanza.GetIQ}, roster.Query().TokenReader(), &c)
	if a.err != nil {
		return nil, a.err
	}
	return c.items, nil
}

// streamRoster looks at the start tag in f. If it begins the answer to a call
// of [Session.Roster], it takes the whole stanza, item by item: a roster may be
// much larger than any other stanza. An error ends the stream.
func (st *stream) streamRoster(f *framer, outer scope) (taken bool, err error) {
	start, scope, err := parseTag(f.frame, outer)
	if err != nil || start.Name.Local != "iq" || attr(&start, "type") != "result" {
		return false, nil
	}
	id, from := attr(&start, "id"), attr(&start, "from")
	c := st.waiting(id, from)
	if c == nil || c.roster == nil || !c.settle() {
		return false, nil
	}
	limits := &st.s.cfg.Limits
	st.s.stats.Received.Add(1)
	size := len(f.frame)
	var bad error
	for depth := 1; depth > 0; {
		kind, err := f.tag(limits.Stanza)
		if err != nil {
			c.done <- answer{err: &Error{Err: err, sent: true}}
			return true, err
		}
		switch {
		case kind == closeTag:
			depth--
			continue
		case depth == 1 && !f.over:
			_, scope, err = parseTag(f.frame, scope)
			if err != nil && bad == nil {
				bad = err
			}
			if kind == openTag {
				depth++
			}
			continue
		}
		if kind == openTag {
			err = f.body(limits.Stanza, limits.Depth)
		} else if f.over {
			err = errTooBig
		}
		size += len(f.frame)
		if err == nil && bad == nil {
			if size > limits.Roster {
				bad = fmt.Errorf("the roster: %w", ErrTooLarge)
				continue
			}
			err = c.roster.add(f.frame, scope, &st.names)
		}
		switch {
		case err == nil:
		case err == errTooBig || errors.Is(err, errBadStanza):
			st.s.stats.Oversized.Add(1)
			st.s.complaints.warn("dropped an item of the roster", "err", err)
		default:
			c.done <- answer{err: &Error{Err: err, sent: true}}
			return true, err
		}
	}
	st.sm.count()
	if bad != nil {
		c.done <- answer{err: &Error{Err: bad, sent: true}}
		return true, nil
	}
	c.done <- answer{iq: stanza.IQ{XMLName: start.Name, ID: id, Type: stanza.ResultIQ}, e: &received{start: start}}
	return true, nil
}

// add reads the item in frame. What is no item is not one of ours.
func (c *rosterCall) add(frame []byte, scope scope, known *nameCache) error {
	e, err := parseElement(frame, scope, known)
	if err != nil {
		return err
	}
	item, err := itemOf(e)
	if err != nil {
		return fmt.Errorf("%w: %w", errBadStanza, err)
	}
	c.items = append(c.items, item)
	return nil
}

func itemOf(e *received) (roster.Item, error) {
	e.inner = append(e.inner, xml.EndElement{Name: e.start.Name})
	item, err := element.ReadInner(e.reader(), e.start)
	if err != nil {
		return roster.Item{}, err
	}
	return roster.ParseItem(item)
}

// rosterPush takes a change of the roster. Anybody can send one; only the own
// server's counts (RFC 6121 2.1.6).
func (st *stream) rosterPush(e *received, iq *stanza.IQ, from string) {
	if from != "" && from != st.bare {
		st.s.stats.Unexpected.Add(1)
		st.s.complaints.warn("a change of the roster from somebody else", "from", from)
		st.answerAtOnce(&e.start, nil, &stanza.Error{Type: stanza.Cancel, Condition: stanza.ServiceUnavailable})
		return
	}
	query, err := element.Read(e.reader())
	if err != nil || len(query.Children) != 1 {
		st.answerAtOnce(&e.start, nil, &stanza.Error{Type: stanza.Modify, Condition: stanza.BadRequest})
		return
	}
	item, err := roster.ParseItem(query.Children[0])
	if err != nil {
		st.answerAtOnce(&e.start, nil, &stanza.Error{Type: stanza.Modify, Condition: stanza.BadRequest})
		return
	}
	st.answerAtOnce(&e.start, nil, nil)
	if st.s.onRoster != nil {
		st.enqueueWork(&work{st: st, e: e, item: &item})
	}
}
