package xmppd

import (
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
	in     input
	secure bool

	over atomic.Bool // nothing more is taken from the peer

	mu       sync.Mutex
	out      []byte        // not yet taken by the writer
	inflight int           // bytes the writer is writing
	extra    int           // bytes allowed beyond the bound until all is written
	writing  bool          // the writer runs
	dead     bool          // nothing is written any more
	closing  bool          // the connection is closed when all is written
	idle     chan struct{} // closed when all is written, if somebody waits
}

// send queues the parts, one behind the other, for writing. It never waits: a
// connection whose queue is full is cut. It reports whether the bytes were
// taken. Safe for concurrent use.
func (c *conn) send(parts ...[]byte) bool {
	n := 0
	for _, p := range parts {
		n += len(p)
	}
	c.mu.Lock()
	if c.dead || c.closing {
		c.mu.Unlock()
		return false
	}
	if len(c.out)+c.inflight+n > c.srv.cfg.Limits.Queue+c.extra {
		c.dead = true
		c.over.Store(true)
		c.mu.Unlock()
		c.srv.log.Warn("xmppd: a client reads too slowly and is cut", "addr", c.raw.RemoteAddr(), "queued", c.srv.cfg.Limits.Queue)
		c.srv.counters.slow.Add(1)
		c.raw.Close()
		return false
	}
	c.append(parts)
	c.mu.Unlock()
	return true
}

// sendBulk queues an answer that may be longer than the bound, once at a
// time; the caller is the reading goroutine of c, so that nobody else waits.
func (c *conn) sendBulk(b []byte) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.dead || c.closing {
		return false
	}
	c.extra += len(b)
	c.append([][]byte{b})
	return true
}

func (c *conn) append(parts [][]byte) {
	if c.out == nil {
		c.out = *outputs.Get().(*[]byte)
	}
	for _, p := range parts {
		c.out = append(c.out, p...)
	}
	if !c.writing {
		c.writing = true
		c.srv.wg.Add(1)
		go c.write()
	}
}

// write writes until nothing is queued.
func (c *conn) write() {
	defer c.srv.wg.Done()
	c.mu.Lock()
	for len(c.out) > 0 && !c.dead {
		buf := c.out
		c.out, c.inflight = nil, len(buf)
		c.mu.Unlock()
		err := c.writeAll(buf)
		if cap(buf) <= keptOutput {
			buf = buf[:0]
			outputs.Put(&buf)
		}
		c.mu.Lock()
		c.inflight = 0
		if err != nil {
			c.dead = true
			c.raw.Close()
		}
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
	c.extra = 0
	c.writing = false
	if c.idle != nil {
		close(c.idle)
		c.idle = nil
	}
	c.mu.Unlock()
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

// drain waits until all that was queued is written or the connection is dead,
// which takes at most the write timeout per 64 KiB, and reports which.
func (c *conn) drain() bool {
	for {
		c.mu.Lock()
		if c.dead || !c.writing {
			ok := !c.dead
			c.mu.Unlock()
			return ok
		}
		if c.idle == nil {
			c.idle = make(chan struct{})
		}
		idle := c.idle
		c.mu.Unlock()
		<-idle
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
	c.append(last)
	c.closing = true
	c.mu.Unlock()
}

// cut closes the connection at once.
func (c *conn) cut() {
	c.over.Store(true)
	c.mu.Lock()
	c.dead = true
	c.mu.Unlock()
	c.raw.Close()
}
