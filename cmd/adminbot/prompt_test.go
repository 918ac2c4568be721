package main

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

// TestPromptCtrlC: Ctrl-C gives up the line that is being typed; only with
// nothing typed it ends the reading, as Ctrl-D does.
func TestPromptCtrlC(t *testing.T) {
	for _, tt := range []struct {
		name, keys string
		want       []string
	}{
		{"half a line", "restart ng\x03disk\rquit", []string{"disk"}},
		{"an empty line", "disk\r\x03memory\r", []string{"disk"}},
		{"twice", "dis\x03\x03memory\r", nil},
		{"inside the line", "abc\x1b[D\x1b[D\x03disk\r", []string{"disk"}},
		{"history stays", "disk\rmem\x03\x1b[A\r\x04x\r", []string{"disk", "disk"}},
		{"ctrl-d on text", "disk\x04\r\x04x\r", []string{"disk"}},
		{"after letters of many bytes", "größe 日本\x03disk\r\x03x\r", []string{"disk"}},
	} {
		for how, in := range map[string]io.Reader{"at once": strings.NewReader(tt.keys), "key by key": iotest.OneByteReader(strings.NewReader(tt.keys))} {
			t.Run(tt.name+", "+how, func(t *testing.T) {
				var screen bytes.Buffer
				p := newTerminalPrompt(in, &screen)
				var got []string
				for {
					line, err := p.ReadLine()
					if errors.Is(err, io.EOF) {
						break
					} else if err != nil {
						t.Fatal(err)
					}
					got = append(got, line)
				}
				if !slices.Equal(got, tt.want) {
					t.Errorf("%q, want %q", got, tt.want)
				}
			})
		}
	}
}

// TestPromptLogs: what is logged while a line is being typed stands above it,
// and the line is there again.
func TestPromptLogs(t *testing.T) {
	keys, typed := io.Pipe()
	var screen bytes.Buffer
	p := newTerminalPrompt(keys, &screen)
	line := make(chan string, 1)
	go func() {
		s, err := p.ReadLine()
		if err != nil {
			s = err.Error()
		}
		line <- s
	}()
	for _, b := range []byte("restart\x00") { // the reader takes the last key when it has shown those before
		if _, err := typed.Write([]byte{b}); err != nil {
			t.Fatal(err)
		}
	}
	logs := &logOutput{to: p}
	if _, err := logs.Write([]byte("level=WARN msg=x\n")); err != nil {
		t.Fatal(err)
	}
	if _, err := typed.Write([]byte("\r")); err != nil {
		t.Fatal(err)
	}
	if got := <-line; got != "restart" {
		t.Errorf("read %q", got)
	}
	if _, after, ok := strings.Cut(screen.String(), "level=WARN msg=x\r\n"); !ok || !strings.Contains(after, "> restart") {
		t.Errorf("screen: %q", screen.String())
	}
}

// TestLogOutput: logs in a file stay there, whatever prompt there is.
func TestLogOutput(t *testing.T) {
	var file, screen bytes.Buffer
	logs := &logOutput{to: &file}
	restore := logs.above(newTerminalPrompt(strings.NewReader(""), &screen))
	if _, err := logs.Write([]byte("a\n")); err != nil {
		t.Fatal(err)
	}
	restore()
	if file.String() != "a\n" || screen.Len() > 0 {
		t.Errorf("file %q, screen %q", file.String(), screen.String())
	}
}
