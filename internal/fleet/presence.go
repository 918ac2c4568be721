package fleet

import (
	"cmp"
	"context"
	"encoding/xml"
	"strings"

	"mellium.im/xmpp/stanza"

	"adminbot/agentapi"
	"adminbot/internal/textsafe"
	"adminbot/internal/xmpp/element"
)

// maxStatus bounds the text of a presence that is kept, in bytes.
const maxStatus = 200

// HandlePresence takes one presence stanza, whose children r yields; r may be
// nil. Presence of anybody who is no host in the roster, or of another resource
// than the host agent's, changes nothing.
func (f *Fleet) HandlePresence(ctx context.Context, p stanza.Presence, r xml.TokenReader) {
	if p.From.Resourcepart() != Resource && !(p.From.Resourcepart() == "" && p.Type == stanza.UnavailablePresence) {
		return
	}
	bare := p.From.Bare().String()
	f.mu.Lock()
	known := f.hosts[bare] != nil
	f.mu.Unlock()
	if !known {
		f.cfg.Log.DebugContext(ctx, "presence of no host", "from", p.From.String())
		return
	}
	switch p.Type {
	case stanza.AvailablePresence:
		show, status, mood := readPresence(r)
		f.available(bare, show, status, mood)
	case stanza.UnavailablePresence, stanza.ErrorPresence:
		f.unavailable(bare)
	}
}

func (f *Fleet) available(bare, show, status string, mood *agentapi.Mood) {
	f.mu.Lock()
	h := f.hosts[bare]
	if h == nil {
		f.mu.Unlock()
		return
	}
	before := h.Host
	cameUp := !h.Online
	h.Online, h.Show = true, show
	if mood == nil { // a host agent that sends no payload: read its show value
		mood = &agentapi.Mood{Mood: agentapi.Happy}
		switch show {
		case "away", "xa":
			mood.Mood = agentapi.Sad
		case "dnd":
			mood.Mood = agentapi.DND
		}
	}
	h.Status = cmp.Or(status, textsafe.Line(mood.Status(), maxStatus))
	if mood.Mood != before.Mood || cameUp {
		h.Since = mood.Since
		if h.Since.IsZero() || h.Since.After(f.cfg.Now()) {
			h.Since = f.cfg.Now()
		}
	}
	h.Mood, h.Score = mood.Mood, mood.Score
	if cameUp && f.cfg.Fetch != nil {
		h.wanted, h.retries = true, 0
	}
	changed := cameUp || h.Mood != before.Mood || h.Status != before.Status
	f.mu.Unlock()
	if cameUp {
		f.poke()
	}
	if changed {
		f.changed()
	}
}

func (f *Fleet) unavailable(bare string) {
	f.mu.Lock()
	h := f.hosts[bare]
	changed := h != nil && (h.Online || h.Unseen())
	if changed {
		h.Online, h.Mood, h.Show, h.Status, h.Score, h.Since = false, agentapi.Dead, "", "", 0, f.cfg.Now()
		h.left()
	}
	f.mu.Unlock()
	if changed {
		f.changed()
	}
}

// readPresence reads a presence's children. What cannot be read is left out:
// a host with an odd payload is still there.
func readPresence(r xml.TokenReader) (show, status string, mood *agentapi.Mood) {
	if r == nil {
		return "", "", nil
	}
	for {
		e, err := element.Read(r)
		if err != nil {
			return show, status, mood
		}
		switch {
		case e.Name == xml.Name{Space: agentapi.NSMood, Local: "x"}:
			m, err := agentapi.DecodeMood(e.TokenReader())
			if err != nil {
				return show, status, nil
			}
			mood = &m
		case e.Name.Local == "show":
			switch s := line(e.Text); s {
			case "away", "xa", "dnd", "chat": // RFC 6121 4.7.2.1: there are no others
				show = s
			}
		case e.Name.Local == "status" && status == "":
			status = line(e.Text)
		}
	}
}

// line returns a text as one clean line.
func line(text string) string {
	return strings.Join(strings.Fields(textsafe.Line(text, maxStatus)), " ")
}
