package link

import (
	"context"
	"encoding/xml"
	"fmt"
	"io"
	"sync"

	"mellium.im/xmpp/stanza"
)

// Phases of an outgoing stanza.
const (
	queued = iota
	withdrawn
	taken // by the writer: it may have left
)

// An outgoing stanza waits for its turn to be written. Its tokens are not read
// before that.
type outgoing struct {
	iq      *stanza.IQ      // the stanza around payload; nil: payload is the stanza
	payload xml.TokenReader // may be nil with iq
	call    *call           // told of a failure, but not of success
	written chan error      // if not nil, told of failure and of success; holds one

	mu    sync.Mutex
	phase int
}

// withdraw keeps o from being written, if it is not too late, and reports
// whether it was: the stanza may have left. When it returns, nobody reads the
// payload any more.
func (o *outgoing) withdraw() (sent bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.phase == queued {
		o.phase = withdrawn
	}
	return o.phase == taken
}

// Sizes of what is written at once.
const (
	writeBatch   = 32 << 10  // stop collecting stanzas beyond this
	writeBufKeep = 256 << 10 // do not keep a larger buffer
)

// write is the one goroutine that writes. It ends with the stream. Whatever is
// queued when the server is slower than the callers is written in one go.
func (st *stream) write() {
	var ser serialiser
	var batch []*outgoing
	for {
		var o *outgoing
		select {
		case o = <-st.urgent:
		default:
			select {
			case o = <-st.urgent:
			case o = <-st.out:
			case <-st.closer:
				if o = st.poll(); o == nil {
					st.goodbye()
					return
				}
			case <-st.done:
				return
			}
		}
		ser.buf, batch = ser.buf[:0], batch[:0]
		for ; o != nil; o = st.poll() {
			if st.serialise(&ser, o) {
				batch = append(batch, o)
			}
			if len(ser.buf) >= writeBatch {
				break
			}
		}
		if len(ser.buf) == 0 {
			continue
		}
		_, err := st.wire.Write(ser.buf)
		if err != nil {
			// Part of it may have been taken: nothing sensible can follow.
			err = fmt.Errorf("%w: writing failed: %w", ErrUnreachable, err)
			st.fail(err)
			for _, o := range batch {
				o.finish(&Error{Err: err, sent: true})
			}
			return
		}
		st.s.stats.Written.Add(uint64(len(batch)))
		for _, o := range batch {
			if o.written != nil {
				o.written <- nil
			}
		}
		if cap(ser.buf) > writeBufKeep {
			ser.buf = nil
		}
		clear(batch)
	}
}

// poll returns the next queued stanza, or nil.
func (st *stream) poll() *outgoing {
	select {
	case o := <-st.urgent:
		return o
	default:
	}
	select {
	case o := <-st.out:
		return o
	default:
		return nil
	}
}

// goodbye ends our side of the stream, RFC 6120 4.4. The reader sees the
// server's side end.
func (st *stream) goodbye() {
	bye := "</stream:stream>"
	if st.present.Load() {
		bye = "<presence type='unavailable'/>" + bye
	}
	if _, err := st.wire.Write([]byte(bye)); err != nil {
		st.fail(ErrClosed)
	}
}

func (o *outgoing) finish(err error) {
	if o.written != nil {
		o.written <- err
	}
	if o.call != nil {
		o.call.fail(err)
	}
}

// serialise appends o to the buffer. If that is not possible, it tells whoever
// waits, leaves the buffer as it was and returns false.
func (st *stream) serialise(ser *serialiser, o *outgoing) bool {
	o.mu.Lock()
	if o.phase != queued {
		o.mu.Unlock()
		return false
	}
	from := len(ser.buf)
	err := st.tokens(ser, o)
	if err != nil {
		ser.buf = ser.buf[:from]
		o.phase = withdrawn
	} else {
		o.phase = taken
	}
	o.mu.Unlock()
	if err != nil {
		o.finish(&Error{Err: err})
		return false
	}
	return true
}

// tokens writes the stanza o. The token readers are foreign code.
func (st *stream) tokens(ser *serialiser, o *outgoing) (err error) {
	defer func() {
		if p := recover(); p != nil {
			st.s.logPanic("payload", p)
			err = fmt.Errorf("reading the payload panicked: %v", p)
		}
	}()
	ser.begin()
	limit := len(ser.buf) + st.s.cfg.Limits.Stanza
	if o.iq == nil {
		r := &stanzaReader{r: o.payload}
		if st.isComponent() {
			r.from = st.full // XEP-0114: a component says who speaks
		}
		if err := ser.copy(r, limit); err != nil {
			return err
		}
		if len(ser.open) > 0 || !r.begun {
			return ErrNotStanza
		}
		if r.available {
			st.present.Store(true)
		}
		return nil
	}
	from := o.iq.From.String()
	if from == "" && st.isComponent() {
		from = st.full
	}
	start := xml.StartElement{Name: xml.Name{Local: "iq"}}
	for _, a := range [...]struct{ name, value string }{
		{"type", string(o.iq.Type)}, {"from", from}, {"to", o.iq.To.String()}, {"id", o.iq.ID},
	} {
		if a.value != "" {
			start.Attr = append(start.Attr, xml.Attr{Name: xml.Name{Local: a.name}, Value: a.value})
		}
	}
	if err := ser.start(&start); err != nil {
		return err
	}
	if err := ser.copy(o.payload, limit); err != nil {
		return err
	}
	if len(ser.open) != 1 {
		return fmt.Errorf("%w: the payload does not end", ErrUnsafe)
	}
	if ser.children != 1 { // RFC 6120 8.2.3
		return fmt.Errorf("%w: a request needs one payload, not %d", ErrNotStanza, ser.children)
	}
	return ser.end(start.Name)
}

