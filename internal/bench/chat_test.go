package bench

import "testing"

func TestIsAnswer(t *testing.T) {
	for body, want := range map[string]bool{
		"": false, "… uptime: asked 1000, 312 answered · da9": false,
		"✔ uptime from 1000/1000 hosts · 2.4 s · da9": true, "⚠ uptime from 999/1000 hosts": true,
	} {
		if got := isAnswer(body); got != want {
			t.Errorf("%q: %t", body, got)
		}
	}
}
