package workgroups

import (
	"context"
	"slices"
	"strings"

	"adminbot/internal/xmpp/element"
	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/stanza"
)

// askFastpath answers what clients of the Fastpath family ask beyond XEP-0142:
// what helps with an alert is done, the rest is refused at once, so that nobody
// waits.
func (s *Service) askFastpath(ctx context.Context, g *Workgroup, iq stanza.IQ, e *element.Element) (*element.Element, error) {
	if !g.admits(iq.From) {
		return nil, notAuthorized
	}
	set := iq.Type == stanza.SetIQ
	switch e.Name.Local {
	case "agent-info":
		return element.New(NSJive, "agent-info").AddText("jid", iq.From.Bare().String()).AddText("name", iq.From.Localpart()), nil
	case "chat-notes":
		id := parseSession(strings.TrimSpace(e.ChildText("sessionID")))
		if set {
			return nil, s.addNote(ctx, g, id, iq.From, e.ChildText("notes"))
		}
		return s.notes(ctx, g, id)
	}
	return nil, notSupported
}

// addNote puts a note into the timeline of an alert.
func (s *Service) addNote(ctx context.Context, g *Workgroup, id int64, who jid.JID, text string) error {
	a, _, err := s.Alert(ctx, id)
	if err != nil {
		return err
	}
	if a.Workgroup != g.Name {
		return notFound
	}
	_, err = s.Note(ctx, id, who, text)
	return err
}

// notes are those of an alert's timeline, one a line.
func (s *Service) notes(ctx context.Context, g *Workgroup, id int64) (*element.Element, error) {
	a, entries, err := s.Alert(ctx, id)
	if err != nil {
		return nil, err
	}
	if a.Workgroup != g.Name {
		return nil, notFound
	}
	var all []string
	for _, e := range entries {
		if e.What == "note" {
			all = append(all, e.Text)
		}
	}
	out := element.New(NSJive, "chat-notes").AddText("sessionID", sessionID(id))
	return out.AddText("notes", strings.Join(all, "\n")), nil
}

// transfer gives an alert that the sender owns to another member, who is offered
// it before anybody else. Fastpath's form of it names the alert by its session.
func (s *Service) transfer(ctx context.Context, g *Workgroup, from jid.JID, e *element.Element) error {
	session := e.Child(NSJive, "session")
	if e.Get("type") != "user" || session == nil {
		return notSupported // to a queue or a workgroup: there is one queue
	}
	to, err := jid.Parse(strings.TrimSpace(e.ChildText("invitee")))
	if err != nil {
		return badRequest
	}
	_, err = s.Transfer(ctx, parseSession(session.Get("id")), from, to, e.ChildText("reason"))
	return err
}

// inviteColleague asks another member, of any workgroup, into the room of an alert.
func (s *Service) inviteColleague(ctx context.Context, g *Workgroup, e *element.Element) error {
	session := e.Child(NSJive, "session")
	if e.Get("type") != "user" || session == nil {
		return notSupported
	}
	who, err := jid.Parse(strings.TrimSpace(e.ChildText("invitee")))
	if err != nil {
		return badRequest
	}
	if !slices.ContainsFunc(s.cfg.Groups, func(other Workgroup) bool { return other.admits(who) }) {
		return notAuthorized
	}
	id := parseSession(session.Get("id"))
	if a, _, err := s.Alert(ctx, id); err != nil || a.Workgroup != g.Name {
		return notFound
	}
	return s.Invite(ctx, id, who)
}
