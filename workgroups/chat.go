package workgroups

import (
	"cmp"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"adminbot/internal/xmpp/element"
	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/stanza"
)

// HandleMessage takes messages: those that come back, and those of people who
// write to a workgroup with any client.
func (s *Service) HandleMessage(ctx context.Context, m stanza.Message, r xml.TokenReader) {
	children, err := element.ReadAll(r)
	g := s.workgroup(m.To)
	if err != nil || g == nil {
		return
	}
	switch m.Type {
	case stanza.ErrorMessage:
		s.cameBack(ctx, m, children)
		return
	case stanza.GroupChatMessage, stanza.HeadlineMessage:
		return
	}
	h := readUtterance(children)
	if h.aside || h.said == (said{}) {
		return
	}
	answer := ""
	switch {
	case !g.admits(m.From):
		if h.reaction {
			return
		}
		answer = howTo(g)
	case h.late && h.said.changes():
		answer = "That came late, so nothing was done: say it again."
	default:
		answer = s.hear(ctx, g, m.From, h.said)
	}
	s.tell(ctx, g, m.From, answer)
}

// A said is what somebody says in chat.
type said struct {
	verb string // take, ack, pass, resolve, note, who, show, list, oncall, join, leave, help
	id   int64  // 0: not said
	text string

	other int64 // it answers a message about this alert and says the number of another
}

func (v said) changes() bool {
	return slices.Contains([]string{"take", "ack", "pass", "resolve", "note", "join", "leave"}, v.verb)
}

// maxSaid bounds a note or a reason, in bytes.
const maxSaid = 1000

var chatSentence = regexp.MustCompile(`(?is)^(take|accept|ack|acknowledge|pass|reject|decline|resolve|close|note|show|alert|room|who\s+has|who\s+owns)\b\s*(?:alert\s+)?(?:#?([0-9]{1,9})\b|(?:it|this)\b)?\s*\??\s*(?:[:,])?\s*(.*)$`)

// readChat reads one line of chat. What it does not know is help.
func readChat(line string) said {
	switch strings.ToLower(strings.TrimRight(line, " .!?")) {
	case "join", "on duty", "on":
		return said{verb: "join"}
	case "leave", "off duty", "off":
		return said{verb: "leave"}
	case "list", "alerts", "queue", "status":
		return said{verb: "list"}
	case "who is on call", "oncall", "on call":
		return said{verb: "oncall"}
	}
	m := chatSentence.FindStringSubmatch(line)
	if m == nil {
		return said{verb: "help"}
	}
	v := said{text: cut(strings.TrimSpace(m[3]), maxSaid)}
	v.id, _ = strconv.ParseInt(m[2], 10, 64) // digits only
	switch verb := strings.ToLower(strings.Join(strings.Fields(m[1]), " ")); verb {
	case "take", "accept":
		v.verb = "take"
	case "ack", "acknowledge":
		v.verb = "ack"
	case "pass", "reject", "decline":
		v.verb = "pass"
	case "resolve", "close":
		v.verb = "resolve"
	case "show", "alert":
		v.verb = "show"
	case "room", "note":
		v.verb = verb
	default:
		v.verb = "who"
	}
	switch {
	case v.text != "" && v.verb != "pass" && v.verb != "resolve" && v.verb != "note":
		return said{verb: "help"} // not every word is understood
	case v.text == "" && v.verb == "note":
		return said{verb: "help"}
	case v.id == 0 && m[2] != "":
		return said{verb: "help"}
	}
	return v
}

