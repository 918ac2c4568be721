package link

import (
	"context"
	"encoding/xml"
	"errors"
	"log/slog"
	"sync"
	"time"

	"adminbot/internal/xmpp/roster"
	"adminbot/internal/xmpp/turn"
	"mellium.im/xmpp/stanza"
)

// work is one stanza on its way to a handler. Exactly one of iq, message,
// presence and item is set, or mark alone.
type work struct {
	mark     func() // called in its turn instead of a handler
	st       *stream
	e        *received
	iq       *stanza.IQ
	handler  IQHandler // of iq
	message  *stanza.Message
	presence *stanza.Presence
	item     *roster.Item
}

// size is about what w takes in memory.
func (w *work) size() int {
	if w.e == nil {
		return 0
	}
	return w.e.size
}

// A dispatcher runs handlers. Every sender has a queue; a queue has one turn at
// a time, and after each turn the next queue is served, so that nobody's flood
// starves another. Goroutines exist only while there is work.
type dispatcher struct {
	limits Limits
	ctx    context.Context
	wg     sync.WaitGroup

	mu      sync.Mutex
	boxes   map[string]*mailbox // only those that have work or a turn
	ready   []*mailbox          // with work and without a turn, in order
	waiting int                 // stanzas in all queues
	bytes   int                 // of memory for these
	active  int                 // goroutines whose handler has its turn
	yielded int                 // handlers that run on after their turn
}

type mailbox struct {
	sender string
	queue  []*work
	bytes  int  // of memory for the queue
	busy   bool // a handler has the turn
}

// presenceShare is how many more presences than other stanzas a sender may
// have waiting: joining a room brings one for each occupant at once.
const presenceShare = 8

func newDispatcher(limits Limits) *dispatcher {
	return &dispatcher{limits: limits, boxes: make(map[string]*mailbox)}
}

// run allows handlers to run with ctx.
func (d *dispatcher) run(ctx context.Context) { d.ctx = ctx }

// wait returns when no handler runs any more. Nothing may be added then.
func (d *dispatcher) wait() { d.wg.Wait() }

// add queues w and reports whether there was room.
func (d *dispatcher) add(sender string, w *work) bool {
	limit := d.limits.PerSender
	if w.presence != nil {
		limit *= presenceShare
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	box := d.boxes[sender]
	if box == nil {
		box = &mailbox{sender: sender}
	}
	size := w.size()
	switch {
	case len(box.queue) >= limit, d.waiting >= d.limits.Waiting, d.ctx.Err() != nil:
		return false
	case box.bytes+size > d.limits.SenderBytes, d.bytes+size > d.limits.WaitingBytes:
		return false
	}
	d.boxes[sender] = box
	box.queue = append(box.queue, w)
	d.waiting++
	box.bytes += size
	d.bytes += size
	if !box.busy && len(box.queue) == 1 {
		d.ready = append(d.ready, box)
		d.start()
	}
	return true
}

// start starts a goroutine if there is work for one more. With d.mu held.
func (d *dispatcher) start() {
	if d.active < d.limits.Workers && len(d.ready) > 0 {
		d.active++
		d.wg.Go(d.worker)
	}
}

// worker gives turns until there is no work or its handler yielded.
func (d *dispatcher) worker() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for len(d.ready) > 0 {
		box := d.ready[0]
		d.ready[0] = nil
		d.ready = d.ready[1:]
		w := box.queue[0]
		box.queue[0] = nil
		box.queue = box.queue[1:]
		d.waiting--
		box.bytes -= w.size()
		d.bytes -= w.size()
		box.busy = true

		over := false // the turn is over
		end := func() {
			over = true
			box.busy = false
			if len(box.queue) > 0 {
				d.ready = append(d.ready, box)
			} else {
				delete(d.boxes, box.sender)
			}
		}
		yield := func() {
			d.mu.Lock()
			defer d.mu.Unlock()
			if over || d.yielded >= d.limits.Yielded {
				return
			}
			end()
			d.yielded++
			d.active--
			d.start()
		}
		d.mu.Unlock()
		w.do(turn.With(d.ctx, yield))
		d.mu.Lock()
		if over {
			d.yielded--
			return
		}
		end()
	}
	d.active--
}

