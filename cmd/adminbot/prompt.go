package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"

	"golang.org/x/term"
)

// prompt reads lines from a person or from a pipe.
type prompt interface {
	// ReadLine returns the next line without its end, io.EOF after the last.
	ReadLine() (string, error)
	io.Writer
	Close() error
}

// newPrompt gives a line editor with history when both ends are terminals,
// else plain lines.
func newPrompt(in *os.File, out io.Writer) (prompt, error) {
	screen, ok := out.(*os.File)
	if !ok || !term.IsTerminal(int(in.Fd())) || !term.IsTerminal(int(screen.Fd())) {
		lines := bufio.NewScanner(in)
		lines.Buffer(nil, maxLine)
		return &pipePrompt{Scanner: lines, Writer: out}, nil
	}
	old, err := term.MakeRaw(int(in.Fd()))
	if err != nil {
		return nil, fmt.Errorf("prompt: %w", err)
	}
	p := newTerminalPrompt(in, screen)
	p.restore = func() error { return term.Restore(int(in.Fd()), old) }
	if w, h, err := term.GetSize(int(screen.Fd())); err == nil {
		p.SetSize(w, h)
	}
	return p, nil
}

// maxLine bounds a line from a pipe; longer ones end the reading with an error.
const maxLine = 64 << 10

type pipePrompt struct {
	*bufio.Scanner
	io.Writer
}

func (p *pipePrompt) ReadLine() (string, error) {
	if p.Scan() {
		return p.Text(), nil
	}
	if err := p.Err(); errors.Is(err, bufio.ErrTooLong) {
		return "", fmt.Errorf("a line of more than %d bytes: not read, nor what follows it", maxLine)
	} else if err != nil {
		return "", err
	}
	return "", io.EOF
}

func (p *pipePrompt) Close() error { return nil }

type terminalPrompt struct {
	*term.Terminal
	restore func() error
}

func (p *terminalPrompt) Close() error { return p.restore() }

// newTerminalPrompt is a line editor on a terminal in raw mode.
func newTerminalPrompt(in io.Reader, out io.Writer) *terminalPrompt {
	keys := &interruptible{Reader: in}
	t := term.NewTerminal(struct {
		io.Reader
		io.Writer
	}{keys, out}, "> ")
	t.AutoCompleteCallback = keys.pressed
	return &terminalPrompt{Terminal: t, restore: func() error { return nil }}
}

// Keys in raw mode.
const (
	keyCtrlC     = 3
	keyInterrupt = 28 // Ctrl-\, which the line editor knows no use for
)

// interruptible reads keys and makes Ctrl-C clear a line with text in it, and
// end the reading on an empty one. The line editor itself takes Ctrl-C for the
// end, always; it is given another key in its place.
type interruptible struct {
	io.Reader
	later []byte // read, and to be given after the key before has had its effect
	ended bool
}

func (r *interruptible) Read(b []byte) (int, error) {
	if r.ended {
		return 0, io.EOF
	}
	n, err := 0, error(nil)
	if len(r.later) > 0 {
		n = copy(b, r.later)
		r.later = r.later[n:]
	} else {
		n, err = r.Reader.Read(b)
	}
	if i := bytes.IndexByte(b[:n], keyCtrlC); i >= 0 {
		b[i] = keyInterrupt
		r.later = slices.Concat(b[i+1:n], r.later)
		n = i + 1
	}
	return n, err
}

// pressed is told of each key and the line so far.
func (r *interruptible) pressed(line string, pos int, key rune) (string, int, bool) {
	if key != keyInterrupt {
		return line, pos, false
	}
	r.ended = line == ""
	return "", 0, true
}

// logOutput is where logs go: to standard error, and while a prompt is shown
// there, above the line that is being typed.
type logOutput struct {
	mu sync.Mutex
	to io.Writer
}

// Write writes what is one record. It is safe for concurrent use.
func (l *logOutput) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.to.Write(b)
}

// above makes the prompt show the logs, until the function it returns is
// called. Logs that go to a file, and those beside a prompt that is none on a
// terminal, go on as before.
func (l *logOutput) above(p prompt) (restore func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	before := l.to
	_, onScreen := p.(*terminalPrompt)
	if f, ok := before.(*os.File); !onScreen || !ok || !term.IsTerminal(int(f.Fd())) {
		return func() {}
	}
	l.to = p
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.to = before
	}
}

// converse reads lines and hands each to answer until the lines end, ctx is
// done, or a person says quit. It answers a line before it reads the next.
func converse(ctx context.Context, p prompt, answer func(ctx context.Context, line string) error) error {
	type read struct {
		line string
		err  error
	}
	next := make(chan read, 1)
	more := make(chan struct{})
	defer close(more)
	go func() { // ends with the process when it hangs in a read: a terminal cannot be interrupted
		for range more {
			line, err := p.ReadLine()
			next <- read{line, err}
		}
	}()
	for {
		more <- struct{}{}
		select {
		case <-ctx.Done():
			return nil
		case r := <-next:
			if errors.Is(r.err, io.EOF) {
				return nil
			} else if r.err != nil {
				return r.err
			}
			switch line := strings.TrimSpace(r.line); line {
			case "":
			case "quit", "exit":
				return nil
			default:
				if err := answer(ctx, line); err != nil {
					return err
				}
			}
		}
	}
}
