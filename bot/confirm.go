package bot

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"mellium.im/xmpp/jid"

	"adminbot/agentapi"
	"adminbot/internal/policy"
)

// unseen reports whether the line was on its way before the card could be seen.
func (c card) unseen(t *turn) bool { return c.shown == 0 || t.u.Heard < c.shown }

// means reports whether a bare yes is for the card: it was spoken of last, and that
// had been seen.
func (t *turn) means(c card) bool { return t.before.card == c.id && t.u.Heard > t.before.cardAt }

// mine are the cards that a yes of the asker runs.
func mine(waiting []card) []card {
	return slices.DeleteFunc(slices.Clone(waiting), func(c card) bool { return c.needs == policy.Second })
}

// waiting are the cards that a bare yes or no may mean: a line by itself means
// none of a chat's.
func (b *Bot) waiting(t *turn) []card {
	if t.u.Once {
		return nil
	}
	return b.cards.waiting(t.person, t.u.Room)
}

// confirm answers "yes", "yes 7f3" and "yes 7f3 12".
func (b *Bot) confirm(ctx context.Context, t *turn, id string, hosts int, counted bool) error {
	bare := id == ""
	if bare {
		waiting := b.waiting(t)
		own := mine(waiting)
		switch {
		case len(waiting) == 0:
			return t.say(tell(ExitNotUnderstood, "✖ Nothing waits for a yes. Nothing was run."))
		case len(waiting) == 1 && len(own) == 1:
			id = own[0].id
		case len(own) == 0:
			return t.say(waiting[0].tell(ExitNeedsYes, "✖ Someone else must approve. Nothing was run.", waiting[0].ask(len(waiting[0].plan.Hosts()))))
		default:
			first := fmt.Sprintf("✖ %d plans wait for a yes. Which? Nothing was run.", len(own))
			if len(own) == 1 {
				first = "✖ More than one plan waits. Which? Nothing was run."
			}
			lines := []string{first}
			for _, c := range own {
				lines = append(lines, c.brief())
			}
			return t.say(tell(ExitNeedsYes, lines...))
		}
	}
	c, ok := b.cards.get(id)
	switch {
	case !ok:
		return t.say(tell(ExitNotUnderstood, "✖ I have no card "+clean(id, 8)+". Nothing was run."))
	case !c.asker.Equal(t.person):
		said := "✖ " + c.id + " is somebody else's card. Nothing was run."
		if c.needs == policy.Second && c.state == cardOpen {
			said += fmt.Sprintf("\nTo agree to it: approve %s %d", c.id, len(c.plan.Hosts()))
		}
		return t.say(tell(ExitRefused, said))
	case !c.room.Equal(t.u.Room):
		return t.say(tell(ExitNeedsYes, "✖ "+c.id+" was asked for elsewhere: answer it there. Nothing was run."))
	case c.state != cardOpen:
		return t.say(tell(ExitNotUnderstood, "✖ "+c.over(t.w)))
	case c.unseen(t):
		return t.say(c.tell(ExitNeedsYes, "✖ Your yes came before "+c.id+" was shown. Nothing was run.", c.ask(len(c.plan.Hosts()))))
	case !t.u.Delayed.IsZero():
		return t.say(c.tell(ExitNeedsYes, fmt.Sprintf("⌛ Your yes arrived %s late, not run.", span(max(t.now.Sub(t.u.Delayed), 0))), c.ask(len(c.plan.Hosts()))))
	case bare && !t.means(c):
		return t.say(c.tell(ExitNeedsYes, "✖ Something else was said since. Nothing was run.", "= "+cut(c.plan.Sentence, 400), c.answers()))
	case c.needs == policy.Second:
		return t.say(tell(ExitNeedsYes, "✖ You asked for it; someone else must approve. Nothing was run.", c.ask(len(c.plan.Hosts()))))
	}
	n := len(c.plan.Hosts())
	if counted && hosts != n || !counted && c.needs == policy.Count {
		said := fmt.Sprintf("✖ This is about %s. Nothing was run.", plural(n, "host"))
		return t.say(c.tell(ExitNeedsYes, said, fmt.Sprintf("yes %s %d to run", c.id, n)))
	}
	return b.runCard(ctx, t, c, jid.JID{})
}

