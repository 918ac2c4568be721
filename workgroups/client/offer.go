package client

import (
	"context"
	"fmt"
	"slices"
	"time"

	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/stanza"

	"adminbot/internal/xmpp/element"
	"adminbot/workgroups"
)

// An Offer is somebody, or something, held out to an agent
// (XEP-0142#proto-agent-offer). Its methods are safe for concurrent use, while
// [Agent.Offered] runs with it.
type Offer struct {
	Workgroup jid.JID
	User      jid.JID           // who it is about
	Session   string            // the same by another name; empty: XEP-0142 alone is spoken
	Expires   time.Time         // zero: not said
	Metadata  map[string]string // about the user: of an alert summary, host, severity, label.mount and so on

	s       *service
	invited chan Invitation
	ended   chan struct{}

	// Under the mutex of s.
	state  offerState
	why    error
	cancel context.CancelCauseFunc // nil: nobody has begun with it
}

type offerState int

const (
	open      offerState = iota
	accepting            // the workgroup has not invited yet
	taken                // it has
	answered             // rejected
	over                 // and why
)

// A RevokedError says why an offer is over.
type RevokedError struct {
	Workgroup, User jid.JID
	Reason          string
}

// Error returns the message.
func (e *RevokedError) Error() string {
	return fmt.Sprintf("workgroups/client: the offer of %s by %s is over: %s", e.User, e.Workgroup, e.Reason)
}

// offered takes an offer. The protocol lets an agent answer with nothing but a
// result (XEP-0142#proto-agent-offer); what is no offer, and what there is no room
// for, is an error all the same.
func (s *service) offered(e *element.Element) error {
	user, err := jid.Parse(e.Get("jid"))
	if err != nil {
		return stanza.Error{Type: stanza.Modify, Condition: stanza.BadRequest}
	}
	o := &Offer{
		Workgroup: s.addr, User: user, Session: e.Get("id"), Metadata: metadata(e),
		s: s, invited: make(chan Invitation, 1), ended: make(chan struct{}),
	}
	if session := e.Child(workgroups.NSJive, "session"); session != nil && o.Session == "" {
		o.Session = session.Get("id")
	}
	if within := seconds(e.ChildText("timeout")); within > 0 {
		o.Expires = time.Now().Add(within)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, same := range s.offers {
		switch {
		case !o.same(same):
		case same.state == open || same.state == accepting:
			return nil // it was sent again
		default:
			same.finish("it is offered anew")
		}
	}
	if len(s.offers) == maxOffers {
		return stanza.Error{Type: stanza.Wait, Condition: stanza.ResourceConstraint}
	}
	s.offers = append(s.offers, o)
	s.incoming <- o // has room for all
	return nil
}

// same reports whether p is about the same.
func (o *Offer) same(p *Offer) bool {
	return o.User.Equal(p.User) || o.Session != "" && o.Session == p.Session
}

// those are the offers of which is, which is called under the mutex, is true.
func (s *service) those(is func(*Offer) bool) []*Offer {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []*Offer
	for _, o := range s.offers {
		if is(o) {
			all = append(all, o)
		}
	}
	return all
}

// handle has the agent look at an offer.
func (s *service) handle(ctx context.Context, o *Offer) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer s.forget(o)
	if !o.begin(cancel) {
		return
	}
	if !o.Expires.IsZero() { // the revoke may have been lost
		timer := time.AfterFunc(time.Until(o.Expires)+expirySlop, func() {
			if o.is(open) {
				o.end("its time is over")
			}
		})
		defer timer.Stop()
	}
	if s.agent.Offered != nil {
		s.agent.Offered(ctx, o)
	}
	if !o.is(open) {
		return
	}
	ctx, done := parting(ctx)
	defer done()
	if err := o.Reject(ctx); err != nil {
		s.c.log.DebugContext(ctx, "an offer was not declined, its time will end", "user", o.User, "err", err)
	}
}

