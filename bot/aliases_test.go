package bot

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"

	"mellium.im/xmpp/jid"

	"adminbot/internal/alertrpc"
	"adminbot/rpc"
)

// takenAlerts is an alert service where everything that is asked for is done.
type takenAlerts struct{ asked []string }

func (a *takenAlerts) Ask(_ context.Context, _ jid.JID, method string, args map[string]any) (rpc.Value, error) {
	a.asked = append(a.asked, method)
	return rpc.Marshal(alertrpc.AnswerResult{})
}

// fullDisk keeps nothing.
type fullDisk struct{ memoryAliases }

var errFullDisk = errors.New("no space left on device")

func (*fullDisk) Put(context.Context, jid.JID, string, string) error { return errFullDisk }

func (*fullDisk) Drop(context.Context, jid.JID, string) error { return errFullDisk }

// TestAliasOfAnAlert: where nothing asks for a yes, the answer says what the words
// stood for.
func TestAliasOfAnAlert(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		alerts := &takenAlerts{}
		w.bot.cfg.Alerts = alerts
		said := func(line string) string {
			var out string
			if err := w.bot.Answer(t.Context(), Utterance{From: jid.MustParse("alice@example.net/phone"), Text: line}, func(r Reply) { out = r.Text }); err != nil {
				t.Errorf("%s: %v", line, err)
			}
			return out
		}
		said("alias grabit = accept alert")
		if got := said("grabit 5"); !strings.HasSuffix(got, "\n= accept alert 5") {
			t.Errorf("%q", got)
		}
		if got := said("accept alert 5"); strings.Contains(got, "=") {
			t.Errorf("%q", got)
		}
		if len(alerts.asked) != 2 {
			t.Errorf("%v", alerts.asked)
		}
	})
}

// TestAliasNotKept: what can't be kept is not said to be, and does not hold.
func TestAliasNotKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, smallFleet()...)
		store := &fullDisk{}
		store.memoryAliases.Put(t.Context(), jid.MustParse("alice@example.net"), "frobnicate", "restart")
		w.bot.words.store = store
		for line, want := range map[string]string{
			"alias wombat = restart":   "✖ That can't be kept",
			"forget alias frobnicate":  "✖ That can't be forgotten",
			"wombat nginx on web01":    "✖ I don't know \"wombat\".",
			"frobnicate disk on web01": "✖",
		} {
			var got Reply
			err := w.bot.Answer(t.Context(), Utterance{From: jid.MustParse("alice@example.net/phone"), Text: line, Once: true}, func(r Reply) { got = r })
			if strings.Contains(line, "alias ") != errors.Is(err, errFullDisk) || !strings.HasPrefix(got.Text, want) || got.Exit == ExitOK {
				t.Errorf("%s: %v, %q", line, err, got.Text)
			}
		}
	})
}
