package bot

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"mellium.im/xmpp/jid"

	"adminbot/grammar"
	"adminbot/internal/fleet"
)

// maxLine bounds what somebody may say in one message, in characters.
const maxLine = 2000

// turn is one line being answered, and the picture it is answered in: one
// snapshot of the fleet, one moment, the conversation before it.
type turn struct {
	b      *Bot
	u      Utterance
	person jid.JID // bare
	line   string
	now    time.Time
	fleet  *fleet.Snapshot
	key    talkKey
	before talk
	w      when

	aliased bool // the line has words that stand for others

	muted bool // nobody has said that the line is for the bot, and it is not known to be

	mu   sync.Mutex // emit is called by one goroutine at a time
	emit func(Reply)
	done bool // the final reply was given
	once sync.Once
}

func (b *Bot) begin(u Utterance, emit func(Reply)) *turn {
	t := &turn{b: b, u: u, person: u.From.Bare(), line: strings.TrimSpace(u.Text), now: b.cfg.Now(), fleet: b.cfg.Fleet.Snapshot(), emit: emit}
	t.u.Room = u.Room.Bare()
	t.muted = u.Overheard
	if t.u.Heard == 0 {
		t.u.Heard = b.Hear()
	}
	t.key = keyOf(t.person, t.u.Room)
	if !u.Once {
		t.before = b.talks.before(t.key)
		b.talks.saying(t.key, "", t.u.Heard)
	}
	t.w = when{now: t.now, zone: t.fleet.Inventory.Zone}
	return t
}

// hostsSay is how long a line that is not understood waits for hosts to say what
// they have.
const hostsSay = 2 * time.Second

// refresh takes the newest picture of the fleet, and reports whether it is
// another one: hosts that came a moment ago may have what the line names.
func (t *turn) refresh(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, hostsSay)
	defer cancel()
	old := t.fleet
	t.fleet = t.b.cfg.Fleet.Fresh(ctx)
	return t.fleet != old
}

// end makes sure that the next line of the person is not held up.
func (t *turn) end() { t.next() }

// next lets the next line of the same person be answered.
func (t *turn) next() {
	t.once.Do(func() {
		if t.u.Read != nil {
			t.u.Read()
		}
	})
}

// say emits the final reply. It passes on the error it is given, so that a caller
// can end with it.
func (t *turn) say(r Reply, err ...error) error {
	r.Final = true
	t.send(r)
	return errors.Join(err...)
}

func (t *turn) send(r Reply) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.done && r.To.Equal(jid.JID{}) {
		return
	}
	if r.Final {
		t.done = true
	}
	if t.muted {
		return
	}
	r.Text = headlined(r.Text)
	t.shown(r)
	t.emit(r)
}

// shown notes what the person is about to see, before it is emitted: the answer
// may be here before emit returns.
func (t *turn) shown(r Reply) {
	now := t.b.Hear()
	t.b.cards.show(r.ID, now)
	if !r.Final || t.u.Once || !r.To.Equal(jid.JID{}) {
		return
	}
	about := ""
	if c, ok := t.b.cards.get(r.ID); ok && c.state == cardOpen {
		about = c.id
	}
	t.b.talks.saying(t.key, about, now)
}

// tell answers with a few lines of plain text and an exit code.
func tell(exit int, lines ...string) Reply {
	return Reply{Text: strings.Join(lines, "\n"), Exit: exit, Data: Answer{Text: strings.Join(lines, "\n"), Exit: exit}}
}

// aside answers what is not for the grammar to read: what is encrypted, too
// long, a correction, or from somebody the policy does not know.
func (t *turn) aside(ctx context.Context) bool {
	switch {
	case !t.b.knows(t.person):
		t.b.cfg.Log.InfoContext(ctx, "line of a stranger", "from", t.person.String())
		t.say(tell(ExitRefused, "⛔ I don't know you, so I did nothing.", "An administrator can list "+cut(t.person.String(), 200)+" in the policy."))
	case t.u.Encrypted != "":
		t.say(tell(ExitNotUnderstood,
			"✖ I can't read encrypted messages ("+t.u.Encrypted+"). Nothing was run.",
			"Switch encryption off for this conversation and say it again."))
	case t.u.Correction != "":
		t.say(t.corrected())
	case t.line == "":
		t.say(tell(ExitNotUnderstood, "✖ That was empty. Say help for what I can do."))
	case utf8.RuneCountInString(t.line) > maxLine || !utf8.ValidString(t.line):
		t.say(tell(ExitNotUnderstood, fmt.Sprintf("✖ That is too long to read: at most %d characters. Nothing was run.", maxLine)))
	default:
		return false
	}
	return true
}

// corrected answers a corrected message (R9): it is never run, and a card that
// the first version opened is withdrawn.
func (t *turn) corrected() Reply {
	said := "Say it again as a new message."
	c, ok := t.b.cards.asked(t.person, t.u.Correction)
	switch {
	case ok && t.b.cards.close(c.id, cardCancelled, t.person):
		return tell(ExitNotUnderstood, fmt.Sprintf("✖ You corrected that line, so %s is cancelled. Nothing was run.", c.id), said)
	case ok:
		return tell(ExitNotUnderstood, "✖ I don't run corrected messages. "+c.over(t.w))
	}
	return tell(ExitNotUnderstood, "✖ I don't run corrected messages. Nothing was run now.", said)
}

// read adds the reading to the conversation.
func (t *turn) read(r grammar.Reading) {
	if !t.u.Once && !t.muted {
		t.b.talks.say(t.key, r)
	}
}
