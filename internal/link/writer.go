package link

import (
	"bytes"
	"context"
	"encoding/xml"
	"fmt"
	"io"
	"sync"
	"time"

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
	request *stanza.IQ        // the stanza around payload
	answer  *xml.StartElement // the same; if both are nil, payload is the stanza
	payload xml.TokenReader   // may be nil in an answer
	call    *call             // told of a failure, but not of success
	written chan error        // if not nil, told of failure and of success; holds one

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

// write is the one goroutine that writes. It ends with the connection. Whatever
// is queued when the server is slower than the callers is written in one go.
func (c *connection) write() {
	w := &writer{c: c, st: c.st, sm: c.st.sm}
	w.ask = time.NewTimer(askAfter)
	w.ask.Stop()
	defer w.ask.Stop()
	if !w.open() {
		return
	}
	for w.turn() {
	}
}

// A writer is the state of the goroutine that writes to one connection.
type writer struct {
	c   *connection
	st  *stream
	sm  *management
	ser serialiser

	batch []*outgoing
	ends  []int // where in ser.buf each of them ends

	ask   *time.Timer // when the server is to be asked what it has taken
	armed bool
}

// open writes what comes before anything else: on a new stream that it is to be
// managed, and what the one before it could not deliver; on a resumed one all
// that the server has not had.
func (w *writer) open() bool {
	if w.c.resumed {
		for _, u := range w.sm.rest() {
			if w.ser.buf = append(w.ser.buf, u.raw...); len(w.ser.buf) >= writeBatch && !w.flush() {
				return false
			}
		}
		w.ser.buf = append(w.ser.buf, w.sm.ask()...)
		return w.flush()
	}
	if !w.sm.enabling() {
		return true
	}
	w.ser.buf = fmt.Appendf(w.ser.buf, "<enable xmlns='%s' resume='true' max='%d'/>", nsManagement, w.st.s.cfg.Timing.Resume/time.Second)
	carried := w.st.carried
	w.st.carried = nil
	for _, raw := range carried {
		w.sm.push(raw, []int{len(raw)}, []*outgoing{{}})
		if w.ser.buf = append(w.ser.buf, raw...); len(w.ser.buf) >= writeBatch && !w.flush() {
			return false
		}
	}
	return w.flush()
}

// turn waits for something to write, and writes it with all that waits beside
// it. It is false when nothing more is to be written.
func (w *writer) turn() bool {
	stanzas, size := w.sm.space()
	out, urgent := w.st.out, w.st.urgent
	if stanzas <= 0 || size <= 0 { // until the server has taken some
		out, urgent = nil, nil
	}
	var o *outgoing
	select {
	case o = <-urgent:
	default:
		select {
		case o = <-urgent:
		case o = <-out:
		case <-w.sm.wake:
		case <-w.ask.C:
			w.armed = false
			if w.sm.waiting() {
				w.sm.askDue.Store(true)
			}
		case last := <-w.c.last:
			w.ser.buf = append(w.ser.buf, last.text...)
			w.flush()
			w.c.fail(last.err)
			return false
		case <-w.c.closer:
			if out != nil {
				o = w.st.poll()
			}
			if o == nil {
				w.goodbye()
				return false
			}
		case <-w.c.done:
			return false
		}
	}
	if w.sm.ackDue.Swap(false) {
		w.ser.buf = append(w.ser.buf, w.sm.acknowledge()...)
	}
	start := len(w.ser.buf)
	for o != nil {
		if w.st.serialise(&w.ser, o) {
			w.batch = append(w.batch, o)
			w.ends = append(w.ends, len(w.ser.buf)-start)
		}
		if written := len(w.ser.buf) - start; written >= writeBatch || written >= size || len(w.batch) >= stanzas {
			break
		}
		o = w.st.poll()
	}
	ask := false
	if len(w.batch) > 0 {
		ask = w.sm.push(w.ser.buf[start:], w.ends, w.batch)
	}
	if w.sm.askDue.Swap(false) || ask {
		w.ser.buf = append(w.ser.buf, w.sm.ask()...)
	} else if stanzas < unlimited && !w.armed && (len(w.batch) > 0 || out == nil) {
		w.armed = true
		w.ask.Reset(askAfter)
	}
	return w.flush()
}

// flush writes what is in the buffer and tells those whose stanzas it holds.
func (w *writer) flush() bool {
	defer func() {
		if cap(w.ser.buf) > writeBufKeep {
			w.ser.buf = nil
		}
		clear(w.batch)
		w.ser.buf, w.batch, w.ends = w.ser.buf[:0], w.batch[:0], w.ends[:0]
	}()
	if len(w.ser.buf) == 0 {
		return true
	}
	if _, err := w.c.wire.Write(w.ser.buf); err != nil {
		// Part of it may have been taken: nothing sensible can follow here.
		err = fmt.Errorf("%w: writing failed: %w", ErrUnreachable, err)
		w.c.fail(err)
		if w.st.resumable(w.c.err) { // the next connection begins with these
			w.handed()
			return false
		}
		for _, o := range w.batch {
			o.finish(&Error{Err: err, sent: true})
		}
		return false
	}
	w.st.s.stats.Written.Add(uint64(len(w.batch)))
	w.handed()
	return true
}

// handed tells senders that their stanzas are on the way.
func (w *writer) handed() {
	for _, o := range w.batch {
		if o.written != nil {
			o.written <- nil
		}
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
// server's side end. A stream that is closed like this cannot be resumed
// (XEP-0198#resumption).
func (w *writer) goodbye() {
	bye := "</stream:stream>"
	if w.sm.active() { // or the server would take what came last for undelivered
		bye = w.sm.acknowledge() + bye
	}
	if w.st.present.Load() {
		bye = "<presence type='unavailable'/>" + bye
	}
	if _, err := w.c.wire.Write([]byte(bye)); err != nil {
		w.c.fail(ErrClosed)
	}
}

// isPresence reports whether a stanza as it was written is a presence.
func isPresence(raw []byte) bool { return bytes.HasPrefix(raw, []byte("<presence")) }

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
	switch {
	case o.request != nil:
		return st.request(ser, o.request, o.payload, limit)
	case o.answer != nil:
		return st.around(ser, o.answer, o.payload, limit)
	}
	r := &stanzaReader{r: o.payload, from: st.speaker("")}
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

func (st *stream) request(ser *serialiser, iq *stanza.IQ, payload xml.TokenReader, limit int) error {
	start := xml.StartElement{Name: xml.Name{Local: "iq"}, Attr: make([]xml.Attr, 0, 4)}
	for _, a := range [...]struct{ name, value string }{
		{"type", string(iq.Type)}, {"from", st.speaker(iq.From.String())}, {"to", iq.To.String()}, {"id", iq.ID},
	} {
		if a.value != "" {
			start.Attr = append(start.Attr, xml.Attr{Name: xml.Name{Local: a.name}, Value: a.value})
		}
	}
	if err := st.around(ser, &start, payload, limit); err != nil {
		return err
	}
	if ser.children != 1 { // RFC 6120 8.2.3
		return fmt.Errorf("%w: a request needs one payload, not %d", ErrNotStanza, ser.children)
	}
	return nil
}

// speaker is the address that a stanza from from carries: a component says who
// speaks (XEP-0114), a client leaves that to its server.
func (st *stream) speaker(from string) string {
	if from == "" && st.isComponent() {
		return st.full
	}
	return from
}

// around writes a stanza with payload in it.
func (st *stream) around(ser *serialiser, start *xml.StartElement, payload xml.TokenReader, limit int) error {
	if err := ser.start(start); err != nil {
		return err
	}
	if err := ser.payload(payload, limit); err != nil {
		return err
	}
	if len(ser.open) != 1 {
		return fmt.Errorf("%w: the payload does not end", ErrUnsafe)
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
// connection. While a broken connection may be resumed (XEP-0198), it waits for
// that. An error tells by its Sent method whether the stanza may have left. R is
// read on another goroutine when the stanza is its turn, but not after Send has
// returned. Requests are sent with [Session.RoundTripIQ].
func (s *Session) Send(ctx context.Context, r xml.TokenReader) error {
	st := s.current.Load()
	if st == nil {
		return &Error{Err: ErrClosed}
	}
	return st.send(ctx, &outgoing{payload: r})
}

// send queues o and waits until it is written.
func (st *stream) send(ctx context.Context, o *outgoing) error {
	o.written = make(chan error, 1)
	if err := st.enqueue(ctx, o); err != nil {
		return err
	}
	if st.refuses() { // possibly nobody looks into the queue any more
		return st.withdraw(o, ErrClosed)
	}
	select {
	case err := <-o.written:
		return err
	case <-ctx.Done():
		return st.withdraw(o, context.Cause(ctx))
	case <-st.done:
		return st.withdraw(o, fmt.Errorf("%w: %w", ErrClosed, st.err))
	}
}

// withdraw withdraws o and returns what its sender is told.
func (st *stream) withdraw(o *outgoing, err error) error {
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
