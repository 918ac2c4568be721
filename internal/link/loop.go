package link

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"

	"adminbot/internal/xmpp/roster"
	"mellium.im/xmpp/stanza"
)

// read is the one goroutine that reads. It never waits for a handler or for the
// writer.
func (c *connection) read() {
	err := errReader
	defer func() {
		if p := recover(); p != nil {
			c.st.s.logPanic("reading", p)
		}
		c.fail(err)
	}()
	err = c.st.loop(c.wire)
	var wrong *tooHigh
	if errors.As(err, &wrong) {
		c.say(wrong.farewell(), err)
	}
}

// errReader ends a stream whose reader has a bug: better than the process.
var errReader = errors.New("link: a stanza could not be read")

// loop reads stanzas until it cannot.
func (st *stream) loop(r io.Reader) error {
	limits := &st.s.cfg.Limits
	f := newFramer(r)
	scope := streamScope()
	for {
		kind, err := f.tag(limits.Stanza)
		if err != nil {
			return err
		}
		if kind == closeTag {
			return errStreamEnd
		}
		startLen := len(f.frame)
		if f.over {
			startLen = 0
		}
		if kind == openTag {
			if startLen > 0 && st.rosters.Load() > 0 {
				if taken, err := st.streamRoster(f, scope); taken || err != nil {
					if err != nil {
						return err
					}
					continue
				}
			}
			err = f.body(limits.Stanza, limits.Depth)
		} else if f.over {
			err = errTooBig
		}
		st.s.stats.Received.Add(1)
		if err == errTooBig {
			st.countFrame(f.frame)
			st.oversized(f.frame[:startLen], scope)
			continue
		}
		if err != nil {
			return err
		}
		e, err := parseElement(f.frame, scope, &st.names)
		if errors.Is(err, errBadStanza) {
			st.countFrame(f.frame)
			st.malformed(f.frame[:startLen], scope, err)
			continue
		}
		if err != nil {
			return err
		}
		e.size = len(f.frame) + listBytes*cap(e.inner) + tokenBytes*len(e.inner)
		if err := st.dispatch(e); err != nil {
			return err
		}
	}
}

// countFrame counts a stanza that is dropped: the server has counted it too, so
// it is one unless its name says otherwise.
func (st *stream) countFrame(frame []byte) {
	for _, nonza := range []string{"<r ", "<a ", "<enabled", "<failed", "<stream:"} {
		if bytes.HasPrefix(frame, []byte(nonza)) {
			return
		}
	}
	st.sm.count()
}

// oversized drops a stanza that is beyond the limits. Whoever waits for an
// answer is told.
func (st *stream) oversized(tag []byte, scope scope) {
	st.s.stats.Oversized.Add(1)
	start, _, err := parseTag(tag, scope)
	if err != nil {
		st.s.complaints.warn("dropped an oversized stanza")
		return
	}
	id, from := attr(&start, "id"), attr(&start, "from")
	st.s.complaints.warn("dropped an oversized stanza", "name", start.Name.Local, "from", from, "id", id)
	if start.Name.Local != "iq" {
		return
	}
	switch attr(&start, "type") {
	case "get", "set":
		st.answerAtOnce(&start, nil, &stanza.Error{Type: stanza.Modify, Condition: stanza.PolicyViolation, Text: map[string]string{
			"": fmt.Sprintf("a stanza may have %d bytes and a depth of %d", st.s.cfg.Limits.Stanza, st.s.cfg.Limits.Depth)}})
	case "result", "error":
		if c := st.waiting(id, from); c != nil {
			c.fail(&Error{Err: fmt.Errorf("the answer of %s: %w", peerName(from), ErrTooLarge), sent: true})
		}
	}
}

