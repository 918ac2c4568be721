package bot

import (
	"context"
	"encoding/xml"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/stanza"

	"adminbot/internal/audit"
)

// TestYesBeforeItsCard: a yes that was on its way before its card was shown
// answers something else.
func TestYesBeforeItsCard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, smallFleet()...)
		said := w.atOnce("alice@example.net/phone", "restart nginx on web01", "yes", "yes")
		if done := w.done(); len(done) != 0 || len(said) != 3 || !strings.Contains(said[1], "came before") {
			t.Fatalf("said %v, done %v", said, done)
		}
		w.say("alice@example.net/phone", "yes", "b3", stanza.ChatMessage)
		if done := w.done(); len(done) != 1 {
			t.Errorf("after the card was shown: %v, done %v", w.take(), done)
		}
	})
}

// TestYesBehindAnotherLine: a bare yes is for the card only when the card is what
// was spoken of last, as far as the person can have seen.
func TestYesBehindAnotherLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, smallFleet()...)
		w.say("alice@example.net/phone", "restart nginx on web01", "b0", stanza.ChatMessage)
		said := w.atOnce("alice@example.net/phone", "disk on web02", "yes", "yes")
		if done := w.done(); len(done) != 0 {
			t.Fatalf("said %v, done %v", said, done)
		}
		w.say("alice@example.net/phone", "yes", "b1", stanza.ChatMessage)
		if done := w.done(); len(done) != 1 {
			t.Errorf("after the card was shown again: %v, done %v", w.take(), done)
		}
	})
}

// TestYesBehindANotice: what others make the bot say comes between, too.
func TestYesBehindANotice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, smallFleet()...)
		w.say("carol@example.net/phone", "restart postgresql on db01", "b0", stanza.ChatMessage)
		w.bot.notify(context.Background(), Reply{To: jid.MustParse("carol@example.net"), Text: "⛔ alice needs your approval"})
		w.say("carol@example.net/phone", "yes", "b1", stanza.ChatMessage)
		said := w.take()
		if done, last := w.done(), said[len(said)-1].body; len(done) != 0 || !strings.Contains(last, "Something else was said") {
			t.Errorf("done %v after %q", done, last)
		}
	})
}

// TestYesAtOnce: a yes may be here while the card is still being written.
func TestYesAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, smallFleet()...)
		alice := jid.MustParse("alice@example.net/phone")
		var heard uint64
		w.bot.Answer(context.Background(), Utterance{From: alice, Text: "restart nginx on web01"}, func(Reply) { heard = w.bot.Hear() })
		w.bot.Answer(context.Background(), Utterance{From: alice, Text: "yes", Heard: heard}, func(Reply) {})
		if done := w.done(); len(done) != 1 {
			t.Errorf("done %v", done)
		}
	})
}

// TestTooManyLines: each line that is not read is answered, finally.
func TestTooManyLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, smallFleet()...)
		w.hosts["web01"].slow = 1e9
		var finals int
		w.chat.cfg.Send = func(_ context.Context, r xml.TokenReader) error {
			var text strings.Builder
			for {
				tok, err := r.Token()
				switch tok := tok.(type) {
				case xml.StartElement:
					text.WriteString("<" + tok.Name.Local + ">")
				case xml.CharData:
					text.Write(tok)
				}
				if err != nil || tok == nil {
					break
				}
			}
			if s := text.String(); strings.Contains(s, "Too many lines") && strings.Contains(s, "<active>") {
				finals++
			}
			return nil
		}
		for i := range maxRunning + maxWaiting + 5 {
			w.hear("alice@example.net/phone", fmt.Sprint("b", i), "disk on web01")
			synctest.Wait()
		}
		if finals != 5 {
			t.Errorf("%d final refusals, want 5", finals)
		}
	})
}

// TestSayOpensNoCard: a line by itself leaves nothing that a later yes in chat
// could run, and takes no place of the chat's cards.
func TestSayOpensNoCard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, smallFleet()...)
		say := sayClient(w, "alice@example.net/ci")
		for range maxOpenCards + 2 {
			out, err := say("restart nginx on web01", nil)
			if text, _ := out["text"].(string); err != nil || out["exit"] != int32(ExitNeedsYes) || out["id"] != nil || strings.Contains(text, "yes ") {
				t.Fatalf("%v %v", out, err)
			}
		}
		w.say("alice@example.net/phone", "yes", "s1", stanza.ChatMessage)
		if done := w.done(); len(done) != 0 {
			t.Errorf("a yes in chat ran %v", done)
		}
		w.say("alice@example.net/phone", "restart nginx on web02", "s2", stanza.ChatMessage)
		if out, err := say("yes", nil); err != nil || out["exit"] != int32(ExitNotUnderstood) || len(w.done()) != 0 {
			t.Errorf("a bare yes by itself: %v %v", out, err)
		}
	})
}

