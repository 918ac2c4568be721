package logs

import (
	"bytes"
	"errors"
	"io"
)

// backward reads the lines of a file from its end. A file that grows meanwhile
// shows what it had at the start; one that is cut shows what is left.
type backward struct {
	r   io.ReaderAt
	pos int64  // of buf's first byte in the file
	buf []byte // read and not yet given out
	end bool   // the newline at the file's end was taken
}

const chunk = 64 << 10

func newBackward(r io.ReaderAt, size int64) *backward {
	return &backward{r: r, pos: size}
}

// line returns the line before the last one, without its newline, and its
// offset. Of a line longer than 64 KiB it returns the beginning. The error is
// io.EOF at the beginning of the file.
func (b *backward) line() (string, int64, error) {
	if !b.end {
		// The newline that ends the file, if it has one, ends the last line.
		if err := b.need(1); err != nil {
			return "", 0, err
		}
		if n := len(b.buf); b.buf[n-1] == '\n' {
			b.buf = b.buf[:n-1]
		}
		b.end = true
	}
	if b.pos < 0 {
		return "", 0, io.EOF
	}
	searched := len(b.buf)
	for {
		if i := bytes.LastIndexByte(b.buf[:searched], '\n'); i >= 0 {
			line, at := b.buf[i+1:], b.pos+int64(i)+1
			b.buf = b.buf[:i]
			return string(line[:min(len(line), maxLineRead)]), at, nil
		}
		if b.pos == 0 {
			line := b.buf
			b.buf, b.pos = nil, -1
			return string(line[:min(len(line), maxLineRead)]), 0, nil
		}
		// Of what is too long only the beginning is shown: drop the end.
		if len(b.buf) > 2*maxLineRead {
			b.buf = b.buf[:maxLineRead]
		}
		before := len(b.buf)
		if err := b.more(); err != nil {
			return "", 0, err
		}
		searched = len(b.buf) - before
	}
}

// need makes sure that buf has n bytes.
func (b *backward) need(n int) error {
	for len(b.buf) < n {
		if b.pos <= 0 {
			b.pos = -1
			return io.EOF
		}
		if err := b.more(); err != nil {
			return err
		}
	}
	return nil
}

// more reads the chunk before buf.
func (b *backward) more() error {
	n := min(b.pos, chunk)
	next := make([]byte, int(n), int(n)+len(b.buf))
	read, err := b.r.ReadAt(next, b.pos-n)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	clear(next[read:]) // cut meanwhile
	b.buf = append(next, b.buf...)
	b.pos -= n
	return nil
}
