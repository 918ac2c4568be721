package bot

import (
	"slices"
	"sync"
	"time"

	"mellium.im/xmpp/jid"

	"adminbot/grammar"
)

// Bounds of what is remembered of conversations.
const (
	maxTalks    = 4096             // conversations
	maxReadings = 12               // lines of each
	talkLife    = 30 * time.Minute // after the last line; then "it" means nothing any more
)

// talk is what one person has said in one place, as it was read: the light in
// which the next line is read.
type talk struct {
	readings []grammar.Reading
	matched  []string // hosts that the last filtered read showed (R15); nil: no such answer yet
	answer   string   // id of the last answer, for a bare "more"
	card     string   // id of the card that the last thing said here was about; "": of none
	cardAt   uint64   // when that was said, by Bot.Hear
	last     time.Time
}

// talks are all conversations of a bot. Safe for concurrent use.
type talks struct {
	mu  sync.Mutex
	now func() time.Time
	of  map[talkKey]*talk
}

type talkKey struct{ asker, room string }

func keyOf(asker, room jid.JID) talkKey {
	return talkKey{asker.Bare().String(), room.Bare().String()}
}

// before is the conversation so far. The slices belong to the caller.
func (ts *talks) before(k talkKey) talk {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	t := ts.of[k]
	if t == nil || ts.now().Sub(t.last) > talkLife {
		return talk{}
	}
	copied := *t
	copied.readings = append([]grammar.Reading(nil), t.readings...)
	copied.matched = slices.Clone(t.matched) // none is not nil
	return copied
}

// say adds a reading.
func (ts *talks) say(k talkKey, r grammar.Reading) {
	ts.update(k, func(t *talk) {
		t.readings = append(t.readings, r)
		if n := len(t.readings) - maxReadings; n > 0 {
			t.readings = append([]grammar.Reading(nil), t.readings[n:]...)
		}
		if r.Status == grammar.OK { // a question back leaves "them" as they were
			t.matched = nil
		}
	})
}

// shown notes the answer that the person saw, and which hosts matched in it.
func (ts *talks) shown(k talkKey, id string, matched []string) {
	ts.update(k, func(t *talk) { t.answer, t.matched = id, matched })
}

// saying notes that something is said here, by either side, and which card it is
// about: a bare yes is for the card that was spoken of last. What is about none
// ("") begins no conversation.
func (ts *talks) saying(k talkKey, card string, at uint64) {
	if card != "" {
		ts.update(k, func(t *talk) { t.card, t.cardAt = card, at })
		return
	}
	ts.mu.Lock()
	defer ts.mu.Unlock()
	if t := ts.of[k]; t != nil {
		t.card, t.cardAt = "", at
	}
}

func (ts *talks) update(k talkKey, f func(*talk)) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	if ts.of == nil {
		ts.of = map[talkKey]*talk{}
	}
	t := ts.of[k]
	now := ts.now()
	if t == nil || now.Sub(t.last) > talkLife {
		if len(ts.of) >= maxTalks {
			ts.forget(now)
		}
		t = &talk{}
		ts.of[k] = t
	}
	t.last = now
	f(t)
}

// forget drops conversations that are over, or else the one longest silent.
func (ts *talks) forget(now time.Time) {
	var oldest talkKey
	var since time.Time
	for k, t := range ts.of {
		if now.Sub(t.last) > talkLife {
			delete(ts.of, k)
			continue
		}
		if since.IsZero() || t.last.Before(since) {
			oldest, since = k, t.last
		}
	}
	if len(ts.of) >= maxTalks {
		delete(ts.of, oldest)
	}
}
