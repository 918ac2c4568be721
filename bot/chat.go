package bot

import (
	"context"
	"encoding/xml"
	"fmt"
	"io"
	"log/slog"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/stanza"
)

// Bounds of a chat.
const (
	maxWaiting = 16               // lines of one person waiting to be read
	maxRunning = 8                // lines of one person being answered
	unknownFor = 20 * time.Second // lines wait for a picture of the hosts
)

// ChatConfig is what a chat is made of. Bot and Send are needed.
type ChatConfig struct {
	Bot *Bot

	// Send writes one stanza. It may be called from many goroutines.
	Send func(context.Context, xml.TokenReader) error

	// Occupant is the real bare address behind a nickname in a room the bot is in.
	// Nil, or false: not visible, and then nothing is done for it (R10).
	Occupant func(room jid.JID, nick string) (jid.JID, bool)

	// Known is closed when the bot knows its hosts: what arrives before that
	// waits, for a while. A server may hand over what it has kept for the bot
	// before it tells who is there. Nil: nothing waits.
	Known <-chan struct{}

	Prefix string // in rooms, also addresses the bot: "!"; "" is none
	Log    *slog.Logger
}

// Chat answers messages: it decides which are meant for the bot, hands them to
// [Bot.Answer] in order for each person, and sends the replies.
type Chat struct {
	cfg   ChatConfig
	lines chan spoken
	moved chan talkKey // a line of this person was read, or answered
	ended chan talkKey

	mu      sync.Mutex
	waiting map[talkKey]int // lines of each person that nobody has begun to read
	seen    map[messageKey]bool
	ring    []messageKey // of seen, oldest first
	told    map[string]time.Time
}

// spoken is a line with where to answer it.
type spoken struct {
	Utterance
	nick string // in rooms: whom to address
}

// NewChat makes a chat.
func NewChat(cfg ChatConfig) *Chat {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Chat{
		cfg: cfg, lines: make(chan spoken, 256), moved: make(chan talkKey), ended: make(chan talkKey),
		waiting: map[talkKey]int{}, seen: map[messageKey]bool{}, told: map[string]time.Time{},
	}
}

// HandleMessage takes one message stanza, whose children r yields. It returns
// quickly, unless very many lines wait; it may be called from many goroutines,
// for one sender in order.
func (c *Chat) HandleMessage(ctx context.Context, msg stanza.Message, r xml.TokenReader) {
	u, ok := c.heard(ctx, msg, readMessage(r))
	if !ok {
		return
	}
	if !c.admit(keyOf(u.From, u.Room)) { // said here, where it holds up nobody but the sender
		r := tell(ExitMixed, "✖ Too many lines at once: one was not read. Nothing was run for it.")
		r.Final = true
		c.reply(ctx, u, r)
		return
	}
	select {
	case c.lines <- u:
	case <-ctx.Done():
	}
}

// admit counts one more waiting line of somebody, unless there are too many.
func (c *Chat) admit(k talkKey) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.waiting[k] >= maxWaiting {
		return false
	}
	c.waiting[k]++
	return true
}

// begun counts a waiting line less.
func (c *Chat) begun(k talkKey) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.waiting[k]--; c.waiting[k] == 0 {
		delete(c.waiting, k)
	}
}

// heard decides whether a message is something said to the bot.
func (c *Chat) heard(ctx context.Context, msg stanza.Message, m message) (spoken, bool) {
	b := c.cfg.Bot
	from := msg.From
	u := spoken{Utterance: Utterance{From: from, ID: msg.ID, Heard: b.Hear(), Text: m.text(), Encrypted: m.encrypted, Correction: m.replaces}}
	room := msg.Type == stanza.GroupChatMessage
	switch {
	case msg.Type == stanza.ErrorMessage, msg.Type == stanza.HeadlineMessage:
		return u, false // RFC 6121 5.2.2: never answered
	case m.foreign, from.Localpart() == "", from.Bare().Equal(b.cfg.JID.Bare()):
		return u, false // copies of what was said elsewhere, servers, itself
	case !m.has && m.encrypted == "", m.encrypted != "" && m.keysOnly:
		return u, false // typing notices, receipts, keys
	case !room && b.cfg.Fleet.IsHost(from):
		return u, false
	}
	if m.late {
		u.Delayed = m.delay
		if now := b.cfg.Now(); u.Delayed.IsZero() || u.Delayed.After(now) {
			u.Delayed = now
		}
	}
	if room {
		if m.late || m.encrypted != "" {
			return u, false // a room's history; and who was meant cannot be read
		}
		var meant bool
		if u.Text, meant = c.addressed(u.Text); !meant {
			return u, false
		}
		u.Room, u.nick = from.Bare(), from.Resourcepart()
		if u.nick == b.cfg.Nick {
			return u, false // its own reflection
		}
		real, visible := jid.JID{}, false
		if c.cfg.Occupant != nil {
			real, visible = c.cfg.Occupant(u.Room, u.nick)
		}
		if !visible {
			if c.firstTime(u.Room) { // anybody can write as though there were a room
				c.send(ctx, stanza.GroupChatMessage, u.Room, u.nick+": ✖ I can't see your address in this room, so I do nothing here.", true)
			}
			return u, false
		}
		if real.Bare().Equal(b.cfg.JID.Bare()) || b.cfg.Fleet.IsHost(real) {
			return u, false
		}
		u.From = real
	}
	if !b.knows(u.From) { // whose messages must not take the place of others' in what is remembered
		return u, c.firstTime(u.From)
	}
	return u, !c.twice(msg, m)
}

