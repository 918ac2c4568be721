package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/stanza"

	"adminbot/bot"
	"adminbot/grammar"
	"adminbot/internal/alertrpc"
	"adminbot/internal/config"
	"adminbot/internal/fleet"
	"adminbot/internal/link"
	"adminbot/internal/xmpp/ping"
	"adminbot/internal/xmpp/roster"
)

// watch feeds roster and presence of the session to the fleet, from the next
// login on. seen is told when the first picture is complete; it may be nil.
func watch(s *link.Session, f *fleet.Fleet, log *slog.Logger, seen func()) {
	s.HandlePresence(f.HandlePresence)
	s.HandleRoster(func(_ context.Context, item roster.Item) { f.Update(contact(item)) })
	s.OnDown(func(error) { f.Down() })
	s.OnUp(func(ctx context.Context) {
		for err := look(ctx, s, f); err != nil; err = look(ctx, s, f) {
			if ctx.Err() == nil {
				log.ErrorContext(ctx, "no picture of the hosts yet", "err", err)
			}
			select {
			case <-time.After(lookAgain):
			case <-ctx.Done(): // the next login looks
				return
			}
		}
		f.Back()
		if seen != nil {
			seen()
		}
	})
}

// learnWorkgroups keeps the fleet told of what the workgroups are called, until
// ctx is done.
func learnWorkgroups(ctx context.Context, alerts bot.Alerts, f *fleet.Fleet, log *slog.Logger) {
	wait := lookAgain
	for {
		var list alertrpc.WorkgroupListResult
		value, err := alerts.Ask(ctx, jid.JID{}, alertrpc.WorkgroupList.Name, nil)
		if err == nil {
			err = value.DecodeKnown(&list)
		}
		if err != nil {
			log.DebugContext(ctx, "what workgroups there are is not known yet", "err", err, "retry", wait)
		} else {
			var names []string
			for _, g := range list.Workgroups {
				names = append(names, g.Name)
			}
			f.SetWorkgroups(names)
			wait = workgroupsAgain
		}
		select {
		case <-time.After(wait):
			wait = min(2*wait, workgroupsAgain)
		case <-ctx.Done():
			return
		}
	}
}

// workgroupsAgain is how often the names of workgroups are asked for: they change
// with the configuration of the alert service.
const workgroupsAgain = 5 * time.Minute

// lookAgain is the wait after a look that failed: most likely the connection
// broke in the middle, and is about to be resumed.
const lookAgain = 2 * time.Second

// fetchRoster tells the fleet who belongs to it.
func fetchRoster(ctx context.Context, s *link.Session, f *fleet.Fleet) error {
	items, err := s.Roster(ctx)
	if err != nil {
		return fmt.Errorf("contact list: %w", err)
	}
	contacts := make([]fleet.Contact, len(items))
	for i, item := range items {
		contacts[i] = contact(item)
	}
	f.SetRoster(contacts)
	return nil
}

// look fetches the roster, says that this session is there, and waits until the
// server has told who else is.
func look(ctx context.Context, s *link.Session, f *fleet.Fleet) error {
	if err := fetchRoster(ctx, s, f); err != nil {
		return err
	}
	if err := s.SendPresence(ctx, stanza.Presence{}, nil); err != nil {
		return err
	}
	if err := s.Barrier(ctx); err != nil {
		return err
	}
	if err := s.Settle(ctx); err != nil {
		return err
	}
	knock(ctx, s, f)
	return s.Settle(ctx)
}

// knocks is how many hosts are asked at a time whether they are there after
// all, knockTime how long that may take for all of them.
const (
	knocks    = 64
	knockTime = 5 * time.Second
)

// knock pings the hosts that were not seen. ejabberd answers a barrier before
// the hosts have answered its presence probes; but a host's presence comes before its
// answer to a ping that was sent later, and of who is not there the server
// says so at once.
func knock(ctx context.Context, s *link.Session, f *fleet.Fleet) {
	ctx, cancel := context.WithTimeout(ctx, knockTime)
	defer cancel()
	var g errgroup.Group
	g.SetLimit(knocks)
	for _, name := range f.Absent() {
		g.Go(func() error {
			if h, ok := f.Find(name); ok && !h.Online { // still
				s.RoundTripIQ(ctx, stanza.IQ{Type: stanza.GetIQ, To: h.Address()}, ping.TokenReader()) // any answer will do
			}
			return nil
		})
	}
	g.Wait()
}

func contact(item roster.Item) fleet.Contact {
	return fleet.Contact{JID: item.JID, Name: item.Name, Groups: item.Groups, Gone: item.Subscription == roster.Remove}
}

// lookAround logs in once and returns the session with a fleet that learn, which
// is look or fetchRoster, has told of the hosts. disconnect ends the session.
func lookAround(ctx context.Context, acct config.Account, log *slog.Logger, learn func(context.Context, *link.Session, *fleet.Fleet) error) (s *link.Session, f *fleet.Fleet, disconnect func(), err error) {
	lc, err := linkConfig(acct, "adminbot-"+strings.ToLower(rand.Text()[:8]), log)
	if err != nil {
		return nil, nil, nil, exit(exitUsage, err)
	}
	collectLate()
	lc.Once = true
	// Nobody speaks to this fleet: it needs no vocabulary.
	f, err = fleet.New(fleet.Config{Log: log, Compile: func(*grammar.Inventory) (*grammar.Lexicon, error) { return nil, nil }})
	if err != nil {
		return nil, nil, nil, err
	}
	s = link.New(lc)
	s.HandlePresence(f.HandlePresence)
	s.HandleRoster(func(_ context.Context, item roster.Item) { f.Update(contact(item)) })
	if disconnect, err = connect(ctx, s); err != nil {
		return nil, nil, nil, err
	}
	if err = learn(ctx, s, f); err == nil {
		err = f.Refresh()
	}
	if err != nil {
		disconnect()
		return nil, nil, nil, exit(exitUnreachable, err)
	}
	return s, f, disconnect, nil
}
