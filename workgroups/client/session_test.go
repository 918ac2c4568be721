package client_test

import (
	"context"
	"encoding/xml"
	"errors"
	"sync"
	"testing"
	"testing/synctest"

	"mellium.im/xmpp/stanza"

	"adminbot/workgroups"
	"adminbot/workgroups/client"
)

// A running is a peer as a session.
type running struct {
	*peer
	fails chan error
	up    func(context.Context)

	lock  sync.Mutex
	ended bool
	late  int // stanzas that were sent after that
}

func (r *running) HandleIQ(_ xml.Name, h func(context.Context, stanza.IQ, xml.TokenReader) (xml.TokenReader, error)) {
	r.iq = h
}
func (r *running) HandlePresence(h func(context.Context, stanza.Presence, xml.TokenReader)) {
	r.pres = h
}
func (r *running) HandleMessage(h func(context.Context, stanza.Message, xml.TokenReader)) { r.msg = h }
func (r *running) OnUp(f func(context.Context))                                           { r.up = f }
func (r *running) OnDown(func(error))                                                     {}

func (r *running) Send(ctx context.Context, t xml.TokenReader) error {
	r.lock.Lock()
	if r.ended {
		r.late++
	}
	r.lock.Unlock()
	return r.peer.Send(ctx, t)
}

func (r *running) Run(ctx context.Context) error {
	r.up(ctx)
	defer func() {
		r.lock.Lock()
		defer r.lock.Unlock()
		r.ended = true
	}()
	select {
	case <-ctx.Done():
		return nil
	case err := <-r.fails:
		return err
	}
}

// A bot serves until it is to end, and says goodbye while it has a session; or until
// there is no session any more.
func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		start := func() (r *running, stop func(), done chan error) {
			r = &running{peer: w.x.connect(t, "alice@example.com/bot"), fails: make(chan error, 1)}
			ctx, stop := context.WithCancel(t.Context())
			done = make(chan error, 1)
			go func() { done <- client.Run(ctx, r, alerts, accept(make(chan any, 10))) }()
			synctest.Wait()
			return r, stop, done
		}
		r, stop, done := start()
		id := w.raise("disk full")
		synctest.Wait()
		w.wants(id, workgroups.Assigned, "alice@example.com")
		stop()
		if err := <-done; err != nil || !r.ended || r.late > 0 {
			t.Errorf("it ended with %v, its session: %t; %d stanzas came later", err, r.ended, r.late)
		}
		r, stop, done = start()
		defer stop()
		r.fails <- errors.New("no such account")
		if err := <-done; err == nil || err.Error() != "no such account" {
			t.Errorf("without a session it ended with %v", err)
		}
	})
}
