package client

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"time"

	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/stanza"

	"adminbot/internal/xmpp/element"
	"adminbot/workgroups"
)

// An Agent is what a program does in a workgroup. Its functions may be nil.
type Agent struct {
	Presence Presence

	// Offered is called with each offer, on a goroutine of its own. Its context ends
	// with the offer, with a [RevokedError] as its cause; of one that was accepted,
	// when the workgroup offers the same anew, or [Client.Serve] ends. Returning
	// without an answer declines.
	Offered func(ctx context.Context, o *Offer)

	// Changed is told how the workgroup stands, and Seen how its other agents do.
	// Both are called one at a time, by whoever hands stanzas to the client, and must
	// not block.
	Changed func(Status)
	Seen    func(Colleague)
}

// Presence is how an agent is (XEP-0142#proto-agent-presence).
type Presence struct {
	Show   workgroups.Show
	Status string // in words
	Max    int    // offers and chats at a time; 0: as the workgroup has it
}

// Bounds and waits of a service.
const (
	maxOffers  = 256             // of a workgroup, open or taken; more are refused
	joinFirst  = 5 * time.Second // for the workgroup's word, before presence is sent again
	joinLast   = 5 * time.Minute // the same, after many times
	inviteTime = time.Minute     // from the workgroup's result to its invitation
	expirySlop = 10 * time.Second
)

// A service is a workgroup that is served.
type service struct {
	c     *Client
	addr  jid.JID
	agent Agent

	again    chan time.Duration // send presence then
	refusal  chan stanza.Error
	incoming chan *Offer

	telling sync.Mutex // held while Changed or Seen is called

	mu         sync.Mutex
	presence   Presence
	status     Status
	colleagues map[string]bool // bare addresses
	offers     []*Offer
}

// Serve joins a workgroup as an agent and serves it until ctx ends; then it leaves,
// waits for all that [Agent.Offered] does, and returns nil. While the workgroup
// cannot be reached it tries again. The error wraps [ErrRefused] if the workgroup
// does not take this account.
func (c *Client) Serve(ctx context.Context, workgroup jid.JID, a Agent) error {
	s := &service{
		c: c, addr: workgroup.Bare(), agent: a, presence: a.Presence, colleagues: map[string]bool{},
		again: make(chan time.Duration, 1), refusal: make(chan stanza.Error, 1), incoming: make(chan *Offer, maxOffers),
	}
	key := s.addr.String()
	c.mu.Lock()
	if c.serving[key] != nil {
		c.mu.Unlock()
		return fmt.Errorf("%w: %s", ErrServing, s.addr)
	}
	c.serving[key] = s
	c.mu.Unlock()

	ctx, cancel := context.WithCancel(ctx)
	var calls sync.WaitGroup
	defer calls.Wait()
	defer cancel()
	defer func() {
		c.mu.Lock()
		delete(c.serving, key)
		c.mu.Unlock()
		s.leave(ctx)
	}()
	wait := joinFirst
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
			if s.here() {
				continue
			}
			s.announce(ctx)
			timer.Reset(wait)
			wait = min(2*wait, joinLast)
		case in := <-s.again:
			wait = joinFirst
			timer.Reset(in)
		case se := <-s.refusal:
			if se.Type == stanza.Auth {
				return fmt.Errorf("%w: %s (%s)", ErrRefused, s.addr, se.Condition)
			}
			c.log.WarnContext(ctx, "the workgroup is not there, presence is sent again", "to", s.addr, "err", se.Condition)
		case o := <-s.incoming:
			calls.Go(func() { s.handle(ctx, o) })
		case <-ctx.Done():
			return nil
		}
	}
}

// Present changes how the agent is in a workgroup that [Client.Serve] serves.
func (c *Client) Present(workgroup jid.JID, p Presence) {
	s := c.of(workgroup)
	if s == nil {
		return
	}
	s.mu.Lock()
	s.presence = p
	s.status.Here = false // until the workgroup says that it has heard
	s.mu.Unlock()
	s.soon(0)
}

// Agents asks a workgroup for its other agents, by bare addresses. From then on
// [Agent.Seen] is told how they are, if the workgroup does that.
func (c *Client) Agents(ctx context.Context, workgroup jid.JID) ([]jid.JID, error) {
	e, err := c.request(ctx, stanza.GetIQ, workgroup.Bare(), element.New(workgroups.NS, "agent-status-request"))
	if err != nil {
		return nil, err
	}
	var all []jid.JID
	if e != nil {
		all, _ = agentsOf(e)
		if s := c.of(workgroup); s != nil {
			s.listed(e, true)
		}
	}
	return all, nil
}

