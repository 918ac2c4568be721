package bench

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"

	"mellium.im/xmlstream"
	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/stanza"

	"adminbot/internal/link"
	"adminbot/internal/swarm"
)

// A waiter is a person who asks the bot about all hosts while the server is
// restarted, and takes it at its word.
type waiter struct {
	hosts   int // that there are, all well
	session *link.Session
	bot     jid.JID
	heard   chan heard

	asked, answered, partly, bounced, lost int // questions, and what became of them
}

// heard is what a person is told: something of the bot, or that a question came
// back undelivered.
type heard struct {
	text string
	back bool
}

const (
	waitersLine = "ping all hosts"
	askEvery    = 500 * time.Millisecond
	heardKept   = 64

	// lostAfter is how long a person waits for an answer that may have been lost
	// with the server. The bot itself gives up on hosts sooner.
	lostAfter = 40 * time.Second
)

// waits restarts the server once more while a person waits for an answer that
// was asked for just before, and goes on asking until all hosts answer again.
// It fails if the person was told anything that is not so: all hosts are well,
// and where they are not reached that is the server's doing.
func (s Storm) waits(ctx context.Context, run Run, in *Installation, hosts *swarm.Swarm) (err error) {
	dir, err := os.MkdirTemp("", "adminbot-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	bot, err := in.Target().startBot(ctx, run.Program, dir)
	if err != nil {
		return err
	}
	defer func() { err = joinStop(err, bot) }()
	w, err := newWaiter(in.Target(), s.Hosts)
	if err != nil {
		return err
	}
	return beside(ctx, w.session.Run, func(ctx context.Context) error {
		if err := w.untilAll(ctx); err != nil {
			return err
		}
		run.Progress("the server is restarted while a person waits")
		if err := w.ask(ctx); err != nil {
			return err
		}
		restarted := make(chan error, 1)
		go func() { restarted <- in.Restart(ctx) }() // ends with ctx, or sooner
		err := w.listen(ctx)
		err = errors.Join(err, <-restarted)
		if err != nil {
			return err
		}
		if err := hosts.Ready(ctx); err != nil {
			return err
		}
		if err := w.untilAll(ctx); err != nil {
			return err
		}
		run.Progress(fmt.Sprintf("the person asked %d times: %d answers, %d of them about a part, %d not delivered, %d lost with the server; nothing untrue",
			w.asked, w.answered, w.partly, w.bounced, w.lost))
		return nil
	})
}

func newWaiter(t Target, hosts int) (*waiter, error) {
	login, err := t.login("desk")
	if err != nil {
		return nil, err
	}
	bot, err := jid.New(t.Bot, t.Domain, "")
	if err != nil {
		return nil, err
	}
	cfg := login(t.Users[0])
	cfg.Presence = func() (stanza.Presence, xml.TokenReader) { return stanza.Presence{}, nil }
	w := &waiter{hosts: hosts, session: link.New(cfg), bot: bot, heard: make(chan heard, heardKept)}
	w.session.HandleMessage(func(ctx context.Context, m stanza.Message, r xml.TokenReader) {
		h := heard{text: bodyOf(r), back: m.Type == stanza.ErrorMessage}
		if !m.From.Bare().Equal(bot) || h.text == "" && !h.back {
			return
		}
		select {
		case w.heard <- h:
		case <-ctx.Done():
		}
	})
	return w, nil
}

// untilAll asks until all hosts answer.
func (w *waiter) untilAll(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, 3*patience, errors.New("bench: not all hosts answer the person"))
	defer cancel()
	for {
		if !w.session.Up() {
			if err := sleep(ctx, stormLook); err != nil {
				return err
			}
			continue
		}
		before := w.answered - w.partly
		if err := w.ask(ctx); err != nil {
			return err
		}
		if err := w.listen(ctx); err != nil || w.answered-w.partly > before {
			return err
		}
		if err := sleep(ctx, askEvery); err != nil {
			return err
		}
	}
}

// ask sends the question. That it did not leave is the truth, too.
func (w *waiter) ask(ctx context.Context) error {
	body := xmlstream.Wrap(xmlstream.Token(xml.CharData(waitersLine)), xml.StartElement{Name: xml.Name{Local: "body"}})
	w.asked++
	if err := w.session.Send(ctx, stanza.Message{To: w.bot, Type: stanza.ChatMessage}.Wrap(body)); err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		select {
		case w.heard <- heard{back: true}:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// listen waits for what becomes of a question.
func (w *waiter) listen(ctx context.Context) error {
	late := time.NewTimer(lostAfter)
	defer late.Stop()
	for {
		select {
		case h := <-w.heard:
			if h.back {
				w.bounced++
				return nil
			}
			final, all, err := judge(h.text, w.hosts)
			if err != nil {
				return err
			}
			if final {
				if w.answered++; !all {
					w.partly++
				}
				return nil
			}
		case <-late.C:
			w.lost++
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

var (
	pinged = regexp.MustCompile(`^([✔⚠✖]) (\d+)/(\d+) hosts answer`)
	wrong  = regexp.MustCompile(`(?i)\b(offline|dead)\b`)
)

// judge reports whether a text of the bot is an answer and no word about its
// progress, and whether it is about all hosts. It is an error if the text is not
// so: hosts that come back are neither offline nor dead, and the counts must be
// those of the mark.
func judge(text string, hosts int) (final, all bool, err error) {
	untrue := func(why string) error {
		return fmt.Errorf("bench: the person was told what is not so: %s:\n%s", why, text)
	}
	if word := wrong.FindString(text); word != "" {
		return false, false, untrue("no host is " + strings.ToLower(word))
	}
	if strings.HasPrefix(text, "…") {
		return false, false, nil
	}
	m := pinged.FindStringSubmatch(text)
	if m == nil {
		if strings.HasPrefix(text, "✔") {
			return false, false, untrue("that answers another question")
		}
		return true, false, nil
	}
	n, err1 := strconv.Atoi(m[2])
	of, err2 := strconv.Atoi(m[3])
	if err := errors.Join(err1, err2); err != nil {
		return false, false, err
	}
	switch mark := m[1]; {
	case of != hosts:
		return false, false, untrue(fmt.Sprintf("there are %d hosts", hosts))
	case n > of || (mark == "✔") != (n == of) || (mark == "✖") != (n == 0):
		return false, false, untrue("the mark does not fit the count")
	}
	return true, n == of, nil
}