// malformed drops a stanza that breaks the rules of XML namespaces or uses what
// a stream must not contain. The server should not have passed it on.
func (st *stream) malformed(tag []byte, scope scope, cause error) {
	st.s.stats.Malformed.Add(1)
	start, _, err := parseTag(tag, scope)
	if err != nil {
		st.s.complaints.warn("dropped a malformed stanza", "err", cause)
		return
	}
	id, from := attr(&start, "id"), attr(&start, "from")
	st.s.complaints.warn("dropped a malformed stanza", "name", start.Name.Local, "from", from, "id", id, "err", cause)
	if start.Name.Local != "iq" {
		return
	}
	switch attr(&start, "type") {
	case "get", "set":
		st.answerAtOnce(&start, nil, &stanza.Error{Type: stanza.Modify, Condition: stanza.BadRequest})
	case "result", "error":
		if c := st.waiting(id, from); c != nil {
			c.fail(&Error{Err: fmt.Errorf("the answer of %s: %w", peerName(from), cause), sent: true})
		}
	}
}

// dispatch hands a top-level element to whom it concerns. An error ends the
// stream.
func (st *stream) dispatch(e *received) error {
	switch e.start.Name {
	case xml.Name{Space: stanza.NSClient, Local: "iq"}:
		st.iq(e)
		st.sm.count()
	case xml.Name{Space: stanza.NSClient, Local: "message"}:
		if st.s.onMessage != nil {
			st.message(e)
		}
		st.sm.count()
	case xml.Name{Space: stanza.NSClient, Local: "presence"}:
		if st.s.onPresence != nil {
			st.presence(e)
		}
		st.sm.count()
	case xml.Name{Space: nsStreams, Local: "error"}:
		return streamError(e)
	default:
		if e.start.Name.Space == nsManagement {
			return st.managed(e)
		}
		st.s.stats.Malformed.Add(1)
		st.s.log.Debug("dropped an unknown element", "name", e.start.Name.Local, "ns", e.start.Name.Space)
	}
	return nil
}

// streamError reads a stream error, RFC 6120 4.9. It may hold an element of an
// application beside the condition.
func streamError(e *received) error {
	se := &StreamError{Condition: "undefined-condition"}
	depth, inText, known := 0, false, false
	for _, tok := range e.inner {
		switch t := tok.(type) {
		case xml.StartElement:
			depth++
			if depth == 1 && t.Name.Space == nsStreamErr {
				if t.Name.Local == "text" {
					inText = true
				} else if !known {
					se.Condition, known = t.Name.Local, true
					inText = se.Condition == "see-other-host" // which says where, RFC 6120 4.9.3.19
				}
			}
		case xml.EndElement:
			depth--
			inText = false
		case xml.CharData:
			if inText {
				se.Text += string(t)
			}
		}
	}
	return se
}

func (st *stream) iq(e *received) {
	typ, id, from := attr(&e.start, "type"), attr(&e.start, "id"), attr(&e.start, "from")
	switch typ {
	case "result", "error":
		st.answered(e, id, from, typ)
		return
	case "get", "set":
	default:
		st.s.stats.Malformed.Add(1)
		if id != "" {
			st.answerAtOnce(&e.start, nil, &stanza.Error{Type: stanza.Modify, Condition: stanza.BadRequest})
		}
		return
	}
	if id == "" { // cannot be answered
		st.s.stats.Malformed.Add(1)
		return
	}
	payload, ok := onlyChild(e)
	if !ok {
		st.s.stats.Malformed.Add(1)
		st.answerAtOnce(&e.start, nil, &stanza.Error{Type: stanza.Modify, Condition: stanza.BadRequest})
		return
	}
	iq := &stanza.IQ{XMLName: e.start.Name, ID: id, Type: stanza.IQType(typ), Lang: lang(&e.start)}
	var errFrom, errTo error
	iq.From, errFrom = st.jids.parse(from)
	iq.To, errTo = st.jids.parse(attr(&e.start, "to"))
	if errFrom != nil || errTo != nil {
		st.s.stats.Malformed.Add(1)
		st.answerAtOnce(&e.start, nil, &stanza.Error{Type: stanza.Modify, Condition: stanza.JIDMalformed})
		return
	}
	if st.isComponent() && payload == pinged && st.cameBack(id, from) {
		return
	}
	h, ok := st.s.iqHandlers[payload]
	if !ok {
		h, ok = st.s.iqHandlers[xml.Name{Space: payload.Space}]
	}
	if ok {
		st.enqueueWork(&work{st: st, iq: iq, e: e, handler: h})
		return
	}
	if payload.Space == roster.NS && typ == "set" && !st.isComponent() {
		st.rosterPush(e, iq, from)
		return
	}
	if b, ok := st.s.builtin[payload]; ok && b.kind == iq.Type {
		r, serr := b.answer(e)
		st.answerAtOnce(&e.start, r, serr)
		return
	}
	st.answerAtOnce(&e.start, nil, &stanza.Error{Type: stanza.Cancel, Condition: stanza.ServiceUnavailable})
}

