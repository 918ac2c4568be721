package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

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
	t := term.NewTerminal(struct {
		io.Reader
		io.Writer
	}{in, screen}, "> ")
	if w, h, err := term.GetSize(int(screen.Fd())); err == nil {
		t.SetSize(w, h)
	}
	return &terminalPrompt{Terminal: t, restore: func() error { return term.Restore(int(in.Fd()), old) }}, nil
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
