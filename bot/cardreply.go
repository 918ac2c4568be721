package bot

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"adminbot/internal/policy"
)

// cardReply is a card as it is shown (R7): what would happen to whom, the
// sentence, and the answer that runs it.
func (b *Bot) cardReply(c card, t *turn) Reply {
	hosts := c.plan.Hosts()
	var lines []string
	if late := t.u.Delayed; !late.IsZero() {
		took := t.now.Sub(late)
		answer, _, _ := strings.Cut(c.ask(len(hosts)), " ·")
		lines = append(lines, fmt.Sprintf("⌛ Arrived %s late, not run: %s now", span(max(took, 0)), answer))
	}
	lines = append(lines, b.cardHead(c, hosts)...)
	for i, s := range c.plan.Steps {
		if len(c.plan.Steps) > 1 {
			lines = append(lines, fmt.Sprintf("%d  %s on %s", i+1, fromArgs(faceOf(s.Method).do, s.Args, t.w), someHosts(s.Hosts, 48)))
		}
		if more := extraArgs(faceOf(s.Method).do, s.Args, t.w); more != "" {
			lines = append(lines, "   "+more)
		}
	}
	if all := foldHosts(hosts); len(hosts) > 6 && !strings.Contains(strings.Join(lines, "\n"), all) {
		lines = append(lines, cut(all, 600))
	}
	if prod := b.production(hosts); len(prod) > 0 && len(prod) < len(hosts) {
		lines = append(lines, "in production: "+someHosts(prod, 54))
	}
	lines = append(lines, b.away(hosts)...)
	lines = append(lines, "= "+cut(c.plan.Sentence, 400))
	var expires time.Time
	if c.id != "" {
		lines, expires = append(lines, c.ask(len(hosts))), c.expires
		lines = append(lines, b.beside(c, t)...)
	} else {
		lines = append(lines, c.inAdvance(t.u)...)
	}
	text := strings.Join(lines, "\n")
	return Reply{Text: text, ID: c.id, Exit: ExitNeedsYes, Data: Answer{
		ID: c.id, Text: text, Canonical: c.plan.Sentence, Plan: commandsOf(c.plan), Hash: c.plan.Hash, Needs: c.needs.String(), Expires: expires, Exit: ExitNeedsYes,
	}}
}

// cardHead are the first lines: the whole question (R1).
func (b *Bot) cardHead(c card, hosts []string) []string {
	what := capital(did(c.plan))
	if n := len(c.plan.Steps); n > 1 && (!c.plan.oneSet() || width(what) > headWidth*2/3) {
		what = fmt.Sprintf("%d steps", n) // a line for each follows
	}
	kind := "hosts"
	if len(b.production(hosts)) == len(hosts) {
		kind = "production hosts"
	}
	head := what
	switch len(hosts) {
	case 0:
	case 1:
		head = fmt.Sprintf("%s on %s", what, hosts[0])
	default:
		head = fmt.Sprintf("%s on %d %s: ", what, len(hosts), kind)
		head += someHosts(hosts, max(12, headWidth-width(head)-2))
	}
	if c.needs == policy.Second {
		return firstLine("⛔ "+head+".", "Needs a second person.")
	}
	if len(hosts) < 2 {
		head += "?"
	}
	return []string{cut(head, headWidth)}
}

// production are the hosts that are known to be in production.
func (b *Bot) production(hosts []string) []string {
	var out []string
	snap := b.cfg.Fleet.Snapshot()
	for _, name := range hosts {
		if h, ok := snap.Host(name); ok && h.Facts.Facts["env"] == "prod" {
			out = append(out, name)
		}
	}
	return out
}

// away says which of the hosts would not be reached now.
func (b *Bot) away(hosts []string) []string {
	var off, unseen []string
	for _, name := range hosts {
		switch h, ok := b.cfg.Fleet.Find(name); {
		case h.Unseen():
			unseen = append(unseen, name)
		case !ok || !h.Online:
			off = append(off, name)
		}
	}
	var out []string
	if len(off) > 0 {
		out = append(out, "offline now: "+someHosts(off, 56))
	}
	if len(unseen) > 0 {
		out = append(out, notBack+": "+someHosts(unseen, 28))
	}
	return out
}

// life is how long the card may be answered: somebody else needs longer.
func (c card) life() time.Duration {
	if c.needs == policy.Second {
		return approvalLife
	}
	return cardLife
}

// ask is the line with the answers a card takes.
func (c card) ask(hosts int) string {
	switch c.needs {
	case policy.Count:
		return fmt.Sprintf("yes %s %d to run · no · %s", c.id, hosts, span(c.life()))
	case policy.Second:
		return fmt.Sprintf("another person: approve %s %d · reject %s · %s", c.id, hosts, c.id, span(c.life()))
	}
	return fmt.Sprintf("yes %s to run · no · %s", c.id, span(c.life()))
}

// inAdvance says how a line that is no conversation is confirmed.
func (c card) inAdvance(u Utterance) []string {
	switch {
	case c.needs == policy.Second:
		return []string{"Nothing was run: say it in chat, where another person can agree."}
	case u.Confirm != "":
		return []string{"Nothing was run: the plan that was confirmed is another one.", "hash " + c.plan.Hash}
	}
	return []string{"Nothing was run: say it again with its hash.", "hash " + c.plan.Hash}
}

// maxBeside bounds how many other cards a card names.
const maxBeside = 3

// beside names the other cards of the asker that a yes here could mean.
func (b *Bot) beside(c card, t *turn) []string {
	if !c.asker.Equal(t.person) {
		return nil
	}
	others := slices.DeleteFunc(mine(b.waiting(t)), func(o card) bool { return o.id == c.id })
	if len(others) == 0 {
		return nil
	}
	lines := []string{"still waiting:"}
	for _, o := range others[max(0, len(others)-maxBeside):] {
		lines = append(lines, o.brief())
	}
	if more := len(others) - maxBeside; more > 0 {
		lines = append(lines, fmt.Sprintf("+%d", more))
	}
	return lines
}

// answers are the answers a card takes, without how long.
func (c card) answers() string {
	return strings.TrimSuffix(c.ask(len(c.plan.Hosts())), " · "+span(c.life()))
}

// brief is a card in one line, beside others: the answer that runs it, and what.
func (c card) brief() string {
	answer, _, _ := strings.Cut(c.answers(), " to run")
	return fmt.Sprintf("%s  %s", answer, cut(c.plan.Sentence, 60))
}

// tell answers with a few lines that are about the card: a yes after them is for
// it.
func (c card) tell(exit int, lines ...string) Reply {
	r := tell(exit, lines...)
	r.ID = c.id
	return r
}
