package bot

import (
	"context"
	"encoding/xml"
	"io"
	"strings"

	"github.com/google/uuid"
	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/stanza"
)

// reply sends one reply to where the line was said.
func (c *Chat) reply(ctx context.Context, u spoken, r Reply) {
	switch {
	case !r.To.Equal(jid.JID{}):
		c.Notify(ctx, r)
	case u.Room.Equal(jid.JID{}) && !r.Final:
		c.sayWorking(ctx, u.From, r)
	case r.Again: // rooms are told once
	case u.Room.Equal(jid.JID{}):
		c.send(ctx, stanza.ChatMessage, u.From, r.Text, true)
	case r.Private: // R10
		c.send(ctx, stanza.ChatMessage, u.From.Bare(), r.Text, r.Final)
		c.send(ctx, stanza.GroupChatMessage, u.Room, strings.TrimSpace(u.nick+": the answer went to you alone "+r.ID), r.Final)
	default:
		c.send(ctx, stanza.GroupChatMessage, u.Room, u.nick+": "+r.Text, r.Final)
	}
}

// Notify sends a reply to the person it names. A bot takes it as its Notify.
func (c *Chat) Notify(ctx context.Context, r Reply) {
	if !r.Room.Equal(jid.JID{}) && !r.Private {
		c.send(ctx, stanza.GroupChatMessage, r.Room.Bare(), r.To.Localpart()+": "+r.Text, true)
		return
	}
	c.send(ctx, stanza.ChatMessage, r.To.Bare(), r.Text, true)
}

// send sends one message. A final one is new, never an edit, so that the phone
// rings (R11); its chat state ends the composing.
func (c *Chat) send(ctx context.Context, typ stanza.MessageType, to jid.JID, text string, final bool) {
	c.mu.Lock()
	delete(c.working, to.Bare().String())
	c.mu.Unlock()
	c.message(ctx, typ, to, text, final)
}

// workingLine is a message that said how far an answer was.
type workingLine struct{ message, answer string }

// sayWorking sends such a line. It takes the place of the one before of the same
// answer, where the client shows that and nothing else was sent meanwhile: XEP-0308
// is about the last message.
func (c *Chat) sayWorking(ctx context.Context, to jid.JID, r Reply) {
	key := to.Bare().String()
	c.mu.Lock()
	before := c.working[key]
	c.mu.Unlock()
	switch {
	case before.answer == r.ID && c.cfg.Corrects != nil && c.cfg.Corrects(ctx, to):
		c.message(ctx, stanza.ChatMessage, to, r.Text, false, startTag(nsCorrect, "replace", "id", before.message), endTag(nsCorrect, "replace"))
	case !r.Again:
		sent := c.message(ctx, stanza.ChatMessage, to, r.Text, false)
		c.mu.Lock()
		c.working[key] = workingLine{sent, r.ID}
		c.mu.Unlock()
	}
}

// message writes one message, with further children, and returns its id.
func (c *Chat) message(ctx context.Context, typ stanza.MessageType, to jid.JID, text string, final bool, more ...xml.Token) string {
	id := uuid.NewString()
	children := []xml.Token{
		startTag("", "body"), xml.CharData(xmlText(text)), endTag("", "body"),
		startTag(nsIDs, "origin-id", "id", id), endTag(nsIDs, "origin-id"),
	}
	if typ == stanza.ChatMessage {
		state := "composing"
		if final {
			state = "active"
		}
		children = append(children, startTag(nsStates, state), endTag(nsStates, state))
	}
	c.write(ctx, stanza.Message{ID: id, To: to, Type: typ}, append(children, more...))
	return id
}

// composing shows that the line was seen (XEP-0085).
func (c *Chat) composing(ctx context.Context, to jid.JID) {
	c.write(ctx, stanza.Message{To: to, Type: stanza.ChatMessage}, []xml.Token{
		startTag(nsStates, "composing"), endTag(nsStates, "composing"),
		startTag(nsHints, "no-store"), endTag(nsHints, "no-store"),
	})
}

func (c *Chat) write(ctx context.Context, msg stanza.Message, children []xml.Token) {
	if err := c.cfg.Send(ctx, msg.Wrap(&tokens{children})); err != nil && ctx.Err() == nil {
		c.cfg.Log.WarnContext(ctx, "message not sent", "to", msg.To.String(), "err", err)
	}
}

func startTag(space, local string, attrs ...string) xml.StartElement {
	e := xml.StartElement{Name: xml.Name{Space: space, Local: local}}
	for i := 0; i+1 < len(attrs); i += 2 {
		e.Attr = append(e.Attr, xml.Attr{Name: xml.Name{Local: attrs[i]}, Value: attrs[i+1]})
	}
	return e
}

func endTag(space, local string) xml.EndElement {
	return xml.EndElement{Name: xml.Name{Space: space, Local: local}}
}

type tokens struct{ list []xml.Token }

func (t *tokens) Token() (xml.Token, error) {
	if len(t.list) == 0 {
		return nil, io.EOF
	}
	next := t.list[0]
	t.list = t.list[1:]
	return next, nil
}

// xmlText leaves out what XML 1.0 cannot carry: one such character would end the
// stream for everybody.
func xmlText(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\t', r == '\n', r == '\r', r >= 0x20 && r <= 0xD7FF, r >= 0xE000 && r < 0xFFFE, r >= 0x10000 && r <= 0x10FFFF:
			return r
		}
		return -1
	}, strings.ToValidUTF8(s, "\uFFFD"))
}
