package bench

import "testing"

// TestJudge: what a person of ten well hosts may be told while their server is
// restarted, and what not.
func TestJudge(t *testing.T) {
	for _, tt := range []struct {
		text              string
		final, all, wrong bool
	}{
		{text: "✔ 10/10 hosts answer · 7f3\n= ping on all hosts", final: true, all: true},
		{text: "⚠ 4/10 hosts answer · 6 NOT reached · 7f3\n```\nNOT SENT 6  h[1-6]\n  not seen since the bot was\n    disconnected\n```", final: true},
		{text: "⚠ 9/10 hosts answer · 1 no answer · 7f3", final: true},
		{text: "✖ 0/10 hosts answer · 10 NOT reached · 7f3", final: true},
		{text: "✖ Too many questions at once.", final: true},
		{text: "… ping: asked 10, 2 answered · 7f3"},

		{text: "⚠ 4/10 hosts answer · 6 NOT reached · 7f3\n```\nOFFLINE 6  h[1-6]\n```", wrong: true},
		{text: "✔ 10 hosts: 10 dead", wrong: true},
		{text: "✔ 9/10 hosts answer · 7f3", wrong: true},
		{text: "✔ 9/9 hosts answer · 7f3", wrong: true},
		{text: "⚠ 10/10 hosts answer · 7f3", wrong: true},
		{text: "⚠ 0/10 hosts answer · 7f3", wrong: true},
		{text: "✖ 3/10 hosts answer · 7f3", wrong: true},
		{text: "✔ uptime of 10 hosts", wrong: true},
	} {
		final, all, err := judge(tt.text, 10)
		if final != tt.final || all != tt.all || (err != nil) != tt.wrong {
			t.Errorf("final %v, all %v, %v: %s", final, all, err, tt.text)
		}
	}
}
