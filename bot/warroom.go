package bot

import (
	"slices"
	"strings"

	"adminbot/agentapi"
	"adminbot/grammar"
)

// AlertRoom is what the room of an alert is for.
type AlertRoom struct {
	Alert int64
	Host  string // which the alert is about; may be empty, or of no host here
}

// here is the reading of a line in the room of an alert: where it names no host,
// the host of the alert is meant.
func (t *turn) here(r grammar.Reading) grammar.Reading {
	host := t.host()
	lacks := r.Status == grammar.Incomplete || r.Status == grammar.OK && slices.ContainsFunc(r.Commands, hostless)
	if host == "" || !lacks {
		return r
	}
	// Said as a sentence, it is echoed and confirmed as one.
	again := t.lexicon().Parse(t.before.readings, strings.TrimRight(t.line, " .?!")+" on "+host, t.now)
	switch {
	case again.Status != grammar.OK || !within(again.Commands, []string{host}):
		return r
	case t.muted && r.Status == grammar.Incomplete && !slices.ContainsFunc(again.Commands, asksFirst): // "it looks like the disk is full"
		return r
	}
	return again
}

// hostless reports whether a command asks hosts that nobody has spoken of.
func hostless(c grammar.Command) bool { return len(c.Hosts) > 0 && !c.Asked() }

// asksFirst reports whether a command changes something, so that nothing is done
// before a yes.
func asksFirst(c grammar.Command) bool {
	spec, ok := agentapi.Lookup(c.Method)
	return ok && spec.Class.Changes()
}

// host is that of the alert whose room this is, if the bot knows it. Alerts name
// hosts as their source does: with or without a domain.
func (t *turn) host() string {
	room, ok := t.b.room(t.u)
	if !ok || room.Host == "" {
		return ""
	}
	first, _, _ := strings.Cut(room.Host, ".")
	for _, name := range []string{room.Host, first} {
		for _, h := range t.fleet.Inventory.Hosts {
			if strings.EqualFold(h.Name, name) {
				return h.Name
			}
		}
	}
	return ""
}

// room is the alert whose room a line was said in.
func (b *Bot) room(u Utterance) (AlertRoom, bool) {
	if b.cfg.Room == nil || u.Room.String() == "" {
		return AlertRoom{}, false
	}
	return b.cfg.Room(u.Room.Bare())
}

// means reports whether an overheard line is for the bot: it is understood, and
// no word that people also say to each other, unless there is something it can
// be about.
func (b *Bot) means(t *turn, r grammar.Reading) bool {
	if r.Status != grammar.OK {
		return false
	}
	for _, c := range r.Commands {
		switch c.Method {
		case "bot.alias", "bot.unalias":
			return false // a line for somebody's shell
		case "bot.confirm", "bot.cancel", "bot.approve", "bot.decline":
			if id, _ := c.Args["id"].(string); len(b.waiting(t)) == 0 && !b.knownID(id) {
				return false
			}
		case "bot.more", "bot.repeat", "bot.retry", "bot.details":
			if t.before.answer == "" {
				return false
			}
		}
	}
	return true
}