// runCard runs a card that was answered, if everything still is as it was when
// it was shown: the hosts are looked up again, and the policy is asked again.
func (b *Bot) runCard(ctx context.Context, t *turn, c card, approver jid.JID) error {
	asker := &turn{b: b, u: Utterance{From: t.u.From, Room: c.room}, person: c.asker, line: c.line, now: t.now, fleet: t.fleet}
	again, added, gone := c.plan.resolved(c.line, t.fleet.Inventory)
	v := b.judge(b.cfg.Policy(), c.asker, c.room, again, asker)
	switch {
	case len(v.refused) > 0:
		b.cards.close(c.id, cardCancelled, t.person)
		return t.say(refusal(again, v), b.record(ctx, asker, again, v, refused, c.id))
	case len(added) > 0 || len(gone) > 0 || v.needs > c.needs:
		return b.askAgain(ctx, t, c, again, v, added, gone)
	}
	// Of two answers that arrive together, one gets here first.
	if !b.cards.close(c.id, cardRun, t.person) {
		now, _ := b.cards.get(c.id)
		return t.say(tell(ExitNotUnderstood, "✖ "+now.over(t.w)))
	}
	decision := "run: confirmed"
	permit := permit{run: true, id: c.id, actor: c.asker, room: c.room, refused: v.partly}
	if !approver.Equal(jid.JID{}) {
		decision = "run: approved by " + approver.String()
		permit.reason = "approved by " + approver.String()
	}
	if err := b.record(ctx, asker, again, v, decision, c.id); err != nil {
		return t.say(tell(ExitMixed, notAudited), err)
	}
	return b.carryOut(ctx, t, again, permit)
}

// askAgain replaces a card whose plan means something else by now.
func (b *Bot) askAgain(ctx context.Context, t *turn, c card, again Plan, v verdict, added, gone []string) error {
	if !b.cards.close(c.id, cardReplaced, t.person) {
		now, _ := b.cards.get(c.id)
		return t.say(tell(ExitNotUnderstood, "✖ "+now.over(t.w)))
	}
	fresh, _, err := b.cards.open(card{asker: c.asker, room: c.room, message: c.message, line: c.line, plan: again, needs: max(v.needs, c.needs)})
	if err != nil {
		return t.say(tell(ExitNeedsYes, "✖ "+capital(err.Error())+".", "Nothing was run."))
	}
	var diff []string
	if len(added) > 0 {
		diff = append(diff, "new: "+someHosts(added, 40))
	}
	if len(gone) > 0 {
		diff = append(diff, "gone: "+someHosts(gone, 40))
	}
	if len(diff) == 0 {
		diff = append(diff, "it needs more than a yes by now")
	}
	reply := b.cardReply(fresh, t)
	reply.Text = "⚠ Not run: the hosts changed since you asked (" + strings.Join(diff, "; ") + ")\n" + reply.Text
	return t.say(reply, b.record(ctx, t, again, v, "card: needs "+fresh.needs.String(), fresh.id))
}

// approve answers "approve 8tz 6": the word of a second person (policy.md).
func (b *Bot) approve(ctx context.Context, t *turn, id string, hosts int, counted bool) error {
	c, ok := b.cards.get(id)
	n := len(c.plan.Hosts())
	switch {
	case id == "":
		return t.say(tell(ExitNotUnderstood, "✖ Approve which? Say its id and how many hosts. Nothing was run."))
	case !ok:
		return t.say(tell(ExitNotUnderstood, "✖ I have no card "+clean(id, 8)+". Nothing was run."))
	case c.state != cardOpen:
		return t.say(tell(ExitNotUnderstood, "✖ "+c.over(t.w)))
	case c.asker.Equal(t.person):
		if c.needs != policy.Second {
			return b.confirm(ctx, t, id, hosts, counted)
		}
		return t.say(tell(ExitRefused, "✖ You asked for it; someone else must approve. Nothing was run."))
	case c.needs != policy.Second:
		return t.say(tell(ExitRefused, "✖ "+c.id+" needs no second person. Nothing was run."))
	case !t.u.Delayed.IsZero():
		return t.say(tell(ExitNeedsYes, "⌛ Your approval arrived late. Nothing was run.", c.ask(n)))
	case !counted || hosts != n:
		return t.say(tell(ExitNeedsYes, fmt.Sprintf("✖ This is about %s. Nothing was run.", plural(n, "host")), c.describe(), fmt.Sprintf("approve %s %d · reject %s", c.id, n, c.id)))
	}
	pol := b.cfg.Policy()
	if !b.mayApprove(pol, t.person, c, t) {
		v := b.judge(pol, t.person, t.u.Room, c.plan, t)
		r := tell(ExitRefused, "⛔ You may not approve this. Nothing was run.")
		if len(v.refused) > 0 {
			r = refusal(c.plan, v)
		}
		return t.say(r, b.record(ctx, t, c.plan, v, approvalRefused, c.id))
	}
	return b.runCard(ctx, t, c, t.person)
}

