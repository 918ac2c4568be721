package xmppd

import (
	"bytes"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// Sizes of buffers. An idle connection keeps only the resting one.
const (
	restingInput = 1 << 10
	busyInput    = 16 << 10
	firstOutput  = 2 << 10
	keptOutput   = 64 << 10
	writePiece   = 64 << 10
	passBytes    = 4 << 10 // an empty socket has room for
)

var (
	inputs  = sync.Pool{New: func() any { b := make([]byte, busyInput); return &b }}
	outputs = sync.Pool{New: func() any { b := make([]byte, 0, firstOutput); return &b }}
)

// An input collects what was read and not yet taken. It belongs to the
// reading goroutine.
type input struct {
	resting []byte
	pooled  *[]byte // the busy buffer, if one is borrowed
	buf     []byte  // the one in use
	r, w    int
	last    int // bytes of the last read
}

func (in *input) pending() []byte { return in.buf[in.r:in.w] }

func (in *input) take(n int) { in.r += n }

// read reads once from c, making room first.
func (in *input) read(c net.Conn) error {
	switch {
	case in.r == in.w:
		in.rest() // who knows how long it takes until there is more
	case in.w == len(in.buf) && in.r > 0:
		in.w = copy(in.buf, in.buf[in.r:in.w])
		in.r = 0
	}
	if in.buf == nil {
		if in.resting == nil {
			in.resting = make([]byte, restingInput)
		}
		in.buf = in.resting
	}
	if in.w == len(in.buf) || in.w == 0 && in.last == len(in.buf) {
		in.grow()
	}
	n, err := c.Read(in.buf[in.w:])
	in.w += n
	in.last = n
	if n > 0 {
		return nil
	}
	return err
}

// grow moves to a larger buffer.
func (in *input) grow() {
	if len(in.buf) < busyInput {
		in.pooled = inputs.Get().(*[]byte)
		in.w = copy(*in.pooled, in.pending())
		in.r = 0
		in.buf = *in.pooled
		return
	}
	if in.w < len(in.buf) {
		return
	}
	b := make([]byte, 2*len(in.buf))
	w := copy(b, in.pending())
	in.rest()
	in.buf, in.w = b, w
}

// rest gives the larger buffers back, with what is in them.
func (in *input) rest() {
	in.r, in.w = 0, 0
	if in.pooled != nil {
		inputs.Put(in.pooled)
		in.pooled = nil
	}
	in.buf = nil
}

// A conn is one connection: bytes in for its reading goroutine, and a bounded
// queue of bytes out for everybody. A goroutine writes only while there is
// something to write.
type conn struct {
	srv    *Server
	raw    net.Conn // as accepted
	c      net.Conn // with TLS, once there is some
	addr   net.Addr // of the peer
	in     input
	secure bool
	room   int // bytes that may wait to be written

	over atomic.Bool // nothing more is taken from the peer

	mu       sync.Mutex
	out      []byte        // not yet taken by the writer
	inflight int           // bytes the writer is writing
	writes   int           // what their buffer takes, see large
	leaves   int           // what is left of the session takes, see large
	account  *holding      // nil before there is a resource
	charged  int           // bytes counted there
	written  int64         // bytes since the beginning
	bulk     int           // bytes allowed beyond the bound
	bulkEnd  int64         // until this many are written
	writing  bool          // the writer runs
	dead     bool          // nothing is written any more
	closing  bool          // the connection is closed when all is written
	moved    bool          // raw belongs to another session now
	sm       *management   // nil without; set once, by the reading goroutine
	wrote    chan struct{} // closed at the writer's next step, if somebody waits
}

// send queues a stanza, in parts, for writing. It never waits: a connection
// whose queue is full is cut. It reports whether the stanza was taken, which
// with stream management it also is when the connection is lost. Safe for
// concurrent use.
func (c *conn) send(parts ...[]byte) bool { return c.queue(parts, oneStanza) }

// sendBulk is like send for an answer that may be longer than the bound, of
// one stanza in each part: one at a time may, as long as it is not written. A
// reading goroutine that has such an answer for its own client waits for the
// last one with settle.
func (c *conn) sendBulk(stanzas ...[]byte) bool { return c.queue(stanzas, bulkStanzas) }

// tell queues what is no stanza.
func (c *conn) tell(b []byte) bool { return c.queue([][]byte{b}, noStanza) }

// What is queued.
type queued uint8

const (
	oneStanza queued = iota
	bulkStanzas
	noStanza
)

func (c *conn) queue(parts [][]byte, what queued) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	taken := c.put(parts, what)
	c.begin()
	return taken
}