// onlyChild returns the name of the one child of an IQ request. White space
// around it is nothing, other text is.
func onlyChild(e *received) (xml.Name, bool) {
	var name xml.Name
	depth, children := 0, 0
	for _, tok := range e.inner {
		switch t := tok.(type) {
		case xml.StartElement:
			if depth == 0 {
				name = t.Name
				children++
			}
			depth++
		case xml.EndElement:
			depth--
		case xml.CharData:
			if depth == 0 && !blank(t) {
				return name, false
			}
		}
	}
	return name, children == 1
}

func blank(text []byte) bool {
	for _, c := range text {
		if !isSpace(c) {
			return false
		}
	}
	return true
}

func (st *stream) message(e *received) {
	m := &stanza.Message{
		XMLName: e.start.Name,
		ID:      attr(&e.start, "id"),
		Type:    stanza.MessageType(attr(&e.start, "type")),
		Lang:    lang(&e.start),
	}
	switch m.Type {
	case stanza.ChatMessage, stanza.GroupChatMessage, stanza.HeadlineMessage, stanza.ErrorMessage, stanza.NormalMessage:
	default: // RFC 6121 5.2.2: anything else is normal
		m.Type = stanza.NormalMessage
	}
	var errFrom, errTo error
	m.From, errFrom = st.jids.parse(attr(&e.start, "from"))
	m.To, errTo = st.jids.parse(attr(&e.start, "to"))
	if errFrom != nil || errTo != nil {
		st.s.stats.Malformed.Add(1)
		return
	}
	st.enqueueWork(&work{st: st, message: m, e: e})
}

func (st *stream) presence(e *received) {
	p := &stanza.Presence{
		XMLName: e.start.Name,
		ID:      attr(&e.start, "id"),
		Type:    stanza.PresenceType(attr(&e.start, "type")),
		Lang:    lang(&e.start),
	}
	var errFrom, errTo error
	p.From, errFrom = st.jids.parse(attr(&e.start, "from"))
	p.To, errTo = st.jids.parse(attr(&e.start, "to"))
	if errFrom != nil || errTo != nil {
		st.s.stats.Malformed.Add(1)
		return
	}
	st.enqueueWork(&work{st: st, presence: p, e: e})
}

// answerAtOnce answers a request without waiting for anything: from the queue
// of the reader, or, if that is full, not at all.
func (st *stream) answerAtOnce(request *xml.StartElement, payload xml.TokenReader, serr *stanza.Error) {
	if attr(request, "id") == "" {
		st.s.stats.Unanswered.Add(1)
		return
	}
	select {
	case st.urgent <- st.answerTo(request, payload, serr):
	default:
		st.s.stats.Unanswered.Add(1)
	}
}

// answerTo returns the stanza that answers request: with the result payload,
// or with serr. The address goes back as it came.
func (st *stream) answerTo(request *xml.StartElement, payload xml.TokenReader, serr *stanza.Error) *outgoing {
	start := &xml.StartElement{Name: xml.Name{Local: "iq"}, Attr: make([]xml.Attr, 0, 4)}
	add := func(name, value string) {
		if value != "" {
			start.Attr = append(start.Attr, xml.Attr{Name: xml.Name{Local: name}, Value: value})
		}
	}
	typ := "result"
	if serr != nil {
		typ, payload = "error", serr.TokenReader()
	}
	add("type", typ)
	add("from", st.speaker(attr(request, "to")))
	add("to", attr(request, "from"))
	add("id", attr(request, "id"))
	return &outgoing{answer: start, payload: payload}
}
