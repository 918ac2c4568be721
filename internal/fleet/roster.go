package fleet

import (
	"slices"

	"mellium.im/xmpp/jid"

	"adminbot/agentapi"
	"adminbot/internal/textsafe"
)

// Contact is one item of the roster.
type Contact struct {
	JID    jid.JID
	Name   string
	Groups []string
	Gone   bool // subscription='remove', in a push
}

// SetRoster replaces the roster: hosts that are not in it any more are
// forgotten, those that stay keep what is known of them.
func (f *Fleet) SetRoster(items []Contact) {
	f.mu.Lock()
	keep := map[string]bool{}
	var people []string
	for _, c := range items {
		bare := c.JID.Bare().String()
		switch {
		case c.Gone:
		case slices.Contains(c.Groups, f.cfg.HostsGroup):
			keep[bare] = true
			f.add(c)
		case slices.Contains(c.Groups, "People"):
			people = append(people, bare)
		}
	}
	for bare := range f.hosts {
		if !keep[bare] {
			f.remove(bare)
		}
	}
	f.people = people
	f.learned++
	f.mu.Unlock()
	f.changed()
}

// Update applies one roster push.
func (f *Fleet) Update(c Contact) {
	f.mu.Lock()
	bare := c.JID.Bare().String()
	i := slices.Index(f.people, bare)
	if !c.Gone && slices.Contains(c.Groups, f.cfg.HostsGroup) {
		f.add(c)
	} else {
		f.remove(bare)
	}
	switch isPerson := !c.Gone && slices.Contains(c.Groups, "People"); {
	case isPerson && i < 0:
		f.people = append(f.people, bare)
	case !isPerson && i >= 0:
		f.people = slices.Delete(slices.Clone(f.people), i, i+1)
	}
	f.learned++
	f.mu.Unlock()
	f.changed()
}

// add makes a host known. The caller holds the lock.
func (f *Fleet) add(c Contact) {
	bare := c.JID.Bare()
	if f.hosts[bare.String()] != nil {
		return
	}
	name := bare.Localpart()
	if name == "" || f.names[name] != nil { // two domains, one name: the second is called by its address
		name = bare.String()
	}
	if textsafe.Line(name, maxHostName) != name {
		f.cfg.Log.Warn("no host has such a name", "jid", bare.String())
		return
	}
	h := &host{Host: Host{Name: name, JID: bare, Mood: agentapi.Dead}}
	f.hosts[bare.String()], f.names[name] = h, h
}

func (f *Fleet) remove(bare string) {
	if h := f.hosts[bare]; h != nil {
		h.left()
		delete(f.hosts, bare)
		delete(f.names, h.Name)
	}
}
