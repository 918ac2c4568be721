package client_test

import (
	"context"
	"encoding/xml"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/stanza"

	"adminbot/internal/xmpp/element"
	"adminbot/workgroups/client"
)

// deaf is a wire that takes everything and answers every request with a result.
type deaf struct{}

func (deaf) Send(context.Context, xml.TokenReader) error { return nil }
func (deaf) RoundTripIQ(_ context.Context, iq stanza.IQ, _ xml.TokenReader) (stanza.IQ, xml.TokenReader, error) {
	return iq, element.TokenReader(), nil
}

// FuzzHandle: whatever a workgroup says, the client goes on: it takes an offer
// after it, and serves until it is told to stop.
func FuzzHandle(f *testing.F) {
	files, err := filepath.Glob("../testdata/*/*.xml")
	if err != nil || len(files) == 0 {
		f.Fatal(err)
	}
	for _, file := range files {
		e := read(&testing.T{}, strings.TrimPrefix(file, "../testdata/"))
		var b strings.Builder
		enc := xml.NewEncoder(&b)
		for r := e.TokenReader(); ; {
			tok, err := r.Token()
			if err != nil {
				break
			}
			enc.EncodeToken(tok)
		}
		enc.Close()
		f.Add(b.String())
	}
	f.Fuzz(func(t *testing.T, text string) {
		e, err := element.Read(xml.NewDecoder(strings.NewReader(text)))
		if err != nil {
			return
		}
		c := client.New(client.Config{Wire: deaf{}})
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		offers := make(chan string, 10)
		joined := make(chan struct{}, 10)
		done := make(chan error, 1)
		go func() {
			done <- c.Serve(ctx, support, client.Agent{
				Changed: func(client.Status) { joined <- struct{}{} },
				Seen:    func(client.Colleague) {},
				Offered: func(_ context.Context, o *client.Offer) { offers <- o.User.String() },
			})
		}()
		hear := func(from jid.JID, e *element.Element) {
			r := func() xml.TokenReader { return element.TokenReader(e.Children...) }
			c.HandleIQ(ctx, stanza.IQ{Type: stanza.SetIQ, From: from}, r())
			c.HandlePresence(ctx, stanza.Presence{From: from, Type: stanza.PresenceType(e.Get("type"))}, r())
			c.HandleMessage(ctx, stanza.Message{From: from}, r())
		}
		here := element.New("", "presence").Add(element.New("http://jabber.org/protocol/workgroup", "notify-queue"))
		for len(joined) == 0 { // until it serves
			hear(support, here)
		}
		hear(support, e)
		hear(jid.MustParse("bob@example.com/work"), e)
		const last = "last@example.net"
		hear(support, element.New("", "iq").Add(element.New("http://jabber.org/protocol/workgroup", "offer", "jid", last)))
		for {
			select {
			case user := <-offers:
				if user != last {
					continue
				}
				cancel()
				if err := <-done; err != nil && !errors.Is(err, client.ErrRefused) {
					t.Error(err)
				}
			case err := <-done: // a refusal ends it
				if !errors.Is(err, client.ErrRefused) {
					t.Errorf("ended: %v", err)
				}
			}
			return
		}
	})
}