// hear does what a member says and returns the answer.
func (s *Service) hear(ctx context.Context, g *Workgroup, from jid.JID, v said) string {
	who := from.Bare()
	if v.other != 0 {
		return fmt.Sprintf("That answers a message about alert %[1]d, and says %[2]d. Nothing was done: say %[3]s %[1]d, or %[3]s %[2]d.", v.other, v.id, v.verb)
	}
	if v.id == 0 && slices.Contains([]string{"take", "ack", "pass", "resolve", "note", "who", "show", "room"}, v.verb) {
		var why string
		if v.id, why = s.meant(ctx, g, who, v.verb); v.id == 0 {
			return why
		}
	}
	if v.id != 0 {
		if a, _, err := s.Alert(ctx, v.id); err != nil || a.Workgroup != g.Name {
			return s.sorry(v.id, cmp.Or(err, ErrNotFound))
		}
	}
	switch v.verb {
	case "take":
		_, err := s.Take(ctx, v.id, who)
		if err == nil {
			return "" // the invitation says it
		}
		return s.sorry(v.id, err)
	case "ack":
		_, err := s.Take(ctx, v.id, who) // of one's own alert it says that one is at it
		if err == nil {
			return fmt.Sprintf("Alert %d is yours, and you are at it.", v.id)
		}
		return s.sorry(v.id, err)
	case "pass":
		_, err := s.Pass(ctx, v.id, who, v.text)
		if err == nil {
			return fmt.Sprintf("Alert %d goes to somebody else.", v.id)
		}
		return s.sorry(v.id, err)
	case "resolve":
		_, err := s.Resolve(ctx, v.id, who, v.text)
		if err == nil {
			return fmt.Sprintf("Alert %d is resolved.", v.id)
		}
		return s.sorry(v.id, err)
	case "note":
		_, err := s.Note(ctx, v.id, who, v.text)
		switch {
		case err == nil && len(v.text) > maxSaid: // it was cut
			return fmt.Sprintf("Noted on alert %d, but only the first %d bytes of it.", v.id, maxSaid)
		case err == nil:
			return fmt.Sprintf("Noted on alert %d.", v.id)
		}
		return s.sorry(v.id, err)
	case "room":
		err := s.Invite(ctx, v.id, who)
		if err == nil {
			return fmt.Sprintf("You are invited into the room of alert %d.", v.id)
		}
		return s.sorry(v.id, err)
	case "who", "show":
		return s.describe(ctx, v)
	case "list":
		return s.listed(ctx, g)
	case "oncall":
		return s.onCallNow(ctx, g)
	case "join", "leave":
		return s.duty(ctx, g, who, v.verb == "join")
	}
	return howTo(g)
}

// meant is the alert that somebody speaks of without its number: the only one
// that is offered to them, or that they own.
func (s *Service) meant(ctx context.Context, g *Workgroup, who jid.JID, verb string) (id int64, why string) {
	offers, owned, err := s.held(ctx, g, who)
	if err != nil {
		return 0, s.sorry(0, err)
	}
	all := spokenOf(verb, offers, owned)
	if len(all) == 1 {
		return all[0], ""
	}
	return 0, whichAlert(verb, all)
}

// spokenOf are the alerts that a verb without a number can be about.
func spokenOf(verb string, offers, owned []int64) []int64 {
	if verb == "resolve" || verb == "ack" || verb == "note" || len(offers) == 0 && verb != "take" {
		return owned
	}
	return offers
}

// whichAlert asks for the number.
func whichAlert(verb string, candidates []int64) string {
	if len(candidates) == 0 {
		return "Which alert? Say its number: " + verb + " 17"
	}
	return fmt.Sprintf("Which of %v? Say %s and its number.", candidates, verb)
}

// held are the alerts that are offered to somebody, and those that they own, by
// number.
func (s *Service) held(ctx context.Context, g *Workgroup, who jid.JID) (offers, owned []int64, err error) {
	err = s.look(ctx, func(m *machine, _ time.Time) error {
		if a := m.groups[g.Name].agents[who.String()]; a != nil {
			offers, owned = slices.Sorted(maps.Keys(a.open)), slices.Sorted(maps.Keys(a.owned))
		}
		return nil
	})
	return offers, owned, err
}

// sorry is an error in words.
func (s *Service) sorry(id int64, err error) string {
	switch {
	case errors.Is(err, ErrNotFound):
		return fmt.Sprintf("There is no alert %d.", id)
	case errors.Is(err, ErrOver):
		return fmt.Sprintf("Alert %d has ended already.", id)
	case errors.Is(err, ErrTaken):
		_, owner, _ := strings.Cut(err.Error(), ErrTaken.Error()+": ")
		return fmt.Sprintf("%s has alert %d.", owner, id)
	case errors.Is(err, ErrNotOffered):
		return fmt.Sprintf("Alert %d is not offered to you.", id)
	case errors.Is(err, ErrStorage):
		return "The disk refuses, so nothing was done. Try again."
	}
	return "That did not work, and nothing was done: " + strings.TrimPrefix(err.Error(), "workgroups: ")
}

