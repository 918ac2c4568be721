package muc

import (
	"strconv"
	"time"

	"adminbot/internal/xmpp/delay"
	"adminbot/internal/xmpp/element"
	"adminbot/internal/xmpp/entitytime"
	"adminbot/internal/xmpp/muc"
)

// A history is what was said last in a room, for those who come.
type history struct {
	past  []past // the oldest first
	bytes int
}

// A past message.
type past struct {
	at   time.Time
	tail []byte // as it was sent
}

// add keeps one more message, as far as the limits go.
func (h *history) add(m past, messages, bytes int) {
	h.past = append(h.past, m)
	h.bytes += len(m.tail)
	for len(h.past) > messages || h.bytes > bytes {
		h.bytes -= len(h.past[0].tail)
		h.past[0] = past{}
		h.past = h.past[1:]
	}
}

// delayed says when the room got what it sends only now.
func (r *room) delayed(at time.Time) *element.Element {
	return delay.Delay{From: r.jid, Stamp: at}.Element()
}

// replay sends somebody what was said before he came, as much as he wants of
// it (XEP-0045#enter-managehistory).
func (r *room) replay(v *visit, st *Stanza) {
	wish := historyWish(st)
	all := r.history.past
	from, chars := len(all), 0
	for from > 0 && len(all)-from < wish.stanzas && !all[from-1].at.Before(wish.since) {
		stanza := r.aged(all[from-1])
		if chars += len(starts[Message]) + len(v.to) + len(stanza); chars > wish.chars {
			break
		}
		from--
	}
	for _, m := range all[from:] {
		v.send(Message, r.aged(m))
	}
}

// aged is a past message as it is sent to who comes.
func (r *room) aged(m past) []byte {
	end := len(m.tail) - len(ends[Message])
	b := append([]byte(nil), m.tail[:end]...)
	b = r.delayed(m.at).Append(b, "")
	return append(b, m.tail[end:]...)
}

// historyShown is how many past messages somebody sees who does not say how many
// he wants to.
const historyShown = 20

// A wish for history.
type wish struct {
	chars, stanzas int
	since          time.Time
}

// historyWish is how much history somebody who comes wants to have; what he
// says that is no number does not count.
func historyWish(st *Stanza) wish {
	w := wish{chars: 1 << 30, stanzas: historyShown}
	k := st.kid(muc.NS, "x")
	if k == nil {
		return w
	}
	x, err := st.read(k)
	if err != nil {
		return w
	}
	h := x.Child("", "history")
	if h == nil {
		return w
	}
	for name, to := range map[string]*int{"maxchars": &w.chars, "maxstanzas": &w.stanzas} {
		if n, err := strconv.Atoi(h.Get(name)); err == nil && n >= 0 {
			*to = n
		}
	}
	if n, err := strconv.ParseUint(h.Get("seconds"), 10, 32); err == nil {
		w.since = time.Now().Add(-time.Duration(n) * time.Second)
	}
	if at, err := entitytime.ParseTime(h.Get("since")); err == nil && at.After(w.since) {
		w.since = at
	}
	return w
}
