package link

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"strconv"

	"adminbot/internal/xmpp/ping"
	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/stanza"
)

// A callKey names a waiting call. An answer must come from where the request
// went (RFC 6120 8.2.3 leaves that to the reader, and an id can be guessed or
// seen), except that the own server may call itself nothing, the domain or the
// own account: all of these are the empty peer.
type callKey struct{ id, peer string }

// A call is a request that waits for its answer.
type call struct {
	st   *stream
	key  callKey
	out  outgoing
	done chan answer // holds one

	roster *rosterCall // if the answer is taken item by item
}

type answer struct {
	iq  stanza.IQ
	e   *received
	err error
}

// settle takes c out of the list of waiting calls. It is true for exactly one
// caller, who then sends the answer.
func (c *call) settle() bool {
	c.st.mu.Lock()
	defer c.st.mu.Unlock()
	if c.st.pending[c.key] != c {
		return false
	}
	delete(c.st.pending, c.key)
	return true
}

func (c *call) fail(err error) {
	if c.settle() {
		c.done <- answer{err: err}
	}
}

func (st *stream) peerKey(peer string) string {
	if st.own(peer) {
		return ""
	}
	return peer
}

// track adds c to the waiting calls.
func (st *stream) track(c *call) error {
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.closed {
		return ErrClosed
	}
	if _, ok := st.pending[c.key]; ok {
		return ErrDuplicateID
	}
	st.pending[c.key] = c
	return nil
}

// RoundTripIQ sends a request around payload, which must be one element, and
// waits for the answer. Iq.Type is get or set; without an ID it gets one. The
// payload is read when the stanza is written, on another goroutine, but not
// after RoundTripIQ has returned.
//
// The reader yields the children of a result. An error of the peer is returned
// as an error that wraps the [stanza.Error]. Any other error is an [*Error]:
// its Sent method tells whether the request may have left. A call whose context
// ends is forgotten; that does nothing to the session.
func (s *Session) RoundTripIQ(ctx context.Context, iq stanza.IQ, payload xml.TokenReader) (stanza.IQ, xml.TokenReader, error) {
	a := s.roundTrip(ctx, &iq, payload, nil)
	if a.err != nil {
		return a.iq, nil, a.err
	}
	return a.iq, a.e.reader(), nil
}

func (s *Session) roundTrip(ctx context.Context, iq *stanza.IQ, payload xml.TokenReader, roster *rosterCall) answer {
	if iq.Type != stanza.GetIQ && iq.Type != stanza.SetIQ {
		return answer{err: &Error{Err: fmt.Errorf("%w: an IQ of type %q is no request", ErrNotStanza, iq.Type)}}
	}
	st := s.current.Load()
	if st == nil || st.conn.Load() == nil {
		return answer{err: &Error{Err: ErrClosed}}
	}
	to := iq.To.String()
	if to == "" && st.isComponent() {
		return answer{err: &Error{Err: ErrAddress}}
	}
	if iq.ID == "" {
		iq.ID = st.nextID()
	}
	c := &call{
		st:     st,
		key:    callKey{iq.ID, st.peerKey(to)},
		out:    outgoing{request: iq, payload: payload},
		done:   make(chan answer, 1),
		roster: roster,
	}
	c.out.call = c
	if err := st.track(c); err != nil {
		return answer{err: &Error{Err: err}}
	}
	if roster != nil {
		st.rosters.Add(1)
		defer st.rosters.Add(-1)
	}
	if err := st.enqueue(ctx, &c.out); err != nil {
		c.settle()
		return answer{err: err}
	}
	select {
	case a := <-c.done:
		return a
	case <-ctx.Done():
	}
	sent := c.out.withdraw()
	if !c.settle() { // the answer came just now
		return <-c.done
	}
	return answer{err: &Error{Err: context.Cause(ctx), sent: sent}}
}

func (st *stream) nextID() string {
	return st.idPrefix + strconv.FormatUint(st.lastID.Add(1), 36)
}

