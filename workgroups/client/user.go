package client

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/stanza"

	"adminbot/internal/xmpp/disco"
	"adminbot/internal/xmpp/element"
	"adminbot/internal/xmpp/form"
	"adminbot/workgroups"
)

// A Request is what somebody who queues says (XEP-0142#proto-user-join).
type Request struct {
	Answers map[string]string // to the workgroup's form, by field; see [Client.Form]
	Data    xml.TokenReader   // further elements, in namespaces of their own; nil: none
	Told    func(Place)       // nil: the workgroup is not asked to tell; it must not block
}

// A Place is that of a user in a queue (XEP-0142#proto-user-status).
type Place struct {
	Position int           // 0: it is the user's turn
	Time     time.Duration // as the workgroup estimates
}

// A Form is what a workgroup wants to know of those who queue.
type Form struct {
	Title        string
	Instructions string
	Fields       []workgroups.FormField
}

// A ticket is the time in a queue.
type ticket struct {
	said func(Place)
	out  chan outcome // holds one
}

type outcome struct {
	inv Invitation
	err error
}

// Queue joins the queue of a workgroup and waits there for the invitation. When ctx
// ends it leaves the queue. The error wraps a [stanza.Error] if the workgroup lets
// nobody in: not-acceptable, if there is a form to fill in; and [ErrLeft] if
// somebody else has taken this user out.
func (c *Client) Queue(ctx context.Context, workgroup jid.JID, r Request) (Invitation, error) {
	workgroup = workgroup.Bare()
	t := &ticket{said: r.Told, out: make(chan outcome, 1)}
	key := workgroup.String()
	c.mu.Lock()
	if c.queued[key] != nil || c.serving[key] != nil {
		c.mu.Unlock()
		return Invitation{}, fmt.Errorf("%w: %s", ErrServing, workgroup)
	}
	c.queued[key] = t
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.queued, key)
	}()
	payload, err := r.element()
	if err != nil {
		return Invitation{}, err
	}
	if _, err := c.request(ctx, stanza.SetIQ, workgroup, payload); err != nil {
		if ctx.Err() != nil { // the workgroup may have heard it all the same
			err = c.depart(ctx, workgroup)
		}
		return Invitation{}, err
	}
	select {
	case o := <-t.out:
		o.inv.Workgroup = workgroup
		return o.inv, o.err
	case <-ctx.Done():
		return Invitation{}, c.depart(ctx, workgroup)
	}
}

// depart leaves the queue; the error says that ctx has ended, and, if the
// workgroup did not hear it, that too.
func (c *Client) depart(ctx context.Context, workgroup jid.JID) error {
	last, cancel := parting(ctx)
	defer cancel()
	err := c.Remove(last, workgroup, jid.JID{})
	var refused stanza.Error
	if err != nil && !(errors.As(err, &refused) && refused.Condition == stanza.ItemNotFound) { // not in it any more
		return fmt.Errorf("%w, and the queue was not left: %w", context.Cause(ctx), err)
	}
	return context.Cause(ctx)
}

func (r *Request) element() (*element.Element, error) {
	e := element.New(workgroups.NS, "join-queue")
	if r.Told != nil {
		e.Add(element.New(workgroups.NS, "queue-notifications"))
	}
	if len(r.Answers) > 0 {
		e.Add(form.Submit(r.Answers).Element())
	}
	if r.Data != nil {
		all, err := element.ReadAll(r.Data)
		if err != nil {
			return nil, fmt.Errorf("workgroups/client: the request's data: %w", err)
		}
		e.Add(all...)
	}
	return e, nil
}

// told takes what a workgroup says to who queues.
func (t *ticket) told(children []*element.Element) {
	for _, e := range children {
		if e.Name.Space != workgroups.NS {
			continue
		}
		switch e.Name.Local {
		case "queue-status":
			if p, ok := parsePlace(e); ok && t.said != nil {
				t.said(p)
			}
		case "depart-queue":
			t.end(Invitation{}, ErrLeft)
		}
	}
}

