package link

import (
	"bufio"
	"crypto/tls"
	"net"
	"sync/atomic"
	"time"
)

// A wire is the connection as mellium and the loop see it.
//
// Mellium's helpers set deadlines in the past from goroutines of their own,
// possibly long after the call they belong to, which kills the connection for
// everybody. A wire ignores all deadlines and sets its own for each write.
//
// It is an io.ByteReader, so that the XML decoders that mellium makes, one per
// restart of the stream, read no byte beyond what they return: the framer takes
// over exactly behind the negotiation.
type wire struct {
	net.Conn
	buf      *bufio.Reader
	timeout  time.Duration // of one write
	lastRead atomic.Int64  // Unix nanoseconds
	tail     []byte        // what was read last, kept while the stream is negotiated
	settled  bool          // the negotiation is over
}

const wireTail = 2048

func newWire(conn net.Conn, timeout time.Duration) *wire {
	w := &wire{Conn: conn, timeout: timeout}
	w.buf = bufio.NewReader(rawReader{w})
	w.lastRead.Store(time.Now().UnixNano())
	return w
}

// rawReader reads from the connection itself.
type rawReader struct{ w *wire }

func (r rawReader) Read(p []byte) (int, error) {
	n, err := r.w.Conn.Read(p)
	if n > 0 {
		r.w.lastRead.Store(time.Now().UnixNano())
		if !r.w.settled {
			r.w.tail = append(r.w.tail, p[:n]...)
			if extra := len(r.w.tail) - wireTail; extra > 0 {
				r.w.tail = append(r.w.tail[:0], r.w.tail[extra:]...)
			}
		}
	}
	return n, err
}

// settle ends the time in which the last bytes are kept.
func (w *wire) settle() { w.settled, w.tail = true, nil }

// quiet returns for how long nothing has come.
func (w *wire) quiet() time.Duration { return time.Since(time.Unix(0, w.lastRead.Load())) }

func (w *wire) Read(p []byte) (int, error) {
	if w.buf.Buffered() > 0 {
		return w.buf.Read(p)
	}
	return rawReader{w}.Read(p)
}

func (w *wire) ReadByte() (byte, error) { return w.buf.ReadByte() }

func (w *wire) Write(p []byte) (int, error) {
	if err := w.Conn.SetWriteDeadline(time.Now().Add(w.timeout)); err != nil {
		return 0, err
	}
	return w.Conn.Write(p)
}

func (w *wire) SetDeadline(time.Time) error      { return nil }
func (w *wire) SetReadDeadline(time.Time) error  { return nil }
func (w *wire) SetWriteDeadline(time.Time) error { return nil }

// ConnectionState returns the state of TLS, or the zero value without TLS.
func (w *wire) ConnectionState() tls.ConnectionState {
	if c, ok := w.Conn.(interface{ ConnectionState() tls.ConnectionState }); ok {
		return c.ConnectionState()
	}
	return tls.ConnectionState{}
}