// atOnce lets somebody say lines that are all there before the first is answered,
// and returns the last answer to each.
func (w *world) atOnce(from string, lines ...string) []string {
	heard := make([]uint64, len(lines))
	for i := range lines {
		heard[i] = w.bot.Hear()
	}
	answers := make([]string, len(lines))
	for i, line := range lines {
		w.bot.Answer(context.Background(), Utterance{From: jid.MustParse(from), Text: line, Heard: heard[i]}, func(r Reply) { answers[i] = r.Text })
	}
	return answers
}

// hear hands the chat a message as it comes from a session.
func (w *world) hear(from, id, line string) {
	body := xml.Name{Space: "jabber:client", Local: "body"}
	w.chat.HandleMessage(context.Background(), stanza.Message{
		From: jid.MustParse(from), To: botJID, ID: id, Type: stanza.ChatMessage,
	}, &tokens{[]xml.Token{xml.StartElement{Name: body}, xml.CharData(line), xml.EndElement{Name: body}}})
}

// TestStrangersTakeNoRoom: what strangers send is not remembered, however long
// the ids they give it, and what others sent is not forgotten for it.
func TestStrangersTakeNoRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, smallFleet()...)
		w.hear("alice@example.net/phone", "once", "disk on web01")
		synctest.Wait()
		if said := w.take(); len(said) != 1 {
			t.Fatalf("said %v", said)
		}
		for i := range maxSeen + 1 {
			w.hear("mallory@example.net/x", fmt.Sprint(i), "restart nginx on web01")
		}
		synctest.Wait()
		if said := w.take(); len(said) != 1 || !strings.Contains(said[0].body, "I don't know you") {
			t.Errorf("said %v", said)
		}
		if n := len(w.chat.ring); n != 1 {
			t.Errorf("%d ids are remembered", n)
		}
		w.hear("alice@example.net/phone", "once", "disk on web01")
		synctest.Wait()
		if said := w.take(); len(said) != 0 {
			t.Errorf("answered twice: %v", said)
		}
	})
}

// TestRoomThatIsNone: anybody can write as a room does, and gets one answer.
func TestRoomThatIsNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, smallFleet()...)
		for i := range 50 {
			w.say("mallory@example.net/x", "adminbot: disk", fmt.Sprint("r", i), stanza.GroupChatMessage)
		}
		if said := w.take(); len(said) != 1 {
			t.Errorf("%d answers: %v", len(said), said)
		}
	})
}

// TestOneMistake: a panic costs the answer, or the call, in which it happened.
func TestOneMistake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, smallFleet()...)
		log := w.bot.cfg.Audit
		w.bot.cfg.Audit = mistake{}
		w.say("alice@example.net/phone", "restart nginx on web01", "p1", stanza.ChatMessage)
		if said := w.take(); len(said) != 1 || !strings.Contains(said[0].body, "A mistake of mine") {
			t.Errorf("said %v", said)
		}
		w.bot.cfg.Audit = log
		w.bot.client.Transport = mistake{}
		w.say("alice@example.net/phone", "disk on web01", "p2", stanza.ChatMessage)
		if said := w.take(); len(said) != 1 || !strings.Contains(said[0].body, "no answer from web01") {
			t.Errorf("said %v", said)
		}
		w.bot.client.Transport = w
		w.say("alice@example.net/phone", "disk on web01", "p3", stanza.ChatMessage)
		if said := w.take(); len(said) != 1 || !strings.Contains(said[0].body, "✔ disk on web01") {
			t.Errorf("said %v", said)
		}
	})
}

type mistake struct{}

func (mistake) Append(context.Context, audit.Entry) error { panic("a mistake") }
func (mistake) Note(context.Context, audit.Entry) error   { panic("a mistake") }

func (mistake) RoundTripIQ(context.Context, stanza.IQ, xml.TokenReader) (stanza.IQ, xml.TokenReader, error) {
	panic("a mistake")
}
