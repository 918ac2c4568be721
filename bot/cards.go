package bot

import (
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"mellium.im/xmpp/jid"

	"adminbot/internal/policy"
)

// How long a card may be answered (R7), and one that waits for another person.
const (
	cardLife     = 2 * time.Minute
	approvalLife = 15 * time.Minute
)

// Bounds of cards: of one person waiting at once, of all together, and how long
// an answered or expired one is remembered, so that a second yes learns what
// became of it.
const (
	maxOpenCards  = 8
	maxCards      = 2000
	cardRemembers = 30 * time.Minute
)

// card is a plan that waits for somebody's yes. It is bound to who asked, where,
// the exact plan and its hosts.
type card struct {
	id      string
	asker   jid.JID // bare
	room    jid.JID // bare; zero in one-to-one chat
	message string  // id of the stanza that asked; correcting that cancels (R9)
	line    string  // as it was said
	plan    Plan
	needs   policy.Need
	made    time.Time
	number  int    // counts cards, for their order
	shown   uint64 // when its reply was handed out, by Bot.Hear; 0: not yet
	expires time.Time
	state   cardState
	by      jid.JID   // who answered it
	ended   time.Time // when
}

type cardState int

const (
	cardOpen cardState = iota
	cardRun            // said yes to, and run
	cardCancelled
	cardReplaced // by a new card, because something had changed
	cardExpired
)

// cards are all cards of a bot. Safe for concurrent use: of two answers to one
// card exactly one takes it.
type cards struct {
	mu     sync.Mutex
	random io.Reader
	now    func() time.Time
	byID   map[string]*card
	count  int
	taken  func(string) bool // ids in use elsewhere
}

func newCards(random io.Reader, now func() time.Time, taken func(string) bool) *cards {
	return &cards{random: random, now: now, byID: map[string]*card{}, taken: taken}
}

// open adds a card and gives it an id. The same plan asked for again while its
// card is open is that card, with its time anew, and not fresh. It fails when the
// asker has too many waiting, or everybody together has.
func (cs *cards) open(c card) (opened card, fresh bool, err error) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	cs.sweep()
	n := 0
	for _, old := range cs.byID {
		if old.state != cardOpen || !old.asker.Equal(c.asker) {
			continue
		}
		if old.room.Equal(c.room) && old.plan.Hash == c.plan.Hash && old.needs == c.needs {
			old.message, old.line, old.plan = c.message, c.line, c.plan
			old.expires = cs.now().Add(old.life())
			return *old, false, nil
		}
		n++
	}
	if n >= maxOpenCards {
		return card{}, false, fmt.Errorf("you have %d plans waiting for a yes: say no to drop them", n)
	}
	if len(cs.byID) >= maxCards {
		return card{}, false, fmt.Errorf("too many plans wait for a yes: try again in %s", span(cardLife))
	}
	id, err := newID(cs.random, func(id string) bool {
		_, used := cs.byID[id]
		return used || cs.taken(id)
	})
	if err != nil {
		return card{}, false, fmt.Errorf("bot: no id for a card: %w", err)
	}
	c.id, c.made, c.state = id, cs.now(), cardOpen
	c.expires = c.made.Add(c.life())
	cs.count++
	c.number = cs.count
	cs.byID[id] = &c
	return c, true, nil
}

// show notes when a card is first shown, by Bot.Hear, if there is one of that id.
func (cs *cards) show(id string, now uint64) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	if c := cs.byID[id]; c != nil && c.shown == 0 {
		c.shown = now
	}
}

// sweep marks what has expired and forgets what is long over. The caller holds
// the lock.
func (cs *cards) sweep() {
	now := cs.now()
	for id, c := range cs.byID {
		if c.state == cardOpen && !now.Before(c.expires) {
			c.state, c.ended = cardExpired, c.expires
		}
		if c.state != cardOpen && now.Sub(c.ended) > cardRemembers {
			delete(cs.byID, id)
		}
	}
}

// get looks a card up.
func (cs *cards) get(id string) (card, bool) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	cs.sweep()
	c := cs.byID[id]
	if c == nil {
		return card{}, false
	}
	return *c, true
}

// waiting are the open cards of one person in one place, oldest first.
func (cs *cards) waiting(asker, room jid.JID) []card {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	cs.sweep()
	var out []card
	for _, c := range cs.byID {
		if c.state == cardOpen && c.asker.Equal(asker) && c.room.Equal(room) {
			out = append(out, *c)
		}
	}
	slices.SortFunc(out, func(a, b card) int { return a.number - b.number })
	return out
}

// asked finds the card that the message with this id led to.
func (cs *cards) asked(asker jid.JID, message string) (card, bool) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	cs.sweep()
	for _, c := range cs.byID {
		if message != "" && c.message == message && c.asker.Equal(asker) {
			return *c, true
		}
	}
	return card{}, false
}

// close moves an open card to another state and reports whether it did: of
// several who try, one succeeds.
func (cs *cards) close(id string, to cardState, by jid.JID) bool {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	cs.sweep()
	c := cs.byID[id]
	if c == nil || c.state != cardOpen {
		return false
	}
	c.state, c.by, c.ended = to, by, cs.now()
	return true
}

// over says what became of a card that is not open any more.
func (c card) over(w when) string {
	switch c.state {
	case cardRun:
		return fmt.Sprintf("%s was already run at %s. Nothing was run now.", c.id, w.moment(c.ended))
	case cardCancelled:
		return fmt.Sprintf("%s was cancelled at %s. Nothing was run.", c.id, w.moment(c.ended))
	case cardReplaced:
		return fmt.Sprintf("%s was replaced by a newer card. Nothing was run.", c.id)
	}
	return fmt.Sprintf("%s expired at %s. Nothing was run.\nSay it again: %s", c.id, w.moment(c.ended), c.plan.Sentence)
}
