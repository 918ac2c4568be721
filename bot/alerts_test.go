package bot

import (
	"fmt"
	"testing"
	"testing/synctest"

	"mellium.im/xmpp/jid"

	"adminbot/grammar"
)

func TestAlertTalk(t *testing.T) {
	about17 := grammar.Reading{Status: grammar.OK, Commands: []grammar.Command{{Method: "alert.show", Args: map[string]any{"id": "17"}}}}
	disk := grammar.Reading{Status: grammar.OK, Commands: []grammar.Command{{Method: "disk.usage"}}}
	room := jid.MustParse("ops@conference.example.net")
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		for _, tt := range []struct {
			before []grammar.Reading
			room   jid.JID
			line   string
			want   string // method and arguments; "": for the grammar
		}{
			{line: "take 17", want: "alert.accept map[id:17]"},
			{line: "ack #17", want: "alert.ack map[id:17]"},
			{line: "Pass 17: in a meeting", want: "alert.reject map[id:17 reason:in a meeting]"},
			{line: "resolve 17 tape changed", want: "alert.resolve map[id:17 reason:tape changed]"},
			{line: "note 17 looking at it", want: "alert.note map[id:17 text:looking at it]"},
			{line: "note 17", want: ""},
			{line: "take 17 now", want: ""},
			{line: "take 0", want: ""},
			{line: "who has 17?", want: "alert.show map[id:17]"},
			{line: "what happened to alert 17", want: "alert.show map[id:17]"},
			{line: "What's up with alert #17?", want: "alert.show map[id:17]"},
			{line: "history of 17", want: "alert.show map[id:17]"},
			{line: "what is up with 17", want: ""}, // it may be a host
			// Without a number: the alert that was spoken of, or else the one that is theirs.
			{line: "pass", want: "alert.reject map[]"},
			{line: "take it.", want: "alert.accept map[]"},
			{line: "resolve: tape changed", want: "alert.resolve map[reason:tape changed]"},
			{before: []grammar.Reading{about17}, line: "take it", want: "alert.accept map[id:17]"},
			{before: []grammar.Reading{about17}, line: "note: looking", want: "alert.note map[id:17 text:looking]"},
			{before: []grammar.Reading{about17, disk}, line: "ack it", want: "alert.ack map[]"},
			{line: "note", want: ""},
			{line: "pass it to bob", want: ""},
			{line: "resolve it on web01", want: ""},
			{line: "take web01", want: ""},
			{room: room, line: "pass", want: ""}, // people speak with each other there
			{room: room, line: "take 17", want: "alert.accept map[id:17]"},
		} {
			turn := w.bot.begin(Utterance{From: jid.MustParse("alice@example.net/x"), Room: tt.room, Text: tt.line}, nil)
			turn.before.readings = tt.before
			got := ""
			if c, ok := turn.alertTalk(); ok {
				got = fmt.Sprint(c.Method, " ", c.Args)
			}
			if got != tt.want {
				t.Errorf("%s: %q, want %q", tt.line, got, tt.want)
			}
		}
	})
}