// pass is like send for a reading goroutine that has no more to read and holds
// no locks. What the peer's socket takes at once it writes itself: to wake
// another goroutine for that takes longer than the writing.
func (c *conn) pass(parts ...[]byte) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	taken := c.put(parts, oneStanza)
	if !c.writing && !c.dead && len(c.out) > 0 && len(c.out) <= passBytes && drained(c.raw) {
		c.writing = true
		c.turn()
		c.rest()
	}
	c.begin()
	return taken
}

// put is queue without a lock, and starts no writer.
func (c *conn) put(parts [][]byte, what queued) bool {
	n := 0
	for _, p := range parts {
		n += len(p)
	}
	m := c.sm
	if what == noStanza {
		m = nil
	}
	switch {
	case c.closing || m == nil && c.dead:
		return false
	case m != nil && !c.keep(m, parts, what == bulkStanzas):
		return false
	case c.dead:
		return true // for the client when it comes back
	}
	queued := len(c.out) + c.inflight + n
	if c.written >= c.bulkEnd {
		c.bulk = 0
		if what == bulkStanzas {
			c.bulk, c.bulkEnd = n, c.written+int64(queued)
		}
	}
	if queued > c.room+c.bulk || !c.affords(n, what == bulkStanzas) {
		c.lose()
		c.srv.log.Warn("xmppd: a client reads too slowly and is cut", "addr", c.addr, "queued", c.room)
		c.srv.counters.slow.Add(1)
		return m != nil
	}
	c.add(parts)
	c.recount()
	if m != nil {
		m.sent.handed = m.sent.count
		if m.wantsAck(bytes.HasPrefix(parts[0], []byte("<message"))) {
			c.add([][]byte{askForAck})
		}
	}
	return true
}

// lose gives the connection up. The caller holds mu.
func (c *conn) lose() {
	c.dead = true
	c.over.Store(true)
	c.raw.Close()
	c.out = nil
	c.recount()
}

// append queues what is written in any case. The caller holds mu.
func (c *conn) append(parts [][]byte) {
	c.add(parts)
	c.begin()
}

func (c *conn) add(parts [][]byte) {
	if c.out == nil {
		c.out = *outputs.Get().(*[]byte)
	}
	for _, p := range parts {
		c.out = append(c.out, p...)
	}
}

// begin starts the writer, if there is something to do and none runs. The caller
// holds mu.
func (c *conn) begin() {
	if c.writing || len(c.out) == 0 && (!c.closing || c.dead) {
		return
	}
	c.writing = true
	c.srv.wg.Add(1)
	go c.write()
}

// write writes until nothing is queued.
func (c *conn) write() {
	defer c.srv.wg.Done()
	c.mu.Lock()
	for len(c.out) > 0 && !c.dead {
		c.turn()
	}
	if c.closing && !c.dead {
		c.dead = true
		c.mu.Unlock()
		// What the peer sent in the meantime would turn a close into a
		// reset, and that would take the last bytes from it.
		if w, ok := c.c.(interface{ CloseWrite() error }); !ok || w.CloseWrite() != nil {
			c.c.Close()
		}
		c.raw.SetReadDeadline(time.Now().Add(lingerTime))
		c.mu.Lock()
	}
	c.rest()
	c.mu.Unlock()
}

