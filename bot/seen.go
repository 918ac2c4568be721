package bot

import (
	"crypto/sha256"
	"time"

	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/stanza"
)

// Bounds of what a chat remembers of messages and of those who wrote them.
const (
	maxSeen     = 8192 // ids of messages, to answer each once
	maxTold     = 4096 // strangers
	strangerFor = time.Hour
)

// messageKey stands for an id of a message and who gave it, however long they
// are: others choose them.
type messageKey [sha256.Size]byte

// twice reports whether the message was here before: servers, archives and
// clients may each deliver again. Ids stamped by others than the own server are
// the sender's word (XEP-0359#rules).
func (c *Chat) twice(msg stanza.Message, m message) bool {
	own := c.cfg.Bot.cfg.JID
	var keys []messageKey
	key := func(kind, by, id string) {
		keys = append(keys, sha256.Sum256([]byte(kind+"\x00"+by+"\x00"+id)))
	}
	if m.originID != "" {
		key("o", msg.From.Bare().String(), m.originID)
	}
	for _, s := range m.stanzaIDs {
		if s.by == own.Bare().String() || s.by == own.Domain().String() || s.by == msg.From.Bare().String() && msg.Type == stanza.GroupChatMessage {
			key("s", s.by, s.id)
		}
	}
	if msg.ID != "" {
		key("i", msg.From.String(), msg.ID)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, k := range keys {
		if c.seen[k] {
			return true
		}
	}
	for _, k := range keys {
		c.seen[k] = true
		c.ring = append(c.ring, k)
	}
	for len(c.ring) > maxSeen {
		delete(c.seen, c.ring[0])
		c.ring = c.ring[1:]
	}
	return false
}

// firstTime lets a stranger be told once in a while that this bot does not know
// them; two programs could talk to each other for ever otherwise.
func (c *Chat) firstTime(who jid.JID) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.cfg.Bot.cfg.Now()
	key := who.Bare().String()
	if at, ok := c.told[key]; ok && now.Sub(at) < strangerFor {
		return false
	}
	if len(c.told) >= maxTold {
		for k, at := range c.told {
			if now.Sub(at) >= strangerFor {
				delete(c.told, k)
			}
		}
		if len(c.told) >= maxTold {
			return false
		}
	}
	c.told[key] = now
	return true
}