// agentsOf reads a list of agents; gone are those that it takes out of another.
func agentsOf(e *element.Element) (all, gone []jid.JID) {
	for _, a := range e.Children {
		who, err := jid.Parse(a.Get("jid"))
		switch {
		case a.Name.Local != "agent" || err != nil || len(all) == maxColleagues:
		case a.Get("type") == "remove":
			gone = append(gone, who.Bare())
		default:
			all = append(all, who.Bare())
		}
	}
	return all, gone
}

// listed notes who the other agents are.
func (s *service) listed(e *element.Element, whole bool) {
	all, gone := agentsOf(e)
	s.mu.Lock()
	defer s.mu.Unlock()
	if whole || len(s.colleagues)+len(all) > maxColleagues {
		clear(s.colleagues)
	}
	for _, who := range all {
		s.colleagues[who.String()] = true
	}
	for _, who := range gone {
		delete(s.colleagues, who.String())
	}
}

func (s *service) here() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.status.Here
}

// soon has presence sent again.
func (s *service) soon(in time.Duration) {
	select {
	case s.again <- in:
	default: // it will be
	}
}

// announce sends the agent's presence. If it cannot, it is sent again later.
func (s *service) announce(ctx context.Context) {
	s.mu.Lock()
	p := s.presence
	s.mu.Unlock()
	status := element.New(workgroups.NS, "agent-status")
	if p.Max > 0 {
		status.AddText("max-chats", strconv.Itoa(p.Max))
	}
	e := element.New("", "presence", "to", s.addr.String()).AddText("show", string(p.Show)).AddText("status", p.Status).Add(status)
	if err := s.c.cfg.Wire.Send(ctx, e.TokenReader()); err != nil {
		s.c.log.DebugContext(ctx, "presence was not sent, will be again", "to", s.addr, "err", err)
	}
}

// leave ends all offers and says goodbye.
func (s *service) leave(ctx context.Context) {
	for _, o := range s.those(func(*Offer) bool { return true }) {
		o.end("this agent has left")
	}
	ctx, cancel := parting(ctx)
	defer cancel()
	e := element.New("", "presence", "to", s.addr.String(), "type", "unavailable").Add(element.New(workgroups.NS, "agent-status"))
	if err := s.c.cfg.Wire.Send(ctx, e.TokenReader()); err != nil {
		s.c.log.DebugContext(ctx, "left without a word", "to", s.addr, "err", err)
	}
}

// disconnected lets go of a session. What was accepted may be the agent's still.
func (s *service) disconnected() {
	s.mu.Lock()
	s.status.Here = false
	s.mu.Unlock()
	for _, o := range s.those(func(o *Offer) bool { return o.state != taken }) {
		o.end("the session was lost")
	}
}

// present takes a presence of the workgroup.
func (s *service) present(p stanza.Presence, children []*element.Element) {
	if p.Type == stanza.ErrorPresence {
		select {
		case s.refusal <- refusal(children):
		default:
		}
	}
	if p.Type != stanza.AvailablePresence && p.Type != stanza.UnavailablePresence && p.Type != stanza.ErrorPresence {
		return
	}
	s.telling.Lock()
	defer s.telling.Unlock()
	s.mu.Lock()
	was := s.status.Here
	switch {
	case p.Type == stanza.AvailablePresence:
		s.status.Here = true
	case p.Type == stanza.ErrorPresence || p.From.Resourcepart() == "": // not one queue of several
		s.status.Here = false
	}
	changed := s.status.update(children)
	status := s.status
	s.mu.Unlock()
	if was && !status.Here {
		s.soon(joinFirst)
	}
	if s.agent.Changed != nil && (changed || was != status.Here) {
		s.agent.Changed(status)
	}
}

// refusal is the error of a presence.
func refusal(children []*element.Element) stanza.Error {
	se := stanza.Error{Type: stanza.Cancel, Condition: stanza.UndefinedCondition}
	for _, e := range children {
		if e.Name.Local != "error" {
			continue
		}
		se.Type = stanza.ErrorType(e.Get("type"))
		for _, c := range e.Children {
			if c.Name.Space == stanza.NSError && c.Name.Local != "text" {
				se.Condition = stanza.Condition(c.Name.Local)
			}
		}
	}
	return se
}

// colleague takes the presence of another agent.
func (s *service) colleague(p stanza.Presence, status *element.Element, children []*element.Element) {
	s.mu.Lock()
	known := s.colleagues[p.From.Bare().String()]
	s.mu.Unlock()
	of := status.Get("jid") // Fastpath: of this workgroup
	if !known || of != "" && of != s.addr.String() || s.agent.Seen == nil {
		return
	}
	s.telling.Lock()
	defer s.telling.Unlock()
	s.agent.Seen(parseColleague(p, status, children))
}
