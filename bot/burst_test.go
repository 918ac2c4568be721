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
)

// TestYesBeforeItsCard: a yes that was on its way before its card was shown
// answers something else.
func TestYesBeforeItsCard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, smallFleet()...)
		body := xml.Name{Space: "jabber:client", Local: "body"}
		for i, line := range []string{"restart nginx on web01", "yes", "yes"} {
			w.chat.HandleMessage(context.Background(), stanza.Message{
				From: jid.MustParse("alice@example.net/phone"), To: botJID, ID: fmt.Sprint("b", i), Type: stanza.ChatMessage,
			}, &tokens{[]xml.Token{xml.StartElement{Name: body}, xml.CharData(line), xml.EndElement{Name: body}}})
		}
		synctest.Wait()
		said := w.take()
		if done := w.done(); len(done) != 0 || len(said) != 3 || !strings.Contains(said[1].body, "came before") {
			t.Fatalf("said %v, done %v", said, done)
		}
		w.say("alice@example.net/phone", "yes", "b3", stanza.ChatMessage)
		if done := w.done(); len(done) != 1 {
			t.Errorf("after the card was shown: %v, done %v", w.take(), done)
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
		body := xml.Name{Space: "jabber:client", Local: "body"}
		for i := range maxRunning + maxWaiting + 5 {
			w.chat.HandleMessage(context.Background(), stanza.Message{
				From: jid.MustParse("alice@example.net/phone"), To: botJID, ID: fmt.Sprint("b", i), Type: stanza.ChatMessage,
			}, &tokens{[]xml.Token{xml.StartElement{Name: body}, xml.CharData("disk on web01"), xml.EndElement{Name: body}}})
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