func (t *ticket) end(inv Invitation, err error) {
	select {
	case t.out <- outcome{inv, err}:
	default: // it has ended
	}
}

func parsePlace(e *element.Element) (Place, bool) {
	at, ok := number(e.ChildText("position"))
	return Place{Position: at, Time: seconds(e.ChildText("time"))}, ok
}

// Place asks a workgroup for this user's place in its queue. The error wraps a
// [stanza.Error]: not-authorized, if the user does not queue there.
func (c *Client) Place(ctx context.Context, workgroup jid.JID) (Place, error) {
	e, err := c.request(ctx, stanza.GetIQ, workgroup.Bare(), element.New(workgroups.NS, "queue-status"))
	if err != nil {
		return Place{}, err
	}
	if e != nil {
		if p, ok := parsePlace(e); ok {
			return p, nil
		}
	}
	return Place{}, fmt.Errorf("workgroups/client: %s does not say the place", workgroup.Bare())
}

// Form asks a workgroup what it wants to know of those who queue.
func (c *Client) Form(ctx context.Context, workgroup jid.JID) (Form, error) {
	e, err := c.request(ctx, stanza.GetIQ, workgroup.Bare(), element.New(workgroups.NS, "join-queue"))
	if err != nil || e == nil {
		return Form{}, err
	}
	x, _ := form.Find(e.Children)
	f := Form{Title: x.Title, Instructions: x.Instructions}
	for _, field := range x.Fields {
		if field.Var == "" || field.Type == "hidden" || field.Type == "fixed" {
			continue
		}
		asked := workgroups.FormField{Var: field.Var, Label: field.Label, Required: field.Required}
		for _, o := range field.Options {
			asked.Options = append(asked.Options, strings.TrimSpace(o.Value))
		}
		f.Fields = append(f.Fields, asked)
	}
	return f, nil
}

// Remove takes a user out of the queue of a workgroup, which has to allow it; the
// zero address is this user.
func (c *Client) Remove(ctx context.Context, workgroup, user jid.JID) error {
	e := element.New(workgroups.NS, "depart-queue").AddText("jid", user.String())
	_, err := c.request(ctx, stanza.SetIQ, workgroup.Bare(), e)
	return err
}

// A Workgroup is one that a service has.
type Workgroup struct {
	JID         jid.JID
	Name        string
	Description string
	Online      string // open, active, ready or closed, as the service says; empty: not said
}

// maxWorkgroups bounds what is believed of a service.
const maxWorkgroups = 100

// Workgroups asks a service, such as workgroup.example.net, for its workgroups
// (XEP-0142#disco).
func (c *Client) Workgroups(ctx context.Context, service jid.JID) ([]Workgroup, error) {
	e, err := c.request(ctx, stanza.GetIQ, service, element.New(disco.NSItems, "query"))
	if err != nil || e == nil {
		return nil, err
	}
	items, err := disco.ParseItems(e)
	if err != nil {
		return nil, fmt.Errorf("workgroups/client: %s: %w", service, err)
	}
	var all []Workgroup
	for _, item := range items[:min(len(items), maxWorkgroups)] {
		w := Workgroup{JID: item.JID, Name: item.Name}
		e, err := c.request(ctx, stanza.GetIQ, item.JID, disco.Query(""))
		if err != nil || e == nil {
			return all, err
		}
		info, err := disco.Parse(e)
		if err != nil || !slices.ContainsFunc(info.Identities, func(i disco.Identity) bool { return i.Category == "collaboration" && i.Type == "workgroup" }) {
			continue // something else
		}
		for _, f := range info.Forms {
			for _, field := range f.Fields {
				switch {
				case f.Type != workgroups.NS+"#workgroupinfo" || len(field.Values) == 0:
				case field.Var == "workgroup#description":
					w.Description = field.Values[0]
				case field.Var == "workgroup#online":
					w.Online = field.Values[0]
				}
			}
		}
		all = append(all, w)
	}
	return all, nil
}
