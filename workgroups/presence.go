package workgroups

import (
	"context"
	"encoding/xml"
	"strings"
	"time"

	"adminbot/internal/xmpp/element"
	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/stanza"
)

// HandlePresence takes presence that was sent to the service or to a workgroup:
// of agents, of people who want to see how the workgroup is, and of servers that
// say that somebody is gone.
func (s *Service) HandlePresence(ctx context.Context, p stanza.Presence, r xml.TokenReader) {
	g := s.workgroup(p.To)
	if g == nil || p.From.Equal(jid.JID{}) {
		return
	}
	children, err := element.ReadAll(r)
	if err != nil || s.rooms.hear(ctx, p, children) {
		return
	}
	switch p.Type {
	case stanza.AvailablePresence:
		err = s.arrives(ctx, g, p.From, children)
	case stanza.UnavailablePresence, stanza.ErrorPresence:
		err = s.await(ctx, &event{later: g.admits(p.From), do: func(m *machine, now time.Time) error {
			m.absent(g.Name, p.From, now)
			return nil
		}})
	case stanza.ProbePresence:
		err = s.show(ctx, g, p.From)
	case stanza.SubscribePresence: // R44: anybody may see how the workgroup is
		if err = s.sendPresence(ctx, s.Address(g.Name), p.From.Bare(), stanza.SubscribedPresence); err == nil {
			err = s.show(ctx, g, p.From.Bare())
		}
	}
	if err != nil {
		s.log.WarnContext(ctx, "presence was not taken in", "from", p.From, "workgroup", g.Name, "err", err)
	}
}

// arrives takes the presence of an agent, or of somebody who looks in. A client
// that has said to be an agent need not say so again; Smack does not.
func (s *Service) arrives(ctx context.Context, g *Workgroup, from jid.JID, children []*element.Element) error {
	status, isAgent := parseAgentStatus(children)
	sess := Session{Workgroup: g.Name, JID: from, Max: status.Max}
	for _, c := range children {
		switch {
		case c.Name.Space == NS || c.Name.Space == NSJive:
		case c.Name.Local == "show":
			sess.Show = readShow(c.Text)
		case c.Name.Local == "status":
			sess.Status = cut(clean(c.Text), 256)
		}
	}
	var agent bool
	err := s.await(ctx, &event{later: g.admits(from), do: func(m *machine, now time.Time) error {
		agent = m.present(sess, isAgent, now)
		return nil
	}})
	switch {
	case err != nil:
		return err
	case agent: // Smack waits for any presence from the workgroup
		v, err := s.view(ctx, g.Name)
		if err != nil {
			return err
		}
		return s.push(ctx, v, from)
	case isAgent:
		e := element.New("", "presence", "from", s.Address(g.Name).String(), "to", from.String(), "type", "error")
		e.Add(errorElement(notAuthorized))
		return s.cfg.Wire.Send(ctx, e.TokenReader())
	}
	return s.show(ctx, g, from)
}

// readShow reads a <show/>. What nobody has defined is taken for away.
func readShow(text string) Show {
	switch s := Show(strings.TrimSpace(text)); s {
	case Chat, Available, Away, ExtraAway, Busy:
		return s
	}
	return Away
}

func errorElement(se stanza.Error) *element.Element {
	return element.New("", "error", "type", string(se.Type)).Add(element.New(stanza.NSError, string(se.Condition)))
}

// show sends the workgroup's own presence: away while nobody is there.
func (s *Service) show(ctx context.Context, g *Workgroup, to jid.JID) error {
	v, err := s.view(ctx, g.Name)
	if err != nil {
		return err
	}
	e := element.New("", "presence", "from", v.addr.String(), "to", to.String())
	if v.queue.Status != "open" || s.outage.failing.Load() {
		e.AddText("show", "away")
	}
	e.AddText("status", s.outage.trouble()+v.words())
	e.Add(element.New(NSJive, "workgroup").AddText("lastModified", stamp(s.cfg.Now())))
	return s.cfg.Wire.Send(ctx, e.TokenReader())
}

// words is the state of a workgroup in one line.
func (v *view) words() string {
	waiting := "nothing waits"
	switch n := v.queue.Count; n {
	case 0:
	case 1:
		waiting = "1 alert waits"
	default:
		waiting = itoa(int64(n)) + " alerts wait"
	}
	return waiting + ", " + itoa(int64(v.agents.Available)) + " free to take one"
}

func (s *Service) sendPresence(ctx context.Context, from, to jid.JID, typ stanza.PresenceType) error {
	return s.cfg.Wire.Send(ctx, element.New("", "presence", "from", from.String(), "to", to.String(), "type", string(typ)).TokenReader())
}