// describe is a card for somebody who has not seen it.
func (c card) describe() string {
	return clean(c.asker.String(), 60) + " asks: " + cut(c.plan.Sentence, 300)
}

// mayApprove: who may do the same themselves; of class A only administrators.
func (b *Bot) mayApprove(pol *policy.Policy, who jid.JID, c card, t *turn) bool {
	if who.Equal(c.asker) || c.plan.Class() == agentapi.Admin && !pol.Admin(who) {
		return false
	}
	return len(b.judge(pol, who, jid.JID{}, c.plan, t).refused) == 0
}

// maxApprovers are told of a plan that waits for one of them.
const maxApprovers = 8

// tellApprovers tells the people who could approve.
func (b *Bot) tellApprovers(ctx context.Context, t *turn, c card) {
	pol, told := b.cfg.Policy(), 0
	for _, p := range t.fleet.Inventory.People {
		who, err := jid.Parse(p)
		if err != nil || told == maxApprovers || !b.mayApprove(pol, who.Bare(), c, t) {
			continue
		}
		told++
		n := len(c.plan.Hosts())
		b.notify(ctx, Reply{To: who.Bare(), ID: c.id, Text: strings.Join([]string{
			fmt.Sprintf("⛔ %s needs your approval: %s on %d hosts", clean(c.asker.Localpart(), 20), cut(did(c.plan), 30), n),
			"= " + cut(c.plan.Sentence, 400),
			fmt.Sprintf("approve %s %d · reject %s · %s", c.id, n, c.id, span(c.life())),
		}, "\n")})
	}
}

// withdraw answers "no", "cancel 7f3" and "reject 8tz". Saying no is always safe,
// so a bare one drops every plan the person has waiting here.
func (b *Bot) withdraw(ctx context.Context, t *turn, id string) error {
	if id == "" {
		var dropped []string
		for _, c := range b.waiting(t) {
			if b.cards.close(c.id, cardCancelled, t.person) {
				dropped = append(dropped, c.id)
			}
		}
		if len(dropped) == 0 {
			return t.say(tell(ExitOK, "OK, nothing to do. Nothing was waiting for a yes."))
		}
		return t.say(tell(ExitOK, "OK, "+strings.Join(dropped, ", ")+" cancelled. Nothing was run."))
	}
	c, ok := b.cards.get(id)
	mine := ok && c.asker.Equal(t.person)
	second := ok && c.needs == policy.Second && b.mayApprove(b.cfg.Policy(), t.person, c, t)
	switch {
	case !ok:
		return t.say(tell(ExitNotUnderstood, "✖ I have no card "+clean(id, 8)+". Nothing was run."))
	case !mine && !second:
		return t.say(tell(ExitRefused, "✖ "+c.id+" is somebody else's card."))
	case !b.cards.close(id, cardCancelled, t.person):
		now, _ := b.cards.get(id)
		return t.say(tell(ExitNotUnderstood, "✖ "+now.over(t.w)))
	}
	if !mine {
		b.notify(ctx, Reply{To: c.asker, Room: c.room, ID: c.id, Text: fmt.Sprintf("✖ %s rejected %s. Nothing was run.", clean(t.person.Localpart(), 20), c.id)})
	}
	v := verdict{rules: slices.Repeat([]string{""}, len(c.plan.Steps))}
	return t.say(tell(ExitOK, "OK, "+c.id+" cancelled. Nothing was run."), b.record(ctx, t, c.plan, v, "cancelled", c.id))
}