func (s *Service) describe(ctx context.Context, v said) string {
	a, entries, err := s.Alert(ctx, v.id)
	if err != nil {
		return s.sorry(v.id, err)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "Alert %d · %s\n", a.ID, a.title())
	switch {
	case a.State == Assigned:
		fmt.Fprintf(&b, "%s has it.", a.Owner.Bare())
	case a.State.Ended() && a.EndedBy != "":
		fmt.Fprintf(&b, "%s by %s. %s", a.State, a.EndedBy, a.Reason)
	case a.waiting():
		b.WriteString("Nobody has it.")
	default:
		fmt.Fprintf(&b, "%s. %s", a.State, a.Reason)
	}
	if v.verb == "show" {
		if d := strings.TrimSpace(a.Details); d != "" {
			b.WriteString("\n" + cut(d, 1000))
		}
		if a.Instances > 0 {
			instances, err := s.Instances(ctx, a.ID)
			if err != nil {
				return s.sorry(v.id, err)
			}
			b.WriteString("\n" + listing(&a, instances))
		}
		entries = Timeline(entries)
		for _, e := range entries[max(0, len(entries)-12):] {
			fmt.Fprintf(&b, "\n%s  %s", e.At.Format("2006-01-02 15:04 MST"), e)
		}
	}
	return b.String()
}

func (s *Service) listed(ctx context.Context, g *Workgroup) string {
	all, err := s.Alerts(ctx, g.Name)
	if err != nil {
		return s.sorry(0, err)
	}
	if len(all) == 0 {
		return "Nothing waits."
	}
	var b strings.Builder
	for i, a := range all {
		if i == 20 {
			fmt.Fprintf(&b, "and %d more", len(all)-i)
			break
		}
		owner := "nobody has it"
		if a.State == Assigned {
			owner = a.Owner.Bare().String() + " has it"
		}
		fmt.Fprintf(&b, "%d · %s · %s\n", a.ID, a.title(), owner)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// duty has a member be asked by chat, or not any more.
func (s *Service) duty(ctx context.Context, g *Workgroup, who jid.JID, on bool) string {
	err := s.Duty(ctx, g.Name, who, on)
	switch {
	case err != nil:
		return s.sorry(0, err)
	case on:
		return "You will be asked to take alerts, here, until you say leave."
	}
	return "You will not be asked here any more. What you have taken stays yours."
}

// cameBack notes that an offer could not be delivered, or that a room had no time to ask
// somebody in.
func (s *Service) cameBack(ctx context.Context, msg stanza.Message, children []*element.Element) {
	alert, ok := parseStanzaID(msg.ID)
	if !ok {
		return
	}
	again := s.rooms.forgot(msg.From) && !refused(errorOf(children))
	err := s.do(ctx, func(m *machine, now time.Time) error {
		if again {
			m.askAgain(alert, msg.From, now)
		} else {
			m.undelivered(alert, msg.From, false, now)
		}
		return nil
	})
	if err != nil {
		s.log.WarnContext(ctx, "a message came back, which could not be noted", "from", msg.From, "err", err)
	}
}

// tell sends one line of chat that nobody needs to have twice.
func (s *Service) tell(ctx context.Context, g *Workgroup, to jid.JID, text string) {
	if text == "" {
		return
	}
	e := element.New("", "message", "from", s.Address(g.Name).String(), "to", to.String(), "type", "chat").AddText("body", text)
	if err := s.cfg.Wire.Send(ctx, e.TokenReader()); err != nil {
		s.log.DebugContext(ctx, "not told", "to", to, "err", err)
	}
}

// howTo answers plain chat, as XEP-0142#impl recommends.
func howTo(g *Workgroup) string {
	return fmt.Sprintf("%s: alerts wait here for somebody to take them. Members can say\njoin · leave: be asked here, or not\nlist: what waits\ntake 17 · pass 17 · ack 17 · who has 17? · show 17 · room 17: be invited into its room · note 17 and what you found · resolve 17 and what was done\nor answer its message: take, pass, resolve and what was done; or with 👍 (take), 👎 (pass), ✅ (resolve)\nwho is on call?", g.Title)
}

const noSchedule = "There is no schedule here: everybody is asked."

// onCallNow says who is on call, by each of the workgroup's schedules.
func (s *Service) onCallNow(ctx context.Context, g *Workgroup) string {
	duties, err := s.OnCall(ctx, g.Name, "", s.cfg.Now())
	switch {
	case errors.Is(err, ErrNoSchedule):
		return noSchedule
	case err != nil:
		return s.sorry(0, err)
	}
	var lines []string
	for _, d := range duties {
		lines = append(lines, d.String())
	}
	return strings.Join(lines, "\n")
}
