package bot

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"

	"mellium.im/xmpp/jid"

	"adminbot/grammar"
)

// TestHelp: every example of every topic is a sentence that is read as a plan,
// and every first word of a method leads to its help.
func TestHelp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, smallFleet()...)
		snap := w.fleet.Snapshot()
		examples := 0
		verbs := snap.Lexicon.Verbs()
		var asked []string
		for _, topic := range topics {
			asked = append(asked, topic.name)
		}
		for _, v := range verbs {
			asked = append(asked, firstWords(v))
		}
		for _, topic := range append(asked, "") {
			turn := w.bot.begin(Utterance{From: jid.MustParse("alice@example.net")}, func(Reply) {})
			r := w.bot.help(turn, topic)
			if topic != "" && strings.HasPrefix(r.Text, "✖") {
				t.Errorf("help %s: %s", topic, r.Text)
			}
			checkReply(t, r.Text, chatLines)
			for l := range strings.SplitSeq(r.Text, "\n") {
				said, ok := strings.CutPrefix(l, "  ")
				if !ok || topic == "" && strings.Contains(said, "  ") {
					continue
				}
				examples++
				turn := w.bot.begin(Utterance{From: jid.MustParse("alice@example.net"), Text: said, Once: true}, func(Reply) {})
				if got := w.bot.parse(t.Context(), turn); got.Status != grammar.OK {
					t.Errorf("help %s: %q is read as %s", topic, said, got.Status)
				}
			}
		}
		if examples < 40 {
			t.Errorf("only %d examples", examples)
		}
		if r := w.bot.help(w.bot.begin(Utterance{From: jid.MustParse("alice@example.net")}, func(Reply) {}), "yes 7f3\n✔ done"); !strings.HasPrefix(r.Text, "✖ I have no help about") || strings.Count(r.Text, "\n") != 1 {
			t.Errorf("%s", r.Text)
		}
	})
}

// TestAside: what is no sentence at all.
func TestAside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, smallFleet()...)
		alice := jid.MustParse("alice@example.net/phone")
		for name, u := range map[string]Utterance{
			"empty":     {From: alice},
			"blank":     {From: alice, Text: " \n\t"},
			"too long":  {From: alice, Text: "ping " + strings.Repeat("x", 5000)},
			"not UTF-8": {From: alice, Text: "ping \xff"},
		} {
			var replies []Reply
			if err := w.bot.Answer(context.Background(), u, func(r Reply) { replies = append(replies, r) }); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			if len(replies) != 1 || !replies[0].Final || replies[0].Exit != ExitNotUnderstood {
				t.Errorf("%s: %+v", name, replies)
			}
		}
		if n := len(w.bot.talks.of); n != 0 {
			t.Errorf("%d conversations about nothing", n)
		}
	})
}

func TestTalksAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		ts := &talks{now: w.bot.cfg.Now}
		for i := range maxTalks + 100 {
			k := talkKey{asker: strings.Repeat("x", i%50) + string(rune(i))}
			for range maxReadings + 5 {
				ts.say(k, grammar.Reading{})
			}
			if n := len(ts.before(k).readings); n != maxReadings {
				t.Fatalf("%d readings", n)
			}
		}
		if len(ts.of) > maxTalks {
			t.Errorf("%d conversations", len(ts.of))
		}
		as := w.bot.answers
		for i := range 3 * maxAnswers {
			as.keep(jid.MustParse("p"+strings.Repeat("x", i%100)+"@example.net"), jid.JID{}, report{id: string(rune(0x4e00 + i))})
		}
		if len(as.byID) > maxAnswers || len(as.order) != len(as.byID) {
			t.Errorf("%d answers, %d in order", len(as.byID), len(as.order))
		}
	})
}
