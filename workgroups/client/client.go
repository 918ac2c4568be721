// Package client is the other side of XEP-0142: a program that serves workgroups
// as an agent, or that queues in one as a user. Any service that speaks the
// protocol will do, the one of package workgroups among them.
//
// Make a [Client] with [New], hand it the stanzas that arrive
// ([Client.HandleIQ], [Client.HandlePresence], [Client.HandleMessage]), and tell
// it of sessions that come and go ([Client.Connected], [Client.Disconnected]). [On]
// does all of that for a session that is the client's own; [Run] is a whole bot.
//
// # Agents
//
// [Client.Serve] joins a workgroup and stays until its context ends. Each offer is
// a call of [Agent.Offered], on a goroutine of its own, whose context ends when
// the offer does: it is revoked, or its time is over. Whoever wants the offer says
// [Offer.Accept] there and goes on when it returns; returning without a word
// declines.
//
// # Users
//
// [Client.Queue] joins the queue and returns with the invitation; its context's
// end leaves the queue. [Client.Place] asks for the place, [Client.Form] what has
// to be said.
package client

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/stanza"

	"adminbot/internal/xmpp/element"
	"adminbot/workgroups"
)

// A Wire carries stanzas of the program's session.
//
// RoundTripIQ reads payload when it writes the stanza, and not after it has
// returned; its error wraps a [stanza.Error] if the peer answered with one. Send
// writes one whole stanza. Both may be called from any goroutine.
type Wire interface {
	RoundTripIQ(ctx context.Context, iq stanza.IQ, payload xml.TokenReader) (stanza.IQ, xml.TokenReader, error)
	Send(ctx context.Context, stanza xml.TokenReader) error
}

// Errors that others are wrapped in, with the workgroup.
var (
	ErrRefused = errors.New("workgroups/client: the workgroup does not take this account as an agent")
	ErrServing = errors.New("workgroups/client: the workgroup is served, or queued in, already")
	ErrLeft    = errors.New("workgroups/client: taken out of the queue")
)

// Config is what a client is made of. Wire is needed.
type Config struct {
	Wire Wire
	Log  *slog.Logger // nil discards

	// Rooms says whose rooms a workgroup may invite into: rooms invite in the name
	// of whoever asked them to, and anybody can claim to be a room. Nil: rooms of
	// services beside that of the workgroup, such as rooms.example.net beside
	// workgroup.example.net.
	Rooms func(workgroup, room jid.JID) bool
}

// A Client is the workgroups of one session. Its methods are safe for concurrent
// use.
type Client struct {
	cfg Config
	log *slog.Logger

	mu      sync.Mutex
	serving map[string]*service // by the workgroup's address
	queued  map[string]*ticket  // by the workgroup's address
}

// New makes a client.
func New(cfg Config) *Client {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Rooms == nil {
		cfg.Rooms = beside
	}
	return &Client{cfg: cfg, log: cfg.Log, serving: map[string]*service{}, queued: map[string]*ticket{}}
}

// beside reports whether the room's service and the workgroup's are those of one
// domain.
func beside(workgroup, room jid.JID) bool {
	_, domain, ok := strings.Cut(workgroup.Domainpart(), ".")
	_, rooms, under := strings.Cut(room.Domainpart(), ".")
	return ok && under && domain == rooms && room.Localpart() != ""
}

// Connected tells the client that there is a session: the workgroups are told of
// the agent at once, not at the next try.
func (c *Client) Connected() {
	for _, s := range c.all() {
		s.soon(0)
	}
}

// Disconnected tells the client that its session is gone: the workgroups forget
// the agent. Offers that were not taken are over. It is called before there is
// another session.
func (c *Client) Disconnected(error) {
	for _, s := range c.all() {
		s.disconnected()
	}
}

func (c *Client) all() []*service {
	c.mu.Lock()
	defer c.mu.Unlock()
	var all []*service
	for _, s := range c.serving {
		all = append(all, s)
	}
	return all
}

// of is the service of a workgroup; nil if the client does not serve it.
func (c *Client) of(workgroup jid.JID) *service {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.serving[workgroup.Bare().String()]
}

func (c *Client) ticket(workgroup jid.JID) *ticket {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.queued[workgroup.Bare().String()]
}

// HandleIQ answers a request of a workgroup. R yields the payload, which is in
// the namespace [workgroups.NS]. The error is a [stanza.Error].
func (c *Client) HandleIQ(_ context.Context, iq stanza.IQ, r xml.TokenReader) (xml.TokenReader, error) {
	e, err := element.Read(r)
	if err != nil {
		return nil, stanza.Error{Type: stanza.Modify, Condition: stanza.BadRequest}
	}
	s := c.of(iq.From)
	if s == nil || iq.Type != stanza.SetIQ { // nothing is told to strangers
		return nil, stanza.Error{Type: stanza.Cancel, Condition: stanza.ServiceUnavailable}
	}
	switch e.Name.Local {
	case "offer":
		return nil, s.offered(e)
	case "offer-revoke":
		s.revoked(e)
		return nil, nil
	case "agent-status-request": // Fastpath: agents who came and went
		s.listed(e, false)
		return nil, nil
	}
	return nil, stanza.Error{Type: stanza.Cancel, Condition: stanza.FeatureNotImplemented}
}

// HandlePresence takes presence of a workgroup, and of its other agents. R yields
// the children.
func (c *Client) HandlePresence(_ context.Context, p stanza.Presence, r xml.TokenReader) {
	children, err := element.ReadAll(r)
	if err != nil {
		return
	}
	if s := c.of(p.From); s != nil {
		s.present(p, children)
		return
	}
	if status := find(children, workgroups.NS, "agent-status"); status != nil {
		for _, s := range c.all() {
			s.colleague(p, status, children)
		}
	}
}

// HandleMessage takes invitations, and what a workgroup tells those who queue. R
// yields the children.
func (c *Client) HandleMessage(_ context.Context, m stanza.Message, r xml.TokenReader) {
	children, err := element.ReadAll(r)
	if err != nil || m.Type == stanza.ErrorMessage {
		return
	}
	if inv, ok := parseInvitation(m.From, children); ok && (inv.Room.Equal(jid.JID{}) || inv.own || c.cfg.Rooms(inv.Workgroup, inv.Room)) {
		if s := c.of(inv.Workgroup); s != nil && s.invited(inv) {
			return
		}
		if t := c.ticket(inv.Workgroup); t != nil {
			t.end(inv, nil)
		}
		return
	}
	if t := c.ticket(m.From); t != nil {
		t.told(children)
	}
}

// request sends a request to a workgroup and returns the payload of its result,
// nil if there is none.
func (c *Client) request(ctx context.Context, typ stanza.IQType, to jid.JID, payload *element.Element) (*element.Element, error) {
	_, r, err := c.cfg.Wire.RoundTripIQ(ctx, stanza.IQ{Type: typ, To: to}, payload.TokenReader())
	if err != nil {
		return nil, fmt.Errorf("workgroups/client: %s: %w", to, err)
	}
	if r == nil {
		return nil, nil
	}
	all, err := element.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("workgroups/client: the answer of %s: %w", to, err)
	}
	if len(all) == 0 {
		return nil, nil
	}
	return all[0], nil
}

// goodbye bounds what is said when there is no time any more.
const goodbye = 5 * time.Second

// parting is a context for the last words of what ctx was for.
func parting(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), goodbye)
}

func find(all []*element.Element, space, local string) *element.Element {
	for _, e := range all {
		if e.Name.Space == space && e.Name.Local == local {
			return e
		}
	}
	return nil
}
