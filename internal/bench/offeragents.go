package bench

import (
	"context"
	"encoding/xml"
	"errors"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"mellium.im/xmpp/stanza"

	"adminbot/internal/link"
	"adminbot/internal/xmpp/element"
	"adminbot/workgroups"
)

// An offered is an offer that an agent's client has.
type offered struct {
	session string // of the alert
	at      time.Time
}

// agents logs in agents of the workgroup, whose presence has a show, and runs do
// while they are there. What they are offered goes to offers.
func (s *alertService) agents(ctx context.Context, names []string, show string, offers chan<- offered, do func(context.Context) error) error {
	login, err := s.target.login("work")
	if err != nil {
		return err
	}
	var sessions []*link.Session
	var here sync.WaitGroup
	for _, name := range names {
		cfg := login(name)
		cfg.Once = true
		cfg.Presence = func() (stanza.Presence, xml.TokenReader) { return stanza.Presence{}, nil }
		l := link.New(cfg)
		l.HandleIQ(xml.Name{Space: workgroups.NS}, func(_ context.Context, _ stanza.IQ, r xml.TokenReader) (xml.TokenReader, error) {
			at := time.Now()
			if e, err := element.Read(r); err == nil && e.Name.Local == "offer" {
				select {
				case offers <- offered{e.Get("id"), at}:
				default: // nobody wants to know
				}
			}
			return nil, nil
		})
		here.Add(1)
		told := sync.OnceFunc(here.Done)
		l.HandlePresence(func(_ context.Context, p stanza.Presence, _ xml.TokenReader) {
			if p.From.Bare().Equal(s.group) {
				told()
			}
		})
		sessions = append(sessions, l)
	}
	serve := func(ctx context.Context) error {
		g, ctx := errgroup.WithContext(ctx)
		for _, l := range sessions {
			g.Go(func() error { return l.Run(ctx) })
		}
		if err := g.Wait(); err != nil && !errors.Is(err, context.Canceled) {
			return err
		}
		return nil
	}
	return beside(ctx, serve, func(ctx context.Context) error {
		for _, l := range sessions {
			select {
			case <-l.Ready():
			case <-ctx.Done():
				return context.Cause(ctx)
			}
			p := element.New("", "presence", "to", s.group.String()).AddText("show", show).Add(element.New(workgroups.NS, "agent-status"))
			if err := l.Send(ctx, p.TokenReader()); err != nil {
				return err
			}
		}
		there := make(chan struct{})
		go func() { here.Wait(); close(there) }() // ends with the answers, or with the program
		select {
		case <-there:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		return do(ctx)
	})
}

// next waits for an offer.
func next(ctx context.Context, offers <-chan offered) (offered, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, patience, errors.New("bench: alerts: an offer did not come"))
	defer cancel()
	select {
	case o := <-offers:
		return o, nil
	case <-ctx.Done():
		return offered{}, context.Cause(ctx)
	}
}