func (o *Offer) begin(cancel context.CancelCauseFunc) bool {
	o.s.mu.Lock()
	defer o.s.mu.Unlock()
	o.cancel = cancel
	return o.state != over
}

func (s *service) forget(o *Offer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.offers = slices.DeleteFunc(s.offers, func(p *Offer) bool { return p == o })
}

func (o *Offer) is(state offerState) bool {
	o.s.mu.Lock()
	defer o.s.mu.Unlock()
	return o.state == state
}

// move changes the state; the error is why it cannot.
func (o *Offer) move(from, to offerState) error {
	o.s.mu.Lock()
	defer o.s.mu.Unlock()
	switch o.state {
	case from:
		o.state = to
		return nil
	case over:
		return o.why
	}
	return fmt.Errorf("workgroups/client: the offer of %s was answered already", o.User)
}

// end ends an offer.
func (o *Offer) end(reason string) {
	o.s.mu.Lock()
	defer o.s.mu.Unlock()
	o.finish(reason)
}

// finish is end under the mutex.
func (o *Offer) finish(reason string) {
	if o.state == over {
		return
	}
	o.state, o.why = over, &RevokedError{Workgroup: o.Workgroup, User: o.User, Reason: reason}
	close(o.ended)
	if o.cancel != nil {
		o.cancel(o.why)
	}
}

// revoked takes the workgroup's word that an offer is over.
func (s *service) revoked(e *element.Element) {
	user, _ := jid.Parse(e.Get("jid"))
	named := &Offer{User: user, Session: e.Get("id")}
	reason := words(e.ChildText("reason"))
	if reason == "" {
		reason = "the workgroup says so"
	}
	for _, o := range s.those(named.same) {
		o.end(reason)
	}
}

// invited gives an invitation to the offer that it is about; false: there is none.
func (s *service) invited(inv Invitation) bool {
	named := &Offer{User: inv.User, Session: inv.Session}
	accepted := s.those(func(o *Offer) bool { return o.state == accepting })
	for _, o := range accepted {
		if named.same(o) || inv.User.Equal(jid.JID{}) && inv.Session == "" && len(accepted) == 1 {
			if o.move(accepting, taken) == nil {
				o.invited <- inv
			}
			return true
		}
	}
	return false
}

// Accept takes what is offered and waits for the workgroup's invitation
// (XEP-0142#proto-agent-accept). The error wraps a [RevokedError] if somebody else
// was quicker; with any other it is not known whose it is, and the offer may be
// accepted again, or is declined when [Agent.Offered] returns.
func (o *Offer) Accept(ctx context.Context) (Invitation, error) {
	if err := o.move(open, accepting); err != nil {
		return Invitation{}, err
	}
	if err := o.tell(ctx, "offer-accept"); err != nil {
		return Invitation{}, o.again(err)
	}
	timer := time.NewTimer(inviteTime)
	defer timer.Stop()
	select {
	case inv := <-o.invited:
		inv.Workgroup, inv.User, inv.Session = o.Workgroup, o.User, o.Session
		return inv, nil
	case <-o.ended:
		return Invitation{}, o.again(nil)
	case <-timer.C:
		return Invitation{}, o.again(fmt.Errorf("workgroups/client: %s has sent no invitation within %s", o.Workgroup, inviteTime))
	case <-ctx.Done():
		return Invitation{}, o.again(context.Cause(ctx))
	}
}

// again makes an offer open again after an accept that failed, unless it is over.
func (o *Offer) again(err error) error {
	if why := o.move(accepting, open); why != nil {
		return why
	}
	return err
}

// Reject declines the offer (XEP-0142#proto-agent-reject).
func (o *Offer) Reject(ctx context.Context) error {
	if err := o.move(open, answered); err != nil {
		return err
	}
	return o.tell(ctx, "offer-reject")
}

func (o *Offer) tell(ctx context.Context, verb string) error {
	_, err := o.s.c.request(ctx, stanza.SetIQ, o.Workgroup, element.New(workgroups.NS, verb, "id", o.Session, "jid", o.User.String()))
	return err
}