// A stanzaReader checks that the tokens of r are one stanza.
type stanzaReader struct {
	r         xml.TokenReader
	from      string // added if missing
	depth     int
	begun     bool
	available bool // it is an available presence to everybody
}

func (s *stanzaReader) Token() (xml.Token, error) {
	tok, err := s.r.Token()
	switch t := tok.(type) {
	case xml.StartElement:
		if s.depth++; s.depth > 1 {
			return tok, err
		}
		if s.begun {
			return nil, ErrNotStanza
		}
		s.begun = true
		switch t.Name.Local {
		case "iq", "message":
		case "presence":
			s.available = attr(&t, "type") == "" && attr(&t, "to") == ""
		default:
			return nil, ErrNotStanza
		}
		if t.Name.Space != "" && t.Name.Space != stanza.NSClient && t.Name.Space != nsComponent {
			return nil, ErrNotStanza
		}
		start := xml.StartElement{Name: xml.Name{Local: t.Name.Local}}
		for _, a := range t.Attr {
			if a.Value != "" && (a.Name.Local != "xmlns" || a.Name.Space != "") {
				start.Attr = append(start.Attr, a)
			}
		}
		if s.from != "" && attr(&start, "from") == "" {
			start.Attr = append(start.Attr, xml.Attr{Name: xml.Name{Local: "from"}, Value: s.from})
		}
		return start, err
	case xml.EndElement:
		if s.depth--; s.depth == 0 {
			t.Name.Space = ""
			return t, err
		}
	}
	return tok, err
}

// Send writes the stanza that r yields and returns when it was handed to the
// connection. An error tells by its Sent method whether it may have left.
// R is read on another goroutine when the stanza is its turn, but not after
// Send has returned. Requests are sent with [Session.RoundTripIQ].
func (s *Session) Send(ctx context.Context, r xml.TokenReader) error {
	st := s.current.Load()
	if st == nil {
		return &Error{Err: ErrClosed}
	}
	o := &outgoing{payload: r, written: make(chan error, 1)}
	if err := st.enqueue(ctx, o); err != nil {
		return err
	}
	select {
	case err := <-o.written:
		return err
	case <-ctx.Done():
		return st.giveUp(o, context.Cause(ctx))
	case <-st.done:
		return st.giveUp(o, fmt.Errorf("%w: %w", ErrClosed, st.err))
	}
}

// giveUp withdraws o and returns what its sender is told.
func (st *stream) giveUp(o *outgoing, err error) error {
	sent := o.withdraw()
	select {
	case result := <-o.written:
		return result
	default:
		return &Error{Err: err, sent: sent}
	}
}

// enqueue waits for room in the queue of the writer.
func (st *stream) enqueue(ctx context.Context, o *outgoing) error {
	if err := ctx.Err(); err != nil {
		return &Error{Err: context.Cause(ctx)}
	}
	select {
	case st.out <- o:
		return nil
	default:
	}
	select {
	case st.out <- o:
		return nil
	case <-ctx.Done():
		return &Error{Err: context.Cause(ctx)}
	case <-st.done:
		return &Error{Err: fmt.Errorf("%w: %w", ErrClosed, st.err)}
	}
}

// SendPresence sends p with payload, which may be nil. If it says that this
// session is available, the caps are added (XEP-0115).
func (s *Session) SendPresence(ctx context.Context, p stanza.Presence, payload xml.TokenReader) error {
	p.XMLName = xml.Name{}
	r := payload
	if p.Type == stanza.AvailablePresence {
		r = concat(payload, s.caps.Element().TokenReader())
	}
	return s.Send(ctx, p.Wrap(r))
}

// concat returns a reader of what a yields, which may be nil, then b.
func concat(a, b xml.TokenReader) xml.TokenReader {
	if a == nil {
		return b
	}
	return &chain{a, b}
}

type chain struct{ a, b xml.TokenReader }

func (c *chain) Token() (xml.Token, error) {
	if c.a != nil {
		tok, err := c.a.Token()
		if err != nil {
			c.a = nil
			if err != io.EOF {
				return tok, err
			}
		}
		if tok != nil {
			return tok, nil
		}
	}
	return c.b.Token()
}
