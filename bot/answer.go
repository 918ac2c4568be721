// Package bot turns chat lines into calls on hosts, and what came of them into
// text.
//
// A program makes a [Bot] with [New], runs it with [Bot.Run], and hands lines to
// [Bot.Answer]. The chat ([Chat]), `adminbot say` ([Bot.Mux]) and everything else
// enter there: one language, one policy, one audit trail.
//
// The way of a line is five verbs. Parse reads it in the light of the
// conversation. Plan binds what was read to methods, arguments and hosts. Permit
// asks the policy; a change becomes a confirmation card ([Bot.Answer] of "yes 7f3"
// then runs it). Execute makes the calls. Render writes the answer. Parse, Plan
// and Render are pure.
package bot

import (
	"context"
	"strings"
	"time"

	"mellium.im/xmpp/jid"

	"adminbot/grammar"
)

// Utterance is one line that somebody said.
type Utterance struct {
	From       jid.JID   // full address of the person, as the server stamped it; in rooms the real one
	Room       jid.JID   // bare address of the room; zero in one-to-one chat
	Text       string    // the line, without quotation of earlier messages and without the bot's name
	ID         string    // of the message; corrections name it
	Delayed    time.Time // when it was sent, if it came late; such a line changes nothing (R9)
	Heard      uint64    // number of its arrival, of [Bot.Hear]; 0: it arrives now
	Correction string    // id of the message that this one corrects (R9)
	Encrypted  string    // how it was encrypted, if it was; then Text is empty (R14)

	// In the room of an alert: nobody said that it is for the bot. It is answered
	// if every word is understood, and what changes something asks for a yes.
	Overheard bool

	Once    bool   // a line by itself, not part of a conversation: `adminbot say`
	Confirm string // hash of the plan that is confirmed in advance
	Yes     bool   // confirms in advance whatever needs no second person
	Key     string // idempotency key: the same for every repeat of the line; "" draws new ones

	// Read, if set, is called once: when the next line of the same person may be
	// answered, which is before the hosts have answered this one.
	Read func()
}

// Reply is one message back.
type Reply struct {
	To      jid.JID // who else is told, bare; zero: whoever spoke
	Room    jid.JID // where the one in To is told; zero: one-to-one
	Text    string
	Data    any    // the same for programs; see [Answer]
	ID      string // of the answer or card
	Final   bool   // the last one for the line
	Again   bool   // says anew how far slow work is: only for who sees it in the place of what was said before
	Private bool   // in rooms: to the person alone
	Exit    int    // exit code of the command line
}

// Answer answers one line. It calls emit, from one goroutine at a time, with each
// reply: at most a few while hosts are slow, and then one that is Final. It
// returns when that was emitted; the error is for what is wrong on this side, the
// person has been told. It may be called from many goroutines; lines of one
// person should be handed over in order, each after Read of the one before.
func (b *Bot) Answer(ctx context.Context, u Utterance, emit func(Reply)) error {
	turn := b.begin(u, emit)
	defer turn.end()
	if turn.aside(ctx) {
		return nil
	}
	if reply, ok := b.idle(turn); ok {
		return turn.say(reply)
	}
	reading := b.parse(ctx, turn)
	plan, problem := plan(reading, turn.line, turn.fleet.Lexicon)
	if problem != nil {
		if still, waits := b.stillWaits(turn); waits && reading.Status == grammar.NotACommand {
			problem.Text, problem.ID = problem.Text+"\n"+still.Text, still.ID
		}
		return turn.say(*problem)
	}
	if own := plan.own(); own != nil {
		return b.answerOwn(ctx, turn, own)
	}
	permit, err := b.permit(ctx, turn, plan)
	if err != nil || !permit.run {
		return turn.say(permit.reply, err)
	}
	return b.carryOut(ctx, turn, plan, permit)
}

// carryOut is Execute and Render: of a permitted plan, or of a card that was
// answered.
func (b *Bot) carryOut(ctx context.Context, turn *turn, plan Plan, permit permit) error {
	report := b.execute(ctx, turn, plan, permit)
	b.answers.keep(permit.actor, permit.room, report)
	reply := b.rendered(turn, report)
	if !permit.actor.Equal(turn.person) { // a second person said yes: whoever asked wants to know
		told := reply
		told.To, told.Room = permit.actor, permit.room
		b.notify(ctx, told)
	}
	return turn.say(reply)
}

// parse reads the line: first as one of the few exact sentences about cards and
// answers, else by the grammar.
func (b *Bot) parse(ctx context.Context, t *turn) grammar.Reading {
	if c, ok := b.exact(t); ok {
		reading := grammar.Reading{Status: grammar.OK, Canonical: t.line, Commands: []grammar.Command{c}}
		t.muted = t.muted && !b.means(t, reading)
		if strings.HasPrefix(c.Method, "alert.") { // "it" is that alert from now on
			t.read(reading)
		}
		return reading
	}
	reading := t.lexicon().Parse(t.before.readings, t.line, t.now)
	if reading.Status != grammar.OK && !t.muted && t.refresh(ctx) {
		reading = t.lexicon().Parse(t.before.readings, t.line, t.now)
	}
	reading = t.here(t.narrow(reading))
	reading.Options = buildable(reading.Options, t.fleet.Lexicon)
	t.aliased = len(reading.Aliases) > 0
	t.muted = t.muted && !b.means(t, reading)
	if !goesOn(reading) {
		t.read(reading)
	}
	return reading
}

// goesOn reports whether a line is about the last answer: what was asked or done
// then is still what was said last.
func goesOn(r grammar.Reading) bool {
	return r.Status == grammar.OK && (r.Commands[0].Method == "bot.details" || r.Commands[0].Method == "bot.retry")
}

// exact is the command of a sentence that means one thing, whatever the
// vocabulary.
func (b *Bot) exact(t *turn) (grammar.Command, bool) {
	if c, ok := control(t.line, b.knownID); ok {
		return c, true
	}
	if c, ok := t.alertTalk(); ok {
		return c, true
	}
	if c, ok := t.figures(); ok {
		return c, true
	}
	if c, ok := t.takeover(); ok {
		return c, true
	}
	return b.dropping(t)
}
