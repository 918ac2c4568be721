package link

import (
	"strings"

	"adminbot/internal/xmpp/address"
	"mellium.im/xmpp/jid"
)

// own reports whether j, as text, is the own server speaking, RFC 6120 8.1.2.1.
func (st *stream) own(from string) bool {
	return !st.isComponent() && (from == "" || from == st.bare || from == st.domain)
}

// A jidCache remembers the addresses of peers, because parsing one takes longer
// than all the rest of reading a stanza. It belongs to the reader.
type jidCache struct{ fresh, old map[string]jid.JID }

const jidCacheSize = 16384

func (c *jidCache) parse(s string) (jid.JID, error) {
	if s == "" {
		return jid.JID{}, nil
	}
	if j, ok := c.fresh[s]; ok {
		return j, nil
	}
	j, ok := c.old[s]
	if !ok {
		var err error
		if j, err = address.Parse(s); err != nil {
			return jid.JID{}, err
		}
	}
	if c.fresh == nil || len(c.fresh) >= jidCacheSize {
		c.old, c.fresh = c.fresh, make(map[string]jid.JID)
	}
	c.fresh[strings.Clone(s)] = j // s is part of a stanza
	return j, nil
}
