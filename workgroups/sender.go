package workgroups

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"adminbot/internal/xmpp/element"
	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/stanza"
)

// Waits of the sender.
const (
	resendAfter = 5 * time.Second  // nothing could be sent: when it is tried again, if no connection comes before
	answerTime  = 30 * time.Second // for an agent's client to answer an offer with a result or an error
	takenTime   = time.Minute      // for the server to say that it has what was sent; then it is sent again
	maxSending  = 256              // messages before the server is asked whether it has taken them
)

// A sender sends the messages in their order, over one wire, at least once. The
// loop gives it messages; a goroutine of its own sends them.
type sender struct {
	s      *Service
	signal chan struct{} // there are messages
	up     chan struct{} // there is a new connection
	calls  sync.WaitGroup

	mu    sync.Mutex
	queue []outgoing
	going map[int64]bool // being sent; true: the server has taken it, which is not on the disk yet
}

// outgoing is a message with what it is about, as it was when it was queued.
type outgoing struct {
	Message
	alert   Alert
	others  string    // names what an offer is about beside what the alert's title says
	expires time.Time // of an offer
}

// add queues messages that have been committed. The loop calls it.
func (d *sender) add(messages []outgoing) {
	if len(messages) == 0 {
		return
	}
	d.mu.Lock()
	d.queue = append(d.queue, messages...)
	d.mu.Unlock()
	d.wake()
}

// restart queues everything that has not arrived, instead of what was queued.
// What is being sent is not sent twice, and what the server has taken is noted in
// the step that runs. The loop calls it.
func (d *sender) restart(m *machine) {
	d.mu.Lock()
	defer d.wake()
	defer d.mu.Unlock()
	var taken []int64
	for id, arrived := range d.going {
		if _, there := m.messages[id]; !there {
			delete(d.going, id)
		} else if arrived {
			taken = append(taken, id)
		}
	}
	slices.Sort(taken)
	m.arrived(taken)
	fresh := map[int64]bool{}
	for i := range d.queue {
		fresh[d.queue[i].ID] = !d.queue[i].Repeat
	}
	d.queue = slices.DeleteFunc(m.outstanding(false), func(msg outgoing) bool {
		_, going := d.going[msg.ID]
		return going
	})
	for i := range d.queue {
		d.queue[i].Repeat = d.queue[i].Repeat && !fresh[d.queue[i].ID]
	}
}

func (d *sender) wake() { poke(d.signal) }

func (d *sender) take() []outgoing {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := min(len(d.queue), maxSending)
	batch := slices.Clone(d.queue[:n])
	d.queue = slices.Delete(d.queue, 0, n)
	for i := range batch {
		d.going[batch[i].ID] = false
	}
	return batch
}

// taken notes that the server has a batch, which the disk does not know yet.
func (d *sender) taken(batch []outgoing) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for i := range batch {
		d.going[batch[i].ID] = true
	}
}

// forget is for a batch of which the disk knows that the server has it, or of
// which nobody knows.
func (d *sender) forget(batch []outgoing) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for i := range batch {
		delete(d.going, batch[i].ID)
	}
}

func (d *sender) run(ctx context.Context) {
	defer d.calls.Wait()
	for {
		select {
		case <-d.signal:
		case <-ctx.Done():
			return
		}
		for batch := d.take(); len(batch) > 0; batch = d.take() {
			err := d.send(ctx, batch)
			for err != nil {
				d.s.log.DebugContext(ctx, "not sent, will be again", "messages", len(batch), "err", err)
				if !d.patience(ctx) {
					return
				}
				// From the state as it is then: some may not be true any more.
				err = d.s.do(ctx, func(m *machine, _ time.Time) error {
					m.doubt(ids(batch))
					d.restart(m)
					return nil
				})
			}
		}
	}
}

