package bot

import (
	"context"
	"encoding/xml"
	"fmt"
	"log/slog"
	"runtime/debug"
	"strings"
	"sync"
	"time"

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

	// Invited is told of invitations into rooms. It may take its time. Nil: they
	// are ignored.
	Invited func(ctx context.Context, room, by jid.JID)

	// Known is closed when the bot knows its hosts: what arrives before that
	// waits, for a while. A server may hand over what it has kept for the bot
	// before it tells who is there. Nil: nothing waits.
	Known <-chan struct{}

	// Corrects reports whether the client at a full address shows corrected messages
	// in the place of the first version (XEP-0308). It is asked when an answer is
	// slow, and must return within a second or so. Nil: no client does.
	Corrects func(context.Context, jid.JID) bool

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
	working map[string]workingLine // by bare address: what was sent there last, if it was such a line
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
		waiting: map[talkKey]int{}, seen: map[messageKey]bool{}, told: map[string]time.Time{}, working: map[string]workingLine{},
	}
}

// HandleMessage takes one message stanza, whose children r yields. It returns
// quickly, unless very many lines wait; it may be called from many goroutines,
// for one sender in order.
func (c *Chat) HandleMessage(ctx context.Context, msg stanza.Message, r xml.TokenReader) {
	m := readMessage(r)
	if m.invited && msg.Type != stanza.ErrorMessage {
		if by, err := jid.Parse(m.invitedBy); err == nil && c.cfg.Invited != nil {
			c.cfg.Invited(ctx, msg.From.Bare(), by)
		}
		return
	}
	u, ok := c.heard(ctx, msg, m)
	if !ok {
		return
	}
	switch {
	case c.admit(keyOf(u.From, u.Room)):
	case u.Overheard:
		return
	default: // said here, where it holds up nobody but the sender
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
		u.Room, u.nick = from.Bare(), from.Resourcepart()
		var meant bool
		if u.Text, meant = c.addressed(u.Text); !meant {
			if _, u.Overheard = b.room(u.Utterance); !u.Overheard {
				return u, false
			}
		}
		if u.nick == b.cfg.Nick {
			return u, false // its own reflection
		}
		real, visible := jid.JID{}, false
		if c.cfg.Occupant != nil {
			real, visible = c.cfg.Occupant(u.Room, u.nick)
		}
		if !visible {
			if !u.Overheard && c.firstTime(u.Room) { // anybody can write as though there were a room
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
		return u, !u.Overheard && c.firstTime(u.From)
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