// addressed strips the bot's name from the beginning of a line in a room.
func (c *Chat) addressed(text string) (string, bool) {
	nick := c.cfg.Bot.cfg.Nick
	if c.cfg.Prefix != "" && strings.HasPrefix(text, c.cfg.Prefix) {
		return strings.TrimSpace(text[len(c.cfg.Prefix):]), true
	}
	rest := strings.TrimPrefix(text, "@")
	if len(rest) < len(nick) || !strings.EqualFold(rest[:len(nick)], nick) {
		return text, false
	}
	rest = rest[len(nick):]
	if rest != "" && !strings.ContainsAny(rest[:1], ":, \t\n") {
		return text, false // somebody whose name begins the same
	}
	return strings.TrimSpace(strings.TrimLeft(rest, ":, \t\n")), true
}

// person is the state of one conversation in Run.
type person struct {
	waiting []spoken
	reading bool // a line is being read: the next one waits
	running int  // lines being answered
}

// Run answers lines until ctx is done: those of one person are read in order,
// and answered side by side once the hosts are asked.
func (c *Chat) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	defer wg.Wait()
	people := map[talkKey]*person{}
	known, patience := c.cfg.Known, time.NewTimer(unknownFor)
	defer patience.Stop()
	start := func(k talkKey) {
		p := people[k]
		if known != nil {
			return
		}
		if p == nil || p.reading || p.running >= maxRunning || len(p.waiting) == 0 {
			if p != nil && p.running == 0 && len(p.waiting) == 0 {
				delete(people, k)
			}
			return
		}
		u := p.waiting[0]
		p.waiting = p.waiting[1:]
		c.begun(k)
		p.reading = true
		p.running++
		wg.Go(func() {
			c.answer(ctx, u, k)
			signal(ctx, c.ended, k)
		})
	}
	begin := func() {
		known = nil
		for k := range people {
			start(k)
		}
	}
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-known:
			begin()
		case <-patience.C:
			begin()
		case u := <-c.lines:
			k := keyOf(u.From, u.Room)
			p := people[k]
			if p == nil {
				p = &person{}
				people[k] = p
			}
			p.waiting = append(p.waiting, u)
			start(k)
		case k := <-c.moved:
			people[k].reading = false
			start(k)
		case k := <-c.ended:
			people[k].running--
			start(k)
		}
	}
}

func signal(ctx context.Context, ch chan<- talkKey, k talkKey) {
	select {
	case ch <- k:
	case <-ctx.Done():
	}
}

func (c *Chat) answer(ctx context.Context, u spoken, k talkKey) {
	read := sync.OnceFunc(func() { signal(ctx, c.moved, k) })
	u.Read = read
	defer read()
	defer func() {
		if p := recover(); p != nil { // a mistake of ours costs this answer and no other
			c.cfg.Log.ErrorContext(ctx, "an answer panicked", "from", u.From.String(), "err", fmt.Sprint(p), "stack", string(debug.Stack()))
			r := tell(ExitMixed, "✖ A mistake of mine ended this answer; it is in my log.", "What it changes, if anything, may have been done.")
			r.Final = true
			c.reply(ctx, u, r)
		}
	}()
	reply := func(r Reply) { c.reply(ctx, u, r) }
	if u.Room.Equal(jid.JID{}) {
		typing := c.typing(ctx, u.From)
		defer typing.end()
		reply = func(r Reply) {
			typing.end()
			c.reply(ctx, u, r)
		}
	}
	if err := c.cfg.Bot.Answer(ctx, u.Utterance, reply); err != nil {
		c.cfg.Log.ErrorContext(ctx, "answering", "from", u.From.String(), "err", err)
	}
}

// reply sends one reply to where the line was said.
func (c *Chat) reply(ctx context.Context, u spoken, r Reply) {
	switch {
	case !r.To.Equal(jid.JID{}):
		c.Notify(ctx, r)
	case u.Room.Equal(jid.JID{}):
		c.send(ctx, stanza.ChatMessage, u.From, r.Text, r.Final)
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
	c.write(ctx, stanza.Message{ID: id, To: to, Type: typ}, children)
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