// patience waits for a connection; false: ctx has ended.
func (d *sender) patience(ctx context.Context) bool {
	timer := time.NewTimer(resendAfter)
	defer timer.Stop()
	select {
	case <-d.up:
		return true
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func ids(batch []outgoing) []int64 {
	var all []int64
	for _, msg := range batch {
		all = append(all, msg.ID)
	}
	return all
}

// send sends a batch, and forgets it when the server has taken it.
func (d *sender) send(ctx context.Context, batch []outgoing) error {
	if err := d.deliver(ctx, batch); err != nil {
		d.forget(batch)
		return err
	}
	d.taken(batch)
	d.s.at("after barrier")
	err := d.s.do(ctx, func(m *machine, _ time.Time) error {
		m.arrived(ids(batch))
		return nil
	})
	if err == nil {
		d.forget(batch)
	}
	return err
}

// deliver sends a batch and returns when the server has taken it.
func (d *sender) deliver(ctx context.Context, batch []outgoing) error {
	for i := range batch {
		if e := batch[i].expires; batch[i].Kind == MessageOffer && !e.IsZero() && !e.After(d.s.cfg.Now()) {
			continue // it was too long on its way
		}
		d.s.at("before send")
		if err := d.one(ctx, &batch[i]); err != nil {
			return err
		}
	}
	// Component streams have no acknowledgements: a ping behind the writes is one.
	d.s.at("before barrier")
	ctx, cancel := context.WithTimeout(ctx, takenTime)
	defer cancel()
	return d.s.cfg.Wire.Barrier(ctx)
}

// one sends a message in its form: IQs to clients that speak XEP-0142, text to
// all others.
func (d *sender) one(ctx context.Context, msg *outgoing) error {
	from, err := jid.New(msg.Workgroup, d.s.cfg.Domain.Domainpart(), "")
	if err != nil {
		return err
	}
	if msg.To.Resourcepart() != "" && (msg.Kind == MessageOffer || msg.Kind == MessageRevoke) {
		payload := msg.revoke(from)
		if msg.Kind == MessageOffer {
			payload = msg.offer(from, d.s.cfg.Now())
		}
		return d.request(ctx, msg, stanza.IQ{Type: stanza.SetIQ, ID: msg.stanzaID(), From: from, To: msg.To}, payload)
	}
	return d.s.cfg.Wire.Send(ctx, msg.stanza(from).TokenReader())
}

// request sends an IQ and returns when it is being written; the answer is waited
// for beside what is sent next.
func (d *sender) request(ctx context.Context, msg *outgoing, iq stanza.IQ, payload *element.Element) error {
	w := &written{TokenReader: payload.TokenReader(), begun: make(chan struct{})}
	result := make(chan error, 1)
	d.calls.Go(func() {
		answerCtx, cancel := context.WithTimeout(ctx, answerTime)
		defer cancel()
		_, _, err := d.s.cfg.Wire.RoundTripIQ(answerCtx, iq, w)
		refusal, answered := answer(err)
		if answered {
			err = nil
		}
		result <- err
		if answered && msg.Kind == MessageOffer {
			err := d.s.do(ctx, func(m *machine, now time.Time) error {
				m.undelivered(msg.Alert, msg.To, unreachable(refusal), now)
				return nil
			})
			if err != nil {
				d.s.log.WarnContext(ctx, "an offer was refused, which could not be noted", "to", msg.To, "err", err)
			}
		}
	})
	select {
	case <-w.begun:
		return nil
	case err := <-result:
		return err
	}
}

// Ids of stanzas: of the message's row, so that one that is sent again can be
// told, and of its alert, so that one that comes back can.
func (m *Message) stanzaID() string {
	return "wg" + itoa(m.ID) + "." + itoa(m.Alert)
}

// parseStanzaID returns the alert that a message was about.
func parseStanzaID(id string) (alert int64, ok bool) {
	rest, ok := strings.CutPrefix(id, "wg")
	_, number, dotted := strings.Cut(rest, ".")
	if !ok || !dotted {
		return 0, false
	}
	alert = parseSession("alert-" + number)
	return alert, alert != 0
}