// enqueueWork hands w to the queue of its sender, or refuses it.
func (st *stream) enqueueWork(w *work) {
	var sender string
	switch {
	case w.iq != nil:
		sender = w.iq.From.Bare().String()
	case w.message != nil:
		sender = w.message.From.Bare().String()
	case w.presence != nil:
		sender = w.presence.From.Bare().String()
	}
	if st.s.work.add(sender, w) {
		return
	}
	st.s.stats.Refused.Add(1)
	st.s.log.Debug("refused a stanza: its sender has too many waiting", "from", sender)
	if w.iq != nil {
		st.answerAtOnce(&w.e.start, nil, &stanza.Error{Type: stanza.Wait, Condition: stanza.ResourceConstraint})
	}
}

// do runs the handler of w.
func (w *work) do(ctx context.Context) {
	if w.mark != nil {
		w.mark()
		return
	}
	s := w.st.s
	switch {
	case w.iq != nil:
		payload, err := w.ask(ctx)
		w.reply(ctx, payload, err)
	case w.message != nil:
		defer s.guard("message handler")
		s.onMessage(ctx, *w.message, w.e.reader())
	case w.presence != nil:
		defer s.guard("presence handler")
		s.onPresence(ctx, *w.presence, w.e.reader())
	case w.item != nil:
		defer s.guard("roster handler")
		s.onRoster(ctx, *w.item)
	}
}

var errPanicked = errors.New("link: the handler panicked")

// ask runs the handler of a request.
func (w *work) ask(ctx context.Context) (payload xml.TokenReader, err error) {
	defer func() {
		if p := recover(); p != nil {
			w.st.s.logPanic("request handler", p)
			payload, err = nil, errPanicked
		}
	}()
	return w.handler(ctx, *w.iq, w.e.reader())
}

// reply sends the answer of a handler over the connection that there is, or the
// next one if that comes soon and has the same address: the peer still waits.
// Until then it holds the place of its handler, so these are bounded as handlers
// are.
func (w *work) reply(ctx context.Context, payload xml.TokenReader, err error) {
	s := w.st.s
	var serr *stanza.Error
	if err != nil {
		serr = &stanza.Error{Type: stanza.Wait, Condition: stanza.InternalServerError}
		if !errors.As(err, serr) {
			s.complaints.add(slog.LevelError, "a handler failed", "from", w.iq.From, "id", w.iq.ID, "err", err)
		}
	}
	err = w.send(ctx, payload, serr)
	var e *Error
	if errors.As(err, &e) && !e.Sent() && !errors.Is(err, ErrClosed) && ctx.Err() == nil {
		// It cannot be written: the peer gets an answer all the same.
		s.stats.Failed.Add(1)
		s.complaints.add(slog.LevelError, "an answer cannot be sent", "to", w.iq.From, "id", w.iq.ID, "err", err)
		serr := &stanza.Error{Type: stanza.Wait, Condition: stanza.InternalServerError}
		if errors.Is(err, ErrTooLarge) {
			serr = &stanza.Error{Type: stanza.Modify, Condition: stanza.PolicyViolation, Text: map[string]string{"": "the answer would be too large"}}
		}
		err = w.send(ctx, nil, serr)
	}
	if err != nil {
		s.stats.Unanswered.Add(1)
		s.log.Debug("an answer was not sent", "to", w.iq.From, "id", w.iq.ID, "err", err)
	}
}

func (w *work) send(ctx context.Context, payload xml.TokenReader, serr *stanza.Error) error {
	s := w.st.s
	var patience <-chan time.Time
	for {
		ready := s.Ready()
		st := s.current.Load()
		if st != nil && st.full != w.st.full {
			return &Error{Err: ErrClosed}
		}
		if st != nil {
			err := st.send(ctx, st.answerTo(&w.e.start, payload, serr))
			var e *Error
			if !errors.As(err, &e) || e.Sent() || !errors.Is(err, ErrClosed) {
				return err
			}
		}
		if patience == nil {
			patience = time.After(s.cfg.Timing.Resume)
		}
		select {
		case <-ready:
		case <-patience:
			return &Error{Err: ErrClosed}
		case <-ctx.Done():
			return &Error{Err: ErrClosed}
		}
	}
}
