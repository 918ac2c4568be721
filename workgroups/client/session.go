package client

import (
	"context"
	"encoding/xml"

	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/stanza"

	"adminbot/workgroups"
)

// A Session is one of an account, which connects again by itself. Handlers are set
// before Run, which runs it until ctx ends, and then returns nil.
type Session interface {
	Wire
	HandleIQ(name xml.Name, h func(context.Context, stanza.IQ, xml.TokenReader) (xml.TokenReader, error))
	HandlePresence(func(context.Context, stanza.Presence, xml.TokenReader))
	HandleMessage(func(context.Context, stanza.Message, xml.TokenReader))
	OnUp(func(context.Context))
	OnDown(func(error))
	Run(context.Context) error
}

// On makes the client of a session that is for nothing else, as far as messages and
// presence go. The session is not running yet. It becomes the wire of the client.
func On(s Session, cfg Config) *Client {
	cfg.Wire = s
	c := New(cfg)
	s.HandleIQ(xml.Name{Space: workgroups.NS}, c.HandleIQ)
	s.HandlePresence(c.HandlePresence)
	s.HandleMessage(c.HandleMessage)
	s.OnUp(func(context.Context) { c.Connected() })
	s.OnDown(c.Disconnected)
	return c
}

// Run is a bot of one workgroup: it runs a session and serves through it until ctx
// ends, or either gives up; see [Client.Serve]. What else answers on the session is
// set before.
func Run(ctx context.Context, s Session, workgroup jid.JID, a Agent) error {
	c := On(s, Config{})
	alive, hangUp := context.WithCancel(context.WithoutCancel(ctx)) // until the agent has said goodbye
	defer hangUp()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan error, 1)
	go func() {
		defer stop()
		ended <- s.Run(alive)
	}()
	err := c.Serve(ctx, workgroup, a)
	hangUp()
	if lost := <-ended; err == nil {
		err = lost
	}
	return err
}
