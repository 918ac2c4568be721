package main

import (
	"context"
	"sync"
	"time"

	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/stanza"

	"adminbot/internal/link"
	"adminbot/internal/xmpp/disco"
	"adminbot/internal/xmpp/element"
)

// How long a client is waited for when it is asked what it can do, how long its
// answer holds, and of how many that is remembered.
const (
	clientAnswers = time.Second
	clientHolds   = 10 * time.Minute
	maxClients    = 1024
)

// nsCorrect is what clients say that show corrected messages (XEP-0308#disco).
const nsCorrect = "urn:xmpp:message-correct:0"

// clients know what the clients of people can do. Safe for concurrent use.
type clients struct {
	session *link.Session
	now     func() time.Time

	mu    sync.Mutex
	known map[string]abilities // by full address
}

type abilities struct {
	correct bool
	asked   time.Time
}

// correct reports whether the client at the full address shows corrections in
// place. One that does not say so, or not in time, does not.
func (c *clients) correct(ctx context.Context, at jid.JID) bool {
	key := at.String()
	c.mu.Lock()
	a, ok := c.known[key]
	c.mu.Unlock()
	if ok && c.now().Sub(a.asked) < clientHolds {
		return a.correct
	}
	a = abilities{correct: c.ask(ctx, at).Has(nsCorrect), asked: c.now()}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.known == nil || len(c.known) >= maxClients {
		c.known = map[string]abilities{}
	}
	c.known[key] = a
	return a.correct
}

// ask is disco#info (XEP-0030#info); nothing if there is no answer.
func (c *clients) ask(ctx context.Context, at jid.JID) disco.Info {
	ctx, cancel := context.WithTimeout(ctx, clientAnswers)
	defer cancel()
	_, r, err := c.session.RoundTripIQ(ctx, stanza.IQ{Type: stanza.GetIQ, To: at}, disco.Query("").TokenReader())
	if err != nil {
		return disco.Info{}
	}
	query, err := element.Read(r)
	if err != nil {
		return disco.Info{}
	}
	info, err := disco.Parse(query)
	if err != nil {
		return disco.Info{}
	}
	return info
}