// rest ends the writing. The caller holds mu.
func (c *conn) rest() {
	c.writing = false
	if c.dead {
		c.out = nil
		c.recount()
	}
	c.step()
}

// turn writes what is queued now. The caller holds mu, which is free meanwhile,
// and has set writing.
func (c *conn) turn() {
	buf := c.out
	c.out, c.inflight, c.writes = nil, len(buf), large(buf)
	c.mu.Unlock()
	err := c.writeAll(buf)
	if cap(buf) <= keptOutput {
		buf = buf[:0]
		outputs.Put(&buf)
	}
	c.mu.Lock()
	c.written += int64(c.inflight)
	c.inflight, c.writes = 0, 0
	c.recount()
	if err != nil {
		c.dead = true
		c.raw.Close()
	}
	c.step()
}

// step wakes those who wait for the writer. The caller holds mu.
func (c *conn) step() {
	if c.wrote != nil {
		close(c.wrote)
		c.wrote = nil
	}
}

const (
	lingerTime  = 2 * time.Second
	lingerBytes = 1 << 20
)

// linger waits until the last bytes are written and the peer has closed too,
// or a little while, and closes the connection. For the reading goroutine.
func (c *conn) linger() {
	c.over.Store(true)
	c.mu.Lock()
	closing := c.closing
	c.mu.Unlock()
	if closing {
		c.drain()
		c.raw.SetReadDeadline(time.Now().Add(lingerTime))
		b := make([]byte, restingInput)
		for n, total := 0, 0; total < lingerBytes; total += n {
			var err error
			if n, err = c.raw.Read(b); err != nil {
				break
			}
		}
	}
	c.cut()
}

func (c *conn) writeAll(b []byte) error {
	for len(b) > 0 {
		n := min(len(b), writePiece)
		c.c.SetWriteDeadline(time.Now().Add(c.srv.cfg.Limits.WriteTimeout))
		if _, err := c.c.Write(b[:n]); err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}

// drain waits until all that is queued is written, and the connection closed
// if it is to be, or until it is dead, and reports which. It takes at most the
// write timeout per 64 KiB. What is queued later is not waited for.
func (c *conn) drain() bool {
	c.mu.Lock()
	end := c.written + int64(c.inflight+len(c.out))
	c.mu.Unlock()
	return c.await(func() bool { return !c.closing && c.written >= end })
}

// settle waits until no bulk answer is on its way, and reports whether the
// connection lives. For its reading goroutine, without locks.
func (c *conn) settle() bool {
	return c.await(func() bool { return c.written >= c.bulkEnd })
}

// await waits until done, which is called with mu held, or the writer rests.
func (c *conn) await(done func() bool) bool {
	for {
		c.mu.Lock()
		if c.dead || !c.writing || done() {
			ok := !c.dead
			c.mu.Unlock()
			return ok
		}
		if c.wrote == nil {
			c.wrote = make(chan struct{})
		}
		wrote := c.wrote
		c.mu.Unlock()
		<-wrote
	}
}

// halt closes the connection and waits until nothing is written to it any more.
func (c *conn) halt() {
	c.cut()
	for {
		c.mu.Lock()
		if !c.writing {
			c.mu.Unlock()
			return
		}
		if c.wrote == nil {
			c.wrote = make(chan struct{})
		}
		wrote := c.wrote
		c.mu.Unlock()
		<-wrote
	}
}

// finish queues the last bytes and closes the connection behind them.
func (c *conn) finish(last ...[]byte) {
	c.mu.Lock()
	if c.dead || c.closing {
		c.mu.Unlock()
		return
	}
	c.over.Store(true)
	c.closing = true
	c.append(last)
	c.mu.Unlock()
}

// cut closes the connection at once.
func (c *conn) cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.moved {
		c.lose()
	}
}
