package bot

import (
	"context"
	"encoding/xml"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"mellium.im/xmpp/stanza"
)

// TestTyping: whoever waits sees that the bot is at work, whoever has the answer
// does not.
func TestTyping(t *testing.T) {
	for _, tt := range []struct {
		name string
		slow time.Duration
		want []string
	}{
		{"at once", 0, []string{"active"}},
		{"soon", typingAfter - time.Millisecond, []string{"active"}},
		{"not so soon", typingAfter + time.Millisecond, []string{"composing", "active"}},
		{"late", 4 * time.Second, []string{"composing", "composing", "active"}}, // the second with a line that it takes a while
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, smallFleet()...)
				w.hosts["web01"].slow = tt.slow
				var states []string
				w.chat.cfg.Send = func(_ context.Context, r xml.TokenReader) error {
					for {
						tok, err := r.Token()
						if s, ok := tok.(xml.StartElement); ok && s.Name.Space == nsStates {
							states = append(states, s.Name.Local)
						}
						if err != nil || tok == nil {
							return nil
						}
					}
				}
				w.say("alice@example.net/phone", "disk on web01", "t1", stanza.ChatMessage)
				time.Sleep(10 * time.Second) // virtual
				synctest.Wait()
				if !slices.Equal(states, tt.want) {
					t.Errorf("%s: chat states %q, want %q", tt.name, states, tt.want)
				}
			})
		})
	}
}
