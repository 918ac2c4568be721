package link

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

// Errors of the framer. All but errTooBig mean that the place in the stream is
// lost and the session must end.
var (
	errTooBig        = errors.New("link: stanza is too big or too deep")
	errStreamEnd     = errors.New("link: the server closed the stream")
	errNotWellFormed = errors.New("link: the server sent XML that is not well-formed")
	errRestricted    = errors.New("link: the server sent XML that a stream must not contain")
	errStreamText    = errors.New("link: the server sent text between stanzas")
)

// A tagKind says what [framer.tag] has found.
type tagKind byte

const (
	openTag  tagKind = iota // <a>
	emptyTag                // <a/>
	closeTag                // </a>
)

// A framer cuts a stream of bytes into elements without looking at names: it
// knows quotes, CDATA and depth, no more. That is enough to find where an
// element ends in anything a server may send (RFC 6120 11.1 forbids comments,
// processing instructions and DTDs), it costs no allocation, and it lets an
// element that is too big pass by without being kept.
//
// The bytes that belong to the current element are in frame. They are
// overwritten by the next call of tag.
type framer struct {
	r     io.Reader
	buf   []byte
	pos   int // of the first byte of buf not yet consumed
	end   int // of the last byte of buf that was read, plus one
	frame []byte
	limit int  // bytes that frame may hold
	over  bool // the element is too big; nothing more is kept of it
}

// Sizes of the buffer: small while little comes.
const (
	framerBuffer     = 2 << 10
	framerBusyBuffer = 32 << 10
)

func newFramer(r io.Reader) *framer {
	return &framer{r: r, buf: make([]byte, framerBuffer)}
}

// fill reads more bytes when none are left. It is called with pos == end.
func (f *framer) fill() error {
	if f.end == len(f.buf) && len(f.buf) < framerBusyBuffer { // there is more than fits in
		f.buf = make([]byte, min(4*len(f.buf), framerBusyBuffer))
	}
	for range 100 {
		n, err := f.r.Read(f.buf)
		f.pos, f.end = 0, n
		if n > 0 {
			return nil
		}
		if err == io.EOF {
			return io.ErrUnexpectedEOF
		}
		if err != nil {
			return fmt.Errorf("%w: reading failed: %w", ErrUnreachable, err)
		}
	}
	return io.ErrNoProgress
}

// keep appends the next n bytes to the frame, or drops them when the frame is
// full.
func (f *framer) keep(n int) {
	if len(f.frame)+n > f.limit {
		f.over = true
	}
	if !f.over {
		f.frame = append(f.frame, f.buf[f.pos:f.pos+n]...)
	}
	f.pos += n
}

// next consumes one byte.
func (f *framer) next() (byte, error) {
	if f.pos == f.end {
		if err := f.fill(); err != nil {
			return 0, err
		}
	}
	c := f.buf[f.pos]
	f.keep(1)
	return c, nil
}

// until consumes bytes up to and including c.
func (f *framer) until(c byte) error {
	for {
		if i := bytes.IndexByte(f.buf[f.pos:f.end], c); i >= 0 {
			f.keep(i + 1)
			return nil
		}
		f.keep(f.end - f.pos)
		if err := f.fill(); err != nil {
			return err
		}
	}
}

// tag starts a new frame with the next tag of the stream. White space before it
// is skipped, any other text is errStreamText. If the tag is larger than limit,
// f.over is set and the frame is useless.
func (f *framer) tag(limit int) (tagKind, error) {
	f.frame = f.frame[:0]
	f.limit, f.over = limit, false
	for {
		if f.pos == f.end {
			if err := f.fill(); err != nil {
				return 0, err
			}
		}
		c := f.buf[f.pos]
		if c == '<' {
			f.keep(1)
			break
		}
		if c != ' ' && c != '\n' && c != '\t' && c != '\r' {
			return 0, errStreamText
		}
		f.pos++
	}
	c, err := f.next()
	if err != nil {
		return 0, err
	}
	switch c {
	case '!', '?':
		return 0, errRestricted
	case '/':
		return closeTag, f.until('>')
	}
	empty, err := f.restOfTag()
	if empty {
		return emptyTag, err
	}
	return openTag, err
}

// restOfTag consumes a start tag after its first two bytes and says whether it
// closes itself.
func (f *framer) restOfTag() (empty bool, err error) {
	var quote, last byte
	for {
		window := f.buf[f.pos:f.end]
		for i, c := range window {
			switch {
			case c == '<':
				return false, errNotWellFormed
			case quote != 0:
				if c == quote {
					quote = 0
				}
			case c == '"' || c == '\'':
				quote = c
			case c == '>':
				f.keep(i + 1)
				return last == '/', nil
			}
			last = c
		}
		f.keep(len(window))
		if err := f.fill(); err != nil {
			return false, err
		}
	}
}

// body consumes the rest of the element that the last call of tag opened and
// appends it to the frame, which may then hold limit bytes in all. An element
// that is larger, or deeper than depth, is consumed to its end, and errTooBig
// is returned; the frame holds then some of its first bytes, and the start tag
// whole if that fitted in.
func (f *framer) body(limit, depth int) error {
	f.limit = limit
	tooDeep := false
	for open := 1; open > 0; {
		if err := f.until('<'); err != nil {
			return err
		}
		c, err := f.next()
		if err != nil {
			return err
		}
		switch c {
		case '?':
			return errRestricted
		case '!':
			if err := f.cdata(); err != nil {
				return err
			}
		case '/':
			if err := f.until('>'); err != nil {
				return err
			}
			open--
		default:
			empty, err := f.restOfTag()
			if err != nil {
				return err
			}
			if open >= depth {
				tooDeep, f.over = true, true
			}
			if !empty {
				open++
			}
		}
	}
	if f.over || tooDeep {
		return errTooBig
	}
	return nil
}

// cdata consumes a CDATA section after its first two bytes. Nothing else may
// begin with these.
func (f *framer) cdata() error {
	for _, want := range []byte("[CDATA[") {
		c, err := f.next()
		if err != nil {
			return err
		}
		if c != want {
			return errRestricted
		}
	}
	for brackets := 0; ; {
		c, err := f.next()
		switch {
		case err != nil:
			return err
		case c == ']':
			brackets++
		case c == '>' && brackets >= 2:
			return nil
		default:
			brackets = 0
		}
	}
}