// randomPrefix makes the ids of one stream differ from those of any other.
func randomPrefix() string {
	var raw [9]byte
	rand.Read(raw[:])
	return base64.RawURLEncoding.EncodeToString(raw[:])
}

// answered takes an IQ of type result or error.
func (st *stream) answered(e *received, id, from, typ string) {
	c := st.waiting(id, from)
	if c == nil || !c.settle() {
		st.s.stats.Unexpected.Add(1)
		st.s.log.Debug("nobody waits for this answer", "id", id, "from", from, "type", typ)
		return
	}
	a := answer{e: e}
	a.iq = stanza.IQ{XMLName: e.start.Name, ID: id, Type: stanza.IQType(typ), Lang: lang(&e.start)}
	a.iq.From, _ = st.jids.parse(from)
	a.iq.To, _ = st.jids.parse(attr(&e.start, "to"))
	if typ == "error" {
		a.err = fmt.Errorf("link: %s answered: %w", peerName(from), stanzaError(e))
	}
	c.done <- a
}

func peerName(from string) string {
	if from == "" {
		return "the server"
	}
	return from
}

// waiting returns the call that an answer with that id from there belongs to.
func (st *stream) waiting(id, from string) *call {
	st.mu.Lock()
	c := st.pending[callKey{id, st.peerKey(from)}]
	st.mu.Unlock()
	if c != nil || from == "" {
		return c
	}
	// A server may write an address differently than we do.
	j, err := st.jids.parse(from)
	if err != nil {
		return nil
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	return st.pending[callKey{id, st.peerKey(j.String())}]
}

// stanzaError reads the error in an IQ of type error. It always returns one,
// however odd the stanza.
func stanzaError(e *received) stanza.Error {
	se := stanza.Error{Condition: stanza.UndefinedCondition}
	depth, inText, textLang := 0, false, ""
	for _, tok := range e.inner {
		switch t := tok.(type) {
		case xml.StartElement:
			depth++
			switch {
			case depth == 1 && t.Name.Local == "error" && t.Name.Space == stanza.NSClient:
				se.Type = stanza.ErrorType(attr(&t, "type"))
				se.By, _ = jid.Parse(attr(&t, "by"))
			case depth == 2 && t.Name.Space == stanza.NSError && t.Name.Local == "text":
				inText, textLang = true, lang(&t)
			case depth == 2 && t.Name.Space == stanza.NSError && se.Condition == stanza.UndefinedCondition:
				se.Condition = stanza.Condition(t.Name.Local)
			}
		case xml.EndElement:
			depth--
			inText = false
		case xml.CharData:
			if inText && len(t) > 0 {
				if se.Text == nil {
					se.Text = make(map[string]string)
				}
				se.Text[textLang] += string(t)
			}
		}
	}
	return se
}

func lang(start *xml.StartElement) string {
	for i := range start.Attr {
		if start.Attr[i].Name.Local == "lang" && start.Attr[i].Name.Space == nsXML {
			return start.Attr[i].Value
		}
	}
	return ""
}

// Barrier returns when the server has taken everything that was sent before
// the call: a ping goes behind it. A component pings itself through its server.
func (s *Session) Barrier(ctx context.Context) error {
	st := s.current.Load()
	if st == nil {
		return &Error{Err: ErrClosed}
	}
	return st.ping(ctx)
}

var pinged = xml.Name{Space: ping.NS, Local: "ping"}

// cameBack takes a component's ping to itself when its server brings it: that says all
// that its answer could, which would be lost if too much has to be answered.
func (st *stream) cameBack(id, from string) bool {
	c := st.waiting(id, from)
	if c == nil || !c.settle() {
		return false
	}
	c.done <- answer{e: &received{}, iq: stanza.IQ{ID: id, Type: stanza.ResultIQ}}
	return true
}

func (st *stream) ping(ctx context.Context) error {
	to := st.local.Domain()
	a := st.s.roundTrip(ctx, &stanza.IQ{Type: stanza.GetIQ, To: to}, ping.TokenReader(), nil)
	if a.e != nil { // an error of the server is an answer as well
		return nil
	}
	return a.err
}
