package bench

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"mellium.im/xmlstream"
	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/stanza"

	"adminbot/internal/link"
)

// Chat says how a question to the bot is measured.
type Chat struct {
	Lines int    // questions, one after the other
	Line  string // the question about all hosts; its answers begin with ✔
	Hosts int    // lean hosts that are asked, which must be all; 0: one by name, and then one real adminbot agent
}

// patience is for one answer.
const patience = time.Minute

// Run measures from the moment a person's client sends a line to the moment it
// has the answer: a real bot, lean hosts or a real agent, everything with TLS.
// A lean host has its answer ready, so that its own time is not in the figure.
func (c Chat) Run(ctx context.Context, run Run, t Target) ([]Figure, error) {
	if len(t.Hosts) < c.Hosts {
		return nil, fmt.Errorf("bench: chat: the target has %d hosts", len(t.Hosts))
	}
	dir, err := os.MkdirTemp("", "adminbot-bench-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	name := "chat line to answer"
	if c.Hosts > 0 {
		figures, err := c.lean(ctx, run, t, dir, name+" of all hosts")
		return t.named(figures, err)
	}
	c.Line += " on " + t.Hosts[0]
	figures, err := c.lean(ctx, run, t, dir, name)
	if err != nil {
		return nil, err
	}
	real, err := c.real(ctx, run, t, dir, name+", real agent")
	return t.named(append(figures, real...), err)
}

// lean asks lean hosts.
func (c Chat) lean(ctx context.Context, run Run, t Target, dir, name string) (figures []Figure, err error) {
	hosts := max(1, c.Hosts)
	s, err := t.swarm(filepath.Join(dir, "swarm"), t.Hosts[:hosts])
	if err != nil {
		return nil, err
	}
	err = beside(ctx, s.Run, func(ctx context.Context) error {
		run.Progress(fmt.Sprintf("%d hosts log in", hosts))
		if err := s.Ready(ctx); err != nil {
			return err
		}
		figures, err = c.withBot(ctx, run, t, dir, name)
		return err
	})
	return figures, err
}

// real asks a real host agent.
func (c Chat) real(ctx context.Context, run Run, t Target, dir, name string) ([]Figure, error) {
	agent, err := t.startAgent(ctx, run.Program, filepath.Join(dir, "agent"), t.Hosts[0])
	if err != nil {
		return nil, err
	}
	figures, err := c.withBot(ctx, run, t, dir, name)
	return figures, joinStop(err, agent)
}

// withBot asks through a bot of its own.
func (c Chat) withBot(ctx context.Context, run Run, t Target, dir, name string) (figures []Figure, err error) {
	bot, err := t.startBot(ctx, run.Program, filepath.Join(dir, "bot"))
	if err != nil {
		return nil, err
	}
	defer func() { err = joinStop(err, bot) }()
	return c.ask(ctx, t, name)
}

// ask asks until the bot knows the hosts, and then measures.
func (c Chat) ask(ctx context.Context, t Target, name string) (figures []Figure, err error) {
	login, err := t.login("desk")
	if err != nil {
		return nil, err
	}
	bot, err := jid.New(t.Bot, t.Domain, "")
	if err != nil {
		return nil, err
	}
	cfg := login(t.Users[0])
	cfg.Once = true
	cfg.Presence = func() (stanza.Presence, xml.TokenReader) { return stanza.Presence{}, nil }
	s := link.New(cfg)
	answers := make(chan string, 16)
	s.HandleMessage(func(_ context.Context, m stanza.Message, r xml.TokenReader) {
		if body := bodyOf(r); isAnswer(body) && m.From.Bare().Equal(bot) {
			select {
			case answers <- body:
			default:
			}
		}
	})
	err = beside(ctx, s.Run, func(ctx context.Context) error {
		select {
		case <-s.Ready():
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		if err := c.untilKnown(ctx, s, bot, answers); err != nil {
			return err
		}
		for range warmupLines {
			if _, _, err := c.say(ctx, s, bot, answers); err != nil {
				return err
			}
		}
		before, err := t.usage()
		if err != nil {
			return err
		}
		var times []float64
		for range c.Lines {
			took, _, err := c.say(ctx, s, bot, answers)
			if err != nil {
				return err
			}
			times = append(times, milliseconds(took))
		}
		after, err := t.usage()
		if err != nil {
			return err
		}
		figures = append(figures, of(name, "ms", c.Hosts, times...))
		if t.PID != 0 {
			figures = append(figures, of(name+", CPU of the server", "ms", c.Hosts, milliseconds(after.cpu-before.cpu)/float64(c.Lines)))
		}
		return nil
	})
	return figures, err
}

const warmupLines = 3

// isAnswer reports whether the bot says its last word on a line. Of one that takes
// long it first says how far it is: … disk: asked 307, 306 answered.
func isAnswer(body string) bool { return body != "" && !strings.HasPrefix(body, "…") }

// untilKnown asks until the answer comes from all hosts: the bot learns of them
// when they come.
func (c Chat) untilKnown(ctx context.Context, s *link.Session, bot jid.JID, answers <-chan string) error {
	ctx, cancel := context.WithTimeoutCause(ctx, patience, errors.New("bench: the bot gets no answer from the hosts"))
	defer cancel()
	for {
		_, answer, err := c.say(ctx, s, bot, answers)
		switch {
		case err != nil:
			return err
		case strings.HasPrefix(answer, "✔"):
			return nil
		}
		if err := sleep(ctx, 200*time.Millisecond); err != nil {
			return fmt.Errorf("%w; the last one was: %s", err, answer)
		}
	}
}

// say sends the line and waits for the next answer.
func (c Chat) say(ctx context.Context, s *link.Session, bot jid.JID, answers <-chan string) (time.Duration, string, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, patience, errors.New("bench: the bot did not answer"))
	defer cancel()
	m := stanza.Message{To: bot, Type: stanza.ChatMessage}.Wrap(
		xmlstream.Wrap(xmlstream.Token(xml.CharData(c.Line)), xml.StartElement{Name: xml.Name{Local: "body"}}))
	began := time.Now()
	if err := s.Send(ctx, m); err != nil {
		return 0, "", err
	}
	select {
	case answer := <-answers:
		return time.Since(began), answer, nil
	case <-ctx.Done():
		return 0, "", context.Cause(ctx)
	}
}

// bodyOf is the text of a message's body.
func bodyOf(r xml.TokenReader) string {
	var text strings.Builder
	depth, inBody := 0, false
	for {
		tok, err := r.Token()
		switch t := tok.(type) {
		case xml.StartElement:
			depth++
			inBody = depth == 1 && t.Name.Local == "body"
		case xml.EndElement:
			depth--
			inBody = false
		case xml.CharData:
			if inBody {
				text.Write(t)
			}
		}
		if err == io.EOF || err != nil || tok == nil {
			return text.String()
		}
	}
}
