package workgroups

import (
	"context"
	"encoding/xml"
	"fmt"
	"time"

	"adminbot/internal/xmpp/element"
	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/stanza"
)

// HandleMessage takes messages: those that come back, and those of people who
// write to a workgroup.
func (s *Service) HandleMessage(ctx context.Context, m stanza.Message, r xml.TokenReader) {
	children, err := element.ReadAll(r)
	g := s.workgroup(m.To)
	if err != nil || g == nil {
		return
	}
	if m.Type == stanza.ErrorMessage {
		s.cameBack(ctx, m)
		return
	}
	for _, c := range children {
		if c.Name.Local == "body" && c.Name.Space != NS && c.Text != "" {
			s.tell(ctx, g, m.From, howTo(g))
			return
		}
	}
}

// cameBack notes that an offer could not be delivered.
func (s *Service) cameBack(ctx context.Context, msg stanza.Message) {
	alert, ok := parseStanzaID(msg.ID)
	if !ok {
		return
	}
	err := s.do(ctx, func(m *machine, now time.Time) error {
		m.undelivered(alert, msg.From, false, now)
		return nil
	})
	if err != nil {
		s.log.WarnContext(ctx, "a message came back, which could not be noted", "from", msg.From, "err", err)
	}
}

// tell sends one line of chat that nobody needs to have twice.
func (s *Service) tell(ctx context.Context, g *Workgroup, to jid.JID, text string) {
	e := element.New("", "message", "from", s.Address(g.Name).String(), "to", to.String(), "type", "chat").AddText("body", text)
	if err := s.cfg.Wire.Send(ctx, e.TokenReader()); err != nil {
		s.log.DebugContext(ctx, "not told", "to", to, "err", err)
	}
}

// howTo answers plain chat, as XEP-0142#impl recommends.
func howTo(g *Workgroup) string {
	return fmt.Sprintf("This is the workgroup %s: alerts wait here for somebody to take them. It speaks XEP-0142; ask the bot for alerts in words.", g.Title)
}
